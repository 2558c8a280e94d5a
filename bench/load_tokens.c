/* load_tokens.c - the people of a run: a file with a token a line. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS_BYTES_MAX = 4 * 1024 * 1024 };

void load_tokens_read(struct load_tokens *t, const char *path)
{
	FILE *file = fopen(path, "re");
	if (!file)
		load_die("%s: %m", path);
	t->text = load_alloc(TOKENS_BYTES_MAX + 1, 1);
	size_t n = fread(t->text, 1, TOKENS_BYTES_MAX, file);
	fclose(file);
	t->at = load_alloc(n / 2 + 1, sizeof *t->at);
	for (char *line = t->text, *end; *line; line = end) {
		end = line + strcspn(line, "\r\n");
		if (end - line > LOAD_TOKEN_MAX)
			load_die("%s: a token is too long", path);
		if (end > line)
			t->at[t->count++] = line;
		while (*end == '\r' || *end == '\n')
			*end++ = 0;
	}
	if (!t->count)
		load_die("%s: no token", path);
}

void load_tokens_free(struct load_tokens *t)
{
	free(t->at);
	free(t->text);
}
