// Scenario: a patched process forks, and executes itself anew: the child has a copy of the patch, the new program has none.
// commands: fork | value | exec | quit
//   fork: makes a child, which prints "child PID" and at each SIGUSR1 "child value N"
//   exec: prints "ready PID" again
#include <stdlib.h>
#include <sys/prctl.h>

#include "target.h"

static volatile int one = 1;

PATCHABLE int work(int x)
{
	return x + one;
}

static void be_child(void)
{
	sigset_t usr1;
	int signal;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	printf("child %d\n", (int)getpid());
	while (!sigwait(&usr1, &signal))
		printf("child value %d\n", work(1));
}

int main(int argc, char **argv)
{
	pid_t child = 0;

	(void)argc;
	target_ready();
	for (const char *command; (command = next_command());) {
		if (!strcmp(command, "fork") && (child = fork()) == 0)
			be_child();
		else if (!strcmp(command, "value"))
			printf("value %d\n", work(1));
		else if (!strcmp(command, "exec"))
			execv("/proc/self/exe", argv);
	}
	if (child > 0)
		kill(child, SIGKILL);
}
