/*
 * realtime_out.c - what a client of the chat+presence dialect is told: one row per event, words
 * made once for all listeners of a family. Some events are not told but make a session sit down
 * elsewhere: their words are empty.
 */
#include "dialect/realtime_internal.h"

#include "dialect/encoded.h"
#include "wire/json_write.h"

static bool is_direct(const struct pl_event *e)
{
	return !pl_uuid_is_nil(&e->other.id);
}

static void put_time_and_id(const struct pl_event *e, struct pl_buf *b)
{
	PL_PUT(b, ",\"timestamp\":");
	pl_json_put_iso(b, e->message.created_ms);
	PL_PUT(b, ",\"messageId\":");
	pl_json_put_uuid(b, &e->message.id);
	PL_PUT(b, "}");
}

static void put_direct(const struct pl_event *e, const char *type, struct pl_slice content,
		       struct pl_buf *b)
{
	PL_PUT(b, "{\"type\":");
	pl_json_put_str(b, pl_slice_str(type));
	PL_PUT(b, ",\"from\":");
	pl_json_put_str(b, e->message.sender.username);
	PL_PUT(b, ",\"to\":");
	pl_json_put_str(b, e->other.username);
	PL_PUT(b, ",\"content\":");
	pl_json_put_str(b, content);
	PL_PUT(b, ",\"chatId\":");
	pl_realtime_put_chat_id(b, e->message.sender.username, e->other.username);
	put_time_and_id(e, b);
}

static void put_group(const struct pl_event *e, struct pl_slice content, struct pl_buf *b)
{
	PL_PUT(b, "{\"type\":\"GROUP_CHAT\",\"from\":");
	pl_json_put_str(b, e->message.sender.username);
	PL_PUT(b, ",\"groupId\":");
	pl_realtime_put_group_id(b, e->alias, &e->conversation);
	PL_PUT(b, ",\"content\":");
	pl_json_put_str(b, content);
	put_time_and_id(e, b);
}

static void put_message(const struct pl_event *e, bool is_older, struct pl_slice content,
			struct pl_buf *b)
{
	if (is_direct(e))
		put_direct(e, is_older ? "MESSAGE" : "ONE_TO_ONE_CHAT", content, b);
	else
		put_group(e, content, b);
}

static void message(const struct pl_event *e, struct pl_buf *b)
{
	put_message(e, false, e->message.content, b);
}

static void older_message(const struct pl_event *e, struct pl_buf *b)
{
	put_message(e, true, e->message.content, b);
}

static void nothing(const struct pl_event *e, struct pl_buf *b)
{
	(void)e;
	(void)b;
}

/* To the one who did not begin it. */
static void new_chat(const struct pl_event *e, struct pl_buf *b)
{
	if (e->created.type != PL_DIRECT || e->nparticipants != 2)
		return;
	size_t first = pl_uuid_eq(&e->participants[1], &e->actor.id);
	struct pl_slice from = e->usernames[first], to = e->usernames[!first];
	PL_PUT(b, "{\"type\":\"NEW_ONE_TO_ONE_CHAT_AP\",\"from\":");
	pl_json_put_str(b, from);
	PL_PUT(b, ",\"msg\":\"First message from ");
	pl_json_put_escaped(b, from);
	PL_PUT(b, ".\",\"chatId\":");
	pl_realtime_put_chat_id(b, from, to);
	PL_PUT(b, "}");
}

static void member_joined(const struct pl_event *e, struct pl_buf *b)
{
	if (!e->on || pl_uuid_is_nil(&e->conversation))
		return;
	PL_PUT(b, "{\"type\":\"GROUP_MEMBER_JOINED\",\"groupId\":");
	pl_realtime_put_group_id(b, e->alias, &e->conversation);
	PL_PUT(b, ",\"username\":");
	pl_json_put_str(b, e->actor.username);
	PL_PUT(b, "}");
}

static void presence(const struct pl_event *e, struct pl_buf *b)
{
	PL_PUT(b, "{\"type\":\"PRESENCE_UPDATE\",\"username\":");
	pl_json_put_str(b, e->actor.username);
	pl_buf_puts(b, e->on ? PL_S(",\"status\":\"online\"") : PL_S(",\"status\":\"offline\""));
	PL_PUT(b, ",\"timestamp\":");
	pl_json_put_iso(b, e->wall_ms);
	PL_PUT(b, "}");
}

static void older_presence(const struct pl_event *e, struct pl_buf *b)
{
	PL_PUT(b, "{\"type\":\"STATUS_CHANGE\",\"username\":");
	pl_json_put_str(b, e->actor.username);
	pl_buf_puts(b, e->on ? PL_S(",\"status\":\"ONLINE\"}") : PL_S(",\"status\":\"OFFLINE\"}"));
}

static void (*const chat_words[PL_EV__COUNT])(const struct pl_event *, struct pl_buf *) = {
	[PL_EV_MESSAGE] = message, [PL_EV_CONVERSATION] = nothing, [PL_EV_MEMBER] = nothing,
	[PL_EV_ANSWER] = nothing,  [PL_EV_TAKEOVER] = nothing,
};

