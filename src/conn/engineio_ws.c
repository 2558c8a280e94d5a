/*
 * engineio_ws.c - sessions on a WebSocket: the handshake by one, the probe that asks to take a
 * session over from polling, the switch, packets in, and what a connection's end means.
 *
 * The switch loses and doubles nothing, because until the client's `5` all packets go by polling,
 * and the client sends it only after its last poll has ended. What is queued then, and what is said
 * later, goes by the WebSocket in that order; requests for the session are refused from then on.
 */
#include "conn/engineio_internal.h"

enum { HELLO_MAX = 512 };

static const struct pl_slice no_protocol = {NULL, 0};

/* ---- handshakes ---- */

static void refuse(struct pl_conn *c, enum pl_eio_error code)
{
	pl_conn_respond_text(c, 400, "text/html", pl_slice_str(pl_eio_error_text(code)));
}

static void unavailable(struct pl_conn *c)
{
	pl_conn_respond_text(c, 503, "text/html", PL_S("Service Unavailable"));
}

/* What the original does with what it does not want: it opens it and closes it. */
static void open_and_close(struct pl_conn *c, const struct pl_request *q)
{
	if (pl_conn_upgrade(c, q, no_protocol, NULL))
		unavailable(c);
	else
		pl_conn_close(c, 0, PL_S(""));
}

static void welcome(struct pl_eio *e)
{
	struct pl_buf b;
	pl_buf_init(&b, HELLO_MAX);
	pl_eio_put_hello(&b, e);
	int err = b.err ? b.err : pl_conn_send(e->line, PL_WS_TEXT, pl_buf_slice(&b));
	pl_buf_fini(&b);
	if (err)
		pl_eio_end(e, PL_EIO_TRANSPORT_ERROR, PL_EIO_CLOSE);
}

/* The line is there: what was said inside on_open follows the hello, and its goodbye that. */
static void begin(struct pl_eio *e, struct pl_conn *c)
{
	bool is_over = e->state == PL_EIO_OVER;
	e->line = c;
	welcome(e);
	if (e->polling && e->line)
		pl_eio_move_queue(e, e->polling);
	pl_eio_polling_free(e);
	if (!is_over || !e->line)
		return;
	e->line = NULL;
	pl_conn_set_user(c, NULL);
	pl_conn_close(c, e->close_code, PL_S(""));
}

static void shake_hands(struct pl_eios *set, struct pl_conn *c, const struct pl_request *q,
			const struct pl_eio_query *query)
{
	struct pl_eio *e;
	if (set->is_draining || pl_eio_new(set, c, query, &e)) {
		unavailable(c);
		return;
	}
	int err = set->ops->on_open(e, q);
	if (err) {
		pl_eio_gone(e);
		if (err == PL_EDENIED)
			refuse(c, PL_EIO_FORBIDDEN);
		else
			unavailable(c);
		return;
	}
	pl_eio_open(e);
	if (!pl_conn_upgrade(c, q, no_protocol, e)) {
		begin(e, c);
		return;
	}
	pl_eio_end(e, PL_EIO_TRANSPORT_ERROR, PL_EIO_CLOSE);
	unavailable(c);
}

/* ---- the probe ---- */

static bool may_probe(const struct pl_eio *e, const struct pl_eio_query *q)
{
	return e->state == PL_EIO_IS_OPEN && e->transport == PL_EIO_POLLING && !e->polling->probe &&
	       !e->set->o->no_upgrade && q->transport == PL_EIO_WEBSOCKET;
}

static void begin_probe(struct pl_eio *e, struct pl_conn *c, const struct pl_request *q)
{
	struct pl_eio_polling *p = e->polling;
	if (pl_conn_upgrade(c, q, no_protocol, e)) {
		unavailable(c);
		return;
	}
	p->probe = c;
	pl_eio_probe_begin(p);
}

static void take_over(struct pl_eios *set, struct pl_conn *c, const struct pl_request *q,
		      const struct pl_eio_query *query, const struct pl_eio_asker *asker)
{
	struct pl_eio *e = pl_eio_find(set, query->sid);
	if (!e && pl_eio_forward(set, c, q, query->sid))
		return;
	if (!e || (e->polling && !pl_eio_is_bound(e, c, asker, true)))
		refuse(c, PL_EIO_UNKNOWN_SID);
	else if (query->version != 4)
		refuse(c, PL_EIO_BAD_REQUEST);
	else if (may_probe(e, query))
		begin_probe(e, c, q);
	else
		open_and_close(c, q);
}

