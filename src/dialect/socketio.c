/*
 * socketio.c - the namespace of the Socket.IO dialect: its events on their way to the rows, the
 * acknowledgements on their way back.
 */
#include "dialect/socketio_internal.h"

#include "wire/json_write.h"

static const struct pl_message_row *const tables[] = {pl_socketio_rooms,    pl_socketio_messages,
						      pl_socketio_presence, pl_socketio_files,
						      pl_socketio_calls,    NULL};

/* ---- what goes out ---- */

static bool is_awaited(struct pl_slice ref, uint64_t *id)
{
	if (ref.len != sizeof(*id))
		return false;
	memcpy(id, ref.at, sizeof(*id));
	return true;
}

static void give_up(struct pl_session *s)
{
	pl_session_close_line(s, 1011, PL_S("answer too large, or out of memory"));
}

struct pl_buf *pl_socketio_begin_ack(struct pl_session *s)
{
	struct pl_buf *b = pl_session_out(s);
	PL_PUT(b, "[{\"success\":true");
	return b;
}

static void send_ack(struct pl_session *s, struct pl_slice ref, struct pl_buf *b)
{
	struct socketio *x = pl_socketio_of(s);
	uint64_t id;
	if (!x->socket || !is_awaited(ref, &id))
		return;
	if (b->err || pl_sio_ack_json(x->socket, id, pl_buf_slice(b), NULL, 0) == PL_ENOMEM)
		give_up(s);
}

void pl_socketio_acknowledge(struct pl_session *s, struct pl_slice ref, struct pl_buf *b)
{
	PL_PUT(b, "]");
	send_ack(s, ref, b);
}

void pl_socketio_ack(struct pl_session *s, struct pl_slice ref, struct pl_buf *b)
{
	PL_PUT(b, "}");
	pl_socketio_acknowledge(s, ref, b);
}

void pl_socketio_fail(struct pl_session *s, struct pl_slice ref, const char *text)
{
	struct pl_buf *b = pl_session_out(s);
	PL_PUT(b, "[{\"error\":");
	pl_json_put_str(b, pl_slice_str(text));
	pl_socketio_ack(s, ref, b);
}

struct pl_buf *pl_socketio_begin(struct pl_session *s, const char *event)
{
	struct pl_buf *b = pl_session_out(s);
	PL_PUT(b, "[");
	pl_json_put_str(b, pl_slice_str(event));
	PL_PUT(b, ",");
	return b;
}

void pl_socketio_emit(struct pl_session *s, struct pl_buf *b)
{
	struct socketio *x = pl_socketio_of(s);
	PL_PUT(b, "]");
	if (!x->socket)
		return;
	if (b->err || pl_sio_emit_json(x->socket, pl_buf_slice(b)) == PL_ENOMEM)
		give_up(s);
}

struct pl_session *pl_socketio_answering(const struct pl_op *op)
{
	struct pl_session *s = pl_session_of(op);
	return s && pl_session_is_still(op) && pl_socketio_of(s)->socket ? s : NULL;
}

/* ---- what comes in ---- */

struct pl_slice pl_socketio_binary(struct pl_session *s, const struct pl_json *value)
{
	const parley_packet *p = pl_socketio_of(s)->packet;
	if (!p || !value)
		return (struct pl_slice){NULL, 0};
	return pl_socketio_slice(parley_binary(p, (const parley_json *)(const void *)value));
}

static void refuse_haste(struct pl_session *s, struct pl_slice ref, uint64_t retry_ms)
{
	struct pl_buf *b = pl_session_out(s);
	PL_PUT(b, "[{\"error\":\"Rate limit exceeded\",\"retryAfterMs\":");
	pl_buf_put_u64(b, retry_ms);
	pl_socketio_ack(s, ref, b);
}

static void answer(struct pl_session *s, struct pl_slice ref, const struct pl_message_row *row,
		   const struct pl_verdict *v)
{
	switch (v->what) {
	case PL_DONE: return;
	case PL_NOT_SIGNED_IN: pl_socketio_fail(s, ref, "Authentication required"); return;
	case PL_TOO_FAST: refuse_haste(s, ref, v->retry_ms); return;
	case PL_FIELD_MISSING:
	case PL_FIELD_BAD: pl_socketio_fail(s, ref, row->missing.text); return;
	case PL_FAILED: pl_socketio_fail(s, ref, row->failed.text); return;
	}
}

static void dispatch(struct pl_session *s, struct pl_slice ref, const parley_packet *p)
{
	struct pl_slice name = pl_socketio_slice(parley_packet_event(p));
	const struct pl_message_row *row = pl_dispatch_find(tables, name);
	uint64_t retry_ms = 0;
	if (!(row && row->is_bulk) && !pl_dispatch_admit(s, &retry_ms)) {
		refuse_haste(s, ref, retry_ms);
		return;
	}
	/* As the original: what nobody knows is not answered either. */
	if (!row)
		return;
	const void *first = parley_arg(p, 0);
	struct pl_verdict v = pl_dispatch(row, s, ref, first);
	answer(s, ref, row, &v);
}

static int on_any(parley_socket *k, const parley_packet *p)
{
	struct socketio *x = parley_socket_data(k);
	uint64_t id;
	bool is_asked = pl_packet_take_ack(p, &id);
	if (!x->socket)
		return 0;
	x->packet = p;
	dispatch(&x->session, is_asked ? pl_slice(&id, sizeof(id)) : pl_slice(NULL, 0), p);
	x->packet = NULL;
	return 0;
}

