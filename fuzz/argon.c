/* argon.c - what a password hash says of its costs: whatever the text, nothing that would cost more
 * than the header allows is let through, and what is let through is NUL-free. */
#include "fuzz.h"

#include "auth/password.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pl_argon a = {0};
	struct pl_slice text = pl_slice(data, size);
	if (pl_argon_read(text, &a))
		return 0;
	MUST(size < PL_PASSWORD_HASH && !memchr(data, 0, size));
	MUST(a.kib && a.kib <= 1 << 20 && a.passes && a.passes <= 64 && a.lanes && a.lanes <= 16);
	return 0;
}
