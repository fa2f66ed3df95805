static inline int bump(int n)
{
	volatile int many = n;
	for (int i = 0; i < 3; i++)
		many ^= n + i;
#ifdef FIX
	return n + 2 + (many & 0);
#else
	return n + 1 + (many & 0);
#endif
}
