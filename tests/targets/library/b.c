// One of the two files with a static function `helper` and a static `counter`.
#include "library.h"

static volatile int counter = 200;

static PATCHABLE int helper(int x)
{
	x += counter;
	OPAQUE(x);
	return x;
}

int b_value(void)
{
	return helper(2);
}
