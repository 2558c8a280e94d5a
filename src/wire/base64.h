/*
 * base64.h - base64 with padding (RFC 4648, section 4), strict: one text for each run of bytes.
 * What it is used for takes JavaScript's lenient decoder elsewhere; a text that two decoders could
 * read in two ways is refused here.
 */
#ifndef PL_WIRE_BASE64_H
#define PL_WIRE_BASE64_H

#include "base/buf.h"

void pl_base64_encode(struct pl_buf *out, struct pl_slice bytes);
/* Characters that encoding n bytes makes; n is at most SIZE_MAX / 2. */
static inline size_t pl_base64_size(size_t n)
{
	return n / 3 * 4 + (n % 3 ? 4 : 0);
}
/*
 * `out` may be where the text is: no byte is written before its characters were read. On failure
 * what `out` holds is not defined. PL_EINVAL: missing or needless padding, another alphabet, white
 * space, or bits set that belong to no byte; PL_ETOOBIG: more than cap bytes.
 */
int pl_base64_decode(struct pl_slice text, void *out, size_t cap, size_t *len) PL_MUST_CHECK;

#endif
