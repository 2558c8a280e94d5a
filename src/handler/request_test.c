/*
 * request_test.c - proves that `authenticate` may answer at once, later, from another thread, after
 * the client left, or never; that each refusal looks as promised; and that auth data are freed once
 * in every case.
 */
#include "handler/internal.h"
#include "handler/testing.h"

#include <pthread.h>

static struct world w;
static parley_request *asked;
static int freed;
static char auth_data;

static void free_auth(void *auth)
{
	assert_ptr_equal(auth, &auth_data);
	freed++;
}

/* What the query says: ?do=accept, ?do=4001 (or another code), ?do=later. */
static void authenticate(parley_request *r, void *user)
{
	char what[32], reason[256];
	struct parley_slice say = parley_request_query(r, "do"),
			    why = parley_request_query(r, "why");
	assert_ptr_equal(user, &w);
	assert_ptr_equal(parley_request_user(r), &w);
	assert_ptr_equal(parley_request_server(r), world_server(&w));
	assert_ptr_equal(pl_handlers_here(w.handlers), w.sites[0]);
	snprintf(what, sizeof(what), "%.*s", PARLEY_FMT(say));
	snprintf(reason, sizeof(reason), "%.*s", PARLEY_FMT(why));
	if (!strcmp(what, "accept"))
		parley_accept(r, &auth_data, free_auth);
	else if (strcmp(what, "later") != 0)
		parley_reject(r, (uint16_t)strtoul(what, NULL, 10), why.at ? reason : NULL);
	asked = r;
}

static int on_connect(parley_conn *c)
{
	note(&w, "connect %s;", parley_conn_auth(c) == &auth_data ? "as somebody" : "as nobody");
	return parley_send(c, parley_request_header(parley_conn_request(c), "X-Name"));
}

static void on_close(parley_conn *c, uint16_t code, struct parley_slice reason)
{
	(void)reason;
	assert_int_equal(freed, 0); /* it is freed after this */
	note(&w, "close %u %s;", code, parley_conn_auth(c) ? "somebody" : "nobody");
}

static const struct parley_endpoint plain = {.pattern = "/ws/{who}",
					     .user = &w,
					     .auth_ms = 60000,
					     .authenticate = authenticate,
					     .on_connect = on_connect,
					     .on_close = on_close};

static void open_world(const struct parley_endpoint *e)
{
	asked = NULL;
	freed = 0;
	world_open(&w, e);
}

static void accepted_at_once(void **state)
{
	(void)state;
	open_world(&plain);
	struct client *c = client_ask(&w, "/ws/me?do=accept", "X-Name: Ann\r\n");
	expect_101(&w, c);
	expect_text(&w, c, "Ann");
	expect_log(&w, "connect as somebody;");
	assert_int_equal(freed, 0);
	say_close(&w, c, 1000, "");
	UNTIL(&w, freed);
	expect_log(&w, "close 1000 somebody;");
	world_end(&w);
	assert_int_equal(freed, 1);
}

static void refused_over_http(void **state)
{
	static const struct {
		const char *path, *status, *body;
	} rows[] = {
		{"/ws/me?do=401", "401", ""},
		{"/ws/me?do=401&why=No+token", "401", "No token"},
		{"/ws/me?do=403&why=%C3%A9", "403", "\xc3\xa9"},
		{"/ws/me?do=599", "599", ""},
		{"/ws/me?do=400", "400", ""},
		{"/ws/me?do=399", "500", ""},
		{"/ws/me?do=600", "500", ""},
		{"/ws/me?do=1000", "500", ""},
		{"/ws/me?do=3999", "500", ""},
		{"/ws/me?do=5000&why=x", "500", "x"},
		{"/ws/me?do=0", "500", ""},
	};
	(void)state;
	open_world(&plain);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct client *c = client_ask(&w, rows[i].path, "");
		UNTIL(&w, has_head(c));
		bool challenged = memmem(c->got.at, c->got.len, "WWW-Authenticate: Bearer", 24);
		assert_int_equal(challenged, !strcmp(rows[i].status, "401"));
		expect_status(&w, c, rows[i].status, rows[i].body);
	}
	expect_log(&w, "");
	world_end(&w);
}

