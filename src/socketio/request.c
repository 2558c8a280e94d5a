/*
 * request.c - the request that a client began with, packed: for as long as somebody may want to see
 * it again, which may be as long as the client lives.
 *
 * Packed it is what a program can ask for: path, query, fields. Unpacked it is two thousand bytes
 * more.
 */
#include "socketio/internal.h"

/* The lengths of path, query, and each field's name and value; then the bytes. A query that is not
 * there is marked. */
enum { PATH, QUERY, FIELDS };
#define ABSENT UINT32_MAX

static size_t count_of(const struct pl_http_request *q)
{
	return FIELDS + 2 * q->head.count;
}

static struct pl_slice part_of(const struct pl_http_request *q, size_t i)
{
	if (i < FIELDS)
		return i == PATH ? q->path : q->query;
	const struct pl_http_header *h = &q->head.headers[(i - FIELDS) / 2];
	return (i - FIELDS) % 2 ? h->value : h->name;
}

struct pl_sio_request *pl_sio_request_new(const struct pl_eio *eio, const struct pl_request *q)
{
	size_t n = count_of(q->http), bytes = 0;
	for (size_t i = 0; i < n; i++)
		bytes += part_of(q->http, i).len;
	struct pl_sio_request *r =
		bytes < ABSENT ? pl_alloc(sizeof(*r) + n * sizeof(r->lens[0]) + bytes) : NULL;
	if (!r)
		return NULL;
	atomic_init(&r->refs, 1);
	r->from = *pl_eio_from(eio);
	r->nheaders = (uint32_t)q->http->head.count;
	char *at = (char *)(r->lens + n);
	for (size_t i = 0; i < n; i++) {
		struct pl_slice s = part_of(q->http, i);
		r->lens[i] = s.at ? (uint32_t)s.len : ABSENT;
		if (s.len)
			memcpy(at, s.at, s.len);
		at += s.len;
	}
	return r;
}

struct pl_sio_request *pl_sio_request_retain(struct pl_sio_request *r)
{
	if (r)
		atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
	return r;
}

void pl_sio_request_release(struct pl_sio_request *r)
{
	if (r && atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) == 1)
		pl_free(r);
}

/* ---- shown ---- */

struct unpacked {
	struct pl_request request;
	struct pl_http_request http;
};

struct pl_request *pl_sio_request_unpack(const struct pl_sio_request *r)
{
	size_t n = FIELDS + 2 * (size_t)r->nheaders;
	struct unpacked *u = PL_NEW(struct unpacked);
	if (!u)
		return NULL;
	u->request.http = &u->http;
	u->http.method = PL_HTTP_GET;
	u->http.method_name = PL_S("GET");
	u->http.head.count = r->nheaders;
	struct pl_slice *fixed[] = {&u->http.path, &u->http.query};
	const char *at = (const char *)(r->lens + n);
	for (size_t i = 0; i < n; i++) {
		struct pl_http_header *h = &u->http.head.headers[i < FIELDS ? 0 : (i - FIELDS) / 2];
		struct pl_slice *s = i < FIELDS ? fixed[i] : i % 2 ? &h->value : &h->name;
		bool is_absent = r->lens[i] == ABSENT;
		*s = pl_slice(is_absent ? NULL : at, is_absent ? 0 : r->lens[i]);
		at += s->len;
	}
	return &u->request;
}

struct pl_sio_shown *pl_sio_request_show(struct pl_sio_request *r, const struct pl_sio_hall *hall)
{
	struct pl_sio_shown *s = PL_NEW(struct pl_sio_shown);
	if (!s)
		return NULL;
	s->packed = pl_sio_request_retain(r);
	s->unpacked = r ? pl_sio_request_unpack(r) : NULL;
	s->request = pl_request_show(&hall->site->sio->server, hall->def->nsp.user,
				     r ? &r->from : NULL, s->unpacked);
	if ((r && !s->unpacked) || !s->request) {
		pl_sio_request_hide(s);
		return NULL;
	}
	return s;
}

void pl_sio_request_hide(struct pl_sio_shown *s)
{
	if (!s)
		return;
	pl_request_hide(s->request);
	pl_free(s->unpacked);
	pl_sio_request_release(s->packed);
	pl_free(s);
}
