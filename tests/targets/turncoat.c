// Scenario: a target that becomes another program while another process keeps its memory alive.
// usage: turncoat PROGRAM ARGUMENT      commands: exec | quit
#define _GNU_SOURCE
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "target.h"

static volatile int one = 1;

PATCHABLE int work(int x)
{
	return x + one;
}

static int keep(void *unused)
{
	(void)unused;
	// Who waits for the end of the output waits for the program only.
	for (int i = 0; i <= 2; i++)
		close(i);
	alarm(60);
	for (;;)
		pause();
	return 0;
}

int main(int argc, char **argv)
{
	enum { SIZE = 65536 };
	char *stack = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (argc < 3 || stack == MAP_FAILED || clone(keep, stack + SIZE, CLONE_VM, NULL) < 0)
		return 1;
	target_ready();
	if (next_command())
		execl(argv[1], argv[1], argv[2], NULL);
	return work(1);
}
