// The calls that blocked.c makes.
#ifndef BLOCKED_H
#define BLOCKED_H

#include <pthread.h>
#include <time.h>

struct blocked_call {
	const char *name;
	int (*block)(void);            // 0 when it ended as it should, else the errno
	void (*wake)(pthread_t thread); // NULL: ends by its timeout
	pthread_t thread;
	int error;
	long elapsed_ms;
};

extern struct blocked_call blocked_calls[]; // ends with a NULL name

extern long timeout_ms;
struct timespec timeout(void); // the same

int blocked_setup(void); // makes what the calls wait for; 0 or -1
void blocked_clean(void);

#endif
