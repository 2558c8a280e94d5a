/*
 * qrypt_in.c - what a QryptChat client may say. Read the table at the end first; the handlers stand
 * in the same order. Operations answer in the function below their handler.
 */
#include "dialect/qrypt_internal.h"

#include "base/clock.h"
#include "wire/json_write.h"

enum {
	ID_MAX = 64,
	NAME_MAX = 256,
	TEXT_MAX = 4 << 20, /* the connection's message limit is what counts */
	PAGE_DEFAULT = 50,
	MEMBERS_MAX = 1000,
	LIMIT_MAX = INT32_MAX, /* what a client may ask for; a page gives less */
};

static const struct pl_words access_denied = {"ACCESS_DENIED", "Access denied to conversation"};

/* The answer to a failed operation, in the words of its row. */
static void fail_op(struct pl_session *s, const struct pl_op *op, const struct pl_message_row *row)
{
	const struct pl_words *w = &row->failed;
	if (op->err == PL_EDENIED)
		w = &access_denied;
	else if (op->err == PL_ENOTFOUND && row->not_found.code)
		w = &row->not_found;
	pl_qrypt_fail(s, pl_session_ref(op), w, op->err == PL_EBUSY ? 1000 : 0);
}

static const struct pl_message_row *row_named(const char *name)
{
	return pl_dispatch_find(pl_qrypt_rows, pl_slice_str(name));
}

/* The session to answer, or NULL: it is gone, or was just told that the operation failed. */
static struct pl_session *answering(const struct pl_op *op, const char *row)
{
	struct pl_session *s = pl_session_of(op);
	if (s && op->err) {
		fail_op(s, op, row_named(row));
		return NULL;
	}
	return s;
}

static void reply(struct pl_session *s, struct pl_buf *b, struct pl_slice ref)
{
	pl_qrypt_end(b, ref);
	pl_session_send(s, b);
}

/* {conversationId[, isTyping]}: the short answers. */
static void reply_conversation(struct pl_session *s, const char *type, struct pl_slice ref,
			       const struct pl_uuid *id, const char *more)
{
	struct pl_buf *b = pl_session_out(s);
	pl_qrypt_begin(b, type);
	PL_PUT(b, "{\"conversationId\":");
	pl_json_put_uuid(b, id);
	pl_buf_puts(b, pl_slice_str(more));
	PL_PUT(b, "}");
	reply(s, b, ref);
}

/* An id that is no uuid names nothing that this user may see. */
static bool read_conversation(struct pl_session *s, struct pl_slice ref, struct pl_slice text,
			      struct pl_uuid *out)
{
	if (!pl_uuid_parse(text, out))
		return true;
	pl_qrypt_fail(s, ref, &access_denied, 0);
	return false;
}

/* ---- auth, ping ---- */

struct in_auth {
	struct pl_slice token;
};

static const struct pl_field auth_fields[] = {
	PL_FIELD(struct in_auth, token, "token", PL_STR, PL_NEEDED, PL_TOKEN_MAX, "a JWT"),
	{0},
};

static const struct pl_words *refusal_of(int err)
{
	static const struct pl_words invalid = {"INVALID_TOKEN", "Invalid or expired token"};
	static const struct pl_words unknown = {"USER_NOT_FOUND", "User profile not found"};
	static const struct pl_words no_keys = {"CONFIG_ERROR", "Server configuration error"};
	static const struct pl_words too_many = {"RATE_LIMITED", "Too many refused tokens"};
	static const struct pl_words failed = {"AUTH_ERROR", "Authentication failed"};
	switch (err) {
	case PL_EDENIED:
	case PL_EEXPIRED: return &invalid;
	case PL_ENOTFOUND: return &unknown;
	case PL_ESTATE: return &no_keys;
	case PL_ELIMIT: return &too_many;
	default: return &failed;
	}
}

/* An uncorrelated frame beside the answer: the documents promise it, the clients only log it. */
static void tell_auth_error(struct pl_session *s, const struct pl_words *w, uint64_t expires_s)
{
	struct pl_buf *b = pl_session_out(s);
	pl_qrypt_begin(b, "auth_error");
	PL_PUT(b, "{\"error\":");
	pl_json_put_str(b, pl_slice_str(w->text));
	PL_PUT(b, ",\"code\":");
	pl_json_put_str(b, pl_slice_str(w->code));
	if (expires_s) {
		PL_PUT(b, ",\"expiresAt\":");
		pl_json_put_iso(b, expires_s * 1000);
	}
	PL_PUT(b, "}");
	pl_qrypt_end_fresh(b);
	pl_session_send(s, b);
}

