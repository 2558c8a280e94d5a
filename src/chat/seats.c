/*
 * seats.c - a member's seats in one block of memory. Most members have a few and they are looked
 * through; from more than FEW on an index of their numbers lies behind them.
 *
 *     member->seats ──► | room, index | room, index | ...  seats_cap | 3 | 0 | 1 | 0 | ...
 *                       the seats                                    the index: number + 1, or 0
 *
 * Invariants:  seats_cap is 0 or a power of two;  the index, 2 * seats_cap slots, is there iff
 * seats_cap > FEW;  open addressing, at most half full.
 */
#include "chat/seats.h"

#include "base/mem.h"
#include "chat/room.h"

enum { FEW = 16, FIRST_CAP = 2 };

_Static_assert(PL_SEATS_MOST < UINT16_MAX, "numbers fit the index");

static bool is_indexed(const struct pl_member *m)
{
	return m->seats_cap > FEW;
}

static uint16_t *index_of(const struct pl_member *m)
{
	return (uint16_t *)(void *)(m->seats + m->seats_cap);
}

static uint32_t mask_of(const struct pl_member *m)
{
	return m->seats_cap * 2 - 1;
}

/* Addresses are not chosen by anybody: mixing them is enough. */
static uint32_t home_of(const struct pl_member *m, const struct pl_room *r)
{
	return (uint32_t)((uintptr_t)r * 0x9e3779b97f4a7c15u >> 32) & mask_of(m);
}

/* The slot of this room's seat, or the free one where it would go. */
static uint32_t slot_of(const struct pl_member *m, const struct pl_room *r)
{
	const uint16_t *index = index_of(m);
	uint32_t i = home_of(m, r);
	while (index[i] && m->seats[index[i] - 1].room != r)
		i = (i + 1) & mask_of(m);
	return i;
}

uint32_t pl_seats_find(const struct pl_member *m, const struct pl_room *r)
{
	if (is_indexed(m))
		return (uint32_t)index_of(m)[slot_of(m, r)] - 1;
	for (uint32_t i = 0; i < m->nseats; i++)
		if (m->seats[i].room == r)
			return i;
	return PL_NO_SEAT;
}

static void fill_index(struct pl_member *m)
{
	uint16_t *index = index_of(m);
	memset(index, 0, (size_t)m->seats_cap * 2 * sizeof(*index));
	for (uint32_t i = 0; i < m->nseats; i++)
		index[slot_of(m, m->seats[i].room)] = (uint16_t)(i + 1);
}

int pl_seats_reserve(struct pl_member *m, uint32_t max)
{
	if (m->nseats >= max)
		return PL_ELIMIT;
	if (m->nseats < m->seats_cap)
		return 0;
	uint32_t cap = m->seats_cap ? m->seats_cap * 2 : FIRST_CAP;
	if (cap > PL_SEATS_MOST)
		return PL_ELIMIT;
	size_t index = cap > FEW ? cap * 2 * sizeof(uint16_t) : 0;
	struct pl_seat *seats = pl_alloc(cap * sizeof(*seats) + index);
	if (!seats)
		return PL_ENOMEM;
	if (m->nseats)
		memcpy(seats, m->seats, m->nseats * sizeof(*seats));
	pl_free(m->seats);
	m->seats = seats;
	m->seats_cap = cap;
	if (is_indexed(m))
		fill_index(m);
	return 0;
}

uint32_t pl_seats_add(struct pl_member *m, struct pl_room *r, uint32_t index)
{
	uint32_t n = m->nseats++;
	if (is_indexed(m))
		index_of(m)[slot_of(m, r)] = (uint16_t)(n + 1);
	m->seats[n] = (struct pl_seat){.room = r, .index = index & PL_SEAT_INDEX};
	return n;
}

/* Moves later entries of the run back over the hole. */
static void close_hole(struct pl_member *m, uint32_t hole)
{
	uint16_t *index = index_of(m);
	uint32_t mask = mask_of(m);
	for (uint32_t i = (hole + 1) & mask; index[i]; i = (i + 1) & mask) {
		uint32_t home = home_of(m, m->seats[index[i] - 1].room);
		if (((i - home) & mask) < ((i - hole) & mask))
			continue; /* already between its home and here */
		index[hole] = index[i];
		hole = i;
	}
	index[hole] = 0;
}

void pl_seats_remove(struct pl_member *m, uint32_t seat)
{
	uint32_t last = m->nseats - 1;
	if (is_indexed(m)) {
		close_hole(m, slot_of(m, m->seats[seat].room));
		if (seat != last)
			index_of(m)[slot_of(m, m->seats[last].room)] = (uint16_t)(seat + 1);
	}
	m->seats[seat] = m->seats[last];
	m->nseats--;
}

void pl_seats_free(struct pl_member *m)
{
	pl_free(m->seats);
	m->seats = NULL;
	m->nseats = m->seats_cap = 0;
}
