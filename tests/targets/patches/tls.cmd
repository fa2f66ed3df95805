J tls_sum tls_sum_plug
