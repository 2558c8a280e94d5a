/*
 * call_keeper.c - the one truth about a call: who the two are, whether it rings, and whom what is
 * said reaches.
 *
 * Invariants:  a call is in its hub's map until it is freed;  its timer is set;  a party's peer is
 * 0 until it is known which session speaks for it;  ENDED calls are told to nobody as a call any
 * more and only wait until everybody has heard of the end.
 */
#include "chat/call_keeper.h"

#include "base/clock.h"
#include "base/mem.h"

enum { RETRY_MS = 200, NAMES_BYTES = 16 * 1024 };

static int side_of(const struct call *c, const struct pl_uuid *user)
{
	for (int side = CALLER; side <= CALLEE; side++)
		if (pl_uuid_eq(&c->party[side].user.id, user))
			return side;
	return -1;
}

static struct call *find(struct pl_hub *hub, const struct pl_uuid *id)
{
	struct call *c = pl_map_get(&hub->calls, pl_uuid_slice(id));
	return c && c->state != ENDED ? c : NULL;
}

static void forget(struct call *c)
{
	struct pl_hub *hub = c->hub;
	pl_timer_stop(&c->timer);
	pl_map_remove(&hub->calls, pl_uuid_slice(&c->id));
	pl_event_release(c->offer);
	pl_arena_fini(&c->memory);
	pl_free(c);
	pl_metric_add(hub->metrics, PL_M_CALLS, -1);
}

/* ---- the end ---- */

static int part(struct call *c, int side)
{
	struct party *p = &c->party[side];
	int err = 0;
	if (p->owes_word) {
		struct pl_event *e = pl_call_news(c, p->last_word, 1 - side, side);
		if (!e)
			return PL_ENOMEM;
		e->call->why = p->why;
		e->call->has_duration = c->was_connected;
		e->call->duration_s = c->lasted_s;
		e->origin = p->not_to;
		err = pl_call_deliver(c, e, side);
		p->owes_word = err != 0;
	}
	if (!err && p->owes_leave) {
		struct pl_event *e = pl_call_event(PL_CALL_LEAVE, &c->id, &p->user, NULL);
		err = e ? pl_call_tell_user_keeper(c->hub, &p->user.id, e) : PL_ENOMEM;
		p->owes_leave = err != 0;
	}
	return err;
}

/* What is left to say is said, now or when there is memory again. */
static void settle(struct call *c)
{
	int err = part(c, CALLER);
	int other = part(c, CALLEE);
	if ((err || other) && !c->hub->is_stopped)
		pl_timer_set(c->hub->loop, &c->timer, RETRY_MS);
	else
		forget(c);
}

static void hang_up(struct call *c)
{
	c->was_connected = c->state == CONNECTED;
	c->lasted_s = c->was_connected ? (pl_now_ms() - c->connected_ms) / 1000 : 0;
	c->state = ENDED;
	c->party[CALLER].owes_leave = c->party[CALLEE].owes_leave = true;
	settle(c);
}

static void owe(struct call *c, int side, enum pl_call_what word, enum pl_call_why why)
{
	c->party[side].owes_word = true;
	c->party[side].last_word = word;
	c->party[side].why = why;
}

/* Nobody hung up: both hear that it is over. */
static void run_out(struct call *c)
{
	owe(c, CALLER, PL_CALL_END, PL_CALL_TIMEOUT);
	owe(c, CALLEE, PL_CALL_END, PL_CALL_TIMEOUT);
	hang_up(c);
}

/* One of the two ended it; where that was at one of several devices that ring, these stop. */
static void end_by(struct call *c, int side, const struct pl_event *e)
{
	bool was_ringing = c->state == RINGING;
	owe(c, 1 - side, e->call->what, PL_CALL_NO_REASON);
	if (was_ringing && side == CALLEE) {
		owe(c, side, PL_CALL_END, PL_CALL_ELSEWHERE);
		c->party[side].not_to = e->origin;
	}
	hang_up(c);
}

/* ---- the beginning ---- */

static void answer_offer(struct call *c, int err)
{
	pl_call_reply(c->hub, c, c->offer, err);
	pl_event_release(c->offer);
	c->offer = NULL;
}

static void refuse(struct call *c, int err)
{
	answer_offer(c, err);
	hang_up(c);
}

static void on_timer(struct pl_timer *t)
{
	struct call *c = PL_CONTAINER(t, struct call, timer);
	switch (c->state) {
	case ENTERING: refuse(c, PL_ENOMEM); return; /* an answer was lost */
	case RINGING:
	case CONNECTED: run_out(c); return;
	case ENDED: settle(c); return;
	}
}

