/*
 * publish.c - from a committed operation to the event that everybody hears. Runs on the store's
 * writer, in commit order: that order is the order of the conversation for all listeners.
 */
#include "chat/hub.h"

#include "base/clock.h"

static int copy_copies(struct pl_event *e, const struct pl_op_send *s)
{
	e->copies = pl_arena_array(&e->arena, s->ncopies, sizeof(*e->copies));
	e->copy_users = pl_arena_array(&e->arena, s->ncopies, sizeof(*e->copy_users));
	if (!e->copies || !e->copy_users)
		return PL_ENOMEM;
	for (size_t i = 0; i < s->ncopies; i++) {
		e->copy_users[i] = s->copies[i].user;
		if (pl_arena_copy(&e->arena, s->copies[i].content, &e->copies[i]))
			return PL_ENOMEM;
	}
	e->ncopies = s->ncopies;
	return 0;
}

static int address_conversation(struct pl_event *e, const struct pl_uuid *id)
{
	struct pl_topic_id t = pl_topic_conversation(id);
	return pl_event_address(e, pl_topic_slice(&t));
}

static int from_send(struct pl_event *e, const struct pl_op *op)
{
	e->kind = PL_EV_MESSAGE;
	/* Most senders hear it too: that is how their other half shows it. */
	e->origin = op->send.not_to_origin ? op->origin : 0;
	int err = pl_event_set_message(e, &op->send.message);
	if (!err)
		err = pl_user_copy(&e->arena, &op->send.other, &e->other);
	if (!err)
		err = pl_arena_copy(&e->arena, op->send.alias, &e->alias);
	if (!err && op->send.ncopies)
		err = copy_copies(e, &op->send);
	return err ? err : address_conversation(e, &e->conversation);
}

static int from_mark_read(struct pl_event *e, const struct pl_op *op)
{
	e->kind = PL_EV_READ;
	e->conversation = op->mark_read.conversation;
	e->actor.id = op->mark_read.user;
	e->read.message_id = op->mark_read.at_message;
	e->read.seq = op->mark_read.seq;
	e->wall_ms = op->mark_read.read_ms;
	return address_conversation(e, &e->conversation);
}

/* A conversation that was made, and for whom. */
struct birth {
	const struct pl_conversation *made;
	struct pl_uuid creator;
	const struct pl_uuid *ids;
	const struct pl_slice *names;
	size_t n;
};

static int add_participants(struct pl_event *e, const struct birth *b)
{
	e->participants = pl_arena_array(&e->arena, b->n, sizeof(*e->participants));
	e->usernames = pl_arena_array(&e->arena, b->n, sizeof(*e->usernames));
	if (!e->participants || !e->usernames)
		return PL_ENOMEM;
	e->nparticipants = b->n;
	for (size_t i = 0; i < b->n; i++) {
		struct pl_topic_id t = pl_topic_user(&b->ids[i]);
		e->participants[i] = b->ids[i];
		int err = pl_arena_copy(&e->arena, b->names[i], &e->usernames[i]);
		if (!err)
			err = pl_event_address(e, pl_topic_slice(&t));
		if (err)
			return err;
	}
	return 0;
}

static int fill_birth(struct pl_event *e, const struct birth *b)
{
	e->kind = PL_EV_CONVERSATION;
	e->conversation = b->made->id;
	e->actor.id = b->creator;
	e->created = *b->made;
	if (pl_arena_copy(&e->arena, b->made->name, &e->created.name) ||
	    pl_arena_copy(&e->arena, b->made->description, &e->created.description) ||
	    pl_arena_copy(&e->arena, b->made->avatar_url, &e->created.avatar_url) ||
	    pl_arena_copy(&e->arena, b->made->alias, &e->created.alias))
		return PL_ENOMEM;
	return add_participants(e, b);
}

static int from_create(struct pl_event *e, const struct pl_op *op)
{
	const struct pl_op_create *c = &op->create;
	struct birth b = {&c->made, c->creator, c->participants, c->usernames, c->nparticipants};
	return fill_birth(e, &b);
}

static int from_pair(struct pl_event *e, const struct pl_conversation *made,
		     const struct pl_user *me, const struct pl_user *other)
{
	const struct pl_uuid ids[] = {me->id, other->id};
	const struct pl_slice names[] = {me->username, other->username};
	struct birth b = {made, me->id, ids, names, 2};
	return fill_birth(e, &b);
}

static int from_direct(struct pl_event *e, const struct pl_op *op)
{
	const struct pl_op_direct *d = &op->direct;
	return from_pair(e, &d->found, &d->me, &d->other);
}

/* As with the first word: whoever begins it sits down there too. */
static int from_upload(struct pl_event *e, const struct pl_op *op)
{
	const struct pl_op_file_start *f = &op->file_start;
	e->origin = 0;
	return from_pair(e, &f->made, &f->me, &f->other);
}

/* Also whoever said the first word hears of it: its other half sits down there. */
static int from_first_word(struct pl_event *e, const struct pl_op *op)
{
	e->origin = 0;
	return from_pair(e, &op->send.made, &op->send.message.sender, &op->send.other);
}

