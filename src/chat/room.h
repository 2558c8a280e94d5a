/*
 * room.h - which local members listen to which topic: an index per worker.
 */
#ifndef PL_CHAT_ROOM_H
#define PL_CHAT_ROOM_H

#include "base/metrics.h"
#include "chat/peer.h"
#include "chat/topics.h"

enum { PL_SEATS_MAX = 4096, PL_SEATS_MOST = 8192 };

struct pl_rooms {
	struct pl_topics by_topic;
	struct pl_metrics *metrics;
	uint32_t seats_max; /* rooms of one member; PL_SEATS_MAX, to be changed before the first
			       joins, to PL_SEATS_MOST at most */
};

void pl_rooms_init(struct pl_rooms *, size_t max, struct pl_metrics *);
/* All members must have left. */
void pl_rooms_fini(struct pl_rooms *);

/* Joining twice is fine. PL_ELIMIT (too many rooms, or of this member), PL_ENOMEM. */
int pl_room_join(struct pl_rooms *, struct pl_member *, struct pl_slice topic) PL_MUST_CHECK;
/* Leaving where one is not is fine; says whether it was. */
bool pl_room_leave(struct pl_rooms *, struct pl_member *, struct pl_slice topic);
void pl_room_leave_all(struct pl_rooms *, struct pl_member *);
bool pl_room_has(const struct pl_rooms *, const struct pl_member *, struct pl_slice topic);
size_t pl_room_size(const struct pl_rooms *, struct pl_slice topic);
/*
 * The member, which sits there, is on the room's roster (roster.c) until it leaves. The room keeps
 * the alias for that. PL_ENOMEM.
 */
int pl_room_list(struct pl_rooms *, struct pl_member *, struct pl_slice topic,
		 struct pl_slice alias) PL_MUST_CHECK;
/* While it waits for the members it hears of no change (roster_wait.c). Without a seat: nothing. */
void pl_room_mark_waiting(struct pl_rooms *, struct pl_member *, struct pl_slice topic,
			  bool is_waiting);
bool pl_room_is_listed(const struct pl_rooms *, const struct pl_member *, struct pl_slice topic,
		       struct pl_slice *alias);
/* The same for a seat by its number, and where it is. */
bool pl_seat_is_listed(const struct pl_member *, uint32_t seat, struct pl_slice *topic,
		       struct pl_slice *alias);

/* Its members, in no order. `visit` must not join or leave this room. */
void pl_room_each(const struct pl_rooms *, struct pl_slice topic,
		  void (*visit)(struct pl_member *, void *ctx), void *ctx);
/* The topic of a room that a member has a seat in; lives as long as the seat. */
struct pl_slice pl_room_topic(const struct pl_room *);

/* Where all members are peers: to every local listener of the event's topics, except its origin,
 * or to `only`. Encodes once per kind of peer. */
/* As pl_rooms_deliver, but to all alike and without words. */
void pl_rooms_each(struct pl_rooms *, const struct pl_event *,
		   void (*tell)(struct pl_peer *, const struct pl_event *));
void pl_rooms_deliver(struct pl_rooms *, const struct pl_event *);

#endif
