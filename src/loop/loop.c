/* loop.c - the turn: its phases stand in pl_loop_turn, in order, with the reason for the order. */
#include "loop/internal.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { EVENTS = 1024, MAIL_ROUNDS = 8, READ_ROUNDS = 4 };

/* Which loop this thread is turning; tells a post to itself from a post to another. */
static _Thread_local struct pl_loop *turning;

static int choose_engine(struct pl_loop *loop, enum pl_engine wanted)
{
	loop->flusher = wanted == PL_ENGINE_EPOLL ? NULL : pl_flush_uring();
	loop->engine = loop->flusher ? PL_ENGINE_IO_URING : PL_ENGINE_EPOLL;
	if (!loop->flusher && wanted == PL_ENGINE_IO_URING)
		return PL_ESTATE;
	if (!loop->flusher)
		loop->flusher = pl_flush_epoll();
	return 0;
}

static void on_wake(struct pl_io *io, uint32_t events)
{
	/* Edge-triggered and never read: the mailbox phase of this turn does the work. */
	(void)io;
	(void)events;
}

static int open_descriptors(struct pl_loop *loop)
{
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->epoll_fd < 0 || loop->wake_fd < 0)
		return PL_ELIMIT;
	loop->wake = (struct pl_io){.fd = loop->wake_fd, .on_ready = on_wake};
	return pl_io_add(loop, &loop->wake, EPOLLIN | EPOLLET);
}

int pl_loop_new(const struct pl_loop_options *o, struct pl_loop **out)
{
	struct pl_loop *loop = PL_NEW(struct pl_loop);
	if (!loop)
		return PL_ENOMEM;
	loop->epoll_fd = loop->wake_fd = -1;
	loop->log = o->log;
	loop->metrics = o->metrics;
	loop->now_ms = pl_now_ms();
	pl_list_init(&loop->flush);
	pl_wheel_init(&loop->wheel, loop->now_ms);
	loop->events = pl_zalloc(EVENTS, sizeof(*loop->events));
	loop->sends = pl_zalloc(PL_FLUSH_CHUNK, sizeof(*loop->sends));
	loop->hot = pl_alloc(PL_HOT_BYTES);
	int err = loop->events && loop->sends && loop->hot ? open_descriptors(loop) : PL_ENOMEM;
	if (!err)
		err = choose_engine(loop, o->engine);
	if (err) {
		pl_loop_free(loop);
		return err;
	}
	*out = loop;
	return 0;
}

void pl_loop_free(struct pl_loop *loop)
{
	if (!loop)
		return;
	if (loop->flusher && loop->flusher->free)
		loop->flusher->free(loop->flusher);
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	if (loop->wake_fd >= 0)
		close(loop->wake_fd);
	pl_free(loop->events);
	pl_free(loop->sends);
	pl_free(loop->hot);
	pl_free(loop);
}

enum pl_engine pl_loop_engine(const struct pl_loop *loop)
{
	return loop->engine;
}

struct pl_metrics *pl_loop_metrics(const struct pl_loop *loop)
{
	return loop->metrics;
}

struct pl_log *pl_loop_log(const struct pl_loop *loop)
{
	return loop->log;
}

uint64_t pl_loop_now_ms(const struct pl_loop *loop)
{
	return loop->now_ms;
}

char *pl_loop_hot(struct pl_loop *loop)
{
	return loop->hot;
}

/* ---- readiness ---- */

static int control(struct pl_loop *loop, int op, struct pl_io *io, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.ptr = io};
	if (!epoll_ctl(loop->epoll_fd, op, io->fd, &e))
		return 0;
	return errno == ENOSPC || errno == ENOMEM ? PL_ELIMIT : PL_EINVAL;
}

int pl_io_add(struct pl_loop *loop, struct pl_io *io, uint32_t events)
{
	return control(loop, EPOLL_CTL_ADD, io, events);
}

int pl_io_change(struct pl_loop *loop, struct pl_io *io, uint32_t events)
{
	return control(loop, EPOLL_CTL_MOD, io, events);
}

void pl_io_remove(struct pl_loop *loop, struct pl_io *io)
{
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, io->fd, NULL);
	for (int i = loop->at_event + 1; i < loop->nevents; i++)
		if (loop->events[i].data.ptr == io)
			loop->events[i].data.ptr = NULL;
}

int pl_loop_fd(const struct pl_loop *loop)
{
	return loop->epoll_fd;
}

int pl_loop_due_ms(const struct pl_loop *loop)
{
	if (atomic_load(&loop->mail) || loop->reaps || !pl_list_empty(&loop->flush))
		return 0;
	return pl_wheel_wait_ms(&loop->wheel, pl_now_ms());
}

static int wait_ms(const struct pl_loop *loop, int timeout_ms)
{
	int due = pl_loop_due_ms(loop);
	return due >= 0 && (timeout_ms < 0 || due < timeout_ms) ? due : timeout_ms;
}

static void deliver_readiness(struct pl_loop *loop, int timeout_ms)
{
	/*
	 * A full batch may hide more that is readable: ask again, so that everything that can be
	 * read is read before the flush and goes out in one send per connection.
	 */
	for (int round = 0; round < READ_ROUNDS; round++) {
		int n = epoll_wait(loop->epoll_fd, loop->events, EVENTS, round ? 0 : timeout_ms);
		if (!round)
			loop->now_ms = pl_now_ms();
		loop->nevents = n;
		for (loop->at_event = 0; loop->at_event < n; loop->at_event++) {
			struct epoll_event *e = &loop->events[loop->at_event];
			struct pl_io *io = e->data.ptr;
			if (io)
				io->on_ready(io, e->events);
		}
		loop->nevents = 0;
		if (n < EVENTS)
			break;
	}
}

