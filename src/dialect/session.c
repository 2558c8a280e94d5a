/*
 * session.c - the life of a session, whatever carries it.
 *
 * Invariants:  refs = 1 while the line lives, plus the operations under way;  messages are
 * handed to the dialect one at a time and in order, never while a sign-in is under way.
 */
#include "dialect/session.h"

#include "base/clock.h"
#include "base/mem.h"
#include "dialect/session_conn.h"

enum {
	WAITING_BYTES = 256 * 1024,
	WAITING_MAX = 64,
	OUT_MAX = 64 << 20,
	REFRESH_MS = 1000, /* how often a token that ran out looks whether its successor came */
	WORKER_SHIFT = 48, /* peer ids: the worker above, a counter below */
};

/* What an operation of a session carries besides its input. Lies in the op's arena. */
struct call {
	struct pl_session *session;
	struct pl_uuid user; /* who asked */
	struct pl_slice ref;
	struct pl_op *held;
	void *attached;
	bool was_asked;
	uint64_t expires_s;
};

static void dismiss(struct pl_peer *, const struct pl_event *why);

int pl_gateway_init(struct pl_gateway *g, struct pl_hub *hub,
		    const struct pl_gateway_options *options, uint32_t worker, size_t max_message)
{
	*g = (struct pl_gateway){.hub = hub, .options = options};
	g->next_id = ((uint64_t)worker << WORKER_SHIFT) + 1;
	hub->on_dismiss = dismiss;
	pl_buf_init(&g->out, OUT_MAX);
	int err = pl_json_parser_new(max_message, &g->messages);
	if (!err)
		err = pl_json_parser_new(PL_TOKEN_MAX, &g->tokens);
	if (err)
		pl_gateway_fini(g);
	return err;
}

void pl_gateway_fini(struct pl_gateway *g)
{
	pl_json_parser_free(g->messages);
	pl_json_parser_free(g->tokens);
	pl_auth_release(g->auth);
	pl_buf_fini(&g->out);
	*g = (struct pl_gateway){0};
}

void pl_gateway_set_auth(struct pl_gateway *g, struct pl_auth *auth)
{
	pl_auth_release(g->auth);
	g->auth = auth;
}

static const struct pl_line_ops *line_of(const struct pl_session *s)
{
	return s->dialect->line ? s->dialect->line : &pl_session_conn_line;
}

struct pl_buf *pl_session_out(struct pl_session *s)
{
	pl_buf_clear(&s->gateway->out);
	return &s->gateway->out;
}

void pl_session_send(struct pl_session *s, struct pl_buf *b)
{
	if (!s->line)
		return;
	if (b->err)
		line_of(s)->close(s, 1011, PL_S("answer too large, or out of memory"));
	else
		line_of(s)->send(s, pl_buf_slice(b));
}

/* ---- life ---- */

static void release(struct pl_session *s)
{
	if (--s->refs)
		return;
	pl_buf_fini(&s->waiting);
	pl_free(s->request);
	pl_free(s);
}

/* Not on its way out: who was told to go neither signs in nor asks any more. */
static bool is_here(const struct pl_session *s)
{
	return s->line && (s->is_asking || line_of(s)->is_open(s));
}

void pl_session_close_line(struct pl_session *s, uint16_t code, struct pl_slice reason)
{
	if (s->line)
		line_of(s)->close(s, code, reason);
}

static void dismiss(struct pl_peer *p, const struct pl_event *why)
{
	struct pl_session *s = PL_CONTAINER(p, struct pl_session, peer);
	pl_session_close_line(s, 1008, why->payload);
}

static void wait_for_expiry(struct pl_session *s)
{
	struct pl_hub *hub = s->gateway->hub;
	uint64_t now_ms = pl_wall_ms(), end_ms = s->expires_s * 1000;
	uint64_t warning_ms = s->is_warned ? 0 : s->gateway->options->expiry_warning_ms;
	uint64_t at = end_ms > warning_ms ? end_ms - warning_ms : 0;
	pl_timer_set(hub->loop, &s->timer, at > now_ms ? at - now_ms : 0);
}

