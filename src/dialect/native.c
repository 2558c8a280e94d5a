/* native.c - the envelope of the native dialect, its errors, its rate rule, and its endpoints. */
#include "dialect/native_internal.h"

#include "base/clock.h"
#include "wire/json_write.h"

enum { WAITING_MAX = 256, WAITING_BYTES = 16 << 20 };

static const struct pl_message_row *const tables[] = {pl_native_rooms, pl_native_messages, NULL};

void pl_native_fail(struct pl_session *s, struct pl_slice error)
{
	struct pl_buf *b = pl_session_out(s);
	PL_PUT(b, "{\"type\":\"error\",\"error\":");
	pl_json_put_str(b, error);
	PL_PUT(b, "}");
	pl_session_send(s, b);
}

/* Every frame counts. The window begins with the connection, and anew with the first frame that
 * comes too many, after it. */
static bool is_too_fast(struct native *n)
{
	const struct pl_gateway_options *o = n->session.gateway->options;
	uint64_t now_ms = pl_now_ms();
	if (!o->native_messages || ++n->said <= o->native_messages)
		return false;
	if (now_ms - n->window_ms < o->native_window_ms)
		return true;
	n->said = 0;
	n->window_ms = now_ms;
	return false;
}

static void refuse_haste(struct pl_session *s)
{
	pl_metric_add(s->gateway->hub->metrics, PL_M_RATE_LIMITED, 1);
	pl_native_fail(s, PL_S("Rate limit exceeded"));
	if (s->conn)
		pl_conn_close(s->conn, 1008, PL_S("Rate limit exceeded"));
}

static const struct pl_custom_message *find_custom(const struct pl_session *s, struct pl_slice type)
{
	const struct pl_custom_message *c = s->gateway->native_handlers;
	while (c && c->type && !pl_slice_is(type, c->type))
		c++;
	return c && c->type ? c : NULL;
}

bool pl_native_knows(const struct pl_session *s, struct pl_slice type)
{
	return find_custom(s, type) || pl_dispatch_find(tables, type);
}

/* What is not there or of the wrong kind is ignored, as are types that nobody knows. */
static void answer(struct pl_session *s, const struct pl_message_row *row,
		   const struct pl_verdict *v)
{
	switch (v->what) {
	case PL_TOO_FAST: pl_native_fail(s, PL_S("Rate limit exceeded")); return;
	case PL_FIELD_BAD:
	case PL_FAILED:
		if (row->failed.text)
			pl_native_fail(s, pl_slice_str(row->failed.text));
		return;
	default: return;
	}
}

static void on_object(struct pl_session *s, const struct pl_json *root)
{
	struct pl_slice type = pl_json_get_str(root, "type"), none = {NULL, 0};
	const struct pl_custom_message *custom = find_custom(s, type);
	if (custom) {
		custom->handle(s, root, custom->ctx);
		return;
	}
	const struct pl_message_row *row = pl_dispatch_find(tables, type);
	if (!row)
		return;
	struct pl_verdict v = pl_dispatch(row, s, none, root);
	answer(s, row, &v);
}

static void on_text(struct pl_session *s, struct pl_slice text)
{
	const struct pl_json *root;
	if (is_too_fast(pl_native_of(s))) {
		refuse_haste(s);
		return;
	}
	int err = pl_json_parse(s->gateway->messages, text, &root);
	if (err || pl_json_is_absent(root))
		pl_native_fail(s, PL_S("Invalid message format"));
	else if (pl_json_is(root, PL_JSON_OBJECT))
		on_object(s, root);
}

static const char introduction[] =
	"# The native dialect\n\n"
	"<!-- Printed from the tables in src/dialect/ by `make docs`. -->\n\n"
	"JSON over one WebSocket on a listener that speaks `native`, at any path "
	"but `/ws`; on a listener for everything at `/native`. A message is a "
	"flat object `{type, ...}`, in a text frame or a binary one. Rooms have "
	"names; a conversation's id is one too. There are no request ids.\n\n"
	"The token comes with the handshake: `?token=`, or the header `Authorization: "
	"Bearer`. A client without one, or with a bad one, is closed with 1008 "
	"\"Unauthorized\" and hears nothing before. On listeners named by "
	"`native.anonymous` a client without a token is a guest: with a name and an id "
	"of its own as long as it is connected. A client that may come in first hears "
	"`connected {clientId, timestamp}`. Times are milliseconds since 1970.\n\n"
	"What cannot be read as JSON, and `null`, is answered with `error {error: \"Invalid "
	"message format\"}`; the connection stays open. Other values that are no object, types "
	"that are not in the table, and messages without a field that they need are ignored.\n\n"
	"A connection may send `native.messages` frames within `native.window`, of whatever kind. "
	"One more is answered with `error {error: \"Rate limit exceeded\"}`, and the connection is "
	"closed with 1008. A client that has not answered a ping by the next one is dropped.\n\n"
	"Without being asked a client hears `user-joined`, `user-left`, `chat` and what is "
	"broadcast in the rooms that it joined, whichever dialect it comes from. In a room "
	"by name somebody is there for each connection that hears the room: native ones "
	"and QryptChat's when they joined, those for chat of the chat+presence dialect "
	"when they signed in. A conversation without a name has its members, and there the "
	"two say that one came online or went offline. Rooms outlive their last member, "
	"and `chat` is history for clients that can ask for it. A user with a token stays "
	"a member of the rooms that it joined; a guest is one only while it is there.\n\n"
	"## Messages\n\n";

void pl_native_document(struct pl_buf *out)
{
	pl_buf_put(out, introduction, sizeof(introduction) - 1);
	pl_dispatch_document(tables, out);
}

#define DIALECT(no_token)                                                                 \
	{                                                                                 \
		.name = "native", .peer_ops = &pl_native_peer_ops, .on_text = on_text,    \
		.on_signed_in = pl_native_on_signed_in, .on_expiry = pl_native_on_expiry, \
		.size = sizeof(struct native), .find_token = pl_native_find_token,        \
		.on_no_token = (no_token), .on_end = pl_native_forget_rooms,              \
		.waiting_max = WAITING_MAX, .waiting_bytes = WAITING_BYTES                \
	}

const struct pl_dialect pl_native_dialect = DIALECT(pl_native_refuse);
const struct pl_dialect pl_native_guest_dialect = DIALECT(pl_native_welcome_guest);

static void on_upgrade(struct pl_conn *c, const struct pl_request *q)
{
	pl_session_open(c, q, pl_conn_ctx(c), &pl_native_dialect);
}

static void on_guest_upgrade(struct pl_conn *c, const struct pl_request *q)
{
	pl_session_open(c, q, pl_conn_ctx(c), &pl_native_guest_dialect);
}

const struct pl_endpoint pl_native_endpoint = {
	.on_upgrade = on_upgrade,
	.on_message = pl_session_message,
	.on_close = pl_session_close,
};

const struct pl_endpoint pl_native_guest_endpoint = {
	.on_upgrade = on_guest_upgrade,
	.on_message = pl_session_message,
	.on_close = pl_session_close,
};
