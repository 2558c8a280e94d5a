/*
 * id.h - random bytes and UUIDs (RFC 9562). Ids are opaque: version 7 for rows, because they
 * arrive in order and keep an index compact; version 4 where nothing should be guessable.
 */
#ifndef PL_BASE_ID_H
#define PL_BASE_ID_H

#include "base/slice.h"

enum { PL_UUID_TEXT = 36 };

struct pl_uuid {
	uint8_t b[16];
};

/* From the kernel (getrandom); never fails on a kernel that we support. Any thread. */
void pl_random_bytes(void *at, size_t n);
struct pl_uuid pl_uuid_v4(void);
/* now_ms: Unix time. */
struct pl_uuid pl_uuid_v7(uint64_t now_ms);
/*
 * The next one after *last, which it becomes: greater, as bytes compare, also where the clock
 * stands still or was set back. The first one of all: *last is nil.
 */
struct pl_uuid pl_uuid_v7_after(struct pl_uuid *last, uint64_t now_ms);
/* Writes 36 characters, no NUL. */
void pl_uuid_format(const struct pl_uuid *, char out[PL_UUID_TEXT]);
/* 36 characters 8-4-4-4-12, either case. 0 or PL_EINVAL. */
int pl_uuid_parse(struct pl_slice, struct pl_uuid *out);

static inline bool pl_uuid_eq(const struct pl_uuid *a, const struct pl_uuid *b)
{
	return !memcmp(a->b, b->b, sizeof(a->b));
}

static inline bool pl_uuid_is_nil(const struct pl_uuid *u)
{
	static const struct pl_uuid nil;
	return pl_uuid_eq(u, &nil);
}

static inline struct pl_slice pl_uuid_slice(const struct pl_uuid *u)
{
	return pl_slice(u->b, sizeof(u->b));
}

#endif
