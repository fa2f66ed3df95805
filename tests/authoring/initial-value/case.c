#include "case.h"


#ifdef FIX
int limit = 10;
#else
int limit = 20;
#endif

const char *answer(int number)
{
	return text("%d %d", number + limit, 0);
}
