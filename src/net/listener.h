/*
 * listener.h - a bound socket, and a worker's share in accepting from it.
 *
 * One socket serves all workers: each adds it to its own epoll with EPOLLEXCLUSIVE, so that the
 * kernel wakes one of them. That works alike for IPv4, IPv6 and Unix sockets.
 */
#ifndef PL_NET_LISTENER_H
#define PL_NET_LISTENER_H

#include "loop/loop.h"
#include "net/address.h"

/* Binds and listens. An abandoned Unix socket file is replaced; a live one is PL_EADDR. *bound:
 * with the real port. */
int pl_listen(const struct pl_address *, int *fd, struct pl_address *bound) PL_MUST_CHECK;
/* A Unix socket that at no moment anybody but its owner can open. */
int pl_listen_private(const struct pl_address *, int *fd, struct pl_address *bound) PL_MUST_CHECK;

struct pl_listener {
	struct pl_io io;
	struct pl_loop *loop;
	struct pl_timer resume; /* set while accepting is paused: no descriptors were left */
	bool is_accepting;
	/* Takes the descriptor (non-blocking, close-on-exec). */
	void (*on_accept)(struct pl_listener *, int fd, const struct pl_ip *from);
	void *owner;
};

/* fd stays the caller's: it is shared by the workers. Set on_accept and owner before. */
int pl_listener_start(struct pl_listener *, struct pl_loop *, int fd) PL_MUST_CHECK;
/* On the loop's thread. Twice is fine. */
void pl_listener_stop(struct pl_listener *);

#endif
