/* loop_test.c - proves the turn: order of phases, timers, mail between threads, and that both flush
 * engines send the same. */
#include "loop/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

static struct pl_loop *new_loop(enum pl_engine e)
{
	struct pl_loop *loop = NULL;
	assert_int_equal(pl_loop_new(&(struct pl_loop_options){.engine = e}, &loop), 0);
	return loop;
}

struct fixture {
	struct pl_io io;
	struct pl_timer timer;
	struct pl_task task;
	struct pl_reap reap;
	struct pl_out out;
	struct pl_loop *loop;
	char order[8];
};

static void note(struct fixture *f, char c)
{
	f->order[strlen(f->order)] = c;
}

static void on_reap(struct pl_reap *r)
{
	note(PL_CONTAINER(r, struct fixture, reap), 'r');
}

static void on_task(struct pl_task *t)
{
	struct fixture *f = PL_CONTAINER(t, struct fixture, task);
	note(f, 'm');
	pl_loop_want_flush(f->loop, &f->out);
	pl_loop_reap(f->loop, &f->reap);
}

static void on_timer(struct pl_timer *t)
{
	struct fixture *f = PL_CONTAINER(t, struct fixture, timer);
	note(f, 't');
	pl_loop_post(f->loop, &f->task);
}

static int gather_nothing(struct pl_out *out, struct iovec *iov, int *fd)
{
	(void)iov;
	(void)fd;
	note(PL_CONTAINER(out, struct fixture, out), 'f');
	return 0;
}

static void on_io(struct pl_io *io, uint32_t events)
{
	struct fixture *f = PL_CONTAINER(io, struct fixture, io);
	assert_true(events & EPOLLIN);
	note(f, 'i');
	pl_io_remove(f->loop, io);
}

static void a_turn_has_one_order(void **state)
{
	(void)state;
	static const struct pl_out_ops ops = {.gather = gather_nothing};
	int p[2];
	struct fixture f = {.loop = new_loop(PL_ENGINE_AUTO)};
	assert_int_equal(pipe(p), 0);
	f.io = (struct pl_io){.fd = p[0], .on_ready = on_io};
	f.task.run = on_task;
	f.reap.reap = on_reap;
	pl_out_init(&f.out, &ops);
	pl_timer_init(&f.timer, on_timer);
	assert_int_equal(pl_io_add(f.loop, &f.io, EPOLLIN), 0);
	assert_int_equal(write(p[1], "x", 1), 1);
	pl_timer_set(f.loop, &f.timer, 1);
	usleep(12000);
	pl_loop_turn(f.loop, 1000);
	assert_string_equal(f.order, "itmfr");
	pl_loop_free(f.loop);
	close(p[0]);
	close(p[1]);
}

struct alarm {
	struct pl_timer timer;
	uint64_t fired_ms;
};

static void on_alarm(struct pl_timer *t)
{
	PL_CONTAINER(t, struct alarm, timer)->fired_ms = pl_now_ms();
}

static void timers_are_never_early_and_can_be_stopped(void **state)
{
	(void)state;
	struct pl_loop *loop = new_loop(PL_ENGINE_EPOLL);
	struct alarm a[4] = {0};
	const uint64_t after[] = {30, 1, 80, 40};
	uint64_t begin = pl_now_ms();
	for (int i = 0; i < 4; i++) {
		pl_timer_init(&a[i].timer, on_alarm);
		pl_timer_set(loop, &a[i].timer, after[i]);
	}
	pl_timer_stop(&a[3].timer);
	while (pl_now_ms() < begin + 150)
		pl_loop_turn(loop, 20);
	for (int i = 0; i < 3; i++)
		assert_in_range(a[i].fired_ms - begin, after[i], after[i] + 60);
	assert_int_equal(a[3].fired_ms, 0);
	pl_loop_free(loop);
}

