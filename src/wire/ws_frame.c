/* ws_frame.c - frames out: header, mask, and a frame in one piece to be shared or appended. */
#include "wire/ws.h"

#include "base/mem.h"
#include "wire/utf8.h"

static size_t put_be(char *out, uint64_t v, size_t n)
{
	for (size_t i = n; i-- > 0; v >>= 8)
		out[i] = (char)(uint8_t)v;
	return n;
}

size_t pl_ws_header(char out[PL_WS_HEADER_MAX], enum pl_ws_op op, size_t len, bool rsv1,
		    const uint8_t mask[4])
{
	uint8_t masked = mask ? 0x80 : 0;
	size_t n = 2;
	out[0] = (char)(0x80 | (rsv1 ? 0x40 : 0) | (uint8_t)op);
	if (len < 126) {
		out[1] = (char)(masked | (uint8_t)len);
	} else if (len <= UINT16_MAX) {
		out[1] = (char)(masked | 126);
		n += put_be(out + 2, len, 2);
	} else {
		out[1] = (char)(masked | 127);
		n += put_be(out + 2, len, 8);
	}
	if (mask) {
		memcpy(out + n, mask, 4);
		n += 4;
	}
	return n;
}

static uint64_t load(const char *at)
{
	uint64_t v;
	memcpy(&v, at, 8);
	return v;
}

static void store(char *at, uint64_t v)
{
	memcpy(at, &v, 8);
}

bool pl_ws_mask(char *to, const char *from, size_t n, const uint8_t mask[4])
{
	char twice[8];
	memcpy(twice, mask, 4);
	memcpy(twice + 4, mask, 4);
	const uint64_t key = load(twice);
	uint64_t seen = 0;
	for (; n >= 32; n -= 32, from += 32, to += 32) {
		uint64_t a = load(from) ^ key, b = load(from + 8) ^ key;
		uint64_t c = load(from + 16) ^ key, d = load(from + 24) ^ key;
		seen |= a | b | c | d;
		store(to, a);
		store(to + 8, b);
		store(to + 16, c);
		store(to + 24, d);
	}
	for (; n >= 8; n -= 8, from += 8, to += 8) {
		uint64_t a = load(from) ^ key;
		seen |= a;
		store(to, a);
	}
	uint8_t rest = 0;
	for (size_t i = 0; i < n; i++) {
		uint8_t b = (uint8_t)from[i] ^ mask[i & 3];
		rest |= b;
		to[i] = (char)b;
	}
	return (seen & UINT64_C(0x8080808080808080)) || rest >= 0x80;
}

void pl_ws_mask_turn(uint8_t mask[4], size_t n)
{
	const uint8_t old[4] = {mask[0], mask[1], mask[2], mask[3]};
	for (size_t i = 0; i < 4; i++)
		mask[i] = old[(i + n) & 3];
}

static struct pl_frame *frame_of(enum pl_ws_op op, struct pl_slice payload, bool rsv1)
{
	char head[PL_WS_HEADER_MAX];
	size_t n = pl_ws_header(head, op, payload.len, rsv1, NULL);
	if (payload.len > INT32_MAX - n)
		return NULL;
	struct pl_frame *f = pl_frame_new(n + payload.len);
	if (!f)
		return NULL;
	memcpy(f->at, head, n);
	if (payload.len)
		memcpy(f->at + n, payload.at, payload.len);
	return f;
}

struct pl_frame *pl_ws_frame(enum pl_ws_op op, struct pl_slice payload)
{
	return frame_of(op, payload, false);
}

struct pl_frame *pl_ws_frame_deflated(struct pl_deflater *d, enum pl_ws_op op,
				      struct pl_slice payload)
{
	struct pl_slice small;
	int got = pl_deflate(d, payload, &small);
	if (got < 0)
		return NULL;
	return got ? frame_of(op, small, true) : frame_of(op, payload, false);
}

static void append(struct pl_buf *b, enum pl_ws_op op, struct pl_slice payload, bool rsv1,
		   const uint8_t mask[4])
{
	char head[PL_WS_HEADER_MAX];
	size_t n = pl_ws_header(head, op, payload.len, rsv1, mask);
	if (payload.len > SIZE_MAX - n) {
		b->err = PL_ETOOBIG;
		return;
	}
	if (pl_buf_reserve(b, n + payload.len))
		return;
	pl_buf_put(b, head, n);
	if (mask) {
		(void)pl_ws_mask(b->at + b->len, payload.at, payload.len, mask);
		b->len += payload.len;
	} else {
		pl_buf_puts(b, payload);
	}
}

void pl_ws_put(struct pl_buf *b, enum pl_ws_op op, struct pl_slice payload, const uint8_t mask[4])
{
	append(b, op, payload, false, mask);
}

void pl_ws_put_deflated(struct pl_buf *b, struct pl_deflater *d, enum pl_ws_op op,
			struct pl_slice payload, const uint8_t mask[4])
{
	struct pl_slice small;
	int got = pl_deflate(d, payload, &small);
	if (got < 0)
		b->err = b->err ? b->err : got;
	else
		append(b, op, got ? small : payload, got, mask);
}

size_t pl_ws_close_payload(char out[PL_WS_CONTROL_MAX], uint16_t code, struct pl_slice reason)
{
	if (code == 0 || code == 1005 || code == 1006 || code == 1015)
		return 0;
	size_t n = put_be(out, code, 2);
	reason = pl_utf8_cut(reason, PL_WS_CONTROL_MAX - n);
	if (reason.len)
		memcpy(out + n, reason.at, reason.len);
	return n + reason.len;
}
