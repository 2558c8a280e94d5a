/*
 * http_request.c - any bytes as requests on one connection: whole and in pieces must mean the same,
 * and what was accepted must keep the promises of http.h.
 */
#include "fuzz.h"

#include "wire/http.h"

static int in_pieces(struct pl_slice in, size_t step, size_t *used, struct pl_http_request *q,
		     uint16_t *status)
{
	struct pl_http_parser p = {0};
	int err = PL_EAGAIN;
	for (size_t n = 0; err == PL_EAGAIN && n < in.len;) {
		n = in.len - n < step ? in.len : n + step;
		err = pl_http_parse_head(&p, &pl_http_default_limits, pl_slice(in.at, n), used, q);
	}
	*status = p.status;
	return err;
}

static void check(const struct pl_http_request *q)
{
	if (pl_http_takes_gzip(&q->head))
		MUST(pl_http_header(&q->head, "Accept-Encoding").at);
	MUST(q->head.count <= PL_HTTP_MAX_HEADERS);
	MUST(!(q->head.has_length && q->head.is_chunked));
	MUST(!q->head.is_chunked || q->head.minor == 1);
	MUST(q->head.minor == 0 || q->host.len);
	MUST(!q->head.has_length || q->head.content_length <= PL_HTTP_MAX_LENGTH);
	MUST(q->path.len && (q->path.at[0] == '/' || pl_slice_is(q->path, "*")));
	for (size_t i = 0; i < q->head.count; i++) {
		const struct pl_http_header *h = &q->head.headers[i];
		MUST(h->name.len && !(h->value.len && (memchr(h->value.at, 0, h->value.len) ||
						       memchr(h->value.at, '\r', h->value.len) ||
						       memchr(h->value.at, '\n', h->value.len))));
	}
}

/* The whole body at once, and byte by byte: the same bytes, the same end, or the same refusal. */
static int body(const struct pl_http_head *h, struct pl_slice in, size_t *used)
{
	struct pl_http_body whole, bytes;
	struct pl_buf a, b;
	size_t got = 0, at = 0, n;
	pl_buf_init(&a, 1 << 20);
	pl_buf_init(&b, 1 << 20);
	int err = pl_http_body_init(&whole, h, 1 << 18);
	MUST(pl_http_body_init(&bytes, h, 1 << 18) == err);
	if (!err) {
		int second = pl_http_body_read(&bytes, pl_slice(in.at, 0), &n, &b);
		err = pl_http_body_read(&whole, in, &got, &a);
		while (second == PL_EAGAIN && at < in.len) {
			second = pl_http_body_read(&bytes, pl_slice(in.at + at, 1), &n, &b);
			at += second && second != PL_EAGAIN ? 0 : n;
		}
		MUST(second == err && whole.status == bytes.status && whole.total == bytes.total);
		MUST((err && err != PL_EAGAIN) ||
		     (at == got && pl_slice_eq(pl_buf_slice(&a), pl_buf_slice(&b))));
	}
	*used = got;
	pl_buf_fini(&a);
	pl_buf_fini(&b);
	return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct pl_http_request whole, pieces;
	struct pl_slice in = pl_slice(data, n);
	for (int requests = 0; in.len && requests < 16; requests++) {
		size_t used = 0, again = 0;
		uint16_t status, second;
		int err = in_pieces(in, in.len, &used, &whole, &status);
		MUST(in_pieces(in, 1, &again, &pieces, &second) == err && used == again);
		MUST(err == 0 ? !status : err == PL_EAGAIN || (status >= 400 && second >= 400));
		if (err)
			break;
		check(&whole);
		MUST(pieces.head.count == whole.head.count && pl_slice_eq(pieces.host, whole.host));
		in = pl_slice(in.at + used, in.len - used);
		if (body(&whole.head, in, &used))
			break;
		in = pl_slice(in.at + used, in.len - used);
	}
	static struct pl_http_response answer;
	struct pl_http_parser p = {0};
	size_t used;
	if (!pl_http_parse_response(&p, &pl_http_default_limits, pl_slice(data, n), &used, &answer))
		MUST(used <= n && answer.status >= 100 && answer.status <= 599);
	return 0;
}
