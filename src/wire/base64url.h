/*
 * base64url.h - base64url without padding (RFC 4648, section 5; RFC 7515, appendix C), strict:
 * one text for each run of bytes.
 */
#ifndef PL_WIRE_BASE64URL_H
#define PL_WIRE_BASE64URL_H

#include "base/buf.h"

void pl_base64url_encode(struct pl_buf *out, struct pl_slice bytes);
/*
 * PL_EINVAL: padding, another alphabet, white space, an impossible length, or bits set that
 * belong to no byte; PL_ETOOBIG: more than cap bytes.
 */
int pl_base64url_decode(struct pl_slice text, void *out, size_t cap, size_t *len) PL_MUST_CHECK;

#endif
