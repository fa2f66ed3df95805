// The library of tls.c.
__thread int tls_library = 2;
