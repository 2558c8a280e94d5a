/* qrypt_history.c - pages of history, and reading receipts. Its table stands at the end. */
#include "dialect/qrypt_internal.h"

#include "wire/json_write.h"

enum {
	PAGE_DEFAULT = 50,
	LIMIT_MAX = 10000 /* more is as good as this: history.page_max is what counts */
};

struct in_load {
	struct pl_slice conversation, before;
	int64_t limit;
	const struct pl_json
		*after; /* a node: 0 is a place too, the one before the first message */
};

static const struct pl_field load_fields[] = {
	PL_FIELD(struct in_load, conversation, "conversationId", PL_STR, PL_REQUIRED,
		 PL_QRYPT_ROOM_MAX, "id of the conversation, or name of an open room"),
	PL_FIELD(struct in_load, limit, "limit", PL_INT, 0, LIMIT_MAX,
		 "50 if not given; see history.page_max"),
	PL_FIELD(struct in_load, after, "afterSeq", PL_NODE, 0, 0,
		 "a whole number: instead the oldest messages with a greater seq. hasMore then "
		 "speaks "
		 "of newer ones"),
	{0},
};

static const struct pl_field load_more_fields[] = {
	PL_FIELD(struct in_load, conversation, "conversationId", PL_STR, PL_REQUIRED,
		 PL_QRYPT_ROOM_MAX, "id of the conversation, or name of an open room"),
	PL_FIELD(struct in_load, before, "beforeMessageId", PL_STR, PL_REQUIRED, PL_QRYPT_ID_MAX,
		 "the oldest message that is there already"),
	PL_FIELD(struct in_load, limit, "limit", PL_INT, 0, LIMIT_MAX,
		 "50 if not given; see history.page_max"),
	{0},
};

static void reply_page(struct pl_session *s, const struct pl_op *op)
{
	const struct pl_op_page *p = &op->page;
	struct pl_buf *b = pl_session_out(s);
	pl_qrypt_begin(b, "messages_loaded");
	PL_PUT(b, "{\"messages\":[");
	for (size_t i = 0; i < p->nmessages; i++) {
		if (i)
			PL_PUT(b, ",");
		pl_qrypt_put_message(b, &p->messages[i], p->messages[i].content);
	}
	PL_PUT(b, "],\"conversationId\":");
	pl_json_put_uuid(b, &p->conversation);
	PL_PUT(b, ",\"hasMore\":");
	pl_json_put_bool(b, p->has_more);
	PL_PUT(b, "}");
	pl_qrypt_reply(s, b, pl_session_ref(op));
}

/* The page that waited for this. Nobody asked for it: whether it worked is not told. */
static void read_silently(struct pl_op *op)
{
	struct pl_op *page = pl_session_held(op);
	struct pl_session *s = pl_qrypt_answering(page, "load_messages");
	if (s)
		reply_page(s, page);
	pl_session_done(page);
	pl_session_done(op);
}

/* Opening a conversation is reading it: whoever then asks for the unread count finds it so. */
static bool mark_all_read(struct pl_session *s, struct pl_op *page)
{
	const struct pl_op_page *p = &page->page;
	struct pl_op *op = p->nmessages ? pl_session_op(s, PL_OP_MARK_READ, read_silently,
							(struct pl_slice){NULL, 0})
					: NULL;
	if (!op)
		return false;
	op->mark_read.user = p->user;
	op->mark_read.conversation = p->conversation;
	op->mark_read.message = p->messages[p->nmessages - 1].id;
	op->mark_read.is_silent = true;
	pl_session_hold(op, page);
	pl_session_submit(s, op);
	return true;
}

static void messages_loaded(struct pl_op *op)
{
	struct pl_session *s = pl_qrypt_answering(op, "load_messages");
	/* Filling a gap is not opening the conversation. */
	if (s && !op->page.forward && mark_all_read(s, op))
		return;
	if (s)
		reply_page(s, op);
	pl_session_done(op);
}

static void more_loaded(struct pl_op *op)
{
	struct pl_session *s = pl_qrypt_answering(op, "load_more_messages");
	if (s)
		reply_page(s, op);
	pl_session_done(op);
}

static int load(struct pl_session *s, struct pl_slice ref, const struct in_load *m,
		const struct pl_uuid *before, void (*on_done)(struct pl_op *))
{
	struct pl_qrypt_place place = pl_qrypt_read_place(s, m->conversation);
	uint32_t max = s->gateway->hub->options->page_max;
	int64_t limit = m->limit ? m->limit : PAGE_DEFAULT;
	struct pl_op *op = pl_session_op(s, PL_OP_PAGE, on_done, ref);
	if (!op || pl_arena_copy(&op->arena, place.room, &op->page.room)) {
		if (op)
			pl_session_done(op);
		return PL_ENOMEM;
	}
	op->page.user = s->peer.user.id;
	op->page.conversation = place.id;
	op->page.limit = limit < max ? (uint32_t)limit : max;
	if (before)
		op->page.before = *before;
	op->page.forward = !pl_json_is_absent(m->after);
	op->page.after_seq = (uint64_t)pl_json_i64(m->after, 0);
	pl_session_submit(s, op);
	return 0;
}

