/*
 * native_rooms.c - join, leave, broadcast. Their table stands at the end.
 *
 * A room has a name here and an id everywhere else. What a client joined is looked up in its own
 * list; any other name is a question to the store. While such a question is under way every later
 * name is one too: they are answered in order, so that a message that follows a join finds it done.
 */
#include "dialect/native_internal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "wire/json_write.h"

struct joined {
	struct pl_uuid conversation;
	size_t name_len;
	char name[];
};

static struct pl_slice name_of(const struct joined *j)
{
	return pl_slice(j->name, j->name_len);
}

const struct pl_uuid *pl_native_joined(struct native *n, struct pl_slice name)
{
	const struct pl_session *s = &n->session;
	const struct joined *j = n->asking ? NULL : pl_map_get(&n->rooms, name);
	/* The hub ends a seat where a membership ends. */
	bool sits = j && pl_hub_has_joined(s->gateway->hub, &s->peer, &j->conversation);
	return sits ? &j->conversation : NULL;
}

void pl_native_forget_rooms(struct pl_session *s)
{
	struct native *n = pl_native_of(s);
	PL_MAP_EACH (it, &n->rooms) {
		pl_free(it->value);
	}
	pl_map_fini(&n->rooms);
}

static int note_joined(struct native *n, struct pl_slice name, const struct pl_uuid *conversation)
{
	struct joined *j = pl_map_get(&n->rooms, name);
	if (j) {
		j->conversation = *conversation;
		return 0;
	}
	if (!n->rooms.max)
		pl_map_init(&n->rooms, PL_SEATS_MAX);
	j = pl_zalloc(1, sizeof(*j) + name.len);
	if (!j)
		return PL_ENOMEM;
	j->conversation = *conversation;
	j->name_len = name.len;
	memcpy(j->name, name.at, name.len);
	int err = pl_map_put(&n->rooms, name_of(j), j);
	if (err)
		pl_free(j);
	return err;
}

struct in_room {
	struct pl_slice room;
	const struct pl_json *data;
};

static const struct pl_field room_fields[] = {
	PL_FIELD(struct in_room, room, "room", PL_STR, PL_REQUIRED, PL_NATIVE_ROOM_MAX,
		 "name of the room, or id of a conversation"),
	{0},
};

/* Asks for a room by its name, on behalf of the session. The name is the op's ref. */
static struct pl_op *ask_for(struct pl_session *s, struct pl_slice name,
			     void (*on_done)(struct pl_op *))
{
	struct pl_op *op = pl_session_op(s, PL_OP_OPEN_ROOM, on_done, name);
	if (!op)
		return NULL;
	op->open_room.user = s->peer.user.id;
	op->open_room.name = pl_session_ref(op);
	return op;
}

/* ---- in order ---- */

static void turn_came(struct pl_op *op)
{
	struct pl_session *s = pl_session_of(op);
	struct pl_op *next = pl_session_attached(op);
	if (s)
		pl_native_of(s)->asking--;
	if (op->err)
		pl_session_done(next);
	else
		pl_hub_submit(pl_session_hub(op), next);
	pl_session_done(op);
}

int pl_native_submit_behind(struct pl_session *s, struct pl_slice name, struct pl_op *next)
{
	struct native *n = pl_native_of(s);
	if (!n->asking) {
		pl_session_submit(s, next);
		return 0;
	}
	struct pl_op *op = ask_for(s, name, turn_came);
	if (!op)
		return PL_ENOMEM;
	pl_session_attach(op, next);
	n->asking++;
	pl_session_submit(s, op);
	return 0;
}

/* ---- join ---- */

/* Whose bucket of new rooms it is: a guest is a new somebody each time. */
static struct pl_slice creator_of(const struct pl_session *s, struct pl_ip *from)
{
	if (!s->peer.is_guest)
		return pl_uuid_slice(&s->peer.user.id);
	*from = pl_ip_site(*pl_conn_from(s->conn));
	return pl_slice(from->b, sizeof(from->b));
}

static bool may_create(struct native *n)
{
	struct pl_hub *hub = n->session.gateway->hub;
	struct pl_ip from;
	return hub->options->rooms_open &&
	       pl_limits_has(hub->limits, PL_LIMIT_CREATES, creator_of(&n->session, &from),
			     n->creating + 1, pl_now_ms());
}

