/*
 * load_qrypt.c - durable messages end to end, in the QryptChat dialect.
 *
 * A connection signs in with a token of --token-file (taken in turns), gets into its conversation,
 * and keeps --depth messages under way; what counts is message_sent, the acknowledgement of a
 * message that is on disk. The connections are spread over --rooms conversations: the first one of
 * each creates it for all of its connections, once they have signed in, and they join it. By
 * default each has its own, so that the cost of acknowledging is not buried under deliveries.
 * With --depth 0 nothing is sent: the memory of connections that are signed in and in a room.
 */
#include "load.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	ID_MAX = 64,
	NEED_WHOLE = 64 * 1024,
	ENVELOPE_MAX = 512, /* of a message, around its content */
	SEND_MAX = 64 * 1024,
	RATE_UNDER_WAY = 1024,
};

struct seat {
	char user[ID_MAX];
	uint32_t sent;
};

struct room {
	char id[ID_MAX];
	uint32_t signed_in;
};

/* Connection i sits in room i % rooms and holds token i % tokens; room r is created by i == r. */
struct qrypt {
	struct seat *seats;
	struct room *rooms;
	uint32_t room_count, ring;
	struct load_tokens tokens;
	uint64_t run; /* sets this run's message ids apart from those of the run before */
	char *content;
	char *out; /* the frames of one send */
};

static struct seat *seat_of(const struct load_conn *c)
{
	struct qrypt *q = c->load->own;
	return &q->seats[c->id];
}

static struct room *room_of(const struct load_conn *c)
{
	struct qrypt *q = c->load->own;
	return &q->rooms[c->id % q->room_count];
}

/* ---- preparation ---- */

static void prepare(struct load *l)
{
	struct qrypt *q = load_alloc(1, sizeof *q);
	uint64_t under_way = l->o.rate == LOAD_NONE ? l->o.depth : RATE_UNDER_WAY;
	if (!l->o.token_file)
		load_die("qrypt needs --token-file");
	if (l->o.raw || l->o.size > SEND_MAX - ENVELOPE_MAX)
		load_die("qrypt is not for --raw, nor for messages over 63 KiB");
	l->own = q;
	load_tokens_read(&q->tokens, l->o.token_file);
	q->room_count = (uint32_t)(l->o.rooms < l->total ? l->o.rooms : l->total);
	q->seats = load_alloc(l->total, sizeof *q->seats);
	q->rooms = load_alloc(q->room_count, sizeof *q->rooms);
	for (q->ring = 16; q->ring < 4 * under_way;)
		q->ring *= 2;
	for (uint32_t i = 0; i < l->total; i++)
		l->conns[i].times = load_alloc(q->ring, sizeof(uint64_t));
	q->run = load_now();
	q->content = load_alloc((size_t)l->o.size + 1, 1);
	memset(q->content, 'm', (size_t)l->o.size);
	q->out = load_alloc(SEND_MAX + ENVELOPE_MAX + LOAD_FRAME_EXTRA, 2);
}

/* ---- requests ---- */

#define TAIL "\"requestId\":\"%s\",\"timestamp\":\"2025-01-01T00:00:00.000Z\"}"

static void say(struct load_conn *c, const char *text, int n, size_t room)
{
	if (n < 0 || (size_t)n >= room)
		load_die("a request is too long");
	load_conn_say(c, text, (size_t)n);
}

static void sign_in(struct load_conn *c)
{
	const struct qrypt *q = c->load->own;
	char text[LOAD_TOKEN_MAX + 256];
	int n = snprintf(text, sizeof text,
			 "{\"type\":\"auth\",\"payload\":{\"token\":\"%s\"}," TAIL,
			 q->tokens.at[c->id % q->tokens.count], "auth");
	say(c, text, n, sizeof text);
}

static void join(struct load_conn *c)
{
	char text[512];
	int n = snprintf(
		text, sizeof text,
		"{\"type\":\"join_conversation\",\"payload\":{\"conversationId\":\"%s\"}," TAIL,
		room_of(c)->id, "join");
	say(c, text, n, sizeof text);
}

/* All users of the room, each once: with fewer tokens than connections they repeat. */
static void create(struct load_conn *c)
{
	const struct qrypt *q = c->load->own;
	char text[4096];
	int n = snprintf(text, sizeof text,
			 "{\"type\":\"create_conversation\",\"payload\":{\"type\":\"group\","
			 "\"name\":\"bench %u\",\"participant_ids\":[\"%s\"",
			 c->id, q->seats[c->id].user);
	for (uint32_t i = c->id; i < c->load->total && n < 3840; i += q->room_count) {
		const char *user = q->seats[i].user;
		if (!strstr(text, user))
			n += snprintf(text + n, sizeof text - (size_t)n, ",\"%s\"", user);
	}
	n += snprintf(text + n, sizeof text - (size_t)n, "]}," TAIL, "create");
	say(c, text, n, sizeof text);
}

static size_t write_message(const struct load_conn *c, char *out, uint32_t number)
{
	const struct qrypt *q = c->load->own;
	char *text = q->out + SEND_MAX + ENVELOPE_MAX;
	char id[16];
	snprintf(id, sizeof id, "m%08x", number);
	int n = snprintf(text, SEND_MAX,
			 "{\"type\":\"send_message\",\"payload\":{\"conversationId\":\"%s\","
			 "\"clientMessageId\":\"%" PRIx64 "-%u-%u\",\"content\":\"%s\"}," TAIL,
			 room_of(c)->id, q->run, c->id, number, q->content, id);
	if (n < 0 || n >= SEND_MAX)
		load_die("a message is too long");
	return load_frame_write(out, 1, text, (size_t)n);
}

