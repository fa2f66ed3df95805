// A program that sleeps, to which the Makefile links a million symbols.
#include <unistd.h>

int main(void)
{
	for (;;)
		pause();
}
