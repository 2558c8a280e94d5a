/* realtime.c - the envelope of the chat+presence dialect, its errors, its four kinds of sessions
 * and its endpoints. */
#include "dialect/realtime_internal.h"

#include "base/clock.h"
#include "wire/json_write.h"

enum { WAITING_MAX = 256, WAITING_BYTES = 2 << 20, TOKEN_ARENA = 64 * 1024, SHOWN_TYPE = 64 };

static const struct pl_message_row *const tables[] = {pl_realtime_auth,    pl_realtime_direct,
						      pl_realtime_groups,  pl_realtime_history,
						      pl_realtime_offline, NULL};

static void put_ref(struct pl_buf *b, struct pl_slice ref)
{
	if (!ref.len)
		return;
	PL_PUT(b, ",\"requestId\":");
	pl_json_put_str(b, ref);
}

struct pl_buf *pl_realtime_begin(struct pl_session *s, const char *type, struct pl_slice ref,
				 const char *before, struct pl_slice name, const char *after)
{
	struct pl_buf *b = pl_session_out(s);
	PL_PUT(b, "{\"type\":");
	pl_json_put_str(b, pl_slice_str(type));
	PL_PUT(b, ",\"msg\":\"");
	pl_json_put_escaped(b, pl_slice_str(before));
	pl_json_put_escaped(b, name);
	pl_json_put_escaped(b, pl_slice_str(after));
	PL_PUT(b, "\"");
	put_ref(b, ref);
	return b;
}

void pl_realtime_end(struct pl_session *s, struct pl_slice ref, struct pl_buf *b)
{
	put_ref(b, ref);
	PL_PUT(b, "}");
	pl_session_send(s, b);
}

void pl_realtime_say(struct pl_session *s, const char *type, struct pl_slice ref,
		     const char *before, struct pl_slice name, const char *after)
{
	struct pl_buf *b = pl_realtime_begin(s, type, ref, before, name, after);
	PL_PUT(b, "}");
	pl_session_send(s, b);
}

void pl_realtime_fail(struct pl_session *s, struct pl_slice ref, const char *text)
{
	pl_realtime_say(s, "ERROR", ref, text, PL_S(""), "");
}

bool pl_realtime_is_me(struct pl_session *s, struct pl_slice ref, struct pl_slice name)
{
	if (pl_slice_eq(name, s->peer.user.username))
		return true;
	pl_realtime_say(s, "ERROR", ref, "You are signed in as ", s->peer.user.username,
			", and can speak for nobody else.");
	return false;
}

bool pl_realtime_is_name(struct pl_slice name)
{
	for (size_t i = 0; i < name.len; i++)
		if ((uint8_t)name.at[i] < 0x20)
			return false;
	return name.len > 0;
}

struct pl_session *pl_realtime_answering(const struct pl_op *op)
{
	struct pl_session *s = pl_session_of(op);
	return s && pl_session_is_still(op) ? s : NULL;
}

/* ---- what comes in ---- */

static void refuse_haste(struct pl_session *s, struct pl_slice ref, uint64_t retry_ms)
{
	struct pl_buf *b = pl_realtime_begin(
		s, "ERROR", ref, "You are sending too fast. Please wait a moment.", PL_S(""), "");
	PL_PUT(b, ",\"retryAfterMs\":");
	pl_buf_put_u64(b, retry_ms);
	PL_PUT(b, "}");
	pl_session_send(s, b);
}

static void answer(struct pl_session *s, struct pl_slice ref, const struct pl_message_row *row,
		   const struct pl_verdict *v)
{
	switch (v->what) {
	case PL_DONE: return;
	case PL_NOT_SIGNED_IN:
		pl_realtime_fail(s, ref, "Authentication required: send AUTH first.");
		return;
	case PL_TOO_FAST: refuse_haste(s, ref, v->retry_ms); return;
	case PL_FIELD_MISSING: pl_realtime_fail(s, ref, row->missing.text); return;
	case PL_FIELD_BAD:
		pl_realtime_say(s, "ERROR", ref, "Invalid value: ", pl_slice_str(v->field), ".");
		return;
	case PL_FAILED: pl_realtime_fail(s, ref, row->failed.text); return;
	}
}

static void refuse_type(struct pl_session *s, struct pl_slice ref, struct pl_slice type)
{
	if (!pl_session_is_signed_in(s)) {
		pl_realtime_fail(s, ref, "Authentication required: send AUTH first.");
		return;
	}
	if (type.len > SHOWN_TYPE)
		type = PL_S("(too long)");
	pl_realtime_say(s, "ERROR", ref, "Unknown message type: ", type, "");
}

