/*
 * seats.h - the rooms that one member sits in, for room.c: found, added and removed in constant
 * time, however many there are.
 */
#ifndef PL_CHAT_SEATS_H
#define PL_CHAT_SEATS_H

#include "base/err.h"
#include "chat/member.h"

enum { PL_NO_SEAT = UINT32_MAX, PL_SEAT_INDEX = (1 << 30) - 1 };

/* The number of the member's seat in this room, or PL_NO_SEAT. */
uint32_t pl_seats_find(const struct pl_member *, const struct pl_room *);
/* Room for one more, of at most max. PL_ELIMIT, PL_ENOMEM. */
int pl_seats_reserve(struct pl_member *, uint32_t max) PL_MUST_CHECK;
/* After pl_seats_reserve. The room must not be among them. Returns the seat's number. */
uint32_t pl_seats_add(struct pl_member *, struct pl_room *, uint32_t index);
/* The last seat takes the number of this one. */
void pl_seats_remove(struct pl_member *, uint32_t seat);
void pl_seats_free(struct pl_member *);

#endif
