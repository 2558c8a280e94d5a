/*
 * raw_uring.c - a raw server that gives all sends of a turn to the kernel at once, in chunks.
 *
 * A send that went out whole says nothing (CQE_SKIP_SUCCESS). WAITALL makes a short send a failed
 * one, so that it does say something; DONTWAIT keeps the kernel from waiting for the rest. After
 * the submission each queued send is therefore either done or has a completion.
 */
#include "raw.h"

#include <errno.h>
#include <liburing.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { CHUNK = 256 };

static struct {
	struct io_uring ring;
	struct raw_conn *queued[CHUNK];
	unsigned count;
} u;

void raw_open(void)
{
	struct io_uring_params p = {.flags = IORING_SETUP_SINGLE_ISSUER |
					     IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL};
	int err = io_uring_queue_init_params(CHUNK, &u.ring, &p);
	if (err) {
		errno = -err;
		raw_die("io_uring");
	}
}

bool raw_send(struct raw_conn *c)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u.ring);
	io_uring_prep_send(sqe, c->fd, c->at, c->n, MSG_DONTWAIT | MSG_WAITALL | MSG_NOSIGNAL);
	io_uring_sqe_set_flags(sqe, IOSQE_CQE_SKIP_SUCCESS);
	io_uring_sqe_set_data(sqe, c);
	u.queued[u.count++] = c;
	if (u.count == CHUNK)
		raw_flush();
	return !c->is_sending;
}

static void submit(void)
{
	for (unsigned left = u.count; left > 0;) {
		int n = io_uring_submit_and_get_events(&u.ring);
		if (n < 0 && n != -EINTR && n != -EAGAIN && n != -EBUSY) {
			errno = -n;
			raw_die("io_uring_submit");
		}
		left -= n > 0 ? (unsigned)n : 0;
	}
}

void raw_flush(void)
{
	struct io_uring_cqe *cqe;
	if (!u.count)
		return;
	submit();
	while (io_uring_peek_cqe(&u.ring, &cqe) == 0) {
		raw_sent(io_uring_cqe_get_data(cqe), cqe->res);
		io_uring_cqe_seen(&u.ring, cqe);
	}
	for (unsigned i = 0; i < u.count; i++)
		u.queued[i]->is_sending = false;
	u.count = 0;
}
