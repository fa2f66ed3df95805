// For invariants.c: patch A, version 2 of the function.
int versioned_a(int x, int *twin);

int versioned_a(int x, int *twin)
{
	*twin = x - 2;
	return x + 2;
}
