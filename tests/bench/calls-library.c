// What calls.c calls through the PLT; with -DPLUG the patch, whose function does the same work.
#ifdef PLUG
#include "pannus.h"
PANNUS_JUMP(own_function, plt_function);
#define ADDED 2
#else
#define ADDED 1
#endif

int plt_function(int x)
{
	__asm__ volatile("" : "+r"(x));
	return x * 3 + ADDED;
}
