// Scenario: a patch calls functions behind IFUNC symbols: strlen and memcpy of libc, which the program itself never
// calls and so has never bound, and two of the program's own, one of which it calls. And an IFUNC symbol is patched.
// commands: value | quit          value: "measure N", "pick N"
#include "target.h"

static int pick_one(void)
{
	int value = 1;

	OPAQUE(value);
	return value;
}

static int pick_two(void)
{
	int value = 2;

	OPAQUE(value);
	return value;
}

// A resolver runs before relocation is complete: it calls and reads nothing. (clang does not see that it is used.)
static __attribute__((used)) int (*resolve_two(void))(void) { return pick_two; }
static __attribute__((used)) int (*resolve_one(void))(void) { return pick_one; }

int pick(void) __attribute__((ifunc("resolve_two")));
int pick_unused(void) __attribute__((ifunc("resolve_one")));

PATCHABLE int measure(const char *text)
{
	int length = 0;

	while (text[length])
		length++;
	OPAQUE(length);
	return length;
}

int main(void)
{
	target_ready();
	for (const char *command; (command = next_command());) {
		if (strcmp(command, "value"))
			continue;
		printf("measure %d\n", measure("twelve bytes"));
		printf("pick %d\n", pick());
	}
}
