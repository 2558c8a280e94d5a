/*
 * session_conn.c - a session on a WebSocket of its own: from the upgrade, which may have to wait
 * for the token, to the close.
 */
#include "dialect/session_conn.h"

#include "base/mem.h"
#include "wire/url.h"

enum { TOKEN_ARENA = 64 * 1024 };

/* ---- the token of a handshake ---- */

static struct pl_slice find_token(const struct pl_request *q, struct pl_arena *a)
{
	struct pl_slice query = {NULL, 0};
	if (pl_query_get(q->http->query, "token", a, &query))
		query = (struct pl_slice){NULL, 0};
	struct pl_slice token = pl_token_find(pl_http_header(&q->http->head, "Authorization"),
					      query, pl_http_header(&q->http->head, "Cookie"));
	struct pl_slice decoded;
	bool is_decoded = token.len && !pl_percent_decode(token, false, a, &decoded);
	return is_decoded ? decoded : token;
}

static struct pl_slice token_of(const struct pl_dialect *d, const struct pl_request *q,
				struct pl_arena *a)
{
	return d->find_token ? d->find_token(q, a) : find_token(q, a);
}

/* ---- coming ---- */

static void refuse_upgrade(struct pl_conn *c, int err)
{
	pl_conn_respond_text(c, err == PL_EINVAL ? 400 : 503, "text/plain", PL_S("refused\n"));
}

/* As one that is upgraded when the token is known to be good. */
static void open_later(struct pl_session *s, const struct pl_request *q, struct pl_slice token)
{
	s->request = pl_request_keep(q);
	if (s->request) {
		pl_conn_set_user(s->conn, s);
		pl_session_ask(s, token);
		return;
	}
	refuse_upgrade(s->conn, PL_ENOMEM);
	pl_session_end(s);
}

static void open_now(struct pl_session *s, const struct pl_request *q, struct pl_slice token)
{
	int err = pl_conn_upgrade(s->conn, q, (struct pl_slice){NULL, 0}, s);
	if (!err) {
		pl_session_begin(s, token);
		return;
	}
	refuse_upgrade(s->conn, err);
	pl_session_end(s);
}

void pl_session_open(struct pl_conn *c, const struct pl_request *q, struct pl_gateway *g,
		     const struct pl_dialect *d)
{
	struct pl_session *s = pl_session_new(c, g, d);
	struct pl_arena a;
	if (!s) {
		refuse_upgrade(c, PL_ENOMEM);
		return;
	}
	pl_arena_init(&a, TOKEN_ARENA);
	struct pl_slice token = token_of(d, q, &a);
	if (token.len && d->asks_first)
		open_later(s, q, token);
	else
		open_now(s, q, token);
	pl_arena_fini(&a);
}

static bool is_clients_fault(int err)
{
	return err == PL_EDENIED || err == PL_EEXPIRED || err == PL_ENOTFOUND ||
	       err == PL_EEXISTS || err == PL_ELIMIT;
}

static bool answer(struct pl_session *s, int err)
{
	struct pl_conn *c = s->conn;
	int failed = err ? err : pl_conn_upgrade(c, s->request, (struct pl_slice){NULL, 0}, s);
	pl_free(s->request);
	s->request = NULL;
	if (!failed)
		return true;
	pl_conn_set_user(c, NULL);
	if (err && is_clients_fault(err))
		pl_conn_respond_text(c, 401, "text/plain", PL_S("Unauthorized\n"));
	else
		refuse_upgrade(c, err ? PL_ENOMEM : failed);
	return false;
}

/* ---- while it is there ---- */

void pl_session_message(struct pl_conn *c, enum pl_ws_op kind, struct pl_slice data)
{
	(void)kind; /* binary frames may carry the same text */
	pl_session_say(pl_conn_user(c), data);
}

void pl_session_become(struct pl_session *s, const struct pl_dialect *d, const struct pl_request *q,
		       struct pl_slice first)
{
	struct pl_arena a;
	pl_arena_init(&a, TOKEN_ARENA);
	pl_session_turn_into(s, d, token_of(d, q, &a), first);
	pl_arena_fini(&a);
}

static bool is_open(const struct pl_session *s)
{
	return pl_conn_is_open(s->conn);
}

static void send_text(struct pl_session *s, struct pl_slice text)
{
	pl_conn_send(s->conn, PL_WS_TEXT, text);
}

static void close_it(struct pl_session *s, uint16_t code, struct pl_slice reason)
{
	pl_conn_close(s->conn, code, reason);
}

static struct pl_ip from(const struct pl_session *s)
{
	return *pl_conn_from(s->conn);
}

static uint64_t number(const struct pl_session *s)
{
	return pl_conn_id(s->conn);
}

const struct pl_line_ops pl_session_conn_line = {
	.is_open = is_open,
	.send = send_text,
	.close = close_it,
	.from = from,
	.number = number,
	.answer = answer,
};

/* ---- going ---- */

void pl_session_close(struct pl_conn *c, uint16_t code, struct pl_slice reason)
{
	struct pl_session *s = pl_conn_user(c);
	(void)code;
	(void)reason;
	if (s) /* else it broke while it was being upgraded, and never became a session */
		pl_session_end(s);
}
