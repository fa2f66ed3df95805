// Scenario: a thread blocked in each of these calls must not notice that it was stopped: no EINTR, no early and no late
// return. Half of the calls end by their timeout; the others are woken by main when that time is over.
// usage: blocked [TIMEOUT_MS]
//        blocked TIMEOUT_MS NAME    that call alone, by the only thread; it has to be one that ends by its timeout
//        blocked names              the names of those
// At the end "version N", of a function that a patch may replace meanwhile, and a line for each call: "NAME ok ELAPSED_MS", or "NAME ERRNO ELAPSED_MS" such as "epoll_wait EINTR 120".
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "blocked.h"
#include "target.h"

long timeout_ms = 1000;

// 1 here, 2 in patch A, 3 in patch B.
PATCHABLE int version(void)
{
	int number = 1;

	OPAQUE(number);
	return number;
}

struct timespec timeout(void)
{
	return (struct timespec){ timeout_ms / 1000, timeout_ms % 1000 * 1000000 };
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void *run(void *argument)
{
	struct blocked_call *call = argument;
	double start = now_ms();

	call->error = call->block();
	call->elapsed_ms = (long)(now_ms() - start);
	return NULL;
}

static int list(void)
{
	for (struct blocked_call *call = blocked_calls; call->name; call++)
		if (!call->wake)
			puts(call->name);
	return 0;
}

static int run_alone(const char *name)
{
	for (struct blocked_call *call = blocked_calls; call->name; call++) {
		if (strcmp(call->name, name))
			continue;
		target_ready();
		run(call);
		printf("%s %s %ld\n", call->name, call->error ? strerrorname_np(call->error) : "ok", call->elapsed_ms);
	}
	blocked_clean();
	return version() == 0;
}

int main(int argc, char **argv)
{
	struct timespec wait, settled = { 0, 100000000 };

	if (argc > 1 && !strcmp(argv[1], "names"))
		return list();
	if (argc > 1)
		timeout_ms = atol(argv[1]);
	wait = timeout();
	if (blocked_setup())
		return 1;
	if (argc > 2)
		return run_alone(argv[2]);
	for (struct blocked_call *call = blocked_calls; call->name; call++)
		if (pthread_create(&call->thread, NULL, run, call))
			return 1;
	nanosleep(&settled, NULL);
	target_ready();
	clock_nanosleep(CLOCK_MONOTONIC, 0, &wait, NULL);
	// The timed ones first: a call that was issued again takes longer, and the signal by which waitid's child ends may wake
	// any thread.
	for (struct blocked_call *call = blocked_calls; call->name; call++)
		if (!call->wake)
			pthread_join(call->thread, NULL);
	for (struct blocked_call *call = blocked_calls; call->name; call++)
		if (call->wake)
			call->wake(call->thread);
	printf("version %d\n", version());
	for (struct blocked_call *call = blocked_calls; call->name; call++) {
		if (call->wake)
			pthread_join(call->thread, NULL);
		printf("%s %s %ld\n", call->name, call->error ? strerrorname_np(call->error) : "ok", call->elapsed_ms);
	}
	blocked_clean();
}
