/* What is new here is used in the other object. */
int quiet = 3;
#ifdef FIX
int created = 5;
__attribute__((noinline)) int fresh(int n) { return n + 2; }
#endif
