/* id.c - random bytes and UUIDs. */
#include "base/id.h"

#include "base/err.h"

#include <errno.h>
#include <sys/random.h>

static void from_kernel(uint8_t *p, size_t n)
{
	while (n) {
		ssize_t got = getrandom(p, n, 0);
		if (got > 0) {
			p += got;
			n -= (size_t)got;
		} else if (got < 0 && errno != EINTR) {
			__builtin_trap(); /* no entropy source: nothing that follows would be safe
					   */
		}
	}
}

/*
 * One system call serves many small requests. Used bytes are wiped, so that a
 * later leak of this memory tells nothing about ids already given out.
 */
void pl_random_bytes(void *at, size_t n)
{
	static _Thread_local struct {
		uint8_t pool[512];
		size_t left;
	} t;
	if (n > 64) {
		from_kernel(at, n);
		return;
	}
	if (n > t.left) {
		from_kernel(t.pool, sizeof(t.pool));
		t.left = sizeof(t.pool);
	}
	t.left -= n;
	memcpy(at, t.pool + t.left, n);
	memset(t.pool + t.left, 0, n);
}

static void stamp(struct pl_uuid *u, uint8_t version)
{
	u->b[6] = (uint8_t)((u->b[6] & 0x0f) | version << 4);
	u->b[8] = (uint8_t)((u->b[8] & 0x3f) | 0x80);
}

struct pl_uuid pl_uuid_v4(void)
{
	struct pl_uuid u;
	pl_random_bytes(&u, sizeof(u));
	stamp(&u, 4);
	return u;
}

struct pl_uuid pl_uuid_v7(uint64_t now_ms)
{
	struct pl_uuid u;
	pl_random_bytes(&u, sizeof(u));
	for (int i = 0; i < 6; i++)
		u.b[i] = (uint8_t)(now_ms >> (40 - 8 * i));
	stamp(&u, 7);
	return u;
}

static uint64_t millis_of(const struct pl_uuid *u)
{
	uint64_t ms = 0;
	for (int i = 0; i < 6; i++)
		ms = ms << 8 | u->b[i];
	return ms;
}

/* RFC 9562, 6.2, method 1: the 12 bits behind the version count, from somewhere in the lower half
 * on, so that there is room. */
static struct pl_uuid first_of(uint64_t ms)
{
	struct pl_uuid u = pl_uuid_v7(ms);
	u.b[6] &= 0xf7;
	return u;
}

static struct pl_uuid counted(uint64_t ms, unsigned count)
{
	struct pl_uuid u = pl_uuid_v7(ms);
	u.b[6] = (uint8_t)(0x70 | count >> 8);
	u.b[7] = (uint8_t)count;
	return u;
}

struct pl_uuid pl_uuid_v7_after(struct pl_uuid *last, uint64_t now_ms)
{
	uint64_t ms = millis_of(last);
	unsigned count = (last->b[6] & 0x0fU) << 8 | last->b[7];
	struct pl_uuid u;
	if (now_ms > ms)
		u = first_of(now_ms);
	else if (count < 0xfff && last->b[6] >> 4 <= 7)
		u = counted(ms, count + 1);
	else
		u = first_of(ms + 1);
	*last = u;
	return u;
}

void pl_uuid_format(const struct pl_uuid *u, char out[PL_UUID_TEXT])
{
	static const char hex[] = "0123456789abcdef";
	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*out++ = '-';
		*out++ = hex[u->b[i] >> 4];
		*out++ = hex[u->b[i] & 15];
	}
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int pl_uuid_parse(struct pl_slice s, struct pl_uuid *out)
{
	struct pl_uuid u;
	size_t at = 0;
	if (s.len != PL_UUID_TEXT)
		return PL_EINVAL;
	for (int i = 0; i < 16; i++) {
		if ((i == 4 || i == 6 || i == 8 || i == 10) && s.at[at++] != '-')
			return PL_EINVAL;
		int high = nibble(s.at[at]), low = nibble(s.at[at + 1]);
		if (high < 0 || low < 0)
			return PL_EINVAL;
		u.b[i] = (uint8_t)(high << 4 | low);
		at += 2;
	}
	*out = u;
	return 0;
}
