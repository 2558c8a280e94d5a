/* pattern.c - any bytes as a pattern and a path: the two ways to match agree, and a name stands for
 * a whole segment of the path. */
#include "fuzz.h"

#include "wire/pattern_testing.h"

enum { SMALL = 14 };

static void check_param(const char *pattern, struct pl_slice path)
{
	const char *open = strchr(pattern, '{');
	if (!open)
		return;
	struct pl_slice name = pl_slice(open + 1, strcspn(open + 1, "}"));
	struct pl_slice got = pl_pattern_param(pattern, path, name);
	MUST(!got.at == !pl_pattern_match(pattern, path));
	if (!got.at)
		return;
	MUST(got.len && got.at > path.at && got.at + got.len <= path.at + path.len);
	MUST(got.at[-1] == '/' && !memchr(got.at, '/', got.len));
}

/* pattern NUL path */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const uint8_t *nul = n ? memchr(data, 0, n) : NULL;
	if (!nul || n > 2 * PL_PATTERN_MAX)
		return 0;
	size_t pattern_len = (size_t)(nul - data), path_len = n - pattern_len - 1;
	char pattern[2 * PL_PATTERN_MAX + 1], path[2 * PL_PATTERN_MAX + 1];
	memcpy(pattern, data, pattern_len + 1);
	memcpy(path, nul + 1, path_len);
	path[path_len] = '\0';
	if (pl_pattern_fault(pattern))
		return 0;
	MUST(pattern_len <= PL_PATTERN_MAX && pattern[0] == '/');
	struct pl_slice in = pl_slice(nul + 1, path_len);
	bool fits = pl_pattern_match(pattern, in);
	check_param(pattern, in);
	MUST(pl_pattern_match(pattern, pl_slice(pattern, pattern_len))); /* it takes itself */
	if (pattern_len <= SMALL && path_len <= SMALL && !memchr(path, 0, path_len))
		MUST(fits == (path[0] == '/' && naive_match(pattern, path)));
	return 0;
}
