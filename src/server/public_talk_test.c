/*
 * public_talk_test.c - proves that embedded servers serve: with several workers, several servers in
 * a process, and turned by the caller's own loop.
 */
#include "server/public_talk_test.h"

/* ---- several workers ---- */

enum { WORKERS = 3, PEOPLE = 24 };

static void test_workers_hear_each_other(void **state)
{
	struct watch w = {0};
	struct parley_endpoint e = endpoint_for(&w, "/ws");
	parley_server *s = make_server(WORKERS);
	int fd[PEOPLE], here = 0;
	char id[PEOPLE][64], text[128];
	(void)state;
	assert_int_equal(parley_serve(s, &e), 0);
	struct running r = run_on_thread(s);
	for (int i = 0; i < PEOPLE; i++) {
		fd[i] = enter(r.port, "/ws", id[i]);
		ws_put(fd[i], 1, i % 2 ? "join odd" : "join even");
		ws_expect(fd[i], "joined");
	}
	ws_put(fd[0], 1, "all hello");
	for (int i = 0; i < PEOPLE; i++)
		ws_expect(fd[i], "hello");
	assert_int_equal(parley_publish(s, "/ws", PARLEY_S("odd"), PARLEY_S("1")), 0);
	assert_int_equal(
		parley_publish_object(s, "/ws", PARLEY_S("even"), PARLEY_OBJ(parley_kint("n", 2))),
		0);
	assert_int_equal(parley_publish(s, "/no", PARLEY_S("odd"), PARLEY_S("1")),
			 PARLEY_ENOT_FOUND);
	for (int i = 0; i < PEOPLE; i++)
		ws_expect(fd[i], i % 2 ? "1" : "{\"n\":2}");
	/* Each is on one worker, and found only there; asked by itself, always. */
	for (int i = 0; i < PEOPLE; i++) {
		snprintf(text, sizeof(text), "find %s", id[i]);
		ws_put(fd[i], 1, text);
		ws_expect(fd[i], "here");
		ws_put(fd[0], 1, text);
		assert_int_equal(ws_get(fd[0], text, sizeof(text)), 1);
		here += !strcmp(text, "here");
	}
	assert_in_range(here, 1, PEOPLE);
	/* Whichever worker has it. */
	for (int i = 0; i < PEOPLE; i++) {
		assert_int_equal(parley_send_to(s, parley_cstr(id[i]), PARLEY_S("psst")), 0);
		ws_expect(fd[i], "psst");
	}
	assert_int_equal(parley_kick(s, parley_cstr(id[5]), 4001, "out"), 0);
	assert_int_equal(ws_closed(fd[5]), 4001);
	for (int i = 0; i < PEOPLE; i++)
		close(fd[i]);
	stop_and_free(&r);
	assert_int_equal(w.opened, PEOPLE);
	assert_int_equal(w.closed, PEOPLE);
}

struct finder {
	parley_server *server;
	char id[64];
	atomic_int found; /* 1: yes, 2: no */
};

static void find_it(void *arg)
{
	struct finder *f = arg;
	parley_conn *c = parley_find(f->server, parley_cstr(f->id));
	if (c)
		(void)parley_send(c, PARLEY_S("found"));
	atomic_store(&f->found, c ? 1 : 2);
}

static void test_a_post_is_a_callback_of_the_first_worker(void **state)
{
	struct watch w = {0};
	struct parley_endpoint e = endpoint_for(&w, "/ws");
	struct finder f = {.server = make_server(1)};
	(void)state;
	assert_int_equal(parley_serve(f.server, &e), 0);
	struct running r = run_on_thread(f.server);
	int fd = enter(r.port, "/ws", f.id);
	assert_null(parley_find(f.server, parley_cstr(f.id))); /* not in a callback */
	assert_int_equal(parley_post(f.server, find_it, &f), 0);
	ws_expect(fd, "found");
	close(fd);
	stop_and_free(&r);
	assert_int_equal(f.found, 1);
}

/* ---- several servers ---- */

enum { SERVERS = 4, WORDS = 200 };

struct neighbour {
	struct running at, next;
	struct watch watch;
	pthread_t talker;
};

/* Talks to the own server and publishes on the next one, as its clients can hear. */
static void *talk(void *arg)
{
	struct neighbour *n = arg;
	char id[64], word[32];
	int fd = enter(n->at.port, "/ws", id);
	for (int i = 0; i < WORDS; i++) {
		snprintf(word, sizeof(word), "word %d", i);
		ws_put(fd, 1, word);
		ws_expect(fd, word);
		assert_int_equal(
			parley_publish(n->next.server, "/ws", PARLEY_S("nobody"), PARLEY_S("x")),
			0);
	}
	ws_put(fd, 8, "");
	close(fd);
	return NULL;
}

