/*
 * realtime_groups.c - groups: made, joined, left, talked in. Their table stands at the end.
 *
 * A groupId is the alias of a conversation, or its id. What a client makes gets an alias of its
 * own, a number; a room of another dialect is found by its name.
 */
#include "dialect/realtime_internal.h"

#include "base/clock.h"
#include "wire/json_write.h"

#include <stdio.h>

void pl_realtime_put_group_id(struct pl_buf *b, struct pl_slice alias, const struct pl_uuid *id)
{
	if (alias.len)
		pl_json_put_str(b, alias);
	else
		pl_json_put_uuid(b, id);
}

void pl_realtime_fail_group(struct pl_session *s, struct pl_slice ref, int err,
			    struct pl_slice group, const char *otherwise)
{
	switch (err) {
	case PL_ENOTFOUND:
	case PL_EINVAL:
		pl_realtime_say(s, "ERROR", ref, "Group chat with ID ", group, " does not exist.");
		return;
	case PL_EDENIED: pl_realtime_fail(s, ref, "You are not a member of this group."); return;
	case PL_ELIMIT: pl_realtime_fail(s, ref, "There are too many groups."); return;
	default: pl_realtime_fail(s, ref, otherwise); return;
	}
}

/* ---- making ---- */

struct in_create {
	struct pl_slice name, by;
};

static const struct pl_field create_fields[] = {
	PL_FIELD(struct in_create, name, "groupName", PL_STR, PL_REQUIRED, 1024, "its title"),
	PL_FIELD(struct in_create, by, "by", PL_STR, PL_REQUIRED, PL_REALTIME_NAME_MAX,
		 "the username that is signed in"),
	{0},
};

/* As the numbers of the original: milliseconds since its epoch in the upper 41 bits, below them at
 * random, so that workers need not agree. One that is taken is tried again. */
static void make_number(char out[24])
{
	static const uint64_t EPOCH_MS = 1753570766000;
	uint32_t low;
	pl_random_bytes(&low, sizeof(low));
	uint64_t wall = pl_wall_ms(), since = wall > EPOCH_MS ? wall - EPOCH_MS : 0;
	snprintf(out, 24, "%llu",
		 (unsigned long long)((since & ((1ULL << 41) - 1)) << 22 | (low & 0x3fffff)));
}

static void group_made(struct pl_op *);

static int submit_create(struct pl_session *s, struct pl_slice ref, struct pl_slice title)
{
	char number[24];
	struct pl_op *op = pl_session_op(s, PL_OP_OPEN_ROOM, group_made, ref);
	make_number(number);
	if (!op || pl_arena_copy(&op->arena, title, &op->open_room.title) ||
	    pl_arena_copy(&op->arena, pl_slice_str(number), &op->open_room.name)) {
		if (op)
			pl_session_done(op);
		return PL_ENOMEM;
	}
	op->open_room.user = s->peer.user.id;
	op->open_room.create = true;
	op->open_room.rooms_max = s->gateway->hub->options->open_rooms_max;
	pl_session_submit(s, op);
	return 0;
}

static void group_made(struct pl_op *op)
{
	static const char failed[] = "Failed to create group chat. Please try again.";
	const struct pl_op_open_room *o = &op->open_room;
	struct pl_session *s = pl_realtime_answering(op);
	struct pl_slice ref = pl_session_ref(op);
	bool is_taken = !op->err && !o->created;
	if (s && is_taken && submit_create(s, ref, o->title)) {
		pl_realtime_fail(s, ref, failed);
	} else if (s && op->err) {
		pl_realtime_fail_group(s, ref, op->err, o->name, failed);
	} else if (s && !is_taken) {
		struct pl_buf *b = pl_session_out(s);
		PL_PUT(b, "{\"type\":\"GROUP_CHAT_CREATED\",\"groupId\":");
		pl_realtime_put_group_id(b, o->found.alias, &o->found.id);
		PL_PUT(b, ",\"groupName\":");
		pl_json_put_str(b, o->found.name);
		pl_realtime_end(s, ref, b);
	}
	pl_session_done(op);
}

static int on_create(struct pl_session *s, struct pl_slice ref, const void *in)
{
	const struct in_create *m = in;
	return pl_realtime_is_me(s, ref, m->by) ? submit_create(s, ref, m->name) : 0;
}

/* ---- joining ---- */

struct in_member {
	struct pl_slice group, username;
};

static const struct pl_field member_fields[] = {
	PL_FIELD(struct in_member, group, "groupId", PL_STR, PL_REQUIRED, PL_REALTIME_GROUP_MAX,
		 "a group's number, the name of a room, or id of a conversation"),
	PL_FIELD(struct in_member, username, "username", PL_STR, PL_REQUIRED, PL_REALTIME_NAME_MAX,
		 "the username that is signed in"),
	{0},
};

