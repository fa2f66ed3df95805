// What arguments.c and its patch both know.
#ifndef ARGUMENTS_H
#define ARGUMENTS_H

struct small { long a; double b; }; // returned in rax and xmm0 (psABI 3.2.3)
struct large { long a[5]; };        // returned in memory that the caller gives

double twenty(long a, long b, long c, long d, long e, long f, long g, long h, long i, long j,
	double k, double l, double m, double n, double o, double p, double q, double r, double s, double t);
double variadic(int count, ...);
struct small in_registers(long x);
struct large in_memory(long x);
long factorial(long x);
int is_even(unsigned x);
int is_odd(unsigned x);
int on_tick(int x);

#endif
