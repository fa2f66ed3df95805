static int base = 5;

__attribute__((noinline, noclone)) static int parse(int n)
{
#ifdef FIX
	return n + base + 1;
#else
	return n + base;
#endif
}

int first(int n)
{
	base += 0;
	return parse(n);
}
