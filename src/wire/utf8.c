/*
 * utf8.c - incremental UTF-8 validation.
 *
 * A text is a run of whole characters, checked 16 ASCII bytes or one character at a time, then at
 * most one unfinished character at the end of what has arrived, which the state describes by the
 * range of its next byte and what follows. Only that tail goes byte by byte.
 */
#include "wire/utf8.h"

enum {
	START,      /* between characters */
	LAST,       /* one continuation byte missing */
	LAST_TWO,   /* two, any */
	AFTER_E0,   /* two, the first not overlong */
	AFTER_ED,   /* two, the first not a surrogate */
	LAST_THREE, /* three, any */
	AFTER_F0,   /* three, the first not overlong */
	AFTER_F4,   /* three, the first not above U+10FFFF */
	BAD,        /* not UTF-8; stays so */
};

/* What a byte between lo and hi leads to from each state; any other byte is bad. */
static const struct {
	uint8_t lo, hi, next;
} follow[] = {
	[LAST] = {0x80, 0xbf, START},          [LAST_TWO] = {0x80, 0xbf, LAST},
	[AFTER_E0] = {0xa0, 0xbf, LAST},       [AFTER_ED] = {0x80, 0x9f, LAST},
	[LAST_THREE] = {0x80, 0xbf, LAST_TWO}, [AFTER_F0] = {0x90, 0xbf, LAST_TWO},
	[AFTER_F4] = {0x80, 0x8f, LAST_TWO},
};

static uint8_t lead(uint8_t b)
{
	if (b < 0x80)
		return START;
	if (b < 0xc2 || b > 0xf4)
		return BAD;
	if (b < 0xe0)
		return LAST;
	if (b < 0xf0)
		return b == 0xe0 ? AFTER_E0 : b == 0xed ? AFTER_ED : LAST_TWO;
	return b == 0xf0 ? AFTER_F0 : b == 0xf4 ? AFTER_F4 : LAST_THREE;
}

static uint8_t step(uint8_t state, uint8_t b)
{
	if (state == START)
		return lead(b);
	if (state == BAD || b < follow[state].lo || b > follow[state].hi)
		return BAD;
	return follow[state].next;
}

static size_t skip_ascii(const uint8_t *at, size_t n)
{
	size_t i = 0;
	for (; n - i >= 16; i += 16) {
		uint64_t a, b;
		memcpy(&a, at + i, 8);
		memcpy(&b, at + i + 8, 8);
		if ((a | b) & UINT64_C(0x8080808080808080))
			break;
	}
	while (i < n && at[i] < 0x80)
		i++;
	return i;
}

static bool is_tail(uint8_t b)
{
	return (b & 0xc0) == 0x80;
}

/* Length of the whole character beyond ASCII at `at`, of which 4 bytes may be read; 0: bad. */
static size_t character(const uint8_t *at)
{
	uint8_t a = at[0];
	if (a < 0xe0)
		return a >= 0xc2 && is_tail(at[1]) ? 2 : 0;
	uint8_t state = lead(a);
	if (state == BAD || at[1] < follow[state].lo || at[1] > follow[state].hi || !is_tail(at[2]))
		return 0;
	if (a < 0xf0)
		return 3;
	return is_tail(at[3]) ? 4 : 0;
}

/* Whole characters from the start of one; stops at a bad one, and where fewer than 4 bytes are
 * left. */
static size_t skip_characters(const uint8_t *at, size_t n)
{
	size_t i = 0;
	while (n - i >= 4) {
		size_t len = at[i] < 0x80 ? skip_ascii(at + i, n - i) : character(at + i);
		if (!len)
			break;
		i += len;
	}
	return i;
}

size_t pl_utf8_check(struct pl_utf8 *u, const char *text, size_t n)
{
	if (!n)
		return 0;
	const uint8_t *at = (const uint8_t *)text;
	uint8_t state = u->state;
	size_t i = 0;
	while (i < n && state != START) {
		state = step(state, at[i]);
		if (state == BAD) {
			u->state = BAD;
			return i;
		}
		i++;
	}
	i += skip_characters(at + i, n - i);
	for (; i < n; i++) {
		state = step(state, at[i]);
		if (state == BAD)
			break;
	}
	u->state = state;
	return i;
}

bool pl_utf8_valid(struct pl_slice s)
{
	struct pl_utf8 u = {0};
	return pl_utf8_check(&u, s.at, s.len) == s.len && pl_utf8_done(&u);
}

struct pl_slice pl_utf8_cut(struct pl_slice s, size_t max)
{
	if (s.len <= max)
		return s;
	while (max && is_tail((uint8_t)s.at[max]))
		max--;
	return pl_slice(s.at, max);
}
