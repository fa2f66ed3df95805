#include "case.h"


#ifdef FIX
extern int created;
extern int fresh(int n);
#endif

const char *answer(int number)
{
#ifdef FIX
	static int calls;
	calls++;
	return text("%d %d", fresh(number) + created - 1 + 1, calls);
#else
	return text("%d %d", number, 0);
#endif
}
