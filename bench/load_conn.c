/*
 * load_conn.c - one connection of the generator: connect, upgrade, bytes in and out.
 *
 * With --raw there is neither upgrade nor framing: the client says its role in one byte, the server
 * gives it back, and from then on every message has --size bytes.
 */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* The example of RFC 6455, 1.3: any key will do, and this one's answer is known. */
#define KEY    "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

enum {
	CONNS_PER_SOURCE = 10000, /* past half of the port range connect() becomes slow */
	REOPEN_SOURCES = 64,
	ANSWER_MAX = 8192,
	BYTES_MAX = 64 * 1024 * 1024,
};

void load_bytes_add(struct load_bytes *b, const char *at, size_t n)
{
	if (b->n + n > BYTES_MAX)
		load_die("a connection has %zu bytes waiting", b->n + n);
	if (b->n + n > b->room) {
		b->room = b->room * 2 > b->n + n ? b->room * 2 : b->n + n;
		b->at = realloc(b->at, b->room);
		if (!b->at)
			load_die("out of memory");
	}
	memcpy(b->at + b->n, at, n);
	b->n += n;
}

void load_bytes_drop(struct load_bytes *b)
{
	free(b->at);
	*b = (struct load_bytes){0};
}

/* ---- open and close ---- */

static struct sockaddr_in loopback(uint32_t address, uint64_t port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(address),
				    .sin_port = htons((uint16_t)port)};
}

/* Many connections need many source addresses: 127.0.1.1, 127.0.2.1 and so on. */
static void bind_source(const struct load_conn *c, int fd)
{
	static uint32_t reopened;
	struct load *l = c->load;
	uint32_t source = c->id / CONNS_PER_SOURCE;
	if (l->mode->is_reopening)
		source = reopened++ % REOPEN_SOURCES;
	else if (l->total <= CONNS_PER_SOURCE)
		return;
	struct sockaddr_in from = loopback(0x7f000101 + (source << 8), 0);
	int on = 1;
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
	if (bind(fd, (const struct sockaddr *)&from, sizeof from))
		load_die("bind: %m");
}

static void watch(struct load_conn *c, int how, bool out)
{
	struct epoll_event e = {.events = EPOLLIN | (out ? EPOLLOUT : 0u), .data.ptr = c};
	c->wants_out = out;
	if (epoll_ctl(c->load->epoll, how, c->fd, &e))
		load_die("epoll: %m");
}

