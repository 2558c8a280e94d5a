/* chat_hear.c - what the server says: answers by the request's id, events by their type. */
#include "chat_internal.h"

#include "chat_text.h"

enum { HELD_MAX = 4 << 20, AGAIN_MS = 2000, AGAIN_MAX_MS = 60000 };

struct frame {
	struct pl_slice text, type, id;
	const struct pl_json *payload;
};

/* Text from the network, made harmless, for one notice. */
static void notice(struct chat *c, const char *what, struct pl_slice text)
{
	struct pl_buf b;
	pl_buf_init(&b, 1 << 20);
	chat_put_safe(&b, text);
	screen_notice(&c->screen, "%s%s%.*s", what, text.len ? ": " : "", PL_FMT(pl_buf_slice(&b)));
	pl_buf_fini(&b);
}

/* ---- errors ---- */

static bool is_temporary(struct pl_slice code)
{
	return pl_slice_is(code, "RATE_LIMITED") || pl_slice_is(code, "DATABASE_ERROR") ||
	       pl_slice_is(code, "SERVER_ERROR") || pl_slice_is(code, "AUTH_ERROR");
}

static uint64_t patience_ms(const struct pl_json *payload)
{
	int64_t ms = pl_json_i64(pl_json_get(payload, "retry_after_ms"), AGAIN_MS);
	return ms < 1 ? 1 : ms > AGAIN_MAX_MS ? AGAIN_MAX_MS : (uint64_t)ms;
}

/* There is no way into the wanted conversation: back to the one before, or the end. */
static void give_up(struct chat *c, struct pl_slice text)
{
	if (!c->conversation[0] || !strcmp(c->conversation, c->wanted)) {
		chat_fail(c, "the server refused", text);
		return;
	}
	notice(c, "refused", text);
	c->has_failed = true;
	memcpy(c->wanted, c->conversation, sizeof(c->wanted));
	c->with[0] = 0;
	c->has_title = false;
	c->state = CHAT_FINDING;
	chat_proceed(c);
}

static void on_no_user(struct chat *c)
{
	c->state = CHAT_NO_USER;
	c->again_ms = c->now_ms + AGAIN_MS;
	if (!c->is_waiting_told)
		screen_notice(&c->screen, "waiting for %s to sign in...", c->with);
	c->is_waiting_told = true;
}

static void on_setup_error(struct chat *c, enum ask ask, const struct frame *f)
{
	struct pl_slice text = pl_json_get_str(f->payload, "error");
	struct pl_slice code = pl_json_get_str(f->payload, "code");
	if (ask == ASK_CREATE && pl_slice_is(code, "DATABASE_ERROR") &&
	    pl_slice_starts(text, PL_S("Failed to add participants")))
		on_no_user(c);
	else if (is_temporary(code))
		c->again_ms = c->now_ms + patience_ms(f->payload);
	else
		give_up(c, text);
}

static void on_error(struct chat *c, enum ask ask, const struct frame *f)
{
	struct pl_slice text = pl_json_get_str(f->payload, "error");
	if (ask == ASK_QUIETLY)
		return;
	if (ask == ASK_AUTH && is_temporary(pl_json_get_str(f->payload, "code")))
		chat_lost(c, text);
	else if (ask == ASK_AUTH)
		chat_fail(c, "signing in failed", text);
	else if (ask == ASK_CREATE || ask == ASK_FIND || ask == ASK_JOIN || ask == ASK_LOAD ||
		 ask == ASK_GAP)
		on_setup_error(c, ask, f);
	else {
		notice(c, "refused", text);
		c->has_failed = true;
	}
}

static void on_send_error(struct chat *c, struct outbox_message *m, const struct frame *f)
{
	struct pl_slice code = pl_json_get_str(f->payload, "code");
	bool is_limit = pl_slice_is(code, "RATE_LIMITED");
	m->is_sent = false;
	if (is_limit || (is_temporary(code) && ++m->refusals < OUTBOX_TRIES)) {
		c->outbox.hold_ms = c->now_ms + patience_ms(f->payload);
		return;
	}
	notice(c, "not sent", pl_json_get_str(f->payload, "error"));
	c->has_failed = true;
	outbox_remove(&c->outbox, m);
	chat_send_next(c);
}

