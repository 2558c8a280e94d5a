/*
 * args.h - the arguments of events and answers: a list of fields as the JSON of a packet, with the
 * bytes that travel beside it; and the values of a packet that came in.
 */
#ifndef PL_SOCKETIO_ARGS_H
#define PL_SOCKETIO_ARGS_H

#include "base/buf.h"
#include "wire/json.h"
#include "wire/socketio.h"

#include "parley/socketio.h"

/*
 * What a packet brought, all of it checked: a struct parley_packet begins with one. Attachments are
 * at most PL_SIO_ATTACHMENTS_MAX.
 */
struct pl_sio_in {
	const struct pl_json *json; /* the array, which its parser holds; NULL: there was none */
	const struct pl_slice *attachments;
	uint32_t nattachments; /* 0: what looks like a placeholder is what it looks like */
	bool is_answer;        /* no name stands before the arguments */
};

/* What a packet takes along; the bytes are their owners'. */
struct pl_sio_attached {
	uint32_t n;
	struct pl_slice at[PL_SIO_ATTACHMENTS_MAX];
};

/*
 * Appends ["event",...], or [...] where event.at == NULL: an answer. *out is set, also on failure.
 * PL_EINVAL: no list, a field that no function made, a reserved name, or bytes beside JSON from
 * elsewhere that looks like a placeholder (a client would take the bytes for it, or leave);
 * PL_ELIMIT: over PARLEY_FIELDS_MAX fields or PL_SIO_ATTACHMENTS_MAX attachments; the buffer's
 * error.
 */
int pl_sio_args_put(struct pl_buf *, struct pl_slice event, const struct parley_field *args,
		    struct pl_sio_attached *out) PL_MUST_CHECK;

#endif
