/* deflate_offer.c - any header value is answered, declined or refused; what we answer we accept. */
#include "fuzz.h"

#include "base/mem.h"
#include "wire/deflate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	const struct pl_deflate_options ours = {1, 9 + data[0] % 7, 5, 0};
	char *copy = pl_alloc(size - 1);
	struct pl_buf out;
	if (!copy)
		abort();
	memcpy(copy, data + 1, size - 1);
	struct pl_slice value = pl_slice(copy, size - 1);
	pl_buf_init(&out, 256);
	int got = pl_deflate_pick(value, &ours, &out);
	if (got != 1 && got != 0 && got != PL_EINVAL)
		abort();
	if ((got == 1) != (out.len > 0))
		abort();
	if (got == 1 && pl_deflate_answered(pl_buf_slice(&out)) != 1)
		abort();
	int answered = pl_deflate_answered(value);
	if (answered != 1 && answered != PL_EPROTO)
		abort();
	pl_buf_fini(&out);
	pl_free(copy);
	return 0;
}
