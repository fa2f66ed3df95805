// For ifunc.c: replaces what the IFUNC symbol `pick` is bound to, not its resolver.
int pick_plug(void);

int pick_plug(void)
{
	return 1002;
}
