/* chat_pages.c - pages of messages: the newest, what was missed meanwhile, and older ones. */
#include "chat_internal.h"

enum { PAGE_MAX_BYTES = 64 << 20 };

static void show_pages(struct chat *c)
{
	while (c->npages)
		chat_show_lines(c, &c->pages[--c->npages]);
	chat_ready(c);
}

/* The first row that is new: messages come in order, so all before one that was seen is older. */
static const struct pl_json *behind_seen(const struct chat *c, const struct pl_json *rows)
{
	const struct pl_json *first = rows ? rows->child : NULL;
	PL_JSON_EACH(row, rows)
	{
		if (chat_was_seen(c, pl_json_get_str(row, "id")))
			first = row->next;
	}
	return first;
}

static void take_rows(struct chat *c, const struct pl_json *first, struct pl_buf *to)
{
	pl_buf_init(to, PAGE_MAX_BYTES);
	for (const struct pl_json *row = first; row; row = row->next)
		(void)chat_put_message(c, row, to);
}

static bool has_more(const struct pl_json *payload, const struct pl_json *rows, uint32_t limit)
{
	const struct pl_json *more = pl_json_get(payload, "hasMore");
	return pl_json_bool(more, rows && rows->count >= limit);
}

static void ask_older(struct chat *c, enum ask ask, struct pl_slice before)
{
	const struct field f[] = {
		{.name = "conversationId", .text = pl_slice_str(c->conversation)},
		{.name = "beforeMessageId", .text = before},
		{.name = "limit", .number = PAGE_GAP},
	};
	chat_ask(c, ask, "load_more_messages", f, 3);
}

void chat_take_page(struct chat *c, enum ask ask, const struct pl_json *payload)
{
	const struct pl_json *rows = pl_json_get(payload, "messages");
	const struct pl_json *first = rows ? rows->child : NULL;
	bool is_first_time = ask == ASK_LOAD && !c->newest[0];
	char newest[CHAT_ID_MAX + 1];
	memcpy(newest, c->newest, sizeof(newest));
	if (c->npages == GAP_PAGES)
		return;
	const struct pl_json *fresh = is_first_time ? first : behind_seen(c, rows);
	take_rows(c, fresh, &c->pages[c->npages++]);
	if (ask == ASK_GAP)
		memcpy(c->newest, newest, sizeof(newest));
	if (is_first_time)
		chat_copy(c->oldest, sizeof(c->oldest), pl_json_get_str(first, "id"));
	bool is_gap =
		!is_first_time && fresh && fresh == first && has_more(payload, rows, PAGE_GAP);
	if (is_gap && c->npages < GAP_PAGES) {
		ask_older(c, ASK_GAP, pl_json_get_str(first, "id"));
		return;
	}
	if (is_gap)
		screen_notice(&c->screen, "more was said meanwhile than is shown here");
	show_pages(c);
}

void chat_take_history(struct chat *c, const struct pl_json *payload)
{
	const struct pl_json *rows = pl_json_get(payload, "messages");
	char newest[CHAT_ID_MAX + 1];
	struct pl_buf page;
	if (!rows || !rows->child) {
		screen_notice(&c->screen, "there is nothing before that");
		return;
	}
	memcpy(newest, c->newest, sizeof(newest));
	take_rows(c, rows->child, &page);
	memcpy(c->newest, newest, sizeof(newest));
	chat_copy(c->oldest, sizeof(c->oldest), pl_json_get_str(rows->child, "id"));
	screen_notice(&c->screen, "earlier:");
	chat_show_lines(c, &page);
	screen_notice(&c->screen, has_more(payload, rows, PAGE_FIRST) ? "/history shows more"
								      : "that is the beginning");
}
