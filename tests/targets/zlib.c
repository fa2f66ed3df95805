// Scenario: a function of a library that the program did not bring along: libz's crc32, called in a loop.
// commands: value | quit          at the end: calls N, failed N (neither the real sum nor the patch's)
#include <pthread.h>
#include <stdatomic.h>
#include <zlib.h>

#include "target.h"

static const unsigned char text[] = "123456789"; // whose CRC-32 is the well-known cbf43926
static atomic_bool stopping;
static atomic_long calls, failed;

static void *worker(void *unused)
{
	while (!stopping) {
		unsigned long crc = crc32(0, text, sizeof text - 1);

		calls++;
		failed += crc != 0xcbf43926 && crc != (0xcbf43926 ^ 0xff);
	}
	return unused;
}

int main(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, worker, NULL))
		return 1;
	target_ready();
	for (const char *command; (command = next_command());)
		if (!strcmp(command, "value"))
			printf("value %08lx\n", crc32(0, text, sizeof text - 1));
	stopping = 1;
	pthread_join(thread, NULL);
	printf("calls %ld\nfailed %ld\n", calls, failed);
}