static void (*const older_chat_words[PL_EV__COUNT])(const struct pl_event *, struct pl_buf *) = {
	[PL_EV_MESSAGE] = older_message, [PL_EV_CONVERSATION] = new_chat,
	[PL_EV_MEMBER] = member_joined,  [PL_EV_ANSWER] = nothing,
	[PL_EV_TAKEOVER] = nothing,
};

static void (*const presence_words[PL_EV__COUNT])(const struct pl_event *, struct pl_buf *) = {
	[PL_EV_PRESENCE] = presence,
	[PL_EV_CONVERSATION] = nothing,
	[PL_EV_TAKEOVER] = nothing,
};

static void (*const older_presence_words[PL_EV__COUNT])(const struct pl_event *,
							struct pl_buf *) = {
	[PL_EV_PRESENCE] = older_presence,
	[PL_EV_CONVERSATION] = nothing,
	[PL_EV_TAKEOVER] = nothing,
};

#define ENCODER(name, words)                                                                      \
	static struct pl_encoded *name(const struct pl_event *e)                                  \
	{                                                                                         \
		return (words)[e->kind] ? pl_encoded_new(e, PL_WS_TEXT, (words)[e->kind]) : NULL; \
	}
ENCODER(encode_chat, chat_words)
ENCODER(encode_older_chat, older_chat_words)
ENCODER(encode_presence, presence_words)
ENCODER(encode_older_presence, older_presence_words)

/* ---- to one session ---- */

static bool is_actor(const struct pl_session *s, const struct pl_event *e)
{
	return pl_uuid_eq(&e->actor.id, &s->peer.user.id);
}

static void push_words(struct pl_session *s, struct pl_encoded *x)
{
	if (x->text.len)
		pl_conn_push(s->conn, &x->shared);
}

/* Everyone's own copy, and nothing for whom there is none. */
static void push_copy(struct pl_session *s, const struct pl_event *e)
{
	for (size_t i = 0; i < e->ncopies; i++) {
		if (!pl_uuid_eq(&e->copy_users[i], &s->peer.user.id))
			continue;
		struct pl_buf *b = pl_session_out(s);
		put_message(e, pl_realtime_is_older(s), e->copies[i], b);
		pl_session_send(s, b);
		return;
	}
}

/* Clients show what they say to one person by themselves: they must not hear it again. */
static void push_message(struct pl_session *s, const struct pl_event *e, struct pl_encoded *x)
{
	if (is_direct(e) && pl_uuid_eq(&e->message.sender.id, &s->peer.user.id))
		return;
	if (e->message.per_recipient)
		push_copy(s, e);
	else
		push_words(s, x);
}

static void sit_down(struct pl_session *s, const struct pl_conversation *c)
{
	struct pl_hub *hub = s->gateway->hub;
	if (pl_realtime_sit(s, c))
		pl_log(hub->log, PL_WARN, "realtime",
		       "connection %llu does not hear a new conversation: no room",
		       (unsigned long long)pl_conn_id(s->conn));
}

static void push_member(struct pl_session *s, const struct pl_event *e, struct pl_encoded *x)
{
	if (!is_actor(s, e)) {
		push_words(s, x);
		return;
	}
	for (size_t i = 0; i < e->nparticipants; i++) {
		struct pl_conversation c = {
			.id = e->participants[i], .type = PL_ROOM, .alias = e->alias};
		if (e->on)
			sit_down(s, &c);
		else
			pl_hub_unjoin(s->gateway->hub, &s->peer, &c.id);
	}
}

static void push_conversation(struct pl_session *s, const struct pl_event *e, struct pl_encoded *x)
{
	if (!pl_realtime_is_presence(s) || e->created.type == PL_DIRECT)
		sit_down(s, &e->created);
	if (!is_actor(s, e))
		push_words(s, x);
}

static void push(struct pl_peer *p, const struct pl_event *e, struct pl_encoded *x)
{
	struct pl_session *s = PL_CONTAINER(p, struct pl_session, peer);
	if (!s->conn)
		return;
	switch (e->kind) {
	case PL_EV_MESSAGE: push_message(s, e, x); return;
	case PL_EV_CONVERSATION: push_conversation(s, e, x); return;
	case PL_EV_MEMBER: push_member(s, e, x); return;
	case PL_EV_ANSWER: pl_realtime_told_presence(s, e); return;
	case PL_EV_TAKEOVER: pl_realtime_on_takeover(s, e); return;
	case PL_EV_PRESENCE:
		if (!is_actor(s, e) && e->actor.username.len)
			push_words(s, x);
		return;
	default: return;
	}
}

const struct pl_peer_ops pl_realtime_chat_ops = {encode_chat, push, pl_encoded_free};
const struct pl_peer_ops pl_realtime_older_chat_ops = {encode_older_chat, push, pl_encoded_free};
const struct pl_peer_ops pl_realtime_presence_ops = {encode_presence, push, pl_encoded_free};
const struct pl_peer_ops pl_realtime_older_presence_ops = {encode_older_presence, push,
							   pl_encoded_free};
