#include "case.h"


static int one(void) { return 1; }
static int two(void) { return 2; }
#ifdef FIX
static int three(void) { return 3; }
#endif

int (*modules[])(void) = {
	one, two,
#ifdef FIX
	three,
#endif
	0
};

const char *answer(int number)
{
	int sum = number;
	for (int i = 0; modules[i]; i++)
		sum += modules[i]();
	return text("%d %d", sum, 0);
}