static void test_four_servers_in_one_process(void **state)
{
	struct neighbour n[SERVERS] = {0};
	(void)state;
	for (int i = 0; i < SERVERS; i++) {
		struct parley_endpoint e = endpoint_for(&n[i].watch, "/ws");
		parley_server *s = make_server(i % 2 ? 2 : 1);
		assert_int_equal(parley_serve(s, &e), 0);
		n[i].at = run_on_thread(s);
	}
	for (int i = 0; i < SERVERS; i++) {
		n[i].next = n[(i + 1) % SERVERS].at;
		assert_int_equal(pthread_create(&n[i].talker, NULL, talk, &n[i]), 0);
	}
	for (int i = 0; i < SERVERS; i++)
		pthread_join(n[i].talker, NULL);
	for (int i = 0; i < SERVERS; i++) {
		stop_and_free(&n[i].at);
		assert_int_equal(n[i].watch.opened, 1);
		assert_int_equal(n[i].watch.closed, 1);
	}
}

/* ---- the caller's own loop ---- */

/* Turns only when the descriptor says so, until `until` or the time is over. */
static bool poll_and_turn(parley_server *s, uint64_t ms, int *turns, bool (*until)(void *),
			  void *arg)
{
	uint64_t end = pl_now_ms() + ms;
	while (!until(arg)) {
		uint64_t now = pl_now_ms();
		struct pollfd p = {.fd = parley_fd(s), .events = POLLIN};
		assert_true(p.fd >= 0);
		if (now >= end || poll(&p, 1, (int)(end - now)) == 0)
			return false;
		++*turns;
		if (parley_turn(s, 0) == 0)
			return until(arg);
	}
	return true;
}

enum { LISTENERS = 8, PINGS = 5 };
struct pinged {
	int fd[LISTENERS], pings[LISTENERS], echoes;
};

/* Answers every ping, until each of them had some. */
static bool has_enough_pings(void *arg)
{
	struct pinged *p = arg;
	char got[64];
	int served = 0;
	for (int i = 0; i < LISTENERS; i++) {
		while (!is_quiet(p->fd[i], 0)) {
			int op = ws_get(p->fd[i], got, sizeof(got));
			assert_true(op == 9 || op == 1);
			if (op == 9)
				ws_put(p->fd[i], 10, got);
			p->pings[i] += op == 9;
			p->echoes += op == 1 && !strcmp(got, "last");
		}
		served += p->pings[i] >= PINGS;
	}
	return served == LISTENERS;
}

static bool has_echo(void *arg)
{
	(void)has_enough_pings(arg);
	return ((struct pinged *)arg)->echoes > 0;
}

static bool has_answer(void *arg)
{
	return !is_quiet(*(const int *)arg, 0);
}

static bool has_ended(void *arg)
{
	return parley_turn(arg, 0) == 0;
}

static void test_the_descriptor_tells_when_to_turn(void **state)
{
	struct watch w = {0};
	struct parley_endpoint e = endpoint_for(&w, "/ws");
	parley_server *s = make_server(2);
	struct pinged p = {.echoes = 0};
	int turns = 0;
	(void)state;
	e.heartbeat_ms = 200;
	assert_int_equal(parley_serve(s, &e), 0);
	assert_int_equal(parley_start(s), 0);
	/* Several, so that some are the first worker's, whose loop this is. */
	for (int i = 0; i < LISTENERS; i++) {
		p.fd[i] = dial(parley_port(s, 0));
		ask_upgrade(p.fd[i], "/ws");
	}
	for (int i = 0; i < LISTENERS; i++) {
		assert_true(poll_and_turn(s, 5000, &turns, has_answer, &p.fd[i]));
		assert_int_equal(read_status(p.fd[i]), 101);
	}
	/* Nobody says anything but pong: only its own timers can make a turn due. */
	turns = 0;
	assert_true(poll_and_turn(s, 15000, &turns, has_enough_pings, &p));
	/* It sleeps in between: timers and pongs cost turns, but not thousands. */
	assert_in_range(turns, PINGS, 1000);
	ws_put(p.fd[0], 1, "last");
	assert_true(poll_and_turn(s, 5000, &turns, has_echo, &p));
	parley_stop(s);
	for (int i = 0; i < LISTENERS; i++)
		close(p.fd[i]);
	assert_true(poll_and_turn(s, 20000, &turns, has_ended, s));
	parley_free(s);
	assert_int_equal(w.opened, LISTENERS);
	assert_int_equal(w.closed, LISTENERS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_workers_hear_each_other),
		cmocka_unit_test(test_a_post_is_a_callback_of_the_first_worker),
		cmocka_unit_test(test_four_servers_in_one_process),
		cmocka_unit_test(test_the_descriptor_tells_when_to_turn),
	};
	if (getenv("ONLY"))
		cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
