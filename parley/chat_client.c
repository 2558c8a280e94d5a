/* chat_client.c - the loop of a chat: its connection, the keyboard, and what is due. */
#include "chat_internal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "chat_text.h"
#include "command.h"
#include "wire/utf8.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

enum {
	TYPED_MAX = 64 << 10,
	REQUEST_MAX = 1 << 20,
	HELD_MAX = 4 << 20,
	FRAME_MAX = 32 << 20,
	EOF_WAIT_MS = 5000,
	CLOSE_WAIT_MS = 1000,
};

void chat_copy(char *to, size_t size, struct pl_slice s)
{
	struct pl_slice part = pl_utf8_cut(s, size - 1);
	if (part.len)
		memcpy(to, part.at, part.len);
	to[part.len] = 0;
}

void chat_fail(struct chat *c, const char *what, struct pl_slice detail)
{
	struct pl_buf b;
	pl_buf_init(&b, 1 << 20);
	chat_put_safe(&b, detail);
	c->code = fail("%s%s%.*s", what, detail.len ? ": " : "", PL_FMT(pl_buf_slice(&b)));
	c->is_done = true;
	pl_buf_fini(&b);
}

/* ---- the connection ---- */

static void forget_requests(struct chat *c)
{
	memset(c->requests, 0, sizeof(c->requests));
	while (c->npages)
		pl_buf_fini(&c->pages[--c->npages]);
	pl_buf_clear(&c->held);
	outbox_rewind(&c->outbox);
	c->again_ms = c->read_ms = 0;
}

void chat_lost(struct chat *c, struct pl_slice why)
{
	struct pl_buf b;
	uint32_t chance;
	pl_buf_init(&b, 1 << 16);
	chat_put_safe(&b, why);
	pl_random_bytes(&chance, sizeof(chance));
	uint64_t wait_ms = chat_retry_ms(c->attempt++, chance);
	screen_notice(&c->screen, "%.*s; trying again in %u s", PL_FMT(pl_buf_slice(&b)),
		      (unsigned)((wait_ms + 500) / 1000));
	pl_buf_fini(&b);
	forget_requests(c);
	link_free(c->link);
	c->link = NULL;
	c->state = CHAT_OFFLINE;
	c->retry_ms = c->now_ms + wait_ms;
}

static void start_link(struct chat *c)
{
	c->retry_ms = 0;
	c->state = CHAT_CONNECTING;
	int err = link_open(&c->options->target, c->now_ms, &c->link);
	if (err == PL_ENOTFOUND)
		chat_lost(c, PL_S("the server's name has no address"));
	else if (err)
		chat_fail(c, pl_strerror(err), pl_slice(NULL, 0));
}

static void on_down(struct chat *c, const struct link_event *e)
{
	bool is_distrusted = e->is_untrusted && !c->was_ready;
	if (is_distrusted)
		chat_fail(c,
			  "the server's certificate or its TLS is not accepted; --insecure "
			  "accepts any certificate",
			  pl_slice(NULL, 0));
	else if (e->is_refusal)
		chat_fail(c, "the server refused", e->text);
	else
		chat_lost(c, e->text);
}

/* What is heard may end the link: then there is nothing more to hear. */
static void hear_all(struct chat *c)
{
	struct link_event e;
	while (c->link && !c->is_done) {
		link_next(c->link, &e);
		switch (e.kind) {
		case LINK_NOTHING: return;
		case LINK_OPEN: chat_sign_in(c); break;
		case LINK_TEXT: chat_hear(c, e.text); break;
		case LINK_DOWN: on_down(c, &e); break;
		}
	}
}

/* ---- the keyboard ---- */

static bool wants_input(const struct chat *c)
{
	return !c->is_eof && c->typed.len < c->typed.max;
}

/* A line that does not fit is dropped as a whole. */
static void keep_input(struct chat *c, const char *at, size_t n)
{
	const char *end = c->is_skipping ? memchr(at, '\n', n) : NULL;
	if (c->is_skipping) {
		size_t skipped = end ? (size_t)(end - at) + 1 : n;
		c->is_skipping = !end;
		at += skipped;
		n -= skipped;
	}
	pl_buf_put(&c->typed, at, n);
	if (c->typed.len < c->typed.max || memchr(c->typed.at, '\n', c->typed.len))
		return;
	screen_notice(&c->screen, "not sent: a line is too long");
	c->has_failed = c->is_skipping = true;
	pl_buf_clear(&c->typed);
}

static void read_input(struct chat *c)
{
	char bytes[4096];
	size_t room = c->typed.max - c->typed.len;
	ssize_t n = read(STDIN_FILENO, bytes, room < sizeof(bytes) ? room : sizeof(bytes));
	if (n > 0)
		keep_input(c, bytes, (size_t)n);
	else if (!n || (errno != EINTR && errno != EAGAIN))
		c->is_eof = true;
	if (c->is_eof && !c->eof_ms)
		c->eof_ms = c->now_ms;
}

