/*
 * loop.h - one worker's loop: readiness, timers, a mailbox for other threads, the flush of a
 * turn and the frees that had to wait for its end.
 *
 * Threads     A loop belongs to the thread that calls pl_loop_run or pl_loop_turn. Only functions
 *             marked [any thread] may be called from elsewhere.
 * Ownership   Nodes (pl_io, pl_timer, pl_task, pl_reap, pl_out) are the caller's and embedded in
 * its own structs; the loop only links them. A node must be unlinked before it is freed.
 */
#ifndef PL_LOOP_LOOP_H
#define PL_LOOP_LOOP_H

#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/slice.h"

#include <sys/uio.h>

struct pl_loop;

enum pl_engine { PL_ENGINE_AUTO, PL_ENGINE_IO_URING, PL_ENGINE_EPOLL };

struct pl_loop_options {
	enum pl_engine engine;      /* AUTO: io_uring where the kernel allows it, else epoll */
	struct pl_log *log;         /* may be NULL */
	struct pl_metrics *metrics; /* this worker's set; may be NULL */
};

/* PL_ENGINE_IO_URING on a kernel or build that refuses it is PL_ESTATE; AUTO falls back. */
int pl_loop_new(const struct pl_loop_options *, struct pl_loop **out) PL_MUST_CHECK;
/* Not from inside a turn. What is still linked is forgotten, not freed. NULL is fine. */
void pl_loop_free(struct pl_loop *);
/* The engine in use: IO_URING or EPOLL. */
enum pl_engine pl_loop_engine(const struct pl_loop *);
struct pl_metrics *pl_loop_metrics(const struct pl_loop *);
struct pl_log *pl_loop_log(const struct pl_loop *);

/* Turns until pl_loop_stop. */
void pl_loop_run(struct pl_loop *);
/* [any thread] Ends pl_loop_run after the turn that is under way. */
void pl_loop_stop(struct pl_loop *);
/* One turn; waits at most timeout_ms (-1: until something happens). */
void pl_loop_turn(struct pl_loop *, int timeout_ms);
/* Readable when a turn has something to do, timers aside. The loop's. */
int pl_loop_fd(const struct pl_loop *);
/* Between two turns: milliseconds until one is due by itself, 0: now, -1: never. May be early. */
int pl_loop_due_ms(const struct pl_loop *);
/* The monotonic time at which this turn's readiness came in. */
uint64_t pl_loop_now_ms(const struct pl_loop *);

/* Readiness (level-triggered). events: EPOLLIN, EPOLLOUT, EPOLLEXCLUSIVE ... */
struct pl_io {
	int fd;
	void (*on_ready)(struct pl_io *, uint32_t events);
};
int pl_io_add(struct pl_loop *, struct pl_io *, uint32_t events) PL_MUST_CHECK;
int pl_io_change(struct pl_loop *, struct pl_io *, uint32_t events) PL_MUST_CHECK;
/* Before the descriptor is closed. An event of this turn that was not yet delivered is dropped. */
void pl_io_remove(struct pl_loop *, struct pl_io *);

/* Timers: a wheel of 4 ms ticks; never early, late by up to a tick. */
struct pl_timer {
	struct pl_list node;
	uint64_t due_ms;
	void (*on_due)(struct pl_timer *);
};
void pl_timer_init(struct pl_timer *, void (*on_due)(struct pl_timer *));
/* Sets or moves it to after_ms from now. */
void pl_timer_set(struct pl_loop *, struct pl_timer *, uint64_t after_ms);
void pl_timer_stop(struct pl_timer *);
static inline bool pl_timer_is_set(const struct pl_timer *t)
{
	return !pl_list_empty(&t->node);
}

/*
 * [any thread] A task runs once on the loop's thread, after the tasks posted before it by the same
 * thread. It may free itself. A task posted by the loop's own thread before the mailbox phase of
 * a turn runs in that turn.
 */
struct pl_task {
	struct pl_task *next;
	void (*run)(struct pl_task *);
};
void pl_loop_post(struct pl_loop *, struct pl_task *);

/* Called at the end of the turn, when no callback on the thing can be running any more. */
struct pl_reap {
	struct pl_reap *next;
	void (*reap)(struct pl_reap *);
};
void pl_loop_reap(struct pl_loop *, struct pl_reap *);

/*
 * Output. A pl_out asks once per turn to be flushed; at the flush the loop collects what it wants
 * to send, sends everything of the turn together and tells each how much went out.
 */
enum { PL_OUT_IOV = 16 };
struct pl_out {
	struct pl_list node; /* linked while a flush is wanted */
	const struct pl_out_ops *ops;
};
struct pl_out_ops {
	/*
	 * Fill up to PL_OUT_IOV spans that stay valid until `sent`; return how many, 0 for none
	 * (then `sent` is not called). *fd is the socket.
	 */
	int (*gather)(struct pl_out *, struct iovec iov[PL_OUT_IOV], int *fd);
	/*
	 * n: bytes that went out, or -errno (-EAGAIN: the socket is full). May ask for another
	 * flush: it happens in the same turn as long as everything went out.
	 */
	void (*sent)(struct pl_out *, ssize_t n);
};
void pl_out_init(struct pl_out *, const struct pl_out_ops *);
void pl_loop_want_flush(struct pl_loop *, struct pl_out *);
void pl_loop_forget_flush(struct pl_loop *, struct pl_out *);
/* Sends at once what can be sent now, for an output that grows too large to wait for the flush. */
void pl_loop_flush_now(struct pl_loop *, struct pl_out *);

/* The worker's receive buffer: borrowed for the length of a callback, shared by everybody on this
 * loop. */
enum { PL_HOT_BYTES = 128 * 1024 };
char *pl_loop_hot(struct pl_loop *);

#endif