/* One round of the wheel is 16.4 s: what is further away must wait for its own round. */
static void a_far_timer_waits_its_rounds(void **state)
{
	(void)state;
	struct pl_loop *loop = new_loop(PL_ENGINE_EPOLL);
	struct alarm a = {0};
	pl_timer_init(&a.timer, on_alarm);
	pl_timer_set(loop, &a.timer, 16384 + 8);
	uint64_t begin = pl_now_ms();
	while (pl_now_ms() < begin + 60)
		pl_loop_turn(loop, 5);
	assert_int_equal(a.fired_ms, 0);
	assert_true(pl_timer_is_set(&a.timer));
	pl_timer_stop(&a.timer);
	pl_loop_free(loop);
}

enum { POSTS = 20000 };
struct letter {
	struct pl_task task;
	int sender, number;
};
static int last_seen[2], letters_seen;

static void read_letter(struct pl_task *t)
{
	struct letter *l = PL_CONTAINER(t, struct letter, task);
	assert_int_equal(l->number, last_seen[l->sender]);
	last_seen[l->sender]++;
	letters_seen++;
	free(l);
}

struct sender {
	struct pl_loop *loop;
	int who;
};

static void *send_letters(void *arg)
{
	struct sender *s = arg;
	for (int i = 0; i < POSTS; i++) {
		struct letter *l = malloc(sizeof(*l));
		*l = (struct letter){.task.run = read_letter, .sender = s->who, .number = i};
		pl_loop_post(s->loop, &l->task);
	}
	return NULL;
}

static void mail_keeps_each_senders_order(void **state)
{
	(void)state;
	struct pl_loop *loop = new_loop(PL_ENGINE_AUTO);
	struct sender s[2] = {{loop, 0}, {loop, 1}};
	pthread_t thread[2];
	last_seen[0] = last_seen[1] = letters_seen = 0;
	for (int i = 0; i < 2; i++)
		pthread_create(&thread[i], NULL, send_letters, &s[i]);
	while (letters_seen < 2 * POSTS)
		pl_loop_turn(loop, 5000);
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	pl_loop_free(loop);
}

static void *stop_soon(void *arg)
{
	usleep(20000);
	pl_loop_stop(arg);
	return NULL;
}

static void stop_wakes_a_sleeping_loop(void **state)
{
	(void)state;
	struct pl_loop *loop = new_loop(PL_ENGINE_EPOLL);
	pthread_t thread;
	pthread_create(&thread, NULL, stop_soon, loop);
	pl_loop_run(loop);
	pthread_join(thread, NULL);
	pl_loop_free(loop);
}

struct pipe_end {
	struct pl_out out;
	int fd;
	const char *at;
	size_t len;
	ssize_t last;
	int calls;
};

static int gather_span(struct pl_out *out, struct iovec *iov, int *fd)
{
	struct pipe_end *e = PL_CONTAINER(out, struct pipe_end, out);
	size_t half = e->len / 2;
	*fd = e->fd;
	iov[0] = (struct iovec){.iov_base = (char *)(uintptr_t)e->at, .iov_len = half};
	iov[1] = (struct iovec){.iov_base = (char *)(uintptr_t)(e->at + half),
				.iov_len = e->len - half};
	return half ? 2 : 0;
}

static void span_sent(struct pl_out *out, ssize_t n)
{
	struct pipe_end *e = PL_CONTAINER(out, struct pipe_end, out);
	e->last = n;
	e->calls++;
}

