/* chat_screen.c - whole lines, each written at once. */
#include "chat_screen.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

/* To the first column, the rest erased: what is being typed there is still in the terminal's
 * line (Ctrl-R shows it again). */
static const char fresh_line[] = "\r\033[K";

void screen_init(struct screen *s)
{
	*s = (struct screen){.is_terminal = isatty(STDOUT_FILENO),
			     .is_typed = isatty(STDIN_FILENO)};
}

static void put_line(struct screen *s, FILE *to, const char *mark, struct pl_slice line)
{
	bool is_failed = s->is_terminal && to == stdout && fputs(fresh_line, to) < 0;
	is_failed |= fputs(mark, to) < 0;
	is_failed |= fwrite(line.at ? line.at : "", 1, line.len, to) != line.len;
	is_failed |= fputc('\n', to) < 0 || fflush(to);
	if (is_failed && to == stdout)
		s->is_broken = true;
}

void screen_message(struct screen *s, struct pl_slice line)
{
	put_line(s, stdout, "", line);
}

void screen_notice(struct screen *s, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	size_t len = n < 0 ? 0 : (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;
	put_line(s, s->is_terminal ? stdout : stderr, "* ", pl_slice(text, len));
}
