#include "case.h"


static __thread int calls;

const char *answer(int number)
{
	calls++;
#ifdef FIX
	return text("%d %d", calls, number + 11);
#else
	return text("%d %d", calls, number);
#endif
}
