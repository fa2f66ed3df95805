// Scenario: everything at once, for as long as it is patched over and over: threads that work and count by restartable sequences,
// a signal each millisecond, threads that come and go, children by fork and exec, libraries that come and go, io_uring,
// sleepers with timeouts, and a seccomp filter.
// usage: soak [exec]     exec: it executes itself anew all the time, and does nothing else
// Built by the test itself: not every compiler of the other targets knows all of this.
// At "check" and at the end: "lost N", of calls, children and the like; "done N" rounds of
// work; "counted N" increments too many or too few; "disturbed N" calls that failed with EINTR.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "target.h"

enum { WORKERS = 32, SLEEPERS = 24, MOST_CPUS = 1024 };

static atomic_long done, lost, disturbed, wanted, signals;
static atomic_int ending;
static struct { long count; char apart[56]; } counters[MOST_CPUS];

// Old, or one of two patches: nothing else may come of them.
PATCHABLE int first(int x) { OPAQUE(x); x ^= 0x11; OPAQUE(x); return x + 1; }
PATCHABLE int second(int x) { OPAQUE(x); x ^= 0x22; OPAQUE(x); return x + 2; }

static void lose(const char *what)
{
	if (atomic_fetch_add(&lost, 1) < 10)
		printf("loss of %s, errno %d\n", what, errno);
}

// One increment of the counter of this processor, by a sequence that the kernel begins again when it is disturbed.
static void count(void)
{
#ifdef __x86_64__
	struct rseq *own = (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);
	int is_done = 0;

	while (!is_done) {
		unsigned cpu = own->cpu_id_start;
		long *counter = &counters[cpu % MOST_CPUS].count;

		__asm__ volatile(
			".pushsection __rseq_cs, \"aw\"; .balign 32; 3: .long 0, 0; .quad 1f, 2f - 1f, 4f; .popsection\n"
			"leaq 3b(%%rip), %%rax; movq %%rax, %[cs]\n"
			"1: cmpl %[cpu], %[id]; jne 5f\n"
			"movq (%[counter]), %%rax; incq %%rax; movq %%rax, (%[counter])\n"
			"2: movl $1, %[done]; jmp 5f\n"
			".byte 0x0f, 0xb9, 0x3d; .long 0x53053053\n" // RSEQ_SIG
			"4: jmp 5f\n"
			"5: movq $0, %[cs]\n"
			: [cs] "=m"(own->rseq_cs), [done] "+r"(is_done)
			: [cpu] "r"(cpu), [id] "m"(own->cpu_id), [counter] "r"(counter)
			: "rax", "memory", "cc");
	}
#else
	atomic_fetch_add((atomic_long *)&counters[0].count, 1);
#endif
	atomic_fetch_add(&wanted, 1);
}

static void on_signal(int signal) { (void)signal; atomic_fetch_add(&signals, 1); }

static void *work(void *unused)
{
	while (!ending) {
		int a = first(1), b = second(1);

		if ((a != 0x11 && a != 1001 && a != 2001) || (b != 0x25 && b != 1001 && b != 2001))
			lose("a call");
		for (int i = 0; i < 100; i++)
			count();
		free(malloc(100 + a % 1000));
		atomic_fetch_add(&done, 1);
		if (done % 64 == 0)
			usleep(100);
	}
	return unused;
}

static void *doze(void *argument)
{
	int epoll = epoll_create1(0);

	for (long kind = (long)argument % 4; !ending;) {
		struct epoll_event event;
		struct timespec t = { 0, 50000000 };
		sigset_t none;

		sigemptyset(&none);
		sigaddset(&none, SIGUSR2);
		errno = 0;
		if (kind == 0 && epoll_wait(epoll, &event, 1, 50) != 0 && errno != EINTR)
			lose("epoll_wait");
		if (kind == 1 && poll(NULL, 0, 50) != 0)
			lose("poll");
		if (kind == 2 && nanosleep(&t, NULL))
			lose("nanosleep");
		if (kind == 3 && sigtimedwait(&none, NULL, &t) != -1)
			lose("sigtimedwait");
		// The signals are for others: whoever fails with EINTR was disturbed by a stop.
		if (errno == EINTR)
			atomic_fetch_add(&disturbed, 1);
	}
	return NULL;
}

