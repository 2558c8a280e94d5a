/* filename.c - any bytes as a file's name, a type and a range: what comes out is harmless. */
#include "wire/chars.h"
#include "wire/filename.h"
#include "wire/range.h"
#include "wire/utf8.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void try_header(struct pl_slice name)
{
	struct pl_buf b;
	pl_buf_init(&b, 1 << 20);
	pl_filename_disposition(name, &b);
	must(!b.err);
	size_t quotes = 0;
	for (size_t i = 0; i < b.len; i++) {
		must(b.at[i] >= 0x20 && b.at[i] < 0x7f);
		quotes += b.at[i] == '"';
	}
	must(quotes == 2);
	pl_buf_fini(&b);
}

static void try_name(struct pl_slice name)
{
	struct pl_buf once, twice;
	pl_buf_init(&once, PL_FILENAME_MAX);
	pl_buf_init(&twice, PL_FILENAME_MAX);
	if (!pl_filename_clean(name, &once)) {
		must(once.len && pl_utf8_valid(pl_buf_slice(&once)));
		must(!memchr(once.at, '/', once.len) && !memchr(once.at, '\\', once.len));
		must(!pl_filename_clean(pl_buf_slice(&once), &twice));
		must(pl_slice_eq(pl_buf_slice(&once), pl_buf_slice(&twice)));
		try_header(pl_buf_slice(&once));
	}
	pl_buf_fini(&once);
	pl_buf_fini(&twice);
}

static void try_type(struct pl_slice said)
{
	char type[PL_MEDIA_TYPE_MAX + 1];
	pl_media_type_clean(said, type);
	struct pl_slice clean = pl_slice_str(type);
	must(clean.len > 2 && memchr(clean.at, '/', clean.len));
	(void)pl_media_type_fits(clean, said);
	must(!pl_slice_is(pl_media_type_safe(clean), "text/html"));
}

static void try_range(struct pl_slice value, uint64_t size)
{
	struct pl_range r;
	if (pl_range_read(value, size, &r) == PL_RANGE_PART)
		must(r.length && r.first < size && r.length <= size - r.first);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t file_size = 0;
	struct pl_slice all = pl_slice(data, size);
	try_name(all);
	try_type(all);
	if (pl_utf8_valid(all))
		try_header(all);
	if (size >= sizeof(file_size)) {
		memcpy(&file_size, data, sizeof(file_size));
		try_range(pl_slice(data + sizeof(file_size), size - sizeof(file_size)), file_size);
	}
	try_range(all, 10000);
	return 0;
}
