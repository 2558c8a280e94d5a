/*
 * flush_uring.c - the flush by io_uring: all sends of a chunk in one system call.
 *
 * Every request is MSG_DONTWAIT, so the kernel carries it out while it is being submitted and
 * never keeps it: when submit returns, the spans are free again. A whole send leaves no
 * completion (CQE_SKIP_SUCCESS); MSG_WAITALL makes a short one count as failed, so that it does.
 */
#include "loop/internal.h"

#include "base/mem.h"

#include <errno.h>

#ifdef PL_HAVE_URING
#include <liburing.h>
#include <sys/syscall.h>
#include <unistd.h>

struct uring {
	struct pl_flusher base;
	struct io_uring ring;
	struct pl_flusher *fallback; /* for the sends that the ring did not take */
	bool is_broken; /* the kernel refuses it: no memory, or another thread than it began with */
};

static int start(struct pl_flusher *f)
{
	struct uring *u = PL_CONTAINER(f, struct uring, base);
	/*
	 * The ring was made disabled: the thread that enables it is its single issuer. By the
	 * system call itself, because Debian 12's liburing does not export io_uring_enable_rings.
	 */
	long done = syscall(__NR_io_uring_register, u->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS,
			    NULL, 0);
	return done < 0 ? PL_ESTATE : 0;
}

static void prepare(struct io_uring_sqe *sqe, struct pl_send *s, size_t index)
{
	const int flags = MSG_DONTWAIT | MSG_WAITALL | MSG_NOSIGNAL;
	if (s->count == 1)
		io_uring_prep_send(sqe, s->fd, s->iov[0].iov_base, s->iov[0].iov_len, flags);
	else
		io_uring_prep_sendmsg(sqe, s->fd, &s->msg, (unsigned)flags);
	io_uring_sqe_set_flags(sqe, IOSQE_CQE_SKIP_SUCCESS);
	io_uring_sqe_set_data64(sqe, index);
	s->result = (ssize_t)s->total;
}

static void take_completions(struct uring *u, struct pl_send *sends, size_t n)
{
	struct io_uring_cqe *cqe;
	unsigned head, seen = 0;
	io_uring_for_each_cqe(&u->ring, head, cqe)
	{
		if (cqe->user_data < n)
			sends[cqe->user_data].result = cqe->res;
		seen++;
	}
	io_uring_cq_advance(&u->ring, seen);
}

/* How many of the n prepared requests the kernel took. */
static size_t submit(struct uring *u, size_t n)
{
	enum { PATIENCE = 16 };
	size_t taken = 0;
	for (int refused = 0; taken < n && refused < PATIENCE;) {
		int got = io_uring_submit(&u->ring);
		if (got < 0 && got != -EINTR && got != -EAGAIN)
			break;
		refused += got <= 0;
		taken += got > 0 ? (size_t)got : 0;
	}
	return taken;
}

/* Not done, though not for the socket's sake. */
static bool is_rings_fault(ssize_t result)
{
	return result == -EINTR || result == -EINVAL || result == -ENOMEM || result == -ECANCELED;
}

static void send_all(struct pl_flusher *f, struct pl_send *sends, size_t n)
{
	struct uring *u = PL_CONTAINER(f, struct uring, base);
	if (u->is_broken) {
		u->fallback->send_all(u->fallback, sends, n);
		return;
	}
	for (size_t i = 0; i < n; i++)
		prepare(io_uring_get_sqe(&u->ring), &sends[i], i);
	size_t taken = submit(u, n);
	take_completions(u, sends, taken);
	for (size_t i = 0; i < taken; i++)
		if (is_rings_fault(sends[i].result))
			u->fallback->send_all(u->fallback, &sends[i], 1);
	/* What it refused stays in the ring for ever: it must not be entered again. */
	u->is_broken = taken < n;
	if (u->is_broken)
		u->fallback->send_all(u->fallback, sends + taken, n - taken);
}

static void free_uring(struct pl_flusher *f)
{
	struct uring *u = PL_CONTAINER(f, struct uring, base);
	io_uring_queue_exit(&u->ring);
	pl_free(u);
}

struct pl_flusher *pl_flush_uring(void)
{
	struct uring *u = PL_NEW(struct uring);
	if (!u)
		return NULL;
	u->base = (struct pl_flusher){.send_all = send_all, .start = start, .free = free_uring};
	u->fallback = pl_flush_epoll();
	struct io_uring_params p = {.flags = IORING_SETUP_SINGLE_ISSUER |
					     IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_R_DISABLED};
	if (io_uring_queue_init_params(PL_FLUSH_CHUNK, &u->ring, &p) < 0) {
		pl_free(u);
		return NULL;
	}
	return &u->base;
}

#else

struct pl_flusher *pl_flush_uring(void)
{
	return NULL;
}

#endif
