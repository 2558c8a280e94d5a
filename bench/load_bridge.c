/*
 * load_bridge.c - a room in which the listeners speak different dialects, and one who says
 * something.
 *
 * Listener i speaks the (i % n)-th of --dialects, at its path of a listener for everything, with
 * token i % tokens; token k is the user bench-k. The publisher is a native client, because those
 * make rooms; when it is in, the others come in, each as its dialect does it. What counts is a text
 * heard; it carries its send time. Messages are durable: one costs a commit, whoever listens.
 */
#include "load.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NEED_WHOLE = 64 * 1024, TEXT_MAX = 4000, DIALECTS_MAX = 16 };

#define ROOM "bench"
#define MARK "bench:"

struct dialect {
	const char *name, *path, *query; /* query: where the token goes; NULL: into a frame */
	const char *sign_in;             /* the frame; its %s is the token */
	const char *signed_in;           /* what the answer begins with */
	const char *join;                /* its %u is the number of the user */
	const char *joined;              /* what is in the answer */
};

static const struct dialect dialects[] = {
	{.name = "qrypt",
	 .path = "/ws",
	 .query = "?token=",
	 .join = "{\"type\":\"join_conversation\",\"payload\":{\"conversationId\":\"" ROOM "\"},"
		 "\"requestId\":\"join\",\"timestamp\":\"2025-01-01T00:00:00.000Z\"}",
	 .joined = "{\"type\":\"conversation_joined\""},
	{.name = "native",
	 .path = "/native",
	 .query = "?token=",
	 .join = "{\"type\":\"join\",\"room\":\"" ROOM "\"}",
	 .joined = "{\"type\":\"joined\""},
	{.name = "realtime-d",
	 .path = "/ws/chat",
	 .sign_in = "{\"type\":\"AUTH\",\"token\":\"%s\"}",
	 .signed_in = "{\"type\":\"SUCCESS\"",
	 .join = "{\"type\":\"JOIN_GROUP\",\"groupId\":\"" ROOM "\",\"username\":\"bench-%u\","
		 "\"requestId\":\"join\"}",
	 .joined = "\"requestId\":\"join\""}, /* an ERROR, too: it is a member already */
	{.name = "realtime-r",
	 .path = "/ws/chat",
	 .query = "?authToken=",
	 .join = "{\"type\":\"JOIN_GROUP_CHAT\",\"groupId\":\"" ROOM
		 "\",\"username\":\"bench-%u\",\"requestId\":\"join\"}",
	 .joined = "\"requestId\":\"join\""},
	{0},
};

struct bridge {
	struct load_tokens tokens;
	const struct dialect *spoken[DIALECTS_MAX];
	uint32_t nspoken;
	bool *is_known, *has_asked; /* by connection: signed in; asked to come in */
	bool is_made;               /* the room */
	uint64_t outstanding;
	char *filler; /* --size bytes behind the mark and the time */
};

static const struct dialect *dialect_of(const struct load_conn *c)
{
	const struct bridge *b = c->load->own;
	return c->is_publisher ? &dialects[1] : b->spoken[c->id % b->nspoken];
}

static uint32_t user_of(const struct load_conn *c)
{
	const struct bridge *b = c->load->own;
	return c->id % b->tokens.count;
}

/* ---- preparation ---- */

static void read_dialects(struct bridge *b, const char *names)
{
	for (const char *at = names; *at;) {
		size_t n = strcspn(at, ",");
		const struct dialect *d = dialects;
		while (d->name && (strlen(d->name) != n || memcmp(d->name, at, n) != 0))
			d++;
		if (!d->name || b->nspoken == DIALECTS_MAX)
			load_die("--dialects %s: %.*s?", names, (int)n, at);
		b->spoken[b->nspoken++] = d;
		at += n + (at[n] == ',');
	}
	if (!b->nspoken)
		load_die("--dialects names none");
}

static void prepare(struct load *l)
{
	struct bridge *b = load_alloc(1, sizeof *b);
	l->own = b;
	if (!l->o.token_file || l->o.raw || l->o.publishers != 1)
		load_die("bridge needs --token-file, and is not for --raw nor --publishers");
	if (l->o.size > TEXT_MAX - 256)
		load_die("bridge is not for messages over %d bytes", TEXT_MAX - 256);
	load_tokens_read(&b->tokens, l->o.token_file);
	read_dialects(b, l->o.dialects ? l->o.dialects : "qrypt,native,realtime-d,realtime-r");
	b->is_known = load_alloc(l->total, sizeof *b->is_known);
	b->has_asked = load_alloc(l->total, sizeof *b->has_asked);
	b->filler = load_alloc((size_t)l->o.size + 1, 1);
	memset(b->filler, 'm', (size_t)l->o.size);
	l->conns[l->total - 1].is_publisher = true;
}

static void finish(struct load *l)
{
	struct bridge *b = l->own;
	load_tokens_free(&b->tokens);
	free(b->is_known);
	free(b->has_asked);
	free(b->filler);
}

/* ---- coming in ---- */

