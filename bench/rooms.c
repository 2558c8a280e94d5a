/*
 * rooms.c - what it costs that connections are in rooms: a million (connection, room) pairs in
 * three shapes, through the public API. Prints bytes and nanoseconds per pair; exit 1 when a pair
 * costs more than 64 bytes, or 128 where each pair is a room of its own.
 *
 * Server and clients are one process on one thread: the clients only connect and stay.
 */
#include <parley/parley.h>

#include <arpa/inet.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNS_MAX = 5000, AT_ONCE = 256, TURNS_MAX = 1000 };

struct shape {
	uint32_t conns, each, names;
	uint32_t bytes_max; /* of a pair */
	const char *words;
};

static const struct shape shapes[] = {
	{1000, 1000, 1000, 64, "1,000 connections, all in the same 1,000 rooms"},
	{5000, 200, 10000, 64, "5,000 connections in 200 of 10,000 rooms each"},
	{1000, 1000, 1000000, 128, "1,000 connections in 1,000 rooms each, alone there"},
};

struct bench {
	const struct shape *shape;
	parley_server *server;
	parley_conn *conn[CONNS_MAX];
	int fd[CONNS_MAX];
	uint32_t count;
	uint64_t bytes, join_ns, leave_ns;
	bool is_done;
};

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "bench-rooms: %s: %s\n", what, why);
	exit(1);
}

static void check(int err, const char *what)
{
	if (err)
		fail(what, parley_strerror(err));
}

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint64_t bytes_in_use(void)
{
	struct mallinfo2 m = mallinfo2();
	return m.uordblks + m.hblkhd;
}

static int on_connect(parley_conn *c)
{
	struct bench *b = parley_conn_user(c);
	b->conn[b->count++] = c;
	return 0;
}

/* ---- what is measured ---- */

static int on_each_pair(const struct bench *b, int (*what)(parley_conn *, struct parley_slice))
{
	char name[32];
	int err = 0;
	for (uint32_t i = 0; i < b->count; i++) {
		for (uint32_t k = 0; k < b->shape->each && !err; k++) {
			uint64_t room = ((uint64_t)i * b->shape->each + k) % b->shape->names;
			int n = snprintf(name, sizeof(name), "room-%llu", (unsigned long long)room);
			err = what(b->conn[i], parley_slice(name, (size_t)n));
		}
	}
	return err;
}

/* On the server's loop, as a callback. */
static void measure(void *arg)
{
	struct bench *b = arg;
	uint64_t before = bytes_in_use(), start = now_ns();
	check(on_each_pair(b, parley_join), "join");
	b->join_ns = now_ns() - start;
	b->bytes = bytes_in_use() - before;
	start = now_ns();
	check(on_each_pair(b, parley_leave), "leave");
	b->leave_ns = now_ns() - start;
	b->is_done = true;
}

/* ---- around it ---- */

static int dial(uint16_t port)
{
	static const char ask[] = "GET /r HTTP/1.1\r\nHost: b\r\nUpgrade: websocket\r\n"
				  "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
				  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at)) ||
	    send(fd, ask, sizeof(ask) - 1, MSG_NOSIGNAL) != (ssize_t)sizeof(ask) - 1)
		fail("connect", "failed: are enough descriptors allowed?");
	return fd;
}

static void connect_all(struct bench *b)
{
	uint16_t port = parley_port(b->server, 0);
	for (uint32_t i = 0; i < b->shape->conns; i++) {
		b->fd[i] = dial(port);
		bool is_last = i + 1 == b->shape->conns;
		for (int turns = 0; (is_last || i % AT_ONCE == 0) && b->count <= i; turns++)
			if (turns == TURNS_MAX || parley_turn(b->server, 10) < 0)
				fail("connect", "the server does not answer");
	}
}

static uint64_t run(const struct shape *shape)
{
	static struct bench b;
	static const char *const set[] = {"limits.enabled=false", "drain.deadline=0", NULL};
	struct parley_endpoint e = {
		.pattern = "/r", .max_rooms_each = 4096, .user = &b, .on_connect = on_connect};
	b = (struct bench){.shape = shape};
	check(parley_create(&b.server,
			    &(struct parley_options){.listen = "127.0.0.1:0", .set = set}),
	      "create");
	check(parley_serve(b.server, &e), "serve");
	check(parley_start(b.server), parley_why(b.server));
	connect_all(&b);
	check(parley_post(b.server, measure, &b), "post");
	while (!b.is_done)
		check(parley_turn(b.server, 100) < 0, "turn");
	for (uint32_t i = 0; i < shape->conns; i++)
		close(b.fd[i]);
	parley_free(b.server);
	uint64_t pairs = (uint64_t)shape->conns * shape->each;
	printf("%-52s %8llu pairs %6.1f bytes %6.0f ns to join %6.0f ns to leave\n", shape->words,
	       (unsigned long long)pairs, (double)b.bytes / (double)pairs,
	       (double)b.join_ns / (double)pairs, (double)b.leave_ns / (double)pairs);
	fflush(stdout);
	return (b.bytes + pairs - 1) / pairs;
}

int main(void)
{
	struct rlimit files;
	int code = 0;
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++)
		if (run(&shapes[i]) > shapes[i].bytes_max)
			code = 1;
	return code;
}
