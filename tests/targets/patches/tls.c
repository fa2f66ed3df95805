// For tls.c: adds one to each variable of the calling thread; the result is their sum and 1000. Built for each TLS
// model (Makefile): initial-exec reads the offset, general dynamic calls __tls_get_addr, desc calls a TLS descriptor.
extern __thread int tls_executable, tls_library;

int tls_sum_plug(void);

int tls_sum_plug(void)
{
	return 1000 + ++tls_executable + ++tls_library;
}
