/*
 * timer.c - the timer wheel.
 *
 * Invariants:  a set timer is in slots[due_ms / tick % slots];  its slot's bit in `occupied` is
 * set.
 */
#include "loop/internal.h"

static uint64_t tick_of(uint64_t ms)
{
	return (ms + PL_TICK_MS - 1) / PL_TICK_MS; /* round up: never early */
}

void pl_wheel_init(struct pl_wheel *w, uint64_t now_ms)
{
	w->tick = now_ms / PL_TICK_MS;
	memset(w->occupied, 0, sizeof(w->occupied));
	for (size_t i = 0; i < PL_WHEEL_SLOTS; i++)
		pl_list_init(&w->slots[i]);
}

void pl_timer_init(struct pl_timer *t, void (*on_due)(struct pl_timer *))
{
	pl_list_init(&t->node);
	t->due_ms = 0;
	t->on_due = on_due;
}

void pl_timer_set(struct pl_loop *loop, struct pl_timer *t, uint64_t after_ms)
{
	struct pl_wheel *w = &loop->wheel;
	/* The turn's own time may be a little old: a wait counts from the real now. */
	uint64_t due = pl_now_ms() + after_ms, tick = tick_of(due);
	if (tick <= w->tick)
		tick = w->tick + 1;
	pl_list_remove(&t->node);
	t->due_ms = due;
	size_t slot = tick % PL_WHEEL_SLOTS;
	pl_list_append(&w->slots[slot], &t->node);
	w->occupied[slot / 64] |= 1ull << slot % 64;
}

void pl_timer_stop(struct pl_timer *t)
{
	pl_list_remove(&t->node);
}

static void fire_slot(struct pl_wheel *w, size_t slot, uint64_t now_ms)
{
	struct pl_list batch, *node;
	pl_list_take(&batch, &w->slots[slot]);
	w->occupied[slot / 64] &= ~(1ull << slot % 64);
	/* A callback may stop or set any timer, also one of this batch: take one at a time. */
	while ((node = pl_list_shift(&batch))) {
		struct pl_timer *t = PL_CONTAINER(node, struct pl_timer, node);
		if (t->due_ms <= now_ms) {
			t->on_due(t);
			continue;
		}
		pl_list_append(&w->slots[slot], node);
		w->occupied[slot / 64] |= 1ull << slot % 64;
	}
}

void pl_wheel_fire(struct pl_wheel *w, uint64_t now_ms)
{
	uint64_t end = now_ms / PL_TICK_MS;
	uint64_t rounds = end - w->tick < PL_WHEEL_SLOTS ? end - w->tick : PL_WHEEL_SLOTS;
	if (end <= w->tick)
		return;
	/* Set the tick first: a timer set by a callback must land in a slot still to come. */
	uint64_t first = end - rounds + 1;
	w->tick = end;
	for (uint64_t t = first; t <= end; t++) {
		size_t slot = t % PL_WHEEL_SLOTS;
		if (w->occupied[slot / 64] >> slot % 64 & 1)
			fire_slot(w, slot, now_ms);
	}
}

int pl_wheel_wait_ms(const struct pl_wheel *w, uint64_t now_ms)
{
	for (uint64_t ahead = 1; ahead <= PL_WHEEL_SLOTS;) {
		uint64_t tick = w->tick + ahead;
		size_t slot = tick % PL_WHEEL_SLOTS;
		uint64_t bits = w->occupied[slot / 64] >> slot % 64;
		if (bits) {
			uint64_t due = (tick + (uint64_t)__builtin_ctzll(bits)) * PL_TICK_MS;
			return due > now_ms ? (int)(due - now_ms) : 0;
		}
		ahead += 64 - slot % 64;
	}
	return -1;
}
