// Scenario: a confined target whose other thread, taken over by an attacker, writes its own code over the code that a borrowed
// thread is to run, as soon as it appears: a mkdir, which the filter forbids.
// usage: escape DIRECTORY      commands: attack ADDRESS (in hex; of code that nobody uses) | value | quit
#define _GNU_SOURCE
#include "filter.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "target.h"

static char *path;
static volatile unsigned char *volatile code;
static volatile long attacks;
static volatile int started[2];

static volatile int one = 1;

PATCHABLE int work(int x)
{
	return x + one;
}

static void overwrite(void)
{
#ifdef __x86_64__
	unsigned char own[] = {
		0xb8, SYS_mkdir, 0, 0, 0,             // mov eax, mkdir
		0x48, 0xbf, 0, 0, 0, 0, 0, 0, 0, 0,   // mov rdi, path
		0xbe, 0xff, 0x01, 0, 0,               // mov esi, 0777
		0x0f, 0x05, 0xeb, 0xe8,               // syscall, again
	};
	memcpy(own + 7, &path, sizeof path);
#else
	unsigned char own[] = {
		0xb8, SYS_mkdir, 0, 0, 0,             // mov eax, mkdir
		0xbb, 0, 0, 0, 0,                     // mov ebx, path
		0xb9, 0xff, 0x01, 0, 0,               // mov ecx, 0777
		0xcd, 0x80, 0xeb, 0xed,               // int 0x80, again
	};
	memcpy(own + 6, &path, sizeof path);
#endif
	void *page = (void *)((uintptr_t)code & ~4095ul);

	if (mprotect(page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC))
		abort();
	for (int at = 0; at + sizeof own <= 48; at += sizeof own)
		memcpy((void *)(code + at), own, sizeof own);
	if (mprotect(page, 4096, PROT_READ | PROT_EXEC))
		abort();
}

static void *attacker(void *unused)
{
	(void)unused;
	started[0] = 1;
	for (;;) {
		while (code && code[1] == 0)
			;
		if (!code)
			continue;
		overwrite();
		attacks++;
		while (code[1] != 0)
			;
	}
	return NULL;
}

static void *sleeper(void *unused)
{
	(void)unused;
	started[1] = 1;
	for (;;)
		pause();
	return NULL;
}

int main(int argc, char **argv)
{
	static const int calls[] = { SYS_read, SYS_write, SYS_pause, SYS_mprotect, SYS_rt_sigreturn, SYS_exit_group, SYS_munmap,
				     SYS_restart_syscall, SYS_brk, SYS_exit, SYS_getpid };
	pthread_t thread;
	const char *command;

	path = argc > 1 ? argv[1] : "escaped";
	pthread_create(&thread, NULL, sleeper, NULL);
	pthread_create(&thread, NULL, attacker, NULL);
	// What the C library does at the start of a thread is not in the filter.
	while (!started[0] || !started[1])
		;
	if (allow_only(calls, COUNT(calls), SECCOMP_RET_ERRNO | EPERM))
		return 1;
	target_ready();
	while ((command = next_command())) {
		if (!strncmp(command, "attack ", 7))
			code = (unsigned char *)(uintptr_t)strtoull(command + 7, NULL, 16);
		printf("value %d attacks %ld\n", work(1), attacks);
	}
}
