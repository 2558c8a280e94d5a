/* file.c - the ids of files as text. */
#include "model/file.h"

static const char digits[] = "0123456789abcdef";

void pl_file_id_format(const struct pl_uuid *id, char out[PL_FILE_ID_TEXT])
{
	for (size_t i = 0; i < sizeof(id->b); i++) {
		out[2 * i] = digits[id->b[i] >> 4];
		out[2 * i + 1] = digits[id->b[i] & 15];
	}
}

/* One text for each id: capitals are none of ours. */
static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int pl_file_id_parse(struct pl_slice text, struct pl_uuid *out)
{
	struct pl_uuid id;
	if (text.len != PL_FILE_ID_TEXT)
		return PL_EINVAL;
	for (size_t i = 0; i < sizeof(id.b); i++) {
		int high = digit(text.at[2 * i]), low = digit(text.at[2 * i + 1]);
		if (high < 0 || low < 0)
			return PL_EINVAL;
		id.b[i] = (uint8_t)(high << 4 | low);
	}
	*out = id;
	return 0;
}

struct pl_uuid pl_file_id_new(void)
{
	struct pl_uuid id;
	pl_random_bytes(id.b, sizeof(id.b));
	return id;
}