/* Only now is it known that it was a new one. */
static void pay_for_room(struct pl_session *s)
{
	struct pl_ip from;
	struct pl_hub *hub = s->gateway->hub;
	if (pl_limits_take(hub->limits, PL_LIMIT_CREATES, creator_of(s, &from), pl_now_ms(), NULL))
		pl_metric_add(hub->metrics, PL_M_RATE_LIMITED, 1);
}

static struct pl_slice refusal_of(const struct pl_op *op)
{
	switch (op->err) {
	case PL_EINVAL: return PL_S("Invalid room name");
	case PL_EDENIED: return PL_S("Access denied to room");
	case PL_ENOTFOUND: return PL_S("Room does not exist");
	case PL_ELIMIT: return PL_S("Too many rooms");
	default: return PL_S("Failed to join room");
	}
}

/* Others hear of it first, then the client hears `joined`: see native_out.c. */
static void sit_down(struct pl_session *s, struct pl_op *op)
{
	const struct pl_op_open_room *o = &op->open_room;
	struct pl_hub *hub = s->gateway->hub;
	op->err = note_joined(pl_native_of(s), pl_session_ref(op), &o->found.id);
	if (!op->err)
		op->err = pl_hub_sit(hub, &s->peer, &o->found, pl_session_ref(op));
	if (op->err)
		pl_native_fail(s, refusal_of(op));
	if (o->is_new_member)
		pl_presence_joined(hub, &o->user, &o->found.id, 1);
	if (o->created)
		pay_for_room(s);
}

static void join_answered(struct pl_op *op)
{
	struct pl_session *s = pl_session_of(op);
	if (s) {
		struct native *n = pl_native_of(s);
		n->asking--;
		n->creating -= op->open_room.create;
		if (op->err)
			pl_native_fail(s, refusal_of(op));
		else
			sit_down(s, op);
	}
	pl_session_done(op);
}

/* Who has no seat left must not make rooms that nobody sits in. */
static bool has_seat_for(struct native *n, struct pl_slice name)
{
	const struct pl_session *s = &n->session;
	return s->peer.member.nseats < s->gateway->hub->rooms.seats_max ||
	       pl_map_get(&n->rooms, name);
}

static int on_join(struct pl_session *s, struct pl_slice ref, const void *in)
{
	struct native *n = pl_native_of(s);
	struct pl_slice name = ((const struct in_room *)in)->room;
	(void)ref;
	if (!has_seat_for(n, name)) {
		pl_native_fail(s, PL_S("Too many rooms"));
		return 0;
	}
	struct pl_op *op = ask_for(s, name, join_answered);
	if (!op)
		return PL_ENOMEM;
	op->open_room.create = may_create(n);
	op->open_room.rooms_max = s->gateway->hub->options->open_rooms_max;
	op->open_room.remember = !s->peer.is_guest;
	n->creating += op->open_room.create;
	n->asking++;
	pl_session_submit(s, op);
	return 0;
}

/* ---- leave ---- */

static void leave(struct pl_session *s, struct pl_slice name, const struct pl_uuid *conversation)
{
	struct pl_hub *hub = s->gateway->hub;
	struct native *n = pl_native_of(s);
	bool was_there = pl_hub_has_joined(hub, &s->peer, conversation);
	struct pl_buf *b = pl_session_out(s);
	PL_PUT(b, "{\"type\":\"left\",\"roomId\":");
	pl_json_put_str(b, name);
	PL_PUT(b, "}");
	pl_hub_unjoin(hub, &s->peer, conversation);
	if (was_there)
		pl_session_send(s, b);
	pl_free(pl_map_remove(&n->rooms, name));
}

static void leave_answered(struct pl_op *op)
{
	struct pl_session *s = pl_session_of(op);
	if (s) {
		pl_native_of(s)->asking--;
		if (!op->err)
			leave(s, pl_session_ref(op), &op->open_room.found.id);
	}
	pl_session_done(op);
}

