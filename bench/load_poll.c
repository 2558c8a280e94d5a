/*
 * load_poll.c - Socket.IO by long-polling: a client keeps a GET hanging on one connection, and
 * posts on another one an event that is acknowledged with its argument.
 *
 * A round trip is two requests: it is done when the hanging GET brought the acknowledgement and the
 * POST was answered. Both connections are kept alive, as browsers do. Client k has the
 * connections 2k, which polls, and 2k + 1, which posts.
 */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { SID_MAX = 64, BODY_MAX = 4096, REQUEST_MAX = BODY_MAX + 2048 };

#define SEPARATOR "\x1e"

struct client {
	char sid[SID_MAX + 1];
	bool is_entering, is_posting, owes_pong;
	uint64_t said_ns; /* of the event under way; 0: none */
};

struct poll {
	struct client *clients;
	char *event, *answer; /* as they are posted and polled */
	bool is_on;           /* the load */
};

struct text {
	const char *at;
	size_t n;
};

static struct client *client_of(const struct load_conn *c)
{
	struct poll *p = c->load->own;
	return &p->clients[c->id / 2];
}

static struct load_conn *other(struct load_conn *c)
{
	return &c->load->conns[c->id ^ 1];
}

static bool is_poster(const struct load_conn *c)
{
	return c->id & 1;
}

/* ---- preparation ---- */

static char *wrapped(const struct load *l, const char *before)
{
	size_t n = strlen(before), size = (size_t)l->o.size;
	char *text = load_alloc(n + size + sizeof "\"]", 1);
	memcpy(text, before, n);
	memset(text + n, 'm', size);
	memcpy(text + n + size, "\"]", sizeof "\"]");
	return text;
}

static void prepare(struct load *l)
{
	struct poll *p = load_alloc(1, sizeof *p);
	l->own = p;
	if (l->o.raw || l->o.rate != LOAD_NONE || l->o.depth != 1)
		load_die("sio-poll is not for --raw, --rate or --depth");
	if (l->o.size > BODY_MAX - 64)
		load_die("sio-poll is not for messages over %d bytes", BODY_MAX - 64);
	p->clients = load_alloc((size_t)l->o.conns, sizeof *p->clients);
	p->event = wrapped(l, "421[\"echo\",\"");
	p->answer = wrapped(l, "431[\"");
}

static void finish(struct load *l)
{
	struct poll *p = l->own;
	free(p->clients);
	free(p->event);
	free(p->answer);
}

/* ---- requests ---- */

/* What Chromium says with every request of a page of the same host. */
#define BROWSER                                                                                  \
	"Connection: keep-alive\r\nsec-ch-ua-platform: \"Linux\"\r\n"                            \
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "    \
	"Chrome/141.0.0.0 Safari/537.36\r\nAccept: */*\r\n"                                      \
	"sec-ch-ua: \"Chromium\";v=\"141\", \"Not?A_Brand\";v=\"8\"\r\nsec-ch-ua-mobile: ?0\r\n" \
	"Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n"       \
	"Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\n"

static int put_head(const struct load_conn *c, const char *method, char *out, size_t room)
{
	const struct client *who = client_of(c);
	return snprintf(out, room,
			"%s /socket.io/?EIO=4&transport=polling&t=%08x%s%s HTTP/1.1\r\n"
			"Host: 127.0.0.1:%llu\r\n" BROWSER,
			method, (unsigned)c->load->n.sent, who->sid[0] ? "&sid=" : "", who->sid,
			(unsigned long long)c->load->o.port);
}

static void hang(struct load_conn *poller)
{
	char text[REQUEST_MAX];
	int n = put_head(poller, "GET", text, sizeof text - 2);
	memcpy(text + n, "\r\n", 2);
	load_conn_send(poller, text, (size_t)n + 2);
}

static void send_post(struct load_conn *poster, const char *body, size_t n)
{
	char text[REQUEST_MAX];
	int head = put_head(poster, "POST", text, sizeof text);
	head += snprintf(text + head, sizeof text - (size_t)head,
			 "Origin: http://127.0.0.1:%llu\r\n"
			 "Content-type: text/plain;charset=UTF-8\r\nContent-Length: %zu\r\n\r\n",
			 (unsigned long long)poster->load->o.port, n);
	memcpy(text + head, body, n);
	load_conn_send(poster, text, (size_t)head + n);
}

/* Says what is to be said, if the last POST was answered. */
static void post(struct load_conn *poster)
{
	struct load *l = poster->load;
	struct client *who = client_of(poster);
	const struct poll *p = l->own;
	bool wants_event = p->is_on && !who->said_ns;
	char body[BODY_MAX];
	if (who->is_posting || (!wants_event && !who->owes_pong))
		return;
	int n = snprintf(body, sizeof body, "%s%s%s", who->owes_pong ? "3" : "",
			 who->owes_pong && wants_event ? SEPARATOR : "",
			 wants_event ? p->event : "");
	who->owes_pong = false;
	who->is_posting = true;
	if (wants_event) {
		who->said_ns = load_now();
		l->n.sent++;
	}
	send_post(poster, body, (size_t)n);
}