static void refused_with_a_close_code(void **state)
{
	static const char *const protocols[] = {"chat", NULL};
	struct parley_endpoint e = plain;
	(void)state;
	e.subprotocols = protocols;
	open_world(&e);
	struct client *c = client_ask(&w, "/ws/me?do=4001&why=No+token+provided",
				      "Sec-WebSocket-Protocol: chat\r\n");
	UNTIL(&w, has_head(c));
	/* Else a browser fails the handshake itself and sees no code. */
	assert_non_null(memmem(c->got.at, c->got.len, "Sec-WebSocket-Protocol: chat", 28));
	expect_101(&w, c);
	say(&w, c, "nobody hears this");
	say_bytes(&w, c, PL_WS_PING, PL_S("nor this"));
	expect_close(&w, c, 4001, "No token provided");
	say_close(&w, c, 4001, "");
	UNTIL(&w, c->eof);
	c = client_ask(&w, "/ws/me?do=1008", "");
	expect_101(&w, c);
	expect_close(&w, c, 1008, "");
	hang_up(c);
	char path[300] = "/ws/me?do=4999&why=", cut[124];
	memset(path + 19, 'y', 200);
	memset(cut, 'y', 123);
	cut[123] = '\0';
	c = client_ask(&w, path, "");
	expect_101(&w, c);
	expect_close(&w, c, 4999, cut);
	settle(&w);
	expect_log(&w, "");
	world_end(&w);
	expect_log(&w, "");
}

static void answered_later(void **state)
{
	(void)state;
	open_world(&plain);
	struct client *c = client_ask(&w, "/ws/m%65?do=later&a=b+%63&empty", "X-Name: Ben\r\n");
	say(&w, c, "frames that come early wait");
	UNTIL(&w, asked);
	assert_false(has_head(c));
	assert_true(parley_slice_eq(parley_request_path(asked), PARLEY_S("/ws/m%65")));
	for (int i = 0; i < 1000; i++) { /* decoded once, not each time */
		assert_true(parley_slice_eq(parley_request_param(asked, "who"), PARLEY_S("me")));
		assert_true(parley_slice_eq(parley_request_query(asked, "a"), PARLEY_S("b c")));
	}
	assert_true(parley_slice_eq(parley_request_query(asked, "empty"), PARLEY_S("")));
	assert_non_null(parley_request_query(asked, "empty").at);
	assert_null(parley_request_query(asked, "b").at);
	assert_null(parley_request_query(asked, NULL).at);
	assert_null(parley_request_param(asked, "what").at);
	assert_null(parley_request_param(asked, NULL).at);
	assert_true(parley_slice_eq(parley_request_header(asked, "x-name"), PARLEY_S("Ben")));
	assert_null(parley_request_header(asked, "X-Other").at);
	assert_null(parley_request_header(asked, NULL).at);
	assert_true(parley_slice_eq(parley_request_addr(asked), PARLEY_S("192.0.2.1")));
	parley_accept(asked, &auth_data, free_auth);
	assert_false(has_head(c)); /* the worker does it in its turn */
	expect_101(&w, c);
	expect_text(&w, c, "Ben");
	c = client_ask(&w, "/ws/me?do=later", "");
	UNTIL(&w, asked);
	parley_reject(asked, 403, "no");
	expect_status(&w, c, "403", "no");
	c = client_ask(&w, "/ws/me?do=later", "");
	parley_reject(asked, 4002, "Invalid token");
	expect_101(&w, c);
	expect_close(&w, c, 4002, "Invalid token");
	assert_int_equal(freed, 0);
	hang_up(&w.clients[0]);
	world_end(&w);
	assert_int_equal(freed, 1);
	forget_log(&w);
}

static void a_second_answer_does_not_count(void **state)
{
	(void)state;
	open_world(&plain);
	struct client *c = client_ask(&w, "/ws/me?do=later", "X-Name: x\r\n");
	UNTIL(&w, asked);
	parley_accept(asked, &auth_data, free_auth);
	parley_reject(asked, 403, "no"); /* before the worker took the first */
	parley_accept(asked, NULL, NULL);
	expect_101(&w, c);
	expect_text(&w, c, "x");
	world_end(&w);
	assert_int_equal(freed, 1);
	forget_log(&w);
}

