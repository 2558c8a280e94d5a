/*
 * findings.c - what is wrong with a configuration, a line each, in the form that editors
 * understand. Bounded: after PL_FINDINGS_MAX lines only the counts go on.
 */
#include "server/options.h"

#include <stdarg.h>
#include <stdio.h>

enum { LINE_MAX_BYTES = 512, TEXT_MAX = 1 << 19 };

void pl_findings_init(struct pl_findings *f)
{
	*f = (struct pl_findings){0};
	pl_buf_init(&f->text, TEXT_MAX);
}

void pl_findings_fini(struct pl_findings *f)
{
	pl_buf_fini(&f->text);
	*f = (struct pl_findings){.text = f->text};
}

static void put_origin(struct pl_buf *b, const struct pl_config *c, struct pl_config_origin from)
{
	int name_len = from.name ? (int)strcspn(from.name, "=") : 0;
	if (from.level == PL_FROM_FILE && from.line)
		pl_buf_printf(b, "%s:%u:%u: ", c->file, from.line, from.column);
	else if (from.level == PL_FROM_FILE)
		pl_buf_printf(b, "%s: ", c->file);
	else if (from.level == PL_FROM_ENV)
		pl_buf_printf(b, "environment %.*s: ", name_len, from.name);
	else if (from.level == PL_FROM_FLAG)
		pl_buf_printf(b, "%.*s: ", name_len, from.name);
}

/* Keys and values of a file can hold anything: a message must not drive the terminal. */
static void make_harmless(char *at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((uint8_t)at[i] < 0x20 || at[i] == 0x7f)
			at[i] = '?';
}

void pl_findings_add(struct pl_findings *f, bool is_error, const struct pl_config *c,
		     struct pl_config_origin from, const char *fmt, ...)
{
	char message[LINE_MAX_BYTES];
	*(is_error ? &f->errors : &f->warnings) += 1;
	uint32_t count = f->errors + f->warnings;
	if (count == PL_FINDINGS_MAX + 1)
		PL_PUT(&f->text, "more is wrong; only the first findings are shown\n");
	if (count > PL_FINDINGS_MAX)
		return;
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	size_t len = n < 0 ? 0 : n < (int)sizeof(message) ? (size_t)n : sizeof(message) - 1;
	make_harmless(message, len);
	put_origin(&f->text, c, from);
	pl_buf_puts(&f->text, is_error ? PL_S("error: ") : PL_S("warning: "));
	pl_buf_put(&f->text, message, len);
	pl_buf_putc(&f->text, '\n');
}
