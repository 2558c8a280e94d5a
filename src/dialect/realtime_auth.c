/* realtime_auth.c - who is speaking, where it sits down, and how it goes. Its table stands at the
 * end. */
#include "dialect/realtime_internal.h"

#include "base/clock.h"
#include "wire/json_write.h"
#include "wire/url.h"

static struct pl_slice of_query(const struct pl_request *q, const char *name, struct pl_arena *a)
{
	struct pl_slice token;
	return pl_query_get(q->http->query, name, a, &token) ? (struct pl_slice){NULL, 0} : token;
}

struct pl_slice pl_realtime_find_token(const struct pl_request *q, struct pl_arena *a)
{
	struct pl_slice token = pl_token_bearer(pl_http_header(&q->http->head, "Authorization"));
	if (!token.len)
		token = of_query(q, "authToken", a);
	return token.len ? token : of_query(q, "token", a);
}

struct pl_slice pl_realtime_no_token(const struct pl_request *q, struct pl_arena *a)
{
	(void)q;
	(void)a;
	return (struct pl_slice){NULL, 0};
}

struct in_auth {
	struct pl_slice token;
};

static const struct pl_field auth_fields[] = {
	PL_FIELD(struct in_auth, token, "token", PL_STR, PL_REQUIRED, PL_REALTIME_TEXT_MAX,
		 "a JWT"),
	{0},
};

static int on_auth(struct pl_session *s, struct pl_slice ref, const void *in)
{
	pl_session_sign_in(s, ((const struct in_auth *)in)->token, ref, true);
	return 0;
}

static const char *refusal_of(int err)
{
	switch (err) {
	case PL_EDENIED: return "Invalid token.";
	case PL_EEXPIRED: return "Token expired.";
	case PL_ENOTFOUND: return "This user does not exist.";
	case PL_EEXISTS: return "This username belongs to somebody else.";
	case PL_ELIMIT: return "Too many failed attempts.";
	default: return "Authentication failed. Please try again.";
	}
}

static void take_over(struct pl_session *s)
{
	struct pl_topic_id t = pl_topic_user(&s->peer.user.id);
	struct pl_event *e = pl_event_new(PL_EV_TAKEOVER);
	if (!e || pl_event_address(e, pl_topic_slice(&t))) {
		pl_event_release(e);
		return;
	}
	e->origin = s->peer.id;
	e->wall_ms = pl_realtime_of(s)->since_ms;
	e->ref = pl_slice_str(s->dialect->name); /* a constant */
	pl_hub_publish(s->gateway->hub, e);
}

/* Two that come at once both hear of the other: the later one stays, on either worker's view. */
void pl_realtime_on_takeover(struct pl_session *s, const struct pl_event *e)
{
	struct realtime *r = pl_realtime_of(s);
	uint64_t mine = r->since_ms;
	if (!pl_slice_is(e->ref, s->dialect->name))
		return;
	if (!mine && e->wall_ms > r->others_since_ms)
		r->others_since_ms = e->wall_ms;
	bool is_later = e->wall_ms > mine || (e->wall_ms == mine && e->origin > s->peer.id);
	if (mine && is_later)
		pl_conn_close(s->conn, 1008, PL_S("signed in on another connection"));
}

static void note_ready(struct realtime *r)
{
	uint64_t now_ms = pl_wall_ms();
	r->since_ms = now_ms > r->others_since_ms ? now_ms : r->others_since_ms + 1;
}

void pl_realtime_on_signed_in(struct pl_session *s, struct pl_slice ref, bool was_asked, int err)
{
	const struct pl_gateway_options *o = s->gateway->options;
	if (err) {
		pl_realtime_fail(s, ref, refusal_of(err));
		if (s->conn)
			pl_conn_close(s->conn, 1008, PL_S("Unauthorized"));
		return;
	}
	if (was_asked)
		pl_realtime_say(s, "SUCCESS", ref, "Authenticated as ", s->peer.user.username, ".");
	note_ready(pl_realtime_of(s));
	if (o->realtime_single_session)
		take_over(s);
	if (o->realtime_push_init && pl_realtime_is_older(s) && !pl_realtime_is_presence(s) &&
	    pl_realtime_send_init(s, (struct pl_slice){NULL, 0}))
		pl_realtime_fail(s, ref, "Failed to load your chats. Please try again.");
}

void pl_realtime_on_expiry(struct pl_session *s, uint64_t expires_s, bool is_over)
{
	struct pl_slice none = {NULL, 0};
	struct pl_buf *b =
		is_over ? pl_realtime_begin(s, "ERROR", none, "Token expired.", none, "")
			: pl_realtime_begin(s, "INFO", none, "Your token expires soon.", none, "");
	PL_PUT(b, ",\"expiresAt\":");
	pl_json_put_iso(b, expires_s * 1000);
	PL_PUT(b, "}");
	pl_session_send(s, b);
}

