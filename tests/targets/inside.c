// Scenario: threads stay inside the function that is to be replaced, asleep or spinning in it, until they are told to
// leave: refused (FunctionActive) until then, and applied after.
// commands: enter | spin | leave | value | quit
//   enter, spin: one more thread goes in, prints "inside" and stays there, asleep in read(2) or spinning
//   leave: all of them return, each prints "left RESULT"
#include <pthread.h>
#include <stdatomic.h>

#include "target.h"

static int door[2];
static atomic_int leaving;

// 0: passes through. 1: sleeps inside. 2: spins inside.
PATCHABLE int stay(int how)
{
	int result = 1;
	char byte;

	if (how)
		puts("inside");
	if (how == 1)
		while (read(door[0], &byte, 1) != 1)
			;
	while (how == 2 && !leaving)
		;
	OPAQUE(result);
	return result;
}

static void *visitor(void *how)
{
	int result = stay(how == NULL ? 1 : 2);

	printf("left %d\n", result);
	return NULL;
}

int main(void)
{
	pthread_t threads[64];
	int visitors = 0, asleep = 0;

	if (pipe(door))
		return 1;
	target_ready();
	for (const char *command; (command = next_command());) {
		int spin = !strcmp(command, "spin");

		if ((spin || !strcmp(command, "enter")) && visitors < 64) {
			leaving = 0;
			asleep += !spin;
			if (pthread_create(&threads[visitors++], NULL, visitor, spin ? &leaving : NULL))
				return 1;
		} else if (!strcmp(command, "leave")) {
			leaving = 1;
			for (; asleep; asleep--)
				if (write(door[1], "", 1) != 1)
					return 1;
			while (visitors)
				pthread_join(threads[--visitors], NULL);
		} else if (!strcmp(command, "value")) {
			printf("value %d\n", stay(0));
		}
	}
}
