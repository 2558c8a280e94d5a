/*
 * fields.h - what a struct parley_field holds, for those who write lists of them: objects here,
 * arguments of events in socketio/.
 */
#ifndef PL_HANDLER_FIELDS_H
#define PL_HANDLER_FIELDS_H

#include "base/buf.h"

#include "parley/parley.h"

enum pl_field_type {
	PL_FIELD_STR = 1,
	PL_FIELD_INT,
	PL_FIELD_NUM,
	PL_FIELD_BOOL,
	PL_FIELD_RAW,
	PL_FIELD_JSON, /* str: its text; u.fields: the value itself, by another type */
	PL_FIELD_OBJ,
	PL_FIELD_BYTES,  /* only where there is a sink */
	PL_FIELD_PACKET, /* never inside an object */
};

/* Writes what stands in the JSON for bytes that travel beside it. */
struct pl_field_sink {
	int (*put_bytes)(struct pl_field_sink *, struct pl_buf *, struct pl_slice bytes);
};

/* Appends the object. PL_EINVAL: no list, or a field that no function made; PL_ELIMIT: over
 * PARLEY_FIELDS_MAX; the buffer's error. */
int pl_fields_write(struct pl_buf *, const struct parley_field *) PL_MUST_CHECK;
/* Appends the value of one field. Errors as above, and those of the sink; without one bytes are
 * PL_EINVAL. */
int pl_field_put(struct pl_buf *, const struct parley_field *,
		 struct pl_field_sink *) PL_MUST_CHECK;

#endif
