/*
 * peer.h - the port downward to whoever listens: what the hub needs of a client, and nothing about
 * how the client speaks or what it is connected by.
 */
#ifndef PL_CHAT_PEER_H
#define PL_CHAT_PEER_H

#include "base/list.h"
#include "chat/member.h"
#include "model/event.h"

struct pl_peer;

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

/*
 * Embedded in a session and made by pl_peer_init (hub.h). `user` is nil until
 * somebody signed in: identity is written here by pl_hub_enter alone.
 */
struct pl_peer {
	struct pl_member member;
	const struct pl_peer_ops *ops;
	uint64_t id; /* unique in the process; never 0 */
	struct pl_user user;
	struct pl_arena memory; /* of user's strings */
	struct pl_list typing;  /* struct typing, see typing.c */
	uint32_t ntyping;
	bool is_guest; /* nobody vouches for it: it is not counted, and has no presence */
};

#endif
