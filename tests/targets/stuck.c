// Scenario: the main thread stays on the very bytes that a jump at the entry overwrites: it sleeps in a syscall whose
// instruction is the third of the function. Refused (FunctionActive) until a signal ends the call.
// signals: SIGUSR1 ends the call; it prints "left", and calls again after 0.3 s
#include "target.h"

// push NUMBER; pop rax; syscall (pause); ret: the syscall instruction lies at +3.
#ifdef __i386__
#define PAUSE "push $29\npop %eax\nint $0x80\n"
#else
#define PAUSE "push $34\npop %rax\nsyscall\n"
#endif
void stuck(void);
__asm__(".pushsection .text\n.globl stuck\n.type stuck, @function\nstuck:\n"
	PAUSE "ret\nnop\nnop\nnop\nnop\n.size stuck, . - stuck\n.popsection");

static void on_signal(int signal)
{
	(void)signal;
}

int main(void)
{
	signal(SIGUSR1, on_signal);
	target_ready();
	for (;;) {
		stuck();
		puts("left");
		usleep(300000);
	}
}