static void refuse_auth(struct pl_session *s, struct pl_slice ref, const struct pl_words *w)
{
	tell_auth_error(s, w, 0);
	pl_qrypt_fail(s, ref, w, 0);
}

static int on_auth(struct pl_session *s, struct pl_slice ref, const void *in)
{
	struct pl_slice token = ((const struct in_auth *)in)->token;
	if (token.len)
		pl_session_sign_in(s, token, ref, true);
	else
		refuse_auth(s, ref, &row_named("auth")->missing);
	return 0;
}

void pl_qrypt_on_signed_in(struct pl_session *s, struct pl_slice ref, bool was_asked, int err)
{
	if (!was_asked)
		return; /* the handshake brought the token: nothing is said either way */
	if (err) {
		refuse_auth(s, ref, refusal_of(err));
		return;
	}
	struct pl_buf *b = pl_session_out(s);
	pl_qrypt_begin(b, "auth_success");
	PL_PUT(b, "{\"user\":");
	pl_qrypt_put_user(b, &s->peer.user);
	PL_PUT(b, "}");
	reply(s, b, ref);
}

void pl_qrypt_on_expiry(struct pl_session *s, uint64_t expires_s, bool is_over)
{
	static const struct pl_words soon = {"TOKEN_EXPIRING", "The token expires soon"};
	static const struct pl_words over = {"TOKEN_EXPIRED", "The token has expired"};
	tell_auth_error(s, is_over ? &over : &soon, expires_s);
}

static int on_ping(struct pl_session *s, struct pl_slice ref, const void *in)
{
	struct pl_buf *b = pl_session_out(s);
	(void)in;
	pl_qrypt_begin(b, "pong");
	PL_PUT(b, "{}");
	reply(s, b, ref);
	return 0;
}

/* ---- conversations ---- */

struct in_conversation {
	struct pl_slice conversation;
};

static const struct pl_field conversation_fields[] = {
	PL_FIELD(struct in_conversation, conversation, "conversationId", PL_STR, PL_REQUIRED,
		 ID_MAX, "id of the conversation"),
	{0},
};

static void conversations_loaded(struct pl_op *op)
{
	struct pl_session *s = answering(op, "load_conversations");
	if (s) {
		const struct pl_op_conversations *c = &op->conversations;
		struct pl_buf *b = pl_session_out(s);
		pl_qrypt_begin(b, "conversations_loaded");
		PL_PUT(b, "{\"conversations\":[");
		for (size_t i = 0; i < c->nrows; i++) {
			if (i)
				PL_PUT(b, ",");
			pl_qrypt_put_listed(b, &c->rows[i]);
		}
		PL_PUT(b, "]}");
		reply(s, b, pl_session_ref(op));
	}
	pl_session_done(op);
}

static int on_load_conversations(struct pl_session *s, struct pl_slice ref, const void *in)
{
	struct pl_op *op = pl_session_op(s, PL_OP_CONVERSATIONS, conversations_loaded, ref);
	(void)in;
	if (!op)
		return PL_ENOMEM;
	op->conversations.user = s->peer.user.id;
	pl_session_submit(s, op);
	return 0;
}

static int ask_access(struct pl_session *s, struct pl_slice ref, const struct pl_uuid *conversation,
		      void (*on_done)(struct pl_op *))
{
	struct pl_op *op = pl_session_op(s, PL_OP_ACCESS, on_done, ref);
	if (!op)
		return PL_ENOMEM;
	op->access.user = s->peer.user.id;
	op->access.conversation = *conversation;
	pl_session_submit(s, op);
	return 0;
}

/* Whether the answer still concerns the user who asked: another may have signed in meanwhile. */
static bool is_still(const struct pl_session *s, const struct pl_uuid *user)
{
	return pl_uuid_eq(&s->peer.user.id, user);
}

