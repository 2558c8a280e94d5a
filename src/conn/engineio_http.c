/*
 * engineio_http.c - requests of a session that polls: the handshake, the poll that hangs, the post;
 * and what is wrong with all others. The checks stand in the order in which the Node server makes
 * them, so that a client hears of the same mistake first.
 */
#include "conn/engineio_internal.h"

#include "base/clock.h"

/* A request that is being looked at. */
struct ask {
	struct pl_eios *set;
	struct pl_conn *conn;
	const struct pl_request *request;
	struct pl_eio_query query;
	struct pl_eio_asker asker;
};

enum { ERROR_MAX = 512, HELLO_MAX = 512 };

/* ---- answers ---- */

static void reply(const struct ask *a, unsigned status, const char *type, struct pl_slice body)
{
	pl_eio_reply(a->set, a->conn, a->asker.cors, status, type, body);
}

static void fail_with(const struct ask *a, enum pl_eio_error code, struct pl_slice text)
{
	struct pl_buf b;
	pl_buf_init(&b, ERROR_MAX);
	pl_eio_put_error(&b, code, text);
	reply(a, b.err ? 503 : (code == PL_EIO_FORBIDDEN ? 403 : 400), "application/json",
	      pl_buf_slice(&b));
	pl_buf_fini(&b);
}

static void fail(const struct ask *a, enum pl_eio_error code)
{
	fail_with(a, code, pl_slice(NULL, 0));
}

/* The page of a status; empty, as a client has to read nothing but the number. */
static void refuse(const struct ask *a, unsigned status)
{
	reply(a, status, NULL, PL_S(""));
}

/* ---- the handshake ---- */

static void welcome(const struct ask *a, struct pl_eio *e)
{
	struct pl_buf b;
	pl_buf_init(&b, HELLO_MAX);
	pl_eio_put_hello(&b, e);
	if (b.err) {
		pl_eio_end(e, PL_EIO_TRANSPORT_ERROR, PL_EIO_CLOSE);
		refuse(a, 503);
	} else {
		reply(a, 200, "text/plain; charset=UTF-8", pl_buf_slice(&b));
	}
	pl_buf_fini(&b);
}

static void shake_hands(struct ask *a)
{
	struct pl_eios *set = a->set;
	struct pl_eio *e;
	int err = set->is_draining ? PL_ECLOSED : pl_eio_new(set, a->conn, &a->query, &e);
	if (err) {
		refuse(a, err == PL_EBUSY ? 429 : 503);
		return;
	}
	e->polling->principal = a->asker.principal;
	err = set->ops->on_open(e, a->request);
	if (!err) {
		pl_eio_open(e);
		welcome(a, e);
		return;
	}
	pl_eio_gone(e);
	if (err == PL_EDENIED)
		fail(a, PL_EIO_FORBIDDEN);
	else
		refuse(a, 503);
}

/* No sid: it can only be a handshake. */
static void first_request(struct ask *a)
{
	if (a->request->http->method != PL_HTTP_GET)
		fail(a, PL_EIO_BAD_HANDSHAKE_METHOD);
	else if (a->query.transport == PL_EIO_WEBSOCKET) /* but no upgrade */
		fail(a, PL_EIO_BAD_REQUEST);
	else if (a->asker.is_foreign)
		fail(a, PL_EIO_FORBIDDEN);
	else if (a->query.version != 4)
		fail(a, PL_EIO_UNSUPPORTED_PROTOCOL);
	else
		shake_hands(a);
}

/* ---- a session's requests ---- */

/* Two at once: one of them is not from the session's client, which does one after the other. */
static void overlap(const struct ask *a, struct pl_eio *e)
{
	pl_eio_end(e, PL_EIO_TRANSPORT_ERROR, PL_EIO_CLOSE);
	refuse(a, 400);
}

static void poll(const struct ask *a, struct pl_eio *e)
{
	struct pl_eio_polling *p = e->polling;
	if (p->get) {
		overlap(a, e);
		return;
	}
	p->get = a->conn;
	p->cors = a->asker.cors;
	pl_conn_set_user(a->conn, e);
	/* Whoever is about to upgrade waits for his poll to end. */
	bool is_final = e->state == PL_EIO_LEAVING && pl_eio_say_goodbye(e);
	if (p->queue.len || p->is_probed || is_final)
		pl_eio_answer(e);
	else
		pl_conn_watch(a->conn);
	if (is_final)
		pl_eio_gone(e);
}

