/* public_test.c - proves the life of an embedded server: options, start, stop, posts, its own loop
 * and its end in every state, as parley.h says. */
#include "server/testing.h"

#include "base/mem.h"
#include "auth/auth.h"
#include "base/clock.h"
#include "base/thread.h"

#include <dirent.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

/* ---- options ---- */

struct heard {
	char text[4096];
	size_t len;
	enum parley_log_level worst;
};

static void hear(enum parley_log_level level, const char *line, void *user)
{
	struct heard *h = user;
	int n = snprintf(h->text + h->len, sizeof(h->text) - h->len, "%s\n", line);
	if (n > 0 && h->len + (size_t)n < sizeof(h->text))
		h->len += (size_t)n;
	if (level < h->worst)
		h->worst = level;
}

static void test_wrong_options_are_refused_and_told(void **state)
{
	static const struct {
		struct parley_options o;
		const char *set, *says;
	} rows[] = {
		{{.config_file = "/nowhere/at/all.json"}, NULL, "/nowhere/at/all.json"},
		{{.listen = "somewhere"}, NULL, "somewhere"},
		{{.listen = "127.0.0.1:1,127.0.0.1:1"}, NULL, "twice"},
		{{.listen = ""}, NULL, "listen"},
		{{.listen = NULL}, "engine", "option=value"},
		{{.listen = NULL}, "engine=steam", "engine must be"},
		{{.listen = NULL}, "no.such=1", "no.such"},
		{{.listen = NULL}, "auth.secret=short", "auth.secret"},
		{{.prefix = "api"}, NULL, "prefix"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct heard h = {.worst = PARLEY_LOG_DEBUG};
		const char *set[] = {rows[i].set, NULL};
		struct parley_options o = rows[i].o;
		parley_server *s = (parley_server *)(void *)&h;
		o.set = set;
		o.log = hear;
		o.user = &h;
		assert_int_equal(parley_create(&s, &o), PARLEY_EINVAL);
		assert_ptr_equal(s, &h); /* untouched */
		if (!strstr(h.text, rows[i].says))
			fail_msg("row %zu says: %s", i, h.text);
		assert_int_equal(h.worst, PARLEY_LOG_ERROR);
		o.log = NULL;
		assert_int_equal(parley_create(&s, &o), PARLEY_EINVAL);
	}
	(void)state;
}

static void test_the_structs_may_grow(void **state)
{
	struct {
		struct parley_options known;
		uint64_t later;
	} o = {.known = {.listen = "127.0.0.1:0"}};
	parley_server *s = NULL;
	(void)state;
	assert_int_equal(parley_create_sized(&s, &o.known, sizeof(o)), 0);
	parley_free(s);
	o.later = 1; /* asks for something that we do not have */
	assert_int_equal(parley_create_sized(&s, &o.known, sizeof(o)), PARLEY_EINVAL);
	/* An older caller's struct ends before the log. */
	assert_int_equal(parley_create_sized(&s, &o.known, offsetof(struct parley_options, log)),
			 0);
	parley_free(s);
}

static void test_nothing_is_fine(void **state)
{
	parley_server *s = NULL;
	(void)state;
	parley_free(NULL);
	parley_stop(NULL);
	assert_string_equal(parley_why(NULL), "");
	assert_int_equal(parley_create(NULL, NULL), PARLEY_EINVAL);
	assert_int_equal(parley_create(&s, NULL), 0);
	assert_string_equal(parley_why(s), "");
	assert_int_equal(parley_port(s, 0), 0);
	assert_int_equal(parley_fd(s), -1);
	assert_int_equal(parley_publish(s, "/a", PARLEY_S(""), PARLEY_S("x")), PARLEY_ESTATE);
	assert_int_equal(parley_mount(s, NULL, "klingon"), PARLEY_EINVAL);
	assert_non_null(strstr(parley_why(s), "dialect"));
	assert_int_equal(parley_mount(s, "chat{", "qrypt"), PARLEY_EINVAL);
	parley_free(s);
	assert_true(strlen(parley_version()) >= 5);
	assert_string_equal(parley_strerror(PARLEY_EADDR), "cannot listen on that address");
	assert_true(strlen(parley_strerror(12345)) > 0);
}

static void test_the_log_comes_line_by_line(void **state)
{
	struct heard h = {.worst = PARLEY_LOG_DEBUG}, h2 = {.worst = PARLEY_LOG_DEBUG};
	struct parley_options o = {.listen = "127.0.0.1:1=qrypt", .log = hear, .user = &h};
	const char *set[] = {"store.kind=memory", "auth.secret=0123456789abcdef0123456789abcdef0",
			     NULL};
	parley_server *s = NULL;
	(void)state;
	o.set = set;
	assert_int_equal(parley_create(&s, &o), 0);
	assert_non_null(strstr(h.text, "store.kind is memory"));
	assert_int_equal(h.worst, PARLEY_LOG_WARN);
	/* Port 1 is not ours to take, or nobody minds: then another one asks for it too. */
	parley_server *other = NULL;
	int err = parley_start(s);
	if (!err) {
		o.user = &h2;
		assert_int_equal(parley_create(&other, &o), 0);
		err = parley_start(other);
	}
	assert_int_equal(err, PARLEY_EADDR);
	parley_free(other);
	parley_free(s); /* what was logged has been told now */
	assert_non_null(strstr(other ? h2.text : h.text, "server: listen 127.0.0.1:1: "));
}

/* ---- start ---- */

static void test_a_busy_port_is_named_and_may_be_tried_again(void **state)
{
	parley_server *first = make_server(1), *second = NULL;
	char listen[64];
	(void)state;
	assert_int_equal(parley_start(first), 0);
	assert_true(parley_port(first, 0) > 0);
	assert_int_equal(parley_port(first, 1), 0);
	assert_int_equal(parley_start(first), PARLEY_ESTATE);
	snprintf(listen, sizeof(listen), "127.0.0.1:0,127.0.0.1:%u", parley_port(first, 0));
	struct parley_options o = {.listen = listen};
	assert_int_equal(parley_create(&second, &o), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(parley_start(second), PARLEY_EADDR);
		assert_non_null(strstr(parley_why(second), strchr(listen, ',') + 1));
		assert_non_null(strstr(parley_why(second), "in use"));
		assert_int_equal(parley_fd(second), -1);
		assert_int_equal(parley_port(second, 0), 0);
	}
	assert_int_equal(parley_run(second), PARLEY_EADDR);
	assert_int_equal(parley_turn(second, 0), PARLEY_EADDR);
	parley_free(first);
	assert_int_equal(parley_start(second), 0);
	assert_string_equal(parley_why(second), "");
	assert_true(parley_port(second, 1) > 0);
	parley_free(second);
}

static size_t count_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;
	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* CYCLES=10000 for the long run. */
static void test_many_lives_leave_nothing_behind(void **state)
{
	const char *wish = getenv("CYCLES");
	long n = wish ? strtol(wish, NULL, 10) : 500;
	size_t before = count_descriptors();
	(void)state;
	for (long i = 0; i < n; i++) {
		parley_server *s = make_server(i % 50 ? 1 : 3);
		struct parley_endpoint e = PARLEY_ENDPOINT("/ws/{room}");
		assert_int_equal(parley_serve(s, &e), 0);
		assert_int_equal(parley_start(s), 0);
		int line = i % 10 ? -1 : dial(parley_port(s, 0));
		/* Some clients are gone before, some are there when it is freed. */
		bool is_run = i % 3;
		if (line >= 0 && is_run)
			close(line);
		parley_stop(s);
		if (is_run)
			assert_int_equal(parley_run(s), 0);
		parley_free(s);
		if (line >= 0 && !is_run)
			close(line);
	}
	assert_int_equal(count_descriptors(), before);
}

static void test_endpoints_alone_touch_no_disk(void **state)
{
	char dir[] = "/tmp/parley-public-XXXXXX", old[4096];
	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_non_null(getcwd(old, sizeof(old)));
	assert_int_equal(chdir(dir), 0);
	struct running r = run_on_thread(make_server(1));
	stop_and_free(&r);
	assert_int_equal(chdir(old), 0);
	assert_int_equal(rmdir(dir), 0); /* only an empty one can be removed */
}

/* ---- stop ---- */

static void test_stop_comes_from_anywhere_and_at_any_time(void **state)
{
	(void)state;
	struct running r = run_on_thread(make_server(2));
	parley_stop(r.server);
	parley_stop(r.server);
	assert_int_equal(wait_for_end(&r), 0);
	assert_int_equal(parley_run(r.server), PARLEY_ESTATE);
	assert_int_equal(parley_turn(r.server, -1), 0);
	assert_int_equal(parley_start(r.server), PARLEY_ESTATE);
	parley_free(r.server);

	parley_server *s = make_server(1);
	parley_stop(s); /* before anything */
	assert_int_equal(parley_run(s), 0);
	parley_free(s);
}

static parley_server *for_signal;

static void on_signal(int sig)
{
	(void)sig;
	parley_stop(for_signal);
}

static void test_stop_in_a_signal_handler(void **state)
{
	struct sigaction act = {.sa_handler = on_signal}, before;
	(void)state;
	for_signal = make_server(2);
	sigaction(SIGUSR1, &act, &before);
	struct running r = run_on_thread(for_signal);
	usleep(20000);
	pthread_kill(r.thread, SIGUSR1);
	assert_int_equal(wait_for_end(&r), 0);
	sigaction(SIGUSR1, &before, NULL);
	parley_free(r.server);
}

/* ---- posts ---- */

enum { POSTERS = 4, POSTS = 2000 };
struct poster {
	parley_server *server;
	pthread_t thread;
	int taken, ran; /* ran: only on the server's thread */
};

static void count(void *arg)
{
	((struct poster *)arg)->ran++;
}

static void *post_many(void *arg)
{
	struct poster *p = arg;
	for (int i = 0; i < POSTS; i++) {
		int err = parley_post(p->server, count, p);
		if (err == PARLEY_ESTATE)
			break;
		assert_int_equal(err, 0);
		p->taken++;
	}
	return NULL;
}

static void test_every_post_that_was_taken_is_run(void **state)
{
	(void)state;
	for (int round = 0; round < 10; round++) {
		struct poster p[POSTERS] = {{.server = NULL}};
		struct running r = run_on_thread(make_server(1));
		for (int i = 0; i < POSTERS; i++) {
			p[i].server = r.server;
			pthread_create(&p[i].thread, NULL, post_many, &p[i]);
		}
		usleep((useconds_t)round * 300);
		parley_stop(r.server);
		wait_for_end(&r);
		for (int i = 0; i < POSTERS; i++)
			pthread_join(p[i].thread, NULL);
		assert_int_equal(parley_post(r.server, count, &p[0]), PARLEY_ESTATE);
		parley_free(r.server);
		for (int i = 0; i < POSTERS; i++)
			assert_int_equal(p[i].ran, p[i].taken);
	}
}

static void post_again(void *arg)
{
	struct poster *p = arg;
	p->ran++;
	if (!parley_post(p->server, post_again, p))
		p->taken++;
}

static void test_posts_wait_for_the_start_and_for_the_end(void **state)
{
	struct poster p = {.server = make_server(1)};
	(void)state;
	assert_int_equal(parley_post(p.server, NULL, NULL), PARLEY_EINVAL);
	assert_int_equal(parley_post(p.server, count, &p), 0);
	assert_int_equal(parley_start(p.server), 0);
	assert_int_equal(p.ran, 0);
	assert_int_equal(parley_turn(p.server, 1000), 1);
	assert_int_equal(p.ran, 1);
	/* One that posts itself again and again neither starves the rest nor keeps it alive. */
	assert_int_equal(parley_post(p.server, post_again, &p), 0);
	p.taken = 2;
	for (int i = 0; i < 10; i++)
		assert_int_equal(parley_turn(p.server, 1000), 1);
	assert_in_range(p.ran, 5, 15);
	parley_free(p.server);
	assert_int_equal(p.ran, p.taken);

	struct poster q = {.server = make_server(1)};
	while (!parley_post(q.server, count, &q))
		q.taken++;
	assert_int_equal(parley_post(q.server, count, &q), PARLEY_ELIMIT);
	assert_int_equal(q.taken, 1 << 20);
	parley_free(q.server); /* never started */
	assert_int_equal(q.ran, q.taken);
}

static void turn_inside(void *arg)
{
	struct poster *p = arg;
	p->ran = parley_turn(p->server, 0);
}

static void test_a_turn_inside_a_turn_is_refused(void **state)
{
	struct poster p = {.server = make_server(1)};
	(void)state;
	assert_int_equal(parley_post(p.server, turn_inside, &p), 0);
	assert_int_equal(parley_turn(p.server, 1000), 1);
	assert_int_equal(p.ran, PARLEY_ESTATE);
	parley_free(p.server);
}

/* ---- memory ---- */

static int live_once(void)
{
	static const char *const set[] = {"limits.enabled=false", "engine=epoll",
					  "store.kind=memory",
					  "auth.secret=0123456789abcdef0123456789abcdef0", NULL};
	static const char *const protocols[] = {"one", "two", NULL};
	struct heard h = {.worst = PARLEY_LOG_DEBUG};
	struct parley_options o = {.listen = "127.0.0.1:0",
				   .set = set,
				   .prefix = "/api",
				   .workers = 2,
				   .log = hear,
				   .user = &h};
	struct parley_endpoint e = {.pattern = "/x", .subprotocols = protocols, .compress = true};
	parley_server *s = NULL;
	struct poster p = {.server = NULL};
	int err = parley_create(&s, &o);
	if (!err)
		err = parley_serve(s, &e);
	if (!err)
		err = parley_mount(s, "/chat", "qrypt");
	if (!err)
		err = parley_start(s);
	if (!err)
		err = parley_post(s, count, &p);
	if (!err && parley_turn(s, 0) < 0)
		err = PARLEY_ESTATE;
	parley_free(s);
	return err;
}

static void test_each_allocation_may_fail(void **state)
{
	size_t before = count_descriptors();
	int failures = 0;
	(void)state;
	for (unsigned long n = 1; n < 20000; n++) {
		pl_mem_fail_at(n, false);
		int err = live_once();
		unsigned long made = pl_mem_count();
		pl_mem_fail_at(0, false);
		assert_int_equal(count_descriptors(), before);
		if (made < n) {
			assert_int_equal(err, 0);
			assert_in_range(failures, 50, 20000);
			return;
		}
		failures += err != 0;
		if (err && err != PARLEY_ENOMEM)
			fail_msg("allocation %lu: %d", n, err);
	}
	fail_msg("it never came through");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrong_options_are_refused_and_told),
		cmocka_unit_test(test_the_structs_may_grow),
		cmocka_unit_test(test_nothing_is_fine),
		cmocka_unit_test(test_the_log_comes_line_by_line),
		cmocka_unit_test(test_a_busy_port_is_named_and_may_be_tried_again),
		cmocka_unit_test(test_many_lives_leave_nothing_behind),
		cmocka_unit_test(test_endpoints_alone_touch_no_disk),
		cmocka_unit_test(test_stop_comes_from_anywhere_and_at_any_time),
		cmocka_unit_test(test_stop_in_a_signal_handler),
		cmocka_unit_test(test_every_post_that_was_taken_is_run),
		cmocka_unit_test(test_posts_wait_for_the_start_and_for_the_end),
		cmocka_unit_test(test_a_turn_inside_a_turn_is_refused),
		cmocka_unit_test(test_each_allocation_may_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
