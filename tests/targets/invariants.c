// Scenario: a service under stress is patched over and over. Eight busy threads, a 1 kHz timer signal, forked children
// and short-lived threads all call a function while it changes between its own version and those of patches A and B.
// Each caller must see one whole version: result and out-parameter of one call belong together.
// usage: invariants [THREADS]
// commands: value | quit          at the end: calls N, signals N, forks N, threads N, failed N
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "target.h"

static atomic_long calls, signals, forks, threads, failed;
static atomic_bool stopping;

// The result is x + V and *twin is x - V, where V is the version: 1 here, 2 in patch A, 3 in patch B.
PATCHABLE int versioned(int x, int *twin)
{
	int version = 1;

	OPAQUE(version);
	*twin = x - version;
	return x + version;
}

// 0 when the call saw one whole version, else 1.
static int check(int x)
{
	int twin = 0, version = versioned(x, &twin) - x;

	return version < 1 || version > 3 || twin != x - version;
}

static void *busy(void *unused)
{
	long mine = 0, wrong = 0;

	for (int x = 1; !stopping; x = (x + 7) & 0xffffff, mine++)
		wrong += check(x);
	calls += mine;
	failed += wrong;
	return unused;
}

static void on_timer(int signal)
{
	failed += check(signal);
	signals++;
}

static void *forker(void *unused)
{
	while (!stopping) {
		int status = -1;
		pid_t child = fork();

		if (child == 0) {
			int wrong = 0;

			for (int x = 0; x < 1000; x++)
				wrong |= check(x);
			_exit(wrong);
		}
		if (child < 0 || waitpid(child, &status, 0) != child || status)
			failed++;
		forks++;
		usleep(5000);
	}
	return unused;
}

static void *short_lived(void *result)
{
	*(int *)result = check(42);
	return result;
}

static void *creator(void *unused)
{
	while (!stopping) {
		pthread_t thread;
		int wrong = 1;

		if (!pthread_create(&thread, NULL, short_lived, &wrong))
			pthread_join(thread, NULL);
		failed += wrong;
		threads++;
		usleep(1000);
	}
	return unused;
}

int main(int argc, char **argv)
{
	enum { MOST = 256 };
	int n = argc > 1 ? atoi(argv[1]) : 8, started = 0;
	pthread_t all[MOST + 2];
	struct sigaction action = { .sa_handler = on_timer, .sa_flags = SA_RESTART };
	struct itimerval tick = { { 0, 1000 }, { 0, 1000 } }, none = { { 0, 0 }, { 0, 0 } };

	sigaction(SIGALRM, &action, NULL);
	for (int i = 0; i < n + 2 && i < MOST + 2; i++)
		if (pthread_create(&all[started++], NULL, i == 0 ? forker : i == 1 ? creator : busy, NULL))
			return 1;
	setitimer(ITIMER_REAL, &tick, NULL);
	target_ready();
	for (const char *command; (command = next_command());) {
		int twin;

		if (!strcmp(command, "value"))
			printf("value %d\n", versioned(0, &twin));
	}
	stopping = 1;
	while (started)
		pthread_join(all[--started], NULL);
	setitimer(ITIMER_REAL, &none, NULL);
	printf("calls %ld\nsignals %ld\nforks %ld\nthreads %ld\nfailed %ld\n", calls, signals, forks, threads, failed);
}
