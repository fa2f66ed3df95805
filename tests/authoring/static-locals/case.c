#include "case.h"


APART static int first(void)
{
#ifdef FIX
	static int more = 10;
	{
		static int count = 0;
		more += count;
	}
#endif
	static int count = 0;
#ifdef FIX
	return ++count + more;
#else
	return ++count;
#endif
}

APART static int second(void)
{
	static int count = 100;
	return ++count;
}

const char *answer(int number)
{
	int a = first();
	return text("%d %d", a * number, second());
}
