#include "case.h"


APART static double half(double n)
{
#ifdef FIX
	return n * 0.25;
#else
	return n * 0.5;
#endif
}

APART static double pi(double n)
{
	return n * 3.14159;
}

const char *answer(int number)
{
	return text("%d %d", (int)half(number * 100.0), (int)pi(number * 100.0));
}
