#include "case.h"


static volatile int prepared;

__attribute__((constructor)) static void prepare(void)
{
#ifdef FIX
	prepared = 2;
#else
	prepared = 1;
#endif
}

const char *answer(int number)
{
	return text("%d %d", number, prepared);
}
