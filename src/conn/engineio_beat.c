/*
 * engineio_beat.c - the clock of the sessions: pings and who does not answer them, probes that take
 * too long, last packets that nobody fetches.
 *
 * Whatever enters a list waits as long as the one before it, so a list is in the order of what is
 * due. A time never goes back within a list; where it would, it is that of the one before.
 */
#include "conn/engineio_internal.h"

#include "base/clock.h"

enum { LEAVE_MS = 30000 /* as long as the original waits for a poll */ };

static struct pl_eio *first_of(const struct pl_list *list)
{
	return pl_list_empty(list) ? NULL : PL_CONTAINER(list->next, struct pl_eio, beat);
}

static struct pl_eio_polling *first_probe(const struct pl_eios *set)
{
	return pl_list_empty(&set->probing)
		       ? NULL
		       : PL_CONTAINER(set->probing.next, struct pl_eio_polling, probing);
}

static void arm(struct pl_eios *set, uint64_t due_ms)
{
	uint64_t now = pl_now_ms();
	if (!pl_timer_is_set(&set->clock) || due_ms < set->clock.due_ms)
		pl_timer_set(set->loop, &set->clock, due_ms > now ? due_ms - now : 0);
}

static void enter(struct pl_eio *e, struct pl_list *list, uint64_t due_ms)
{
	pl_list_remove(&e->beat);
	struct pl_eio *last =
		pl_list_empty(list) ? NULL : PL_CONTAINER(list->prev, struct pl_eio, beat);
	e->due_ms = last && last->due_ms > due_ms ? last->due_ms : due_ms;
	pl_list_append(list, &e->beat);
	arm(e->set, e->due_ms);
}

void pl_eio_beat_begin(struct pl_eio *e)
{
	struct pl_eios *set = e->set;
	e->awaits_pong = false;
	enter(e, &set->to_ping, pl_loop_now_ms(set->loop) + set->o->ping_interval_ms);
}

void pl_eio_beat_pong(struct pl_eio *e)
{
	bool was_awaited = e->awaits_pong;
	pl_eio_beat_begin(e);
	if (was_awaited && e->set->ops->on_pong)
		e->set->ops->on_pong(e);
}

void pl_eio_beat_leave(struct pl_eio *e)
{
	struct pl_eios *set = e->set;
	enter(e, &set->leaving, pl_loop_now_ms(set->loop) + LEAVE_MS);
}

void pl_eio_probe_begin(struct pl_eio_polling *p)
{
	struct pl_eios *set = p->session->set;
	p->probe_due_ms = pl_loop_now_ms(set->loop) + set->o->upgrade_timeout_ms;
	pl_list_append(&set->probing, &p->probing);
	arm(set, p->probe_due_ms);
}

static void ping(struct pl_eio *e, uint64_t now)
{
	const struct pl_eio_packet packet = {.type = PL_EIO_PING};
	struct pl_eios *set = e->set;
	/* A timer is never quite in time. If we were busy for long, that is not the client's fault.
	 */
	bool is_late = now - e->due_ms > set->o->ping_timeout_ms / 2;
	uint64_t from = is_late ? now : e->due_ms;
	e->awaits_pong = true;
	e->was_heard = e->was_extended = false;
	enter(e, &set->to_pong, from + set->o->ping_timeout_ms);
	(void)pl_eio_say(e, &packet); /* if it ends by that, on_close tells */
}

bool pl_eio_ping(struct pl_eio *e)
{
	if (!pl_eio_is_open(e) || e->awaits_pong)
		return false;
	e->due_ms = pl_loop_now_ms(e->set->loop);
	ping(e, e->due_ms);
	return true;
}

/* Who said something else meanwhile is given the same time once more. */
static void lose(struct pl_eio *e, uint64_t now)
{
	if (e->was_heard && !e->was_extended) {
		e->was_extended = true;
		enter(e, &e->set->to_pong, now + e->set->o->ping_timeout_ms);
		return;
	}
	pl_metric_add(pl_loop_metrics(e->set->loop), PL_M_HEARTBEAT_LOST, 1);
	pl_eio_end(e, PL_EIO_PING_TIMEOUT, PL_EIO_CLOSE);
}

static void run(struct pl_eios *set, uint64_t now)
{
	struct pl_eio *e;
	struct pl_eio_polling *p;
	while ((e = first_of(&set->to_pong)) && e->due_ms <= now)
		lose(e, now);
	while ((e = first_of(&set->to_ping)) && e->due_ms <= now)
		ping(e, now);
	while ((e = first_of(&set->leaving)) && e->due_ms <= now)
		pl_eio_gone(e);
	while ((p = first_probe(set)) && p->probe_due_ms <= now)
		pl_eio_drop_probe(p->session);
}

/* The nearest head. UINT64_MAX: none. */
static uint64_t next_due(const struct pl_eios *set)
{
	const struct pl_list *lists[] = {&set->to_ping, &set->to_pong, &set->leaving};
	const struct pl_eio_polling *p = first_probe(set);
	uint64_t due = p ? p->probe_due_ms : UINT64_MAX;
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		const struct pl_eio *e = first_of(lists[i]);
		if (e && e->due_ms < due)
			due = e->due_ms;
	}
	return due;
}

void pl_eios_on_clock(struct pl_timer *t)
{
	struct pl_eios *set = PL_CONTAINER(t, struct pl_eios, clock);
	run(set, pl_now_ms());
	uint64_t due = next_due(set);
	if (due != UINT64_MAX)
		arm(set, due);
}

void pl_eios_catch_up(struct pl_eios *set)
{
	if (pl_timer_is_set(&set->clock) && set->clock.due_ms <= pl_loop_now_ms(set->loop))
		run(set, pl_loop_now_ms(set->loop));
}
