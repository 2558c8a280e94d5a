/* testing.h - for tests of the embedded server: a small blocking client, and a server on a thread
 * of its own. */
#ifndef PL_SERVER_TESTING_H
#define PL_SERVER_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <cmocka.h>

#include "parley/parley.h"

enum { CLIENT_PATIENCE_S = 20 };

/* ---- a client ---- */

static inline int dial(uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr = {htonl(INADDR_LOOPBACK)}};
	struct timeval patience = {.tv_sec = CLIENT_PATIENCE_S};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

/* Whoever freed a server's io_uring may be interrupted without a signal: recv is asked again. */
static inline ssize_t take(int fd, void *at, size_t n)
{
	size_t got = 0;
	while (got < n) {
		ssize_t step = recv(fd, (char *)at + got, n - got, 0);
		if (step < 0 && errno == EINTR)
			continue;
		if (step <= 0)
			break;
		got += (size_t)step;
	}
	return (ssize_t)got;
}

static inline void put_all(int fd, const void *at, size_t n)
{
	assert_int_equal(send(fd, at, n, MSG_NOSIGNAL), (ssize_t)n);
}

static inline void ask_upgrade(int fd, const char *path)
{
	char text[512];
	int n = snprintf(text, sizeof(text),
			 "GET %s HTTP/1.1\r\nHost: t\r\nUpgrade: websocket\r\n"
			 "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
			 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
			 path);
	put_all(fd, text, (size_t)n);
}

/* The status of the answer; its head is read, not a byte more. */
static inline int read_status(int fd)
{
	char head[2048];
	size_t n = 0;
	while (n < 4 || memcmp(head + n - 4, "\r\n\r\n", 4)) {
		assert_true(n < sizeof(head));
		if (take(fd, head + n, 1) != 1)
			return 0;
		n++;
	}
	return (head[9] - '0') * 100 + (head[10] - '0') * 10 + (head[11] - '0');
}

static inline int ws_open(uint16_t port, const char *path)
{
	int fd = dial(port);
	ask_upgrade(fd, path);
	assert_int_equal(read_status(fd), 101);
	return fd;
}

/* One masked frame, up to 64 KiB. */
static inline void ws_put(int fd, int opcode, const char *text)
{
	unsigned char frame[8 + 65536] = {(unsigned char)(0x80 | opcode)};
	size_t n = strlen(text), head = n < 126 ? 2 : 4;
	assert_true(n < 65536);
	frame[1] = (unsigned char)(0x80 | (n < 126 ? n : 126));
	if (n >= 126) {
		frame[2] = (unsigned char)(n >> 8);
		frame[3] = (unsigned char)n;
	}
	memset(frame + head, 0, 4); /* a mask of zeros changes nothing */
	memcpy(frame + head + 4, text, n);
	put_all(fd, frame, head + 4 + n);
}

static inline bool get_all(int fd, void *at, size_t n)
{
	return take(fd, at, n) == (ssize_t)n;
}

/* The opcode of the next frame; its payload as a string in `out`. -1: the line is gone. */
static inline int ws_get(int fd, char *out, size_t cap)
{
	unsigned char head[4];
	if (!get_all(fd, head, 2))
		return -1;
	size_t n = head[1] & 127;
	if (n == 126) {
		if (!get_all(fd, head + 2, 2))
			return -1;
		n = (size_t)head[2] << 8 | head[3];
	}
	assert_true(n < cap);
	if (n && !get_all(fd, out, n))
		return -1;
	out[n] = '\0';
	return head[0] & 15;
}

static inline void ws_expect(int fd, const char *text)
{
	char got[65536];
	assert_int_equal(ws_get(fd, got, sizeof(got)), 1);
	assert_string_equal(got, text);
}

/* The code of a close frame, which must be the next; 0: the line broke. */
static inline int ws_closed(int fd)
{
	char got[256];
	int op = ws_get(fd, got, sizeof(got));
	if (op < 0)
		return 0;
	assert_int_equal(op, 8);
	return (unsigned char)got[0] << 8 | (unsigned char)got[1];
}

/* Nothing comes for so long. */
static inline bool is_quiet(int fd, int ms)
{
	return poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, ms) == 0;
}

/* ---- a server ---- */

/* On a free port of 127.0.0.1, no limit of connections per second. */
static inline parley_server *make_server(uint32_t workers)
{
	static const char *const set[] = {"limits.enabled=false", NULL};
	struct parley_options o = {.listen = "127.0.0.1:0", .set = set, .workers = workers};
	parley_server *s = NULL;
	assert_int_equal(parley_create(&s, &o), 0);
	return s;
}

static inline void *run_server(void *s)
{
	return (void *)(intptr_t)parley_run(s);
}

struct running {
	parley_server *server;
	pthread_t thread;
	uint16_t port;
};

/* Takes a server that is not started. */
static inline struct running run_on_thread(parley_server *s)
{
	struct running r = {.server = s};
	assert_int_equal(parley_start(s), 0);
	r.port = parley_port(s, 0);
	assert_true(r.port > 0);
	assert_int_equal(pthread_create(&r.thread, NULL, run_server, s), 0);
	return r;
}

/* What parley_run returned. */
static inline int wait_for_end(struct running *r)
{
	void *result;
	assert_int_equal(pthread_join(r->thread, &result), 0);
	return (int)(intptr_t)result;
}

static inline void stop_and_free(struct running *r)
{
	parley_stop(r->server);
	assert_int_equal(wait_for_end(r), 0);
	parley_free(r->server);
}

#endif
