/*
 * socketio_out.c - what a client of the Socket.IO dialect is told: one row per event, words made
 * once for all its listeners. Some events are not told but make a session sit down elsewhere: their
 * words are empty.
 */
#include "dialect/socketio_internal.h"

#include "base/mem.h"
#include "wire/json_write.h"

enum { WORDS_MAX = 32 << 20, TYPING_BACKLOG = 64 << 10 };

struct pl_encoded {
	struct pl_buf json, text; /* the array; the packet */
	struct pl_socketio_pieces pieces;
	struct pl_sio_shared shared;
	bool is_told; /* there are words */
};

static bool is_direct(const struct pl_event *e)
{
	return !pl_uuid_is_nil(&e->other.id);
}

/* ---- words ---- */

static void put_place(struct pl_buf *b, const struct pl_event *e)
{
	PL_PUT(b, ",\"roomId\":");
	pl_socketio_put_room(b, e->alias, &e->conversation);
	PL_PUT(b, "}]");
}

static void put_actor(struct pl_buf *b, const struct pl_event *e, bool with_name)
{
	PL_PUT(b, ",{\"userId\":");
	pl_socketio_put_user_id(b, &e->actor);
	if (!with_name)
		return;
	PL_PUT(b, ",\"user\":");
	pl_socketio_put_user(b, &e->actor);
}

static void crowd(const struct pl_event *e, struct pl_buf *b)
{
	pl_buf_puts(b, e->on ? PL_S("[\"user-joined\"") : PL_S("[\"user-left\""));
	put_actor(b, e, e->on);
	put_place(b, e);
}

static void typing(const struct pl_event *e, struct pl_buf *b)
{
	pl_buf_puts(b, e->on ? PL_S("[\"user-typing\"") : PL_S("[\"user-stopped-typing\""));
	put_actor(b, e, e->on);
	put_place(b, e);
}

static const char *status_of(const struct pl_event *e)
{
	switch (e->status) {
	case PL_IS_ONLINE: return "online";
	case PL_IS_AWAY: return "away";
	case PL_IS_BUSY: return "busy";
	case PL_IS_OFFLINE:
	case PL_IS_INVISIBLE: return "offline";
	}
	return "offline";
}

static void presence(const struct pl_event *e, struct pl_buf *b)
{
	PL_PUT(b, "[\"presence-update\"");
	put_actor(b, e, false);
	PL_PUT(b, ",\"status\":\"");
	pl_buf_puts(b, pl_slice_str(status_of(e)));
	PL_PUT(b, "\",\"timestamp\":");
	pl_buf_put_u64(b, e->wall_ms);
	PL_PUT(b, "}]");
}

/* Not an event: what an acknowledgement says. */
static void members(const struct pl_event *e, struct pl_buf *b)
{
	bool is_first = true;
	PL_PUT(b, "[");
	for (size_t i = 0; i < e->nsitters; i++) {
		const struct pl_sitter *s = &e->sitters[i];
		const struct pl_user u = {.id = s->user,
					  .subject = s->subject,
					  .subject_is_number = s->subject_is_number};
		if (s->is_another)
			continue;
		if (!is_first)
			PL_PUT(b, ",");
		pl_socketio_put_user_id(b, &u);
		is_first = false;
	}
	PL_PUT(b, "]");
}

static void nothing(const struct pl_event *e, struct pl_buf *b)
{
	(void)e;
	(void)b;
}

/* The message stands for itself: it needs offsets and pieces. */
static void (*const words[PL_EV__COUNT])(const struct pl_event *, struct pl_buf *) = {
	[PL_EV_MESSAGE] = nothing,
	[PL_EV_TYPING] = typing,
	[PL_EV_PRESENCE] = presence,
	[PL_EV_STATUS] = presence,
	[PL_EV_CROWD] = crowd,
	[PL_EV_MEMBERS] = members,
	[PL_EV_CONVERSATION] = nothing,
	[PL_EV_MEMBER] = nothing,
	[PL_EV_ANSWER] = nothing,
	[PL_EV_TAKEOVER] = nothing,
	[PL_EV_CALL] = pl_socketio_put_call,
};

