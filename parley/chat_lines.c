/* chat_lines.c - what the user types: messages, and commands by their table. */
#include "chat_internal.h"

#include "chat_text.h"
#include "wire/utf8.h"

static bool is_idle(const struct chat *c)
{
	return c->state == CHAT_READY || c->state == CHAT_NO_USER || c->state == CHAT_NO_TALK;
}

/* The connection is away, but it is known where messages go. */
static bool is_coming_back(const struct chat *c)
{
	return !is_idle(c) && c->was_ready && !c->is_entering && !c->with[0] &&
	       !strcmp(c->wanted, c->conversation);
}

static void refuse(struct chat *c, const char *why)
{
	screen_notice(&c->screen, "%s", why);
	c->has_failed = true;
}

static void say(struct chat *c, struct pl_slice text)
{
	if (c->state == CHAT_NO_TALK) {
		refuse(c, "not sent: nobody is here yet");
		return;
	}
	if (!pl_utf8_valid(text) || memchr(text.at, 0, text.len)) {
		refuse(c, "not sent: this is not UTF-8");
		return;
	}
	const char *to = c->state == CHAT_NO_USER ? "" : c->conversation;
	int err = outbox_add(&c->outbox, to, text);
	if (err)
		refuse(c, pl_strerror(err));
	else
		chat_send_next(c);
}

static void help(struct chat *c)
{
	for (const struct chat_command *row = chat_commands; row->name; row++)
		screen_notice(&c->screen, "%s%s%s - %s", row->name, row->argument ? " " : "",
			      row->argument ? row->argument : "", row->doc);
	screen_notice(&c->screen, "//text says /text; Ctrl-R shows the line that you are typing");
}

static void join(struct chat *c, struct pl_slice id)
{
	uint64_t number;
	if (id.len < 4 && !pl_slice_u64(id, LISTED_MAX, &number) && number && number <= c->nlisted)
		id = pl_slice_str(c->listed[number - 1]);
	if (id.len > CHAT_ID_MAX || !pl_utf8_valid(id)) {
		refuse(c, "this is no id of a conversation");
		return;
	}
	chat_copy(c->wanted, sizeof(c->wanted), id);
	c->with[0] = 0;
	c->has_title = false;
	chat_proceed(c);
}

static void talk_with(struct chat *c, struct pl_slice user)
{
	if (user.len > WITH_MAX || !pl_utf8_valid(user)) {
		refuse(c, "this is no name of a user");
		return;
	}
	chat_copy(c->with, sizeof(c->with), user);
	c->wanted[0] = 0;
	c->has_title = false;
	c->is_waiting_told = false;
	chat_proceed(c);
}

static void history(struct chat *c)
{
	const struct field f[] = {
		{.name = "conversationId", .text = pl_slice_str(c->conversation)},
		{.name = "beforeMessageId", .text = pl_slice_str(c->oldest)},
		{.name = "limit", .number = PAGE_FIRST},
	};
	if (c->state != CHAT_READY || !c->oldest[0])
		screen_notice(&c->screen, "there is nothing before that");
	else
		chat_ask(c, ASK_HISTORY, "load_more_messages", f, 3);
}

static void group(struct chat *c, enum ask ask, struct pl_slice argument)
{
	const struct field f = {.name = ask == ASK_GROUP ? "name" : "inviteCode", .text = argument};
	if (!pl_utf8_valid(argument))
		refuse(c, "this is not UTF-8");
	else
		chat_ask(c, ask, ask == ASK_GROUP ? "create_group" : "join_group", &f, 1);
}

/* Those that need the server. */
static void command(struct chat *c, const struct chat_line *line)
{
	switch (line->verb) {
	case CHAT_LIST: chat_ask(c, ASK_LIST, "load_conversations", NULL, 0); break;
	case CHAT_JOIN: join(c, line->argument); break;
	case CHAT_WITH: talk_with(c, line->argument); break;
	case CHAT_HISTORY: history(c); break;
	case CHAT_GROUP: group(c, ASK_GROUP, line->argument); break;
	case CHAT_INVITE: group(c, ASK_INVITE, line->argument); break;
	default: break;
	}
}

static void take_line(struct chat *c, const struct chat_line *line)
{
	switch (line->verb) {
	case CHAT_NOTHING: break;
	case CHAT_SAY: say(c, line->argument); break;
	case CHAT_QUIT: c->is_done = true; break;
	case CHAT_HELP: help(c); break;
	case CHAT_WHO: chat_show_people(c); break;
	case CHAT_NEEDS:
		screen_notice(&c->screen, "%s needs %s: %s", line->row->name, line->row->argument,
			      line->row->doc);
		c->has_failed = true;
		break;
	case CHAT_UNKNOWN: refuse(c, "there is no such command; /help lists them"); break;
	default:
		if (is_idle(c))
			command(c, line);
		else
			refuse(c, "not connected: try that again later");
	}
}

static bool is_request_open(const struct chat *c)
{
	for (size_t i = 0; i < REQUESTS_MAX; i++)
		if (c->requests[i].due_ms && c->requests[i].ask != ASK_QUIETLY)
			return true;
	return false;
}

/* Lines wait while a command is under way, so that a script's next line meets its result. */
static bool may_take(const struct chat *c, const struct chat_line *line)
{
	if (line->verb == CHAT_QUIT && c->screen.is_typed)
		return true;
	if (line->verb == CHAT_SAY && outbox_is_full(&c->outbox))
		return false;
	if (line->verb != CHAT_SAY && c->outbox.count && !c->screen.is_typed)
		return false;
	return is_coming_back(c) ||
	       (is_idle(c) && (c->state == CHAT_NO_USER || !is_request_open(c)));
}

/* The first line of what was typed; n: its bytes with the newline. */
static bool next_line(const struct chat *c, struct pl_slice *line, size_t *n)
{
	const char *end = c->typed.len ? memchr(c->typed.at, '\n', c->typed.len) : NULL;
	if (!end && !(c->is_eof && c->typed.len))
		return false;
	*line = pl_slice(c->typed.at, end ? (size_t)(end - c->typed.at) : c->typed.len);
	*n = line->len + (end ? 1 : 0);
	return true;
}

void chat_take_lines(struct chat *c)
{
	struct pl_slice text;
	size_t n;
	while (!c->is_done && next_line(c, &text, &n)) {
		struct chat_line line = chat_parse_line(text);
		if (!may_take(c, &line))
			return;
		take_line(c, &line);
		pl_buf_drop(&c->typed, n);
	}
}
