// For ifunc.c: 1000 times the length by strlen of a copy by memcpy, plus 100 * pick() and 10 * pick_unused().
#include <string.h>

int pick(void);
int pick_unused(void);
int measure_plug(const char *text);

int measure_plug(const char *text)
{
	char copy[100];
	size_t size = strlen(text) + 1;

	if (size > sizeof copy)
		return -1;
	memcpy(copy, text, size);
	return 1000 * (int)strlen(copy) + 100 * pick() + 10 * pick_unused();
}
