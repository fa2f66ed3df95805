// Scenario: counters of each processor, counted by restartable sequences (rseq(2)), as tcmalloc and librseq have them. A
// thread that goes on in one after it was interrupted there loses what others counted meanwhile.
// usage: counters THREADS      commands: value (how many counts are lost) | quit
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/rseq.h>

#include "target.h"

static struct {
	uint32_t version, flags;
	uint64_t start, length, abort;
} sequence __attribute__((aligned(32)));
static struct {
	volatile long count;
	char pad[64 - sizeof(long)];
} counters[1024];
static volatile int stop;
static long counted[64];

static volatile int one = 1;

PATCHABLE int work(int x)
{
	return x + one;
}

static int count(struct rseq *area)
{
	unsigned long done;

	__asm__ volatile(
		"lea 1f(%%rip), %%rax\n mov %%rax, 8(%[cs])\n"
		"lea 2f(%%rip), %%rcx\n sub %%rax, %%rcx\n mov %%rcx, 16(%[cs])\n"
		"lea 4f(%%rip), %%rax\n mov %%rax, 24(%[cs])\n"
		"mov %[cs], %[current]\n"
		// The sequence: a counter is read, some microseconds later it is written.
		"1: mov %[cpu], %%eax\n shl $6, %%rax\n add %[base], %%rax\n mov (%%rax), %%rdx\n"
		"mov $300, %%ecx\n 5: pause\n dec %%ecx\n jnz 5b\n"
		"inc %%rdx\n mov %%rdx, (%%rax)\n"
		"2: mov $1, %k[done]\n jmp 3f\n"
		".byte 0x0f, 0xb9, 0x3d\n .long 0x53053053\n"
		"4: xor %k[done], %k[done]\n"
		"3:\n"
		: [done] "=&r"(done), [current] "+m"(area->rseq_cs)
		: [cs] "r"(&sequence), [cpu] "m"(area->cpu_id), [base] "r"(counters)
		: "rax", "rcx", "rdx", "memory", "cc");
	return done;
}

static void *run(void *place)
{
	struct rseq *area = (void *)((char *)__builtin_thread_pointer() + __rseq_offset);
	long n = 0;

	while (!stop) {
		n += count(area);
		if (n % 1000 == 0)
			work(1);
	}
	counted[(long)place] = n;
	return NULL;
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? atoi(argv[1]) : 4;
	pthread_t thread[64];
	long all = 0, seen = 0;

	for (long i = 0; i < threads; i++)
		pthread_create(&thread[i], NULL, run, (void *)i);
	target_ready();
	next_command();
	stop = 1;
	for (int i = 0; i < threads; i++) {
		pthread_join(thread[i], NULL);
		all += counted[i];
	}
	for (int i = 0; i < 1024; i++)
		seen += counters[i].count;
	printf("counted %d lost %ld\n", all > 0, all - seen);
	next_command();
}
