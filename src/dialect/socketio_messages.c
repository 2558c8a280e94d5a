/* socketio_messages.c - message, private-message. Their table stands at the end. */
#include "dialect/socketio_internal.h"

#include "wire/json_write.h"

struct in_message {
	struct pl_slice room, type, client_id;
	const struct pl_json *content;
};

#define CLIENT_ID(struct_type)                                                                     \
	PL_FIELD(struct_type, client_id, "clientMessageId", PL_NAME, 0, PL_SOCKETIO_CLIENT_ID_MAX, \
		 "sent again with the same one, it is kept once")

static const struct pl_field message_fields[] = {
	PL_FIELD(struct in_message, room, "roomId", PL_NAME, PL_REQUIRED, PL_SOCKETIO_ROOM_MAX,
		 "name of the room, or id of a conversation"),
	PL_FIELD(struct in_message, content, "content", PL_NODE, PL_REQUIRED, 0,
		 "any value but an empty one; up to 10 binary values in it"),
	PL_FIELD(struct in_message, type, "type", PL_STR, 0, PL_SOCKETIO_TYPE_MAX, "else `text`"),
	CLIENT_ID(struct in_message),
	{0},
};

struct in_private {
	struct pl_slice to, client_id;
	const struct pl_json *content;
};

static const struct pl_field private_fields[] = {
	PL_FIELD(struct in_private, to, "targetUserId", PL_NAME, PL_REQUIRED, PL_SOCKETIO_NAME_MAX,
		 "a user's id, else a username"),
	PL_FIELD(struct in_private, content, "content", PL_NODE, PL_REQUIRED, 0, "as of `message`"),
	CLIENT_ID(struct in_private),
	{0},
};

/* ---- message ---- */

static void message_answered(struct pl_op *op)
{
	struct pl_session *s = pl_socketio_answering(op);
	const struct pl_message *m = &op->send.message;
	bool is_none = op->err == PL_EDENIED || op->err == PL_ENOTFOUND;
	if (s && op->err) {
		pl_socketio_fail(s, pl_session_ref(op),
				 is_none ? "Not in room" : "Failed to send message");
	} else if (s) {
		struct pl_buf *b = pl_socketio_begin_ack(s);
		PL_PUT(b, ",\"messageId\":");
		pl_socketio_put_id(b, &m->id);
		PL_PUT(b, ",\"timestamp\":");
		pl_buf_put_u64(b, m->created_ms);
		pl_socketio_ack(s, pl_session_ref(op), b);
	}
	pl_session_done(op);
}

static int fill_message(struct pl_session *s, struct pl_op *op, const struct in_message *m)
{
	struct pl_op_send *o = &op->send;
	o->user = s->peer.user.id;
	o->in_group = true; /* who is no member must join first */
	o->is_heard_first = true;
	int err = pl_socketio_read_content(s, m->content, m->type, op);
	if (!err)
		err = pl_arena_copy(&op->arena, m->room, &o->room);
	return err ? err : pl_arena_copy(&op->arena, m->client_id, &o->client_id);
}

/* Takes the op. What is not a message is the client's mistake, not ours. */
static int submit(struct pl_session *s, struct pl_slice ref, struct pl_op *op, int err)
{
	if (!err) {
		pl_session_submit(s, op);
		return 0;
	}
	pl_session_done(op);
	if (err == PL_EINVAL)
		pl_socketio_fail(s, ref, "Invalid message format");
	return err == PL_EINVAL ? 0 : err;
}

static int on_message(struct pl_session *s, struct pl_slice ref, const void *in)
{
	struct pl_op *op = pl_session_op(s, PL_OP_SEND, message_answered, ref);
	return op ? submit(s, ref, op, fill_message(s, op, in)) : PL_ENOMEM;
}

/* ---- private-message ---- */

/* What comes back with the answer to "was it there?": the acknowledgement, and of which message. */
struct delivery {
	uint64_t ack;
	struct pl_uuid message;
};

