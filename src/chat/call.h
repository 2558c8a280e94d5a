/*
 * call.h - calls between two users: who calls whom, and what the two say until their media flow.
 *
 *     caller ── OFFER ──► keeper of the call ── ENTER ──► keepers of both users' presence
 *                             │   ▲ ──────── ENTERED ◄─────────────┘   │
 *        caller ◄── REPLY ────┤   └─────────── LEFT, GONE ◄────────────┘ a session, the last one
 *        callee ◄── OFFER ────┘
 *
 * A call has one keeper, the worker that pl_bus_keeper names for its id: one truth, whatever
 * workers the two are on (call_keeper.c). How many calls a user is in, and that its last session
 * went, is known where the user's presence is kept (call_user.c).
 *
 * Whom it reaches   The caller speaks from the session that called; who is called hears it on all
 *                   sessions until one of them answers, then only there. Where that session is
 *                   gone, every session of the user hears what is said, and the next one to speak
 *                   takes its place.
 * Who may           The caller of pl_call_begin has an answer of the store (SHARES) that allows it.
 *                   Everything later is checked by the keeper against the two it knows.
 */
#ifndef PL_CHAT_CALL_H
#define PL_CHAT_CALL_H

#include "chat/hub.h"

/* What is said; slices are copied. ref comes back with the reply. */
struct pl_call_words {
	enum pl_call_what what;
	struct pl_slice media, body, keys[2];
	bool has_keys;
	int64_t number;
	struct pl_slice ref;
	bool is_asked_for; /* a reply is wanted; else there is one only where it failed */
};

/*
 * A signed-in peer calls somebody (words: PL_CALL_OFFER). The reply comes as PL_EV_CALL, pushed to
 * this peer alone; its err is that of pl_call_say, or
 *   PL_ECLOSED  who is called is not there;
 *   PL_EBUSY    and is in too many calls;
 *   PL_ELIMIT   the caller is, or the server.
 * At once: PL_ENOMEM, PL_ETOOBIG, PL_EINVAL (oneself), PL_EDENIED (a guest): there is no reply.
 */
int pl_call_begin(struct pl_hub *, const struct pl_peer *, const struct pl_user *to,
		  const struct pl_call_words *) PL_MUST_CHECK;
/*
 * One of the two says something in a call. Errors of the reply:
 *   PL_ENOTFOUND  there is no such call, or it is not this peer's;
 *   PL_ESTATE     it cannot be said now, or not by this one of the two;
 *   PL_ENOMEM     nobody has heard it.
 * At once: PL_ENOMEM, PL_ETOOBIG, PL_EDENIED: there is no reply.
 */
int pl_call_say(struct pl_hub *, const struct pl_peer *, const struct pl_uuid *call,
		const struct pl_call_words *) PL_MUST_CHECK;

/* Whether it has more bytes than are relayed. */
bool pl_call_is_too_big(const struct pl_call_words *);

/* call.c, for its neighbours: an event about this call; `to` may be NULL. NULL: no memory. */
struct pl_event *pl_call_event(enum pl_call_what, const struct pl_uuid *call,
			       const struct pl_user *actor, const struct pl_user *to);
/* To the keeper of the call. Takes the reference. */
int pl_call_tell_keeper(struct pl_hub *, struct pl_event *) PL_MUST_CHECK;
/* To the keeper of this user's presence. Takes the reference. */
int pl_call_tell_user_keeper(struct pl_hub *, const struct pl_uuid *user,
			     struct pl_event *) PL_MUST_CHECK;

/* call_keeper.c: what was said to the keeper of a call. */
void pl_call_keep(struct pl_hub *, struct pl_event *);
void pl_call_keep_fini(struct pl_hub *);

/* call_user.c: what was said to the keeper of a user's presence; from presence.c: a session of the
 * user is gone; all are. False: out of memory, ask again. */
void pl_call_user_hear(struct pl_hub *, const struct pl_event *);
void pl_call_user_left(struct pl_hub *, const struct pl_uuid *user, uint64_t peer);
bool pl_call_user_gone(struct pl_hub *, const struct pl_uuid *user);
void pl_call_user_fini(struct pl_hub *);

/* For hub.c: an event came in. */
void pl_call_on_event(struct pl_hub *, struct pl_event *);

#endif
