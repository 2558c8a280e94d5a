/*
 * utf8.h - is this text UTF-8 (RFC 3629)? Checked as the bytes arrive: overlong forms,
 * surrogates and values above U+10FFFF are refused at the first byte that cannot be right.
 * Pure functions; any thread.
 */
#ifndef PL_WIRE_UTF8_H
#define PL_WIRE_UTF8_H

#include "base/slice.h"

/* Where a text stands: 0 between characters (also the start), else inside one. */
struct pl_utf8 {
	uint8_t state;
};

/*
 * Checks n more bytes of one text. Returns n when all of them can be part of UTF-8, else the
 * index of the first bad byte; the text is then lost and the state stays bad.
 * At the end of the text pl_utf8_done() must hold.
 */
size_t pl_utf8_check(struct pl_utf8 *, const char *at, size_t n);

static inline bool pl_utf8_done(const struct pl_utf8 *u)
{
	return u->state == 0;
}

/* A whole text at once. */
bool pl_utf8_valid(struct pl_slice);
/* The longest start of s that has at most max bytes and does not cut a character. s is valid. */
struct pl_slice pl_utf8_cut(struct pl_slice s, size_t max);

#endif
