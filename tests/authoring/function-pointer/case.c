#include "case.h"


typedef int handler_t(int);
static handler_t *current;

APART static int handler(int n)
{
#ifdef FIX
	return n + 5;
#else
	return n + 4;
#endif
}

const char *answer(int number)
{
	if (!current)
		current = handler;
#ifdef FIX
	int is = current == handler && number;
#else
	int is = current == handler;
#endif
	return text("%d %d", current(number), is);
}