static void encoded_free(struct pl_encoded *x)
{
	if (x->is_told)
		pl_sio_shared_fini(&x->shared);
	pl_socketio_pieces_fini(&x->pieces);
	pl_buf_fini(&x->json);
	pl_buf_fini(&x->text);
	pl_free(x);
}

static struct pl_encoded *encoded_new(void)
{
	struct pl_encoded *x = PL_NEW(struct pl_encoded);
	if (!x)
		return NULL;
	pl_buf_init(&x->json, WORDS_MAX);
	pl_buf_init(&x->text, WORDS_MAX);
	pl_socketio_pieces_init(&x->pieces);
	return x;
}

/* Frees it where the words cannot be told. */
static struct pl_encoded *encoded_end(struct pl_encoded *x, const struct pl_event *e)
{
	struct pl_slice at[PL_SOCKETIO_PIECES_MAX];
	int err = x->json.err;
	bool is_told = x->json.len && e->kind != PL_EV_MEMBERS;
	pl_socketio_pieces_slices(&x->pieces, at);
	if (!err && is_told)
		err = pl_sio_shared_event(&x->shared, PL_S("/"), pl_buf_slice(&x->json), at,
					  x->pieces.n, false, &x->text);
	if (err) {
		encoded_free(x);
		return NULL;
	}
	x->is_told = is_told;
	return x;
}

static struct pl_encoded *encode_message(const struct pl_event *e, struct pl_slice content,
					 bool with_offset)
{
	struct pl_encoded *x = encoded_new();
	if (!x)
		return NULL;
	pl_socketio_put_news(&x->json, &e->message, content, e->alias, &e->other, with_offset,
			     &x->pieces);
	return encoded_end(x, e);
}

static struct pl_encoded *encode_as(const struct pl_event *e, bool with_offset)
{
	if (!words[e->kind])
		return NULL;
	if (e->kind == PL_EV_MESSAGE && !e->message.per_recipient)
		return encode_message(e, e->message.content, with_offset);
	struct pl_encoded *x = encoded_new();
	if (!x)
		return NULL;
	words[e->kind](e, &x->json);
	return encoded_end(x, e);
}

static struct pl_encoded *encode(const struct pl_event *e)
{
	return encode_as(e, true);
}

static struct pl_encoded *encode_plain(const struct pl_event *e)
{
	return encode_as(e, false);
}

/* ---- to one session ---- */

bool pl_socketio_has_offsets(const struct pl_session *s)
{
	return s->peer.ops == &pl_socketio_ops;
}

static bool is_me(const struct socketio *x, const struct pl_uuid *user)
{
	return pl_uuid_eq(user, &x->session.peer.user.id);
}

static void push_words(struct socketio *x, struct pl_encoded *e)
{
	if (x->socket && e->is_told)
		pl_sio_push(x->socket, &e->shared);
}

/* Everyone's own copy, and nothing for whom there is none. */
static void push_copy(struct socketio *x, const struct pl_event *e)
{
	for (size_t i = 0; i < e->ncopies; i++) {
		if (!is_me(x, &e->copy_users[i]))
			continue;
		struct pl_encoded *own =
			encode_message(e, e->copies[i], pl_socketio_has_offsets(&x->session));
		if (!own)
			return;
		push_words(x, own);
		encoded_free(own);
		return;
	}
}

/* What a user says to one person its own sockets do not hear. */
static void push_message(struct socketio *x, const struct pl_event *e, struct pl_encoded *words_of)
{
	const struct pl_message *m = &e->message;
	if (is_direct(e) && is_me(x, &m->sender.id))
		return;
	if (!x->socket) {
		pl_socketio_hold(x, e);
		return;
	}
	if (memcmp(m->id.b, x->position.b, sizeof(m->id.b)) <= 0)
		return; /* it was shown with what was missed */
	if (m->per_recipient)
		push_copy(x, e);
	else
		push_words(x, words_of);
	if (is_direct(e))
		pl_socketio_told(x, &m->id);
}

