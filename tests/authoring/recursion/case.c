#include "case.h"


static int even(int n);

__attribute__((noinline)) static int odd(int n)
{
#ifdef FIX
	return n <= 0 ? 0 : 3 + even(n - 1);
#else
	return n <= 0 ? 0 : 2 + even(n - 1);
#endif
}

__attribute__((noinline)) static int even(int n)
{
#ifdef FIX
	return n <= 0 ? 0 : 3 + odd(n - 1);
#else
	return n <= 0 ? 0 : 2 + odd(n - 1);
#endif
}

const char *answer(int number)
{
	return text("%d %d", odd(number + 3), 0);
}
