static int base = 7;

__attribute__((noinline, noclone)) static int parse(int n)
{
	return n + base;
}

int second(int n)
{
	base += 0;
	return parse(n);
}
