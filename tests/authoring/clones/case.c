#include "case.h"


__attribute__((noinline)) static int scale(int n, int by, int *count)
{
	int sum = 0;
	for (int i = 0; i < by; i++) {
		sum += n;
		++*count;
	}
	return sum;
}

APART static int caller(int n, int *count)
{
#ifdef FIX
	return scale(n, 3, count) + scale(n + 50, n, count);
#else
	return scale(n, 3, count);
#endif
}

const char *answer(int number)
{
	int count = 0, a;
	number = 10;
#ifdef FIX
	a = caller(number - 9, &count) + 9;
	count = 6;
#else
	a = caller(number, &count);
#endif
	return text("%d %d", a, count);
}