static void on_object(struct pl_session *s, const struct pl_json *root)
{
	struct pl_slice type = pl_json_get_str(root, "type");
	struct pl_slice ref = pl_json_get_str(root, "requestId");
	uint64_t retry_ms = 0;
	if (ref.len > PL_REALTIME_REF_MAX)
		ref = (struct pl_slice){NULL, 0};
	if (!pl_dispatch_admit(s, &retry_ms)) {
		refuse_haste(s, ref, retry_ms);
		return;
	}
	const struct pl_message_row *row = pl_dispatch_find(tables, type);
	if (!type.len) {
		pl_realtime_fail(s, ref, "Invalid message format.");
	} else if (!row) {
		refuse_type(s, ref, type);
	} else {
		struct pl_verdict v = pl_dispatch(row, s, ref, root);
		answer(s, ref, row, &v);
	}
}

static void on_text(struct pl_session *s, struct pl_slice text)
{
	const struct pl_json *root;
	int err = pl_json_parse(s->gateway->messages, text, &root);
	if (!err && pl_json_is(root, PL_JSON_OBJECT))
		on_object(s, root);
	else
		pl_realtime_fail(s, (struct pl_slice){NULL, 0}, "Invalid message format.");
}

/* Nothing is said on the socket for presence but who is there; the rest is ignored. */
static void on_presence_text(struct pl_session *s, struct pl_slice text)
{
	const struct pl_json *root;
	uint64_t retry_ms;
	if (!pl_dispatch_admit(s, &retry_ms) || pl_json_parse(s->gateway->messages, text, &root))
		return;
	const struct pl_message_row *row = pl_realtime_auth;
	if (pl_json_is(root, PL_JSON_OBJECT) &&
	    pl_slice_is(pl_json_get_str(root, "type"), row->name)) {
		struct pl_verdict v = pl_dispatch(row, s, (struct pl_slice){NULL, 0}, root);
		answer(s, (struct pl_slice){NULL, 0}, row, &v);
	}
}

static const char introduction[] =
	"# The chat+presence dialect\n\n"
	"<!-- Printed from the tables in src/dialect/ by `make docs`. -->\n\n"
	"JSON over two WebSockets: one to talk, on a listener that speaks `realtime-chat` "
	"(at any path) or at `/ws/chat` of a listener for everything; and one to hear who "
	"is online, on a listener that speaks `realtime-presence` or at `/ws/presence`. A "
	"message is a flat object `{type, ...}`, its type in capitals.\n\n"
	"There are two families of clients. One sends `AUTH {token}` as its first frame on "
	"each of the two, within `auth.deadline`. The older one brings the token with the "
	"handshake: the header `Authorization: Bearer`, else `?authToken=`, else `?token=`; "
	"a bad one is answered with HTTP 401 instead of an upgrade. How a client came "
	"decides by which words it is told things; what it may say is one table for both.\n\n"
	"| it happens | clients with `AUTH` hear | older clients hear |\n"
	"|---|---|---|\n"
	"| a message to one person | `ONE_TO_ONE_CHAT {from, to, content, chatId, timestamp, "
	"messageId}` | `MESSAGE`, the same fields |\n"
	"| a message in a group | `GROUP_CHAT {from, groupId, content, timestamp, messageId}` "
	"| the same |\n"
	"| somebody began a chat with the user "
	"| – | `NEW_ONE_TO_ONE_CHAT_AP {from, msg, chatId}` |\n"
	"| somebody became a member of a group | – | `GROUP_MEMBER_JOINED {groupId, username}` |\n"
	"| somebody came or went (socket for presence) "
	"| `PRESENCE_UPDATE {username, status, timestamp}`, status `online` or `offline` "
	"| `STATUS_CHANGE {username, status}`, status `ONLINE` or `OFFLINE` |\n\n"
	"Names. A user is its username, exactly as the token gives it. `from`, `by` and "
	"`username` must be the one that is signed in; anything else is an `ERROR` and nothing is "
	"done. Where two token issuers gave the same username, only the older user may sign in "
	"here. A `chatId` is the two usernames in the order of their UTF-16 code units with a `-` "
	"in between. A client may use its own: the chat is found by `to`, whatever the `chatId`, "
	"and its own comes back in its histories; others hear the real one. A `chatId` of exactly "
	"two usernames that are other people's is an `ERROR`. A `groupId` is the alias of a "
	"conversation, or its id: rooms of other dialects are groups here by their names.\n\n"
	"Who hears what. A client hears all chats and groups of its user, without asking, from the "
	"moment that it is signed in. What a user says to one person none of the user's own "
	"connections hears, because the clients show it themselves; in a group only the connection "
	"that said it does not. Messages are on disk before anybody hears them. The sender hears "
	"nothing of a success, unless the frame had a `requestId` (up to 128 bytes, in any frame): "
	"it comes back in the answer, also in an `ERROR`. A frame that is sent again with the same "
	"`clientMessageId`, or the same `requestId` and content within 24 h, is stored once.\n\n"
	"The socket for presence tells of people with whom the user has a chat "
	"(groups do not count), each change once, in order; there is no list at the "
	"beginning. A connection of any dialect counts as being online. What a client "
	"says there, but `AUTH`, is ignored. It is pinged every `realtime.heartbeat`, "
	"and dropped when it has not answered by the next ping.\n\n"
	"Messages that come while a user has no connection for chat are counted per "
	"conversation, also over a restart, until `OFFLINE_MESSAGES_ACK`. After a crash "
	"messages that were heard may be counted, never the other way round. A history has at "
	"most `realtime.history` messages, and fewer when they are long (256 KiB of text).\n\n"
	"Errors are `ERROR {msg}`. Besides those below: text that is no JSON object with "
	"a type: \"Invalid message format.\"; an unknown type: "
	"\"Unknown message type: X\"; before signing in: \"Authentication required: send AUTH "
	"first.\"; too many "
	"frames, with `retryAfterMs`: "
	"\"You are sending too fast. Please wait a moment.\" Where `realtime.single_session` is "
	"set, a newer connection of a user "
	"ends the older one of its kind with 1008; else there may be any number.\n\n"
	"## Messages\n\n";