static void on_timer(struct pl_timer *t)
{
	struct pl_session *s = PL_CONTAINER(t, struct pl_session, timer);
	struct pl_hub *hub = s->gateway->hub;
	if (!pl_session_is_signed_in(s)) {
		if (s->dialect->on_deadline)
			s->dialect->on_deadline(s);
		pl_session_close_line(s, 1008, PL_S("nobody signed in"));
		return;
	}
	/* The clock on the wall may have been set back: look again rather than trust the wait. */
	bool is_over = pl_wall_ms() / 1000 >= s->expires_s;
	if (is_over && s->is_signing_in) {
		/* A fresh token was brought in time and is only not answered yet. */
		pl_timer_set(hub->loop, &s->timer, REFRESH_MS);
		return;
	}
	if (is_over) {
		pl_metric_add(hub->metrics, PL_M_AUTH_EXPIRED, 1);
		s->dialect->on_expiry(s, s->expires_s, true);
		pl_session_close_line(s, 1008, PL_S("token expired"));
		return;
	}
	if (!s->is_warned)
		s->dialect->on_expiry(s, s->expires_s, false);
	s->is_warned = true;
	wait_for_expiry(s);
}

static size_t waiting_bytes(const struct pl_session *s)
{
	return s->dialect->waiting_bytes ? s->dialect->waiting_bytes : WAITING_BYTES;
}

struct pl_session *pl_session_new(void *line, struct pl_gateway *g, const struct pl_dialect *d)
{
	struct pl_session *s = pl_zalloc(1, d->size ? d->size : sizeof(*s));
	if (!s)
		return NULL;
	s->line = line;
	s->gateway = g;
	s->dialect = d;
	s->refs = 1;
	pl_buf_init(&s->waiting, waiting_bytes(s));
	pl_timer_init(&s->timer, on_timer);
	pl_peer_init(&s->peer, d->peer_ops, g->next_id++);
	return s;
}

void pl_session_ask(struct pl_session *s, struct pl_slice token)
{
	s->is_asking = true;
	pl_session_sign_in(s, token, (struct pl_slice){NULL, 0}, false);
}

static void take_token(struct pl_session *s, struct pl_slice token)
{
	if (token.len)
		pl_session_sign_in(s, token, (struct pl_slice){NULL, 0}, false);
	else if (s->dialect->on_no_token)
		s->dialect->on_no_token(s);
}

void pl_session_begin(struct pl_session *s, struct pl_slice token)
{
	struct pl_gateway *g = s->gateway;
	if (g->options->auth_deadline_ms)
		pl_timer_set(g->hub->loop, &s->timer, g->options->auth_deadline_ms);
	take_token(s, token);
}

/* Nobody is signed in, and nothing is left of whoever was. */
static void sign_out(struct pl_session *s)
{
	if (s->dialect->on_end)
		s->dialect->on_end(s);
	pl_hub_leave(s->gateway->hub, &s->peer);
}

/* Nothing of the line is ours any more. */
static void let_go(struct pl_session *s)
{
	pl_timer_stop(&s->timer);
	s->line = NULL;
	release(s);
}

void pl_session_end(struct pl_session *s)
{
	sign_out(s);
	if (s->preparing)
		pl_session_done(s->preparing);
	s->preparing = NULL;
	let_go(s);
}

/* ---- messages ---- */

static void keep_waiting(struct pl_session *s, struct pl_slice text)
{
	uint32_t len = (uint32_t)text.len;
	/* All of it or nothing: whoever reads it back believes the length. */
	uint32_t max = s->dialect->waiting_max ? s->dialect->waiting_max : WAITING_MAX;
	if (s->nwaiting == max || pl_buf_reserve(&s->waiting, sizeof(len) + text.len)) {
		pl_session_close_line(s, 1008,
				      PL_S("too much was sent before signing in was done"));
		return;
	}
	pl_buf_put(&s->waiting, &len, sizeof(len));
	pl_buf_puts(&s->waiting, text);
	s->nwaiting++;
}

void pl_session_say(struct pl_session *s, struct pl_slice text)
{
	if (s->is_signing_in)
		keep_waiting(s, text);
	else
		s->dialect->on_text(s, text);
}

