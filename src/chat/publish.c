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
	e->origin = 0; /* the sender hears it too: that is how its other half shows it */
	int err = pl_event_set_message(e, &op->send.message);
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

static int from_create(struct pl_event *e, const struct pl_op *op)
{
	const struct pl_op_create *c = &op->create;
	e->kind = PL_EV_CONVERSATION;
	e->conversation = c->made.id;
	e->actor.id = c->creator;
	e->created = c->made;
	e->participants = pl_arena_array(&e->arena, c->nparticipants, sizeof(*e->participants));
	if (!e->participants || pl_arena_copy(&e->arena, c->made.name, &e->created.name) ||
	    pl_arena_copy(&e->arena, c->made.description, &e->created.description) ||
	    pl_arena_copy(&e->arena, c->made.avatar_url, &e->created.avatar_url) ||
	    pl_arena_copy(&e->arena, c->made.alias, &e->created.alias))
		return PL_ENOMEM;
	e->nparticipants = c->nparticipants;
	for (size_t i = 0; i < c->nparticipants; i++) {
		struct pl_topic_id t = pl_topic_user(&c->participants[i]);
		e->participants[i] = c->participants[i];
		int err = pl_event_address(e, pl_topic_slice(&t));
		if (err)
			return err;
	}
	return 0;
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

static struct pl_event *event_of(const struct pl_op *op)
{
	int (*fill)(struct pl_event *, const struct pl_op *) = NULL;
	if (op->err)
		return NULL;
	if (op->kind == PL_OP_SEND && !op->send.duplicate)
		fill = from_send;
	else if (op->kind == PL_OP_MARK_READ && op->mark_read.moved && !op->mark_read.is_silent)
		fill = from_mark_read;
	else if (op->kind == PL_OP_CREATE && !op->create.existed)
		fill = from_create;
	/* Also when it was disabled before: whoever asks again wants to be sure. */
	else if (op->kind == PL_OP_DISABLE && op->disable.on)
		fill = from_disable;
	else if (op->kind == PL_OP_SET_PASSWORD && !op->set_password.instead_of.at)
		fill = from_set_password;
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
	struct pl_event *e = event_of(op);
	/* The sender's acknowledgement first, then what everybody hears. */
	pl_op_go_home(op);
	/* Without memory the live event is lost, not the message: it is in the history. */
	int lost = e ? pl_bus_publish(bus, e) : 0;
	(void)lost;
}