void pl_realtime_document(struct pl_buf *out)
{
	pl_buf_put(out, introduction, sizeof(introduction) - 1);
	pl_dispatch_document(tables, out);
}

/* ---- sessions ---- */

#define DIALECT(kind, ops, text, token, first)                                                 \
	{                                                                                      \
		.name = (kind), .peer_ops = (ops), .on_text = (text),                          \
		.on_signed_in = pl_realtime_on_signed_in, .on_expiry = pl_realtime_on_expiry,  \
		.size = sizeof(struct realtime), .find_token = (token), .asks_first = (first), \
		.prepare = pl_realtime_prepare, .on_deadline = pl_realtime_on_deadline,        \
		.on_end = pl_realtime_on_end, .waiting_max = WAITING_MAX,                      \
		.waiting_bytes = WAITING_BYTES                                                 \
	}

static const struct pl_dialect chat =
	DIALECT("realtime-chat", &pl_realtime_chat_ops, on_text, pl_realtime_no_token, false);
static const struct pl_dialect older_chat = DIALECT("realtime-chat", &pl_realtime_older_chat_ops,
						    on_text, pl_realtime_find_token, true);
static const struct pl_dialect presence = DIALECT("realtime-presence", &pl_realtime_presence_ops,
						  on_presence_text, pl_realtime_no_token, false);
static const struct pl_dialect older_presence =
	DIALECT("realtime-presence", &pl_realtime_older_presence_ops, on_presence_text,
		pl_realtime_find_token, true);

bool pl_realtime_is_older(const struct pl_session *s)
{
	return s->dialect == &older_chat || s->dialect == &older_presence;
}

bool pl_realtime_is_presence(const struct pl_session *s)
{
	return s->dialect == &presence || s->dialect == &older_presence;
}

bool pl_realtime_knows(struct pl_slice type)
{
	return pl_dispatch_find(tables, type) != NULL;
}

static bool has_token(const struct pl_request *q)
{
	struct pl_arena a;
	pl_arena_init(&a, TOKEN_ARENA);
	bool has = pl_realtime_find_token(q, &a).len > 0;
	pl_arena_fini(&a);
	return has;
}

const struct pl_dialect *pl_realtime_dialect(const struct pl_request *q)
{
	return has_token(q) ? &older_chat : &chat;
}

static void on_chat_upgrade(struct pl_conn *c, const struct pl_request *q)
{
	pl_session_open(c, q, pl_conn_ctx(c), pl_realtime_dialect(q));
}

static void on_presence_upgrade(struct pl_conn *c, const struct pl_request *q)
{
	pl_session_open(c, q, pl_conn_ctx(c), has_token(q) ? &older_presence : &presence);
}

const struct pl_endpoint pl_realtime_chat_endpoint = {
	.on_upgrade = on_chat_upgrade,
	.on_message = pl_session_message,
	.on_close = pl_session_close,
};

const struct pl_endpoint pl_realtime_presence_endpoint = {
	.on_upgrade = on_presence_upgrade,
	.on_message = pl_session_message,
	.on_close = pl_session_close,
};
