// A target that reports how long it was held.
// usage: hiccup SLEEPING SPINNING
// The main thread reads the clock in a loop and calls func_J each time round. SIGUSR1 prints and
// resets: longest gap between two rounds, sum of the gaps over 10 us, sum of those of them in which the
// thread was stopped, rounds. A change of func_J's result is printed at once. SLEEPING threads block in pause(); SPINNING threads spin in func_spin.
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t report;
static void on_usr1(int s) { (void)s; report = 1; }

static uint64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

// How often this thread has given up its processor. It never does by itself, but for what it prints: only a stop counts, and
// neither a tick, nor a thread that takes the processor, nor a host that takes it from the machine.
static long switches(void)
{
	struct rusage usage;
	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nvcsw;
}

static uint64_t longest, held, stopped;
static long switched;

static void feel(uint64_t gap)
{
	if (gap > longest) longest = gap;
	if (gap <= 10000) return;
	held += gap;
	long before = switched;
	switched = switches();
	if (switched != before) stopped += gap;
}

char str_V[] = "str_V of target.";
char *str_P = str_V;

__attribute__((noinline)) int func_J(int x)
{
	__asm__ volatile("" : "+r"(x));
	return x * 3 + 1;
}

__attribute__((noinline)) void func_spin(volatile uint64_t *n) { (*n)++; }

static void *sleeper(void *a) { for (;;) pause(); return a; }
static void *spinner(void *a) { volatile uint64_t n = 0; for (;;) func_spin(&n); return a; }

int main(int argc, char **argv)
{
	int sleeping = argc > 1 ? atoi(argv[1]) : 0, spinning = argc > 2 ? atoi(argv[2]) : 0;
	pthread_attr_t a;
	pthread_t t;
	sigset_t usr1;
	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, 64 * 1024);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &usr1, NULL);	// only the main thread takes it
	for (int i = 0; i < sleeping; i++) if (pthread_create(&t, &a, sleeper, NULL)) return 1;
	for (int i = 0; i < spinning; i++) if (pthread_create(&t, &a, spinner, NULL)) return 1;
	pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);
	signal(SIGUSR1, on_usr1);
	printf("pid %d\n", getpid());
	fflush(stdout);
	uint64_t last = now(), rounds = 0;
	switched = switches();
	int result = 0;
	char *p = NULL;
	for (;;) {
		uint64_t n = now(), gap = n - last;
		last = n;
		rounds++;
		feel(gap);
		int r = func_J(1);
		if (r != result || *(char *volatile *)&str_P != p) {
			// A stop since the clock was read would otherwise be lost with the time that printing takes.
			feel(now() - n);
			result = r;
			p = str_P;
			printf("func_J %d str_V %s str_P %s\n", r, str_V, p);
			fflush(stdout);
			switched = switches();
			last = now();
		}
		if (report) {
			report = 0;
			printf("longest_us %.1f held_us %.1f stopped_us %.1f rounds %llu\n", longest / 1e3, held / 1e3, stopped / 1e3,
			       (unsigned long long)rounds);
			fflush(stdout);
			longest = held = stopped = rounds = 0;
			switched = switches();
			last = now();
		}
	}
}