/* Whole, short, full and broken sockets must be told alike by both engines. */
static void flush_tells_whole_short_full_and_broken(enum pl_engine engine)
{
	static const struct pl_out_ops ops = {.gather = gather_span, .sent = span_sent};
	enum { BIG = 4 << 20 };
	struct pl_loop *loop = new_loop(engine);
	char *bytes = calloc(1, BIG), *got = malloc(BIG);
	int ok[2], slow[2], broken[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ok), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, slow), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, broken), 0);
	close(broken[1]);
	struct pipe_end e[3] = {{.fd = ok[0], .at = "hello world", .len = 11},
				{.fd = slow[0], .at = bytes, .len = BIG},
				{.fd = broken[0], .at = "hello", .len = 5}};
	for (int i = 0; i < 3; i++) {
		pl_out_init(&e[i].out, &ops);
		pl_loop_want_flush(loop, &e[i].out);
		pl_loop_want_flush(loop, &e[i].out); /* asking twice is asking once */
	}
	pl_loop_turn(loop, 0);
	assert_int_equal(e[0].last, 11);
	assert_int_equal(read(ok[1], got, BIG), 11);
	assert_memory_equal(got, "hello world", 11);
	assert_in_range(e[1].last, 1, BIG - 1);
	assert_int_equal(e[2].last, -EPIPE);
	pl_loop_want_flush(loop, &e[1].out);
	pl_loop_turn(loop, 0);
	assert_int_equal(e[1].last, -EAGAIN);
	for (int i = 0; i < 3; i++)
		assert_int_equal(e[i].calls, i == 1 ? 2 : 1);
	pl_loop_free(loop);
	free(bytes);
	free(got);
	close(ok[0]);
	close(ok[1]);
	close(slow[0]);
	close(slow[1]);
	close(broken[0]);
}

static void *turn_once(void *arg)
{
	pl_loop_turn(arg, 0);
	return NULL;
}

/* A ring belongs to its first thread; who takes over a stopped loop must not lose what it sends. */
static void another_thread_may_finish(void **state)
{
	(void)state;
	static const struct pl_out_ops ops = {.gather = gather_span, .sent = span_sent};
	struct pl_loop *loop = new_loop(PL_ENGINE_AUTO);
	char got[64];
	int pair[2];
	pthread_t thread;
	pthread_create(&thread, NULL, turn_once, loop);
	pthread_join(thread, NULL);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	struct pipe_end e = {.fd = pair[0], .at = "the last words", .len = 14};
	pl_out_init(&e.out, &ops);
	for (int i = 1; i < 600; i++) { /* more than a ring holds */
		pl_loop_want_flush(loop, &e.out);
		pl_loop_turn(loop, 0);
		assert_int_equal(e.calls, i);
		assert_int_equal(e.last, 14);
		assert_int_equal(read(pair[1], got, sizeof(got)), 14);
	}
	pl_loop_free(loop);
	close(pair[0]);
	close(pair[1]);
}

struct again {
	struct pl_timer timer;
	struct pl_loop *loop;
	struct again *other;
	int fired;
};

static void on_again(struct pl_timer *t)
{
	struct again *a = PL_CONTAINER(t, struct again, timer);
	a->fired++;
	pl_timer_set(a->loop, &a->timer, 0); /* in the past: not in this turn again */
	if (a->other)
		pl_timer_stop(&a->other->timer);
}

static void timers_may_set_and_stop_each_other(void **state)
{
	(void)state;
	struct pl_loop *loop = new_loop(PL_ENGINE_EPOLL);
	struct again a = {.loop = loop}, b = {.loop = loop};
	a.other = &b;
	b.other = &a;
	pl_timer_init(&a.timer, on_again);
	pl_timer_init(&b.timer, on_again);
	pl_timer_set(loop, &a.timer, 0);
	pl_timer_set(loop, &b.timer, 0);
	for (int i = 1; i <= 5; i++) {
		usleep(10000);
		pl_loop_turn(loop, 0);
		assert_int_equal(a.fired + b.fired, i); /* the first stops the second */
	}
	pl_loop_free(loop);
}