void pl_realtime_on_deadline(struct pl_session *s)
{
	pl_realtime_fail(s, (struct pl_slice){NULL, 0}, "Authentication timed out.");
}

/* ---- coming ---- */

static void attended(struct pl_op *op)
{
	struct pl_session *s = pl_session_of(op);
	if (s) {
		if (op->err)
			pl_realtime_of(s)->attending = (struct pl_uuid){{0}};
		pl_session_ready(s, op->err);
	}
	pl_session_done(op);
}

/* Given up, the user would count as there for as long as the store is open. */
static void went(struct pl_op *op)
{
	if (op->err == PL_EBUSY)
		pl_hub_submit(pl_session_hub(op), op);
	else
		pl_session_done(op);
}

static int attend(struct pl_session *s, enum pl_attendance what, const struct pl_uuid *user,
		  void (*on_done)(struct pl_op *))
{
	struct pl_op *op = pl_session_op(s, PL_OP_ATTEND, on_done, (struct pl_slice){NULL, 0});
	if (!op)
		return PL_ENOMEM;
	op->attend.user = *user;
	op->attend.socket = s->peer.id;
	op->attend.what = what;
	pl_session_submit(s, op);
	return 0;
}

/* In all of its conversations a client hears what is said; who is online, only in direct ones. */
static int sit_down(struct pl_session *s, const struct pl_op_chats *c)
{
	struct pl_hub *hub = s->gateway->hub;
	bool is_presence = pl_realtime_is_presence(s);
	for (size_t i = 0; i < c->nrows; i++) {
		const struct pl_conversation *r = &c->rows[i].conversation;
		if (is_presence && r->type != PL_DIRECT)
			continue;
		int err = is_presence ? pl_hub_join(hub, &s->peer, &r->id) : pl_realtime_sit(s, r);
		if (err == PL_ELIMIT) {
			pl_log(hub->log, PL_WARN, "realtime",
			       "connection %llu hears the latest %zu conversations of %zu",
			       (unsigned long long)pl_conn_id(s->conn), i, c->nrows);
			return 0;
		}
		if (err)
			return err;
	}
	return 0;
}

static bool is_there_already(struct pl_session *s)
{
	return pl_uuid_eq(&pl_realtime_of(s)->attending, &s->peer.user.id);
}

/* Noted before the answer: who goes meanwhile must be taken off again, which is done behind this.
 */
static int come(struct pl_session *s)
{
	int err = attend(s, PL_CAME, &s->peer.user.id, attended);
	if (!err)
		pl_realtime_of(s)->attending = s->peer.user.id;
	return err;
}

static void chats_listed(struct pl_op *op)
{
	struct pl_session *s = pl_session_of(op);
	if (s) {
		int err = op->err;
		if (!err && !op->chats.is_named)
			err = PL_EEXISTS;
		if (!err)
			err = sit_down(s, &op->chats);
		bool is_done = err || pl_realtime_is_presence(s) || is_there_already(s);
		if (!is_done) {
			err = come(s);
			is_done = err != 0;
		}
		if (is_done)
			pl_session_ready(s, err);
	}
	pl_session_done(op);
}

void pl_realtime_prepare(struct pl_session *s)
{
	struct realtime *r = pl_realtime_of(s);
	if (!pl_uuid_is_nil(&r->attending) && !is_there_already(s))
		pl_realtime_on_end(s); /* of who was signed in before */
	struct pl_op *op = pl_session_op(s, PL_OP_CHATS, chats_listed, (struct pl_slice){NULL, 0});
	if (!op) {
		pl_session_ready(s, PL_ENOMEM);
		return;
	}
	op->chats.user = s->peer.user.id;
	pl_session_submit(s, op);
}

void pl_realtime_on_end(struct pl_session *s)
{
	struct realtime *r = pl_realtime_of(s);
	pl_realtime_forget_histories(s);
	pl_realtime_forget_invitations(s);
	if (pl_uuid_is_nil(&r->attending))
		return;
	if (attend(s, PL_WENT, &r->attending, went))
		pl_log(s->gateway->hub->log, PL_ERROR, "realtime",
		       "out of memory: messages that were heard may count as waiting");
	r->attending = (struct pl_uuid){{0}};
}

const struct pl_message_row pl_realtime_auth[] = {
	{.name = "AUTH",
	 PL_IN(auth_fields, struct in_auth),
	 .handle = on_auth,
	 .missing = {"ERROR", "Token is required."},
	 .failed = {"ERROR", "Authentication failed. Please try again."},
	 .reply = "`SUCCESS {msg}`; a bad token: `ERROR {msg}`, and closed with 1008",
	 .others = "`PRESENCE_UPDATE` or `STATUS_CHANGE`, on their sockets for presence",
	 .doc = "Sign in, or bring a fresh token. On both sockets."},
	{0},
};
