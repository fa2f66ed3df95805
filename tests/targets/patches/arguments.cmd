J twenty        twenty_plug
J variadic      variadic_plug
J in_registers  in_registers_plug
J in_memory     in_memory_plug
J factorial     factorial_plug
J is_even       is_even_plug
J is_odd        is_odd_plug
J on_tick       on_tick_plug
