/* qrypt_messages.c - sending messages. Its table stands at the end. */
#include "dialect/qrypt_internal.h"

#include "wire/json_write.h"

struct in_send {
	struct pl_slice conversation, content, kind, reply_to, client_id;
	const struct pl_json *copies, *metadata;
};

static const struct pl_field send_fields[] = {
	PL_FIELD(struct in_send, conversation, "conversationId", PL_STR, PL_NEEDED,
		 PL_QRYPT_ROOM_MAX, "where to: an id, or the name of an open room (required)"),
	PL_FIELD(struct in_send, content, "content", PL_STR, PL_NEEDED, PL_QRYPT_TEXT_MAX,
		 "the text, not empty (required, or encryptedContents)"),
	PL_FIELD(struct in_send, copies, "encryptedContents", PL_NODE, 0, 0,
		 "instead of content: {userId: text}, each recipient's own copy"),
	PL_FIELD(struct in_send, kind, "messageType", PL_STR, 0, 16,
		 "text (default), image, file or system"),
	PL_FIELD(struct in_send, reply_to, "replyToId", PL_STR, 0, PL_QRYPT_ID_MAX,
		 "id of the message answered"),
	PL_FIELD(struct in_send, client_id, "clientMessageId", PL_STR, 0, 128,
		 "chosen by the client, unique per conversation: sending again repeats the first "
		 "answer"),
	PL_FIELD(struct in_send, metadata, "metadata", PL_NODE, 0, 0,
		 "an object, handed on as it is"),
	{0},
};

static void message_sent(struct pl_op *op)
{
	struct pl_session *s = pl_qrypt_answering(op, "send_message");
	if (s) {
		const struct pl_op_send *m = &op->send;
		struct pl_buf *b = pl_session_out(s);
		pl_qrypt_begin(b, "message_sent");
		PL_PUT(b, "{\"message\":");
		pl_qrypt_put_message(b, &m->message, m->message.content);
		if (m->duplicate)
			PL_PUT(b, ",\"duplicate\":true");
		PL_PUT(b, "}");
		pl_qrypt_reply(s, b, pl_session_ref(op));
	}
	pl_session_done(op);
}

static int copy_copies(struct pl_op *op, const struct pl_json *object)
{
	struct pl_op_send *m = &op->send;
	m->copies = pl_arena_array(&op->arena, object->count, sizeof(*m->copies));
	if (!m->copies)
		return PL_ENOMEM;
	PL_JSON_EACH(it, object)
	{
		struct pl_copy *c = &m->copies[m->ncopies];
		if (!it->str.len || pl_uuid_parse(it->key, &c->user))
			return PL_EINVAL;
		if (pl_arena_copy(&op->arena, it->str, &c->content))
			return PL_ENOMEM;
		m->ncopies++;
	}
	return 0;
}

static int fill_send(struct pl_op *op, const struct in_send *m, struct pl_slice ref)
{
	struct pl_op_send *o = &op->send;
	struct pl_slice kind = m->kind.len ? m->kind : PL_S("text");
	struct pl_slice metadata = m->metadata ? m->metadata->raw : (struct pl_slice){NULL, 0};
	if (m->reply_to.len && pl_uuid_parse(m->reply_to, &o->reply_to))
		return PL_ENOTFOUND;
	if (pl_arena_copy(&op->arena, kind, &o->kind) ||
	    pl_arena_copy(&op->arena, m->content, &o->content) ||
	    pl_arena_copy(&op->arena, metadata, &o->metadata) ||
	    pl_arena_copy(&op->arena, m->client_id, &o->client_id) ||
	    pl_arena_copy(&op->arena, ref, &o->request_id))
		return PL_ENOMEM;
	return 0;
}

static const struct pl_words *check_send(const struct in_send *m)
{
	static const struct pl_words no_content = {"MISSING_REQUIRED_FIELDS",
						   "Conversation ID and content are required"};
	static const struct pl_words no_copies = {
		"MISSING_REQUIRED_FIELDS", "Conversation ID and encrypted contents are required"};
	static const struct pl_words bad_copies = {
		"INVALID_ENCRYPTED_CONTENTS",
		"Encrypted contents must be an object of texts by user id"};
	if (!m->copies && (!m->conversation.len || !m->content.len))
		return &no_content;
	if (m->copies && !m->conversation.len)
		return &no_copies;
	if (m->copies && (!pl_json_is(m->copies, PL_JSON_OBJECT) || !m->copies->count))
		return &bad_copies;
	PL_JSON_EACH(it, m->copies)
	{
		struct pl_uuid id;
		if (!it->str.len || pl_uuid_parse(it->key, &id))
			return &bad_copies;
	}
	return NULL;
}

static bool is_known_kind(struct pl_slice kind)
{
	static const char *const kinds[] = {"text", "image", "file", "system"};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (pl_slice_is(kind, kinds[i]))
			return true;
	return !kind.len;
}

static int on_send(struct pl_session *s, struct pl_slice ref, const void *in)
{
	const struct in_send *m = in;
	struct pl_qrypt_place place = pl_qrypt_read_place(s, m->conversation);
	const struct pl_words *wrong = check_send(m);
	if (wrong) {
		pl_qrypt_fail(s, ref, wrong, 0);
		return 0;
	}
	if (!is_known_kind(m->kind) || (m->metadata && !pl_json_is(m->metadata, PL_JSON_OBJECT)))
		return PL_EINVAL;
	struct pl_op *op = pl_session_op(s, PL_OP_SEND, message_sent, ref);
	if (!op)
		return PL_ENOMEM;
	op->send.user = s->peer.user.id;
	op->send.conversation = place.id;
	int err = fill_send(op, m, ref);
	if (!err)
		err = pl_arena_copy(&op->arena, place.room, &op->send.room);
	if (!err && m->copies)
		err = copy_copies(op, m->copies);
	if (err)
		pl_session_done(op);
	else
		pl_session_submit(s, op);
	return err;
}

const struct pl_message_row pl_qrypt_messages[] = {
	{.name = "send_message",
	 .who = PL_SIGNED_IN,
	 LIMITED(MESSAGES),
	 PL_IN(send_fields, struct in_send),
	 .handle = on_send,
	 .denied = UNAUTHORIZED,
	 .missing = {"MISSING_REQUIRED_FIELDS", "Conversation ID and content are required"},
	 .failed = {"DATABASE_ERROR", "Failed to send message"},
	 .reply = "`message_sent {message}`",
	 .others = "`message_received {message}`, the sender too",
	 .doc = "Answered when it is on disk. A retry (same clientMessageId, or same requestId, "
		"conversation and content within 24 h) gets the first answer again."},
	{0},
};
