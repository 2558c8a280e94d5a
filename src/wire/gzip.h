/*
 * gzip.h - bodies of HTTP answers compressed by gzip (RFC 1952): one compressor serves all
 * connections of a worker. Not thread-safe.
 */
#ifndef PL_WIRE_GZIP_H
#define PL_WIRE_GZIP_H

#include "wire/deflate.h"

struct pl_gzipper;
/* The threshold is not looked at. Options out of range: PL_EINVAL; PL_ENOMEM. */
int pl_gzipper_new(const struct pl_deflate_options *, struct pl_gzipper **out) PL_MUST_CHECK;
void pl_gzipper_free(struct pl_gzipper *); /* NULL is fine */
/*
 * One whole body. 1: *out is shorter, and valid until the next call; 0: not shorter, send the body
 * as it is; PL_ENOMEM. Memory beyond 64 KiB is given back by the next call.
 */
int pl_gzip(struct pl_gzipper *, struct pl_slice body, struct pl_slice *out) PL_MUST_CHECK;

#endif