static struct call *new_call(struct pl_hub *hub, const struct pl_event *e)
{
	struct call *c = PL_NEW(struct call);
	if (!c)
		return NULL;
	*c = (struct call){.hub = hub,
			   .id = e->call->id,
			   .began_ms = e->call->began_ms,
			   .has_keys = e->call->has_keys,
			   .rotation = {-1, -1}};
	pl_timer_init(&c->timer, on_timer);
	pl_arena_init(&c->memory, NAMES_BYTES);
	if (!pl_user_copy(&c->memory, &e->actor, &c->party[CALLER].user) &&
	    !pl_user_copy(&c->memory, &e->call->to, &c->party[CALLEE].user))
		return c;
	pl_arena_fini(&c->memory);
	pl_free(c);
	return NULL;
}

static int ask_to_enter(struct call *c, int side)
{
	const struct pl_user *u = &c->party[side].user;
	struct pl_event *e = pl_call_event(PL_CALL_ENTER, &c->id, u, NULL);
	if (!e)
		return PL_ENOMEM;
	e->on = side == CALLEE;
	return pl_call_tell_user_keeper(c->hub, &u->id, e);
}

static void begin(struct pl_hub *hub, struct pl_event *e)
{
	struct call *c = new_call(hub, e);
	int err = c ? pl_map_put(&hub->calls, pl_uuid_slice(&c->id), c) : PL_ENOMEM;
	if (err) {
		if (c)
			pl_arena_fini(&c->memory);
		pl_free(c);
		pl_call_reply(hub, NULL, e, err == PL_ENOMEM ? err : PL_ELIMIT);
		return;
	}
	pl_metric_add(hub->metrics, PL_M_CALLS, 1);
	pl_metric_add(hub->metrics, PL_M_CALLS_BEGUN, 1);
	c->offer = pl_event_retain(e);
	c->party[CALLER].peer = e->origin;
	c->party[CALLER].node = e->call->node;
	pl_timer_set(hub->loop, &c->timer, hub->options->ring_ms);
	if (ask_to_enter(c, CALLER) || ask_to_enter(c, CALLEE))
		refuse(c, PL_ENOMEM);
}

static void ring(struct call *c)
{
	struct pl_event *e = pl_call_relay(c, c->offer, CALLER);
	if (e && pl_call_add_ice(c, e, &c->party[CALLEE].user.id)) {
		pl_event_release(e);
		e = NULL;
	}
	if (!e || pl_call_deliver(c, e, CALLEE)) {
		refuse(c, PL_ENOMEM);
		return;
	}
	c->state = RINGING;
	answer_offer(c, 0);
}

static void entered(struct pl_hub *hub, const struct pl_event *e)
{
	struct call *c = find(hub, &e->call->id);
	int side = c ? side_of(c, &e->actor.id) : -1;
	if (side < 0 || c->state != ENTERING)
		return;
	if (e->call->err) {
		/* In too many calls: for the caller that is its own doing. */
		bool is_own = side == CALLER && e->call->err == PL_EBUSY;
		refuse(c, is_own ? PL_ELIMIT : e->call->err);
		return;
	}
	c->party[side].is_entered = true;
	if (c->party[CALLER].is_entered && c->party[CALLEE].is_entered)
		ring(c);
}

/* ---- what is said ---- */

enum { RINGS_CALLER = 1, RINGS_CALLEE = 2, RINGS = 3, TALK = 4 };

static const unsigned when[PL_CALL__COUNT] = {
	[PL_CALL_ANSWER] = RINGS_CALLEE,
	[PL_CALL_DECLINE] = RINGS_CALLEE,
	[PL_CALL_BUSY] = RINGS_CALLEE,
	[PL_CALL_END] = RINGS | TALK,
	[PL_CALL_CANDIDATE] = RINGS | TALK,
	[PL_CALL_SDP_OFFER] = RINGS | TALK,
	[PL_CALL_SDP_ANSWER] = RINGS | TALK,
	[PL_CALL_ROTATE] = TALK,
	[PL_CALL_ROTATED] = TALK,
};

/* Whether this session may speak for its side. Who takes the place of one that is gone, has it. */
static bool takes_part(struct call *c, int side, const struct pl_event *e)
{
	struct party *p = &c->party[side];
	if (p->peer == e->origin)
		return true;
	if (p->peer)
		return false;
	if (c->state == CONNECTED || side == CALLER) {
		p->peer = e->origin;
		p->node = e->call->node;
	}
	return true;
}

