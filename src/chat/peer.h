/*
 * peer.h - the port downward to whoever listens: what the hub needs of a client, and nothing about
 * how the client speaks or what it is connected by.
 */
#ifndef PL_CHAT_PEER_H
#define PL_CHAT_PEER_H

#include "model/event.h"

struct pl_peer;
struct pl_room;

/* The words for an event, made once for all listeners of a kind. Theirs to define. */
struct pl_encoded;

struct pl_peer_ops {
	/* Once per event and kind of peer (same ops). NULL: these clients do not hear of such
	 * events. */
	struct pl_encoded *(*encode)(const struct pl_event *);
	/* Never blocks, never fails loudly. */
	void (*push)(struct pl_peer *, const struct pl_event *, struct pl_encoded *);
	void (*free_encoded)(struct pl_encoded *);
};

/* Where a peer sits in a room's array, and the way back. */
struct pl_seat {
	struct pl_room *room;
	uint32_t index;
};

enum { PL_SEATS_MAX = 4096 };

/* Embedded in a session. Zeroed, then ops and id set, by its owner; rooms by pl_room_join and
 * leave. */
struct pl_peer {
	const struct pl_peer_ops *ops;
	uint64_t id; /* unique in the process; never 0 */
	struct pl_seat *seats;
	uint32_t nseats, seats_cap;
};

#endif
