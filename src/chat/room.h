/*
 * room.h - which local peers listen to which topic: one index per worker.
 */
#ifndef PL_CHAT_ROOM_H
#define PL_CHAT_ROOM_H

#include "base/map.h"
#include "base/metrics.h"
#include "chat/peer.h"

struct pl_rooms {
	struct pl_map by_topic;
	struct pl_metrics *metrics;
};

void pl_rooms_init(struct pl_rooms *, size_t max, struct pl_metrics *);
/* All peers must have left. */
void pl_rooms_fini(struct pl_rooms *);

/* Joining twice is fine. PL_ELIMIT (too many rooms, or of this peer), PL_ENOMEM. */
int pl_room_join(struct pl_rooms *, struct pl_peer *, struct pl_slice topic) PL_MUST_CHECK;
/* Leaving where one is not is fine; says whether it was. */
bool pl_room_leave(struct pl_rooms *, struct pl_peer *, struct pl_slice topic);
void pl_room_leave_all(struct pl_rooms *, struct pl_peer *);
bool pl_room_has(const struct pl_rooms *, const struct pl_peer *, struct pl_slice topic);
/*
 * This room has a roster (roster.c) from now on, as long as it has a peer. The topic of a peer's
 * seat, and whether it is such a room.
 */
void pl_room_list(struct pl_rooms *, struct pl_slice topic);
bool pl_room_is_listed(const struct pl_rooms *, struct pl_slice topic);
bool pl_seat_is_listed(const struct pl_peer *, uint32_t seat, struct pl_slice *topic);
/* Peers in all rooms together, per topic. */
size_t pl_room_size(const struct pl_rooms *, struct pl_slice topic);

/* To every local listener of the event's topics, except its origin, or to `only`. Encodes once per
 * kind of peer.
 */
void pl_rooms_deliver(struct pl_rooms *, const struct pl_event *);

#endif