/* A turn may take longer than the wheel is round (a stopped process, a laptop's lid). */
static void a_wheel_that_stood_still_fires_all_once(void **state)
{
	(void)state;
	enum { TIMERS = 40 };
	struct pl_wheel w;
	struct alarm a[TIMERS] = {0};
	uint64_t now = 1000000;
	pl_wheel_init(&w, now);
	for (uint64_t i = 0; i < TIMERS; i++) {
		pl_timer_init(&a[i].timer, on_alarm);
		a[i].timer.due_ms = now + 1 + i * 1000;
		uint64_t slot = (a[i].timer.due_ms + PL_TICK_MS - 1) / PL_TICK_MS % PL_WHEEL_SLOTS;
		pl_list_append(&w.slots[slot], &a[i].timer.node);
		w.occupied[slot / 64] |= 1ull << slot % 64;
	}
	assert_in_range(pl_wheel_wait_ms(&w, now), 1, 8);
	now += 20500; /* more than a round: 16.4 s */
	pl_wheel_fire(&w, now);
	for (uint64_t i = 0; i < TIMERS; i++)
		assert_int_equal(a[i].fired_ms != 0, a[i].timer.due_ms <= now);
	assert_in_range(pl_wheel_wait_ms(&w, now), 1, 1000);
	pl_wheel_fire(&w, now - 5000); /* the clock does not go back; if it did, nothing happens */
	pl_wheel_fire(&w, now + 100000);
	for (int i = 0; i < TIMERS; i++)
		assert_true(a[i].fired_ms && !pl_timer_is_set(&a[i].timer));
	assert_int_equal(pl_wheel_wait_ms(&w, now + 100000), -1);
}

static void by_epoll(void **state)
{
	(void)state;
	flush_tells_whole_short_full_and_broken(PL_ENGINE_EPOLL);
}

static void by_io_uring(void **state)
{
	(void)state;
	struct pl_loop *loop = NULL;
	if (pl_loop_new(&(struct pl_loop_options){.engine = PL_ENGINE_IO_URING}, &loop))
		skip(); /* the kernel forbids it here */
	assert_int_equal(pl_loop_engine(loop), PL_ENGINE_IO_URING);
	pl_loop_free(loop);
	flush_tells_whole_short_full_and_broken(PL_ENGINE_IO_URING);
}

static void say_due(struct pl_timer *t)
{
	((struct fixture *)PL_CONTAINER(t, struct fixture, timer))->order[0] = 't';
}

static void test_when_a_turn_is_due(void **state)
{
	struct fixture f = {.loop = new_loop(PL_ENGINE_EPOLL)};
	struct pollfd p = {.fd = pl_loop_fd(f.loop), .events = POLLIN};
	(void)state;
	pl_loop_turn(f.loop, 0);
	assert_int_equal(pl_loop_due_ms(f.loop), -1);
	assert_int_equal(poll(&p, 1, 0), 0);
	pl_timer_init(&f.timer, say_due);
	pl_timer_set(f.loop, &f.timer, 50);
	assert_in_range(pl_loop_due_ms(f.loop), 1, 50 + 2 * PL_TICK_MS);
	pl_loop_stop(f.loop); /* from outside: a write that wakes */
	assert_int_equal(poll(&p, 1, 1000), 1);
	pl_loop_turn(f.loop, 0);
	assert_int_equal(poll(&p, 1, 0), 0);
	while (!f.order[0])
		pl_loop_turn(f.loop, pl_loop_due_ms(f.loop));
	assert_int_equal(pl_loop_due_ms(f.loop), -1);
	pl_loop_free(f.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_turn_has_one_order),
		cmocka_unit_test(timers_are_never_early_and_can_be_stopped),
		cmocka_unit_test(a_far_timer_waits_its_rounds),
		cmocka_unit_test(mail_keeps_each_senders_order),
		cmocka_unit_test(stop_wakes_a_sleeping_loop),
		cmocka_unit_test(another_thread_may_finish),
		cmocka_unit_test(timers_may_set_and_stop_each_other),
		cmocka_unit_test(a_wheel_that_stood_still_fires_all_once),
		cmocka_unit_test(by_epoll),
		cmocka_unit_test(by_io_uring),
		cmocka_unit_test(test_when_a_turn_is_due),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
