// For entry.c: each function calls the one that it replaces, and adds 1,000.
#include "../../../src/include/pannus.h"
#include "../entry.h"

#define PLUG(name, result) \
	int name(int x); \
	PANNUS_ORIGINAL(name); \
	int name##_plug(int x); \
	int name##_plug(int x) { return name##__original(x) + 1000; }
ENTRIES(PLUG)

// Also by a pointer, as indirect calls may insist on an endbr64.
int (*volatile by_pointer)(int) = plain__original;
int plain_plug_by_pointer(int x);

int plain_plug_by_pointer(int x)
{
	return by_pointer(x) + 1000;
}
