int shared;

int other(void)
{
	return shared;
}
