#include "case.h"


static int sum, product;
APART static void add(int n) { sum += n; }
APART static void take(int n) { sum -= n; }
APART static void times(int n) { product *= n; }

APART static int first(int n)
{
	sum = 0, product = 1;
	switch (n) {
	case 0: add(3); break;
	case 1:
#ifdef FIX
		add(1);
#endif
		add(1); add(2); break;
	case 2: take(3); times(7); break;
	case 3: times(3); add(1); break;
	case 4: take(9); take(3); break;
	case 5: add(3); times(9); take(1); break;
#ifdef FIX
	case 6: add(2); times(4); break;
	case 7: add(2); times(2); break;
#endif
	default: break;
	}
	return sum * product;
}

APART static int second(int n)
{
	sum = 0, product = 1;
	switch (n) {
	case 0: add(30); break;
	case 1: add(30); add(1); break;
	case 2: take(30); times(7); break;
	case 3: times(30); add(1); break;
	case 4: take(90); take(3); break;
	case 5: add(30); times(9); take(1); break;
	default: break;
	}
	return sum * product;
}

const char *answer(int number)
{
	int a = first(number);
	return text("%d %d", a, second(number));
}