static void joined(struct pl_op *op)
{
	struct pl_session *s = answering(op, "join_conversation");
	if (s) {
		bool is_in = is_still(s, &op->access.user) &&
			     !pl_hub_join(s->gateway->hub, &s->peer, &op->access.conversation);
		if (is_in)
			reply_conversation(s, "conversation_joined", pl_session_ref(op),
					   &op->access.conversation, "");
		else
			pl_qrypt_fail(s, pl_session_ref(op), &access_denied, 0);
	}
	pl_session_done(op);
}

static int on_join(struct pl_session *s, struct pl_slice ref, const void *in)
{
	struct pl_uuid id;
	if (!read_conversation(s, ref, ((const struct in_conversation *)in)->conversation, &id))
		return 0;
	return ask_access(s, ref, &id, joined);
}

static int on_leave(struct pl_session *s, struct pl_slice ref, const void *in)
{
	struct pl_slice text = ((const struct in_conversation *)in)->conversation;
	struct pl_buf *b = pl_session_out(s);
	struct pl_uuid id;
	if (!pl_uuid_parse(text, &id))
		pl_hub_unjoin(s->gateway->hub, &s->peer, &id);
	pl_qrypt_begin(b, "conversation_left");
	PL_PUT(b, "{\"conversationId\":");
	pl_json_put_str(b, text);
	PL_PUT(b, "}");
	reply(s, b, ref);
	return 0;
}

struct in_create {
	const struct pl_json *participants;
	struct pl_slice type, name, description;
	bool is_group;
};

static const struct pl_field create_fields[] = {
	PL_FIELD(struct in_create, participants, "participant_ids", PL_NODE, PL_REQUIRED, 0,
		 "ids or usernames of the others"),
	PL_FIELD(struct in_create, participants, "participantIds", PL_NODE, PL_REQUIRED, 0,
		 "the same by another name"),
	PL_FIELD(struct in_create, type, "type", PL_STR, 0, 16,
		 "direct, group or room; without it one other is direct, more are a room"),
	PL_FIELD(struct in_create, name, "name", PL_STR, 0, NAME_MAX, "shown to all"),
	PL_FIELD(struct in_create, description, "description", PL_STR, 0, 1024, "shown to all"),
	PL_FIELD(struct in_create, is_group, "isGroup", PL_BOOL, 0, 0,
		 "a room, also with one other"),
	{0},
};

static void created(struct pl_op *op)
{
	struct pl_session *s = answering(op, "create_conversation");
	if (s) {
		const struct pl_op_create *c = &op->create;
		struct pl_buf *b = pl_session_out(s);
		if (is_still(s, &c->creator) && pl_hub_join(s->gateway->hub, &s->peer, &c->made.id))
			pl_log(s->gateway->hub->log, PL_WARN, "qrypt",
			       "a creator could not be seated in the new conversation");
		b = pl_session_out(s);
		pl_qrypt_begin(b, "conversation_created");
		pl_qrypt_put_created(b, &c->made, c->participants, c->nparticipants);
		reply(s, b, pl_session_ref(op));
	}
	pl_session_done(op);
}

static bool read_type(const struct in_create *m, uint32_t others, enum pl_conversation_type *out)
{
	if (!m->type.len)
		*out = m->is_group || others != 1 ? PL_ROOM : PL_DIRECT;
	else if (pl_slice_is(m->type, "direct"))
		*out = PL_DIRECT;
	else if (pl_slice_is(m->type, "group"))
		*out = PL_GROUP;
	else if (pl_slice_is(m->type, "room"))
		*out = PL_ROOM;
	else
		return false;
	return true;
}

/* Strings only. */
static int read_members(struct pl_op *op, const struct pl_json *list)
{
	struct pl_op_create *c = &op->create;
	c->members = pl_arena_array(&op->arena, list->count, sizeof(*c->members));
	if (!c->members && list->count)
		return PL_ENOMEM;
	PL_JSON_EACH(it, list)
	{
		if (!it->str.len || it->str.len > NAME_MAX)
			return PL_EINVAL;
		if (pl_arena_copy(&op->arena, it->str, &c->members[c->nmembers++]))
			return PL_ENOMEM;
	}
	return 0;
}

