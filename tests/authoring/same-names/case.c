#include "case.h"


extern int second(int n);
static int base = 5;

APART static int parse(int n)
{
#ifdef FIX
	return n + base + 1;
#else
	return n + base;
#endif
}

const char *answer(int number)
{
	base += 0;
	return text("%d %d", parse(number), second(number));
}
