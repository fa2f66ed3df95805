// Scenario: a confined target of one thread that sleeps. After a stop the kernel goes on with the sleep by restart_syscall,
// which the filter does not know: it kills for it.
// usage: restart      prints a line after each sleep: how many milliseconds it took
#define _GNU_SOURCE
#include "filter.h"

#include <time.h>

#include "target.h"

static volatile int one = 1;

PATCHABLE int work(int x)
{
	return x + one;
}

int main(void)
{
	static const int calls[] = { SYS_write, SYS_clock_nanosleep, SYS_rt_sigreturn, SYS_exit_group, SYS_clock_gettime };
	struct timespec time = { 0, 300000000 }, before, after;

	target_ready();
	if (allow_only(calls, COUNT(calls), SECCOMP_RET_KILL_PROCESS))
		return 1;
	for (;;) {
		syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &before);
		if (syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &time, NULL))
			return 2;
		syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &after);
		printf("slept %ld value %d\n",
		       (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000, work(1));
	}
}
