/* chat_text.c - text from the network made harmless, typed lines read. */
#include "chat_text.h"

#include "wire/utf8.h"

#include <time.h>

/* ---- to the terminal ---- */

/* Bytes of the character at s, 0 when it is not UTF-8. */
static size_t character(struct pl_slice s, uint32_t *code)
{
	uint8_t lead = (uint8_t)s.at[0];
	size_t n = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
	if (n > s.len || !pl_utf8_valid(pl_slice(s.at, n)))
		return 0;
	*code = n == 1 ? lead : lead & (0x7fu >> n);
	for (size_t i = 1; i < n; i++)
		*code = *code << 6 | ((uint8_t)s.at[i] & 0x3f);
	return n;
}

static bool is_between(uint32_t c, uint32_t first, uint32_t last)
{
	return c >= first && c <= last;
}

static bool is_harmful(uint32_t c)
{
	return c < 0x20 || is_between(c, 0x7f, 0x9f) || c == 0x61c ||
	       is_between(c, 0x200e, 0x200f) || is_between(c, 0x2028, 0x202e) ||
	       is_between(c, 0x2066, 0x2069);
}

static void put_character(struct pl_buf *b, const char *at, size_t n, uint32_t code)
{
	if (code == '\n')
		pl_buf_putc(b, ' ');
	else if (!is_harmful(code))
		pl_buf_put(b, at, n);
	else
		pl_buf_printf(b, code < 0x100 ? "\\x%02x" : "\\u%04x", code);
}

void chat_put_safe(struct pl_buf *b, struct pl_slice s)
{
	while (s.len) {
		uint32_t code = 0;
		size_t n = character(s, &code);
		if (n)
			put_character(b, s.at, n, code);
		else
			pl_buf_printf(b, "\\x%02x", (uint8_t)s.at[0]);
		n = n ? n : 1;
		s = pl_slice(s.at + n, s.len - n);
	}
}

/* ---- from the keyboard ---- */

const struct chat_command chat_commands[] = {
	{"/list", NULL, CHAT_LIST, "your conversations"},
	{"/join", "ID", CHAT_JOIN, "go to a conversation, by its id or its number in /list"},
	{"/with", "USER", CHAT_WITH, "talk with one person"},
	{"/history", NULL, CHAT_HISTORY, "a page of older messages"},
	{"/who", NULL, CHAT_WHO, "who was heard here"},
	{"/group", "NAME", CHAT_GROUP, "start a group; prints its invite code"},
	{"/invite", "CODE", CHAT_INVITE, "join a group by its invite code"},
	{"/help", NULL, CHAT_HELP, "this"},
	{"/quit", NULL, CHAT_QUIT, "leave"},
	{NULL, NULL, CHAT_UNKNOWN, NULL},
};

struct chat_line chat_parse_line(struct pl_slice text)
{
	struct pl_slice line = pl_slice_trim(text), argument;
	if (line.len && line.at[line.len - 1] == '\r')
		line = pl_slice_trim(pl_slice(line.at, line.len - 1));
	if (!line.len)
		return (struct chat_line){.verb = CHAT_NOTHING};
	if (line.at[0] != '/')
		return (struct chat_line){.verb = CHAT_SAY, .argument = line};
	if (line.len > 1 && line.at[1] == '/')
		return (struct chat_line){CHAT_SAY, pl_slice(line.at + 1, line.len - 1), NULL};
	struct pl_slice word = pl_slice_cut(line, ' ', &argument);
	argument = pl_slice_trim(argument);
	for (const struct chat_command *c = chat_commands; c->name; c++) {
		if (!pl_slice_is(word, c->name))
			continue;
		bool is_short = c->argument && !argument.len;
		return (struct chat_line){is_short ? CHAT_NEEDS : c->verb, argument, c};
	}
	return (struct chat_line){.verb = CHAT_UNKNOWN, .argument = word};
}

/* ---- time ---- */

/* n digits at *s, and the character behind them (0: whatever it is, it stays). */
static int take_digits(struct pl_slice *s, size_t n, char then, int *out)
{
	uint64_t value;
	size_t used = n + (then ? 1 : 0);
	if (s->len < used || (then && s->at[n] != then) ||
	    pl_slice_u64(pl_slice(s->at, n), 9999, &value))
		return PL_EINVAL;
	*s = pl_slice(s->at + used, s->len - used);
	*out = (int)value;
	return 0;
}

/* "Z", "+02:00", "+02" or nothing, behind a fraction that does not matter here. */
static int take_zone(struct pl_slice s, int *seconds)
{
	int hours = 0, minutes = 0;
	while (s.len && (s.at[0] == '.' || (s.at[0] >= '0' && s.at[0] <= '9')))
		s = pl_slice(s.at + 1, s.len - 1);
	*seconds = 0;
	if (!s.len || pl_slice_is(s, "Z"))
		return 0;
	int sign = s.at[0] == '+' ? 1 : s.at[0] == '-' ? -1 : 0;
	s = pl_slice(s.at + 1, s.len - 1);
	if (!sign || take_digits(&s, 2, 0, &hours))
		return PL_EINVAL;
	if (s.len && (s.at[0] != ':' || s.len != 3 ||
		      take_digits(&(struct pl_slice){s.at + 1, 2}, 2, 0, &minutes)))
		return PL_EINVAL;
	*seconds = sign * (hours * 3600 + minutes * 60);
	return 0;
}

int chat_parse_time(struct pl_slice s, int64_t *out)
{
	struct tm t = {0};
	int zone = 0;
	if (take_digits(&s, 4, '-', &t.tm_year) || take_digits(&s, 2, '-', &t.tm_mon) ||
	    take_digits(&s, 2, 0, &t.tm_mday) || !s.len || (s.at[0] != 'T' && s.at[0] != ' '))
		return PL_EINVAL;
	s = pl_slice(s.at + 1, s.len - 1);
	if (take_digits(&s, 2, ':', &t.tm_hour) || take_digits(&s, 2, ':', &t.tm_min) ||
	    take_digits(&s, 2, 0, &t.tm_sec) || take_zone(s, &zone))
		return PL_EINVAL;
	if (t.tm_mon < 1 || t.tm_mon > 12 || t.tm_mday < 1 || t.tm_mday > 31 || t.tm_hour > 23 ||
	    t.tm_min > 59 || t.tm_sec > 60)
		return PL_EINVAL;
	t.tm_year -= 1900;
	t.tm_mon -= 1;
	*out = (int64_t)timegm(&t) - zone;
	return 0;
}

void chat_put_time(struct pl_buf *b, int64_t at_s, int64_t now_s)
{
	struct tm at, now;
	time_t at_time = (time_t)at_s, now_time = (time_t)now_s;
	if (!localtime_r(&at_time, &at) || !localtime_r(&now_time, &now))
		return;
	if (at.tm_year != now.tm_year || at.tm_yday != now.tm_yday)
		pl_buf_printf(b, "%04d-%02d-%02d ", at.tm_year + 1900, at.tm_mon + 1, at.tm_mday);
	pl_buf_printf(b, "%02d:%02d", at.tm_hour, at.tm_min);
}

uint64_t chat_retry_ms(unsigned attempt, uint32_t chance)
{
	uint64_t most = attempt < 3 ? (uint64_t)2 * CHAT_RETRY_MIN_MS << attempt
				    : (uint64_t)CHAT_RETRY_MAX_MS;
	return CHAT_RETRY_MIN_MS + chance % (most - CHAT_RETRY_MIN_MS + 1);
}
