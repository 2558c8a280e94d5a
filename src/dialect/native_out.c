/* native_out.c - what a native client is told: one row per event, words made once for all its
 * listeners. */
#include "dialect/native_internal.h"

#include "dialect/encoded.h"
#include "wire/json_write.h"

static void put_room(struct pl_buf *b, const struct pl_event *e)
{
	if (e->alias.len)
		pl_json_put_str(b, e->alias);
	else
		pl_json_put_uuid(b, &e->conversation);
}

static void put_chat(const struct pl_event *e, struct pl_slice content, struct pl_buf *b)
{
	const struct pl_user *u = &e->message.sender;
	PL_PUT(b, "{\"type\":\"chat\",\"from\":");
	pl_json_put_str(b, u->display_name.len ? u->display_name : u->username);
	PL_PUT(b, ",\"content\":");
	pl_json_put_str(b, content);
	PL_PUT(b, ",\"timestamp\":");
	pl_buf_put_u64(b, e->message.created_ms);
	PL_PUT(b, ",\"room\":");
	put_room(b, e);
	PL_PUT(b, ",\"id\":");
	pl_json_put_uuid(b, &e->message.id);
	PL_PUT(b, ",\"seq\":");
	pl_buf_put_u64(b, e->message.seq);
	PL_PUT(b, "}");
}

static void chat(const struct pl_event *e, struct pl_buf *b)
{
	put_chat(e, e->message.content, b);
}

/* Somebody came or went. */
static void change(const struct pl_event *e, struct pl_buf *b)
{
	PL_PUT(b, "{\"type\":\"user-");
	pl_buf_puts(b, e->on ? PL_S("joined") : PL_S("left"));
	PL_PUT(b, "\",\"userId\":");
	pl_json_put_uuid(b, &e->actor.id);
	PL_PUT(b, ",\"roomId\":");
	put_room(b, e);
	PL_PUT(b, ",\"timestamp\":");
	pl_buf_put_u64(b, e->wall_ms);
	PL_PUT(b, "}");
}

/* By the name that the client joined by. */
static void joined(const struct pl_event *e, struct pl_buf *b)
{
	PL_PUT(b, "{\"type\":\"joined\",\"roomId\":");
	pl_json_put_str(b, e->ref);
	PL_PUT(b, ",\"members\":[");
	for (size_t i = 0; i < e->nsitters; i++) {
		if (i)
			PL_PUT(b, ",");
		PL_PUT(b, "{\"id\":");
		pl_json_put_uuid(b, &e->sitters[i].user);
		PL_PUT(b, ",\"name\":");
		pl_json_put_str(b, e->sitters[i].name);
		PL_PUT(b, "}");
	}
	PL_PUT(b, "]}");
}

static void bare(const struct pl_event *e, struct pl_buf *b)
{
	pl_buf_puts(b, e->payload);
}

static void (*const words[PL_EV__COUNT])(const struct pl_event *, struct pl_buf *) = {
	[PL_EV_MESSAGE] = chat,   [PL_EV_ROSTER] = change, [PL_EV_PRESENCE] = change,
	[PL_EV_MEMBERS] = joined, [PL_EV_RAW] = bare,
};

static struct pl_encoded *encode(const struct pl_event *e)
{
	bool is_binary = e->kind == PL_EV_RAW && e->payload_kind == PL_WS_BINARY;
	return words[e->kind]
		       ? pl_encoded_new(e, is_binary ? PL_WS_BINARY : PL_WS_TEXT, words[e->kind])
		       : NULL;
}

/* A room by name, where people come and go as they like. */
static bool is_by_name(const struct pl_session *s, const struct pl_event *e)
{
	struct pl_topic_id t = pl_topic_conversation(&e->conversation);
	struct pl_slice alias = {NULL, 0};
	return pl_room_is_listed(&s->gateway->hub->rooms, &s->peer.member, pl_topic_slice(&t),
				 &alias) &&
	       alias.len;
}

/*
 * In a room by name somebody is there who sits there. Any other conversation has its members, and
 * of those who is online. So each change is told by the one or by the other, never by both.
 */
static bool is_told(const struct pl_session *s, const struct pl_event *e)
{
	switch (e->kind) {
	case PL_EV_ROSTER: return e->alias.len > 0;
	case PL_EV_PRESENCE:
		return !pl_uuid_eq(&e->actor.id, &s->peer.user.id) && !is_by_name(s, e);
	default: return true;
	}
}

static void push(struct pl_peer *p, const struct pl_event *e, struct pl_encoded *x)
{
	if (is_told(PL_CONTAINER(p, struct pl_session, peer), e))
		pl_encoded_push(p, e, x, put_chat);
}

const struct pl_peer_ops pl_native_peer_ops = {encode, push, pl_encoded_free};