static void answered_after_the_client_left(void **state)
{
	(void)state;
	open_world(&plain);
	for (int way = 0; way < 2; way++) {
		struct client *c = client_ask(&w, "/ws/me?do=later", "X-Name: Cid\r\n");
		UNTIL(&w, asked);
		hang_up(c);
		UNTIL(&w, !pl_conns_count(w.sets[0]));
		assert_true(
			parley_slice_eq(parley_request_header(asked, "X-Name"), PARLEY_S("Cid")));
		if (way)
			parley_reject(asked, 403, "too late");
		else
			parley_accept(asked, &auth_data, free_auth);
		settle(&w);
		asked = NULL;
		assert_int_equal(freed, 1);
	}
	/* The answer is on its way when the client leaves. */
	struct client *c = client_ask(&w, "/ws/me?do=later", "");
	UNTIL(&w, asked);
	hang_up(c);
	parley_accept(asked, &auth_data, free_auth);
	UNTIL(&w, freed == 2);
	expect_log(&w, "");
	world_end(&w);
}

static void nobody_answers(void **state)
{
	struct parley_endpoint e = plain;
	(void)state;
	e.auth_ms = 50;
	open_world(&e);
	uint64_t begin = pl_now_ms();
	struct client *c = client_ask(&w, "/ws/me?do=later", "X-Name: Dora\r\n");
	expect_status(&w, c, "503", "Authentication took too long\n");
	assert_in_range(pl_now_ms() - begin, 40, 2000);
	assert_true(parley_slice_eq(parley_request_header(asked, "X-Name"), PARLEY_S("Dora")));
	parley_accept(asked, &auth_data, free_auth); /* still valid, and harmless */
	settle(&w);
	assert_int_equal(freed, 1);
	(void)client_ask(&w, "/ws/me?do=later", "");
	UNTIL(&w, asked);
	parley_request *orphan = asked;
	asked = NULL;
	(void)client_ask(&w, "/ws/me?do=later", "");
	UNTIL(&w, asked);
	parley_accept(asked, &auth_data, free_auth); /* answered, but nobody turns any more */
	freed = 0;
	pl_conns_free(w.sets[0]);
	w.sets[0] = NULL;
	expect_log(&w, "");
	assert_int_equal(freed, 1);
	world_end(&w);
	parley_reject(orphan, 401, "no");
}

/* The server is gone, the slow check is not: what it holds is still good, and it frees it. */
static void answered_after_the_server_left(void **state)
{
	(void)state;
	for (int way = 0; way < 3; way++) {
		parley_request *orphan[2];
		open_world(&plain);
		for (int i = 0; i < 2; i++) {
			asked = NULL;
			(void)client_ask(&w, "/ws/me?do=later", "X-Name: Gus\r\n");
			UNTIL(&w, asked);
			orphan[i] = asked;
		}
		if (way == 2)
			hang_up(&w.clients[0]);
		freed = 0;
		world_end(&w);
		for (int i = 0; i < 2; i++) {
			struct parley_slice name = parley_request_header(orphan[i], "X-Name");
			assert_true(parley_slice_eq(name, PARLEY_S("Gus")));
			name = parley_request_query(orphan[i], "do");
			assert_true(parley_slice_eq(name, PARLEY_S("later")));
			assert_null(parley_request_server(orphan[i]));
			if (way)
				parley_accept(orphan[i], &auth_data, free_auth);
			else
				parley_reject(orphan[i], 4001, "no");
			assert_int_equal(freed, way ? i + 1 : 0);
		}
		forget_log(&w);
	}
}

static void an_answer_waits_in_the_mailbox_at_the_end(void **state)
{
	(void)state;
	open_world(&plain);
	struct client *c = client_ask(&w, "/ws/me?do=later", "");
	UNTIL(&w, asked);
	hang_up(c);
	UNTIL(&w, !pl_conns_count(w.sets[0]));
	pl_conns_free(w.sets[0]);
	parley_accept(asked, &auth_data, free_auth);
	pl_handler_site_free(w.sites[0]);
	assert_int_equal(freed, 1);
	w.sites[0] = NULL;
	w.sets[0] = NULL;
	pl_loop_free(w.loops[0]); /* what lies in its mailbox is forgotten */
	w.loops[0] = NULL;
	w.workers = 0;
	world_end(&w);
}