/* ---- answers ---- */

static void on_signed_in(struct chat *c, const struct frame *f)
{
	const struct pl_json *user = pl_json_get(f->payload, "user");
	chat_copy(c->me, sizeof(c->me), pl_json_get_str(user, "id"));
	if (c->conversation[0] && !c->with[0])
		memcpy(c->wanted, c->conversation, sizeof(c->wanted));
	chat_proceed(c);
}

static void on_created(struct chat *c, const struct frame *f)
{
	const struct pl_json *row = pl_json_get(f->payload, "conversation");
	struct pl_slice id = chat_row_id(row ? row : f->payload);
	c->is_waiting_told = false;
	c->with[0] = 0;
	chat_copy(c->wanted, sizeof(c->wanted), id);
	if (id.len)
		chat_proceed(c);
	else
		chat_fail(c, "the server's answer has no conversation", pl_slice(NULL, 0));
}

static void take_title(struct chat *c, const struct pl_json *row)
{
	struct pl_buf name;
	struct pl_slice type = pl_json_get_str(row, "conversation_type");
	pl_buf_init(&name, 1 << 16);
	chat_put_row_name(&name, row);
	chat_copy(c->title, sizeof(c->title), pl_buf_slice(&name));
	pl_buf_fini(&name);
	c->is_direct = pl_slice_is(type.len ? type : pl_json_get_str(row, "type"), "direct");
}

static void on_found(struct chat *c, const struct frame *f)
{
	const struct pl_json *rows = pl_json_get(f->payload, "conversations");
	bool is_any = !c->wanted[0];
	if (is_any)
		chat_show_list(c, rows);
	if (is_any && rows && rows->child)
		chat_copy(c->wanted, sizeof(c->wanted), chat_row_id(rows->child));
	c->title[0] = 0;
	c->is_direct = false;
	PL_JSON_EACH(row, rows)
	{
		if (pl_slice_is(chat_row_id(row), c->wanted))
			take_title(c, row);
	}
	c->has_title = c->wanted[0] != 0;
	if (c->has_title) {
		chat_proceed(c);
		return;
	}
	c->state = CHAT_NO_TALK;
	screen_notice(&c->screen, "waiting for somebody to talk to you; start a conversation "
				  "yourself with /with USER or /group NAME");
}

static void replay_held(struct chat *c)
{
	struct pl_buf held = c->held;
	pl_buf_init(&c->held, HELD_MAX);
	for (size_t at = 0; at < held.len;) {
		size_t n = strlen(held.at + at);
		chat_hear(c, pl_slice(held.at + at, n));
		at += n + 1;
	}
	pl_buf_fini(&held);
}

static void on_sent(struct chat *c, struct outbox_message *m, const struct frame *f)
{
	chat_show_message(c, pl_json_get(f->payload, "message"));
	outbox_remove(&c->outbox, m);
	if (c->eof_ms)
		c->eof_ms = c->now_ms; /* it goes on: the wait begins again */
	chat_send_next(c);
}

static void go_to(struct chat *c, struct pl_slice id)
{
	if (!id.len)
		return;
	chat_copy(c->wanted, sizeof(c->wanted), id);
	c->with[0] = 0;
	c->has_title = false;
	chat_proceed(c);
}

static void on_group_joined(struct chat *c, const struct frame *f)
{
	const struct pl_json *rooms = pl_json_get(f->payload, "room_ids");
	struct pl_slice text = pl_json_get_str(f->payload, "message");
	notice(c, "group", text);
	if (rooms && rooms->child)
		go_to(c, pl_json_str(rooms->child));
	else
		go_to(c, pl_json_get_str(f->payload, "room_id"));
}

