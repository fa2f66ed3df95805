// Version 2 of blocked.c's function.
int version_plug(void)
{
	return 2;
}
