// Version 3 of blocked.c's function.
int version_plug(void)
{
	return 3;
}
