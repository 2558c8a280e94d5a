/* qrypt_conversations.c - listing, joining, leaving and creating conversations. Its table stands at
 * the end. */
#include "dialect/qrypt_internal.h"

#include "wire/json_write.h"

enum { MEMBERS_MAX = 1000 };

const struct pl_field pl_qrypt_conversation_fields[] = {
	PL_FIELD(struct in_conversation, conversation, "conversationId", PL_STR, PL_REQUIRED,
		 PL_QRYPT_ROOM_MAX, "id of the conversation, or name of an open room"),
	{0},
};

static void conversations_loaded(struct pl_op *op)
{
	struct pl_session *s = pl_qrypt_answering(op, "load_conversations");
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
		pl_qrypt_reply(s, b, pl_session_ref(op));
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

int pl_qrypt_ask_access(struct pl_session *s, struct pl_slice ref, const struct pl_qrypt_place *p,
			void (*on_done)(struct pl_op *))
{
	struct pl_op *op = pl_session_op(s, PL_OP_ACCESS, on_done, ref);
	if (!op || pl_arena_copy(&op->arena, p->room, &op->access.room)) {
		if (op)
			pl_session_done(op);
		return PL_ENOMEM;
	}
	op->access.user = s->peer.user.id;
	op->access.conversation = p->id;
	pl_session_submit(s, op);
	return 0;
}

/* In an open room one is seen: the others there hear of it. */
static void come_in(struct pl_session *s, struct pl_slice ref, const struct pl_conversation *c)
{
	struct pl_hub *hub = s->gateway->hub;
	int err = pl_conversation_is_open(c)
			  ? pl_hub_sit(hub, &s->peer, c, (struct pl_slice){NULL, 0})
			  : pl_hub_join(hub, &s->peer, &c->id);
	if (err)
		pl_qrypt_fail(s, ref, &pl_qrypt_access_denied, 0);
	else
		pl_qrypt_reply_conversation(s, "conversation_joined", ref, &c->id, "");
}

static void remembered(struct pl_op *op)
{
	const struct pl_op_open_room *o = &op->open_room;
	if (!op->err && o->is_new_member)
		pl_presence_joined(pl_session_hub(op), &o->user, &o->found.id, 1);
	struct pl_session *s = pl_qrypt_answering(op, "join_conversation");
	if (s)
		come_in(s, pl_session_ref(op), &o->found);
	pl_session_done(op);
}

/* Who comes into an open room stays a member, and finds it in the list. */
static int remember(struct pl_session *s, struct pl_slice ref, const struct pl_uuid *conversation)
{
	char name[PL_UUID_TEXT];
	struct pl_op *op = pl_session_op(s, PL_OP_OPEN_ROOM, remembered, ref);
	if (!op)
		return PL_ENOMEM;
	pl_uuid_format(conversation, name);
	op->open_room.user = s->peer.user.id;
	op->open_room.remember = true;
	int err = pl_arena_copy(&op->arena, pl_slice(name, sizeof(name)), &op->open_room.name);
	if (err)
		pl_session_done(op);
	else
		pl_session_submit(s, op);
	return err;
}

static void joined(struct pl_op *op)
{
	const struct pl_op_access *a = &op->access;
	struct pl_session *s = pl_qrypt_answering(op, "join_conversation");
	if (s && a->role != PL_NOT_MEMBER)
		come_in(s, pl_session_ref(op), &a->found);
	else if (s && remember(s, pl_session_ref(op), &a->found.id))
		pl_qrypt_fail(s, pl_session_ref(op), &pl_qrypt_row("join_conversation")->failed, 0);
	pl_session_done(op);
}

static int on_join(struct pl_session *s, struct pl_slice ref, const void *in)
{
	struct pl_qrypt_place p =
		pl_qrypt_read_place(s, ((const struct in_conversation *)in)->conversation);
	return pl_qrypt_ask_access(s, ref, &p, joined);
}

static int on_leave(struct pl_session *s, struct pl_slice ref, const void *in)
{
	struct pl_slice text = ((const struct in_conversation *)in)->conversation;
	struct pl_qrypt_place p = pl_qrypt_read_place(s, text);
	struct pl_buf *b = pl_session_out(s);
	if (!p.room.at)
		pl_hub_unjoin(s->gateway->hub, &s->peer, &p.id);
	pl_qrypt_begin(b, "conversation_left");
	PL_PUT(b, "{\"conversationId\":");
	pl_json_put_str(b, text);
	PL_PUT(b, "}");
	pl_qrypt_reply(s, b, ref);
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
	PL_FIELD(struct in_create, name, "name", PL_STR, 0, PL_QRYPT_NAME_MAX, "shown to all"),
	PL_FIELD(struct in_create, description, "description", PL_STR, 0, 1024, "shown to all"),
	PL_FIELD(struct in_create, is_group, "isGroup", PL_BOOL, 0, 0,
		 "a room, also with one other"),
	{0},
};

static void created(struct pl_op *op)
{
	struct pl_session *s = pl_qrypt_answering(op, "create_conversation");
	if (s) {
		const struct pl_op_create *c = &op->create;
		if (pl_hub_join(s->gateway->hub, &s->peer, &c->made.id))
			pl_log(s->gateway->hub->log, PL_WARN, "qrypt",
			       "a creator could not be seated in the new conversation");
		struct pl_buf *b = pl_session_out(s);
		pl_qrypt_begin(b, "conversation_created");
		pl_qrypt_put_created(b, &c->made, c->participants, c->nparticipants);
		pl_qrypt_reply(s, b, pl_session_ref(op));
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
		if (!it->str.len || it->str.len > PL_QRYPT_NAME_MAX)
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
		pl_qrypt_fail(s, ref, &pl_qrypt_row("create_conversation")->missing, 0);
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

const struct pl_message_row pl_qrypt_conversations[] = {
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
	 PL_IN(pl_qrypt_conversation_fields, struct in_conversation),
	 .handle = on_join,
	 .denied = AUTH_REQUIRED,
	 .missing = {"INVALID_DATA", "Conversation ID required"},
	 .failed = {"DATABASE_ERROR", "Failed to join conversation"},
	 .reply = "`conversation_joined {conversationId}`",
	 .others = "native clients, in an open room: `user-joined`",
	 .doc = "Hear what happens there on this connection. Members only: others get "
		"`ACCESS_DENIED`; in an open room (one with a name, made by a native client) "
		"everybody "
		"becomes a member."},
	{.name = "leave_conversation",
	 .who = PL_SIGNED_IN,
	 PL_IN(pl_qrypt_conversation_fields, struct in_conversation),
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
	{0},
};
