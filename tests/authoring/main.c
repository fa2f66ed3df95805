/* What all cases share: a line comes in, a number in it, and what the case answers goes out. */
#include <stdio.h>
#include <stdlib.h>

const char *answer(int number);

#ifdef FIX_MAIN
static const char format[] = "%s!\n";
#else
static const char format[] = "%s\n";
#endif

int main(void)
{
	char line[64];
	setvbuf(stdout, 0, _IOLBF, 0);
	while (fgets(line, sizeof line, stdin))
		printf(format, answer(atoi(line)));
	return 0;
}