/* Of some conversations; told in the first of them too, where there is somebody to name. */
static int fill_member(struct pl_event *e, bool on, const struct pl_user *who,
		       const struct pl_uuid *conversations, size_t n)
{
	struct pl_topic_id t = pl_topic_user(&who->id);
	e->kind = PL_EV_MEMBER;
	e->on = on;
	e->participants = pl_arena_array(&e->arena, n, sizeof(*e->participants));
	if (!e->participants || pl_event_set_actor(e, who))
		return PL_ENOMEM;
	if (n)
		memcpy(e->participants, conversations, n * sizeof(*conversations));
	e->nparticipants = n;
	int err = pl_event_address(e, pl_topic_slice(&t));
	if (err || !who->username.len)
		return err;
	e->conversation = conversations[0];
	return address_conversation(e, &e->conversation);
}

static int from_open_room(struct pl_event *e, const struct pl_op *op)
{
	const struct pl_op_open_room *o = &op->open_room;
	int err = pl_arena_copy(&e->arena, o->found.alias, &e->alias);
	return err ? err : fill_member(e, true, &o->who, &o->found.id, 1);
}

static int from_leave(struct pl_event *e, const struct pl_op *op)
{
	const struct pl_op_leave *l = &op->leave;
	int err = pl_arena_copy(&e->arena, l->left.alias, &e->alias);
	return err ? err : fill_member(e, false, &l->who, &l->left.id, 1);
}

/* Nobody else is told: these rooms have dialects that tell it in their own way. */
static int from_join_group(struct pl_event *e, const struct pl_op *op)
{
	const struct pl_op_join_group *g = &op->join_group;
	return fill_member(e, true, &(struct pl_user){.id = g->user}, g->rooms, g->nrooms);
}

static int from_create_group(struct pl_event *e, const struct pl_op *op)
{
	const struct pl_op_create_group *g = &op->create_group;
	return fill_member(e, true, &(struct pl_user){.id = g->creator}, &g->room.id, 1);
}

static int from_loss(struct pl_event *e, const struct pl_user *u, struct pl_slice why)
{
	struct pl_topic_id t = pl_topic_user(&u->id);
	e->kind = PL_EV_DISMISS;
	e->origin = 0;
	e->actor.id = u->id;
	e->payload = why;
	return pl_event_address(e, pl_topic_slice(&t));
}

static int from_disable(struct pl_event *e, const struct pl_op *op)
{
	return from_loss(e, &op->disable.user, PL_S("account disabled"));
}

static int from_set_password(struct pl_event *e, const struct pl_op *op)
{
	return from_loss(e, &op->set_password.user, PL_S("password changed"));
}

/* What becomes of an operation that succeeded; NULL: nothing that anybody is told. */
static int (*meaning_of(const struct pl_op *op))(struct pl_event *, const struct pl_op *)
{
	switch (op->kind) {
	case PL_OP_SEND: return op->send.duplicate ? NULL : from_send;
	case PL_OP_MARK_READ:
		return op->mark_read.moved && !op->mark_read.is_silent ? from_mark_read : NULL;
	case PL_OP_CREATE: return op->create.existed ? NULL : from_create;
	case PL_OP_DIRECT: return op->direct.create && !op->direct.existed ? from_direct : NULL;
	case PL_OP_FILE_START: return pl_uuid_is_nil(&op->file_start.made.id) ? NULL : from_upload;
	case PL_OP_OPEN_ROOM: return op->open_room.is_new_member ? from_open_room : NULL;
	case PL_OP_LEAVE: return from_leave;
	case PL_OP_JOIN_GROUP: return from_join_group;
	case PL_OP_CREATE_GROUP: return from_create_group;
	/* Also when it was disabled before: whoever asks again wants to be sure. */
	case PL_OP_DISABLE: return op->disable.on ? from_disable : NULL;
	case PL_OP_SET_PASSWORD: return op->set_password.instead_of.at ? NULL : from_set_password;
	default: return NULL;
	}
}

static struct pl_event *event_from(const struct pl_op *op,
				   int (*fill)(struct pl_event *, const struct pl_op *))
{
	struct pl_event *e = fill ? pl_event_new(PL_EV_MESSAGE) : NULL;
	if (!e)
		return NULL;
	e->origin = op->origin;
	e->wall_ms = pl_wall_ms();
	if (!fill(e, op))
		return e;
	pl_event_release(e);
	return NULL;
}

void pl_hub_finish(void *ctx, struct pl_op *op)
{
	struct pl_bus *bus = ctx;
	bool is_first_word = !op->err && op->kind == PL_OP_SEND && !op->send.duplicate &&
			     !pl_uuid_is_nil(&op->send.made.id);
	struct pl_event *first = is_first_word ? event_from(op, from_first_word) : NULL;
	struct pl_event *e = op->err ? NULL : event_from(op, meaning_of(op));
	bool is_last = op->kind == PL_OP_SEND && op->send.is_heard_first;
	/* As a rule the sender's acknowledgement first, then what everybody hears. */
	if (!is_last)
		pl_op_go_home(op);
	/* Without memory the live event is lost, not the message: it is in the history. */
	int lost = first ? pl_bus_publish(bus, first) : 0;
	lost = e ? pl_bus_publish(bus, e) : lost;
	(void)lost;
	if (is_last)
		pl_op_go_home(op);
}