static bool is_payload(const struct pl_http_request *q)
{
	return !pl_slice_starts(pl_http_header(&q->head, "Content-Type"),
				PL_S("application/octet-stream"));
}

/* Another post came, from its beginning or not, while this one was under way. */
static bool overlaps(const struct ask *a, const struct pl_eio *e)
{
	const struct pl_http_state *h = a->conn->http;
	return h && a->request->body.len && h->began_ms < e->polling->posted_ms;
}

static void post(const struct ask *a, struct pl_eio *e)
{
	if (overlaps(a, e)) {
		overlap(a, e);
		return;
	}
	e->polling->posted_ms = pl_now_ms();
	if (!is_payload(a->request->http)) {
		pl_eio_end(e, PL_EIO_TRANSPORT_ERROR, PL_EIO_CLOSE);
		refuse(a, 400);
		return;
	}
	pl_eio_take_payload(e, a->request->body);
	reply(a, 200, "text/html", PL_S("ok"));
}

/* Without an upgrade nothing is said to a WebSocket. */
static bool is_polled(const struct pl_eio *e, const struct pl_eio_query *q)
{
	return e->transport == PL_EIO_POLLING && q->transport == PL_EIO_POLLING && q->version == 4;
}

static void serve(const struct ask *a, struct pl_eio *e)
{
	switch (a->request->http->method) {
	case PL_HTTP_GET: poll(a, e); break;
	case PL_HTTP_POST: post(a, e); break;
	default: refuse(a, 500);
	}
}

static void next_request(struct ask *a)
{
	struct pl_eio *e = a->asker.is_foreign ? NULL : pl_eio_find(a->set, a->query.sid);
	if (a->asker.is_foreign) {
		fail(a, PL_EIO_FORBIDDEN);
	} else if (!e) {
		if (!pl_eio_forward(a->set, a->conn, a->request, a->query.sid))
			fail(a, PL_EIO_UNKNOWN_SID);
	} else if (!is_polled(e, &a->query)) {
		fail(a, PL_EIO_BAD_REQUEST);
	} else if (!pl_eio_is_bound(e, a->conn, &a->asker, false)) {
		fail(a, PL_EIO_UNKNOWN_SID);
	} else {
		pl_conn_excuse(a->conn);
		serve(a, e);
	}
}

void pl_eio_on_request(struct pl_conn *c, const struct pl_request *q)
{
	struct ask a = {.set = pl_conn_ctx(c), .conn = c, .request = q};
	pl_eios_catch_up(a.set);
	pl_eio_read_query(q->http->query, &a.query);
	pl_eio_asker_read(a.set, q->http, &a.asker);
	bool is_preflight = q->http->method == PL_HTTP_OPTIONS && a.set->o->norigins;
	if (is_preflight && !a.asker.is_foreign && !a.asker.is_malformed)
		pl_eio_preflight(a.set, c, q->http, a.asker.cors);
	else if (is_preflight)
		fail(&a, PL_EIO_FORBIDDEN);
	else if (!pl_eio_has_transport(a.set, a.query.transport))
		fail(&a, PL_EIO_UNKNOWN_TRANSPORT);
	else if (a.query.is_jsonp)
		fail_with(&a, PL_EIO_BAD_REQUEST, PL_S("JSONP is not supported"));
	else if (a.asker.is_malformed)
		fail(&a, PL_EIO_BAD_REQUEST);
	else if (a.query.sid.at)
		next_request(&a);
	else
		first_request(&a);
}

/* The session is not harmed, as it is not with the original. */
void pl_eio_on_too_large(struct pl_conn *c, const struct pl_request *q)
{
	struct ask a = {.set = pl_conn_ctx(c), .conn = c, .request = q};
	pl_eio_asker_read(a.set, q->http, &a.asker);
	refuse(&a, 413);
}
