/* hub.c - peers come and go, operations leave for the store, events come in from the bus. */
#include "chat/hub.h"

#include "chat/call.h"

#include "base/clock.h"
#include "base/mem.h"

enum { USER_BYTES = 4096 };

struct leaving {
	struct pl_hub *hub;
	const struct pl_uuid *conversation;
};

static void unseat(struct pl_member *m, void *ctx)
{
	const struct leaving *l = ctx;
	pl_hub_unjoin(l->hub, PL_CONTAINER(m, struct pl_peer, member), l->conversation);
}

/* Who is no member any more hears nothing more of what is not everybody's (has no alias). */
static void show_out(struct pl_hub *hub, const struct pl_event *e)
{
	struct pl_topic_id t = pl_topic_user(&e->actor.id);
	for (size_t i = 0; !e->alias.len && i < e->nparticipants; i++) {
		struct leaving l = {hub, &e->participants[i]};
		pl_room_each(&hub->rooms, pl_topic_slice(&t), unseat, &l);
	}
}

static void on_event(struct pl_bus_node *node, struct pl_event *e)
{
	struct pl_hub *hub = PL_CONTAINER(node, struct pl_hub, node);
	pl_presence_on_event(hub, e);
	pl_roster_on_event(hub, e);
	if (e->kind == PL_EV_CALL)
		pl_call_on_event(hub, e);
	if (e->kind == PL_EV_MEMBER && !e->on)
		show_out(hub, e);
	if (e->kind == PL_EV_DISMISS) {
		if (hub->on_dismiss)
			pl_rooms_each(&hub->rooms, e, hub->on_dismiss);
	} else if (e->kind != PL_EV_MEMBERS) {
		pl_rooms_deliver(&hub->rooms, e);
	}
	if (e->kind == PL_EV_ROSTER)
		pl_roster_answer(hub);
}

int pl_hub_init(struct pl_hub *hub, struct pl_loop *loop, struct pl_bus *bus,
		struct pl_limits *limits, const struct pl_chat_options *options)
{
	*hub = (struct pl_hub){.loop = loop,
			       .bus = bus,
			       .limits = limits,
			       .options = options,
			       .metrics = pl_loop_metrics(loop),
			       .log = pl_loop_log(loop)};
	hub->node = (struct pl_bus_node){.loop = loop, .on_event = on_event};
	pl_rooms_init(&hub->rooms, options->rooms_max, hub->metrics);
	pl_map_init(&hub->online, options->online_max);
	pl_map_init(&hub->rosters, options->rooms_max);
	pl_map_init(&hub->awaited, options->rooms_max);
	pl_map_init(&hub->calls, options->calls_max);
	pl_map_init(&hub->callers, options->online_max);
	pl_list_init(&hub->early);
	return pl_bus_attach(bus, &hub->node);
}

void pl_hub_stop(struct pl_hub *hub)
{
	hub->is_stopped = true;
	hub->store = NULL;
}

void pl_hub_fini(struct pl_hub *hub)
{
	pl_call_keep_fini(hub);
	pl_call_user_fini(hub);
	pl_presence_fini(hub);
	pl_roster_fini(hub);
	pl_roster_wait_fini(hub);
	pl_rooms_fini(&hub->rooms);
}

/* ---- peers ---- */

void pl_peer_init(struct pl_peer *p, const struct pl_peer_ops *ops, uint64_t id)
{
	*p = (struct pl_peer){.ops = ops, .id = id};
	pl_arena_init(&p->memory, USER_BYTES);
	pl_list_init(&p->typing);
}

static int learn_names(struct pl_peer *p, const struct pl_user *user)
{
	struct pl_arena fresh;
	struct pl_user copy;
	pl_arena_init(&fresh, USER_BYTES);
	if (pl_user_copy(&fresh, user, &copy)) {
		pl_arena_fini(&fresh);
		return PL_ENOMEM;
	}
	pl_arena_fini(&p->memory);
	p->memory = fresh;
	p->user = copy;
	return 0;
}

static int begin(struct pl_hub *hub, struct pl_peer *p, const struct pl_op_sign_in *in)
{
	struct pl_topic_id mine = pl_topic_user(&in->user.id);
	int err = pl_room_join(&hub->rooms, &p->member, pl_topic_slice(&mine));
	if (err)
		return err;
	err = learn_names(p, &in->user);
	if (!err)
		err = pl_presence_began(hub, &in->user, in->conversations, in->nconversations);
	if (err) {
		pl_room_leave(&hub->rooms, &p->member, pl_topic_slice(&mine));
		p->user = (struct pl_user){0};
		return err;
	}
	pl_metric_add(hub->metrics, PL_M_SIGNED_IN, 1);
	return 0;
}

