/*
 * fuzz/engineio.c - any bytes as an Engine.IO frame, a polling payload and a query. What was read,
 * written again, must read the same.
 */
#include "fuzz.h"

#include "wire/engineio.h"
#include "wire/utf8.h"

static bool is_same(const struct pl_eio_packet *a, const struct pl_eio_packet *b)
{
	return a->type == b->type && a->is_binary == b->is_binary && pl_slice_eq(a->data, b->data);
}

/* Each packet alone is a payload of one, and comes back. */
static void write_and_read(const struct pl_eio_packet *packet)
{
	struct pl_eio_packet back;
	struct pl_buf b;
	pl_buf_init(&b, 1 << 20);
	pl_eio_put(&b, packet);
	MUST(!b.err && b.len + 1 == pl_eio_size(packet));
	struct pl_eio_payload p = {.rest = pl_buf_slice(&b)};
	MUST(!pl_eio_next(&p, &back) && is_same(packet, &back));
	MUST(pl_eio_next(&p, &back) == PL_ENOTFOUND);
	pl_buf_fini(&b);
}

/* A payload that is good is written as it was read: there is one text for each. */
static void read_payload(struct pl_slice in)
{
	struct pl_eio_packet packet;
	struct pl_buf copy, again;
	uint32_t n = 0;
	int err;
	pl_buf_init(&copy, 1 << 20);
	pl_buf_init(&again, 1 << 20);
	pl_buf_puts(&copy, in);
	struct pl_eio_payload p = {.rest = pl_buf_slice(&copy)};
	while (!(err = pl_eio_next(&p, &packet))) {
		MUST(++n == p.count && n <= PL_EIO_PACKETS_MAX);
		MUST(packet.is_binary || pl_utf8_valid(packet.data));
		MUST(packet.data.at >= copy.at &&
		     packet.data.at + packet.data.len <= copy.at + copy.len);
		pl_eio_put(&again, &packet);
		if (n <= 16)
			write_and_read(&packet);
	}
	MUST(err != PL_ENOTFOUND || pl_slice_eq(pl_buf_slice(&again), in));
	MUST(pl_eio_next(&p, &packet) == PL_ENOTFOUND);
	pl_buf_fini(&again);
	pl_buf_fini(&copy);
}

static void read_query(struct pl_slice in)
{
	struct pl_eio_query q;
	pl_eio_read_query(in, &q);
	MUST(q.version == 3 || q.version == 4);
	MUST(!q.sid.len || (q.sid.at >= in.at && q.sid.at + q.sid.len <= in.at + in.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pl_slice in = pl_slice(data, size);
	struct pl_eio_packet packet;
	if (size > 65536)
		return 0;
	if (!pl_eio_read(in, &packet))
		MUST(!packet.is_binary && packet.data.len + 1 == size);
	read_payload(in);
	read_query(in);
	return 0;
}
