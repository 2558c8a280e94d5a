/* internal.h - what the files of the loop share. Not for other layers. */
#ifndef PL_LOOP_INTERNAL_H
#define PL_LOOP_INTERNAL_H

#include "loop/loop.h"

#include "base/clock.h"

#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* A ring of lists by due tick; a timer further away than one round is looked at once a round. */
enum { PL_TICK_MS = 4, PL_WHEEL_SLOTS = 4096 };
struct pl_wheel {
	uint64_t tick; /* all slots before it have fired */
	uint64_t occupied[PL_WHEEL_SLOTS /
			  64]; /* may say yes for an empty slot, never no for a full one */
	struct pl_list slots[PL_WHEEL_SLOTS];
};
void pl_wheel_init(struct pl_wheel *, uint64_t now_ms);
void pl_wheel_fire(struct pl_wheel *, uint64_t now_ms);
/* Milliseconds until there may be something to fire; -1: nothing is set. */
int pl_wheel_wait_ms(const struct pl_wheel *, uint64_t now_ms);

/* One gathered send of a flush. */
enum { PL_FLUSH_CHUNK = 256 };
struct pl_send {
	struct pl_out *out;
	int fd, count;
	size_t total;
	ssize_t result; /* bytes, or -errno */
	struct iovec iov[PL_OUT_IOV];
	struct msghdr msg;
};

/* A way to carry out the sends of a chunk; fills in every result. */
struct pl_flusher {
	void (*send_all)(struct pl_flusher *, struct pl_send *, size_t n);
	/* On the loop's thread, before the first send_all; 0 or an error. May be NULL. */
	int (*start)(struct pl_flusher *);
	void (*free)(struct pl_flusher *);
};
struct pl_flusher *pl_flush_epoll(void);
/* NULL where the kernel or the build does not have it. */
struct pl_flusher *pl_flush_uring(void);

struct pl_loop {
	int epoll_fd, wake_fd;
	uint64_t now_ms;
	enum pl_engine engine;
	struct pl_flusher *flusher;
	struct pl_log *log;
	struct pl_metrics *metrics;
	bool is_started;
	atomic_bool stopping;

	struct epoll_event *events; /* of the batch that is being delivered */
	int nevents, at_event;

	_Atomic(struct pl_task *) mail; /* newest first */
	struct pl_list flush;
	struct pl_reap *reaps;
	struct pl_send *sends; /* PL_FLUSH_CHUNK of them */
	char *hot;
	struct pl_io wake;
	struct pl_wheel wheel;
};

#endif
