// Times 100 million calls of a function of its own and of a function behind the PLT, once for each line of input.
#include <stdio.h>
#include <time.h>

#define CALLS 100000000

int plt_function(int x);

__attribute__((noinline)) int own_function(int x)
{
	__asm__ volatile("" : "+r"(x));
	return x * 3 + 1;
}

static double now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

int main(void)
{
	int x = 0;
	while (getchar() != EOF) {
		double start = now_ns();
		for (int i = 0; i < CALLS; i++) x = own_function(x);
		double middle = now_ns();
		for (int i = 0; i < CALLS; i++) x = plt_function(x);
		printf("own %.4f plt %.4f result %d\n", (middle - start) / CALLS, (now_ns() - middle) / CALLS, own_function(0));
		fflush(stdout);
	}
	return x & 1;
}
