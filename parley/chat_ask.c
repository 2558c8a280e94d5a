/* chat_ask.c - requests to the server, and the steps into a conversation. */
#include "chat_internal.h"

#include "base/clock.h"
#include "wire/json_write.h"

enum { ANSWER_MS = 30000 };

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static struct pl_slice now_text(char out[PL_ISO_TEXT])
{
	pl_iso_format(pl_wall_ms(), out);
	return pl_slice(out, PL_ISO_TEXT);
}

static void put_field(struct pl_buf *b, const struct field *f)
{
	pl_json_put_key(b, pl_slice_str(f->name));
	if (f->is_list)
		PL_PUT(b, "[");
	if (f->text.at)
		pl_json_put_str(b, f->text);
	else
		pl_buf_put_u64(b, f->number);
	if (f->is_list)
		PL_PUT(b, "]");
}

static void write_request(struct pl_buf *b, const char *type, const struct field *f, size_t n,
			  struct pl_slice id)
{
	char at[PL_ISO_TEXT];
	pl_buf_clear(b);
	PL_PUT(b, "{\"type\":");
	pl_json_put_str(b, pl_slice_str(type));
	PL_PUT(b, ",\"payload\":{");
	for (size_t i = 0; i < n; i++) {
		if (i)
			PL_PUT(b, ",");
		put_field(b, &f[i]);
	}
	PL_PUT(b, "},\"requestId\":");
	pl_json_put_str(b, id);
	PL_PUT(b, ",\"timestamp\":");
	pl_json_put_str(b, now_text(at));
	PL_PUT(b, "}");
}

/* What cannot be sent shows as the link's end, which is heard in its turn. */
static bool transmit(struct chat *c, const char *type, const struct field *f, size_t n,
		     struct pl_slice id)
{
	write_request(&c->out, type, f, n, id);
	if (c->out.err) {
		screen_notice(&c->screen, "too long to be sent");
		return false;
	}
	return c->link && !link_send(c->link, pl_buf_slice(&c->out));
}

static struct request *free_row(struct chat *c)
{
	for (size_t i = 0; i < REQUESTS_MAX; i++)
		if (!c->requests[i].due_ms)
			return &c->requests[i];
	return NULL;
}

void chat_ask(struct chat *c, enum ask ask, const char *type, const struct field *f, size_t n)
{
	struct request *r = free_row(c);
	if (!r) {
		screen_notice(&c->screen, "too many requests at once");
		return;
	}
	struct pl_uuid id = pl_uuid_v4();
	pl_uuid_format(&id, r->id);
	r->ask = ask;
	if (transmit(c, type, f, n, pl_slice(r->id, sizeof(r->id))))
		r->due_ms = c->now_ms + ANSWER_MS;
}

/* ---- the way in ---- */

void chat_sign_in(struct chat *c)
{
	const struct field f[] = {{.name = "token", .text = pl_slice_str(c->options->token)}};
	chat_ask(c, ASK_AUTH, "auth", f, COUNT(f));
}

static void create(struct chat *c)
{
	const struct field f[] = {
		{.name = "type", .text = PL_S("direct")},
		{.name = "participant_ids", .text = pl_slice_str(c->with), .is_list = true},
	};
	chat_ask(c, ASK_CREATE, "create_conversation", f, COUNT(f));
}

static void join(struct chat *c)
{
	const struct field f[] = {{.name = "conversationId", .text = pl_slice_str(c->wanted)}};
	c->state = CHAT_JOINING;
	pl_buf_clear(&c->held);
	chat_ask(c, ASK_JOIN, "join_conversation", f, COUNT(f));
}

void chat_proceed(struct chat *c)
{
	c->again_ms = 0;
	if (c->wanted[0] && c->has_title) {
		join(c);
		return;
	}
	c->state = CHAT_FINDING;
	if (!c->wanted[0] && c->with[0])
		create(c);
	else
		chat_ask(c, ASK_FIND, "load_conversations", NULL, 0);
}

static void leave(struct chat *c)
{
	const struct field f[] = {
		{.name = "conversationId", .text = pl_slice_str(c->conversation)}};
	chat_ask(c, ASK_QUIETLY, "leave_conversation", f, COUNT(f));
}

static void enter(struct chat *c)
{
	if (c->conversation[0])
		leave(c);
	memcpy(c->conversation, c->wanted, sizeof(c->conversation));
	c->oldest[0] = c->newest[0] = 0;
	c->npeople = 0;
	c->read_ms = 0;
	c->is_entering = true;
	outbox_address(&c->outbox, c->conversation);
}

/* Joined: now what was said before, or since the connection was lost. */
void chat_load(struct chat *c)
{
	if (strcmp(c->conversation, c->wanted) != 0)
		enter(c);
	c->state = CHAT_LOADING;
	const struct field f[] = {
		{.name = "conversationId", .text = pl_slice_str(c->conversation)},
		{.name = "limit", .number = c->newest[0] ? PAGE_GAP : PAGE_FIRST},
	};
	chat_ask(c, ASK_LOAD, "load_messages", f, COUNT(f));
}

static void say_where(struct chat *c)
{
	const char *help = c->screen.is_typed ? " - /help tells more" : "";
	if (c->is_direct && c->title[0])
		screen_notice(&c->screen, "you talk with %s%s", c->title, help);
	else
		screen_notice(&c->screen, "you are in %s (%s)%s",
			      c->title[0] ? c->title : "a conversation", c->conversation, help);
}

void chat_ready(struct chat *c)
{
	c->state = CHAT_READY;
	if (c->is_entering)
		say_where(c);
	else
		screen_notice(&c->screen, "connected again");
	c->is_entering = false;
	c->was_ready = true;
	c->attempt = 0;
	chat_send_next(c);
}

/* ---- in a conversation ---- */

void chat_send_next(struct chat *c)
{
	struct outbox_message *m = outbox_first(&c->outbox);
	if (c->state != CHAT_READY || !m || m->is_sent || c->now_ms < c->outbox.hold_ms)
		return;
	struct pl_slice id = pl_slice(m->id, sizeof(m->id));
	const struct field f[] = {
		{.name = "conversationId", .text = pl_slice_str(m->conversation)},
		{.name = "content", .text = pl_slice(m->text, m->len)},
		{.name = "clientMessageId", .text = id},
	};
	c->outbox.hold_ms = 0;
	if (!transmit(c, "send_message", f, COUNT(f), id))
		return;
	m->is_sent = m->was_sent = true;
	m->due_ms = c->now_ms + ANSWER_MS;
}

void chat_mark_read(struct chat *c)
{
	const struct field f[] = {
		{.name = "conversationId", .text = pl_slice_str(c->conversation)},
		{.name = "messageId", .text = pl_slice_str(c->newest)},
	};
	c->read_ms = 0;
	if (c->state == CHAT_READY && c->newest[0])
		chat_ask(c, ASK_QUIETLY, "mark_read", f, COUNT(f));
}
