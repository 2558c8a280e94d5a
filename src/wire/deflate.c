/*
 * deflate.c - the shared compressor and decompressor of a worker, on zlib.
 *
 * Both start afresh with each message (no context takeover). Their output lies in one buffer each,
 * which is reused while it is small.
 */
#include "wire/deflate.h"

#include "base/mem.h"
#include "wire/zlib_mem.h"

#include <limits.h>
#define ZLIB_CONST
#include <zlib.h>

enum { KEEP = 65536, STEP = 16384, TAIL_LEN = 4, LARGEST_WINDOW = 15 };

/* What a sync flush ends with; it is left out on the wire. */
static const uint8_t tail[TAIL_LEN] = {0x00, 0x00, 0xff, 0xff};

struct pl_deflater {
	z_stream z;
	size_t threshold;
	struct pl_buf out;
};

struct pl_inflater {
	z_stream z;
	struct pl_buf out;
};

/* Empty, at most max bytes, and without what an unusually large message left. */
static void start_output(struct pl_buf *out, size_t max)
{
	if (out->cap > KEEP)
		pl_buf_fini(out);
	pl_buf_clear(out);
	out->max = max;
}

struct pl_deflate_options pl_deflate_defaults(void)
{
	return (struct pl_deflate_options){
		.level = 1, .window_bits = 12, .mem_level = 5, .threshold = 1024};
}

static bool between(int v, int lo, int hi)
{
	return v >= lo && v <= hi;
}

int pl_deflater_new(const struct pl_deflate_options *o, struct pl_deflater **out)
{
	if (!between(o->level, 1, 9) || !between(o->window_bits, 9, LARGEST_WINDOW) ||
	    !between(o->mem_level, 1, 9))
		return PL_EINVAL;
	struct pl_deflater *d = PL_NEW(struct pl_deflater);
	if (!d)
		return PL_ENOMEM;
	d->threshold = o->threshold;
	d->z.zalloc = pl_zlib_alloc;
	d->z.zfree = pl_zlib_free;
	if (deflateInit2(&d->z, o->level, Z_DEFLATED, -o->window_bits, o->mem_level,
			 Z_DEFAULT_STRATEGY) != Z_OK) {
		pl_free(d);
		return PL_ENOMEM;
	}
	*out = d;
	return 0;
}

void pl_deflater_free(struct pl_deflater *d)
{
	if (!d)
		return;
	(void)deflateEnd(&d->z);
	pl_buf_fini(&d->out);
	pl_free(d);
}

int pl_deflate(struct pl_deflater *d, struct pl_slice message, struct pl_slice *out)
{
	if (!message.len || message.len < d->threshold || message.len > INT32_MAX)
		return 0;
	/* Room for a result one byte shorter than the message: what does not fit is not worth it.
	 */
	size_t room = message.len - 1 + TAIL_LEN;
	start_output(&d->out, room);
	int err = pl_buf_reserve(&d->out, room);
	if (err)
		return err;
	(void)deflateReset(&d->z);
	d->z.next_in = (const Bytef *)message.at;
	d->z.avail_in = (uInt)message.len;
	d->z.next_out = (Bytef *)d->out.at;
	d->z.avail_out = (uInt)room;
	/* Z_OK with no room left may hide more output, so a full buffer counts as too long. */
	if (deflate(&d->z, Z_SYNC_FLUSH) != Z_OK || d->z.avail_in || !d->z.avail_out)
		return 0;
	size_t len = room - d->z.avail_out;
	if (len <= TAIL_LEN)
		return 0;
	*out = pl_slice(d->out.at, len - TAIL_LEN);
	return 1;
}

int pl_inflater_new(struct pl_inflater **out)
{
	struct pl_inflater *i = PL_NEW(struct pl_inflater);
	if (!i)
		return PL_ENOMEM;
	i->z.zalloc = pl_zlib_alloc;
	i->z.zfree = pl_zlib_free;
	if (inflateInit2(&i->z, -LARGEST_WINDOW) != Z_OK) {
		pl_free(i);
		return PL_ENOMEM;
	}
	*out = i;
	return 0;
}

void pl_inflater_free(struct pl_inflater *i)
{
	if (!i)
		return;
	(void)inflateEnd(&i->z);
	pl_buf_fini(&i->out);
	pl_free(i);
}

/* Where the next output goes: the buffer, or at its limit one byte that must stay unwritten. */
static int make_room(struct pl_inflater *i, uint8_t *excess)
{
	size_t room = i->out.max - i->out.len;
	if (!room) {
		i->z.next_out = excess;
		i->z.avail_out = 1;
		return 0;
	}
	if (room > STEP)
		room = STEP;
	int err = pl_buf_reserve(&i->out, room);
	if (err)
		return err;
	i->z.next_out = (Bytef *)i->out.at + i->out.len;
	i->z.avail_out = (uInt)room;
	return 0;
}

/* One span of output. *code is zlib's verdict. */
static int inflate_some(struct pl_inflater *i, int *code)
{
	uint8_t excess;
	int err = make_room(i, &excess);
	if (err)
		return err;
	uInt room = i->z.avail_out;
	bool at_limit = i->z.next_out == &excess;
	*code = inflate(&i->z, Z_SYNC_FLUSH);
	uInt made = room - i->z.avail_out;
	if (at_limit)
		return made ? PL_ETOOBIG : 0;
	i->out.len += made;
	return 0;
}

/*
 * Takes all n bytes. *ended: they end with a final block (BFINAL); after one in their middle a new
 * sequence of blocks begins (RFC 7692 section 7.2.3.4).
 */
static int inflate_all(struct pl_inflater *i, const uint8_t *at, size_t n, bool *ended)
{
	int code;
	i->z.next_in = at;
	i->z.avail_in = (uInt)n;
	do {
		int err = inflate_some(i, &code);
		if (err)
			return err;
		if (code == Z_STREAM_END)
			code = inflateReset(&i->z) == Z_OK && i->z.avail_in ? Z_OK : Z_STREAM_END;
		else if (code == Z_BUF_ERROR && !i->z.avail_in)
			code = Z_OK;
		if (code == Z_MEM_ERROR)
			return PL_ENOMEM;
		if (code != Z_OK && code != Z_STREAM_END)
			return PL_EPROTO;
	} while (i->z.avail_in || (code == Z_OK && !i->z.avail_out));
	*ended = code == Z_STREAM_END;
	return 0;
}

/* Between two blocks and at a byte's edge, which is where the tail leaves a complete message. */
static bool is_complete(const struct pl_inflater *i)
{
	enum { BLOCK_DONE = 128, BITS_LEFT = 63 };
	return (i->z.data_type & (BLOCK_DONE | BITS_LEFT)) == BLOCK_DONE;
}

int pl_inflate(struct pl_inflater *i, struct pl_slice payload, size_t max, struct pl_slice *out)
{
	bool ended = false;
	if (payload.len > INT32_MAX)
		return PL_ETOOBIG;
	start_output(&i->out, max);
	(void)inflateReset(&i->z);
	if (payload.len) {
		int err = inflate_all(i, (const uint8_t *)payload.at, payload.len, &ended);
		if (!err && !ended)
			err = inflate_all(i, tail, TAIL_LEN, &ended);
		if (err)
			return err;
		if (!ended && !is_complete(i))
			return PL_EPROTO;
	}
	*out = pl_slice(i->out.at, i->out.len);
	return 0;
}
