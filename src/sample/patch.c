// The patch: code and data that take the place of the target's. It uses libc, symbols of its own and the target's.
//
// pannus.cmd says what replaces what. Compiled with -DPANNUS_INSIDE the patch says it itself and needs no command file.
#include <errno.h>
#include <stdio.h>

#ifdef PANNUS_INSIDE
#include "pannus.h"
PANNUS_NAME("sample");
PANNUS_JUMP(func_J, func_J_plug);
PANNUS_VARIABLE(str_V, "7374725f56206f6620706c75672e00"); // "str_V of plug." and its NUL
PANNUS_POINTER(str_P, str_P_plug);
PANNUS_POINTER(func_L, func_L_plug);
#endif

// The target's.
extern char str_V[];
void func_J(void);

void func_J_plug(void);
void func_L_plug(void);

char str_P_plug[] = "str_P of plug.";

static char dummy[10000]; // more than a page of .bss, which the patch file does not hold

void func_J_plug(void)
{
	int saved = errno; // the target's own

	snprintf(dummy, sizeof dummy, "func_J of %s.", "plug");
	puts(dummy);
	errno = saved;
}

void func_L_plug(void)
{
	printf("func_L of plug. It sees: %s ", str_V);
	func_J(); // the target's name, hence the function that func_J now jumps to
}
