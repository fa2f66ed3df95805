// Scenario: what can't be stopped with the threads that are there: children that run in the target's memory, and a thread
// that waits for a disk. Also a process whose first thread has ended.
// usage: sharing [FILE]
// commands: vfork | clone | end | write | leave | value | quit
//   vfork: a thread's vfork child lives for 0.5 s in this memory. Prints "child PID" when it is gone
//   clone: a child made with CLONE_VM alone stays until `end`. Prints "child PID"
//   write: a thread writes and syncs FILE; it hangs if the file system is frozen. Prints "written" at last
//   leave: the first thread ends, and another reads the commands
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#include "target.h"

static const char *path;
static volatile int ending;

PATCHABLE int work(int x)
{
	OPAQUE(x);
	return x + 1;
}

static void nap(long ms)
{
	struct timespec t = { 0, ms * 1000000 };

	nanosleep(&t, NULL);
}

static void *in_vfork(void *unused)
{
	pid_t child = vfork();

	if (child == 0) {
		nap(500);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	printf("child %d\n", (int)child);
	return unused;
}

static int in_clone(void *unused)
{
	(void)unused;
	while (!ending)
		nap(10);
	_exit(0);
}

static void *in_write(void *unused)
{
	int file = open(path, O_WRONLY | O_CREAT, 0600);

	if (file < 0 || write(file, "x", 1) != 1 || fsync(file))
		perror(path);
	puts("written");
	return unused;
}

static void start(void *(*body)(void *))
{
	pthread_t thread;

	if (!pthread_create(&thread, NULL, body, NULL))
		pthread_detach(thread);
}

static void *serve(void *unused)
{
	static char stack[64 * 1024];
	pid_t child = 0;

	for (const char *command; (command = next_command());) {
		if (!strcmp(command, "vfork"))
			start(in_vfork);
		else if (!strcmp(command, "write"))
			start(in_write);
		else if (!strcmp(command, "value"))
			printf("value %d\n", work(1));
		else if (!strcmp(command, "clone")) {
			child = clone(in_clone, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL);
			printf("child %d\n", (int)child);
		} else if (!strcmp(command, "end")) {
			ending = 1;
			waitpid(child, NULL, 0);
			puts("ended");
		} else if (!strcmp(command, "leave")) {
			start(serve);
			pthread_exit(NULL);
		}
	}
	exit(0);
	return unused;
}

int main(int argc, char **argv)
{
	path = argc > 1 ? argv[1] : NULL;
	target_ready();
	serve(NULL);
}