static void acknowledge(struct pl_session *s, const struct delivery *d, bool is_delivered)
{
	struct pl_buf *b = pl_socketio_begin_ack(s);
	PL_PUT(b, ",\"messageId\":");
	pl_socketio_put_id(b, &d->message);
	PL_PUT(b, ",\"delivered\":");
	pl_json_put_bool(b, is_delivered);
	pl_socketio_ack(s, pl_slice(&d->ack, sizeof(d->ack)), b);
}

void pl_socketio_delivered(struct pl_session *s, const struct pl_event *answer)
{
	struct delivery d;
	if (answer->ref.len != sizeof(d))
		return;
	memcpy(&d, answer->ref.at, sizeof(d));
	acknowledge(s, &d, answer->status != PL_IS_OFFLINE);
}

static void ask_for_other(struct pl_session *s, const struct pl_op *op)
{
	struct pl_slice ref = pl_session_ref(op);
	struct delivery d = {.message = op->send.message.id};
	if (ref.len != sizeof(d.ack))
		return; /* nobody wants to know */
	memcpy(&d.ack, ref.at, sizeof(d.ack));
	if (pl_presence_ask(s->gateway->hub, &s->peer, &op->send.other.id, pl_slice(&d, sizeof(d))))
		acknowledge(s, &d, false);
}

static const char *refusal_of(int err)
{
	switch (err) {
	case PL_ENOTFOUND: return "User not found";
	case PL_EINVAL: return "Cannot send a private message to yourself";
	default: return "Failed to send message";
	}
}

static void private_answered(struct pl_op *op)
{
	struct pl_session *s = pl_socketio_answering(op);
	if (s && op->err)
		pl_socketio_fail(s, pl_session_ref(op), refusal_of(op->err));
	else if (s)
		ask_for_other(s, op);
	pl_session_done(op);
}

static int fill_private(struct pl_session *s, struct pl_op *op, const struct in_private *m)
{
	struct pl_op_send *o = &op->send;
	o->user = s->peer.user.id;
	o->to_anyone = true;
	o->is_heard_first = true;
	int err = pl_socketio_read_content(s, m->content, (struct pl_slice){NULL, 0}, op);
	if (!err)
		err = pl_arena_copy(&op->arena, m->to, &o->to);
	return err ? err : pl_arena_copy(&op->arena, m->client_id, &o->client_id);
}

static int on_private(struct pl_session *s, struct pl_slice ref, const void *in)
{
	struct pl_op *op = pl_session_op(s, PL_OP_SEND, private_answered, ref);
	return op ? submit(s, ref, op, fill_private(s, op, in)) : PL_ENOMEM;
}

const struct pl_message_row pl_socketio_messages[] = {
	{.name = "message",
	 .who = PL_SIGNED_IN,
	 PL_SOCKETIO_LIMITED(MESSAGES),
	 PL_IN(message_fields, struct in_message),
	 .handle = on_message,
	 .missing = PL_SOCKETIO_SAYS("Invalid message format"),
	 .not_found = PL_SOCKETIO_SAYS("Not in room"),
	 .failed = PL_SOCKETIO_SAYS("Failed to send message"),
	 .reply = "`{success, messageId, timestamp}`, after everybody heard it",
	 .others = "`new-message`, the sender too",
	 .doc = "Say something in a room that the user joined. It is on disk before anybody "
		"hears it."},
	{.name = "private-message",
	 .who = PL_SIGNED_IN,
	 PL_SOCKETIO_LIMITED(MESSAGES),
	 PL_IN(private_fields, struct in_private),
	 .handle = on_private,
	 .missing = PL_SOCKETIO_SAYS("Invalid message format"),
	 .not_found = PL_SOCKETIO_SAYS("User not found"),
	 .failed = PL_SOCKETIO_SAYS("Failed to send message"),
	 .reply = "`{success, messageId, delivered}`; delivered: the other one is connected",
	 .others = "`private-message`, to all sockets of the other one; else `pending-messages`",
	 .doc = "Say something to one person."},
	{0},
};
