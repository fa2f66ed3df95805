#include "../target.h"

// libfoo.so.1
int foo_value(void);
int foo_v(void);
int foo_hidden(void); // calls the library's own hidden_value

// a.c and b.c: each calls its own `helper`
int a_value(void);
int b_value(void);

__attribute__((visibility("hidden"))) int hidden_value(void);