/* One device answered: the call is there, and the others stop ringing. */
static int answer(struct call *c, const struct pl_event *e)
{
	struct party *p = &c->party[CALLEE];
	struct pl_event *news = pl_call_relay(c, e, CALLEE);
	struct pl_event *others = pl_call_news(c, PL_CALL_END, CALLER, CALLEE);
	if (!news || !others) {
		pl_event_release(news);
		pl_event_release(others);
		return PL_ENOMEM;
	}
	others->call->why = PL_CALL_ELSEWHERE;
	others->origin = e->origin;
	int err = pl_call_deliver(c, news, CALLER);
	if (err) {
		pl_event_release(others);
		return err;
	}
	/* Before it is known who answered: it goes to all. */
	if (pl_call_deliver(c, others, CALLEE))
		pl_log(c->hub->log, PL_ERROR, "chat", "a device rings on: out of memory");
	c->state = CONNECTED;
	c->connected_ms = pl_now_ms();
	p->peer = e->origin;
	p->node = e->call->node;
	pl_timer_set(c->hub->loop, &c->timer, c->hub->options->call_max_ms);
	return 0;
}

static int check_rotation(const struct call *c, int side, const struct pl_call_news *n)
{
	if (!c->has_keys)
		return PL_ESTATE;
	bool is_unasked = n->what == PL_CALL_ROTATED && c->rotation[1 - side] != n->number;
	return is_unasked ? PL_ENOTFOUND : 0;
}

static int pass_on(struct call *c, int side, const struct pl_event *e)
{
	const struct pl_call_news *n = e->call;
	bool is_rotation = n->what == PL_CALL_ROTATE || n->what == PL_CALL_ROTATED;
	int err = is_rotation ? check_rotation(c, side, n) : 0;
	if (err)
		return err;
	struct pl_event *news = pl_call_relay(c, e, side);
	err = news ? pl_call_deliver(c, news, 1 - side) : PL_ENOMEM;
	if (!err && n->what == PL_CALL_ROTATE)
		c->rotation[side] = n->number;
	else if (!err && n->what == PL_CALL_ROTATED)
		c->rotation[1 - side] = -1;
	return err;
}

static int check(struct call *c, int side, const struct pl_event *e)
{
	unsigned now = c->state == CONNECTED ? TALK : side == CALLER ? RINGS_CALLER : RINGS_CALLEE;
	if (!takes_part(c, side, e))
		return PL_ENOTFOUND;
	c->party[side].user.subject_is_number = e->actor.subject_is_number;
	bool is_other_kind = e->call->what == PL_CALL_ANSWER && e->call->has_keys != c->has_keys;
	return when[e->call->what] & now && !is_other_kind ? 0 : PL_ESTATE;
}

static void said(struct pl_hub *hub, const struct pl_event *e)
{
	enum pl_call_what what = e->call->what;
	struct call *c = find(hub, &e->call->id);
	int side = c ? side_of(c, &e->actor.id) : -1;
	bool is_there = side >= 0 && c->state != ENTERING;
	int err = is_there ? check(c, side, e) : PL_ENOTFOUND;
	bool is_end = what == PL_CALL_END || what == PL_CALL_DECLINE || what == PL_CALL_BUSY;
	if (!err && !is_end)
		err = what == PL_CALL_ANSWER ? answer(c, e) : pass_on(c, side, e);
	if (err || e->call->is_asked_for)
		pl_call_reply(hub, is_there ? c : NULL, e, err);
	if (!err && is_end)
		end_by(c, side, e);
}

/* ---- sessions that go ---- */

static void left(struct pl_hub *hub, const struct pl_event *e)
{
	struct call *c = find(hub, &e->call->id);
	int side = c ? side_of(c, &e->actor.id) : -1;
	if (side >= 0 && c->party[side].peer == e->origin)
		c->party[side].peer = 0;
}

static void gone(struct pl_hub *hub, const struct pl_event *e)
{
	struct call *c = find(hub, &e->call->id);
	int side = c ? side_of(c, &e->actor.id) : -1;
	if (side < 0)
		return;
	if (c->state == ENTERING) {
		refuse(c, PL_ECLOSED);
		return;
	}
	owe(c, 1 - side, PL_CALL_END, PL_CALL_LOST);
	hang_up(c);
}

void pl_call_keep(struct pl_hub *hub, struct pl_event *e)
{
	switch (e->call->what) {
	case PL_CALL_OFFER: begin(hub, e); return;
	case PL_CALL_ENTERED: entered(hub, e); return;
	case PL_CALL_LEFT: left(hub, e); return;
	case PL_CALL_GONE: gone(hub, e); return;
	default: said(hub, e); return;
	}
}

void pl_call_keep_fini(struct pl_hub *hub)
{
	PL_MAP_EACH (it, &hub->calls) {
		struct call *c = it->value;
		pl_timer_stop(&c->timer);
		pl_event_release(c->offer);
		pl_arena_fini(&c->memory);
		pl_free(c);
	}
	pl_map_fini(&hub->calls);
}
