/* calling.h - what the dialects that know calls have in common: from what a client says to
 * chat/call.h. */
#ifndef PL_DIALECT_CALLING_H
#define PL_DIALECT_CALLING_H

#include "chat/call.h"
#include "dialect/session.h"

/*
 * Tells the client that its offer came to nothing: PL_ENOTFOUND: nobody is called so, as far as the
 * user may know; PL_EDENIED: somebody else is signed in by now; PL_ETOOBIG, or another error.
 */
typedef void pl_calling_fail(struct pl_session *, const struct pl_call_words *, int err);

/*
 * Calls whom `target` names, if the two share a conversation (words: PL_CALL_OFFER, ref: the
 * request's). The keeper of the call replies, or `fail` is called, later; or an error is returned:
 * PL_ENOMEM, PL_ETOOBIG. Everything is copied.
 */
int pl_calling_begin(struct pl_session *, struct pl_slice target, const struct pl_call_words *,
		     pl_calling_fail *) PL_MUST_CHECK;
/* In the call of this id, as text. As pl_call_say, and PL_ENOTFOUND at once where it is none. */
int pl_calling_say(struct pl_session *, struct pl_slice call,
		   const struct pl_call_words *) PL_MUST_CHECK;

/* Members that both write: "callId":"..."; and ,"duration":seconds, null: it was never answered. */
void pl_calling_put_id(struct pl_buf *, const struct pl_call_news *);
void pl_calling_put_duration(struct pl_buf *, const struct pl_call_news *);

#endif
