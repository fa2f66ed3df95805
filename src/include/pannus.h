/*
 * Commands inside the patch. Each macro adds one line of a command file to the section `.pannus` of the patch, so that
 * one file is the whole patch. The section is not loaded into the target, and a linker's --gc-sections leaves it alone.
 *
 *     #include "pannus.h"
 *     PANNUS_NAME("greeting in upper case");
 *     PANNUS_JUMP(http.c:greet, greet_plug);
 *     PANNUS_VARIABLE(limit, "e8030000");
 *     PANNUS_POINTER(table+0x18, entry_plug);
 *
 * A target symbol is written as in a command file, without quotes: `libssl.so.3!SSL_read`, `http.c:parse`,
 * `memcpy@GLIBC_2.14`, `table+0x18`. It is never expanded as a macro. A patch symbol must be a global one of the patch
 * (in C++ an extern "C" one, or its mangled name). Texts in quotes hold no quote and no backslash.
 */
#ifndef PANNUS_H
#define PANNUS_H

/* Top-level assembly and not a variable with a section attribute: the compiler can't drop or align it, a line needs no
 * name of its own, and the section gets no "allocate" flag. */
#define PANNUS_LINE(text) \
	__asm__(".pushsection .pannus,\"\",@progbits\n.ascii \"" text "\\n\"\n.popsection")

/* J: a jump from the target's function to the patch's. */
#define PANNUS_JUMP(target, plug) PANNUS_LINE("J " #target " " #plug)

/* V: bytes, as a string of hex digits, over the target's variable. */
#define PANNUS_VARIABLE(target, hex) PANNUS_LINE("V " #target " " hex)

/* P: the target's pointer gets the address of the patch's symbol. */
#define PANNUS_POINTER(target, plug) PANNUS_LINE("P " #target " " #plug)

/* The patch's name in lists of applied patches; without it the file's name. */
#define PANNUS_NAME(text) PANNUS_LINE("name " text)

/* Refuses any target whose executable has another build id (`readelf -n`). */
#define PANNUS_BUILD_ID(hex) PANNUS_LINE("build-id " hex)

/* Refuses a target that has not this patch, named by its id or its name. */
#define PANNUS_REQUIRES(patch) PANNUS_LINE("requires " patch)

/* Takes the place of that patch, named by its id or its name, if the target has it: the one comes and the other goes at once. */
#define PANNUS_REPLACES(patch) PANNUS_LINE("replaces " patch)

/* What the patch calls NAME is that symbol of the target: C code reaches a name that C can't spell. */
#define PANNUS_ALIAS(name, symbol) PANNUS_LINE("alias " #name " " symbol)

/* Declares NAME__original: the code of the function NAME of the target that this patch replaces, which must be declared
 * before. Calling NAME itself calls the patch. Where NAME is qualified in the J, an alias says which it is:
 * PANNUS_ALIAS(parse__original, "http.c:parse"). It is the code that the program's file has, also when other patches are
 * in force; refused for the few functions of which the first instructions cannot be moved. */
#define PANNUS_ORIGINAL(name) extern __typeof__(name) name##__original

#endif
