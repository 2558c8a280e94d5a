/* call.c - from what a peer says in a call to the event that the call's keeper hears. */
#include "chat/call.h"

#include "base/clock.h"

static struct pl_user shown(const struct pl_user *u)
{
	return (struct pl_user){.id = u->id,
				.subject = u->subject,
				.subject_is_number = u->subject_is_number,
				.username = u->username,
				.display_name = u->display_name,
				.avatar_url = u->avatar_url};
}

static int fill(struct pl_event *e, enum pl_call_what what, const struct pl_uuid *call,
		const struct pl_user *actor, const struct pl_user *to)
{
	const struct pl_user visible = shown(actor);
	e->call = pl_arena_alloc(&e->arena, sizeof(*e->call));
	if (!e->call || pl_event_set_actor(e, &visible))
		return PL_ENOMEM;
	e->call->id = *call;
	e->call->what = what;
	e->wall_ms = pl_wall_ms();
	if (!to)
		return 0;
	const struct pl_user other = shown(to);
	return pl_user_copy(&e->arena, &other, &e->call->to);
}

struct pl_event *pl_call_event(enum pl_call_what what, const struct pl_uuid *call,
			       const struct pl_user *actor, const struct pl_user *to)
{
	struct pl_event *e = pl_event_new(PL_EV_CALL);
	if (!e || !fill(e, what, call, actor, to))
		return e;
	pl_event_release(e);
	return NULL;
}

static int send_to(struct pl_hub *hub, struct pl_slice key, struct pl_event *e)
{
	if (!hub->is_stopped)
		return pl_bus_send(hub->bus, pl_bus_keeper(hub->bus, key), e);
	pl_event_release(e);
	return PL_ESTATE;
}

int pl_call_tell_keeper(struct pl_hub *hub, struct pl_event *e)
{
	return send_to(hub, pl_uuid_slice(&e->call->id), e);
}

int pl_call_tell_user_keeper(struct pl_hub *hub, const struct pl_uuid *user, struct pl_event *e)
{
	return send_to(hub, pl_uuid_slice(user), e);
}

/* ---- what a peer says ---- */

bool pl_call_is_too_big(const struct pl_call_words *w)
{
	size_t most = w->what == PL_CALL_CANDIDATE ? PL_CALL_CANDIDATE_MAX : PL_CALL_BODY_MAX;
	return w->body.len > most || w->media.len > PL_CALL_MEDIA_MAX ||
	       w->keys[0].len > PL_CALL_KEY_MAX || w->keys[1].len > PL_CALL_KEY_MAX;
}

static int copy_words(struct pl_event *e, const struct pl_call_words *w)
{
	struct pl_call_news *n = e->call;
	n->number = w->number;
	n->has_keys = w->has_keys;
	n->is_asked_for = w->is_asked_for;
	if (pl_arena_copy(&e->arena, w->media, &n->media) ||
	    pl_arena_copy(&e->arena, w->body, &n->body) ||
	    pl_arena_copy(&e->arena, w->keys[0], &n->keys[0]) ||
	    pl_arena_copy(&e->arena, w->keys[1], &n->keys[1]) ||
	    pl_arena_copy(&e->arena, w->ref, &n->ref))
		return PL_ENOMEM;
	return 0;
}

static int say(struct pl_hub *hub, const struct pl_peer *p, const struct pl_uuid *call,
	       const struct pl_user *to, const struct pl_call_words *w)
{
	if (!pl_peer_is_signed_in(p) || p->is_guest)
		return PL_EDENIED;
	if (pl_call_is_too_big(w))
		return PL_ETOOBIG;
	struct pl_event *e = pl_call_event(w->what, call, &p->user, to);
	if (!e || copy_words(e, w)) {
		pl_event_release(e);
		return PL_ENOMEM;
	}
	e->origin = p->id;
	e->call->node = hub->node.index;
	e->call->began_ms = e->wall_ms;
	return pl_call_tell_keeper(hub, e);
}

int pl_call_begin(struct pl_hub *hub, const struct pl_peer *p, const struct pl_user *to,
		  const struct pl_call_words *w)
{
	struct pl_uuid id;
	if (pl_uuid_eq(&p->user.id, &to->id))
		return PL_EINVAL;
	pl_random_bytes(id.b, sizeof(id.b));
	return say(hub, p, &id, to, w);
}

int pl_call_say(struct pl_hub *hub, const struct pl_peer *p, const struct pl_uuid *call,
		const struct pl_call_words *w)
{
	return say(hub, p, call, NULL, w);
}

void pl_call_on_event(struct pl_hub *hub, struct pl_event *e)
{
	if (hub->is_stopped)
		return;
	switch (e->call->what) {
	case PL_CALL_REPLY: return;
	case PL_CALL_ENTER:
	case PL_CALL_LEAVE: pl_call_user_hear(hub, e); return;
	default: break;
	}
	/* What is told to people has topics; what is said to the keeper has none. */
	if (!e->ntopics)
		pl_call_keep(hub, e);
}