void load_conn_open(struct load_conn *c)
{
	struct sockaddr_in to = loopback(INADDR_LOOPBACK, c->load->o.port);
	int on = 1;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		load_die("socket: %m");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	bind_source(c, c->fd);
	c->state = LOAD_CONNECTING;
	c->opened_ns = load_now();
	c->load->opening++;
	if (connect(c->fd, (const struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS)
		load_die("connect: %m");
	watch(c, EPOLL_CTL_ADD, true);
}

void load_conn_close(struct load_conn *c)
{
	struct linger at_once = {.l_onoff = 1, .l_linger = 0};
	if (c->state == LOAD_CLOSED)
		return;
	if (c->state < LOAD_OPEN)
		c->load->opening--;
	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	close(c->fd);
	load_bytes_drop(&c->kept);
	load_bytes_drop(&c->out);
	c->left = 0;
	c->state = LOAD_CLOSED;
}

void load_conn_fail(struct load_conn *c, const char *why)
{
	struct load *l = c->load;
	if (c->state == LOAD_CLOSED)
		return;
	if (l->n.errors++ < 3)
		fprintf(stderr, "connection %u: %s (%m)\n", c->id, why);
	load_conn_close(c);
	if (l->mode->is_reopening && l->n.errors < 10000)
		load_conn_open(c);
	else
		l->closed++;
}

void load_conn_ready(struct load_conn *c)
{
	c->state = LOAD_READY;
	c->load->ready++;
	if (c->load->mode->on_ready)
		c->load->mode->on_ready(c);
}

/* ---- bytes out ---- */

void load_conn_send(struct load_conn *c, const char *at, size_t n)
{
	ssize_t sent = 0;
	if (c->state == LOAD_CLOSED || n == 0)
		return;
	if (!c->out.n)
		sent = send(c->fd, at, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0 && errno != EAGAIN) {
		load_conn_fail(c, "send");
		return;
	}
	sent = sent < 0 ? 0 : sent;
	if ((size_t)sent == n)
		return;
	load_bytes_add(&c->out, at + sent, n - (size_t)sent);
	if (!c->wants_out)
		watch(c, EPOLL_CTL_MOD, true);
}

static void send_waiting(struct load_conn *c)
{
	ssize_t sent = send(c->fd, c->out.at, c->out.n, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0) {
		if (errno != EAGAIN)
			load_conn_fail(c, "send");
		return;
	}
	c->out.n -= (size_t)sent;
	if (c->out.n) {
		memmove(c->out.at, c->out.at + sent, c->out.n);
		return;
	}
	load_bytes_drop(&c->out);
	watch(c, EPOLL_CTL_MOD, false);
}

void load_conn_say(struct load_conn *c, const char *text, size_t n)
{
	char frame[4096 + LOAD_FRAME_EXTRA];
	if (n > sizeof frame - LOAD_FRAME_EXTRA)
		load_die("a message of %zu bytes is too long", n);
	if (c->load->o.raw)
		load_conn_send(c, text, n);
	else
		load_conn_send(c, frame, load_frame_write(frame, 1, text, n));
}

/* ---- the upgrade ---- */

static void ask_for_upgrade(struct load_conn *c)
{
	const struct load *l = c->load;
	char request[LOAD_TOKEN_MAX + 1024], path[LOAD_TOKEN_MAX + 256];
	c->state = LOAD_UPGRADING;
	if (l->o.raw) {
		const char *role = c->is_publisher ? "p" : l->mode->publish_path ? "s" : "e";
		load_conn_send(c, role, 1);
		return;
	}
	bool is_own = l->mode->path_of != NULL;
	if (is_own && l->mode->path_of(c, path, sizeof path) >= sizeof path)
		load_die("the path is too long");
	int n = snprintf(request, sizeof request,
			 "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%llu\r\nUpgrade: websocket\r\n"
			 "Connection: Upgrade\r\nSec-WebSocket-Key: " KEY "\r\n"
			 "Sec-WebSocket-Version: 13\r\n\r\n",
			 is_own            ? path
			 : c->is_publisher ? l->o.publish_path
					   : l->o.path,
			 (unsigned long long)l->o.port);
	if (n < 0 || (size_t)n >= sizeof request)
		load_die("the path is too long");
	load_conn_send(c, request, (size_t)n);
}

static void open_now(struct load_conn *c)
{
	c->state = LOAD_OPEN;
	c->load->opening--;
	if (c->load->mode->on_open)
		c->load->mode->on_open(c);
}

static void on_connected(struct load_conn *c)
{
	int error = 0;
	socklen_t size = sizeof error;
	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
	if (error) {
		errno = error;
		load_conn_fail(c, "connect");
		return;
	}
	watch(c, EPOLL_CTL_MOD, false);
	if (c->load->mode->on_bytes)
		open_now(c);
	else
		ask_for_upgrade(c);
}

/* Bytes of a complete, accepted answer; 0: not complete; -1: refused. */
static ssize_t answer_length(const struct load_conn *c, const char *at, size_t n)
{
	if (c->load->o.raw)
		return n > 0;
	const char *end = memmem(at, n, "\r\n\r\n", 4);
	if (!end)
		return n > ANSWER_MAX ? -1 : 0;
	size_t length = (size_t)(end - at) + 4;
	if (length < 12 || memcmp(at, "HTTP/1.1 101", 12) ||
	    !memmem(at, length, ACCEPT, sizeof ACCEPT - 1)) {
		if (c->load->n.errors < 3)
			fprintf(stderr, "refused: %.*s\n", (int)(length < 400 ? length : 400), at);
		return -1;
	}
	return (ssize_t)length;
}

static size_t take_answer(struct load_conn *c, const char *at, size_t n)
{
	ssize_t length = answer_length(c, at, n);
	if (length < 0) {
		errno = EPROTO;
		load_conn_fail(c, "upgrade");
		return 0;
	}
	if (length > 0)
		open_now(c);
	return (size_t)length;
}

/* ---- bytes in ---- */

static void on_frame(struct load_conn *c, const struct load_head *h, const char *at, size_t have)
{
	const struct load_mode *m = c->load->mode;
	char pong[125 + LOAD_FRAME_EXTRA];
	if (h->opcode == 8)
		load_conn_fail(c, "the server said goodbye");
	else if (h->opcode == 9 && have <= 125)
		load_conn_send(c, pong, load_frame_write(pong, 10, at, have));
	else if (h->opcode == 10)
		return;
	else if (!h->is_final || h->opcode == 0)
		c->load->n.bad++;
	else if (!m->takes || !m->takes(c, at, have, (size_t)h->length))
		m->on_message(c, at, have, (size_t)h->length);
}

/* More of a long message: its last byte makes it a message. */
static size_t take_rest(struct load_conn *c, size_t n)
{
	struct load_head h = {.length = c->length, .opcode = 1, .is_final = true};
	size_t used = c->left < n ? (size_t)c->left : n;
	c->left -= used;
	if (c->left == 0)
		on_frame(c, &h, c->head, c->head_bytes);
	return used;
}

/* Uses one frame, or what there is of a long one. 0: more bytes are needed. */
static size_t take_frame(struct load_conn *c, const char *at, size_t n)
{
	struct load_head h = {.length = c->load->o.size, .opcode = 1, .is_final = true};
	ssize_t head = c->load->o.raw ? 0 : load_head_read(at, n, &h);
	if (head < 0)
		load_conn_fail(c, "not a frame");
	if (head < 0 || (head == 0 && !c->load->o.raw))
		return 0;
	size_t have = n - (size_t)head;
	size_t need = h.opcode >= 8 ? 125 : c->load->mode->need;
	if (have >= h.length) {
		on_frame(c, &h, at + head, (size_t)h.length);
		return (size_t)head + (size_t)h.length;
	}
	if (have < need || h.length <= need || !h.is_final)
		return 0;
	c->head_bytes = have < LOAD_HEAD_BYTES ? have : LOAD_HEAD_BYTES;
	memcpy(c->head, at + head, c->head_bytes);
	c->length = h.length;
	c->left = h.length - have;
	return n;
}

static size_t take_frames(struct load_conn *c, const char *at, size_t n)
{
	size_t (*on_answer)(struct load_conn *, const char *, size_t) = c->load->mode->on_bytes;
	size_t used = 0;
	while (used < n && c->state >= LOAD_OPEN) {
		size_t step = on_answer ? on_answer(c, at + used, n - used)
			      : c->left ? take_rest(c, n - used)
					: take_frame(c, at + used, n - used);
		if (step == 0)
			break;
		used += step;
	}
	return used;
}

/* What was not used waits for more. A connection that was closed and opened again has nothing. */
static void keep_rest(struct load_conn *c, const char *at, size_t n)
{
	if (c->state < LOAD_UPGRADING)
		return;
	c->kept.n = 0;
	if (n > LOAD_HOT_BYTES / 2)
		load_conn_fail(c, "a message is too long");
	else if (n > 0)
		load_bytes_add(&c->kept, at, n);
	else if (c->kept.at)
		load_bytes_drop(&c->kept);
}

static void on_bytes(struct load_conn *c, const char *at, size_t n)
{
	struct load *l = c->load;
	size_t used = 0;
	if (c->state == LOAD_UPGRADING)
		used = take_answer(c, at, n);
	l->burst = 0;
	if (c->state >= LOAD_OPEN)
		used += take_frames(c, at + used, n - used);
	keep_rest(c, at + used, n - used);
	if (l->burst && l->mode->on_burst && l->phase != LOAD_END)
		l->mode->on_burst(c);
}

static void on_readable(struct load_conn *c)
{
	struct load *l = c->load;
	size_t have = c->kept.n;
	if (have)
		memcpy(l->hot, c->kept.at, have);
	ssize_t n = recv(c->fd, l->hot + have, LOAD_HOT_BYTES - have, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		load_conn_fail(c, n ? "recv" : "closed by the server");
		return;
	}
	l->now = load_now();
	on_bytes(c, l->hot, have + (size_t)n);
}

void load_conn_event(struct load_conn *c, uint32_t events)
{
	if (c->state == LOAD_CLOSED)
		return;
	if (c->state == LOAD_CONNECTING) {
		on_connected(c);
		return;
	}
	if ((events & EPOLLOUT) && c->out.n)
		send_waiting(c);
	if (c->state != LOAD_CLOSED && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		on_readable(c);
}
