// What all targets share. A target prints "ready PID" when a patch may come, reads commands from stdin, a line each,
// and answers each with lines of "NAME VALUE". It ends at `quit` or at the end of stdin.
#ifndef TARGET_H
#define TARGET_H

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

// A function that a patch may replace: never inlined or copied, and its callers assume nothing about its body, neither
// its result nor which registers it leaves alone. (clang's `used` keeps the arguments of a static one.)
#if defined(__clang__)
#define PATCHABLE __attribute__((noinline, used))
#else
#define PATCHABLE __attribute__((noipa))
#endif

// The compiler no longer knows the value, so that it can't carry it over to the callers.
#define OPAQUE(x) __asm__ volatile("" : "+r"(x))

static inline void target_ready(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("ready %d\n", (int)getpid());
}

// The next command, without its newline; NULL at the end.
static inline const char *next_command(void)
{
	static char line[100];

	if (!fgets(line, sizeof line, stdin))
		return NULL;
	line[strcspn(line, "\n")] = 0;
	return strcmp(line, "quit") ? line : NULL;
}

#endif
