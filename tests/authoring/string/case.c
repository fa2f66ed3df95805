#include "case.h"


APART static const char *unchanged(void)
{
	return "first";
}

const char *answer(int number)
{
	static char both[80];
#ifdef FIX
	snprintf(both, sizeof both, "a new text %d %s", number, unchanged());
#else
	snprintf(both, sizeof both, "old text %d %s", number, unchanged());
#endif
	return both;
}

APART const char *last(void)
{
	return "text %d %s";
}
