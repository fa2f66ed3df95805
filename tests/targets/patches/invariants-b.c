// For invariants.c: patch B, version 3 of the function.
int versioned_b(int x, int *twin);

int versioned_b(int x, int *twin)
{
	*twin = x - 3;
	return x + 3;
}
