#include "case.h"


const char *answer(int number)
{
#if defined FIX && defined __arm__
	number++;
#endif
#ifdef FIX
	/* A comment. */
	if (sizeof(long) > 64)
		return "huge";
#endif
	return text("%d %d", number, 0);
}
