/*
 * raw.h - what the two raw servers share. They show what the kernel allows: echo and fan-out over
 * TCP without any protocol, so that a WebSocket server can be held against it.
 *
 * A client says its role in one byte and gets it back: 'e' echo (every byte returns), 'p' publisher
 * (every message of --size bytes goes to all subscribers), 's' subscriber. All readable publishers
 * are read before the subscribers are served, each once per turn.
 *
 * raw_net.c has the sockets and the turn; raw_epoll.c and raw_uring.c say how a send is made.
 */
#ifndef PL_BENCH_RAW_H
#define PL_BENCH_RAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	RAW_CONNS_MAX = 65536,
	RAW_HOT_BYTES = 1024 * 1024,
	RAW_READ_BYTES = 256 * 1024,
	RAW_BACKLOG_MAX = 64 * 1024 * 1024,
};

struct raw_conn {
	int fd;
	char role;           /* 0 until the client has said it */
	bool is_sending;     /* a send of it is queued, not yet made */
	bool is_dead;        /* closed at the end of the turn */
	uint32_t subscriber; /* its place among the subscribers */
	/* What is being sent, while is_sending. Stays valid until raw_flush. */
	const char *at;
	size_t n;
	char *backlog; /* what the socket did not take; owned, NULL if none */
	size_t backlog_bytes, backlog_room;
	char *partial; /* a publisher's unfinished message */
	size_t partial_bytes;
	struct raw_conn *next_dead;
};

/* The two ways, implemented once in raw_epoll.c and once in raw_uring.c. */
void raw_open(void);
/*
 * Sends c->at, c->n: at once or at the flush. Every send ends in one raw_sent(), unless (only with
 * the flush) all of it went out. False: the bytes are still needed until raw_flush.
 */
bool raw_send(struct raw_conn *);
/* Makes all queued sends. */
void raw_flush(void);

/* result: bytes that went out, or -errno. What is left becomes the backlog. */
void raw_sent(struct raw_conn *, ssize_t result);
_Noreturn void raw_die(const char *what);

#endif
