// For threads.c: the result of the new function is one more than that of the old.
int work_plug(int x);

int work_plug(int x)
{
	return x + 2;
}
