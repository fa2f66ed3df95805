// A patch of hiccup's func_J. Two builds with different RESULTs go in by turns, so that each round is a real patch and
// not one that is in force already.
#include "pannus.h"

PANNUS_JUMP(func_J, func_J_plug);

int func_J_plug(int x)
{
	__asm__ volatile("" : "+r"(x));
	return x * 3 + RESULT;
}