void pl_session_turn_into(struct pl_session *s, const struct pl_dialect *d, struct pl_slice token,
			  struct pl_slice first)
{
	s->dialect = d;
	s->peer.ops = d->peer_ops;
	pl_buf_init(&s->waiting, waiting_bytes(s));
	take_token(s, token);
	if (is_here(s))
		pl_session_say(s, first);
}

/* Takes what waits as far as it gets: one of the messages may sign in again. */
static void say_what_waited(struct pl_session *s)
{
	struct pl_buf waiting = s->waiting;
	size_t at = 0;
	uint32_t len;
	pl_buf_init(&s->waiting, waiting_bytes(s));
	s->nwaiting = 0;
	while (is_here(s) && at + sizeof(len) <= waiting.len) {
		memcpy(&len, waiting.at + at, sizeof(len));
		at += sizeof(len);
		pl_session_say(s, pl_slice(waiting.at + at, len));
		at += len;
	}
	pl_buf_fini(&waiting);
}

/* ---- operations ---- */

struct pl_op *pl_session_op(struct pl_session *s, enum pl_op_kind kind,
			    void (*on_done)(struct pl_op *), struct pl_slice ref)
{
	struct pl_op *op = pl_op_new(kind, s->gateway->hub->loop, on_done, NULL);
	struct call *call = op ? pl_arena_alloc(&op->arena, sizeof(*call)) : NULL;
	if (!call || pl_arena_copy(&op->arena, ref, &call->ref)) {
		if (op)
			pl_op_free(op);
		return NULL;
	}
	call->session = s;
	call->user = s->peer.user.id;
	op->owner = call;
	op->origin = s->peer.id;
	s->refs++;
	return op;
}

void pl_session_submit(struct pl_session *s, struct pl_op *op)
{
	pl_hub_submit(s->gateway->hub, op);
}

struct pl_session *pl_session_of(const struct pl_op *op)
{
	struct pl_session *s = ((const struct call *)op->owner)->session;
	return s->line ? s : NULL;
}

bool pl_session_is_still(const struct pl_op *op)
{
	const struct call *call = op->owner;
	return pl_uuid_eq(&call->session->peer.user.id, &call->user);
}

struct pl_hub *pl_session_hub(const struct pl_op *op)
{
	return ((const struct call *)op->owner)->session->gateway->hub;
}

struct pl_slice pl_session_ref(const struct pl_op *op)
{
	return ((const struct call *)op->owner)->ref;
}

void pl_session_attach(struct pl_op *op, void *what)
{
	((struct call *)op->owner)->attached = what;
}

void *pl_session_attached(const struct pl_op *op)
{
	return ((const struct call *)op->owner)->attached;
}

void pl_session_hold(struct pl_op *op, struct pl_op *held)
{
	((struct call *)op->owner)->held = held;
}

struct pl_op *pl_session_held(const struct pl_op *op)
{
	return ((const struct call *)op->owner)->held;
}

void pl_session_done(struct pl_op *op)
{
	struct pl_session *s = ((struct call *)op->owner)->session;
	pl_op_free(op);
	release(s);
}

/* ---- signing in ---- */

static int enter(struct pl_session *s, const struct pl_op *op, uint64_t expires_s)
{
	struct pl_hub *hub = s->gateway->hub;
	bool is_other =
		pl_session_is_signed_in(s) && !pl_uuid_eq(&s->peer.user.id, &op->sign_in.user.id);
	/* Nothing of the former user may be left: neither rooms nor what it was typing. */
	if (is_other)
		pl_hub_leave(hub, &s->peer);
	int err = pl_hub_enter(hub, &s->peer, &op->sign_in);
	if (err)
		return err;
	s->expires_s = expires_s;
	s->is_warned = false;
	wait_for_expiry(s);
	return 0;
}

/* Whether the session is still there. */
static bool answer(struct pl_session *s, int err)
{
	s->refs++; /* it must still be there to be looked at */
	s->is_asking = false;
	if (!line_of(s)->answer(s, err)) {
		sign_out(s);
		let_go(s);
	}
	bool is_there = s->line != NULL;
	release(s);
	return is_there;
}

