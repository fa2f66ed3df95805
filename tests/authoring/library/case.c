#include "case.h"


#define HIDDEN __attribute__((visibility("hidden")))
HIDDEN int state = 1;
extern int exported(int n);
extern HIDDEN int hidden(int n);

const char *answer(int number)
{
	int a = hidden(number);
	return text("%d %d", a, state);
}
