alias b_counter b.c:counter
J libfoo.so.1!foo_value     foo_value_plug
J libfoo.so.1!foo_v@FOO_1   foo_v_1_plug
J libfoo.so.1!foo_v@FOO_2   foo_v_2_plug
J a.c:helper                helper_a_plug
J b.c:helper                helper_b_plug
J hidden_value              hidden_plug
J libfoo.so.1!hidden_value  hidden_foo_plug
