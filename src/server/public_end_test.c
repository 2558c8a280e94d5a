/*
 * public_end_test.c - proves how servers end with people inside: who hears the goodbye, how long it
 * takes, in every state, and when an answer comes from another thread meanwhile.
 */
#include "server/public_talk_test.h"

static void test_everybody_hears_the_goodbye(void **state)
{
	struct watch w = {0};
	struct parley_endpoint e = endpoint_for(&w, "/ws");
	parley_server *s = make_server(2);
	int fd[8];
	char id[64];
	(void)state;
	assert_int_equal(parley_serve(s, &e), 0);
	struct running r = run_on_thread(s);
	for (int i = 0; i < 8; i++)
		fd[i] = enter(r.port, "/ws", id);
	parley_stop(s);
	for (int i = 0; i < 8; i++) {
		char got[256];
		int op;
		while ((op = ws_get(fd[i], got, sizeof(got))) == 1)
			assert_string_equal(got, "bye"); /* of one that left before */
		assert_int_equal(op, 8);
		assert_int_equal((unsigned char)got[0] << 8 | (unsigned char)got[1], 1001);
		close(fd[i]);
	}
	assert_int_equal(wait_for_end(&r), 0);
	parley_free(s);
	assert_int_equal(w.closed, 8);
}

static void test_the_patience_of_a_drain_ends(void **state)
{
	static const char *const set[] = {"drain.deadline=100ms", NULL};
	struct parley_options o = {.listen = "127.0.0.1:0", .set = set};
	struct watch w = {0};
	struct parley_endpoint e = endpoint_for(&w, "/ws");
	parley_server *s = NULL;
	char id[64];
	(void)state;
	assert_int_equal(parley_create(&s, &o), 0);
	assert_int_equal(parley_serve(s, &e), 0);
	struct running r = run_on_thread(s);
	int fd = enter(r.port, "/ws", id); /* who never answers */
	uint64_t before = pl_now_ms();
	parley_stop(s);
	assert_int_equal(wait_for_end(&r), 0);
	assert_in_range(pl_now_ms() - before, 90, 4000);
	parley_free(s);
	assert_int_equal(w.closed, 1);
	close(fd);
}

enum end { AT_ONCE, BY_TURNS, STOPPED, AFTER_RUN, ENDS };

static void live_until(enum end how)
{
	static const char *const set[] = {"drain.deadline=50ms", "limits.enabled=false", NULL};
	struct parley_options o = {.listen = "127.0.0.1:0", .set = set, .workers = 2};
	struct watch w = {0}, slow = {0};
	struct parley_endpoint e = endpoint_for(&w, "/ws"), late = endpoint_for(&slow, "/late");
	parley_server *s = NULL;
	int fd[6], turns = 0;
	late.authenticate = on_authenticate;
	assert_int_equal(parley_create(&s, &o), 0);
	assert_int_equal(parley_serve(s, &e), 0);
	assert_int_equal(parley_serve(s, &late), 0);
	assert_int_equal(parley_start(s), 0);
	for (int i = 0; i < 6; i++) {
		fd[i] = dial(parley_port(s, 0));
		ask_upgrade(fd[i], i == 5 ? "/late" : "/ws");
	}
	for (; how != AT_ONCE && (w.opened < 5 || !slow.pending) && turns < 2000; turns++)
		assert_int_equal(parley_turn(s, 5), 1);
	assert_true(turns < 2000);
	if (how == STOPPED || how == AFTER_RUN)
		parley_stop(s);
	if (how == AFTER_RUN)
		assert_int_equal(parley_run(s), 0);
	parley_free(s);
	if (slow.pending)
		parley_accept(slow.pending, NULL, NULL);
	if (how != AT_ONCE)
		assert_int_equal(w.opened, 5);
	assert_int_equal(w.closed, w.opened);
	assert_int_equal(slow.opened, 0);
	for (int i = 0; i < 6; i++)
		close(fd[i]);
}

static void test_free_in_every_state_closes_everybody(void **state)
{
	(void)state;
	for (enum end how = 0; how < ENDS; how++)
		for (int round = 0; round < 5; round++)
			live_until(how);
}

/* ---- answers of another thread ---- */

static void test_an_answer_may_come_from_another_thread(void **state)
{
	struct watch w = {0};
	struct parley_endpoint e = endpoint_for(&w, "/ws");
	parley_server *s = make_server(1);
	char id[64];
	(void)state;
	e.authenticate = on_authenticate;
	assert_int_equal(parley_serve(s, &e), 0);
	struct running r = run_on_thread(s);
	int fd = dial(r.port);
	ask_upgrade(fd, "/ws");
	for (int i = 0; i < 2000 && !atomic_load(&w.pending); i++)
		usleep(1000);
	assert_non_null(atomic_load(&w.pending));
	parley_accept(atomic_load(&w.pending), NULL, NULL);
	assert_int_equal(read_status(fd), 101);
	assert_int_equal(ws_get(fd, id, sizeof(id)), 1);
	close(fd);
	stop_and_free(&r);
}

/* The answer and the end of the server at the same moment: each order is fine. */
static void on_freed(void *arg)
{
	struct watch *w = arg;
	atomic_fetch_add(&w->freed, 1);
}

static void *accept_soon(void *arg)
{
	struct watch *w = arg;
	while (!atomic_load(&w->pending))
		usleep(10);
	while (!atomic_load(&w->is_slow))
		;
	parley_accept(atomic_load(&w->pending), w, on_freed);
	return NULL;
}

static void test_an_answer_meets_the_end(void **state)
{
	(void)state;
	for (int round = 0; round < 200; round++) {
		struct watch w = {0};
		struct parley_endpoint e = endpoint_for(&w, "/ws");
		parley_server *s = make_server(1);
		pthread_t thread;
		e.authenticate = on_authenticate;
		assert_int_equal(parley_serve(s, &e), 0);
		assert_int_equal(parley_start(s), 0);
		assert_int_equal(pthread_create(&thread, NULL, accept_soon, &w), 0);
		int fd = dial(parley_port(s, 0));
		ask_upgrade(fd, "/ws");
		while (!atomic_load(&w.pending))
			assert_int_equal(parley_turn(s, 1000), 1);
		atomic_store(&w.is_slow, true);
		usleep((useconds_t)round % 20);
		parley_free(s);
		pthread_join(thread, NULL);
		assert_int_equal(w.opened, w.closed);
		assert_int_equal(w.freed, 1);
		close(fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everybody_hears_the_goodbye),
		cmocka_unit_test(test_the_patience_of_a_drain_ends),
		cmocka_unit_test(test_free_in_every_state_closes_everybody),
		cmocka_unit_test(test_an_answer_may_come_from_another_thread),
		cmocka_unit_test(test_an_answer_meets_the_end),
	};
	if (getenv("ONLY"))
		cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
