/* help.c - what the program says about itself, printed from its tables, and how it complains. */
#include "command.h"

#include <stdarg.h>

enum { HELP_MAX = 1 << 18 };

int put_buf(FILE *to, const struct pl_buf *b)
{
	if (b->err)
		return fail("%s", pl_strerror(b->err));
	if (fwrite(b->at ? b->at : "", 1, b->len, to) != b->len || fflush(to))
		return fail("cannot write the output");
	return EXIT_FINE;
}

static void __attribute__((format(printf, 1, 0))) complain(const char *fmt, va_list ap)
{
	(void)fputs("parley: ", stderr);
	(void)vfprintf(stderr, fmt, ap);
	(void)fputc('\n', stderr);
}

int fail(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	complain(fmt, ap);
	va_end(ap);
	return EXIT_FAILED;
}

int fail_usage(const struct command *c, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	complain(fmt, ap);
	va_end(ap);
	if (c)
		(void)fprintf(stderr, "usage: parley %s %s\n", c->name, c->args);
	(void)fprintf(stderr, "see: parley %s%s--help\n", c ? c->name : "", c ? " " : "");
	return EXIT_USAGE;
}

static void print_config_flags(FILE *to)
{
	struct pl_buf b;
	pl_buf_init(&b, HELP_MAX);
	pl_config_help_flags(&b);
	(void)fputs("\nConfiguration:\n", to);
	(void)put_buf(to, &b);
	pl_buf_fini(&b);
}

void print_command_help(FILE *to, const struct command *c)
{
	(void)fprintf(to, "usage: parley %s %s\n\n%s\n", c->name, c->args, c->doc);
	if (c->flags)
		(void)fputs("\nFlags:\n", to);
	for (const struct flag *f = c->flags; f && f->name; f++)
		(void)fprintf(to, "  %s%s%s\n        %s\n", f->name, f->value ? " " : "",
			      f->value ? f->value : "", f->doc);
	if (c->takes_config)
		print_config_flags(to);
}

void print_help(FILE *to)
{
	(void)fputs("usage: parley COMMAND [ARGUMENTS]\n\nA chat server for many kinds of "
		    "clients.\n\nCommands:\n",
		    to);
	for (const struct command *const *c = commands; *c; c++)
		if (!(*c)->is_hidden)
			(void)fprintf(to, "  %-9s %s\n", (*c)->name, (*c)->doc);
	(void)fputs("\n`parley COMMAND --help` tells more; `parley help options` lists every "
		    "option.\n",
		    to);
}