/* Who never answers does not fill the memory. */
static void too_many_wait(void **state)
{
	(void)state;
	open_world(&plain);
	struct client *c = client_ask(&w, "/ws/me?do=later", "X-Name: Fay\r\n");
	UNTIL(&w, asked);
	parley_request *first = asked;
	assert_int_equal(w.sites[0]->nasked, 1);
	w.sites[0]->nasked = 65536;
	asked = NULL;
	expect_status(&w, client_ask(&w, "/ws/me?do=later", ""), "503", "");
	assert_null(asked);
	w.sites[0]->nasked = 1;
	parley_accept(first, NULL, NULL);
	expect_101(&w, c);
	expect_text(&w, c, "Fay");
	assert_int_equal(w.sites[0]->nasked, 0);
	world_end(&w);
	forget_log(&w);
}

/* ---- from another thread ---- */

enum { THREADED = 200 };

struct check {
	pthread_t thread;
	parley_request *request;
	int way;
};

static struct check checks[THREADED];
static int nchecks;

static void *slow_check(void *arg)
{
	struct check *c = arg;
	struct parley_slice name = parley_request_query(c->request, "name");
	assert_true(parley_slice_eq(name, PARLEY_S("A b")));
	if (c->way % 3)
		usleep((unsigned)(c->way % 7) * 300);
	if (c->way % 4 == 3)
		parley_reject(c->request, 4001, "no");
	else
		parley_accept(c->request, &auth_data, free_auth);
	return NULL;
}

static void ask_a_thread(parley_request *r, void *user)
{
	struct check *c = &checks[nchecks];
	(void)user;
	*c = (struct check){.request = r, .way = nchecks++};
	assert_int_equal(pthread_create(&c->thread, NULL, slow_check, c), 0);
	if (c->way % 5 == 0)
		usleep(500); /* so that some are answered before this returns */
}

static void answered_from_another_thread(void **state)
{
	struct parley_endpoint e = {.pattern = "/ws", .authenticate = ask_a_thread};
	int accepted = 0;
	(void)state;
	nchecks = 0;
	open_world(&e);
	for (int i = 0; i < THREADED; i++) {
		struct client *c = client_ask(&w, "/ws?name=A%20b", "");
		if (i % 8 == 5) { /* leaves meanwhile */
			hang_up(c);
		} else {
			expect_101(&w, c);
			if (i % 4 == 3)
				expect_close(&w, c, 4001, "no");
		}
		hang_up(c);
		w.nclients = 0;
		accepted += i % 4 != 3;
	}
	assert_int_equal(nchecks, THREADED);
	for (int i = 0; i < nchecks; i++)
		pthread_join(checks[i].thread, NULL);
	UNTIL(&w, !pl_conns_count(w.sets[0]));
	settle(&w);
	assert_int_equal(freed, accepted);
	world_end(&w);
	assert_int_equal(freed, accepted);
}

/* ---- with the request kept, too ---- */

static void both_kept_and_answered_later(void **state)
{
	struct parley_endpoint e = plain;
	(void)state;
	e.keep_request = true;
	open_world(&e);
	struct client *c = client_ask(&w, "/ws/me?do=later", "X-Name: Eve\r\n");
	UNTIL(&w, asked);
	parley_accept(asked, NULL, NULL);
	expect_101(&w, c);
	expect_text(&w, c, "Eve");
	expect_log(&w, "connect as nobody;");
	world_end(&w);
	expect_log(&w, "close 1006 nobody;");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepted_at_once),
		cmocka_unit_test(refused_over_http),
		cmocka_unit_test(refused_with_a_close_code),
		cmocka_unit_test(answered_later),
		cmocka_unit_test(a_second_answer_does_not_count),
		cmocka_unit_test(answered_after_the_client_left),
		cmocka_unit_test(nobody_answers),
		cmocka_unit_test(answered_after_the_server_left),
		cmocka_unit_test(an_answer_waits_in_the_mailbox_at_the_end),
		cmocka_unit_test(too_many_wait),
		cmocka_unit_test(answered_from_another_thread),
		cmocka_unit_test(both_kept_and_answered_later),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
