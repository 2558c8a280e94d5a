/*
 * inflate.c - any payload inflates to at most the limit or is refused, twice alike; and whatever we
 * compress comes back.
 */
#include "fuzz.h"

#include "base/mem.h"
#include "wire/deflate.h"

static void inflate_twice(struct pl_inflater *inf, struct pl_slice payload, size_t max)
{
	struct pl_slice out = {NULL, 0};
	int first = pl_inflate(inf, payload, max, &out);
	if (first && first != PL_ETOOBIG && first != PL_EPROTO)
		abort();
	if (out.len > max)
		abort();
	size_t len = out.len;
	char *kept = pl_memdup0(out.at, len);
	if (!kept || pl_inflate(inf, payload, max, &out) != first)
		abort();
	if (!first && !pl_slice_eq(out, pl_slice(kept, len)))
		abort();
	pl_free(kept);
}

static void there_and_back(struct pl_inflater *inf, struct pl_slice text, uint8_t how)
{
	const struct pl_deflate_options o = {1 + how % 9, 9 + how % 7, 1 + how % 8, 0};
	struct pl_deflater *d;
	struct pl_slice packed, back;
	if (pl_deflater_new(&o, &d))
		abort();
	int got = pl_deflate(d, text, &packed);
	if (got < 0 || (got && packed.len >= text.len))
		abort();
	if (got && (pl_inflate(inf, packed, text.len, &back) || !pl_slice_eq(text, back)))
		abort();
	pl_deflater_free(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pl_inflater *inf;
	if (!size)
		return 0;
	if (pl_inflater_new(&inf))
		abort();
	struct pl_slice rest = pl_slice(data + 1, size - 1);
	inflate_twice(inf, rest, (size_t)data[0] * 512);
	there_and_back(inf, rest, data[0]);
	pl_inflater_free(inf);
	return 0;
}
