/* qrypt_out.c - what a QryptChat client is told: one row per event, words made once for all its
 * listeners. */
#include "dialect/qrypt_internal.h"

#include "dialect/encoded.h"
#include "wire/json_write.h"

static void message_received(const struct pl_event *e, struct pl_slice content, struct pl_buf *b)
{
	pl_qrypt_begin(b, "message_received");
	PL_PUT(b, "{\"message\":");
	pl_qrypt_put_message(b, &e->message, content);
	/* Clients that encrypt per recipient fetch their own copy. */
	if (e->message.per_recipient)
		PL_PUT(b, ",\"shouldReloadMessages\":true");
	PL_PUT(b, "}");
}

static void on_message(const struct pl_event *e, struct pl_buf *b)
{
	message_received(e, e->message.content, b);
}

static void typing_update(const struct pl_event *e, struct pl_buf *b)
{
	const struct pl_user *u = &e->actor;
	struct pl_slice name = u->username.len ? u->username : u->display_name;
	pl_qrypt_begin(b, "typing_update");
	PL_PUT(b, "{\"conversationId\":");
	pl_json_put_uuid(b, &e->conversation);
	PL_PUT(b, ",\"userId\":");
	pl_json_put_uuid(b, &u->id);
	PL_PUT(b, ",\"username\":");
	pl_json_put_str(b, name.len ? name : u->email);
	PL_PUT(b, ",\"isTyping\":");
	pl_json_put_bool(b, e->on);
	PL_PUT(b, "}");
}

static void user_presence(const struct pl_event *e, struct pl_buf *b)
{
	pl_qrypt_begin(b, e->on ? "user_online" : "user_offline");
	PL_PUT(b, "{\"userId\":");
	pl_json_put_uuid(b, &e->actor.id);
	PL_PUT(b, ",\"conversationId\":");
	pl_json_put_uuid(b, &e->conversation);
	PL_PUT(b, ",\"timestamp\":");
	pl_json_put_iso(b, e->wall_ms);
	PL_PUT(b, "}");
}

static void message_read(const struct pl_event *e, struct pl_buf *b)
{
	pl_qrypt_begin(b, "message_read");
	pl_qrypt_put_read(b, &e->conversation, &e->read.message_id, &e->actor.id, e->wall_ms);
}

static void conversation_created(const struct pl_event *e, struct pl_buf *b)
{
	pl_qrypt_begin(b, "conversation_created");
	pl_qrypt_put_created(b, &e->created, e->participants, e->nparticipants);
}

static void (*const words[PL_EV__COUNT])(const struct pl_event *, struct pl_buf *) = {
	[PL_EV_MESSAGE] = on_message,
	[PL_EV_TYPING] = typing_update,
	[PL_EV_PRESENCE] = user_presence,
	[PL_EV_READ] = message_read,
	[PL_EV_CONVERSATION] = conversation_created,
};

static void write_words(const struct pl_event *e, struct pl_buf *b)
{
	if (e->kind == PL_EV_CALL) {
		pl_qrypt_put_call(e, b);
		return;
	}
	words[e->kind](e, b);
	pl_qrypt_end_fresh(b);
}

static struct pl_encoded *encode(const struct pl_event *e)
{
	bool is_told = words[e->kind] || e->kind == PL_EV_CALL;
	return is_told ? pl_encoded_new(e, PL_WS_TEXT, write_words) : NULL;
}

static void put_copy(const struct pl_event *e, struct pl_slice content, struct pl_buf *b)
{
	message_received(e, content, b);
	pl_qrypt_end_fresh(b);
}

static void push(struct pl_peer *p, const struct pl_event *e, struct pl_encoded *x)
{
	struct pl_session *s = PL_CONTAINER(p, struct pl_session, peer);
	if (e->kind != PL_EV_CALL || e->call->what != PL_CALL_REPLY)
		pl_encoded_push(p, e, x, put_copy);
	else if (s->conn)
		pl_qrypt_on_call_reply(s, e->call);
}

const struct pl_peer_ops pl_qrypt_peer_ops = {encode, push, pl_encoded_free};