static int on_create(struct pl_session *s, struct pl_slice ref, const void *in)
{
	const struct in_create *m = in;
	enum pl_conversation_type type;
	if (!pl_json_is(m->participants, PL_JSON_ARRAY)) {
		pl_qrypt_fail(s, ref, &row_named("create_conversation")->missing, 0);
		return 0;
	}
	if (m->participants->count > MEMBERS_MAX || !read_type(m, m->participants->count, &type))
		return PL_EINVAL;
	struct pl_op *op = pl_session_op(s, PL_OP_CREATE, created, ref);
	if (!op)
		return PL_ENOMEM;
	op->create.creator = s->peer.user.id;
	op->create.type = type;
	int err = read_members(op, m->participants);
	if (!err)
		err = pl_arena_copy(&op->arena, m->name, &op->create.name);
	if (!err)
		err = pl_arena_copy(&op->arena, m->description, &op->create.description);
	if (err)
		pl_session_done(op);
	else
		pl_session_submit(s, op);
	return err;
}

/* ---- messages ---- */

struct in_send {
	struct pl_slice conversation, content, kind, reply_to, client_id;
	const struct pl_json *copies, *metadata;
};

static const struct pl_field send_fields[] = {
	PL_FIELD(struct in_send, conversation, "conversationId", PL_STR, PL_NEEDED, ID_MAX,
		 "where to (required)"),
	PL_FIELD(struct in_send, content, "content", PL_STR, PL_NEEDED, TEXT_MAX,
		 "the text, not empty (required, or encryptedContents)"),
	PL_FIELD(struct in_send, copies, "encryptedContents", PL_NODE, 0, 0,
		 "instead of content: {userId: text}, each recipient's own copy"),
	PL_FIELD(struct in_send, kind, "messageType", PL_STR, 0, 16,
		 "text (default), image, file or system"),
	PL_FIELD(struct in_send, reply_to, "replyToId", PL_STR, 0, ID_MAX,
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
	struct pl_session *s = answering(op, "send_message");
	if (s) {
		const struct pl_op_send *m = &op->send;
		struct pl_buf *b = pl_session_out(s);
		pl_qrypt_begin(b, "message_sent");
		PL_PUT(b, "{\"message\":");
		pl_qrypt_put_message(b, &m->message, m->message.content);
		if (m->duplicate)
			PL_PUT(b, ",\"duplicate\":true");
		PL_PUT(b, "}");
		reply(s, b, pl_session_ref(op));
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
	struct pl_uuid conversation;
	const struct pl_words *wrong = check_send(m);
	if (wrong) {
		pl_qrypt_fail(s, ref, wrong, 0);
		return 0;
	}
	if (!read_conversation(s, ref, m->conversation, &conversation))
		return 0;
	if (!is_known_kind(m->kind) || (m->metadata && !pl_json_is(m->metadata, PL_JSON_OBJECT)))
		return PL_EINVAL;
	struct pl_op *op = pl_session_op(s, PL_OP_SEND, message_sent, ref);
	if (!op)
		return PL_ENOMEM;
	op->send.user = s->peer.user.id;
	op->send.conversation = conversation;
	int err = fill_send(op, m, ref);
	if (!err && m->copies)
		err = copy_copies(op, m->copies);
	if (err)
		pl_session_done(op);
	else
		pl_session_submit(s, op);
	return err;
}

/* ---- history ---- */

struct in_load {
	struct pl_slice conversation, before;
	int64_t limit;
};

static const struct pl_field load_fields[] = {
	PL_FIELD(struct in_load, conversation, "conversationId", PL_STR, PL_REQUIRED, ID_MAX,
		 "id of the conversation"),
	PL_FIELD(struct in_load, limit, "limit", PL_INT, 0, LIMIT_MAX,
		 "50 if not given; see history.page_max"),
	{0},
};

static const struct pl_field load_more_fields[] = {
	PL_FIELD(struct in_load, conversation, "conversationId", PL_STR, PL_REQUIRED, ID_MAX,
		 "id of the conversation"),
	PL_FIELD(struct in_load, before, "beforeMessageId", PL_STR, PL_REQUIRED, ID_MAX,
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
	reply(s, b, pl_session_ref(op));
}

/* The page that waited for this. Nobody asked for it: whether it worked is not told. */
static void read_silently(struct pl_op *op)
{
	struct pl_session *s = pl_session_of(op);
	struct pl_op *page = pl_session_held(op);
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
	struct pl_session *s = answering(op, "load_messages");
	if (s && mark_all_read(s, op))
		return;
	if (s)
		reply_page(s, op);
	pl_session_done(op);
}

static void more_loaded(struct pl_op *op)
{
	struct pl_session *s = answering(op, "load_more_messages");
	if (s)
		reply_page(s, op);
	pl_session_done(op);
}

static int load(struct pl_session *s, struct pl_slice ref, const struct in_load *m,
		const struct pl_uuid *before, void (*on_done)(struct pl_op *))
{
	struct pl_uuid conversation;
	uint32_t max = s->gateway->hub->options->page_max;
	int64_t limit = m->limit ? m->limit : PAGE_DEFAULT;
	if (!read_conversation(s, ref, m->conversation, &conversation))
		return 0;
	struct pl_op *op = pl_session_op(s, PL_OP_PAGE, on_done, ref);
	if (!op)
		return PL_ENOMEM;
	op->page.user = s->peer.user.id;
	op->page.conversation = conversation;
	op->page.limit = limit < max ? (uint32_t)limit : max;
	if (before)
		op->page.before = *before;
	pl_session_submit(s, op);
	return 0;
}

static int on_load(struct pl_session *s, struct pl_slice ref, const void *in)
{
	return load(s, ref, in, NULL, messages_loaded);
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
	PL_FIELD(struct in_read, conversation, "conversationId", PL_STR, PL_REQUIRED, ID_MAX,
		 "id of the conversation"),
	PL_FIELD(struct in_read, message, "messageId", PL_STR, PL_REQUIRED, ID_MAX,
		 "up to this one"),
	{0},
};

static void marked_read(struct pl_op *op)
{
	struct pl_session *s = answering(op, "mark_read");
	if (s) {
		const struct pl_op_mark_read *m = &op->mark_read;
		struct pl_buf *b = pl_session_out(s);
		pl_qrypt_begin(b, "message_read");
		pl_qrypt_put_read(b, &m->conversation, &m->at_message, &m->user, m->read_ms);
		reply(s, b, pl_session_ref(op));
	}
	pl_session_done(op);
}

static int on_mark_read(struct pl_session *s, struct pl_slice ref, const void *in)
{
	const struct in_read *m = in;
	struct pl_uuid conversation, message = {{0}};
	if (!read_conversation(s, ref, m->conversation, &conversation))
		return 0;
	if (pl_uuid_parse(m->message, &message)) {
		pl_qrypt_fail(s, ref, &row_named("mark_read")->not_found, 0);
		return 0;
	}
	struct pl_op *op = pl_session_op(s, PL_OP_MARK_READ, marked_read, ref);
	if (!op)
		return PL_ENOMEM;
	op->mark_read.user = s->peer.user.id;
	op->mark_read.conversation = conversation;
	op->mark_read.message = message;
	pl_session_submit(s, op);
	return 0;
}

/* ---- typing ---- */

static void start_typing(struct pl_session *s, struct pl_slice ref,
			 const struct pl_uuid *conversation)
{
	if (pl_typing_start(s->gateway->hub, &s->peer, conversation))
		pl_qrypt_fail(s, ref, &row_named("typing_start")->failed, 0);
	else
		reply_conversation(s, "typing_start", ref, conversation, ",\"isTyping\":true");
}

static void may_type(struct pl_op *op)
{
	struct pl_session *s = answering(op, "typing_start");
	if (s && is_still(s, &op->access.user))
		start_typing(s, pl_session_ref(op), &op->access.conversation);
	else if (s)
		pl_qrypt_fail(s, pl_session_ref(op), &access_denied, 0);
	pl_session_done(op);
}

static int on_typing_start(struct pl_session *s, struct pl_slice ref, const void *in)
{
	struct pl_uuid id;
	if (!read_conversation(s, ref, ((const struct in_conversation *)in)->conversation, &id))
		return 0;
	if (!pl_hub_has_joined(s->gateway->hub, &s->peer, &id))
		return ask_access(s, ref, &id, may_type);
	start_typing(s, ref, &id);
	return 0;
}

static void stop_typing(struct pl_session *s, struct pl_slice ref,
			const struct pl_uuid *conversation)
{
	pl_typing_stop(s->gateway->hub, &s->peer, conversation);
	reply_conversation(s, "typing_stop", ref, conversation, ",\"isTyping\":false");
}

static void may_stop(struct pl_op *op)
{
	struct pl_session *s = answering(op, "typing_stop");
	if (s)
		stop_typing(s, pl_session_ref(op), &op->access.conversation);
	pl_session_done(op);
}

static int on_typing_stop(struct pl_session *s, struct pl_slice ref, const void *in)
{
	struct pl_uuid id;
	if (!read_conversation(s, ref, ((const struct in_conversation *)in)->conversation, &id))
		return 0;
	if (!pl_hub_has_joined(s->gateway->hub, &s->peer, &id))
		return ask_access(s, ref, &id, may_stop);
	stop_typing(s, ref, &id);
	return 0;
}

/* ---- groups ---- */

struct in_group {
	struct pl_slice name, description;
	bool is_public;
};

static const struct pl_field group_fields[] = {
	PL_FIELD(struct in_group, name, "name", PL_STR, PL_REQUIRED, NAME_MAX, "of the group"),
	PL_FIELD(struct in_group, description, "description", PL_STR, 0, 1024, "of the group"),
	PL_FIELD(struct in_group, is_public, "isPublic", PL_BOOL, 0, 0, "shown to all"),
	{0},
};

static void group_created(struct pl_op *op)
{
	struct pl_session *s = answering(op, "create_group");
	if (s) {
		const struct pl_op_create_group *g = &op->create_group;
		struct pl_hub *hub = s->gateway->hub;
		if (is_still(s, &g->creator) && !pl_hub_join(hub, &s->peer, &g->room.id))
			pl_presence_joined(hub, &g->creator, &g->room.id, 1);
		struct pl_buf *b = pl_session_out(s);
		pl_qrypt_begin(b, "group_created");
		PL_PUT(b, "{\"group_id\":");
		pl_json_put_uuid(b, &g->group.id);
		PL_PUT(b, ",\"room_id\":");
		pl_json_put_uuid(b, &g->room.id);
		PL_PUT(b, ",\"invite_code\":");
		pl_json_put_str(b, g->group.invite_code);
		PL_PUT(b, ",\"group\":");
		pl_qrypt_put_group(b, &g->group);
		PL_PUT(b, "}");
		reply(s, b, pl_session_ref(op));
	}
	pl_session_done(op);
}

static int on_create_group(struct pl_session *s, struct pl_slice ref, const void *in)
{
	const struct in_group *m = in;
	struct pl_op *op = pl_session_op(s, PL_OP_CREATE_GROUP, group_created, ref);
	if (!op)
		return PL_ENOMEM;
	op->create_group.creator = s->peer.user.id;
	op->create_group.is_public = m->is_public;
	int err = pl_arena_copy(&op->arena, m->name, &op->create_group.name);
	if (!err)
		err = pl_arena_copy(&op->arena, m->description, &op->create_group.description);
	if (err)
		pl_session_done(op);
	else
		pl_session_submit(s, op);
	return err;
}

struct in_invite {
	struct pl_slice code;
};

static const struct pl_field invite_fields[] = {
	PL_FIELD(struct in_invite, code, "inviteCode", PL_STR, PL_REQUIRED, 32, "of the group"),
	PL_FIELD(struct in_invite, code, "invite_code", PL_STR, PL_REQUIRED, 32,
		 "the same by another name"),
	{0},
};

static void group_joined(struct pl_op *op)
{
	struct pl_session *s = pl_session_of(op);
	if (s && op->err && op->err != PL_EEXISTS) {
		fail_op(s, op, row_named("join_group"));
	} else if (s) {
		const struct pl_op_join_group *g = &op->join_group;
		bool is_new = !op->err;
		if (is_new)
			pl_presence_joined(s->gateway->hub, &g->user, g->rooms, g->nrooms);
		struct pl_buf *b = pl_session_out(s);
		pl_qrypt_begin(b, "group_joined");
		PL_PUT(b, "{\"success\":");
		pl_json_put_bool(b, is_new);
		PL_PUT(b, ",\"group_id\":");
		pl_json_put_uuid(b, &g->group.id);
		PL_PUT(b, ",\"message\":");
		pl_json_put_str(b, is_new ? PL_S("Successfully joined group")
					  : PL_S("Already a member of this group"));
		PL_PUT(b, ",\"group\":");
		pl_qrypt_put_group(b, &g->group);
		PL_PUT(b, ",\"room_ids\":[");
		for (size_t i = 0; i < g->nrooms; i++) {
			if (i)
				PL_PUT(b, ",");
			pl_json_put_uuid(b, &g->rooms[i]);
		}
		PL_PUT(b, "]}");
		reply(s, b, pl_session_ref(op));
	}
	pl_session_done(op);
}

static int on_join_group(struct pl_session *s, struct pl_slice ref, const void *in)
{
	struct pl_op *op = pl_session_op(s, PL_OP_JOIN_GROUP, group_joined, ref);
	if (!op)
		return PL_ENOMEM;
	op->join_group.user = s->peer.user.id;
	int err = pl_arena_copy(&op->arena, ((const struct in_invite *)in)->code,
				&op->join_group.invite_code);
	if (err)
		pl_session_done(op);
	else
		pl_session_submit(s, op);
	return err;
}

static void groups_loaded(struct pl_op *op)
{
	struct pl_session *s = answering(op, "load_groups");
	if (s) {
		struct pl_buf *b = pl_session_out(s);
		pl_qrypt_begin(b, "groups_loaded");
		PL_PUT(b, "{\"groups\":[");
		for (size_t i = 0; i < op->groups.nrows; i++) {
			if (i)
				PL_PUT(b, ",");
			pl_qrypt_put_group(b, &op->groups.rows[i]);
		}
		PL_PUT(b, "]}");
		reply(s, b, pl_session_ref(op));
	}
	pl_session_done(op);
}

static int on_load_groups(struct pl_session *s, struct pl_slice ref, const void *in)
{
	struct pl_op *op = pl_session_op(s, PL_OP_GROUPS, groups_loaded, ref);
	(void)in;
	if (!op)
		return PL_ENOMEM;
	op->groups.user = s->peer.user.id;
	pl_session_submit(s, op);
	return 0;
}

/* ---- the table ---- */

#define AUTH_REQUIRED                                      \
	{                                                  \
		"AUTH_REQUIRED", "Authentication required" \
	}
#define UNAUTHORIZED                                      \
	{                                                 \
		"UNAUTHORIZED", "Authentication required" \
	}
#define LIMITED(name) .has_limit = true, .limit = PL_LIMIT_##name

const struct pl_message_row pl_qrypt_rows[] = {
	{.name = "auth",
	 PL_IN(auth_fields, struct in_auth),
	 .handle = on_auth,
	 .missing = {"MISSING_TOKEN", "Authentication token is required"},
	 .not_found = {"USER_NOT_FOUND", "User profile not found"},
	 .failed = {"AUTH_ERROR", "Authentication failed"},
	 .reply = "`auth_success {user}`",
	 .others = "`user_online`, once the first device is there",
	 .doc = "Sign in, or bring a fresh token. A bad token is `INVALID_TOKEN`; the connection "
		"stays open."},
	{.name = "load_conversations",
	 .who = PL_SIGNED_IN,
	 LIMITED(HISTORY),
	 .handle = on_load_conversations,
	 .denied = AUTH_REQUIRED,
	 .failed = {"DATABASE_ERROR", "Failed to load conversations"},
	 .reply = "`conversations_loaded {conversations}`",
	 .doc = "The user's conversations, latest activity first."},
	{.name = "join_conversation",
	 .who = PL_SIGNED_IN,
	 PL_IN(conversation_fields, struct in_conversation),
	 .handle = on_join,
	 .denied = AUTH_REQUIRED,
	 .missing = {"INVALID_DATA", "Conversation ID required"},
	 .failed = {"DATABASE_ERROR", "Failed to join conversation"},
	 .reply = "`conversation_joined {conversationId}`",
	 .doc = "Hear what happens there on this connection. Members only: others get "
		"`ACCESS_DENIED`."},
	{.name = "leave_conversation",
	 .who = PL_SIGNED_IN,
	 PL_IN(conversation_fields, struct in_conversation),
	 .handle = on_leave,
	 .denied = AUTH_REQUIRED,
	 .missing = {"INVALID_DATA", "Conversation ID required"},
	 .reply = "`conversation_left {conversationId}`",
	 .others = "`typing_update`, if it was typing",
	 .doc = "Stop hearing it on this connection. The user stays a member."},
	{.name = "create_conversation",
	 .who = PL_SIGNED_IN,
	 LIMITED(CREATES),
	 PL_IN(create_fields, struct in_create),
	 .handle = on_create,
	 .denied = AUTH_REQUIRED,
	 .missing = {"INVALID_DATA", "Participant IDs required"},
	 .not_found = {"DATABASE_ERROR", "Failed to add participants"},
	 .failed = {"DATABASE_ERROR", "Failed to create conversation"},
	 .reply = "`conversation_created {conversation, …}`",
	 .others = "`conversation_created`, the members",
	 .doc = "A direct conversation exists once per pair: creating it again returns it."},
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
	{.name = "load_messages",
	 .who = PL_SIGNED_IN,
	 LIMITED(HISTORY),
	 PL_IN(load_fields, struct in_load),
	 .handle = on_load,
	 .denied = UNAUTHORIZED,
	 .missing = {"MISSING_CONVERSATION_ID", "Conversation ID is required"},
	 .failed = {"DATABASE_ERROR", "Failed to load messages"},
	 .reply = "`messages_loaded {messages, conversationId, hasMore}`",
	 .doc = "The newest messages, oldest of them first. Marks them read, silently."},
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
	{.name = "typing_start",
	 .who = PL_SIGNED_IN,
	 PL_IN(conversation_fields, struct in_conversation),
	 .handle = on_typing_start,
	 .denied = UNAUTHORIZED,
	 .missing = {"MISSING_CONVERSATION_ID", "Conversation ID is required"},
	 .failed = {"SERVER_ERROR", "Failed to start typing indicator"},
	 .reply = "`typing_start {conversationId, isTyping}`",
	 .others = "`typing_update {…, isTyping: true}`",
	 .doc = "Ends by itself (`typing.expiry`), when the connection leaves, and by "
		"`typing_stop`."},
	{.name = "typing_stop",
	 .who = PL_SIGNED_IN,
	 PL_IN(conversation_fields, struct in_conversation),
	 .handle = on_typing_stop,
	 .denied = UNAUTHORIZED,
	 .missing = {"MISSING_CONVERSATION_ID", "Conversation ID is required"},
	 .failed = {"SERVER_ERROR", "Failed to stop typing indicator"},
	 .reply = "`typing_stop {conversationId, isTyping}`",
	 .others = "`typing_update {…, isTyping: false}`",
	 .doc = "Stopping what was not begun is no error, and nobody hears of it."},
	{.name = "create_group",
	 .who = PL_SIGNED_IN,
	 LIMITED(CREATES),
	 PL_IN(group_fields, struct in_group),
	 .handle = on_create_group,
	 .denied = AUTH_REQUIRED,
	 .missing = {"INVALID_DATA", "Group name required"},
	 .failed = {"DATABASE_ERROR", "Failed to create group"},
	 .reply = "`group_created {group_id, room_id, invite_code, group}`",
	 .doc = "A group with a first room, \"general\". The creator owns it."},
	{.name = "join_group",
	 .who = PL_SIGNED_IN,
	 LIMITED(CREATES),
	 PL_IN(invite_fields, struct in_invite),
	 .handle = on_join_group,
	 .denied = AUTH_REQUIRED,
	 .missing = {"INVALID_DATA", "Invite code required"},
	 .not_found = {"INVALID_INVITE_CODE", "Invalid invite code"},
	 .failed = {"DATABASE_ERROR", "Failed to join group"},
	 .reply = "`group_joined {success, group_id, message, group, room_ids}`",
	 .doc = "Whoever is in already gets success: false."},
	{.name = "load_groups",
	 .who = PL_SIGNED_IN,
	 LIMITED(HISTORY),
	 .handle = on_load_groups,
	 .denied = AUTH_REQUIRED,
	 .failed = {"DATABASE_ERROR", "Failed to load groups"},
	 .reply = "`groups_loaded {groups}`",
	 .doc = "The user's groups."},
	{.name = "ping", .handle = on_ping, .reply = "`pong {}`", .doc = "Also a sign of life."},
	{0},
};