/* The end of a sign-in, good or bad. The session may be gone afterwards. */
static void conclude(struct pl_session *s, struct pl_slice ref, bool was_asked, int err)
{
	s->is_signing_in = false;
	if (s->is_asking && !answer(s, err))
		return;
	s->dialect->on_signed_in(s, ref, was_asked, err);
	say_what_waited(s);
}

void pl_session_ready(struct pl_session *s, int err)
{
	struct pl_op *op = s->preparing;
	const struct call *call = op->owner;
	s->preparing = NULL;
	if (err)
		sign_out(s);
	if (is_here(s))
		conclude(s, call->ref, call->was_asked, err);
	pl_session_done(op);
}

static void on_user_found(struct pl_op *op)
{
	const struct call *call = op->owner;
	struct pl_session *s = pl_session_of(op);
	int err = op->err;
	if (s && is_here(s)) {
		if (!err)
			err = enter(s, op, call->expires_s);
		if (!err && s->dialect->prepare) {
			s->preparing = op;
			s->dialect->prepare(s);
			return;
		}
		conclude(s, call->ref, call->was_asked, err);
	}
	pl_session_done(op);
}

static int check_token(struct pl_session *s, struct pl_slice token, struct pl_arena *a,
		       struct pl_identity *who)
{
	struct pl_gateway *g = s->gateway;
	struct pl_hub *hub = g->hub;
	const char *why = "no keys are configured";
	int err = g->auth ? pl_auth_check(g->auth, g->tokens, token, pl_wall_ms() / 1000, a, who,
					  &why)
			  : PL_ESTATE;
	if (!err)
		return 0;
	struct pl_ip from = pl_ip_site(line_of(s)->from(s));
	g->refusal = why;
	pl_metric_add(hub->metrics, PL_M_AUTH_FAILED, 1);
	pl_log(hub->log, PL_INFO, "auth", "connection %llu: token refused: %s",
	       (unsigned long long)line_of(s)->number(s), why);
	if (pl_limits_take(hub->limits, PL_LIMIT_AUTH_FAILURES, pl_slice(from.b, sizeof(from.b)),
			   pl_now_ms(), NULL))
		err = PL_ELIMIT; /* somebody is guessing */
	return err;
}

static int start_sign_in(struct pl_session *s, struct pl_slice token, struct pl_slice ref,
			 bool was_asked)
{
	struct pl_op *op = pl_session_op(s, PL_OP_SIGN_IN, on_user_found, ref);
	struct pl_identity who;
	if (!op)
		return PL_ENOMEM;
	int err = check_token(s, token, &op->arena, &who);
	if (err) {
		pl_session_done(op);
		return err;
	}
	struct call *call = op->owner;
	call->was_asked = was_asked;
	call->expires_s = who.expires_s;
	op->sign_in.issued_s = who.issued_s;
	op->sign_in.provision = s->gateway->options->provision;
	op->sign_in.claims = (struct pl_user){.subject = who.subject,
					      .subject_is_number = who.subject_is_number,
					      .username = who.username,
					      .display_name = who.name,
					      .email = who.email,
					      .phone = who.phone};
	s->is_signing_in = true;
	pl_session_submit(s, op);
	return 0;
}

int pl_session_be_guest(struct pl_session *s, const struct pl_user *user)
{
	int err = pl_hub_enter_guest(s->gateway->hub, &s->peer, user);
	if (!err)
		pl_timer_stop(&s->timer);
	return err;
}

static void refuse(struct pl_session *s, struct pl_slice ref, bool was_asked, int err)
{
	if (s->is_asking) {
		conclude(s, ref, was_asked, err);
		return;
	}
	s->dialect->on_signed_in(s, ref, was_asked, err);
	if (err == PL_ELIMIT)
		pl_session_close_line(s, 1008, PL_S("too many refused tokens"));
}

void pl_session_sign_in(struct pl_session *s, struct pl_slice token, struct pl_slice ref,
			bool was_asked)
{
	struct pl_gateway *g = s->gateway;
	g->refusal = NULL;
	int err = start_sign_in(s, token, ref, was_asked);
	if (err)
		refuse(s, ref, was_asked, err);
	g->refusal = NULL;
}
