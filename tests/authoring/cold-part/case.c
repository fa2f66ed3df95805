#include "case.h"


static const char *kind;

APART __attribute__((cold)) static void complain(const char *what) { kind = what; }

APART static int work(int n)
{
	kind = "warm";
	if (n < 0) {
		complain("cold");
#ifdef FIX
		return 8;
#else
		return 7;
#endif
	}
	return n;
}

const char *answer(int number)
{
	static char both[40];
	int a = work(number);
	snprintf(both, sizeof both, "%d %s", a, kind);
	return both;
}
