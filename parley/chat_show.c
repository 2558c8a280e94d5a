/* chat_show.c - messages, people and conversations as lines of harmless text. */
#include "chat_internal.h"

#include "base/clock.h"
#include "base/map.h"
#include "chat_text.h"

enum { LINE_MAX_BYTES = 64 << 20, READ_AFTER_MS = 1000 };

/* ---- messages ---- */

/* By hash: an id that collides with one of the last two thousand has no line. */
static uint64_t id_hash(struct pl_slice id)
{
	static const uint64_t seed[2] = {1, 2};
	return pl_siphash(seed, id);
}

bool chat_was_seen(const struct chat *c, struct pl_slice id)
{
	uint64_t hash = id_hash(id);
	size_t n = c->seen_count < SEEN_MAX ? c->seen_count : SEEN_MAX;
	for (size_t i = 0; i < n; i++)
		if (c->seen[i] == hash)
			return true;
	return false;
}

static struct pl_slice text_of(const struct pl_json *row)
{
	struct pl_slice text = pl_json_get_str(row, "encrypted_content");
	return text.len ? text : pl_json_get_str(row, "content");
}

static struct pl_slice sender_of(const struct pl_json *row)
{
	struct pl_slice id = pl_json_get_str(row, "sender_id");
	return id.len ? id : pl_json_get_str(pl_json_get(row, "sender"), "id");
}

static struct pl_slice name_of(const struct pl_json *row)
{
	const struct pl_json *sender = pl_json_get(row, "sender");
	struct pl_slice name = pl_json_get_str(sender, "display_name");
	if (!name.len)
		name = pl_json_get_str(sender, "username");
	return name.len ? name : sender_of(row);
}

/* The message that is on its way: its line is on the terminal already, as it was typed. */
static bool is_being_sent(const struct chat *c, const struct pl_json *row)
{
	const struct outbox_message *m = outbox_first(&c->outbox);
	return m && m->was_sent && pl_slice_is(sender_of(row), c->me) &&
	       pl_slice_eq(text_of(row), pl_slice(m->text, m->len));
}

static void put_line(struct chat *c, const struct pl_json *row, struct pl_buf *to)
{
	struct pl_slice where = pl_json_get_str(row, "conversation_id");
	int64_t at_s = 0;
	if (c->screen.is_terminal && !chat_parse_time(pl_json_get_str(row, "created_at"), &at_s)) {
		chat_put_time(to, at_s, (int64_t)(pl_wall_ms() / 1000));
		pl_buf_putc(to, ' ');
	}
	if (!pl_slice_is(where, c->conversation)) {
		PL_PUT(to, "[");
		chat_put_safe(to, where);
		PL_PUT(to, "] ");
	}
	chat_put_safe(to, name_of(row));
	PL_PUT(to, ": ");
	chat_put_safe(to, text_of(row));
	pl_buf_putc(to, '\n');
}

bool chat_put_message(struct chat *c, const struct pl_json *row, struct pl_buf *to)
{
	struct pl_slice id = pl_json_get_str(row, "id");
	if (!id.len || chat_was_seen(c, id))
		return false;
	c->seen[c->seen_count++ % SEEN_MAX] = id_hash(id);
	if (pl_slice_is(pl_json_get_str(row, "conversation_id"), c->conversation)) {
		(void)chat_person(c, sender_of(row), name_of(row));
		chat_copy(c->newest, sizeof(c->newest), id);
	}
	if (c->screen.is_typed && is_being_sent(c, row))
		return false;
	put_line(c, row, to);
	return true;
}

void chat_show_lines(struct chat *c, struct pl_buf *b)
{
	if (b->err)
		screen_notice(&c->screen, "some messages are too long to be shown");
	else if (b->len)
		screen_message(&c->screen, pl_slice(b->at, b->len - 1));
	pl_buf_fini(b);
}

void chat_show_message(struct chat *c, const struct pl_json *row)
{
	struct pl_buf line;
	pl_buf_init(&line, LINE_MAX_BYTES);
	bool is_mine = pl_slice_is(sender_of(row), c->me);
	bool is_here = pl_slice_is(pl_json_get_str(row, "conversation_id"), c->conversation);
	if (chat_put_message(c, row, &line) && is_here && !is_mine && !c->read_ms)
		c->read_ms = c->now_ms + READ_AFTER_MS;
	chat_show_lines(c, &line);
}

