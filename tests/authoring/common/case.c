#include "case.h"


int shared;
extern int other(void);

__attribute__((weak, noinline)) int weakly(int n)
{
	shared = n;
#ifdef FIX
	return n + 4;
#else
	return n + 3;
#endif
}

APART int named(int n)
{
#ifdef FIX
	return n + 7;
#else
	return n + 6;
#endif
}

extern int alias(int n) __attribute__((alias("named")));

const char *answer(int number)
{
	int a = weakly(number);
	return text("%d %d", a, alias(other()));
}
