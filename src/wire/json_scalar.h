/* json_scalar.h - one string or number of a JSON text; between the files of json.h only. */
#ifndef PL_WIRE_JSON_SCALAR_H
#define PL_WIRE_JSON_SCALAR_H

#include "wire/json.h"

/*
 * The text between the quotes of a string that has escapes, unescaped to `to` (room for body.len
 * bytes). PL_EINVAL: an unknown escape, half a surrogate pair.
 */
int pl_json_unescape(struct pl_slice body, char *to, size_t *len) PL_MUST_CHECK;
/* Sets type and value. PL_EINVAL: no JSON number; PL_ETOOBIG: too long, or not finite. */
int pl_json_number(struct pl_slice text, struct pl_json *out) PL_MUST_CHECK;

#endif
