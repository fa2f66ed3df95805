// A patch of hiccup's func_J.
#include "pannus.h"

PANNUS_JUMP(func_J, func_J_plug);

int func_J_plug(int x)
{
	__asm__ volatile("" : "+r"(x));
	return x * 3 + 2;
}
