// One of the two files with a static function `helper` and a static `counter`.
#include "library.h"

static volatile int counter = 100;

static PATCHABLE int helper(int x)
{
	x += counter;
	OPAQUE(x);
	return x;
}

int a_value(void)
{
	return helper(1);
}

PATCHABLE int hidden_value(void)
{
	int value = 1;

	OPAQUE(value);
	return value;
}
