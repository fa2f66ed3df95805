// Scenario: functions whose entries are hard to overwrite: short ones, ones that load, branch, call or loop in their first
// bytes, ones that a compiler has left NOPs in. Threads call all of them, directly and by pointer, and check each result:
// the function's own, or the patch's, which is 1,000 more.
// usage: entry [THREADS]
// commands: value | quit          value: a line "NAME RESULT" for each, of x = 3; at the end: calls N, failed N
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "entry.h"
#include "target.h"

#define PATCHED 1000

static atomic_bool stopping;
static atomic_long calls_made, failed;
static int two = 2;

#define DECLARE(name, result) int name(int x);
ENTRIES(DECLARE)

PATCHABLE int plain(int x)
{
	return x + 1;
}

PATCHABLE int loads(int x)
{
	return two + x;
}

PATCHABLE int branches(int x)
{
	if (x == 7)
		return 70;
	OPAQUE(x);
	return x + 3;
}

PATCHABLE int four(void)
{
	int result = 4;

	OPAQUE(result);
	return result;
}

PATCHABLE int calls(int x)
{
	int result = four();

	return result + x;
}

int (*pointer)(void) = four;

PATCHABLE int calls_pointer(int x)
{
	return pointer() + x + 1;
}

PATCHABLE int recurses(int x)
{
	if (x <= 0)
		return 6;
	if (x >= 20)
		return x + 6;
	OPAQUE(x);
	return recurses(x - 1) % PATCHED + 1;
}

PATCHABLE int switches(int x)
{
	switch (x) {
	case 0: return four() + 3;
	case 1: return four() * 2;
	case 2: return four() + 7;
	case 3: return four() * 4;
	case 4: return four() + 19;
	case 5: return four() * 8;
	default: return four() + x + 3;
	}
}

__attribute__((patchable_function_entry(5, 0))) PATCHABLE int nops_5(int x)
{
	return x + 8;
}

__attribute__((patchable_function_entry(2, 0))) PATCHABLE int nops_2(int x)
{
	return x + 9;
}

__attribute__((patchable_function_entry(7, 5))) PATCHABLE int nops_7_5(int x)
{
	return x + 10;
}

// The argument and so many more; and what pushes two registers for it.
#ifdef __x86_64__
#define PLUS(n) " lea " #n "(%rdi), %eax\n"
#define PUSHES " push %rbx\n push %rbp\n mov %edi, %ebx\n lea 15(%rbx), %eax\n pop %rbp\n pop %rbx\n"
#else
#define PLUS(n) " mov 4(%esp), %eax\n add $" #n ", %eax\n"
#define PUSHES " push %ebx\n push %ebp\n mov 12(%esp), %ebx\n lea 15(%ebx), %eax\n pop %ebp\n pop %ebx\n"
#endif

__asm__(
	".text\n"
	".macro FUNCTION name\n.p2align 4\n.globl \\name\n.type \\name, @function\n\\name:\n.endm\n"
	".macro END name\n.size \\name, . - \\name\n.endm\n"
	// Four bytes, and another function right behind. Then padding.
	"FUNCTION asm_short\n" PLUS(11) " ret\nEND asm_short\n"
	".globl asm_behind\n.type asm_behind, @function\nasm_behind:\n mov $1, %eax\n ret\n.size asm_behind, . - asm_behind\n .skip 16, 0x90\n"
	// A loop to the second instruction.
	"FUNCTION asm_loops\n xor %ecx, %ecx\n1: inc %ecx\n cmp $12, %ecx\n jne 1b\n" PLUS(0) " add %ecx, %eax\n ret\nEND asm_loops\n"
	// A branch of two bytes forward.
	"FUNCTION asm_jumps\n jmp 1f\n ud2\n ud2\n1:\n" PLUS(13) " ret\nEND asm_jumps\n"
	// Nothing but a jump to another function.
	"FUNCTION asm_tail\n jmp asm_end\nEND asm_tail\n"
	"FUNCTION asm_end\n" PLUS(14) " ret\nEND asm_end\n"
	"FUNCTION asm_pushes\n" PUSHES " ret\nEND asm_pushes\n"
);

#define CHECK(name, result) \
	now = name(x); \
	wrong += now != (result) && now != (result) + PATCHED; \
	now = name##_by(x); \
	wrong += now != (result) && now != (result) + PATCHED;
#define BY(name, result) static int (*volatile name##_by)(int) = name;
ENTRIES(BY)

static void *busy(void *unused)
{
	long count = 0, wrong = 0;

	for (int x = 0; !stopping; x = (x + 1) % 16, count++) {
		int now;

		ENTRIES(CHECK)
	}
	calls_made += count;
	failed += wrong;
	return unused;
}

#define SHOW(name, result) printf(#name " %d\n", name(3));

int main(int argc, char **argv)
{
	enum { MOST = 64 };
	int n = argc > 1 ? atoi(argv[1]) : 2, started = 0;
	pthread_t all[MOST];

	while (started < n && started < MOST)
		if (pthread_create(&all[started++], NULL, busy, NULL))
			return 1;
	target_ready();
	for (const char *command; (command = next_command());) {
		ENTRIES(SHOW)
	}
	stopping = 1;
	while (started)
		pthread_join(all[--started], NULL);
	printf("calls %ld\nfailed %ld\n", (long)calls_made, (long)failed);
}
