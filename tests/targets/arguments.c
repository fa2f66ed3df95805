// Scenario: what a caller and a function share goes through a jump unchanged: ten integer and ten floating-point
// arguments, variadic arguments (al), structures returned in registers and in memory, recursion, mutual recursion; a
// function that a 1 kHz timer signal's handler calls; a leaf function's red zone.
// commands: value | quit          at the end: ticks N, rounds N, failed N
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/time.h>

#include "arguments.h"
#include "target.h"

static atomic_long ticks, rounds, failed;
static atomic_bool stopping;

// Weights the arguments by their place, so that two that changed places show.
PATCHABLE double twenty(long a, long b, long c, long d, long e, long f, long g, long h, long i, long j,
	double k, double l, double m, double n, double o, double p, double q, double r, double s, double t)
{
	double sum = a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i + 10 * j
		+ 11 * k + 12 * l + 13 * m + 14 * n + 15 * o + 16 * p + 17 * q + 18 * r + 19 * s + 20 * t;

	__asm__ volatile("" : "+m"(sum));
	return sum;
}

// COUNT doubles.
PATCHABLE double variadic(int count, ...)
{
	va_list list;
	double sum = 0;

	va_start(list, count);
	for (int i = 1; i <= count; i++)
		sum += i * va_arg(list, double);
	va_end(list);
	return sum;
}

PATCHABLE struct small in_registers(long x)
{
	OPAQUE(x);
	return (struct small){ x, x + 0.5 };
}

PATCHABLE struct large in_memory(long x)
{
	OPAQUE(x);
	return (struct large){ { x, x + 1, x + 2, x + 3, x + 4 } };
}

PATCHABLE long factorial(long x)
{
	return x < 2 ? 1 : x * factorial(x - 1);
}

PATCHABLE int is_odd(unsigned x);

PATCHABLE int is_even(unsigned x)
{
	return x == 0 ? 1 : is_odd(x - 1);
}

PATCHABLE int is_odd(unsigned x)
{
	return x == 0 ? 0 : is_even(x - 1);
}

PATCHABLE int on_tick(int x)
{
	int result = x + 1;

	OPAQUE(result);
	return result;
}

static void on_timer(int signal)
{
	int result = on_tick(signal);

	ticks++;
	failed += result != signal + 1 && result != signal + 2;
}

// How many of the 16 words under the stack pointer changed while the function ran. In assembly, for only then nothing
// else lies there.
long red_zone(long marker);
#ifdef __i386__
// There is none.
long red_zone(long marker) { OPAQUE(marker); return 0; }
#else
__asm__(
	".pushsection .text\n.globl red_zone\n.type red_zone, @function\nred_zone:\n\t.cfi_startproc\n\tendbr64\n"
	".irp offset,8,16,24,32,40,48,56,64,72,80,88,96,104,112,120,128\n\tmov %rdi, -\\offset(%rsp)\n.endr\n"
	"\tmov $20000, %ecx\n1:\tdec %ecx\n\tjnz 1b\n\txor %eax, %eax\n"
	".irp offset,8,16,24,32,40,48,56,64,72,80,88,96,104,112,120,128\n"
	"\txor %ecx, %ecx\n\tcmp %rdi, -\\offset(%rsp)\n\tsetne %cl\n\tadd %rcx, %rax\n.endr\n"
	"\tret\n\t.cfi_endproc\n.size red_zone, .-red_zone\n.popsection");
#endif

static void *leaf(void *unused)
{
	for (long marker = 0x5a5a5a5a; !stopping; marker += 0x1234567, rounds++)
		failed += red_zone(marker);
	return unused;
}

static void print_values(void)
{
	struct small s = in_registers(7);
	struct large l = in_memory(7);

	printf("twenty %.1f\n", twenty(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5, 10.5));
	printf("variadic %.1f\n", variadic(10, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5, 10.5));
	printf("in_registers %ld %.1f\n", s.a, s.b);
	printf("in_memory %ld %ld %ld %ld %ld\n", l.a[0], l.a[1], l.a[2], l.a[3], l.a[4]);
	printf("factorial %ld\n", factorial(10));
	printf("is_even %d %d\n", is_even(10), is_even(7));
	printf("on_tick %d\n", on_tick(1));
}

int main(void)
{
	struct sigaction action = { .sa_handler = on_timer, .sa_flags = SA_RESTART };
	struct itimerval tick = { { 0, 1000 }, { 0, 1000 } }, none = { { 0, 0 }, { 0, 0 } };
	pthread_t thread;

	sigaction(SIGALRM, &action, NULL);
	if (pthread_create(&thread, NULL, leaf, NULL))
		return 1;
	setitimer(ITIMER_REAL, &tick, NULL);
	target_ready();
	for (const char *command; (command = next_command());)
		if (!strcmp(command, "value"))
			print_values();
	stopping = 1;
	pthread_join(thread, NULL);
	setitimer(ITIMER_REAL, &none, NULL);
	printf("ticks %ld\nrounds %ld\nfailed %ld\n", ticks, rounds, failed);
}
