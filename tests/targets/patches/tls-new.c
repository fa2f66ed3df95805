// For tls.c: a thread-local variable of the patch's own, for which running threads have no room: refused.
static __thread int tls_new = 1;

int tls_sum_plug(void);

int tls_sum_plug(void)
{
	return 1000 + ++tls_new;
}
