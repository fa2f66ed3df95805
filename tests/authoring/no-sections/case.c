#include "case.h"


APART int first(int n)
{
#ifdef FIX
	return n + 1;
#else
	return n;
#endif
}

const char *answer(int number)
{
	return text("%d %d", first(number), 0);
}