/* ---- mailbox ---- */

void pl_loop_post(struct pl_loop *loop, struct pl_task *task)
{
	struct pl_task *head = atomic_load_explicit(&loop->mail, memory_order_relaxed);
	do
		task->next = head;
	while (!atomic_compare_exchange_weak_explicit(&loop->mail, &head, task,
						      memory_order_acq_rel, memory_order_relaxed));
	/* Only the first of a batch wakes; the loop itself looks before it sleeps. */
	if (!head && turning != loop) {
		uint64_t one = 1;
		ssize_t done = write(loop->wake_fd, &one, sizeof(one));
		(void)done; /* EAGAIN: the counter is full, so it is awake already */
	}
}

static struct pl_task *oldest_first(struct pl_task *newest)
{
	struct pl_task *list = NULL;
	while (newest) {
		struct pl_task *next = newest->next;
		newest->next = list;
		list = newest;
		newest = next;
	}
	return list;
}

static void run_mail(struct pl_loop *loop)
{
	for (int round = 0; round < MAIL_ROUNDS; round++) {
		struct pl_task *t = oldest_first(
			atomic_exchange_explicit(&loop->mail, NULL, memory_order_acq_rel));
		if (!t)
			return;
		while (t) {
			struct pl_task *next = t->next;
			t->run(t);
			t = next;
		}
	}
}

/* ---- flush ---- */

void pl_out_init(struct pl_out *out, const struct pl_out_ops *ops)
{
	pl_list_init(&out->node);
	out->ops = ops;
}

void pl_loop_want_flush(struct pl_loop *loop, struct pl_out *out)
{
	if (pl_list_empty(&out->node))
		pl_list_append(&loop->flush, &out->node);
}

void pl_loop_forget_flush(struct pl_loop *loop, struct pl_out *out)
{
	(void)loop;
	pl_list_remove(&out->node);
}

static bool gather_one(struct pl_send *s, struct pl_out *out)
{
	s->count = out->ops->gather(out, s->iov, &s->fd);
	if (s->count <= 0)
		return false;
	s->out = out;
	s->total = 0;
	for (int i = 0; i < s->count; i++)
		s->total += s->iov[i].iov_len;
	s->msg = (struct msghdr){.msg_iov = s->iov, .msg_iovlen = (size_t)s->count};
	return true;
}

void pl_loop_flush_now(struct pl_loop *loop, struct pl_out *out)
{
	struct pl_send s = {.out = out};
	pl_list_remove(&out->node);
	if (!gather_one(&s, out))
		return;
	struct pl_flusher *direct = pl_flush_epoll(); /* one send: nothing to gather in a ring */
	direct->send_all(direct, &s, 1);
	pl_metric_add(loop->metrics, PL_M_SENDS, 1);
	out->ops->sent(out, s.result);
}

static void flush(struct pl_loop *loop)
{
	struct pl_list *node;
	while (!pl_list_empty(&loop->flush)) {
		size_t n = 0;
		while (n < PL_FLUSH_CHUNK && (node = pl_list_shift(&loop->flush)))
			n += gather_one(&loop->sends[n], PL_CONTAINER(node, struct pl_out, node));
		if (!n)
			continue;
		loop->flusher->send_all(loop->flusher, loop->sends, n);
		pl_metric_add(loop->metrics, PL_M_SENDS, (int64_t)n);
		for (size_t i = 0; i < n; i++)
			loop->sends[i].out->ops->sent(loop->sends[i].out, loop->sends[i].result);
	}
}

/* ---- the end of a turn ---- */

void pl_loop_reap(struct pl_loop *loop, struct pl_reap *r)
{
	r->next = loop->reaps;
	loop->reaps = r;
}

static void reap_all(struct pl_loop *loop)
{
	while (loop->reaps) {
		struct pl_reap *r = loop->reaps;
		loop->reaps = r->next;
		r->reap(r);
	}
}

static void start(struct pl_loop *loop)
{
	loop->is_started = true;
	if (!loop->flusher->start || !loop->flusher->start(loop->flusher))
		return;
	pl_log(loop->log, PL_WARN, "loop", "io_uring cannot be enabled here; sending by send(2)");
	loop->flusher->free(loop->flusher);
	loop->flusher = pl_flush_epoll();
	loop->engine = PL_ENGINE_EPOLL;
}

void pl_loop_turn(struct pl_loop *loop, int timeout_ms)
{
	struct pl_loop *outer = turning;
	turning = loop;
	if (!loop->is_started)
		start(loop);
	/* Readiness first: what came in decides everything else. */
	deliver_readiness(loop, wait_ms(loop, timeout_ms));
	/* Timers before the mailbox: what they cause (an expiry to publish) travels this turn. */
	pl_wheel_fire(&loop->wheel, loop->now_ms);
	/* Mail after both: commits and events of other threads and of this turn join the same
	 * flush. */
	run_mail(loop);
	/* Now everything that will be said this turn has been said: one send per connection. */
	flush(loop);
	/* Last: nothing of this turn can be on the stack any more. */
	reap_all(loop);
	pl_metric_add(loop->metrics, PL_M_TURNS, 1);
	turning = outer;
}

void pl_loop_run(struct pl_loop *loop)
{
	while (!atomic_load(&loop->stopping))
		pl_loop_turn(loop, -1);
	atomic_store(&loop->stopping, false);
}

void pl_loop_stop(struct pl_loop *loop)
{
	uint64_t one = 1;
	atomic_store(&loop->stopping, true);
	ssize_t done = write(loop->wake_fd, &one, sizeof(one));
	(void)done;
}