int pl_hub_enter(struct pl_hub *hub, struct pl_peer *p, const struct pl_op_sign_in *in)
{
	bool is_again = pl_uuid_eq(&p->user.id, &in->user.id);
	return is_again ? learn_names(p, &in->user) : begin(hub, p, in);
}

int pl_hub_enter_guest(struct pl_hub *hub, struct pl_peer *p, const struct pl_user *user)
{
	(void)hub;
	int err = learn_names(p, user);
	p->is_guest = !err;
	return err;
}

void pl_hub_leave(struct pl_hub *hub, struct pl_peer *p)
{
	pl_typing_stop_all(hub, p);
	pl_roster_leave(hub, p);
	pl_room_leave_all(&hub->rooms, &p->member);
	if (pl_peer_is_signed_in(p) && !p->is_guest) {
		pl_metric_add(hub->metrics, PL_M_SIGNED_IN, -1);
		pl_presence_ended(hub, p);
	}
	p->user = (struct pl_user){0};
	p->is_guest = false;
	pl_arena_fini(&p->memory);
}

int pl_hub_join(struct pl_hub *hub, struct pl_peer *p, const struct pl_uuid *conversation)
{
	struct pl_topic_id t = pl_topic_conversation(conversation);
	return pl_room_join(&hub->rooms, &p->member, pl_topic_slice(&t));
}

int pl_hub_sit(struct pl_hub *hub, struct pl_peer *p, const struct pl_conversation *c,
	       struct pl_slice ref)
{
	bool sat = pl_hub_has_joined(hub, p, &c->id);
	int err = pl_hub_join(hub, p, &c->id);
	if (!err)
		err = pl_roster_sit(hub, p, c, ref);
	if (err && !sat)
		pl_hub_unjoin(hub, p, &c->id);
	return err;
}

int pl_hub_look_around(struct pl_hub *hub, struct pl_peer *p, const struct pl_conversation *c,
		       struct pl_slice ref)
{
	return pl_roster_look(hub, p, c, ref);
}

void pl_hub_unjoin(struct pl_hub *hub, struct pl_peer *p, const struct pl_uuid *conversation)
{
	struct pl_topic_id t = pl_topic_conversation(conversation);
	pl_typing_stop(hub, p, conversation);
	pl_roster_stand_up(hub, p, conversation);
	pl_room_leave(&hub->rooms, &p->member, pl_topic_slice(&t));
}

bool pl_hub_has_joined(const struct pl_hub *hub, const struct pl_peer *p,
		       const struct pl_uuid *conversation)
{
	struct pl_topic_id t = pl_topic_conversation(conversation);
	return pl_room_has(&hub->rooms, &p->member, pl_topic_slice(&t));
}

bool pl_hub_sits_in(const struct pl_peer *p, struct pl_slice alias, struct pl_uuid *conversation)
{
	struct pl_slice topic, its;
	for (uint32_t i = 0; i < p->member.nseats; i++)
		if (pl_seat_is_listed(&p->member, i, &topic, &its) && pl_slice_eq(its, alias)) {
			memcpy(conversation->b, topic.at + 1, sizeof(conversation->b));
			return true;
		}
	return false;
}

/* ---- the store and the bus ---- */

static void come_home(struct pl_task *t)
{
	struct pl_op *op = PL_CONTAINER(t, struct pl_op, task);
	op->on_done(op);
}

void pl_hub_submit(struct pl_hub *hub, struct pl_op *op)
{
	int err = hub->is_stopped ? PL_ESTORE : pl_store_submit(hub->store, op);
	if (!err)
		return;
	/* Through the mailbox like any other answer: nobody is called back from inside his own
	 * call. */
	op->err = err;
	op->task.run = come_home;
	pl_loop_post(hub->loop, &op->task);
}

void pl_hub_publish(struct pl_hub *hub, struct pl_event *e)
{
	if (hub->is_stopped)
		pl_event_release(e);
	else if (pl_bus_publish(hub->bus, e))
		pl_log(hub->log, PL_ERROR, "chat", "an event was lost: out of memory");
	else
		pl_metric_add(hub->metrics, PL_M_EVENTS, 1);
}
