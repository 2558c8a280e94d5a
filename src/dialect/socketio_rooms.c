/*
 * socketio_rooms.c - join-room, leave-room. Their table stands at the end.
 *
 * A join is three questions: may the user be there, who is there, and what was said; it is
 * acknowledged with the answers. Who joined is a member from then on, on all its sockets and also
 * when it comes again, until it leaves.
 */
#include "dialect/socketio_internal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "wire/json_write.h"

enum { RECENT = 50 };

/* A join whose room is known; in the socket's list until its members have come. */
struct join {
	struct pl_list node;
	struct pl_op *page; /* the question for what was said, to be asked next */
	struct pl_uuid conversation;
	struct pl_slice room; /* {id, name}; in the op's arena, as is: */
	struct pl_slice members;
};

struct in_room {
	struct pl_slice room;
};

static const struct pl_field room_fields[] = {
	PL_FIELD(struct in_room, room, "roomId", PL_NAME, PL_REQUIRED, PL_SOCKETIO_ROOM_MAX,
		 "name of the room, or id of a conversation"),
	{0},
};

/* ---- the answer to a join ---- */

/* The first of those that fit; the newest always does. */
static size_t first_recent(const struct pl_op_page *p)
{
	size_t i = p->nmessages, bytes = 0;
	while (i) {
		bytes += p->messages[i - 1].content.len;
		if (bytes > PL_SOCKETIO_LIST_BYTES && i < p->nmessages)
			break;
		i--;
	}
	return i;
}

static void put_recent(struct pl_buf *b, const struct pl_op_page *p, struct pl_slice alias)
{
	const struct pl_user nobody = {.id = {{0}}};
	size_t first = first_recent(p);
	PL_PUT(b, "[");
	for (size_t i = first; i < p->nmessages; i++) {
		const struct pl_message *m = &p->messages[i];
		if (i > first)
			PL_PUT(b, ",");
		pl_socketio_put_message(b, m, m->content, alias, &nobody, NULL);
	}
	PL_PUT(b, "]");
}

static void page_read(struct pl_op *op)
{
	struct pl_session *s = pl_socketio_answering(op);
	const struct join *j = pl_session_attached(op);
	if (s && op->err) {
		pl_socketio_fail(s, pl_session_ref(op), "Failed to join room");
	} else if (s) {
		struct pl_buf *b = pl_socketio_begin_ack(s);
		PL_PUT(b, ",\"room\":");
		pl_buf_puts(b, j->room);
		PL_PUT(b, ",\"members\":");
		pl_buf_puts(b, j->members);
		PL_PUT(b, ",\"recentMessages\":");
		put_recent(b, &op->page, op->page.room);
		pl_socketio_ack(s, pl_session_ref(op), b);
	}
	pl_session_done(op);
}

/* {"id":...,"name":...} */
static int note_room(struct pl_op *op, const struct pl_conversation *c, struct pl_slice *out)
{
	struct pl_buf b;
	pl_buf_init(&b, 64 << 10);
	PL_PUT(&b, "{\"id\":");
	pl_socketio_put_room(&b, c->alias, &c->id);
	PL_PUT(&b, ",\"name\":");
	if (c->name.len)
		pl_json_put_str(&b, c->name);
	else
		pl_socketio_put_room(&b, c->alias, &c->id);
	PL_PUT(&b, "}");
	int err = b.err ? b.err : pl_arena_copy(&op->arena, pl_buf_slice(&b), out);
	pl_buf_fini(&b);
	return err;
}

/* The question for what was said there; it is asked when the members are known. */
static struct join *join_new(struct pl_session *s, const struct pl_conversation *c,
			     struct pl_slice ref)
{
	struct pl_op *op = pl_session_op(s, PL_OP_PAGE, page_read, ref);
	struct join *j = op ? pl_arena_alloc(&op->arena, sizeof(*j)) : NULL;
	if (!j || note_room(op, c, &j->room) ||
	    pl_arena_copy(&op->arena, c->alias, &op->page.room)) {
		if (op)
			pl_session_done(op);
		return NULL;
	}
	j->page = op;
	j->conversation = c->id;
	if (!c->alias.len)
		op->page.room = (struct pl_slice){NULL, 0};
	op->page.conversation = c->id;
	op->page.user = s->peer.user.id;
	op->page.limit = RECENT;
	pl_session_attach(op, j);
	pl_list_append(&pl_socketio_of(s)->joins, &j->node);
	return j;
}

