/*
 * json_write.h - writing JSON is appending to a buffer. Names and punctuation are literals
 * (PL_PUT(b, "{\"type\":")), values go through here. What is appended as text must be valid
 * UTF-8. Failures stick in the buffer: look at its err once, at the end.
 */
#ifndef PL_WIRE_JSON_WRITE_H
#define PL_WIRE_JSON_WRITE_H

#include "base/buf.h"
#include "base/id.h"

/* A quoted, escaped string; null when s.at == NULL. */
void pl_json_put_str(struct pl_buf *, struct pl_slice s);
/* Escaped as inside a string, without the quotes. */
void pl_json_put_escaped(struct pl_buf *, struct pl_slice s);
/* "key": with its colon. */
void pl_json_put_key(struct pl_buf *, struct pl_slice key);
void pl_json_put_bool(struct pl_buf *, bool);
/* The shortest text that reads back as the same double; null when it is not finite. */
void pl_json_put_f64(struct pl_buf *, double);
/* JSON that is known to be valid, verbatim; null when at == NULL or empty. */
void pl_json_put_raw(struct pl_buf *, struct pl_slice);
/* A quoted UUID; null when it is nil. */
void pl_json_put_uuid(struct pl_buf *, const struct pl_uuid *);
/* A quoted time, "2025-08-24T07:16:08.123Z"; null when it is 0. */
void pl_json_put_iso(struct pl_buf *, uint64_t wall_ms);

#endif
