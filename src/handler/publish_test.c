/*
 * publish_test.c - proves that a publication from any thread reaches the members of a room on all
 * workers in its order, that one connection can be told or closed from anywhere, and what is
 * refused.
 */
#include "handler/testing.h"

#include <pthread.h>

static struct world w;
static char ids[CLIENTS][PL_UUID_TEXT];
static int nids;

static int on_connect(parley_conn *c)
{
	memcpy(ids[nids++], parley_conn_id(c).at, PL_UUID_TEXT);
	return parley_join(c, nids % 2 ? PARLEY_S("odd") : PARLEY_S("even"));
}

static void on_close(parley_conn *c, uint16_t code, struct parley_slice reason)
{
	(void)c;
	note(&w, "close %u %.*s;", code, PARLEY_FMT(reason));
}

/* 0 and 2 are odd, 1 and 3 even; 2 and 3 are on the second worker; 4 is at another endpoint. */
static void people(void)
{
	struct parley_endpoint a = {
		.pattern = "/a/{x}", .on_connect = on_connect, .on_close = on_close};
	struct parley_endpoint b = PARLEY_ENDPOINT("/b");
	nids = 0;
	world_new(&w, "/api", 2);
	world_serve(&w, &a);
	world_serve(&w, &b);
	assert_int_equal(pl_handlers_publish(w.handlers, "/b", PL_S(""), PARLEY_TEXT, PL_S("x")),
			 PL_ESTATE);
	assert_int_equal(pl_handlers_send_to(w.handlers, PL_S("x"), PL_S("x")), PL_ESTATE);
	world_start(&w);
	for (int i = 0; i < 4; i++)
		(void)client_at(&w, i / 2, "/api/a/1");
	(void)client_at(&w, 1, "/api/b");
}

static void heard(const char *who, enum pl_ws_op op, const char *text)
{
	settle(&w);
	for (int i = 0; i < w.nclients; i++) {
		if (strchr(who, '0' + i))
			expect_frame(&w, &w.clients[i], op, text);
		expect_nothing(&w, &w.clients[i]);
	}
}

static int publish(const char *pattern, const char *room, enum parley_kind kind, const char *data)
{
	return pl_handlers_publish(w.handlers, pattern, pl_slice_str(room), kind,
				   pl_slice_str(data));
}

static void who_hears_a_publication(void **state)
{
	char name[300];
	(void)state;
	people();
	assert_int_equal(publish("/a/{x}", "odd", PARLEY_TEXT, "news"), 0);
	heard("02", PL_WS_TEXT, "news");
	assert_int_equal(publish("/a/{x}", "", PARLEY_TEXT, "all"), 0);
	heard("0123", PL_WS_TEXT, "all");
	assert_int_equal(publish("/a/{x}", NULL, PARLEY_BINARY, "all"), 0);
	heard("0123", PL_WS_BINARY, "all");
	assert_int_equal(publish("/b", "", PARLEY_TEXT, ""), 0);
	heard("4", PL_WS_TEXT, "");
	assert_int_equal(publish("/b", "odd", PARLEY_TEXT, "x"), 0);
	heard("", PL_WS_TEXT, "");
	assert_int_equal(pl_handlers_publish_object(w.handlers, "/a/{x}", PL_S("even"),
						    PARLEY_OBJ(parley_kint("n", 7))),
			 0);
	heard("13", PL_WS_TEXT, "{\"n\":7}");
	assert_int_equal(publish("/a/1", "", PARLEY_TEXT, "x"), PL_ENOTFOUND);
	assert_int_equal(publish("/api/b", "", PARLEY_TEXT, "x"), PL_ENOTFOUND);
	assert_int_equal(publish(NULL, "", PARLEY_TEXT, "x"), PL_ENOTFOUND);
	memset(name, 'n', sizeof(name));
	name[256] = '\0';
	assert_int_equal(publish("/b", name, PARLEY_TEXT, "x"), PL_EINVAL);
	assert_int_equal(pl_handlers_publish(w.handlers, "/b", PL_S(""), PARLEY_TEXT,
					     pl_slice(name, 1u << 30)),
			 PL_ETOOBIG);
	assert_int_equal(pl_handlers_publish_object(w.handlers, "/b", PL_S(""), NULL), PL_EINVAL);
	heard("", PL_WS_TEXT, "");
	world_end(&w);
	forget_log(&w);
}

/* Publishers that never wait for a worker that does not come to it. */
static void what_waits_has_a_limit(void **state)
{
	enum { LARGE = 1 << 20, MANY = 200 };
	char *bytes = test_malloc(LARGE);
	struct pl_slice large = pl_slice(bytes, LARGE);
	int err = 0, n = 0;
	(void)state;
	memset(bytes, 'x', LARGE);
	people();
	for (; !err && n < MANY; n++)
		err = pl_handlers_publish(w.handlers, "/b", PL_S("empty"), PARLEY_TEXT, large);
	assert_int_equal(err, PL_EBUSY);
	assert_in_range(n, 64, 66);
	assert_int_equal(pl_handlers_kick(w.handlers, pl_slice(ids[0], PL_UUID_TEXT), 4000, ""),
			 PL_EBUSY);
	settle(&w);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(publish("/a/{x}", "odd", PARLEY_TEXT, "again"), 0);
		heard("02", PL_WS_TEXT, "again");
	}
	world_end(&w);
	forget_log(&w);
	test_free(bytes);
}

