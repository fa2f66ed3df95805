// For library/: a new function for each of those that share a name. The commands tell them apart. `b_counter` is the
// static `counter` of b.c, an alias in the commands.
extern int b_counter;

int foo_value_plug(void);
int foo_v_1_plug(void);
int foo_v_2_plug(void);
int helper_a_plug(int x);
int helper_b_plug(int x);
int hidden_plug(void);
int hidden_foo_plug(void);

int foo_value_plug(void) { return 1001; }
int foo_v_1_plug(void) { return 2001; }
int foo_v_2_plug(void) { return 2002; }
int helper_a_plug(int x) { return 3000 + x; }
int helper_b_plug(int x) { return 4000 + b_counter + x; }
int hidden_plug(void) { return 5001; }
int hidden_foo_plug(void) { return 5010; }
