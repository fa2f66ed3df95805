// The functions of entry.c: NAME(WHAT, RESULT) for each, with what it returns for x.
#define ENTRIES(NAME) \
	NAME(plain, x + 1) \
	NAME(loads, x + 2) \
	NAME(branches, x == 7 ? 70 : x + 3) \
	NAME(calls, x + 4) \
	NAME(calls_pointer, x + 5) \
	NAME(recurses, x > 0 && x < 20 ? x + 6 : x < 1 ? 6 : x + 6) \
	NAME(switches, x < 6 ? x * x + 7 : x + 7) \
	NAME(nops_5, x + 8) \
	NAME(nops_2, x + 9) \
	NAME(nops_7_5, x + 10) \
	NAME(asm_short, x + 11) \
	NAME(asm_loops, x + 12) \
	NAME(asm_jumps, x + 13) \
	NAME(asm_tail, x + 14) \
	NAME(asm_pushes, x + 15)
