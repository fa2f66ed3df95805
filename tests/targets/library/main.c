// Scenario: functions of a library and of the executable, of the same name in several places: libfoo.so.1!foo_value,
// two versions of foo_v, a static `helper` in a.c and another in b.c, and a hidden function in the executable and one
// of the same name in the library.
// commands: value | quit
#include "library.h"

__asm__(".symver foo_v_old, foo_v@FOO_1");
int foo_v_old(void);

int main(void)
{
	target_ready();
	for (const char *command; (command = next_command());) {
		if (strcmp(command, "value"))
			continue;
		printf("foo_value %d\n", foo_value());
		printf("foo_v@FOO_1 %d\n", foo_v_old());
		printf("foo_v@@FOO_2 %d\n", foo_v());
		printf("a.c:helper %d\n", a_value());
		printf("b.c:helper %d\n", b_value());
		printf("hidden %d\n", hidden_value());
		printf("libfoo.so.1!hidden %d\n", foo_hidden());
	}
}