/* As many as fit go out in one send. */
static void send_messages(struct load_conn *c, uint32_t count, uint64_t when_ns)
{
	struct load *l = c->load;
	struct qrypt *q = l->own;
	size_t have = 0;
	if (c->state != LOAD_READY)
		return;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t number = seat_of(c)->sent++;
		uint64_t *slot = &c->times[number & (q->ring - 1)];
		l->n.lost += *slot != 0;
		*slot = when_ns;
		if (have + l->o.size + ENVELOPE_MAX > SEND_MAX) {
			load_conn_send(c, q->out, have);
			have = 0;
		}
		have += write_message(c, q->out + have, number);
	}
	l->n.sent += count;
	load_conn_send(c, q->out, have);
}

static void start(struct load *l)
{
	for (uint32_t i = 0; i < l->total; i++)
		send_messages(&l->conns[i], (uint32_t)l->o.depth, load_now());
}

static void on_burst(struct load_conn *c)
{
	if (c->load->o.rate == LOAD_NONE)
		send_messages(c, c->load->burst, c->load->now);
}

static void fire(struct load *l, uint64_t due_ns)
{
	send_messages(&l->conns[l->scheduled % l->total], 1, due_ns);
}

/* ---- replies ---- */

/* The string after `key`, which ends with its opening quote. */
static bool string_after(const char *at, size_t n, const char *key, char out[ID_MAX])
{
	const char *begin = memmem(at, n, key, strlen(key));
	if (!begin)
		return false;
	begin += strlen(key);
	const char *end = memchr(begin, '"', n - (size_t)(begin - at));
	if (!end || end - begin >= ID_MAX)
		return false;
	memcpy(out, begin, (size_t)(end - begin));
	out[end - begin] = 0;
	return true;
}

static bool has_type(const char *at, size_t n, const char *type)
{
	char found[ID_MAX];
	return string_after(at, n, "\"type\":\"", found) && strcmp(found, type) == 0;
}

static void expect(struct load_conn *c, bool is_right, const char *at, size_t n)
{
	if (!is_right)
		load_die("connection %u: unexpected answer: %.*s", c->id, (int)(n < 500 ? n : 500),
			 at);
}

static void on_signed_in(struct load_conn *c, const char *at, size_t n)
{
	const struct qrypt *q = c->load->own;
	uint32_t room = c->id % q->room_count;
	uint32_t members = (c->load->total - room + q->room_count - 1) / q->room_count;
	const char *user = memmem(at, n, "\"user\":", 7);
	expect(c, has_type(at, n, "auth_success") && user, at, n);
	expect(c, string_after(user, n - (size_t)(user - at), "\"id\":\"", seat_of(c)->user), at,
	       n);
	if (++room_of(c)->signed_in == members)
		create(&c->load->conns[room]);
}

static void on_created(struct load_conn *c, const char *at, size_t n)
{
	const struct qrypt *q = c->load->own;
	expect(c, has_type(at, n, "conversation_created"), at, n);
	char *id = room_of(c)->id;
	expect(c,
	       string_after(at, n, "\"conversation_id\":\"", id) ||
		       string_after(at, n, "\"id\":\"", id),
	       at, n);
	for (uint32_t i = c->id; i < c->load->total; i += q->room_count)
		join(&c->load->conns[i]);
}

static void on_joined(struct load_conn *c, const char *at, size_t n)
{
	expect(c, has_type(at, n, "conversation_joined"), at, n);
	load_latency_add(&c->load->latency, load_now() - c->opened_ns);
	load_conn_ready(c);
}

static void on_sent(struct load_conn *c, const char *id, const char *at, size_t n)
{
	struct load *l = c->load;
	const struct qrypt *q = l->own;
	uint64_t *slot = &c->times[strtoul(id + 1, NULL, 16) & (q->ring - 1)];
	if (!has_type(at, n, "message_sent")) {
		if (l->n.bad++ < 3)
			fprintf(stderr, "refused: %.*s\n", (int)(n < 300 ? n : 300), at);
	} else if (*slot) {
		load_latency_add(&l->latency, l->now - *slot);
		l->n.done++;
	}
	*slot = 0;
	l->burst++;
}

/* Whatever does not carry one of our request ids is told to everybody, not answered to us. */
static void on_message(struct load_conn *c, const char *at, size_t have, size_t length)
{
	char id[ID_MAX] = "";
	(void)length;
	string_after(at, have, "\"requestId\":\"", id);
	if (id[0] == 'm' && strlen(id) == 9)
		on_sent(c, id, at, have);
	else if (strcmp(id, "auth") == 0)
		on_signed_in(c, at, have);
	else if (strcmp(id, "create") == 0)
		on_created(c, at, have);
	else if (strcmp(id, "join") == 0)
		on_joined(c, at, have);
	else
		c->load->n.received++;
}

static void finish(struct load *l)
{
	struct qrypt *q = l->own;
	free(q->seats);
	free(q->rooms);
	load_tokens_free(&q->tokens);
	free(q->content);
	free(q->out);
}

const struct load_mode load_qrypt_mode = {
	.name = "qrypt",
	.unit = "acknowledgements",
	.path = "/ws",
	.doc = "--conns people keep --depth durable messages under way (QryptChat dialect)",
	.need = NEED_WHOLE,
	.prepare = prepare,
	.on_open = sign_in,
	.on_start = start,
	.on_message = on_message,
	.on_burst = on_burst,
	.fire = fire,
	.finish = finish,
};
