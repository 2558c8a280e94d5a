/*
 * raw_net.c - sockets and the turn of the raw servers: accept, read everything that is readable,
 * queue what follows from it, flush.
 */
#include "raw.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS_PER_TURN = 1024 };

static struct {
	int epoll, listener;
	size_t message;         /* --size */
	char *hot;              /* what this turn has read and still needs */
	size_t hot_bytes;       /* of it in use */
	struct raw_conn *conns; /* by descriptor */
	struct raw_conn *subscribers[RAW_CONNS_MAX];
	uint32_t subscriber_count;
	char *news; /* what this turn's publishers said */
	size_t news_bytes;
	struct raw_conn *dead; /* to be closed at the end of the turn */
} s;

void raw_die(const char *what)
{
	perror(what);
	exit(2);
}

static void *zeroed(size_t count, size_t size)
{
	void *at = calloc(count, size);
	if (!at)
		raw_die("memory");
	return at;
}

/* ---- connections ---- */

static void watch(struct raw_conn *c, int how, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.ptr = c};
	if (epoll_ctl(s.epoll, how, c->fd, &e))
		raw_die("epoll_ctl");
}

static void accept_all(void)
{
	int on = 1, fd;
	while ((fd = accept4(s.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		if (fd >= RAW_CONNS_MAX) {
			close(fd);
			continue;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		s.conns[fd] = (struct raw_conn){.fd = fd};
		watch(&s.conns[fd], EPOLL_CTL_ADD, EPOLLIN);
	}
}

/* Not yet closed: a send of this turn may still name the descriptor. */
static void kill_conn(struct raw_conn *c)
{
	if (c->is_dead)
		return;
	c->is_dead = true;
	epoll_ctl(s.epoll, EPOLL_CTL_DEL, c->fd, NULL);
	if (c->role == 's') {
		struct raw_conn *last = s.subscribers[--s.subscriber_count];
		s.subscribers[c->subscriber] = last;
		last->subscriber = c->subscriber;
	}
	c->next_dead = s.dead;
	s.dead = c;
}

static void bury(void)
{
	for (struct raw_conn *c = s.dead; c; c = c->next_dead) {
		free(c->backlog);
		free(c->partial);
		close(c->fd);
	}
	s.dead = NULL;
}

/* ---- out ---- */

static void keep(struct raw_conn *c, const char *at, size_t n)
{
	if (c->backlog_bytes + n > RAW_BACKLOG_MAX) {
		kill_conn(c);
		return;
	}
	if (c->backlog_bytes + n > c->backlog_room) {
		c->backlog_room = 2 * (c->backlog_bytes + n);
		c->backlog = realloc(c->backlog, c->backlog_room);
		if (!c->backlog)
			raw_die("memory");
	}
	memcpy(c->backlog + c->backlog_bytes, at, n);
	c->backlog_bytes += n;
}

void raw_sent(struct raw_conn *c, ssize_t result)
{
	size_t sent = result > 0 ? (size_t)result : 0;
	c->is_sending = false;
	if (result < 0 && result != -EAGAIN) {
		kill_conn(c);
	} else if (sent < c->n) {
		keep(c, c->at + sent, c->n - sent);
		watch(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
	}
}

/* True: the bytes are no longer needed. */
static bool send_bytes(struct raw_conn *c, const char *at, size_t n)
{
	if (c->is_sending)
		raw_flush(); /* two sends of one socket in a batch could change places */
	if (c->is_dead)
		return true;
	if (c->backlog_bytes) {
		keep(c, at, n);
		return true;
	}
	c->at = at;
	c->n = n;
	c->is_sending = true;
	return raw_send(c);
}

static void send_backlog(struct raw_conn *c)
{
	ssize_t n = send(c->fd, c->backlog, c->backlog_bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n < 0) {
		kill_conn(c);
		return;
	}
	c->backlog_bytes -= (size_t)n;
	memmove(c->backlog, c->backlog + n, c->backlog_bytes);
	if (c->backlog_bytes)
		return;
	free(c->backlog);
	c->backlog = NULL;
	c->backlog_room = 0;
	watch(c, EPOLL_CTL_MOD, EPOLLIN);
}

/* ---- in ---- */

static void serve_subscribers(void)
{
	/* From the end: a subscriber that dies on the way gives its place to one that was served.
	 */
	for (uint32_t i = s.subscriber_count; i-- > 0;)
		send_bytes(s.subscribers[i], s.news, s.news_bytes);
	raw_flush();
	s.news_bytes = 0;
}

static void add_news(const char *at, size_t n)
{
	while (n > 0) {
		size_t room = RAW_HOT_BYTES - s.news_bytes;
		size_t part = n < room ? n : room / s.message * s.message;
		memcpy(s.news + s.news_bytes, at, part);
		s.news_bytes += part;
		at += part;
		n -= part;
		if (n > 0)
			serve_subscribers();
	}
}

/* Only whole messages are news: those of two publishers must not mix. */
static void on_published(struct raw_conn *c, const char *at, size_t n)
{
	if (c->partial_bytes) {
		size_t missing = s.message - c->partial_bytes;
		size_t part = n < missing ? n : missing;
		memcpy(c->partial + c->partial_bytes, at, part);
		c->partial_bytes += part;
		at += part;
		n -= part;
		if (c->partial_bytes < s.message)
			return;
		add_news(c->partial, s.message);
		c->partial_bytes = 0;
	}
	size_t whole = n / s.message * s.message;
	add_news(at, whole);
	if (n == whole)
		return;
	c->partial = c->partial ? c->partial : zeroed(1, s.message);
	memcpy(c->partial, at + whole, n - whole);
	c->partial_bytes = n - whole;
}

static void on_role(struct raw_conn *c, char *role)
{
	c->role = *role;
	if (c->role == 's') {
		c->subscriber = s.subscriber_count;
		s.subscribers[s.subscriber_count++] = c;
	}
	if (!send_bytes(c, role, 1))
		s.hot_bytes++;
}

static void on_readable(struct raw_conn *c)
{
	char *at = s.hot + s.hot_bytes;
	ssize_t n = recv(c->fd, at, c->role ? RAW_READ_BYTES : 1, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		kill_conn(c);
	else if (c->role == 0)
		on_role(c, at);
	else if (c->role == 'p')
		on_published(c, at, (size_t)n);
	else if (!send_bytes(c, at, (size_t)n))
		s.hot_bytes += (size_t)n;
}

static void on_event(struct raw_conn *c, uint32_t events)
{
	if (c->is_dead)
		return;
	if ((events & EPOLLOUT) && c->backlog_bytes)
		send_backlog(c);
	if (!c->is_dead && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		on_readable(c);
	if (s.hot_bytes + RAW_READ_BYTES > RAW_HOT_BYTES) {
		raw_flush();
		s.hot_bytes = 0;
	}
}

static void turn(void)
{
	struct epoll_event events[EVENTS_PER_TURN];
	bool is_accepting = false;
	int n = epoll_wait(s.epoll, events, EVENTS_PER_TURN, -1);
	if (n < 0 && errno != EINTR)
		raw_die("epoll_wait");
	for (int i = 0; i < n; i++) {
		if (events[i].data.ptr)
			on_event(events[i].data.ptr, events[i].events);
		else
			is_accepting = true;
	}
	if (s.news_bytes)
		serve_subscribers();
	raw_flush();
	s.hot_bytes = 0;
	bury();
	if (is_accepting) /* last, so that a new socket cannot take a number of this turn */
		accept_all();
}

/* ---- start ---- */

static unsigned long option(int count, char **words, const char *name, unsigned long max)
{
	for (int i = 1; i + 1 < count; i++) {
		if (strcmp(words[i], name) != 0)
			continue;
		unsigned long value = strtoul(words[i + 1], NULL, 10);
		if (value > 0 && value <= max)
			return value;
	}
	fprintf(stderr, "%s --port PORT --size BYTES\n", words[0]);
	exit(2);
}

static void listen_on(unsigned long port)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct epoll_event e = {.events = EPOLLIN};
	int on = 1;
	s.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(s.listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(s.listener, (struct sockaddr *)&at, sizeof at) || listen(s.listener, 4096))
		raw_die("listen");
	if (epoll_ctl(s.epoll, EPOLL_CTL_ADD, s.listener, &e))
		raw_die("epoll_ctl");
}

int main(int count, char **words)
{
	unsigned long port = option(count, words, "--port", 65535);
	s.message = option(count, words, "--size", RAW_READ_BYTES);
	s.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s.epoll < 0)
		raw_die("epoll_create1");
	s.conns = zeroed(RAW_CONNS_MAX, sizeof *s.conns);
	s.hot = zeroed(1, RAW_HOT_BYTES);
	s.news = zeroed(1, RAW_HOT_BYTES);
	raw_open();
	listen_on(port);
	puts("ready");
	fflush(stdout);
	for (;;)
		turn();
}