static void one_connection_from_anywhere(void **state)
{
	struct pl_slice one = pl_slice(ids[1], PL_UUID_TEXT), two = pl_slice(ids[2], PL_UUID_TEXT);
	char nobody[PL_UUID_TEXT + 1] = "00000000-0000-4000-8000-000000000000", long_reason[200];
	(void)state;
	people();
	assert_int_equal(pl_handlers_send_to(w.handlers, two, PL_S("psst")), 0);
	heard("2", PL_WS_TEXT, "psst");
	assert_int_equal(pl_handlers_send_to(w.handlers, one, PL_S("")), 0);
	heard("1", PL_WS_TEXT, "");
	assert_int_equal(pl_handlers_send_to(w.handlers, pl_slice(nobody, 36), PL_S("x")), 0);
	assert_int_equal(pl_handlers_send_to(w.handlers, PL_S("short"), PL_S("x")), 0);
	assert_int_equal(pl_handlers_kick(w.handlers, pl_slice(nobody, 36), 4000, "x"), 0);
	heard("", PL_WS_TEXT, "");
	assert_int_equal(pl_handlers_kick(w.handlers, two, 4003, "out"), 0);
	assert_int_equal(pl_handlers_send_to(w.handlers, two, PL_S("too late")), 0);
	expect_close(&w, &w.clients[2], 4003, "out");
	memset(long_reason, 'r', sizeof(long_reason));
	long_reason[199] = '\0';
	assert_int_equal(pl_handlers_kick(w.handlers, one, 1006, long_reason), 0);
	long_reason[123] = '\0';
	expect_close(&w, &w.clients[1], 1011, long_reason);
	say_close(&w, &w.clients[2], 4003, "");
	UNTIL(&w, w.log_len);
	expect_log(&w, "close 4003 out;");
	assert_int_equal(pl_handlers_send_to(w.handlers, two, PL_S("gone")), 0);
	assert_int_equal(pl_handlers_kick(w.handlers, two, 4000, NULL), 0);
	settle(&w);
	world_end(&w);
	forget_log(&w);
}

enum { THREADS = 3, EACH = 2000 };

static void *publish_many(void *arg)
{
	int thread = *(int *)arg;
	for (int i = 0; i < EACH; i++) {
		char text[32];
		int n = snprintf(text, sizeof(text), "%d %d", thread, i);
		assert_int_equal(pl_handlers_publish(w.handlers, "/a/{x}", PL_S("odd"), PARLEY_TEXT,
						     pl_slice(text, (size_t)n)),
				 0);
	}
	return NULL;
}

static void publications_of_a_thread_keep_their_order(void **state)
{
	pthread_t threads[THREADS];
	int numbers[THREADS], next[CLIENTS][THREADS] = {{0}}, got = 0;
	struct pl_ws_event ev = {0};
	(void)state;
	people();
	for (int i = 0; i < THREADS; i++) {
		numbers[i] = i;
		assert_int_equal(pthread_create(&threads[i], NULL, publish_many, &numbers[i]), 0);
	}
	for (uint64_t end = pl_now_ms() + 20000; got < 2 * THREADS * EACH;) {
		assert_true(pl_now_ms() < end);
		turn_for(&w, 1);
		for (int c = 0; c < 3; c += 2) {
			while (next_frame(&w.clients[c], &ev)) {
				char *rest = NULL;
				long thread = strtol(ev.data.at, &rest, 10);
				assert_in_range(thread, 0, THREADS - 1);
				assert_int_equal(strtol(rest, NULL, 10), next[c][thread]);
				next[c][thread]++;
				got++;
			}
		}
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	heard("", PL_WS_TEXT, "");
	world_end(&w);
	forget_log(&w);
}

/* A set of sites that went can come again: a start that failed is tried again. */
static void sites_come_and_go(void **state)
{
	(void)state;
	people();
	for (int i = 0; i < WORKERS; i++) {
		pl_conns_free(w.sets[i]);
		pl_handler_site_free(w.sites[i]);
		pl_loop_free(w.loops[i]);
	}
	for (int i = 0; i < w.nclients; i++)
		hang_up(&w.clients[i]);
	w.nclients = 0;
	assert_int_equal(publish("/b", "", PARLEY_TEXT, "x"), PL_ESTATE);
	forget_log(&w);
	world_start(&w);
	(void)client_at(&w, 0, "/api/b");
	(void)client_at(&w, 1, "/api/b");
	assert_int_equal(publish("/b", "", PARLEY_TEXT, "x"), 0);
	heard("01", PL_WS_TEXT, "x");
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_hears_a_publication),
		cmocka_unit_test(what_waits_has_a_limit),
		cmocka_unit_test(one_connection_from_anywhere),
		cmocka_unit_test(publications_of_a_thread_keep_their_order),
		cmocka_unit_test(sites_come_and_go),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
