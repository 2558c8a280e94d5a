/*
 * realtime_direct.c - talking to one other person. Its table stands at the end.
 *
 * The direct conversation of the two is meant, whatever chatId a client uses for it: the store
 * finds it by the names inside the transaction that keeps the message.
 */
#include "dialect/realtime_internal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "wire/json_write.h"

/* ---- chatId ---- */

/* As code units of UTF-16 compare: what lies beyond U+FFFF stands before U+E000. */
static bool is_before(struct pl_slice a, struct pl_slice b)
{
	size_t i = 0, n = a.len < b.len ? a.len : b.len;
	while (i < n && a.at[i] == b.at[i])
		i++;
	if (i == n)
		return a.len < b.len;
	uint8_t x = (uint8_t)a.at[i], y = (uint8_t)b.at[i];
	bool is_high = x >= 0xee && y >= 0xee && (x >= 0xf0) != (y >= 0xf0);
	return is_high ? x > y : x < y;
}

void pl_realtime_put_chat_id(struct pl_buf *b, struct pl_slice one, struct pl_slice two)
{
	bool is_sorted = is_before(one, two);
	PL_PUT(b, "\"");
	pl_json_put_escaped(b, is_sorted ? one : two);
	PL_PUT(b, "-");
	pl_json_put_escaped(b, is_sorted ? two : one);
	PL_PUT(b, "\"");
}

static bool consists_of(struct pl_slice id, struct pl_slice a, struct pl_slice b)
{
	return id.len == a.len + 1 + b.len && pl_slice_starts(id, a) && id.at[a.len] == '-' &&
	       pl_slice_eq(pl_slice(id.at + a.len + 1, b.len), b);
}

void pl_realtime_read_chat_id(struct pl_slice id, struct pl_slice from, struct pl_slice to,
			      struct pl_slice pair[2])
{
	struct pl_slice rest, more, none = {NULL, 0};
	struct pl_slice first = pl_slice_cut(id, '-', &rest), second = rest;
	pair[0] = pair[1] = none;
	if (consists_of(id, from, to) || consists_of(id, to, from))
		return;
	if (!first.len || !rest.len)
		return;
	pl_slice_cut(rest, '-', &more);
	if (more.at)
		return;
	pair[0] = first;
	pair[1] = second;
}

/* ---- sending ---- */

struct in_chat {
	struct pl_slice from, to, content, chat, client_id;
};

static const struct pl_field chat_fields[] = {
	PL_REALTIME_FROM(struct in_chat),
	PL_FIELD(struct in_chat, to, "to", PL_STR, PL_REQUIRED, PL_REALTIME_NAME_MAX,
		 "the other's username"),
	PL_FIELD(struct in_chat, content, "content", PL_STR, PL_REQUIRED, PL_REALTIME_TEXT_MAX,
		 "the text"),
	PL_FIELD(struct in_chat, chat, "chatId", PL_STR, PL_REQUIRED, PL_REALTIME_ID_MAX,
		 "the two usernames, sorted, with a `-` in between; or the client's own"),
	PL_FIELD(struct in_chat, client_id, "clientMessageId", PL_STR, 0, PL_REALTIME_REF_MAX,
		 "chosen by the client: sending again stores nothing"),
	{0},
};

void pl_realtime_fail_meeting(struct pl_session *s, struct pl_slice ref, int err,
			      struct pl_slice to, const char *otherwise)
{
	switch (err) {
	case PL_ENOTFOUND:
		pl_realtime_say(s, "ERROR", ref, "User ", to, " does not exist.");
		return;
	case PL_EINVAL: pl_realtime_fail(s, ref, "You cannot start a chat with yourself."); return;
	case PL_ESTATE: pl_realtime_fail(s, ref, "This chatId belongs to other people."); return;
	default: pl_realtime_fail(s, ref, otherwise); return;
	}
}

/* Whom it concerns, before anybody is asked: true when it has been answered. */
static bool is_refused(struct pl_session *s, struct pl_slice ref, struct pl_slice from,
		       struct pl_slice to, const char *otherwise)
{
	if (!pl_realtime_is_me(s, ref, from))
		return true;
	int err = pl_slice_eq(from, to) ? PL_EINVAL : pl_realtime_is_name(to) ? 0 : PL_ENOTFOUND;
	if (err)
		pl_realtime_fail_meeting(s, ref, err, to, otherwise);
	return err != 0;
}

