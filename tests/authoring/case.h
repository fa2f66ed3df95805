/* What all cases may use. */
#ifndef CASE_H
#define CASE_H
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __cplusplus
extern "C"
#else
extern
#endif
const char *answer(int number);

#define APART __attribute__((noinline, noclone, noipa))

/* A text that stays until the next one is made. */
static inline const char *text(const char *format, int a, int b)
{
	static char buffer[128];
	snprintf(buffer, sizeof buffer, format, a, b);
	return buffer;
}
#endif