static void join_end(struct join *j)
{
	pl_list_remove(&j->node);
	pl_session_done(j->page); /* and with it, j */
}

void pl_socketio_forget_joins(struct pl_session *s)
{
	struct socketio *x = pl_socketio_of(s);
	PL_LIST_EACH (it, &x->joins) {
		join_end(PL_CONTAINER(it, struct join, node));
	}
}

/* The ref is the join's address, which nobody else sees: it is looked for, not followed. */
static struct join *find_join(struct socketio *x, struct pl_slice ref)
{
	struct join *wanted;
	if (ref.len != sizeof(struct join *))
		return NULL;
	memcpy(&wanted, ref.at, sizeof(struct join *));
	PL_LIST_EACH (it, &x->joins) {
		struct join *j = PL_CONTAINER(it, struct join, node);
		if (j == wanted)
			return j;
	}
	return NULL;
}

void pl_socketio_members_came(struct pl_session *s, struct pl_slice ref, struct pl_slice members)
{
	struct join *j = find_join(pl_socketio_of(s), ref);
	if (!j)
		return;
	if (pl_arena_copy(&j->page->arena, members, &j->members)) {
		pl_socketio_fail(s, pl_session_ref(j->page), "Failed to join room");
		join_end(j);
		return;
	}
	pl_list_remove(&j->node);
	pl_session_submit(s, j->page);
}

void pl_socketio_left(struct pl_session *s, const struct pl_uuid *conversation)
{
	struct socketio *x = pl_socketio_of(s);
	pl_socketio_hide_room(x, conversation);
	pl_hub_unjoin(s->gateway->hub, &s->peer, conversation);
	/* Their members will not come any more. */
	PL_LIST_EACH (it, &x->joins) {
		struct join *j = PL_CONTAINER(it, struct join, node);
		if (!pl_uuid_eq(&j->conversation, conversation))
			continue;
		pl_socketio_fail(s, pl_session_ref(j->page), "Not in room");
		join_end(j);
	}
}

/* ---- join ---- */

static bool may_create(struct socketio *x)
{
	struct pl_hub *hub = x->session.gateway->hub;
	return hub->options->rooms_open &&
	       pl_limits_has(hub->limits, PL_LIMIT_CREATES, pl_uuid_slice(&x->session.peer.user.id),
			     x->creating + 1, pl_now_ms());
}

/* Only now is it known that it was a new one. */
static void pay_for_room(struct pl_session *s)
{
	struct pl_hub *hub = s->gateway->hub;
	if (pl_limits_take(hub->limits, PL_LIMIT_CREATES, pl_uuid_slice(&s->peer.user.id),
			   pl_now_ms(), NULL))
		pl_metric_add(hub->metrics, PL_M_RATE_LIMITED, 1);
}

static const char *refusal_of(int err)
{
	switch (err) {
	case PL_EINVAL: return "Invalid room";
	case PL_EDENIED: return "Access denied";
	case PL_ENOTFOUND: return "Room does not exist";
	case PL_ELIMIT: return "Too many rooms";
	default: return "Failed to join room";
	}
}

/* Who is there already, as after coming again, is not told of twice. */
static int sit(struct pl_session *s, const struct pl_conversation *c, struct pl_slice ref)
{
	struct pl_hub *hub = s->gateway->hub;
	struct pl_topic_id t = pl_topic_conversation(&c->id);
	struct pl_slice alias;
	if (!pl_room_is_listed(&hub->rooms, &s->peer.member, pl_topic_slice(&t), &alias))
		return pl_hub_sit(hub, &s->peer, c, ref);
	return ref.at ? pl_hub_look_around(hub, &s->peer, c, ref) : 0;
}

/* Who asks for no acknowledgement just sits down. */
static int sit_down(struct pl_session *s, const struct pl_op *op)
{
	const struct pl_conversation *c = &op->open_room.found;
	struct pl_slice ref = {NULL, 0};
	struct join *j = NULL;
	if (pl_session_ref(op).len) {
		j = join_new(s, c, pl_session_ref(op));
		if (!j)
			return PL_ENOMEM;
		ref = pl_slice(&j, sizeof(struct join *));
	}
	int err = sit(s, c, ref);
	if (err && j)
		join_end(j);
	if (!err)
		pl_socketio_show_room(pl_socketio_of(s), c);
	return err;
}