static int on_load(struct pl_session *s, struct pl_slice ref, const void *in)
{
	static const struct pl_words bad = {"INVALID_DATA", "Invalid value: afterSeq"};
	const struct in_load *m = in;
	if (!pl_json_is_absent(m->after) && pl_json_i64(m->after, -1) < 0) {
		pl_qrypt_fail(s, ref, &bad, 0);
		return 0;
	}
	return load(s, ref, m, NULL, messages_loaded);
}

static int on_load_more(struct pl_session *s, struct pl_slice ref, const void *in)
{
	/* What is no uuid names no message: the one that no message has. */
	struct pl_uuid before = {{0xff}};
	struct pl_uuid parsed;
	if (!pl_uuid_parse(((const struct in_load *)in)->before, &parsed) &&
	    !pl_uuid_is_nil(&parsed))
		before = parsed;
	return load(s, ref, in, &before, more_loaded);
}

struct in_read {
	struct pl_slice conversation, message;
};

static const struct pl_field read_fields[] = {
	PL_FIELD(struct in_read, conversation, "conversationId", PL_STR, PL_REQUIRED,
		 PL_QRYPT_ROOM_MAX, "id of the conversation, or name of an open room"),
	PL_FIELD(struct in_read, message, "messageId", PL_STR, PL_REQUIRED, PL_QRYPT_ID_MAX,
		 "up to this one"),
	{0},
};

static void marked_read(struct pl_op *op)
{
	struct pl_session *s = pl_qrypt_answering(op, "mark_read");
	if (s) {
		const struct pl_op_mark_read *m = &op->mark_read;
		struct pl_buf *b = pl_session_out(s);
		pl_qrypt_begin(b, "message_read");
		pl_qrypt_put_read(b, &m->conversation, &m->at_message, &m->user, m->read_ms);
		pl_qrypt_reply(s, b, pl_session_ref(op));
	}
	pl_session_done(op);
}

static int on_mark_read(struct pl_session *s, struct pl_slice ref, const void *in)
{
	const struct in_read *m = in;
	struct pl_uuid message = {{0}};
	struct pl_qrypt_place place = pl_qrypt_read_place(s, m->conversation);
	if (pl_uuid_parse(m->message, &message)) {
		pl_qrypt_fail(s, ref, &pl_qrypt_row("mark_read")->not_found, 0);
		return 0;
	}
	struct pl_op *op = pl_session_op(s, PL_OP_MARK_READ, marked_read, ref);
	if (!op || pl_arena_copy(&op->arena, place.room, &op->mark_read.room)) {
		if (op)
			pl_session_done(op);
		return PL_ENOMEM;
	}
	op->mark_read.user = s->peer.user.id;
	op->mark_read.conversation = place.id;
	op->mark_read.message = message;
	pl_session_submit(s, op);
	return 0;
}

const struct pl_message_row pl_qrypt_history[] = {
	{.name = "load_messages",
	 .who = PL_SIGNED_IN,
	 LIMITED(HISTORY),
	 PL_IN(load_fields, struct in_load),
	 .handle = on_load,
	 .denied = UNAUTHORIZED,
	 .missing = {"MISSING_CONVERSATION_ID", "Conversation ID is required"},
	 .failed = {"DATABASE_ERROR", "Failed to load messages"},
	 .reply = "`messages_loaded {messages, conversationId, hasMore}`",
	 .doc = "The newest messages, oldest of them first. Marks them read, silently. With "
		"afterSeq "
		"what came after it, and nothing is marked: for a client that was away."},
	{.name = "load_more_messages",
	 .who = PL_SIGNED_IN,
	 LIMITED(HISTORY),
	 PL_IN(load_more_fields, struct in_load),
	 .handle = on_load_more,
	 .denied = UNAUTHORIZED,
	 .missing = {"MISSING_REQUIRED_FIELDS", "Conversation ID and beforeMessageId are required"},
	 .not_found = {"MESSAGE_NOT_FOUND", "Before message not found"},
	 .failed = {"DATABASE_ERROR", "Failed to load more messages"},
	 .reply = "`messages_loaded {messages, conversationId, hasMore}`",
	 .doc = "The messages before one that is there already."},
	{.name = "mark_read",
	 .who = PL_SIGNED_IN,
	 PL_IN(read_fields, struct in_read),
	 .handle = on_mark_read,
	 .denied = UNAUTHORIZED,
	 .missing = {"MISSING_REQUIRED_FIELDS", "Conversation ID and messageId are required"},
	 .not_found = {"MESSAGE_NOT_FOUND", "Message not found"},
	 .failed = {"DATABASE_ERROR", "Failed to mark as read"},
	 .reply = "`message_read {conversationId, messageId, userId, readAt}`",
	 .others = "`message_read`",
	 .doc = "The read position only moves forward."},
	{0},
};