int pl_realtime_sit(struct pl_session *s, const struct pl_conversation *c)
{
	struct pl_hub *hub = s->gateway->hub;
	bool is_told = pl_conversation_is_open(c) && !pl_hub_has_joined(hub, &s->peer, &c->id);
	return is_told ? pl_hub_sit(hub, &s->peer, c, (struct pl_slice){NULL, 0})
		       : pl_hub_join(hub, &s->peer, &c->id);
}

/* Of a new member the others hear from the store's own news: see chat/publish.c. */
static void sit_down(struct pl_session *s, const struct pl_op *op)
{
	const struct pl_op_open_room *o = &op->open_room;
	struct pl_slice me = s->peer.user.username, ref = pl_session_ref(op);
	static const char failed[] = "Failed to join group. Please try again.";
	if (pl_realtime_sit(s, &o->found))
		pl_realtime_fail(s, ref, failed);
	else
		pl_realtime_say(s, o->is_new_member ? "SUCCESS" : "ERROR", ref, "User ", me,
				o->is_new_member ? " has joined the group."
						 : " is already a member of the group.");
}

/* Only now is it known that it was a new one. Who asked may be gone: it is paid for all the same.
 */
static void pay_for_group(const struct pl_op *op)
{
	struct pl_hub *hub = pl_session_hub(op);
	if (pl_limits_take(hub->limits, PL_LIMIT_CREATES, pl_uuid_slice(&op->open_room.user),
			   pl_now_ms(), NULL))
		pl_metric_add(hub->metrics, PL_M_RATE_LIMITED, 1);
}

static void group_joined(struct pl_op *op)
{
	const struct pl_op_open_room *o = &op->open_room;
	struct pl_session *s = pl_realtime_answering(op), *same = pl_session_of(op);
	int err = op->err;
	if (same && o->create)
		pl_realtime_of(same)->creating--;
	if (!err && o->created)
		pay_for_group(op);
	if (!err && o->is_new_member)
		pl_presence_joined(pl_session_hub(op), &o->user, &o->found.id, 1);
	/* Which conversations there are of others is not told. */
	if (err == PL_EDENIED || (!err && o->found.type == PL_DIRECT))
		err = PL_ENOTFOUND;
	if (s && err)
		pl_realtime_fail_group(s, pl_session_ref(op), err, o->name,
				       "Failed to join group. Please try again.");
	else if (s)
		sit_down(s, op);
	pl_session_done(op);
}

static bool may_create(struct pl_session *s)
{
	struct pl_hub *hub = s->gateway->hub;
	return hub->options->rooms_open &&
	       pl_limits_has(hub->limits, PL_LIMIT_CREATES, pl_uuid_slice(&s->peer.user.id),
			     pl_realtime_of(s)->creating + 1, pl_now_ms());
}

static int on_join(struct pl_session *s, struct pl_slice ref, const void *in)
{
	const struct in_member *m = in;
	if (!pl_realtime_is_me(s, ref, m->username))
		return 0;
	struct pl_op *op = pl_session_op(s, PL_OP_OPEN_ROOM, group_joined, ref);
	if (!op || pl_arena_copy(&op->arena, m->group, &op->open_room.name)) {
		if (op)
			pl_session_done(op);
		return PL_ENOMEM;
	}
	op->open_room.user = s->peer.user.id;
	op->open_room.create = may_create(s);
	op->open_room.rooms_max = s->gateway->hub->options->open_rooms_max;
	op->open_room.remember = true;
	pl_realtime_of(s)->creating += op->open_room.create;
	pl_session_submit(s, op);
	return 0;
}

/* ---- leaving ---- */

static void group_left(struct pl_op *op)
{
	struct pl_session *s = pl_realtime_answering(op);
	struct pl_slice ref = pl_session_ref(op);
	if (s && op->err == PL_EINVAL) {
		pl_realtime_fail(s, ref, "This group cannot be left here.");
	} else if (s && op->err) {
		pl_realtime_fail_group(s, ref, op->err, op->leave.room,
				       "Failed to leave group. Please try again.");
	} else if (s) {
		pl_hub_unjoin(s->gateway->hub, &s->peer, &op->leave.left.id);
		pl_realtime_say(s, "SUCCESS", ref, "User ", s->peer.user.username,
				" has left the group.");
	}
	pl_session_done(op);
}

static int on_leave(struct pl_session *s, struct pl_slice ref, const void *in)
{
	const struct in_member *m = in;
	if (!pl_realtime_is_me(s, ref, m->username))
		return 0;
	struct pl_op *op = pl_session_op(s, PL_OP_LEAVE, group_left, ref);
	if (!op || pl_arena_copy(&op->arena, m->group, &op->leave.room)) {
		if (op)
			pl_session_done(op);
		return PL_ENOMEM;
	}
	op->leave.user = s->peer.user.id;
	pl_session_submit(s, op);
	return 0;
}

/* ---- talking ---- */

struct in_chat {
	struct pl_slice from, group, content, client_id;
};

