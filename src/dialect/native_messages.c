/* native_messages.c - chat, and what needs no room. Their table stands at the end. */
#include "dialect/native_internal.h"

#include "base/clock.h"
#include "wire/json_write.h"

struct in_chat {
	struct pl_slice room;
	const struct pl_json *content;
};

static const struct pl_field chat_fields[] = {
	PL_FIELD(struct in_chat, room, "room", PL_STR, PL_REQUIRED, PL_NATIVE_ROOM_MAX,
		 "name of the room, or id of a conversation"),
	PL_FIELD(struct in_chat, content, "content", PL_NODE, 0, 0,
		 "the text; another value counts as its JSON"),
	{0},
};

/* Whom it reached hears it anyway; a room that is not there is nobody's. */
static void chat_answered(struct pl_op *op)
{
	struct pl_session *s = pl_session_of(op);
	if (s && op->err && op->err != PL_EDENIED)
		pl_native_fail(s, PL_S("Failed to send message"));
	pl_session_done(op);
}

static int fill_chat(struct pl_op *op, struct native *n, const struct in_chat *m)
{
	const struct pl_uuid *joined = pl_native_joined(n, m->room);
	struct pl_slice content = PL_S("");
	if (m->content)
		content = m->content->str.at ? m->content->str : m->content->raw;
	op->send.user = n->session.peer.user.id;
	op->send.kind = PL_S("text");
	if (joined)
		op->send.conversation = *joined;
	int err = joined ? 0 : pl_arena_copy(&op->arena, m->room, &op->send.room);
	return err ? err : pl_arena_copy(&op->arena, content, &op->send.content);
}

static int on_chat(struct pl_session *s, struct pl_slice ref, const void *in)
{
	struct native *n = pl_native_of(s);
	struct pl_op *op = pl_session_op(s, PL_OP_SEND, chat_answered, ref);
	if (!op)
		return PL_ENOMEM;
	int err = fill_chat(op, n, in);
	if (!err)
		err = pl_native_write_down(n);
	if (!err)
		err = pl_native_submit_behind(s, ((const struct in_chat *)in)->room, op);
	if (err)
		pl_session_done(op);
	return err;
}

static int on_ping(struct pl_session *s, struct pl_slice ref, const void *in)
{
	struct pl_buf *b = pl_session_out(s);
	(void)ref;
	(void)in;
	PL_PUT(b, "{\"type\":\"pong\",\"timestamp\":");
	pl_buf_put_u64(b, pl_wall_ms());
	PL_PUT(b, "}");
	pl_session_send(s, b);
	return 0;
}

struct in_upload {
	struct pl_slice filename;
};

static const struct pl_field upload_fields[] = {
	PL_FIELD(struct in_upload, filename, "filename", PL_STR, 0, 1024, "for the log"),
	{0},
};

static int on_file_upload(struct pl_session *s, struct pl_slice ref, const void *in)
{
	const struct in_upload *m = in;
	(void)ref;
	pl_log(s->gateway->hub->log, PL_DEBUG, "native", "file upload announced: %.*s",
	       PL_FMT(m->filename));
	return 0;
}

const struct pl_message_row pl_native_messages[] = {
	{.name = "chat",
	 .who = PL_SIGNED_IN,
	 .has_limit = true,
	 .limit = PL_LIMIT_CHATS,
	 PL_IN(chat_fields, struct in_chat),
	 .handle = on_chat,
	 .failed = {"error", "Failed to send message"},
	 .reply = "–",
	 .others = "`chat {from, content, timestamp, room, id, seq}`, the sender too if it joined",
	 .doc = "Kept. The sender need not have joined; a room that is not there is ignored."},
	{.name = "ping",
	 .handle = on_ping,
	 .reply = "`pong {timestamp}`",
	 .doc = "The time at the server. Does not stand for a pong."},
	{.name = "file-upload",
	 .who = PL_SIGNED_IN,
	 PL_IN(upload_fields, struct in_upload),
	 .handle = on_file_upload,
	 .reply = "–",
	 .doc = "Only written to the log (level debug)."},
	{0},
};
