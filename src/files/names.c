/* names.c - what a file is called: its id in hex digits, and ".part" while it is written. */
#include "files/internal.h"

#include <string.h>

static const char digits[] = "0123456789abcdef", part[] = ".part";
enum { HEX = 2 * sizeof(struct pl_uuid) };
_Static_assert(HEX + sizeof(part) == PL_FILE_NAME, "the longest name");

void pl_file_name_of(const struct pl_uuid *id, bool is_partial, char out[PL_FILE_NAME])
{
	for (size_t i = 0; i < sizeof(id->b); i++) {
		*out++ = digits[id->b[i] >> 4];
		*out++ = digits[id->b[i] & 15];
	}
	memcpy(out, is_partial ? part : "", is_partial ? sizeof(part) : 1);
}

bool pl_file_name_read(const char *name, struct pl_file_found *out)
{
	struct pl_file_found f = {.is_partial = false};
	for (size_t i = 0; i < HEX; i++) {
		const char *at = name[i] ? strchr(digits, name[i]) : NULL;
		if (!at)
			return false;
		f.id.b[i / 2] = (uint8_t)(f.id.b[i / 2] << 4 | (at - digits));
	}
	f.is_partial = !strcmp(name + HEX, part);
	if (name[HEX] && !f.is_partial)
		return false;
	*out = f;
	return true;
}
