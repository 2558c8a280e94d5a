/* request.c - a request that outlives its callback: one block, the struct first, then the bytes
 * that its slices point to. */
#include "conn/internal.h"

#include "base/mem.h"

struct kept {
	struct pl_request request;
	struct pl_http_request http;
	char bytes[];
};

/* All slices of a request, in one order: n-th of them, NULL after the last. */
static struct pl_slice *slice_of(struct pl_http_request *q, size_t n)
{
	struct pl_slice *fixed[] = {&q->method_name, &q->target, &q->path, &q->query, &q->host};
	enum { FIXED = sizeof(fixed) / sizeof(*fixed) };
	if (n < FIXED)
		return fixed[n];
	struct pl_http_header *h = &q->head.headers[(n - FIXED) / 2];
	if ((n - FIXED) / 2 >= q->head.count)
		return NULL;
	return (n - FIXED) % 2 ? &h->value : &h->name;
}

static struct pl_request *copy(const struct pl_request *q, struct pl_slice body)
{
	struct pl_http_request http = *q->http;
	struct pl_slice *s;
	size_t size = body.len;
	for (size_t i = 0; (s = slice_of(&http, i)); i++)
		size += s->len;
	struct kept *k = pl_alloc(sizeof(*k) + size);
	if (!k)
		return NULL;
	char *to = k->bytes;
	for (size_t i = 0; (s = slice_of(&http, i)); i++) {
		if (!s->at)
			continue;
		memcpy(to, s->at, s->len);
		s->at = to;
		to += s->len;
	}
	if (body.len)
		memcpy(to, body.at, body.len);
	k->http = http;
	k->request = (struct pl_request){.http = &k->http};
	if (body.len)
		k->request.body = pl_slice(to, body.len);
	return &k->request;
}

struct pl_request *pl_request_keep(const struct pl_request *q)
{
	return copy(q, (struct pl_slice){NULL, 0});
}

struct pl_request *pl_request_keep_whole(const struct pl_request *q)
{
	return copy(q, q->body);
}
