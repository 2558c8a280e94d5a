/* socketio_arrival.h - a socket that comes: what socketio_arrival.c and socketio_recovery.c share.
 */
#ifndef PL_DIALECT_SOCKETIO_ARRIVAL_H
#define PL_DIALECT_SOCKETIO_ARRIVAL_H

#include "dialect/socketio_internal.h"

struct arrival {
	struct pl_session *session;
	struct pl_timer later;
	char sid[PL_SOCKETIO_SID], pid[PL_SOCKETIO_PID];
	struct pl_slice shown; /* the pid that the client showed; points into text */
	bool has_offset, is_recovered, is_overrun;
	bool is_overtaken;              /* its client came again meanwhile */
	uint64_t taken_ms;              /* when it took the id over */
	struct pl_uuid start;           /* of the pid that was shown: what is said later is told */
	struct pl_uuid offset;          /* the last message that it says it has */
	struct pl_op *missed, *pending; /* that came home, or NULL */
	struct pl_event **held;
	size_t nheld, cap_held;
	char text[PL_SOCKETIO_PID];
};

/* ---- socketio_arrival.c ---- */

void pl_socketio_new_sid(char out[PL_SOCKETIO_SID]);
/* What waits for the user alone, up to a position, then it comes in. until nil: all there is now.
 */
int pl_socketio_ask_pending(struct pl_session *, const struct pl_uuid *until) PL_MUST_CHECK;
/* What came home of the store is not of use. */
void pl_socketio_forget_answers(struct arrival *);
/* In the next turn: whoever had the id before is gone by then. */
void pl_socketio_come_in_later(struct pl_session *);

/* ---- socketio_recovery.c ---- */

/* The key of pids; NULL: there is none, and nobody is recovered. */
const uint8_t *pl_socketio_secret(const struct pl_session *);
/* PL_EINVAL: there is nothing to recover. Else it comes in when the answer is there. */
int pl_socketio_ask_missed(struct pl_session *) PL_MUST_CHECK;
/* Too much, or anything else that is odd: it comes as a new one. */
int pl_socketio_give_up(struct pl_session *) PL_MUST_CHECK;
int pl_socketio_tell_missed(struct socketio *, const struct pl_op_missed *) PL_MUST_CHECK;

#endif
