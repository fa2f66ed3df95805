// Scenario: a patch reads and writes thread-local variables of the executable and of a library, in each thread its own.
// commands: value | quit          value: "tls I RESULT EXECUTABLE LIBRARY" of main (0) and of three threads
#include <pthread.h>
#include <semaphore.h>

#include "target.h"

enum { THREADS = 4 };

extern __thread int tls_library;
__thread int tls_executable = 1;
static __thread char before[100]; // so that offsets are not all alike

static sem_t asked[THREADS], answered[THREADS];

PATCHABLE int tls_sum(void)
{
	int sum = tls_executable + tls_library;

	OPAQUE(sum);
	return sum;
}

static void answer(int i)
{
	int result = tls_sum();

	before[i] = 1;
	printf("tls %d %d %d %d\n", i, result, tls_executable, tls_library);
}

static void *thread_main(void *argument)
{
	int i = *(int *)argument;

	tls_executable = 10 * i;
	tls_library = 100 * i;
	for (;;) {
		sem_wait(&asked[i]);
		answer(i);
		sem_post(&answered[i]);
	}
	return NULL;
}

int main(void)
{
	static int number[THREADS] = { 0, 1, 2, 3 };
	pthread_t thread;

	for (int i = 1; i < THREADS; i++) {
		sem_init(&asked[i], 0, 0);
		sem_init(&answered[i], 0, 0);
		if (pthread_create(&thread, NULL, thread_main, &number[i]))
			return 1;
	}
	target_ready();
	for (const char *command; (command = next_command());) {
		if (strcmp(command, "value"))
			continue;
		answer(0);
		for (int i = 1; i < THREADS; i++) {
			sem_post(&asked[i]);
			sem_wait(&answered[i]);
		}
	}
}