static void put_sent(struct pl_session *s, const struct pl_op_send *m, struct pl_slice ref)
{
	struct pl_buf *b = pl_realtime_begin(s, "SUCCESS", ref, "Message sent.", PL_S(""), "");
	PL_PUT(b, ",\"messageId\":");
	pl_json_put_uuid(b, &m->message.id);
	PL_PUT(b, ",\"timestamp\":");
	pl_json_put_iso(b, m->message.created_ms);
	if (m->duplicate)
		PL_PUT(b, ",\"duplicate\":true");
	PL_PUT(b, "}");
	pl_session_send(s, b);
}

void pl_realtime_sent(struct pl_session *s, const struct pl_op *op)
{
	struct pl_slice ref = pl_session_ref(op);
	if (ref.len)
		put_sent(s, &op->send, ref);
}

static void chat_stored(struct pl_op *op)
{
	struct pl_session *s = pl_realtime_answering(op);
	if (s && op->err)
		pl_realtime_fail_meeting(s, pl_session_ref(op), op->err, op->send.to,
					 "Failed to send message. Please try again.");
	else if (s)
		pl_realtime_sent(s, op);
	pl_session_done(op);
}

static int fill_chat(struct pl_op *op, const struct in_chat *m, struct pl_slice ref)
{
	struct pl_op_send *o = &op->send;
	struct pl_slice pair[2];
	pl_realtime_read_chat_id(m->chat, m->from, m->to, pair);
	if (pl_arena_copy(&op->arena, m->to, &o->to) ||
	    pl_arena_copy(&op->arena, pair[0], &o->pair[0]) ||
	    pl_arena_copy(&op->arena, pair[1], &o->pair[1]) ||
	    pl_arena_copy(&op->arena, m->content, &o->content) ||
	    pl_arena_copy(&op->arena, m->client_id, &o->client_id) ||
	    pl_arena_copy(&op->arena, ref, &o->request_id))
		return PL_ENOMEM;
	o->kind = PL_S("text");
	return 0;
}

static int on_chat(struct pl_session *s, struct pl_slice ref, const void *in)
{
	const struct in_chat *m = in;
	if (is_refused(s, ref, m->from, m->to, ""))
		return 0;
	struct pl_op *op = pl_session_op(s, PL_OP_SEND, chat_stored, ref);
	if (!op)
		return PL_ENOMEM;
	op->send.user = s->peer.user.id;
	int err = fill_chat(op, m, ref);
	if (err)
		pl_session_done(op);
	else
		pl_session_submit(s, op);
	return err;
}

/* ---- a new chat ---- */

struct in_new {
	struct pl_slice from, to;
};

static const struct pl_field new_fields[] = {
	PL_REALTIME_FROM(struct in_new),
	PL_FIELD(struct in_new, to, "to", PL_STR, PL_REQUIRED, PL_REALTIME_NAME_MAX,
		 "the other's username"),
	{0},
};

/* A chat that was made; whether the other is online is not known yet. */
struct invitation {
	struct pl_list node;
	uint64_t number;
	struct pl_op *op;
};

static void answer_invitation(struct pl_session *s, const struct pl_op *op, bool is_online)
{
	const struct pl_op_direct *d = &op->direct;
	struct pl_slice ref = pl_session_ref(op);
	struct pl_slice to = d->other.username;
	if (!is_online) {
		pl_realtime_say(s, "INFO", ref, "User ", to, " is not online.");
		return;
	}
	struct pl_buf *b = pl_realtime_begin(s, "NEW_ONE_TO_ONE_CHAT_AP", ref,
					     "Chat request sent to ", to, ".");
	PL_PUT(b, ",\"to\":");
	pl_json_put_str(b, to);
	PL_PUT(b, ",\"chatId\":");
	pl_realtime_put_chat_id(b, d->me.username, to);
	PL_PUT(b, "}");
	pl_session_send(s, b);
}

static void end_invitation(struct invitation *i)
{
	pl_list_remove(&i->node);
	pl_session_done(i->op);
	pl_free(i);
}

void pl_realtime_forget_invitations(struct pl_session *s)
{
	struct pl_list *all = &pl_realtime_of(s)->inviting;
	while (all->next && !pl_list_empty(all))
		end_invitation(PL_CONTAINER(all->next, struct invitation, node));
}

