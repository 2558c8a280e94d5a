/* mac.h - HMAC with SHA-256 (RFC 2104): whether something was written by whoever has the key. */
#ifndef PL_AUTH_MAC_H
#define PL_AUTH_MAC_H

#include "base/err.h"
#include "base/slice.h"

enum { PL_MAC_BYTES = 32 };

/* PL_ENOMEM. Any thread. */
int pl_mac(struct pl_slice key, struct pl_slice text, uint8_t out[PL_MAC_BYTES]) PL_MUST_CHECK;
/* Of n bytes; takes as long whatever they are. */
bool pl_mac_eq(const void *a, const void *b, size_t n);

#endif
