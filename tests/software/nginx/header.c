// For Debian's nginx 1.22.1: every response that nginx makes carries `X-Patched: pannus`.
//
// The function is nginx's own ngx_http_send_header (src/http/ngx_http_core_module.c), with one header added before the
// filters see the response. nginx's binary is stripped, but exports this function and all that it calls.
#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#if nginx_version != 1022001
#error "this function was copied from nginx 1.22.1"
#endif

ngx_int_t ngx_http_send_header_plug(ngx_http_request_t *r);

// A subrequest's header is never sent.
static ngx_int_t add_header(ngx_http_request_t *r)
{
	ngx_table_elt_t *header;

	if (r != r->main)
		return NGX_OK;
	header = ngx_list_push(&r->headers_out.headers);
	if (header == NULL)
		return NGX_ERROR;
	ngx_memzero(header, sizeof *header);
	header->hash = 1; // 0 would hide it
	ngx_str_set(&header->key, "X-Patched");
	ngx_str_set(&header->value, "pannus");
	return NGX_OK;
}

ngx_int_t ngx_http_send_header_plug(ngx_http_request_t *r)
{
	if (r->post_action)
		return NGX_OK;

	if (r->header_sent) {
		ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0, "header already sent");
		return NGX_ERROR;
	}

	if (r->err_status) {
		r->headers_out.status = r->err_status;
		r->headers_out.status_line.len = 0;
	}

	if (add_header(r) != NGX_OK)
		return NGX_ERROR;

	return ngx_http_top_header_filter(r);
}
