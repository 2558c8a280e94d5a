/* call_keeper.h - a call as its keeper knows it, for call_keeper.c and what it tells people in
 * call_news.c. */
#ifndef PL_CHAT_CALL_KEEPER_H
#define PL_CHAT_CALL_KEEPER_H

#include "chat/call.h"

enum { CALLER, CALLEE };

struct party {
	struct pl_user user;
	uint64_t peer; /* the session that speaks for it; 0: any may, and all hear */
	uint32_t node; /* where that is */
	bool is_entered;
	/* When the call is over: what has not been told yet. */
	bool owes_word, owes_leave;
	enum pl_call_what last_word;
	enum pl_call_why why;
	uint64_t not_to; /* a session that knows already */
};

enum call_state {
	ENTERING, /* it is asked whether both are there */
	RINGING,
	CONNECTED,
	ENDED
};

struct call {
	struct pl_hub *hub;
	struct pl_uuid id;
	uint64_t began_ms;     /* Unix time */
	uint64_t connected_ms; /* of the clock that only goes forward */
	uint64_t lasted_s;
	enum call_state state;
	bool has_keys, was_connected;
	int64_t rotation[2]; /* by side: the number of new keys that wait for an answer; -1: none */
	struct party party[2];
	struct pl_event *offer; /* one reference, until it rings */
	struct pl_timer timer;  /* how long it may be asked, ring, last; then until the next try */
	struct pl_arena memory; /* of the users' names */
};

/* From one side to the other. NULL: no memory. */
struct pl_event *pl_call_news(const struct call *, enum pl_call_what, int from, int to);
/* What one side said, for the other. NULL: no memory. */
struct pl_event *pl_call_relay(const struct call *, const struct pl_event *, int from);
/* To the session that speaks for this side, or to all of its user's. Takes the reference. */
int pl_call_deliver(const struct call *, struct pl_event *, int to) PL_MUST_CHECK;
/* To who said this. c may be NULL. Where there is no memory for it, nobody is told. */
void pl_call_reply(struct pl_hub *, const struct call *c, const struct pl_event *asked, int err);
int pl_call_add_ice(const struct call *, struct pl_event *,
		    const struct pl_uuid *user) PL_MUST_CHECK;

#endif
