/*
 * json_index.h - the part of reading JSON that wants vector instructions: finding where tokens
 * start. Between json.c and json_simdjson.cc only.
 *
 * The index has one entry per token outside strings: each of {}[]:, and the first byte of each
 * string or other scalar. Behind a scalar there is only white space up to the next entry, except
 * that a malformed scalar may run on; a string never does. It is checked here that the text is
 * UTF-8, that strings end, and that no control character stands inside one; nothing else.
 */
#ifndef PL_WIRE_JSON_INDEX_H
#define PL_WIRE_JSON_INDEX_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { PL_JSON_PADDING = 64 }; /* readable bytes behind the text */

struct pl_json_index;

/* PL_ENOMEM. Its memory does not come from base/mem.h. */
int pl_json_index_new(struct pl_json_index **out) PL_MUST_CHECK;
void pl_json_index_free(struct pl_json_index *);
/* Room for texts of n bytes. PL_ENOMEM: room for none. */
int pl_json_index_reserve(struct pl_json_index *, size_t n) PL_MUST_CHECK;
/* PL_EINVAL. *at lives until the next call. */
int pl_json_index_run(struct pl_json_index *, const char *text, size_t n, const uint32_t **at,
		      uint32_t *count) PL_MUST_CHECK;

/* A JSON number -> the nearest double, whatever the locale. PL_ETOOBIG: not finite. */
int pl_json_double(const char *text, size_t n, double *out) PL_MUST_CHECK;
enum { PL_JSON_DOUBLE_TEXT = 32 };
/* The shortest text that reads back as the same (finite) double; how many characters. */
size_t pl_json_double_text(double v, char out[PL_JSON_DOUBLE_TEXT]);

#ifdef __cplusplus
}
#endif
#endif
