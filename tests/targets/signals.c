// Scenario: a process that lives by signals is patched, and its parent watches it. The parent sends real-time signals, which
// queue, at about 1 kHz, each with the next number, and takes note of every change of state that waitid(2) tells of. The
// child has a 1 kHz timer, handles signals on an alternate stack, ignores SIGUSR1, and has a SIGUSR2 pending that it blocks.
// commands: value | quit          at the end: sent N, handled N, ticks N, changes N, failed N
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include "target.h"

static volatile sig_atomic_t handled, ticks, failed, in_handler, enough;

PATCHABLE int work(int x)
{
	OPAQUE(x);
	return x + 1;
}

static void on_number(int signal, siginfo_t *info, void *context)
{
	char here;
	stack_t stack;

	(void)signal, (void)context;
	sigaltstack(NULL, &stack);
	if (info->si_value.sival_int != handled || in_handler++ || !(stack.ss_flags & SS_ONSTACK)
		|| &here < (char *)stack.ss_sp || &here >= (char *)stack.ss_sp + stack.ss_size)
		failed++;
	int result = work(handled);

	if (result != handled + 1 && result != handled + 2)
		failed++;
	handled++;
	in_handler = 0;
}

static void on_tick(int signal)
{
	(void)signal;
	ticks++;
}

static void on_enough(int signal) { enough = signal; }

static void nap_until(int tick)
{
	while (ticks < tick)
		pause();
}

static void serve(void)
{
	struct sigaction number = { .sa_sigaction = on_number, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART };
	struct sigaction tick = { .sa_handler = on_tick, .sa_flags = SA_RESTART };
	struct itimerval interval = { { 0, 1000 }, { 0, 1000 } };
	stack_t stack = { .ss_size = 64 * 1024, .ss_sp = malloc(64 * 1024) };
	sigset_t usr2, pending;

	sigfillset(&number.sa_mask);
	sigaltstack(&stack, NULL);
	sigaction(SIGRTMIN, &number, NULL);
	sigaction(SIGALRM, &tick, NULL);
	signal(SIGUSR1, SIG_IGN);
	sigemptyset(&usr2);
	sigaddset(&usr2, SIGUSR2);
	sigprocmask(SIG_BLOCK, &usr2, NULL);
	raise(SIGUSR2);
	setitimer(ITIMER_REAL, &interval, NULL);
	target_ready();
	for (const char *command; (command = next_command());)
		if (!strcmp(command, "value"))
			printf("value %d\n", work(1));
	kill(getppid(), SIGUSR1);
	nap_until(ticks + 100);
	sigpending(&pending);
	printf("handled %d\nticks %d\nfailed %d\n", (int)handled, (int)ticks, failed + !sigismember(&pending, SIGUSR2));
	exit(0);
}

int main(void)
{
	int sent = 0, changes = 0, status;
	pid_t child = fork();

	if (child == 0)
		serve();
	signal(SIGUSR1, on_enough);
	nanosleep(&(struct timespec){ 0, 100000000 }, NULL);
	for (;;) {
		pid_t found = waitpid(child, &status, WUNTRACED | WCONTINUED | WNOHANG);

		if (found == child && (WIFEXITED(status) || WIFSIGNALED(status)))
			break;
		changes += found == child;
		if (!enough && !sigqueue(child, SIGRTMIN, (union sigval){ .sival_int = sent }))
			sent++;
		if (!enough)
			kill(child, SIGUSR1);
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	}
	printf("sent %d\nchanges %d\nexit %d\n", sent, changes, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}
