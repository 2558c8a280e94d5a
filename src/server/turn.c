/*
 * turn.c - a server that its owner drives: one turn, the descriptor that says when, and what other
 * threads and signal handlers may ask of it.
 *
 * Everything that comes from outside rings one doorbell, an eventfd that is there from the first
 * moment to the last: so a stop or a post needs to know nothing of the loop, which comes and goes.
 */
#include "server/internal.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { TICK_MS = 10, POSTS_MAX = 1 << 20 };

struct pl_post {
	struct pl_post *next;
	void (*fn)(void *);
	void *arg;
};

int pl_drive_init(struct pl_drive *d)
{
	pthread_mutex_init(&d->lock, NULL);
	d->last = &d->posts;
	d->alarm = -1;
	d->doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return d->doorbell < 0 ? PL_ELIMIT : 0;
}

void pl_drive_fini(struct pl_drive *d)
{
	if (d->doorbell >= 0)
		close(d->doorbell);
	pthread_mutex_destroy(&d->lock);
}

/* ---- from outside ---- */

/* Never read, and watched edge-triggered: each write wakes. In a signal handler, errno belongs to
 * what was interrupted. */
static void ring(struct pl_drive *d)
{
	int saved = errno;
	uint64_t one = 1;
	ssize_t done = write(d->doorbell, &one, sizeof(one));
	(void)done;
	errno = saved;
}

void pl_server_stop(struct parley_server *s)
{
	atomic_store(&s->drive.is_asked, true);
	ring(&s->drive);
}

int pl_server_post(struct parley_server *s, void (*fn)(void *), void *arg)
{
	struct pl_drive *d = &s->drive;
	struct pl_post *p = PL_NEW(struct pl_post);
	if (!p)
		return PL_ENOMEM;
	*p = (struct pl_post){.fn = fn, .arg = arg};
	pthread_mutex_lock(&d->lock);
	bool is_first = !d->posts;
	int err = d->is_closed ? PL_ESTATE : d->nposts == POSTS_MAX ? PL_ELIMIT : 0;
	if (!err) {
		*d->last = p;
		d->last = &p->next;
		d->nposts++;
	}
	pthread_mutex_unlock(&d->lock);
	if (err)
		pl_free(p);
	else if (is_first)
		ring(d);
	return err;
}

/* To it, it is a callback of the first worker. */
static void run_post(struct parley_server *s, const struct pl_post *p)
{
	struct pl_handler_site *site = s->nsites ? s->sites[0].handlers : NULL;
	uintptr_t before = site ? pl_handler_enter(site) : 0;
	p->fn(p->arg);
	if (site)
		pl_handler_leave(site, before);
}

/* What was there when it was asked; what these post comes next time. */
static void run_posts(struct parley_server *s)
{
	struct pl_drive *d = &s->drive;
	pthread_mutex_lock(&d->lock);
	struct pl_post *p = d->posts;
	d->posts = NULL;
	d->last = &d->posts;
	d->nposts = 0;
	pthread_mutex_unlock(&d->lock);
	while (p) {
		struct pl_post *next = p->next;
		run_post(s, p);
		pl_free(p);
		p = next;
	}
}

void pl_drive_close(struct parley_server *s)
{
	struct pl_drive *d = &s->drive;
	pthread_mutex_lock(&d->lock);
	d->is_closed = true;
	pthread_mutex_unlock(&d->lock);
	run_posts(s);
}

/* ---- the loop's side ---- */

static void on_doorbell(struct pl_io *io, uint32_t events)
{
	struct pl_drive *d = PL_CONTAINER(io, struct pl_drive, on_doorbell);
	(void)events;
	run_posts(PL_CONTAINER(d, struct parley_server, drive));
}

static void on_alarm(struct pl_io *io, uint32_t events)
{
	/* The turn that it caused looks at the timers itself. */
	PL_CONTAINER(io, struct pl_drive, on_alarm)->alarm_ms = 0;
	(void)events;
}

static void on_tick(struct pl_timer *t)
{
	struct pl_drive *d = PL_CONTAINER(t, struct pl_drive, tick);
	struct parley_server *s = PL_CONTAINER(d, struct parley_server, drive);
	pl_timer_set(s->sites[0].worker.loop, t, TICK_MS);
}