void pl_eio_on_upgrade(struct pl_conn *c, const struct pl_request *q)
{
	struct pl_eios *set = pl_conn_ctx(c);
	struct pl_eio_query query;
	struct pl_eio_asker asker;
	pl_eios_catch_up(set);
	pl_eio_read_query(q->http->query, &query);
	pl_eio_asker_read(set, q->http, &asker);
	if (!pl_eio_has_transport(set, query.transport))
		refuse(c, PL_EIO_UNKNOWN_TRANSPORT);
	else if (asker.is_malformed)
		refuse(c, PL_EIO_BAD_REQUEST);
	else if (asker.is_foreign)
		refuse(c, PL_EIO_FORBIDDEN);
	else if (query.sid.at)
		take_over(set, c, q, &query, &asker);
	else if (query.version != 4)
		refuse(c, PL_EIO_UNSUPPORTED_PROTOCOL);
	else if (query.transport == PL_EIO_WEBSOCKET)
		shake_hands(set, c, q, &query);
	else
		open_and_close(c, q);
}

/* ---- the switch ---- */

static void answer_probe(struct pl_eio *e)
{
	struct pl_eio_polling *p = e->polling;
	p->is_probed = true;
	if (pl_conn_send(p->probe, PL_WS_TEXT, PL_S("3probe")))
		pl_eio_drop_probe(e);
	else
		pl_eio_answer(e); /* the client waits for its poll to end */
}

static void switch_over(struct pl_eio *e)
{
	struct pl_eio_polling *p = e->polling;
	e->line = p->probe;
	e->transport = PL_EIO_WEBSOCKET;
	pl_eios_count_polling(e->set, -1);
	p->probe = NULL;
	pl_eio_move_queue(e, p);
	pl_eio_answer(e); /* whose poll that may be: it gets nothing */
	pl_eio_polling_free(e);
	if (pl_eio_is_open(e) && e->set->ops->on_upgrade)
		e->set->ops->on_upgrade(e);
}

static void on_probe(struct pl_eio *e, enum pl_ws_op kind, struct pl_slice data)
{
	if (kind == PL_WS_TEXT && pl_slice_is(data, "2probe"))
		answer_probe(e);
	else if (kind == PL_WS_TEXT && pl_slice_is(data, "5") && e->polling->is_probed)
		switch_over(e);
	else
		pl_eio_drop_probe(e);
}

/* ---- packets ---- */

/* A client that has no binary frames writes them as in a payload. */
static int read_text(struct pl_slice data, struct pl_eio_packet *p)
{
	struct pl_eio_payload one = {.rest = data};
	if (!data.len || data.at[0] != 'b')
		return pl_eio_read(data, p);
	int err = pl_eio_next(&one, p);
	return !err && !one.is_over ? PL_EPROTO : err;
}

void pl_eio_on_ws_message(struct pl_conn *c, enum pl_ws_op kind, struct pl_slice data)
{
	struct pl_eio *e = pl_conn_user(c);
	struct pl_eio_packet p = {.type = PL_EIO_MESSAGE, .is_binary = true, .data = data};
	if (!e)
		return; /* it was let go of */
	if (e->line != c)
		on_probe(e, kind, data);
	else if (kind == PL_WS_TEXT && read_text(data, &p))
		pl_eio_end(e, PL_EIO_PARSE_ERROR, PL_EIO_CLOSE);
	else
		pl_eio_take(e, &p);
}

/* ---- the end of a connection ---- */

static enum pl_eio_reason reason_of(const struct pl_conn *c, uint16_t code)
{
	int fault = pl_conn_fault(c);
	bool is_broken = (fault && fault != PL_ECLOSED) || code == 1013;
	return is_broken ? PL_EIO_TRANSPORT_ERROR : PL_EIO_CLIENT_LEFT;
}

void pl_eio_on_conn_close(struct pl_conn *c, uint16_t code, struct pl_slice reason)
{
	struct pl_eio *e = pl_conn_user(c);
	(void)reason;
	if (!e)
		return;
	pl_conn_set_user(c, NULL);
	if (e->line == c) {
		e->line = NULL;
		pl_eio_end(e, reason_of(c, code), PL_EIO_CLOSE);
	} else if (e->polling->probe == c) {
		e->polling->probe = NULL;
		e->polling->is_probed = false;
		pl_list_remove(&e->polling->probing);
	} else { /* the poll that hung: what it did not get, the client will never ask for */
		e->polling->get = NULL;
		pl_eio_end(e, PL_EIO_TRANSPORT_ERROR, PL_EIO_CLOSE);
	}
}
