#include "case.h"


APART static int first(int n)
{
	switch (n) {
	case 1:
#ifdef FIX
		return 18;
#else
		return 17;
#endif
	case 2: return 4;
	case 3: return 99;
	case 4: return 12;
	case 5: return 5;
	case 6: return 1000;
	default: return -1;
	}
}

APART static int second(int n)
{
	switch (n) {
	case 1: return 23;
	case 2: return 42;
	case 3: return 9;
	case 4: return 120;
	case 5: return 51;
	case 6: return 1001;
	default: return -2;
	}
}

const char *answer(int number)
{
	return text("%d %d", first(number), second(number));
}
