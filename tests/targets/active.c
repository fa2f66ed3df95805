// Scenario: a thread is inside `work` in one of many ways, and its stack looks accordingly. Refused (FunctionActive) until
// it leaves, and applied after.
// usage: active HOW     how the thread is inside: see `ways`
// commands: enter | leave | value | quit
//   enter: a thread goes in and prints "inside"; leave: it returns and prints "left"
//   value: calls work, which passes through
#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <ucontext.h>

#include "target.h"

static int door[2];
static atomic_int leaving;
static jmp_buf way_out;
static ucontext_t outside, coroutine;

PATCHABLE void stay(void)
{
	char byte;

	puts("inside");
	while (read(door[0], &byte, 1) != 1)
		;
}

static int compare(const void *a, const void *b)
{
	static atomic_int stayed;

	if (!atomic_exchange(&stayed, 1))
		stay();
	return *(const int *)a - *(const int *)b;
}

static void handler(int signal)
{
	(void)signal;
	stay();
}

// The frame's address is on the stack, in a slot of its own, and the CFA an expression that reads it there. rbx, which is
// clobbered, is found by an expression as well.
#ifdef __x86_64__
void by_expression(void (*call)(void));
__asm__(".pushsection .text\n.globl by_expression\n.type by_expression, @function\nby_expression:\n"
	".cfi_startproc\n"
	"lea 8(%rsp), %rax\n"
	"push %rbx\n"
	"sub $24, %rsp\n"
	"mov %rax, 8(%rsp)\n"
	"xor %ebx, %ebx\n"
	// DW_CFA_def_cfa_expression: DW_OP_breg7 8; DW_OP_deref
	".cfi_escape 0x0f, 3, 0x77, 8, 0x06\n"
	// DW_CFA_expression rbx: DW_OP_lit16; DW_OP_minus
	".cfi_escape 0x10, 3, 2, 0x40, 0x1c\n"
	"call *%rdi\n"
	"add $24, %rsp\n"
	"pop %rbx\n"
	".cfi_def_cfa 7, 8\n"
	"ret\n"
	".cfi_endproc\n"
	".size by_expression, . - by_expression\n.popsection");
#else
static void by_expression(void (*call)(void))
{
	call();
}
#endif

// Its stack is aligned anew, so that the caller's frame is found through a register that was saved.
__attribute__((noinline)) static void realigned(int size)
{
	_Alignas(64) char block[128];
	char *more = __builtin_alloca(size);

	memset(more, 0, size);
	memset(block, 0, sizeof block);
	OPAQUE(more);
	stay();
	__asm__ volatile("" : : "r"(block), "r"(more) : "memory");
}

__attribute__((noinline, noreturn)) static void never_return(void)
{
	stay();
	longjmp(way_out, 1);
}

__attribute__((noinline)) static int recurse(int depth)
{
	int below = 0;

	if (depth > 0)
		below = recurse(depth - 1);
	else
		stay();
	OPAQUE(below);
	return below + 1;
}

// How 0 passes through.
PATCHABLE int work(int how)
{
	int result = 1, numbers[] = { 3, 1, 2 };

	switch (how) {
	case 1: // spins
		puts("inside");
		while (!leaving)
			;
		break;
	case 2: // sleeps in a call
		stay();
		break;
	case 3: // called back by the C library
		qsort(numbers, 3, sizeof *numbers, compare);
		break;
	case 4: // interrupted by a signal whose handler runs on another stack
		raise(SIGUSR1);
		break;
	case 5:
		result += recurse(1000) - 1001;
		break;
	case 6:
		by_expression(stay);
		break;
	case 7:
		realigned(100);
		break;
	case 8:
		swapcontext(&coroutine, &outside);
		break;
	}
	OPAQUE(result);
	return result;
}

// Its last instruction is a call: the return address lies behind it.
PATCHABLE void last_call(int how)
{
	if (how)
		never_return();
}

static void work_on_signal(int signal)
{
	(void)signal;
	work(2);
}

static void as_coroutine(void)
{
	work(8);
}

static void on_other_stack(void (*action)(int))
{
	static char stack[64 * 1024];
	stack_t other = { .ss_sp = stack, .ss_size = sizeof stack };
	struct sigaction on = { .sa_handler = action, .sa_flags = SA_ONSTACK };

	sigaltstack(&other, NULL);
	sigaction(SIGUSR1, &on, NULL);
}

static const char *const ways[] = { "", "spin", "sleep", "callback", "interrupted", "recursion", "expression", "realigned",
	"coroutine", "handler", "noreturn" };

static void *visitor(void *how)
{
	static char stack[64 * 1024];
	int n = *(int *)how;

	if (n == 8) {
		getcontext(&coroutine);
		coroutine.uc_stack.ss_sp = stack;
		coroutine.uc_stack.ss_size = sizeof stack;
		coroutine.uc_link = &outside;
		makecontext(&coroutine, as_coroutine, 0);
		swapcontext(&outside, &coroutine);
		stay();
		swapcontext(&outside, &coroutine);
	} else if (n == 9) {
		on_other_stack(work_on_signal);
		raise(SIGUSR1);
	} else if (n == 10) {
		if (!setjmp(way_out))
			last_call(1);
	} else {
		on_other_stack(handler);
		work(n);
	}
	puts("left");
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	int how = 0;

	for (unsigned i = 0; i < sizeof ways / sizeof *ways; i++)
		if (argc > 1 && !strcmp(argv[1], ways[i]))
			how = i;
	if (pipe(door))
		return 1;
	target_ready();
	for (const char *command; (command = next_command());) {
		if (!strcmp(command, "enter")) {
			leaving = 0;
			if (pthread_create(&thread, NULL, visitor, &how))
				return 1;
		} else if (!strcmp(command, "leave")) {
			leaving = 1;
			if (how != 1 && write(door[1], "", 1) != 1)
				return 1;
			pthread_join(thread, NULL);
		} else if (!strcmp(command, "value")) {
			last_call(0);
			printf("value %d\n", work(0));
		}
	}
}
