/*
 * typing.c - who is typing where. Volatile: told on the bus, never stored.
 *
 * Invariants:  one struct typing per (peer, conversation), in peer->typing;  its timer is set.
 */
#include "chat/hub.h"

#include "base/clock.h"
#include "base/mem.h"

enum { PER_PEER_MAX = 16 };

struct typing {
	struct pl_list node;
	struct pl_hub *hub;
	struct pl_peer *peer;
	struct pl_uuid conversation;
	struct pl_timer expiry;
};

static void tell(const struct typing *t, bool on)
{
	struct pl_event *e = pl_event_new(PL_EV_TYPING);
	struct pl_topic_id topic = pl_topic_conversation(&t->conversation);
	struct pl_slice alias = {NULL, 0};
	if (!e)
		return; /* volatile: the next key stroke says it again */
	(void)pl_room_is_listed(&t->hub->rooms, &t->peer->member, pl_topic_slice(&topic), &alias);
	if (pl_event_address(e, pl_topic_slice(&topic)) || pl_event_set_actor(e, &t->peer->user) ||
	    pl_arena_copy(&e->arena, alias, &e->alias)) {
		pl_event_release(e);
		return;
	}
	e->conversation = t->conversation;
	e->is_volatile = true;
	e->origin = t->peer->id;
	e->on = on;
	e->wall_ms = pl_wall_ms();
	pl_hub_publish(t->hub, e);
}

static void end(struct typing *t)
{
	tell(t, false);
	pl_timer_stop(&t->expiry);
	pl_list_remove(&t->node);
	t->peer->ntyping--;
	pl_free(t);
}

static void on_expiry(struct pl_timer *timer)
{
	end(PL_CONTAINER(timer, struct typing, expiry));
}

static struct typing *find(struct pl_peer *p, const struct pl_uuid *conversation)
{
	PL_LIST_EACH (it, &p->typing) {
		struct typing *t = PL_CONTAINER(it, struct typing, node);
		if (pl_uuid_eq(&t->conversation, conversation))
			return t;
	}
	return NULL;
}

int pl_typing_start(struct pl_hub *hub, struct pl_peer *p, const struct pl_uuid *conversation)
{
	return pl_typing_start_for(hub, p, conversation, hub->options->typing_expiry_ms);
}

int pl_typing_start_for(struct pl_hub *hub, struct pl_peer *p, const struct pl_uuid *conversation,
			uint32_t expiry_ms)
{
	struct typing *t = find(p, conversation);
	if (!t) {
		if (p->ntyping == PER_PEER_MAX)
			return PL_ELIMIT;
		t = PL_NEW(struct typing);
		if (!t)
			return PL_ENOMEM;
		*t = (struct typing){.hub = hub, .peer = p, .conversation = *conversation};
		pl_timer_init(&t->expiry, on_expiry);
		pl_list_append(&p->typing, &t->node);
		p->ntyping++;
		tell(t, true);
	}
	pl_timer_set(hub->loop, &t->expiry, expiry_ms);
	return 0;
}

void pl_typing_stop(struct pl_hub *hub, struct pl_peer *p, const struct pl_uuid *conversation)
{
	struct typing *t = find(p, conversation);
	(void)hub;
	if (t)
		end(t);
}

void pl_typing_stop_all(struct pl_hub *hub, struct pl_peer *p)
{
	(void)hub;
	PL_LIST_EACH (it, &p->typing) {
		end(PL_CONTAINER(it, struct typing, node));
	}
}
