// The program that is patched. Once per interval it prints a line each through a function, a variable, a pointer and
// a function pointer: what Types J, V and P change.
// usage: target [INTERVAL_MS]
//
// Compiled with -DPLUG and linked with patch.c it is `target-new`: the same change made the usual way, by a new build
// and a restart.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#ifdef PLUG
#define WHO "plug"
void func_J_plug(void);
void func_L_plug(void);
extern char str_P_plug[];
#else
#define WHO "target"
#endif

char str_V[] = "str_V of " WHO ".";

// Not inlined: a copy in main would not be patched.
__attribute__((noinline)) void func_J(void)
{
#ifdef PLUG
	func_J_plug();
#else
	puts("func_J of target.");
#endif
}

#ifdef PLUG
char *str_P = str_P_plug;
void (*func_L)(void) = func_L_plug;
#else
static char str_P_target[] = "str_P of target.";
char *str_P = str_P_target;

static void func_L_target(void)
{
	puts("func_L of target.");
}

void (*func_L)(void) = func_L_target;
#endif

int main(int argc, char **argv)
{
	long ms = argc > 1 ? atol(argv[1]) : 1000;
	struct timespec interval = { ms / 1000, ms % 1000 * 1000000 };

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (;;) {
		func_J();
		puts(str_V);
		puts(str_P);
		func_L();
		nanosleep(&interval, NULL);
	}
}