/* When the session is there and the other connection, too. */
static void enter(struct load_conn *poller)
{
	struct client *who = client_of(poller);
	if (!who->sid[0] || other(poller)->state != LOAD_READY || who->is_entering)
		return;
	who->is_entering = who->is_posting = true;
	hang(poller);
	send_post(other(poller), "40", 2);
}

static void on_open(struct load_conn *c)
{
	if (!is_poster(c)) {
		hang(c);
		return;
	}
	load_conn_ready(c);
	enter(other(c));
}

static void start(struct load *l)
{
	struct poll *p = l->own;
	p->is_on = true;
	for (uint32_t i = 1; i < l->total; i += 2)
		if (l->conns[i].state == LOAD_READY)
			post(&l->conns[i]);
}

/* ---- answers ---- */

static bool begins(struct text t, const char *with)
{
	return t.n >= strlen(with) && memcmp(t.at, with, strlen(with)) == 0;
}

static void note_sid(struct load_conn *poller, struct text packet)
{
	static const char mark[] = "\"sid\":\"";
	struct client *who = client_of(poller);
	const char *at = memmem(packet.at, packet.n, mark, sizeof mark - 1);
	const char *end = packet.at + packet.n;
	at = at ? at + sizeof mark - 1 : end;
	const char *quote = memchr(at, '"', (size_t)(end - at));
	if (!quote || quote - at > SID_MAX) {
		load_conn_fail(poller, "no sid");
		return;
	}
	memcpy(who->sid, at, (size_t)(quote - at));
	enter(poller);
}

static void acknowledged(struct load_conn *poller)
{
	struct load *l = poller->load;
	struct client *who = client_of(poller);
	if (!who->said_ns) {
		l->n.bad++;
		return;
	}
	load_latency_add(&l->latency, l->now - who->said_ns);
	who->said_ns = 0;
	l->n.done++;
}

static void on_packet(struct load_conn *poller, struct text packet)
{
	const struct poll *p = poller->load->own;
	if (begins(packet, "0{"))
		note_sid(poller, packet);
	else if (begins(packet, "40") && poller->state == LOAD_OPEN)
		load_conn_ready(poller);
	else if (packet.n == 1 && packet.at[0] == '2')
		client_of(poller)->owes_pong = true;
	else if (packet.n == strlen(p->answer) && begins(packet, p->answer))
		acknowledged(poller);
	else
		poller->load->n.bad++;
}

static void on_packets(struct load_conn *poller, struct text body)
{
	bool was_in = client_of(poller)->is_entering;
	for (const char *end = body.at + body.n; body.at <= end;) {
		const char *stop = memchr(body.at, SEPARATOR[0], (size_t)(end - body.at));
		stop = stop ? stop : end;
		on_packet(poller, (struct text){body.at, (size_t)(stop - body.at)});
		body.at = stop + 1;
	}
	if (was_in)
		hang(poller);
}

static void on_answer(struct load_conn *c, struct text body)
{
	struct load_conn *poster = is_poster(c) ? c : other(c);
	if (is_poster(c))
		client_of(c)->is_posting = false;
	else
		on_packets(c, body);
	if (poster->state == LOAD_READY && c->load->phase != LOAD_END)
		post(poster);
}

/* SIZE_MAX: the head does not say it. */
static size_t body_length(struct text head)
{
	static const char name[] = "\r\nContent-Length:";
	for (; head.n > sizeof name; head.at++, head.n--)
		if (strncasecmp(head.at, name, sizeof name - 1) == 0)
			return (size_t)strtoul(head.at + sizeof name - 1, NULL, 10);
	return SIZE_MAX;
}

static size_t on_bytes(struct load_conn *c, const char *at, size_t n)
{
	const char *end = memmem(at, n, "\r\n\r\n", 4);
	if (!end)
		return 0;
	struct text head = {at, (size_t)(end - at) + 2};
	size_t used = head.n + 2, length = body_length(head);
	if (!begins(head, "HTTP/1.1 200") || length > LOAD_HOT_BYTES / 2) {
		if (c->load->n.errors < 3)
			fprintf(stderr, "refused: %.*s\n", (int)(n < 400 ? n : 400), at);
		load_conn_fail(c, "not the answer of a Socket.IO server");
		return 0;
	}
	if (n - used < length)
		return 0;
	on_answer(c, (struct text){at + used, length});
	return used + length;
}

const struct load_mode load_poll_mode = {
	.name = "sio-poll",
	.unit = "round trips",
	.path = "/socket.io/",
	.doc = "--conns Socket.IO clients that poll and post; two requests a round trip",
	.each = 2,
	.prepare = prepare,
	.finish = finish,
	.on_open = on_open,
	.on_start = start,
	.on_bytes = on_bytes,
};