/* ---- people ---- */

static void copy_safe(char *to, size_t size, struct pl_slice text)
{
	struct pl_buf b;
	pl_buf_init(&b, 8 * size);
	chat_put_safe(&b, pl_slice(text.at, text.len < size ? text.len : size - 1));
	chat_copy(to, size, pl_buf_slice(&b));
	pl_buf_fini(&b);
}

struct person *chat_person(struct chat *c, struct pl_slice id, struct pl_slice name)
{
	struct person *p = NULL;
	for (size_t i = 0; i < c->npeople && !p; i++)
		if (pl_slice_is(id, c->people[i].id))
			p = &c->people[i];
	if (!p && (c->npeople == PEOPLE_MAX || !id.len || id.len > CHAT_ID_MAX))
		return NULL;
	if (!p) {
		p = &c->people[c->npeople++];
		*p = (struct person){0};
		chat_copy(p->id, sizeof(p->id), id);
	}
	if (name.len)
		copy_safe(p->name, sizeof(p->name), name);
	return p;
}

void chat_show_presence(struct chat *c, const struct pl_json *payload, bool is_online)
{
	struct pl_slice id = pl_json_get_str(payload, "userId"), name = {NULL, 0};
	if (pl_slice_is(id, c->me) || c->state < CHAT_LOADING ||
	    !pl_slice_is(pl_json_get_str(payload, "conversationId"), c->conversation))
		return;
	if (c->is_direct)
		name = pl_slice_str(c->title);
	struct person *p = chat_person(c, id, name);
	if (!p || (p->is_known && p->is_online == is_online))
		return;
	p->is_online = is_online;
	p->is_known = true;
	screen_notice(&c->screen, "%s is %s", p->name[0] ? p->name : "somebody",
		      is_online ? "online" : "offline");
}

void chat_show_people(struct chat *c)
{
	if (!c->npeople)
		screen_notice(&c->screen, "nobody was heard here yet");
	for (size_t i = 0; i < c->npeople; i++) {
		const struct person *p = &c->people[i];
		const char *is = !p->is_known ? "" : p->is_online ? " - online" : " - offline";
		screen_notice(&c->screen, "%s%s%s", p->name[0] ? p->name : p->id,
			      strcmp(p->id, c->me) != 0 ? "" : " (you)", is);
	}
}

/* ---- conversations ---- */

/* Two generations of column names. */
struct pl_slice chat_row_id(const struct pl_json *row)
{
	struct pl_slice id = pl_json_get_str(row, "conversation_id");
	return id.len ? id : pl_json_get_str(row, "id");
}

void chat_put_row_name(struct pl_buf *b, const struct pl_json *row)
{
	struct pl_slice name = pl_json_get_str(row, "conversation_name");
	struct pl_slice group = pl_json_get_str(row, "group_name");
	if (!name.len)
		name = pl_json_get_str(row, "name");
	if (group.len) {
		chat_put_safe(b, group);
		PL_PUT(b, "/");
	}
	chat_put_safe(b, name.len ? name : PL_S("(no name)"));
}

static void show_listed(struct chat *c, const struct pl_json *row)
{
	struct pl_buf b;
	pl_buf_init(&b, 4096);
	pl_buf_printf(&b, "%zu. ", c->nlisted);
	chat_put_row_name(&b, row);
	PL_PUT(&b, "  ");
	chat_put_safe(&b, chat_row_id(row));
	int64_t unread = pl_json_i64(pl_json_get(row, "unread_count"), 0);
	if (unread > 0)
		pl_buf_printf(&b, "  %lld unread", (long long)unread);
	if (!b.err)
		screen_notice(&c->screen, "%.*s", PL_FMT(pl_buf_slice(&b)));
	pl_buf_fini(&b);
}

void chat_show_list(struct chat *c, const struct pl_json *rows)
{
	c->nlisted = 0;
	PL_JSON_EACH(row, rows)
	{
		if (c->nlisted == LISTED_MAX)
			break;
		chat_copy(c->listed[c->nlisted++], CHAT_ID_MAX + 1, chat_row_id(row));
		show_listed(c, row);
	}
	if (!c->nlisted)
		screen_notice(&c->screen, "you have no conversations yet");
}
