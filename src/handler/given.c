/* given.c - a struct that a program gives, and its texts. */
#include "handler/given.h"

#include <string.h>

bool pl_given_take(const void *given, size_t size, void *out, size_t ours)
{
	const char *bytes = given;
	size_t known = size < ours ? size : ours;
	memset(out, 0, ours);
	memcpy(out, given, known);
	for (size_t i = known; i < size; i++)
		if (bytes[i])
			return false;
	return true;
}

size_t pl_given_text_size(const char *s)
{
	return s ? strlen(s) + 1 : 0;
}

const char *pl_given_text_put(char **at, const char *s)
{
	size_t n = pl_given_text_size(s);
	char *begin = *at;
	if (n)
		memcpy(begin, s, n);
	*at += n;
	return n ? begin : NULL;
}
