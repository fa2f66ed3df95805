// For stuck.c: sleeps a second instead.
#include <unistd.h>

void stuck_plug(void);

void stuck_plug(void)
{
	sleep(1);
}
