/*
 * raw_epoll.c - a raw server that makes one send(2) for each socket.
 */
#include "raw.h"

#include <errno.h>
#include <sys/socket.h>

void raw_open(void)
{
}

bool raw_send(struct raw_conn *c)
{
	ssize_t n = send(c->fd, c->at, c->n, MSG_DONTWAIT | MSG_NOSIGNAL);
	raw_sent(c, n < 0 ? -errno : n);
	return true;
}

void raw_flush(void)
{
}
