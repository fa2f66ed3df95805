// libfoo.so.1: an ordinary function, one with two versions (foo.map), and a hidden one.
#include "library.h"

PATCHABLE int foo_value(void)
{
	int value = 1;

	OPAQUE(value);
	return value;
}

PATCHABLE int hidden_value(void)
{
	int value = 10;

	OPAQUE(value);
	return value;
}

int foo_hidden(void)
{
	return hidden_value();
}

int foo_v_1(void);
int foo_v_2(void);

PATCHABLE int foo_v_1(void)
{
	int value = 1;

	OPAQUE(value);
	return value;
}

PATCHABLE int foo_v_2(void)
{
	int value = 2;

	OPAQUE(value);
	return value;
}

__asm__(".symver foo_v_1, foo_v@FOO_1");
__asm__(".symver foo_v_2, foo_v@@FOO_2");
