/* range.c - bytes=FIRST-LAST, bytes=FIRST-, bytes=-LENGTH. */
#include "wire/range.h"

#include "base/err.h"

static bool read_number(struct pl_slice s, uint64_t *out)
{
	return !pl_slice_u64(s, UINT64_MAX, out);
}

/* The last so many bytes. */
static enum pl_range_is read_suffix(struct pl_slice length, uint64_t size, struct pl_range *out)
{
	uint64_t n;
	if (!read_number(length, &n))
		return PL_RANGE_NONE;
	if (!n || !size)
		return PL_RANGE_BEYOND;
	out->length = n < size ? n : size;
	out->first = size - out->length;
	return PL_RANGE_PART;
}

enum pl_range_is pl_range_read(struct pl_slice value, uint64_t size, struct pl_range *out)
{
	struct pl_slice spec, last;
	uint64_t from, to = UINT64_MAX;
	struct pl_slice unit = pl_slice_trim(pl_slice_cut(value, '=', &spec));
	if (!spec.at || !pl_slice_eq_nocase(unit, PL_S("bytes")))
		return PL_RANGE_NONE;
	struct pl_slice first = pl_slice_cut(pl_slice_trim(spec), '-', &last);
	if (!last.at)
		return PL_RANGE_NONE;
	if (!first.len)
		return read_suffix(last, size, out);
	if (!read_number(first, &from) || (last.len && !read_number(last, &to)) || to < from)
		return PL_RANGE_NONE;
	if (from >= size)
		return PL_RANGE_BEYOND;
	out->first = from;
	out->length = (to < size - 1 ? to : size - 1) - from + 1;
	return PL_RANGE_PART;
}