static const struct pl_field chat_fields[] = {
	PL_REALTIME_FROM(struct in_chat),
	PL_FIELD(struct in_chat, group, "to", PL_STR, 0, PL_REALTIME_GROUP_MAX,
		 "the same, as older clients say it"),
	PL_FIELD(struct in_chat, group, "groupId", PL_STR, PL_REQUIRED, PL_REALTIME_GROUP_MAX,
		 "a group's number, the name of a room, or id of a conversation"),
	PL_FIELD(struct in_chat, content, "content", PL_STR, PL_REQUIRED, PL_REALTIME_TEXT_MAX,
		 "the text"),
	PL_FIELD(struct in_chat, client_id, "clientMessageId", PL_STR, 0, PL_REALTIME_REF_MAX,
		 "chosen by the client: sending again stores nothing"),
	{0},
};

static void chat_stored(struct pl_op *op)
{
	struct pl_session *s = pl_realtime_answering(op);
	if (s && op->err)
		pl_realtime_fail_group(s, pl_session_ref(op), op->err, op->send.room,
				       "Failed to send message. Please try again.");
	else if (s)
		pl_realtime_sent(s, op);
	pl_session_done(op);
}

static int on_chat(struct pl_session *s, struct pl_slice ref, const void *in)
{
	const struct in_chat *m = in;
	if (!pl_realtime_is_me(s, ref, m->from))
		return 0;
	struct pl_op *op = pl_session_op(s, PL_OP_SEND, chat_stored, ref);
	if (!op || pl_arena_copy(&op->arena, m->group, &op->send.room) ||
	    pl_arena_copy(&op->arena, m->content, &op->send.content) ||
	    pl_arena_copy(&op->arena, m->client_id, &op->send.client_id) ||
	    pl_arena_copy(&op->arena, ref, &op->send.request_id)) {
		if (op)
			pl_session_done(op);
		return PL_ENOMEM;
	}
	op->send.user = s->peer.user.id;
	op->send.kind = PL_S("text");
	op->send.in_group = true;
	op->send.not_to_origin = true;
	pl_session_submit(s, op);
	return 0;
}

#define MEMBER_ROW(word, what, wrong, answer_, others_, doc_)                                  \
	{                                                                                      \
		.name = (word), .who = PL_SIGNED_IN, PL_IN(member_fields, struct in_member),   \
		.handle = (what), .missing = {"ERROR", "Group ID and username are required."}, \
		.failed = {"ERROR", (wrong)}, .reply = (answer_), .others = (others_),         \
		.doc = (doc_)                                                                  \
	}

const struct pl_message_row pl_realtime_groups[] = {
	{.name = "CREATE_GROUP_CHAT",
	 .who = PL_SIGNED_IN,
	 .has_limit = true,
	 .limit = PL_LIMIT_CREATES,
	 PL_IN(create_fields, struct in_create),
	 .handle = on_create,
	 .missing = {"ERROR", "Group name and creator are required."},
	 .failed = {"ERROR", "Failed to create group chat. Please try again."},
	 .reply = "`GROUP_CHAT_CREATED {groupId, groupName}`",
	 .doc = "Make a group that everybody who knows its number may join. Who makes it is no "
		"member until it joins."},
	MEMBER_ROW("JOIN_GROUP", on_join, "Failed to join group. Please try again.",
		   "`SUCCESS {msg}`: User X has joined the group.",
		   "`GROUP_MEMBER_JOINED {groupId, username}`, older clients",
		   "For good. Makes the group where there is none (rooms.open). Errors also: Group "
		   "chat with ID G does not exist. User X is already a member of the group."),
	MEMBER_ROW("JOIN_GROUP_CHAT", on_join, "Failed to join group. Please try again.",
		   "as `JOIN_GROUP`", "as `JOIN_GROUP`", "The same, as older clients say it."),
	MEMBER_ROW("LEAVE_GROUP", on_leave, "Failed to leave group. Please try again.",
		   "`SUCCESS {msg}`: User X has left the group.", NULL,
		   "On all connections of the user. Errors as for JOIN_GROUP."),
	{.name = "GROUP_CHAT",
	 .who = PL_SIGNED_IN,
	 .has_limit = true,
	 .limit = PL_LIMIT_MESSAGES,
	 PL_IN(chat_fields, struct in_chat),
	 .handle = on_chat,
	 .missing = {"ERROR", "Group ID, sender, and message content are required."},
	 .failed = {"ERROR", "Failed to send message. Please try again."},
	 .reply = "nothing; with a `requestId` `SUCCESS {msg, requestId, messageId, timestamp}`",
	 .others = "`GROUP_CHAT {from, groupId, content, timestamp, messageId}`, other "
		   "connections of the sender too",
	 .doc = "Members only. Kept before anybody hears it. Errors also: Group chat with ID G "
		"does not exist. You are not a member of this group."},
	{0},
};