static size_t path_of(const struct load_conn *c, char *out, size_t room)
{
	const struct bridge *b = c->load->own;
	const struct dialect *d = dialect_of(c);
	int n = snprintf(out, room, "%s%s%s", d->path, d->query ? d->query : "",
			 d->query ? b->tokens.at[user_of(c)] : "");
	return n < 0 ? room : (size_t)n;
}

static void say(struct load_conn *c, const char *text, int n)
{
	if (n < 0 || n >= TEXT_MAX)
		load_die("a request is too long");
	load_conn_say(c, text, (size_t)n);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* they are in the table above */
static void join(struct load_conn *c)
{
	struct bridge *b = c->load->own;
	char text[TEXT_MAX];
	b->is_known[c->id] = true;
	if (b->has_asked[c->id] || (!b->is_made && !c->is_publisher))
		return;
	b->has_asked[c->id] = true;
	say(c, text, snprintf(text, sizeof text, dialect_of(c)->join, user_of(c)));
}

static void sign_in(struct load_conn *c)
{
	const struct bridge *b = c->load->own;
	const struct dialect *d = dialect_of(c);
	char text[TEXT_MAX];
	if (d->sign_in)
		say(c, text, snprintf(text, sizeof text, d->sign_in, b->tokens.at[user_of(c)]));
	else
		join(c);
}
#pragma GCC diagnostic pop

static bool begins(const char *at, size_t n, const char *with)
{
	return with && n >= strlen(with) && memcmp(at, with, strlen(with)) == 0;
}

static bool is_let_in(const struct dialect *d, const char *at, size_t n)
{
	return d->joined[0] == '{' ? begins(at, n, d->joined)
				   : memmem(at, n, d->joined, strlen(d->joined)) != NULL;
}

static void let_in(struct load_conn *c)
{
	struct load *l = c->load;
	struct bridge *b = l->own;
	load_conn_ready(c);
	if (!c->is_publisher)
		return;
	b->is_made = true;
	for (uint32_t i = 0; i < l->total; i++)
		if (l->conns[i].state == LOAD_OPEN && b->is_known[i])
			join(&l->conns[i]);
}

static void coming_in(struct load_conn *c, const char *at, size_t n)
{
	const struct bridge *b = c->load->own;
	const struct dialect *d = dialect_of(c);
	if (begins(at, n, "{\"type\":\"error\"") && d->joined[0] == '{')
		load_die("connection %u: %.*s", c->id, (int)(n < 300 ? n : 300), at);
	if (b->has_asked[c->id] && is_let_in(d, at, n))
		let_in(c);
	else if (begins(at, n, d->signed_in))
		join(c);
}

/* ---- talking ---- */

static void publish(struct load *l, uint64_t when_ns)
{
	struct bridge *b = l->own;
	char text[TEXT_MAX];
	int n = snprintf(text, sizeof text,
			 "{\"type\":\"chat\",\"room\":\"" ROOM "\",\"content\":\"" MARK
			 "%016" PRIx64 "%s\"}",
			 when_ns, b->filler);
	b->outstanding += l->o.conns;
	l->n.sent++;
	say(&l->conns[l->total - 1], text, n);
}

/* Keeps --window messages under way. What has not come after a second will not come. */
static void on_turn(struct load *l)
{
	struct bridge *b = l->own;
	uint64_t now = load_now();
	if (b->outstanding && now > l->progress_ns + LOAD_SECOND) {
		l->n.lost += b->outstanding;
		b->outstanding = 0;
		l->progress_ns = now;
	}
	while (b->outstanding <= (l->o.window - 1) * l->o.conns)
		publish(l, load_now());
}

/* 0: not whole. */
static uint64_t time_behind(const char *mark, size_t n)
{
	char hex[LOAD_STAMP_BYTES + 1] = {0};
	if (n < sizeof MARK - 1 + LOAD_STAMP_BYTES)
		return 0;
	memcpy(hex, mark + sizeof MARK - 1, LOAD_STAMP_BYTES);
	return strtoull(hex, NULL, 16);
}

static void on_message(struct load_conn *c, const char *at, size_t have, size_t length)
{
	struct load *l = c->load;
	struct bridge *b = l->own;
	(void)length;
	if (c->state != LOAD_READY) {
		coming_in(c, at, have);
		return;
	}
	const char *mark = memmem(at, have, MARK, sizeof MARK - 1);
	if (c->is_publisher || !mark) {
		l->n.received++;
		return;
	}
	uint64_t sent_ns = time_behind(mark, (size_t)(at + have - mark));
	if (!sent_ns || sent_ns > l->now) {
		l->n.bad++;
		return;
	}
	load_latency_add(&l->latency, l->now - sent_ns);
	b->outstanding -= b->outstanding > 0;
	l->progress_ns = l->now;
	l->n.done++;
}

const struct load_mode load_bridge_mode = {
	.name = "bridge",
	.unit = "deliveries",
	.path = "/",
	.publish_path = "/",
	.doc = "--conns listeners of --dialects in a room, --window messages under way",
	.need = NEED_WHOLE,
	.path_of = path_of,
	.prepare = prepare,
	.on_open = sign_in,
	.on_message = on_message,
	.on_turn = on_turn,
	.fire = publish,
	.finish = finish,
};
