#include "case.h"

inline int &counter()
{
	static int count = 0;
	return count;
}

APART int bump(int n)
{
#ifdef FIX
	return counter() += n, counter() + 100;
#else
	return counter() += n;
#endif
}

extern "C" const char *answer(int number)
{
	return text("%d %d", bump(number), 0);
}
