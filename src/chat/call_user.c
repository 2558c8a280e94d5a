/*
 * call_user.c - the calls that a user is in, known to the worker that keeps the user's presence: so
 * that there are not too many, and that they end when the last session went.
 *
 * Invariants:  an entry exists iff the user is in a call;  each call in it was told to the call's
 * keeper (ENTERED) and not taken back (LEAVE);  who is not online has no entry.
 */
#include "chat/call.h"

#include "base/mem.h"

struct caller {
	struct pl_uuid user;
	uint32_t n, max;
	struct pl_uuid calls[];
};

static struct caller *find(struct pl_hub *hub, const struct pl_uuid *user)
{
	return pl_map_get(&hub->callers, pl_uuid_slice(user));
}

static struct caller *open_entry(struct pl_hub *hub, const struct pl_uuid *user)
{
	struct caller *c = find(hub, user);
	uint32_t max = hub->options->calls_per_user;
	if (c)
		return c;
	c = pl_zalloc(1, sizeof(*c) + max * sizeof(*c->calls));
	if (!c)
		return NULL;
	c->user = *user;
	c->max = max;
	if (!pl_map_put(&hub->callers, pl_uuid_slice(&c->user), c))
		return c;
	pl_free(c);
	return NULL;
}

static void close_if_empty(struct pl_hub *hub, struct caller *c)
{
	if (c->n)
		return;
	pl_map_remove(&hub->callers, pl_uuid_slice(&c->user));
	pl_free(c);
}

/* To the keeper of the call, in the user's name. */
static int tell(struct pl_hub *hub, enum pl_call_what what, const struct pl_uuid *call,
		const struct pl_uuid *user, int answer, uint64_t peer)
{
	const struct pl_user who = {.id = *user};
	struct pl_event *e = pl_call_event(what, call, &who, NULL);
	if (!e)
		return PL_ENOMEM;
	e->origin = peer;
	e->call->err = answer;
	return pl_call_tell_keeper(hub, e);
}

static void note_loss(struct pl_hub *hub, int err)
{
	if (err)
		pl_log(hub->log, PL_ERROR, "chat", "news of a call were lost: out of memory");
}

/* Where the answer cannot be given, the call ends by its ring timeout, which takes this back. */
static void enter(struct pl_hub *hub, const struct pl_event *e)
{
	const struct pl_uuid *user = &e->actor.id;
	struct caller *c = NULL;
	/* Who is invisible cannot be called: that it rings would show that it is here. */
	int answer = pl_presence_is_here(hub, user, e->on) ? 0 : PL_ECLOSED;
	if (!answer) {
		c = open_entry(hub, user);
		answer = !c ? PL_ENOMEM : c->n == c->max ? PL_EBUSY : 0;
	}
	if (!answer)
		c->calls[c->n++] = e->call->id;
	note_loss(hub, tell(hub, PL_CALL_ENTERED, &e->call->id, user, answer, 0));
}

static void leave(struct pl_hub *hub, const struct pl_event *e)
{
	struct caller *c = find(hub, &e->actor.id);
	for (uint32_t i = 0; c && i < c->n; i++)
		if (pl_uuid_eq(&c->calls[i], &e->call->id)) {
			c->calls[i] = c->calls[--c->n];
			close_if_empty(hub, c);
			return;
		}
}

void pl_call_user_hear(struct pl_hub *hub, const struct pl_event *e)
{
	if (e->call->what == PL_CALL_ENTER)
		enter(hub, e);
	else
		leave(hub, e);
}

void pl_call_user_left(struct pl_hub *hub, const struct pl_uuid *user, uint64_t peer)
{
	const struct caller *c = find(hub, user);
	for (uint32_t i = 0; c && i < c->n; i++)
		note_loss(hub, tell(hub, PL_CALL_LEFT, &c->calls[i], user, 0, peer));
}

bool pl_call_user_gone(struct pl_hub *hub, const struct pl_uuid *user)
{
	struct caller *c = find(hub, user);
	while (c && c->n) {
		if (tell(hub, PL_CALL_GONE, &c->calls[c->n - 1], user, 0, 0))
			return hub->is_stopped;
		c->n--;
	}
	if (c)
		close_if_empty(hub, c);
	return true;
}

void pl_call_user_fini(struct pl_hub *hub)
{
	PL_MAP_EACH (it, &hub->callers) {
		pl_free(it->value);
	}
	pl_map_fini(&hub->callers);
}
