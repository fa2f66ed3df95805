// 1,000 functions more in hiccup, and with -DPLUG a patch that replaces all of them at once, func_J included.
#include "pannus.h"

#define TEN(f, n) f(n##0) f(n##1) f(n##2) f(n##3) f(n##4) f(n##5) f(n##6) f(n##7) f(n##8) f(n##9)
#define HUNDRED(f, n) TEN(f, n##0) TEN(f, n##1) TEN(f, n##2) TEN(f, n##3) TEN(f, n##4) \
	TEN(f, n##5) TEN(f, n##6) TEN(f, n##7) TEN(f, n##8) TEN(f, n##9)
#define THOUSAND(f) HUNDRED(f, 0) HUNDRED(f, 1) HUNDRED(f, 2) HUNDRED(f, 3) HUNDRED(f, 4) \
	HUNDRED(f, 5) HUNDRED(f, 6) HUNDRED(f, 7) HUNDRED(f, 8) HUNDRED(f, 9)

#ifdef PLUG
PANNUS_JUMP(func_J, func_J_plug);
int func_J_plug(int x)
{
	__asm__ volatile("" : "+r"(x));
	return x * 3 + 2;
}
#define FUNCTION(n) int plug_##n(int x) { return x * 5 + 1##n; } PANNUS_JUMP(many_##n, plug_##n);
#else
#define FUNCTION(n) int many_##n(int x) { return x * 3 + 1##n; }
#endif

THOUSAND(FUNCTION)