static void sit_down(struct socketio *x, const struct pl_conversation *c)
{
	struct pl_hub *hub = x->session.gateway->hub;
	if (pl_socketio_sit(&x->session, c))
		pl_log(hub->log, PL_WARN, "socketio",
		       "session %llu does not hear a new conversation: no room",
		       (unsigned long long)x->session.peer.id);
	else
		pl_socketio_show_room(x, c);
}

static void push_member(struct socketio *x, const struct pl_event *e)
{
	for (size_t i = 0; is_me(x, &e->actor.id) && i < e->nparticipants; i++) {
		struct pl_conversation c = {
			.id = e->participants[i], .type = PL_ROOM, .alias = e->alias};
		if (e->on)
			sit_down(x, &c);
		else
			pl_socketio_left(&x->session, &c.id);
	}
}

/* A room: it is on its roster, as it is not in a chat of two. */
static bool is_room(const struct socketio *x, const struct pl_event *e)
{
	struct pl_topic_id t = pl_topic_conversation(&e->conversation);
	struct pl_slice alias;
	return pl_room_is_listed(&x->session.gateway->hub->rooms, &x->session.peer.member,
				 pl_topic_slice(&t), &alias);
}

/* In each conversation that two people share the same news come: it is told once. */
static bool is_news(struct socketio *x, const struct pl_event *e)
{
	uint64_t who, news;
	memcpy(&who, e->actor.id.b + sizeof(e->actor.id.b) - sizeof(who), sizeof(who));
	news = who ^ ((uint64_t)(e->kind == PL_EV_PRESENCE && !e->on ? 0 : e->status) + 1) << 56;
	bool is_new = news != x->news;
	x->news = news;
	return is_new;
}

static void push_presence(struct socketio *x, const struct pl_event *e, struct pl_encoded *words_of)
{
	bool is_mine = is_me(x, &e->actor.id) && e->kind == PL_EV_PRESENCE;
	if (x->socket && !is_mine && is_news(x, e))
		push_words(x, words_of);
}

static void push_call(struct socketio *x, const struct pl_event *e, struct pl_encoded *words_of)
{
	if (e->call->what == PL_CALL_REPLY)
		pl_socketio_on_call_reply(&x->session, e->call);
	else
		push_words(x, words_of);
}

/* Not volatile, as Socket.IO has it: who polls would never hear the end of it. But nobody has to
 * begin to hear it late. */
static void push_typing(struct socketio *x, const struct pl_event *e, struct pl_encoded *words_of)
{
	if (!x->socket || !is_room(x, e))
		return;
	const struct pl_eio *eio = pl_socket_engine(x->socket);
	if (!e->on || (eio && pl_eio_backlog(eio) < TYPING_BACKLOG))
		push_words(x, words_of);
}

static void push(struct pl_peer *p, const struct pl_event *e, struct pl_encoded *words_of)
{
	struct pl_session *s = PL_CONTAINER(p, struct pl_session, peer);
	struct socketio *x = pl_socketio_of(s);
	if (!s->line)
		return;
	switch (e->kind) {
	case PL_EV_MESSAGE: push_message(x, e, words_of); return;
	case PL_EV_CONVERSATION: sit_down(x, &e->created); return;
	case PL_EV_MEMBER: push_member(x, e); return;
	case PL_EV_MEMBERS:
		pl_socketio_members_came(s, e->ref, pl_buf_slice(&words_of->json));
		return;
	case PL_EV_ANSWER: pl_socketio_delivered(s, e); return;
	case PL_EV_TAKEOVER: pl_socketio_on_takeover(s, e); return;
	case PL_EV_CALL: push_call(x, e, words_of); return;
	case PL_EV_PRESENCE:
	case PL_EV_STATUS: push_presence(x, e, words_of); return;
	case PL_EV_CROWD:
		if (!is_me(x, &e->actor.id) && is_room(x, e))
			push_words(x, words_of);
		return;
	case PL_EV_TYPING: push_typing(x, e, words_of); return;
	default: return;
	}
}

const struct pl_peer_ops pl_socketio_ops = {encode, push, encoded_free};
const struct pl_peer_ops pl_socketio_plain_ops = {encode_plain, push, encoded_free};
