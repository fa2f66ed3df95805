#include "inline.h"

int second(int n)
{
	return bump(n + 10);
}
