#include "case.h"


static char buffer[100];

APART static const char *first(void)
{
#ifdef FIX
	static const char extra[] = "FIRST ";
	strcpy(buffer, extra);
	strcat(buffer, __func__);
#else
	strcpy(buffer, __func__);
#endif
	return buffer;
}

APART static const char *second(void)
{
	return __func__;
}

const char *answer(int number)
{
	const char *a = first();
	return strcat(strcat((char *)a, " "), number ? second() : "");
}