void pl_realtime_told_presence(struct pl_session *s, const struct pl_event *e)
{
	struct realtime *r = pl_realtime_of(s);
	uint64_t number;
	if (pl_realtime_history_told(s, e) || !r->inviting.next || e->ref.len != sizeof(number))
		return;
	memcpy(&number, e->ref.at, sizeof(number));
	PL_LIST_EACH (it, &r->inviting) {
		struct invitation *i = PL_CONTAINER(it, struct invitation, node);
		if (i->number != number)
			continue;
		answer_invitation(s, i->op, e->on);
		end_invitation(i);
		return;
	}
}

/* Takes the op: asks whether the other is online, and answers then. */
static void ask_for_other(struct pl_session *s, struct pl_op *op)
{
	struct realtime *r = pl_realtime_of(s);
	struct invitation *i = PL_NEW(struct invitation);
	if (!r->inviting.next)
		pl_list_init(&r->inviting);
	if (i) {
		i->number = ++r->asked;
		i->op = op;
		pl_list_append(&r->inviting, &i->node);
	}
	struct pl_slice ref = i ? pl_slice(&i->number, sizeof(i->number)) : PL_S("");
	if (i && !pl_presence_ask(s->gateway->hub, &s->peer, &op->direct.other.id, ref))
		return;
	answer_invitation(s, op, false);
	if (i)
		end_invitation(i);
	else
		pl_session_done(op);
}

static void chat_made(struct pl_op *op)
{
	const struct pl_op_direct *d = &op->direct;
	static const char failed[] = "Failed to create chat. Please try again.";
	struct pl_session *s = pl_realtime_answering(op);
	int err = op->err;
	if (s && !err && !d->existed)
		err = pl_hub_join(s->gateway->hub, &s->peer, &d->found.id);
	if (s && err) {
		pl_realtime_fail_meeting(s, pl_session_ref(op), err, d->to, failed);
	} else if (s && d->existed) {
		pl_realtime_say(s, "ERROR", pl_session_ref(op), "Chat with ", d->other.username,
				" already exists.");
	} else if (s) {
		ask_for_other(s, op);
		return;
	}
	pl_session_done(op);
}

static int on_new(struct pl_session *s, struct pl_slice ref, const void *in)
{
	const struct in_new *m = in;
	if (is_refused(s, ref, m->from, m->to, ""))
		return 0;
	struct pl_op *op = pl_session_op(s, PL_OP_DIRECT, chat_made, ref);
	if (!op || pl_arena_copy(&op->arena, m->to, &op->direct.to)) {
		if (op)
			pl_session_done(op);
		return PL_ENOMEM;
	}
	op->direct.user = s->peer.user.id;
	op->direct.create = true;
	pl_session_submit(s, op);
	return 0;
}

const struct pl_message_row pl_realtime_direct[] = {
	{.name = "NEW_ONE_TO_ONE_CHAT",
	 .who = PL_SIGNED_IN,
	 .has_limit = true,
	 .limit = PL_LIMIT_CREATES,
	 PL_IN(new_fields, struct in_new),
	 .handle = on_new,
	 .missing = {"ERROR", "Both 'from' and 'to' usernames are required."},
	 .failed = {"ERROR", "Failed to create chat. Please try again."},
	 .reply = "`NEW_ONE_TO_ONE_CHAT_AP {to, msg, chatId}`; to somebody who is not online: "
		  "`INFO {msg}`, and the chat is there all the same",
	 .others = "`NEW_ONE_TO_ONE_CHAT_AP {from, msg, chatId}`, older clients",
	 .doc = "Begin a chat. Errors also: User X does not exist. You cannot start a chat with "
		"yourself. Chat with X already exists."},
	{.name = "ONE_TO_ONE_CHAT",
	 .who = PL_SIGNED_IN,
	 .has_limit = true,
	 .limit = PL_LIMIT_MESSAGES,
	 PL_IN(chat_fields, struct in_chat),
	 .handle = on_chat,
	 .missing = {"ERROR", "From username, to username, message content, and chat ID are "
			      "required."},
	 .failed = {"ERROR", "Failed to send message. Please try again."},
	 .reply = "nothing; with a `requestId` `SUCCESS {msg, requestId, messageId, timestamp}`",
	 .others = "`ONE_TO_ONE_CHAT {from, to, content, chatId, timestamp, messageId}`, older "
		   "clients `MESSAGE`; no connection of the sender",
	 .doc = "Kept before anybody hears it. The chat is made where there is none. Errors also: "
		"User X does not exist. You cannot start a chat with yourself. This chatId "
		"belongs to other people."},
	{0},
};
