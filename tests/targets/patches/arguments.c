// For arguments.c: the same functions, each with a result that shows which one ran: sums are 1000 more, structures
// begin 1000 higher, a factorial counts down to 1000 instead of 1, and is_even's answers are 2 and 3.
#include <stdarg.h>

#include "../arguments.h"

double twenty_plug(long a, long b, long c, long d, long e, long f, long g, long h, long i, long j,
	double k, double l, double m, double n, double o, double p, double q, double r, double s, double t);
double variadic_plug(int count, ...);
struct small in_registers_plug(long x);
struct large in_memory_plug(long x);
long factorial_plug(long x);
int is_even_plug(unsigned x);
int is_odd_plug(unsigned x);
int on_tick_plug(int x);

double twenty_plug(long a, long b, long c, long d, long e, long f, long g, long h, long i, long j,
	double k, double l, double m, double n, double o, double p, double q, double r, double s, double t)
{
	return 1000 + a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i + 10 * j
		+ 11 * k + 12 * l + 13 * m + 14 * n + 15 * o + 16 * p + 17 * q + 18 * r + 19 * s + 20 * t;
}

double variadic_plug(int count, ...)
{
	va_list list;
	double sum = 1000;

	va_start(list, count);
	for (int i = 1; i <= count; i++)
		sum += i * va_arg(list, double);
	va_end(list);
	return sum;
}

struct small in_registers_plug(long x)
{
	return (struct small){ x + 1000, x + 1000.5 };
}

struct large in_memory_plug(long x)
{
	return (struct large){ { x + 1000, x + 1001, x + 1002, x + 1003, x + 1004 } };
}

// Recursion by the target's names: each step goes through the jump.
long factorial_plug(long x)
{
	return x < 2 ? 1000 : x * factorial(x - 1);
}

int is_even_plug(unsigned x)
{
	return x == 0 ? 3 : is_odd(x - 1);
}

int is_odd_plug(unsigned x)
{
	return x == 0 ? 2 : is_even(x - 1);
}

int on_tick_plug(int x)
{
	return x + 2;
}