/* ---- coming and going ---- */

static int on_connect(parley_socket *k)
{
	struct socketio *x = parley_socket_data(k);
	x->socket = k;
	pl_socketio_show_rooms(x);
	return pl_socketio_arrive(x);
}

/* What is freed next is the data: the session ends there, as it does for who never got this far. */
static void on_disconnect(parley_socket *k, const char *reason)
{
	struct socketio *x = parley_socket_data(k);
	(void)reason;
	x->socket = NULL;
}

int pl_socketio_add(struct pl_sio *sio, const char **why)
{
	const struct pl_sio_house house = {
		.nsp.name = "/",
		.nsp.authorize = pl_socketio_authorize,
		.nsp.on_connect = on_connect,
		.nsp.on_any = on_any,
		.nsp.on_disconnect = on_disconnect,
		.has_own_recovery = true,
		.on_pong = pl_socketio_on_pong,
	};
	return pl_sio_add_house(sio, &house, why);
}

/* Nobody is signed in any more, or the socket is gone. */
static void on_end(struct pl_session *s)
{
	struct socketio *x = pl_socketio_of(s);
	pl_socketio_forget_joins(s);
	pl_socketio_forget_receipts(x);
	pl_socketio_arrival_free(x);
}

static void on_signed_in(struct pl_session *s, struct pl_slice ref, bool was_asked, int err)
{
	(void)s;
	(void)ref;
	(void)was_asked;
	(void)err; /* only who may come in hears anything, and in on_connect */
}

/* The dialect has no word for it: the disconnect says it. */
static void on_expiry(struct pl_session *s, uint64_t expires_s, bool is_over)
{
	(void)s;
	(void)expires_s;
	(void)is_over;
}

#define DIALECT(ops)                                                                        \
	{                                                                                   \
		.name = "socketio", .peer_ops = (ops), .on_signed_in = on_signed_in,        \
		.on_expiry = on_expiry, .size = sizeof(struct socketio),                    \
		.line = &pl_socketio_line, .prepare = pl_socketio_prepare, .on_end = on_end \
	}

/* With recovery, and where it is off. */
const struct pl_dialect pl_socketio_dialect = DIALECT(&pl_socketio_ops);
const struct pl_dialect pl_socketio_plain_dialect = DIALECT(&pl_socketio_plain_ops);

/* ---- documentation ---- */

static const char introduction[] =
	"# The Socket.IO dialect\n\n"
	"<!-- Printed from the tables in src/dialect/ by `make docs`. -->\n\n"
	"The chat of the namespace `/`, for stock clients of Socket.IO 3 and 4 "
	"(`io(url, {auth: {token}})`), at `/socket.io/` on every listener. What differs from a "
	"Node server is in [socketio.md](../socketio.md).\n\n"
	"The token comes in the `auth` of the client. Who may not come in hears `connect_error`: "
	"\"Authentication required\" (no token), \"Authentication failed: \" and why (\"jwt "
	"malformed\", \"invalid signature\", \"jwt expired\", ...), \"Invalid user\", \"Rate limit "
	"exceeded\". When its token runs out a socket is disconnected.\n\n"
	"A user's id is what the claim says (`sub`, else `userId`, `user_id`, `username`), a "
	"number "
	"where it is one; ids that clients send may be either. A room is named by a string: its "
	"alias, or the id of a conversation. Times are milliseconds since 1970, ids of messages 32 "
	"hexadecimal digits.\n\n"
	"An acknowledgement is `{success: true, ...}` or `{error}`; a client that asks for none "
	"gets none. Unknown events are ignored.\n\n"
	"Without being asked a client hears:\n\n"
	"| event | when |\n"
	"|---|---|\n"
	"| `connected {sessionId, userId, serverTime}` | first of all |\n"
	"| `pending-messages [privateMessage]` | what was said to the user alone while none of its "
	"sockets was there; again at the next connection, until the client acknowledged it or was "
	"seen to have received it |\n"
	"| `new-message` | somebody said something in a room, the sender too |\n"
	"| `private-message` | to the user alone |\n"
	"| `user-joined {userId, user, roomId}`, `user-left {userId, roomId}` | the first of a "
	"user's connections came into a room, the last one left it |\n"
	"| `user-typing {userId, user, roomId}`, `user-stopped-typing {userId, roomId}` | by "
	"itself after `socketio.typing` without another keystroke |\n"
	"| `presence-update {userId, status, timestamp}` | `online`, `away`, `busy`, `offline`: of "
	"people with whom the user shares a room or a chat |\n\n"
	"A message is `{id, roomId, userId, user: {id, name}, content, type, timestamp, edited: "
	"false, deleted: false}`; a private one `{id, fromUserId, fromUser: {id, name}, toUserId, "
	"content, timestamp, read: false}`. `content` is any JSON value, or has binary values in "
	"it: others hear it as it was said. Clients of other dialects, and lists of messages, show "
	"JSON as text and binary values as `data:` URLs.\n\n"
	"## Messages\n\n";

void pl_socketio_document(struct pl_buf *out)
{
	pl_buf_put(out, introduction, sizeof(introduction) - 1);
	pl_dispatch_document(tables, out);
}
