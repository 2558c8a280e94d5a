/* gzip.c - whole bodies by zlib, each for itself. */
#include "wire/gzip.h"

#include "base/mem.h"
#include "wire/zlib_mem.h"

#define ZLIB_CONST
#include <zlib.h>

enum { KEEP = 65536, GZIP_FORMAT = 16 };

struct pl_gzipper {
	z_stream z;
	struct pl_buf out;
};

int pl_gzipper_new(const struct pl_deflate_options *o, struct pl_gzipper **out)
{
	if (o->window_bits < 9 || o->window_bits > 15)
		return PL_EINVAL;
	struct pl_gzipper *g = PL_NEW(struct pl_gzipper);
	if (!g)
		return PL_ENOMEM;
	g->z.zalloc = pl_zlib_alloc;
	g->z.zfree = pl_zlib_free;
	int done = deflateInit2(&g->z, o->level, Z_DEFLATED, o->window_bits + GZIP_FORMAT,
				o->mem_level, Z_DEFAULT_STRATEGY);
	if (done != Z_OK) {
		pl_free(g);
		return done == Z_MEM_ERROR ? PL_ENOMEM : PL_EINVAL;
	}
	*out = g;
	return 0;
}

void pl_gzipper_free(struct pl_gzipper *g)
{
	if (!g)
		return;
	(void)deflateEnd(&g->z);
	pl_buf_fini(&g->out);
	pl_free(g);
}

int pl_gzip(struct pl_gzipper *g, struct pl_slice body, struct pl_slice *out)
{
	if (!body.len || body.len > INT32_MAX)
		return 0;
	if (g->out.cap > KEEP)
		pl_buf_fini(&g->out);
	pl_buf_clear(&g->out);
	/* Room for one byte less than the body: what does not fit is not worth it. */
	g->out.max = body.len - 1;
	int err = pl_buf_reserve(&g->out, body.len - 1);
	if (err)
		return err;
	(void)deflateReset(&g->z);
	g->z.next_in = (const Bytef *)body.at;
	g->z.avail_in = (uInt)body.len;
	g->z.next_out = (Bytef *)g->out.at;
	g->z.avail_out = (uInt)(body.len - 1);
	if (deflate(&g->z, Z_FINISH) != Z_STREAM_END)
		return 0;
	*out = pl_slice(g->out.at, body.len - 1 - g->z.avail_out);
	return 1;
}
