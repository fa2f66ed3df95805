// Scenario: many threads are inside or near a function while it is replaced. Each result must be that of the old or of
// the new function for the very argument given.
// usage: threads N [PAUSE_US]     N threads call work, with a pause between the calls when given
// commands: value | quit          at the end: calls N, failed N
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "target.h"

static atomic_long calls, failed;
static atomic_bool stopping;
static unsigned pause_us;

PATCHABLE int work(int x)
{
	int result = x + 1;

	OPAQUE(result);
	return result;
}

static void *worker(void *unused)
{
	long mine = 0, wrong = 0;

	for (int x = 1; !atomic_load_explicit(&stopping, memory_order_relaxed); x = (x + 1) & 0xffffff) {
		int result = work(x);

		mine++;
		wrong += result != x + 1 && result != x + 2;
		if (pause_us)
			usleep(pause_us);
	}
	calls += mine;
	failed += wrong;
	return unused;
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 1;
	pthread_t *threads = calloc(n > 0 ? n : 1, sizeof *threads);
	pthread_attr_t small;

	pause_us = argc > 2 ? atoi(argv[2]) : 0;
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 64 * 1024);
	for (int i = 0; i < n; i++)
		if (pthread_create(&threads[i], &small, worker, NULL))
			return 1;
	target_ready();
	for (const char *command; (command = next_command());)
		if (!strcmp(command, "value"))
			printf("value %d\n", work(1));
	stopping = 1;
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	printf("calls %ld\nfailed %ld\n", calls, failed);
	free(threads);
}
