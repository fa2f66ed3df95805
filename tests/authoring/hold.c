/* Loads the library that is named, says so, and reads lines until there are none: a process to patch it in. */
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	char line[64];
	if (argc < 2 || !dlopen(argv[1], RTLD_NOW)) {
		fprintf(stderr, "%s\n", argc < 2 ? "no library" : dlerror());
		return 1;
	}
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof line, stdin)) {
		puts("there");
		fflush(stdout);
	}
}