static void *one(void *x) { count(); return (void *)((long)x + 1); }

static void *churn(void *unused)
{
	while (!ending) {
		pthread_t thread;
		void *result = NULL;

		if (pthread_create(&thread, NULL, one, (void *)41) || pthread_join(thread, &result) || result != (void *)42)
			lose("a thread");
	}
	return unused;
}

static void *breed(void *unused)
{
	static char *const program[] = { "/bin/true", NULL };

	for (int i = 0; !ending; i++) {
		int status = -1;
		pid_t child = fork();

		if (child == 0 && i % 2)
			execv(program[0], program);
		if (child == 0) {
			int a = first(1);

			_exit(a == 0x11 || a == 1001 || a == 2001 ? 0 : 3);
		}
		if (child < 0 || waitpid(child, &status, 0) != child || status)
			lose("a child");
		usleep(5000);
	}
	return unused;
}

static void *load(void *unused)
{
	while (!ending) {
		void *library = dlopen("libm.so.6", RTLD_NOW);

		if (!library || !dlsym(library, "cos") || dlclose(library))
			lose("a library");
		usleep(2000);
	}
	return unused;
}

static void *ring(void *unused)
{
	int file = syscall(SYS_io_uring_setup, 4, &(struct io_uring_params){ 0 });

	while (!ending && file >= 0) {
		struct __kernel_timespec t = { 0, 20000000 };
		struct io_uring_getevents_arg wait = { .sigmask_sz = 8, .ts = (unsigned long)&t };

		if (syscall(SYS_io_uring_enter, file, 0, 1, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &wait, sizeof wait) != -1
			|| errno != ETIME)
			lose("io_uring_enter");
	}
	return unused;
}

static void filter(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_memfd_create, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof code / sizeof *code, code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		lose("seccomp");
}

static void start(void *(*run)(void *), long number)
{
	pthread_t thread;

	for (long i = 0; i < number; i++)
		if (pthread_create(&thread, NULL, run, (void *)i) || pthread_detach(thread))
			lose("a start");
}

static void ring_bell(void)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct itimerspec each = { { 0, 1000000 }, { 0, 1000000 } };
	timer_t timer;

	sigaction(SIGUSR1, &action, NULL);
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) || timer_settime(timer, 0, &each, NULL))
		lose("a timer");
}

int main(int argc, char **argv)
{
	sigset_t usr;
	long sum = 0;

	if (argc > 1 && !strcmp(argv[1], "exec")) {
		if (argc == 2)
			target_ready();
		for (int i = 0; i < 50; i++)
			first(1), usleep(1000);
		execv("/proc/self/exe", (char *[]){ argv[0], argv[1], "again", NULL });
		return 1;
	}
	filter();
	sigemptyset(&usr);
	sigaddset(&usr, SIGUSR2);
	sigaddset(&usr, SIGUSR1);
	// Sleepers are made with the signal blocked, those that work without.
	pthread_sigmask(SIG_BLOCK, &usr, NULL);
	start(doze, SLEEPERS);
	start(ring, 1);
	start(breed, 1);
	start(load, 1);
	start(churn, 1);
	sigdelset(&usr, SIGUSR2);
	pthread_sigmask(SIG_UNBLOCK, &usr, NULL);
	start(work, WORKERS);
	pthread_sigmask(SIG_BLOCK, &usr, NULL);
	ring_bell();
	target_ready();
	while (next_command())
		printf("lost %ld done %ld signals %ld\n", lost, done, signals);
	ending = 1;
	sleep(2);
	for (int i = 0; i < MOST_CPUS; i++)
		sum += counters[i].count;
	printf("lost %ld done %ld counted %ld disturbed %ld\n", lost, done, sum - wanted, disturbed);
}
