/*
 * slice.h - borrowed bytes. A slice owns nothing and is not NUL-terminated; it
 * is valid as long as what it points into.
 */
#ifndef PL_BASE_SLICE_H
#define PL_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct pl_slice {
	const char *at;
	size_t len;
};

/* A string literal as a slice. */
#define PL_S(literal) ((struct pl_slice){"" literal, sizeof(literal) - 1})
/* For printf: "%.*s", PL_FMT(slice). */
#define PL_FMT(s) (int)(s).len, (s).at ? (s).at : ""

static inline struct pl_slice pl_slice(const void *at, size_t len)
{
	return (struct pl_slice){(const char *)at, len};
}

static inline struct pl_slice pl_slice_str(const char *s)
{
	return s ? (struct pl_slice){s, strlen(s)} : (struct pl_slice){NULL, 0};
}

static inline bool pl_slice_eq(struct pl_slice a, struct pl_slice b)
{
	return a.len == b.len && (!a.len || !memcmp(a.at, b.at, a.len));
}

static inline bool pl_slice_is(struct pl_slice a, const char *s)
{
	return pl_slice_eq(a, pl_slice_str(s));
}

static inline bool pl_slice_starts(struct pl_slice s, struct pl_slice prefix)
{
	return s.len >= prefix.len && (!prefix.len || !memcmp(s.at, prefix.at, prefix.len));
}

/* ASCII only; other bytes must be equal. */
bool pl_slice_eq_nocase(struct pl_slice a, struct pl_slice b);
/* Without ASCII spaces and tabs at both ends. */
struct pl_slice pl_slice_trim(struct pl_slice);
/* Bytewise order: <0, 0, >0. */
int pl_slice_cmp(struct pl_slice a, struct pl_slice b);
/* The part before the first c; *rest is what follows it (or empty, at == NULL, when there is no c).
 */
struct pl_slice pl_slice_cut(struct pl_slice, char c, struct pl_slice *rest);
/* 1*DIGIT, no sign, no space, at most max. 0 or PL_EINVAL. */
int pl_slice_u64(struct pl_slice, uint64_t max, uint64_t *out);

#endif