static void join(struct pl_session *s, struct pl_op *op)
{
	const struct pl_op_open_room *o = &op->open_room;
	int err = op->err;
	if (!err && o->found.type == PL_DIRECT)
		err = PL_EDENIED;
	if (!err)
		err = sit_down(s, op);
	if (err)
		pl_socketio_fail(s, pl_session_ref(op), refusal_of(err));
	if (op->err)
		return;
	if (o->is_new_member)
		pl_presence_joined(s->gateway->hub, &o->user, &o->found.id, 1);
	if (o->created)
		pay_for_room(s);
}

static void join_answered(struct pl_op *op)
{
	struct pl_session *s = pl_session_of(op);
	if (s)
		pl_socketio_of(s)->creating -= op->open_room.create;
	s = pl_socketio_answering(op);
	if (s)
		join(s, op);
	pl_session_done(op);
}

/* Who has no seat left must not make rooms that nobody sits in. */
static bool has_seat(const struct pl_session *s)
{
	return s->peer.member.nseats < s->gateway->hub->rooms.seats_max;
}

static int on_join(struct pl_session *s, struct pl_slice ref, const void *in)
{
	struct socketio *x = pl_socketio_of(s);
	struct pl_op *op = pl_session_op(s, PL_OP_OPEN_ROOM, join_answered, ref);
	if (!op)
		return PL_ENOMEM;
	struct pl_op_open_room *o = &op->open_room;
	if (pl_arena_copy(&op->arena, ((const struct in_room *)in)->room, &o->name)) {
		pl_session_done(op);
		return PL_ENOMEM;
	}
	o->user = s->peer.user.id;
	o->create = has_seat(s) && may_create(x);
	o->rooms_max = s->gateway->hub->options->open_rooms_max;
	o->remember = true;
	x->creating += o->create;
	pl_session_submit(s, op);
	return 0;
}

/* ---- leave ---- */

static void leave_answered(struct pl_op *op)
{
	struct pl_session *s = pl_socketio_answering(op);
	bool is_none = op->err == PL_ENOTFOUND || op->err == PL_EDENIED;
	if (s && op->err) {
		pl_socketio_fail(s, pl_session_ref(op),
				 is_none                ? "Not in room"
				 : op->err == PL_EINVAL ? "Access denied"
							: "Failed to leave room");
	} else if (s) {
		pl_socketio_left(s, &op->leave.left.id);
		pl_socketio_ack(s, pl_session_ref(op), pl_socketio_begin_ack(s));
	}
	pl_session_done(op);
}

static int on_leave(struct pl_session *s, struct pl_slice ref, const void *in)
{
	struct pl_op *op = pl_session_op(s, PL_OP_LEAVE, leave_answered, ref);
	if (!op)
		return PL_ENOMEM;
	op->leave.user = s->peer.user.id;
	if (pl_arena_copy(&op->arena, ((const struct in_room *)in)->room, &op->leave.room)) {
		pl_session_done(op);
		return PL_ENOMEM;
	}
	pl_session_submit(s, op);
	return 0;
}

const struct pl_message_row pl_socketio_rooms[] = {
	{.name = "join-room",
	 .who = PL_SIGNED_IN,
	 .is_bare = true,
	 PL_IN(room_fields, struct in_room),
	 .handle = on_join,
	 .missing = PL_SOCKETIO_SAYS("Invalid room"),
	 .not_found = PL_SOCKETIO_SAYS("Access denied"),
	 .failed = PL_SOCKETIO_SAYS("Failed to join room"),
	 .reply = "`{success, room: {id, name}, members: [userId], recentMessages: [message]}`",
	 .others = "`user-joined`",
	 .doc = "Be in a room, for good; it is made where there is none. The messages are the "
		"latest 50, the oldest first; fewer when they are long (256 KiB of text)."},
	{.name = "leave-room",
	 .who = PL_SIGNED_IN,
	 .is_bare = true,
	 PL_IN(room_fields, struct in_room),
	 .handle = on_leave,
	 .missing = PL_SOCKETIO_SAYS("Invalid room"),
	 .not_found = PL_SOCKETIO_SAYS("Not in room"),
	 .failed = PL_SOCKETIO_SAYS("Failed to leave room"),
	 .reply = "`{success}`",
	 .others = "`user-left`",
	 .doc = "Be no member any more, on all of the user's sockets."},
	{0},
};