static void on_answer(struct chat *c, enum ask ask, const struct frame *f)
{
	switch (ask) {
	case ASK_AUTH: on_signed_in(c, f); break;
	case ASK_CREATE: on_created(c, f); break;
	case ASK_FIND: on_found(c, f); break;
	case ASK_LIST: chat_show_list(c, pl_json_get(f->payload, "conversations")); break;
	case ASK_JOIN: chat_load(c); break;
	case ASK_LOAD:
	case ASK_GAP: chat_take_page(c, ask, f->payload); break;
	case ASK_HISTORY: chat_take_history(c, f->payload); break;
	case ASK_GROUP:
		notice(c, "invite code", pl_json_get_str(f->payload, "invite_code"));
		go_to(c, pl_json_get_str(f->payload, "room_id"));
		break;
	case ASK_INVITE: on_group_joined(c, f); break;
	case ASK_QUIETLY: break;
	}
}

/* ---- events ---- */

static void on_message(struct chat *c, const struct frame *f)
{
	bool is_early = c->state == CHAT_JOINING || c->state == CHAT_LOADING;
	if (!is_early) {
		chat_show_message(c, pl_json_get(f->payload, "message"));
		return;
	}
	pl_buf_puts(&c->held, f->text);
	pl_buf_putc(&c->held, 0);
}

static void on_announced(struct chat *c, const struct frame *f)
{
	const struct pl_json *row = pl_json_get(f->payload, "conversation");
	struct pl_slice id = chat_row_id(row ? row : f->payload);
	if (c->state == CHAT_NO_TALK)
		go_to(c, id);
	else if (!pl_slice_is(id, c->conversation) && !pl_slice_is(id, c->wanted))
		notice(c, "you are in a new conversation; /join", id);
}

static void on_event(struct chat *c, const struct frame *f)
{
	if (pl_slice_is(f->type, "message_received"))
		on_message(c, f);
	else if (pl_slice_is(f->type, "conversation_created"))
		on_announced(c, f);
	else if (pl_slice_is(f->type, "user_online"))
		chat_show_presence(c, f->payload, true);
	else if (pl_slice_is(f->type, "user_offline"))
		chat_show_presence(c, f->payload, false);
	else if (pl_slice_is(f->type, "auth_error") && c->state > CHAT_CONNECTING)
		notice(c, "the server says", pl_json_get_str(f->payload, "error"));
}

static struct request *request_of(struct chat *c, struct pl_slice id)
{
	for (size_t i = 0; i < REQUESTS_MAX; i++) {
		struct request *r = &c->requests[i];
		if (r->due_ms && pl_slice_eq(id, pl_slice(r->id, sizeof(r->id))))
			return r;
	}
	return NULL;
}

static void on_frame(struct chat *c, const struct frame *f)
{
	bool is_error = pl_slice_is(f->type, "error");
	struct outbox_message *m = outbox_on_its_way(&c->outbox, f->id);
	struct request *r = request_of(c, f->id);
	if (m && is_error)
		on_send_error(c, m, f);
	else if (m)
		on_sent(c, m, f);
	else if (!r)
		on_event(c, f);
	if (m || !r)
		return;
	r->due_ms = 0;
	if (is_error)
		on_error(c, r->ask, f);
	else
		on_answer(c, r->ask, f);
}

void chat_hear(struct chat *c, struct pl_slice text)
{
	const struct pl_json *root;
	if (c->is_done || pl_json_parse(c->parser, text, &root))
		return; /* what is no message concerns nobody */
	struct frame f = {.text = text,
			  .type = pl_json_get_str(root, "type"),
			  .id = pl_json_get_str(root, "requestId"),
			  .payload = pl_json_get(root, "payload")};
	on_frame(c, &f);
	if (c->state != CHAT_READY || (!c->held.len && !c->held.err))
		return;
	if (!c->held.err) {
		replay_held(c);
		return;
	}
	pl_buf_clear(&c->held); /* more came than could be held: the server has it all */
	chat_load(c);
}
