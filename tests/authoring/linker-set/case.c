#include "case.h"


#define ENTRY __attribute__((section("entries"), used))
static int first ENTRY = 1;
#ifdef FIX
static int second ENTRY = 2;
#endif
extern int __start_entries[], __stop_entries[];

const char *answer(int number)
{
	for (int *i = __start_entries; i < __stop_entries; i++)
		number += *i;
	return text("%d %d", number, first);
}
