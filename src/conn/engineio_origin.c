/*
 * engineio_origin.c - who asks: which pages may come, the headers of CORS, and whether a request
 * comes from whom a session was opened for.
 *
 * The sid is a capability, but it stands in URLs, which proxies log. So what a handshake showed
 * besides must be shown again while the session polls: a request that does not is told that there
 * is no such session, and does the session no harm. After the upgrade no request is taken anyway.
 */
#include "conn/engineio_internal.h"

#include "wire/url.h"

/* ---- who asks ---- */

static uint64_t hash_of(const struct pl_eios *set, struct pl_slice value)
{
	return value.at ? pl_siphash(set->seed, value) | 1 : 0;
}

static struct pl_slice cookie_of(const struct pl_eios *set, const struct pl_http_head *head)
{
	char name[64];
	struct pl_slice header, value = {NULL, 0}, wanted = set->o->cookie;
	size_t cursor = 0;
	if (!wanted.len || wanted.len >= sizeof(name))
		return value;
	memcpy(name, wanted.at, wanted.len);
	name[wanted.len] = '\0';
	while (!value.at && pl_http_header_next(head, "Cookie", &cursor, &header))
		if (pl_cookie_get(header, name, &value))
			value = (struct pl_slice){NULL, 0};
	return value;
}

static bool is_own_page(const struct pl_http_request *q)
{
	static const struct pl_conn_options no_others = {0};
	return pl_origin_allowed(&no_others, q);
}

/* The row of the table of origins, or one of the two that are none. */
static int32_t row_of(const struct pl_eios *set, struct pl_slice origin)
{
	if (set->any_origin)
		return PL_EIO_ANY_ORIGIN;
	for (size_t i = 0; i < set->o->norigins; i++)
		if (pl_slice_eq(origin, set->o->origins[i]))
			return (int32_t)i;
	return PL_EIO_NO_CORS;
}

void pl_eio_asker_read(const struct pl_eios *set, const struct pl_http_request *q,
		       struct pl_eio_asker *out)
{
	struct pl_slice origin = {NULL, 0};
	int err = pl_http_header_one(&q->head, "Origin", &origin);
	struct pl_eio_asker a = {.cors = set->any_origin ? PL_EIO_ANY_ORIGIN : PL_EIO_NO_CORS,
				 .is_malformed = err == PL_EINVAL};
	if (!err) {
		a.cors = row_of(set, origin);
		a.is_foreign = a.cors == PL_EIO_NO_CORS && !is_own_page(q);
	}
	a.principal = (struct pl_eio_principal){
		.origin = hash_of(set, origin),
		.authorization = hash_of(set, pl_http_header(&q->head, "Authorization")),
		.cookie = hash_of(set, cookie_of(set, &q->head)),
	};
	*out = a;
}

/* ---- to whom a session belongs ---- */

static bool same_address(const struct pl_eio *e, const struct pl_conn *c)
{
	return !memcmp(&e->from, pl_conn_from(c), sizeof(e->from));
}

bool pl_eio_is_bound(struct pl_eio *e, const struct pl_conn *c, const struct pl_eio_asker *a,
		     bool is_upgrade)
{
	struct pl_eio_principal *had = &e->polling->principal;
	const struct pl_eio_principal *has = &a->principal;
	/* A page's own GET names no origin, its POST does: the first that does decides. */
	if (has->origin && had->origin && has->origin != had->origin)
		return false;
	if (had->cookie && has->cookie != had->cookie)
		return false;
	/* A page cannot give a WebSocket this header: then it must come from the same address. */
	bool cannot_say = is_upgrade && !has->authorization && has->origin && same_address(e, c);
	if (had->authorization && has->authorization != had->authorization && !cannot_say)
		return false;
	if (has->origin)
		had->origin = has->origin;
	return true;
}

/* ---- answers ---- */

enum { HEADERS_MAX = 8 };

static size_t put_header(struct pl_http_header *list, size_t n, struct pl_slice name,
			 struct pl_slice value)
{
	list[n] = (struct pl_http_header){name, value};
	return n + 1;
}

static size_t put_cors(const struct pl_eios *set, struct pl_http_header *list, size_t n,
		       int32_t cors)
{
	static const struct pl_slice allowed = PL_S("Access-Control-Allow-Origin");
	if (cors == PL_EIO_ANY_ORIGIN)
		return put_header(list, n, allowed, PL_S("*"));
	if (cors == PL_EIO_NO_CORS)
		return n;
	n = put_header(list, n, allowed, set->o->origins[cors]);
	if (!set->o->no_credentials)
		n = put_header(list, n, PL_S("Access-Control-Allow-Credentials"), PL_S("true"));
	return n;
}

void pl_eio_reply(struct pl_eios *set, struct pl_conn *c, int32_t cors, unsigned status,
		  const char *type, struct pl_slice body)
{
	struct pl_http_header headers[HEADERS_MAX];
	size_t n = put_header(headers, 0, PL_S("Cache-Control"), PL_S("no-store"));
	if (set->o->norigins && !set->any_origin)
		n = put_header(headers, n, PL_S("Vary"), PL_S("Origin"));
	n = put_cors(set, headers, n, cors);
	struct pl_http_reply reply = {.status = status,
				      .type = pl_slice_str(type),
				      .body = body,
				      .headers = headers,
				      .header_count = n,
				      .compress_above = set->o->compress_above};
	pl_conn_respond(c, &reply);
}

void pl_eio_preflight(struct pl_eios *set, struct pl_conn *c, const struct pl_http_request *q,
		      int32_t cors)
{
	struct pl_http_header headers[HEADERS_MAX];
	struct pl_slice wanted = pl_http_header(&q->head, "Access-Control-Request-Headers");
	size_t n = put_header(headers, 0, PL_S("Vary"),
			      set->any_origin ? PL_S("Access-Control-Request-Headers")
					      : PL_S("Origin, Access-Control-Request-Headers"));
	n = put_cors(set, headers, n, cors);
	n = put_header(headers, n, PL_S("Access-Control-Allow-Methods"),
		       PL_S("GET,HEAD,PUT,PATCH,POST,DELETE"));
	if (wanted.len)
		n = put_header(headers, n, PL_S("Access-Control-Allow-Headers"), wanted);
	struct pl_http_reply reply = {.status = 204, .headers = headers, .header_count = n};
	pl_conn_respond(c, &reply);
}
