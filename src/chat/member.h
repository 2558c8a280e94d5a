/* member.h - somebody who can be in rooms: the part of a listener that room.c needs. */
#ifndef PL_CHAT_MEMBER_H
#define PL_CHAT_MEMBER_H

#include <stdint.h>

struct pl_room;

/* Where a member sits in a room's array, and the way back. Packed: there are millions of them. */
struct __attribute__((packed, aligned(4))) pl_seat {
	struct pl_room *room;
	uint32_t index : 30;
	uint32_t is_listed : 1;  /* on the room's roster, see roster.c */
	uint32_t is_waiting : 1; /* for the members of the room, see roster_wait.c */
};

/* Embedded in whoever listens; zeroed at birth. */
struct pl_member {
	struct pl_seat *seats; /* see seats.c */
	uint32_t nseats, seats_cap;
};

#endif