static int on_leave(struct pl_session *s, struct pl_slice ref, const void *in)
{
	struct native *n = pl_native_of(s);
	struct pl_slice name = ((const struct in_room *)in)->room;
	const struct pl_uuid *joined = pl_native_joined(n, name);
	(void)ref;
	if (joined) {
		struct pl_uuid id = *joined;
		leave(s, name, &id);
	} else if (n->asking) {
		struct pl_op *op = ask_for(s, name, leave_answered);
		if (!op)
			return PL_ENOMEM;
		n->asking++;
		pl_session_submit(s, op);
	}
	return 0;
}

/* ---- broadcast ---- */

static const struct pl_field broadcast_fields[] = {
	PL_FIELD(struct in_room, room, "room", PL_STR, PL_REQUIRED, PL_NATIVE_ROOM_MAX,
		 "name of the room, or id of a conversation"),
	PL_FIELD(struct in_room, data, "data", PL_NODE, PL_NULL_TOO, 0,
		 "any value; a text goes out as it is, anything else as its JSON, nothing as an "
		 "empty binary frame"),
	{0},
};

static struct pl_event *make_broadcast(struct pl_session *s, const struct pl_json *data)
{
	struct pl_event *e = pl_event_new(PL_EV_RAW);
	struct pl_slice bytes = PL_S("");
	if (data)
		bytes = pl_json_is(data, PL_JSON_STRING) ? data->str : data->raw;
	if (!e || pl_arena_copy(&e->arena, bytes, &e->payload)) {
		pl_event_release(e);
		return NULL;
	}
	e->payload_kind = data ? PL_WS_TEXT : PL_WS_BINARY;
	e->is_volatile = true;
	e->origin = s->peer.id;
	e->wall_ms = pl_wall_ms();
	return e;
}

/* Takes the event. */
static void publish(struct pl_hub *hub, struct pl_event *e, const struct pl_uuid *conversation)
{
	struct pl_topic_id t = pl_topic_conversation(conversation);
	e->conversation = *conversation;
	if (pl_event_address(e, pl_topic_slice(&t)))
		pl_event_release(e);
	else
		pl_hub_publish(hub, e);
}

static void broadcast_answered(struct pl_op *op)
{
	struct pl_session *s = pl_session_of(op);
	struct pl_event *e = pl_session_attached(op);
	if (s)
		pl_native_of(s)->asking--;
	if (op->err)
		pl_event_release(e);
	else
		publish(pl_session_hub(op), e, &op->open_room.found.id);
	pl_session_done(op);
}

static int on_broadcast(struct pl_session *s, struct pl_slice ref, const void *in)
{
	const struct in_room *m = in;
	struct native *n = pl_native_of(s);
	const struct pl_uuid *joined = pl_native_joined(n, m->room);
	struct pl_event *e = make_broadcast(s, m->data);
	(void)ref;
	if (!e)
		return PL_ENOMEM;
	if (joined) {
		publish(s->gateway->hub, e, joined);
		return 0;
	}
	struct pl_op *op = ask_for(s, m->room, broadcast_answered);
	if (!op) {
		pl_event_release(e);
		return PL_ENOMEM;
	}
	pl_session_attach(op, e);
	n->asking++;
	pl_session_submit(s, op);
	return 0;
}

const struct pl_message_row pl_native_rooms[] = {
	{.name = "join",
	 .who = PL_SIGNED_IN,
	 PL_IN(room_fields, struct in_room),
	 .handle = on_join,
	 .failed = {"error", "Invalid room name"},
	 .reply = "`joined {roomId, members}`, after the notice to the others",
	 .others = "`user-joined {userId, roomId, timestamp}`",
	 .doc = "Makes the room where there is none. Joining again repeats the notice."},
	{.name = "leave",
	 .who = PL_SIGNED_IN,
	 PL_IN(room_fields, struct in_room),
	 .handle = on_leave,
	 .reply = "`left {roomId}`",
	 .others = "`user-left {userId, roomId, timestamp}`",
	 .doc = "Ignored where the client did not join."},
	{.name = "broadcast",
	 .who = PL_SIGNED_IN,
	 PL_IN(broadcast_fields, struct in_room),
	 .handle = on_broadcast,
	 .reply = "–",
	 .others = "the bare data",
	 .doc = "Not kept. The sender need not have joined; a room that is not there is ignored."},
	{0},
};