static bool is_settled(const struct chat *c)
{
	for (size_t i = 0; i < REQUESTS_MAX; i++)
		if (c->requests[i].due_ms && c->requests[i].ask != ASK_QUIETLY)
			return false;
	return c->state == CHAT_READY || c->state == CHAT_NO_TALK;
}

/* Input has ended: leaves once everything is done, or when it takes too long. */
static void end_with_input(struct chat *c)
{
	if (!c->is_eof || c->is_done)
		return;
	if (!c->typed.len && !c->outbox.count && is_settled(c)) {
		c->is_done = true;
	} else if (c->now_ms >= c->eof_ms + EOF_WAIT_MS) {
		c->is_done = true;
		c->code = c->outbox.count
				  ? fail("%zu messages were not acknowledged", c->outbox.count)
				  : fail("the end of the input came before the conversation");
	}
}

/* ---- the clock ---- */

static bool is_due(uint64_t at_ms, uint64_t now_ms)
{
	return at_ms && now_ms >= at_ms;
}

static void sooner(uint64_t *due, uint64_t at_ms)
{
	if (at_ms && at_ms < *due)
		*due = at_ms;
}

static uint64_t answer_due(const struct chat *c)
{
	uint64_t due = UINT64_MAX;
	const struct outbox_message *m = outbox_first(&c->outbox);
	for (size_t i = 0; i < REQUESTS_MAX; i++)
		sooner(&due, c->requests[i].due_ms);
	if (m && m->is_sent)
		sooner(&due, m->due_ms);
	return due;
}

static int wait_ms(const struct chat *c)
{
	uint64_t due = c->now_ms + 60000;
	sooner(&due, c->retry_ms);
	sooner(&due, c->again_ms);
	sooner(&due, c->read_ms);
	sooner(&due, c->outbox.count ? c->outbox.hold_ms : 0);
	sooner(&due, c->is_eof ? c->eof_ms + EOF_WAIT_MS : 0);
	sooner(&due, answer_due(c));
	if (c->link)
		sooner(&due, link_due(c->link));
	return due > c->now_ms ? (int)(due - c->now_ms) : 0;
}

static void look_at_clock(struct chat *c)
{
	if (is_due(c->retry_ms, c->now_ms))
		start_link(c);
	if (is_due(c->again_ms, c->now_ms))
		chat_proceed(c);
	if (is_due(c->read_ms, c->now_ms))
		chat_mark_read(c);
	if (c->now_ms >= answer_due(c))
		chat_lost(c, PL_S("the server does not answer"));
	chat_send_next(c);
}

/* ---- the loop ---- */

static void turn(struct chat *c)
{
	bool is_linked = c->link != NULL;
	struct pollfd p[2] = {
		{.fd = wants_input(c) ? STDIN_FILENO : -1, .events = POLLIN},
		{.fd = is_linked ? link_fd(c->link) : -1,
		 .events = is_linked ? link_wants(c->link) : 0},
	};
	if (poll(p, 2, wait_ms(c)) < 0 && errno != EINTR)
		chat_fail(c, "poll failed", pl_slice(NULL, 0));
	c->now_ms = pl_now_ms();
	if (p[0].revents)
		read_input(c);
	if (is_linked)
		link_pump(c->link, p[1].revents, c->now_ms);
	hear_all(c);
	look_at_clock(c);
	chat_take_lines(c);
	hear_all(c); /* a link that ended while something was sent */
	end_with_input(c);
	if (c->screen.is_broken && !c->is_done)
		chat_fail(c, "cannot write the output", pl_slice(NULL, 0));
}

static int init(struct chat *c, const struct chat_options *o)
{
	c->options = o;
	screen_init(&c->screen);
	outbox_init(&c->outbox);
	pl_buf_init(&c->out, REQUEST_MAX);
	pl_buf_init(&c->typed, TYPED_MAX);
	pl_buf_init(&c->held, HELD_MAX);
	chat_copy(c->with, sizeof(c->with), pl_slice_str(o->with));
	chat_copy(c->wanted, sizeof(c->wanted), pl_slice_str(o->conversation));
	c->now_ms = pl_now_ms();
	return pl_json_parser_new(FRAME_MAX, &c->parser);
}

static void fini(struct chat *c)
{
	if (c->link && c->read_ms)
		chat_mark_read(c);
	if (c->link)
		link_close(c->link, CLOSE_WAIT_MS);
	forget_requests(c);
	link_free(c->link);
	outbox_fini(&c->outbox);
	pl_buf_fini(&c->out);
	pl_buf_fini(&c->typed);
	pl_buf_fini(&c->held);
	pl_json_parser_free(c->parser);
}

int chat_run(const struct chat_options *o)
{
	struct chat *c = PL_NEW(struct chat);
	if (!c)
		return fail("out of memory");
	int err = init(c, o);
	if (err)
		c->code = fail("%s", pl_strerror(err));
	else
		start_link(c);
	while (!err && !c->is_done)
		turn(c);
	fini(c);
	int code = c->code;
	if (!code && c->has_failed && !c->screen.is_typed)
		code = EXIT_FAILED;
	pl_free(c);
	return code;
}
