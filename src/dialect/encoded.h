/* encoded.h - the words for an event: made once for all listeners of a dialect, as one message. */
#ifndef PL_DIALECT_ENCODED_H
#define PL_DIALECT_ENCODED_H

#include "chat/peer.h"
#include "dialect/session.h"

struct pl_encoded {
	struct pl_buf text;
	struct pl_shared shared;
};

/* NULL: no memory, or more than 32 MiB. */
struct pl_encoded *pl_encoded_new(const struct pl_event *, enum pl_ws_op kind,
				  void (*write)(const struct pl_event *, struct pl_buf *));
void pl_encoded_free(struct pl_encoded *);
/*
 * To a session's connection, if it is still there: what was encoded for all, or of a message that
 * was sent per recipient the own copy, by `write`; nothing to whom there is none for.
 */
void pl_encoded_push(struct pl_peer *, const struct pl_event *, struct pl_encoded *,
		     void (*write)(const struct pl_event *, struct pl_slice content,
				   struct pl_buf *));

#endif
