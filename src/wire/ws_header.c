/*
 * ws_header.c - judging the header of a frame.
 *
 * Each byte is judged as soon as it is there and in its order, so that how the input was cut never
 * changes the verdict.
 */
#include "wire/ws_header.h"

#include "wire/utf8.h"

static const struct pl_ws_fault_row faults[] = {
	[PL_WS_BAD_RSV] = {PL_EPROTO, 1002, PL_S("reserved bits set")},
	[PL_WS_BAD_OPCODE] = {PL_EPROTO, 1002, PL_S("unknown opcode")},
	[PL_WS_SPLIT_CONTROL] = {PL_EPROTO, 1002, PL_S("fragmented control frame")},
	[PL_WS_LONG_CONTROL] = {PL_EPROTO, 1002, PL_S("control frame over 125 bytes")},
	[PL_WS_NO_START] = {PL_EPROTO, 1002, PL_S("continuation without a start")},
	[PL_WS_NO_END] = {PL_EPROTO, 1002, PL_S("new message inside a message")},
	[PL_WS_NO_MASK] = {PL_EPROTO, 1002, PL_S("frame is not masked")},
	[PL_WS_HAS_MASK] = {PL_EPROTO, 1002, PL_S("frame is masked")},
	[PL_WS_BAD_LENGTH] = {PL_EPROTO, 1002, PL_S("bad payload length")},
	[PL_WS_BAD_CLOSE] = {PL_EPROTO, 1002, PL_S("bad close frame")},
	[PL_WS_BAD_TEXT] = {PL_EPROTO, 1007, PL_S("text is not UTF-8")},
	[PL_WS_BAD_DEFLATE] = {PL_EPROTO, 1007, PL_S("compressed data is damaged")},
	[PL_WS_TOO_BIG] = {PL_ETOOBIG, 1009, PL_S("message too big")},
	[PL_WS_TOO_MANY] = {PL_ETOOBIG, 1009, PL_S("too many fragments")},
	[PL_WS_NO_MEMORY] = {PL_ENOMEM, 1011, PL_S("out of memory")},
};

const struct pl_ws_fault_row *pl_ws_fault_row(enum pl_ws_fault fault)
{
	return &faults[fault];
}

static enum pl_ws_fault check_first(const struct pl_ws_place *place, uint8_t b)
{
	enum pl_ws_op op = b & 0x0f;
	bool starts = op == PL_WS_TEXT || op == PL_WS_BINARY;
	bool may_be_packed = starts && place->limits->deflate && place->can_inflate;
	if ((b & 0x30) || ((b & 0x40) && !may_be_packed))
		return PL_WS_BAD_RSV;
	if (op > PL_WS_PONG || (op > PL_WS_BINARY && op < PL_WS_CLOSE))
		return PL_WS_BAD_OPCODE;
	if (pl_ws_is_control(op))
		return b & 0x80 ? PL_WS_FINE : PL_WS_SPLIT_CONTROL;
	if (starts)
		return place->in_message ? PL_WS_NO_END : PL_WS_FINE;
	return place->in_message ? PL_WS_FINE : PL_WS_NO_START;
}

static enum pl_ws_fault check_second(const struct pl_ws_place *place, enum pl_ws_op op, uint8_t b)
{
	bool masked = b & 0x80;
	if (masked != place->limits->from_client)
		return masked ? PL_WS_HAS_MASK : PL_WS_NO_MASK;
	bool too_long = pl_ws_is_control(op) && (b & 0x7f) > PL_WS_CONTROL_MAX;
	return too_long ? PL_WS_LONG_CONTROL : PL_WS_FINE;
}

static uint64_t get_be(const uint8_t *at, size_t n)
{
	uint64_t v = 0;
	for (size_t i = 0; i < n; i++)
		v = v << 8 | at[i];
	return v;
}

/* Reads the length of n bytes at `at`, which must not have fitted into a shorter form. */
static enum pl_ws_fault long_length(const uint8_t *at, size_t n, uint64_t *len)
{
	*len = get_be(at, n);
	if (*len < (n == 2 ? 126 : 65536) || *len >> 63)
		return PL_WS_BAD_LENGTH;
	return PL_WS_FINE;
}

enum pl_ws_fault pl_ws_decode(const struct pl_ws_place *place, const uint8_t *at, size_t n,
			      struct pl_ws_head *h)
{
	h->size = 0;
	enum pl_ws_fault f = check_first(place, at[0]);
	if (f || n < 2)
		return f;
	h->op = at[0] & 0x0f;
	f = check_second(place, h->op, at[1]);
	if (f)
		return f;
	size_t size = 2;
	h->len = at[1] & 0x7f;
	if (h->len >= 126) {
		size += h->len == 126 ? 2 : 8;
		if (n < size)
			return PL_WS_FINE;
		f = long_length(at + 2, size - 2, &h->len);
		if (f)
			return f;
	}
	if (!pl_ws_is_control(h->op) && h->len > place->limits->max_message - place->have)
		return PL_WS_TOO_BIG;
	if (place->limits->from_client) {
		if (n < size + 4)
			return PL_WS_FINE;
		memcpy(h->mask, at + size, 4);
		size += 4;
	}
	h->fin = at[0] & 0x80;
	h->rsv1 = at[0] & 0x40;
	h->size = (uint8_t)size;
	return PL_WS_FINE;
}

/* RFC 6455 section 7.4 and the IANA registry: what a peer may put on the wire. */
static bool is_close_code(uint64_t code)
{
	if (code >= 3000)
		return code <= 4999;
	return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}

enum pl_ws_fault pl_ws_decode_close(struct pl_slice payload, uint16_t *code,
				    struct pl_slice *reason)
{
	*code = 1005;
	*reason = (struct pl_slice){NULL, 0};
	if (!payload.len)
		return PL_WS_FINE;
	if (payload.len == 1)
		return PL_WS_BAD_CLOSE;
	uint64_t given = get_be((const uint8_t *)payload.at, 2);
	if (!is_close_code(given))
		return PL_WS_BAD_CLOSE;
	*code = (uint16_t)given;
	*reason = pl_slice(payload.at + 2, payload.len - 2);
	return pl_utf8_valid(*reason) ? PL_WS_FINE : PL_WS_BAD_TEXT;
}
