/*
 * socketio_auth.c - who wants to come in: the token of the handshake, why it is refused in the
 * words that clients know, and the socket as the line of a session.
 */
#include "dialect/socketio_internal.h"

/* What jsonwebtoken says where our reason is this one. */
static const struct {
	const char *reason, *words;
} refusals[] = {
	{"the token does not have three parts", "jwt malformed"},
	{"the token is too long", "jwt malformed"},
	{"the token is not signed", "jwt signature is required"},
	{"a part of the token is not base64url", "invalid token"},
	{"a part of the token is not JSON", "invalid token"},
	{"a part of the token is not a JSON object", "invalid token"},
	{"the signature is not base64url, or too long", "invalid signature"},
	{"no key of ours made the token's signature", "invalid signature"},
	{"the algorithm of the token is not accepted", "invalid algorithm"},
	{"the token has expired", "jwt expired"},
	{"the token is not valid yet", "jwt not active"},
	{"the token was issued in the future", "jwt not active"},
	{"the token has no valid expiry time", "invalid exp value"},
	{"the token is from another issuer", "jwt issuer invalid"},
	{"the token is for another audience", "jwt audience invalid"},
	{"no keys are configured", "secret or public key must be provided"},
};

#define FAILED "Authentication failed: "

/* Nothing is wrong with who asks. */
static bool is_for_now(int err, const char *reason)
{
	return !reason && err != PL_ELIMIT && err != PL_EDENIED && err != PL_ENOTFOUND &&
	       err != PL_EINVAL;
}

static void put_refusal(struct pl_buf *b, int err, const char *reason)
{
	size_t i = 0, n = sizeof(refusals) / sizeof(*refusals);
	if (err == PL_ELIMIT) {
		PL_PUT(b, "Rate limit exceeded");
	} else if (reason) {
		while (i < n && strcmp(refusals[i].reason, reason) != 0)
			i++;
		PL_PUT(b, FAILED);
		pl_buf_puts(b, pl_slice_str(i < n ? refusals[i].words : "invalid token"));
	} else {
		PL_PUT(b, "Invalid user");
	}
	pl_buf_putc(b, '\0');
}

static void refuse(parley_handshake *h, int err, const char *reason)
{
	struct pl_buf b;
	if (is_for_now(err, reason))
		pl_handshake_break(h);
	pl_buf_init(&b, 256);
	put_refusal(&b, err, reason);
	parley_deny(h, b.err ? "Authentication failed" : b.at, NULL);
	pl_buf_fini(&b);
}

/* ---- the handshake ---- */

static void begin(struct pl_gateway *g, parley_handshake *h, struct pl_slice token)
{
	const struct pl_dialect *d =
		g->options->socketio_recovery ? &pl_socketio_dialect : &pl_socketio_plain_dialect;
	struct pl_session *s = pl_session_new(g, g, d);
	if (!s) {
		refuse(h, PL_ENOMEM, NULL);
		return;
	}
	struct socketio *x = pl_socketio_of(s);
	s->line = x;
	x->asking = h;
	pl_list_init(&x->joins);
	if (!pl_socketio_arrival_new(x, h)) {
		pl_session_ask(s, token);
		return;
	}
	refuse(h, PL_ENOMEM, NULL);
	pl_session_end(s);
}

void pl_socketio_authorize(parley_handshake *h, void *user)
{
	const struct pl_json *auth = (const void *)parley_handshake_auth(h);
	const struct pl_json *token = pl_json_get(auth, "token");
	struct pl_gateway *g = pl_handshake_ctx(h);
	(void)user;
	bool is_none = pl_json_is_absent(token) || (token->str.at && !token->str.len);
	if (!g || is_none)
		parley_deny(h, "Authentication required", NULL);
	else if (!token->str.at)
		parley_deny(h, FAILED "jwt must be a string", NULL);
	else
		begin(g, h, token->str);
}

/* ---- the socket as a line ---- */

static bool is_open(const struct pl_session *s)
{
	const struct socketio *x = s->line;
	return x->socket && parley_socket_is_connected(x->socket);
}

static void send_json(struct pl_session *s, struct pl_slice text)
{
	struct socketio *x = pl_socketio_of(s);
	if (x->socket)
		(void)pl_sio_emit_json(x->socket, text);
}

/* Who has lost the right to be here is shown out of the namespace; a line that went wrong is cut:
 * its client comes again by itself. */
static void close_it(struct pl_session *s, uint16_t code, struct pl_slice reason)
{
	struct socketio *x = pl_socketio_of(s);
	(void)reason;
	x->is_dismissed = true;
	if (x->socket && code == 1008)
		parley_disconnect(x->socket, false);
	else if (x->socket)
		pl_socket_break(x->socket);
}

static const struct pl_eio *engine_of(const struct socketio *x)
{
	if (x->asking)
		return pl_handshake_engine(x->asking);
	return x->socket ? pl_socket_engine(x->socket) : NULL;
}

static struct pl_ip from(const struct pl_session *s)
{
	const struct pl_eio *eio = engine_of(s->line);
	return eio ? *pl_eio_from(eio) : (struct pl_ip){{0}};
}

static uint64_t number(const struct pl_session *s)
{
	const struct pl_eio *eio = engine_of(s->line);
	return eio ? pl_eio_number(eio) : 0;
}

/* The socket is gone, or never came to be. */
static void on_gone(void *data)
{
	struct socketio *x = data;
	x->socket = NULL;
	pl_session_end(&x->session);
}

static bool answer(struct pl_session *s, int err)
{
	struct socketio *x = pl_socketio_of(s);
	parley_handshake *h = x->asking;
	if (!err && x->is_dismissed)
		err = PL_EDENIED;
	if (!err)
		err = pl_socketio_restore(x);
	x->asking = NULL;
	if (err)
		refuse(h, err, s->gateway->refusal);
	else
		parley_admit(h, x, on_gone);
	return !err;
}

const struct pl_line_ops pl_socketio_line = {
	.is_open = is_open,
	.send = send_json,
	.close = close_it,
	.from = from,
	.number = number,
	.answer = answer,
};