/* Sets the alarm to when the loop's next timer is due, unless it rings before that anyway. */
static void set_alarm(struct parley_server *s)
{
	struct pl_drive *d = &s->drive;
	int due = pl_loop_due_ms(s->sites[0].worker.loop);
	if (due < 0)
		return;
	uint64_t at = pl_now_ms() + (uint64_t)due;
	if (d->alarm_ms && d->alarm_ms <= at)
		return;
	/* Zero would switch it off. */
	struct itimerspec in = {
		.it_value = {.tv_sec = due / 1000, .tv_nsec = due % 1000 * 1000000L + !due}};
	timerfd_settime(d->alarm, 0, &in, NULL);
	d->alarm_ms = at;
}

int pl_drive_attach(struct parley_server *s)
{
	struct pl_drive *d = &s->drive;
	struct pl_loop *loop = s->sites[0].worker.loop;
	pl_timer_init(&d->tick, on_tick);
	d->alarm_ms = 0;
	d->is_draining = false;
	d->alarm = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (d->alarm < 0)
		return PL_ELIMIT;
	d->on_doorbell = (struct pl_io){.fd = d->doorbell, .on_ready = on_doorbell};
	d->on_alarm = (struct pl_io){.fd = d->alarm, .on_ready = on_alarm};
	int err = pl_io_add(loop, &d->on_doorbell, EPOLLIN | EPOLLET);
	if (!err)
		err = pl_io_add(loop, &d->on_alarm, EPOLLIN | EPOLLET);
	if (!err)
		set_alarm(s);
	return err;
}

void pl_drive_detach(struct parley_server *s)
{
	struct pl_drive *d = &s->drive;
	if (d->alarm < 0)
		return;
	pl_timer_stop(&d->tick);
	pl_io_remove(s->sites[0].worker.loop, &d->on_doorbell);
	pl_io_remove(s->sites[0].worker.loop, &d->on_alarm);
	close(d->alarm);
	d->alarm = -1;
}

int pl_server_fd(const struct parley_server *s)
{
	return s->phase == PL_IS_NEW || !s->nsites ? -1 : pl_loop_fd(s->sites[0].worker.loop);
}

/* ---- the turn ---- */

static void begin_to_drain(struct parley_server *s)
{
	s->drive.is_draining = true;
	s->drive.until_ms = pl_now_ms() + s->config->drain_deadline_ms;
	pl_server_drain(s);
	/* That the others are empty is seen by looking. */
	pl_timer_set(s->sites[0].worker.loop, &s->drive.tick, TICK_MS);
}

static void end(struct parley_server *s)
{
	pl_server_stop_workers(s);
	s->phase = PL_HAS_ENDED;
	pl_drive_close(s);
}

/* Everybody hears the goodbye, however short the patience is. */
static bool is_worth_waiting(const struct parley_server *s)
{
	return atomic_load(&s->ngoodbyes) ||
	       (pl_now_ms() < s->drive.until_ms && !pl_server_is_empty(s));
}

static int look_further(struct parley_server *s)
{
	struct pl_drive *d = &s->drive;
	/* A disk that lies: no goodbye, whatever we would still say could be wrong. */
	if (atomic_load(&s->is_fatal)) {
		end(s);
		return PL_ESTORE;
	}
	if (!d->is_draining && atomic_load(&d->is_asked))
		begin_to_drain(s);
	if (!d->is_draining || is_worth_waiting(s)) {
		if (!d->is_run)
			set_alarm(s);
		return 1;
	}
	end(s);
	return 0;
}

int pl_server_turn(struct parley_server *s, int timeout_ms)
{
	if (s->phase == PL_HAS_ENDED)
		return atomic_load(&s->is_fatal) ? PL_ESTORE : 0;
	if (s->phase != PL_IS_RUNNING || s->drive.is_turning)
		return PL_ESTATE;
	s->drive.is_turning = true;
	pl_loop_turn(s->sites[0].worker.loop, timeout_ms);
	s->drive.is_turning = false;
	return look_further(s);
}

int pl_server_run(struct parley_server *s)
{
	int err;
	/* Nobody waits for the descriptor meanwhile: its alarm need not be set. */
	s->drive.is_run = true;
	while ((err = pl_server_turn(s, -1)) > 0)
		;
	s->drive.is_run = false;
	return err;
}
