extern __attribute__((visibility("hidden"))) int state;

__attribute__((noinline)) int exported(int n)
{
	return n + 4;
}

__attribute__((visibility("hidden"), noinline)) int hidden(int n)
{
	state++;
#ifdef FIX
	return exported(n) + 11;
#else
	return exported(n) + 1;
#endif
}
