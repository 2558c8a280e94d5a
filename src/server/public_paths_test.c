/*
 * public_paths_test.c - proves that endpoints and mounted dialects stand side by side, each where
 * it should, and that tokens are checked where a key is configured.
 */
#include "server/public_talk_test.h"

#include "auth/auth.h"

#define SECRET "0123456789abcdef0123456789abcdef0"

static int status_of(uint16_t port, const char *path)
{
	int fd = dial(port);
	ask_upgrade(fd, path);
	int status = read_status(fd);
	close(fd);
	return status;
}

static parley_server *make_mixed(struct watch *w, const char *listen, const char *prefix)
{
	static const char *const set[] = {"limits.enabled=false", "store.kind=memory",
					  "auth.secret=" SECRET, NULL};
	struct parley_options o = {.listen = listen, .set = set, .prefix = prefix};
	struct parley_endpoint e = endpoint_for(w, "/ws/{name}");
	parley_server *s = NULL;
	assert_int_equal(parley_create(&s, &o), 0);
	assert_int_equal(parley_serve(s, &e), 0);
	return s;
}

static void test_paths_lead_where_they_should(void **state)
{
	struct watch w = {0};
	(void)state;
	parley_server *s = make_mixed(&w, "127.0.0.1:0,127.0.0.1:0=handler", "/api");
	assert_int_equal(parley_mount(s, "/chat", "qrypt"), 0);
	struct running r = run_on_thread(s);
	for (size_t i = 0; i < 2; i++) {
		uint16_t port = parley_port(s, i);
		assert_int_equal(status_of(port, "/api/ws/a"), 101);
		assert_int_equal(status_of(port, "/api/ws/a/b"), 404);
		assert_int_equal(status_of(port, "/ws/a"), 404);
		assert_int_equal(status_of(port, "/api/chat"), 101);
		assert_int_equal(status_of(port, "/chat"), 404);
		assert_int_equal(status_of(port, "/ws"), 404);
		assert_int_equal(status_of(port, "/"), 404);
	}
	stop_and_free(&r);

	/* A mount without a pattern takes the rest, but nothing under the prefix. */
	s = make_mixed(&w, "127.0.0.1:0", "/api");
	assert_int_equal(parley_mount(s, NULL, "qrypt"), 0);
	r = run_on_thread(s);
	assert_int_equal(status_of(r.port, "/api/ws/a"), 101);
	assert_int_equal(status_of(r.port, "/api/nothing"), 404);
	assert_int_equal(status_of(r.port, "/anything"), 101);
	stop_and_free(&r);

	/* So does a listener's dialect; endpoints come first. */
	s = make_mixed(&w, "127.0.0.1:0=qrypt,127.0.0.1:0", NULL);
	r = run_on_thread(s);
	assert_int_equal(status_of(r.port, "/ws/a"), 101);
	assert_int_equal(status_of(r.port, "/anything"), 101);
	assert_int_equal(status_of(parley_port(s, 1), "/anything"), 404);
	stop_and_free(&r);
	assert_int_equal(w.opened, w.closed);
}

static void test_a_mounted_chat_answers(void **state)
{
	static const char *const set[] = {"store.kind=memory", "auth.secret=" SECRET, NULL};
	struct parley_options o = {.listen = "127.0.0.1:0", .set = set};
	struct pl_token_claims claims = {.subject = PL_S("ada"),
					 .username = PL_S("ada"),
					 .now_s = pl_wall_ms() / 1000,
					 .ttl_s = 60};
	struct pl_buf token;
	char text[2048];
	parley_server *s = NULL;
	(void)state;
	pl_buf_init(&token, 4096);
	assert_int_equal(pl_token_sign(PL_S(SECRET), &claims, &token), 0);
	assert_int_equal(parley_create(&s, &o), 0);
	assert_int_equal(parley_mount(s, "/chat/{any}", "qrypt"), 0);
	struct running r = run_on_thread(s);
	int fd = ws_open(r.port, "/chat/here");
	snprintf(text, sizeof(text),
		 "{\"type\":\"auth\",\"payload\":{\"token\":\"%.*s\"},\"requestId\":\"r1\","
		 "\"timestamp\":\"2025-01-01T00:00:00.000Z\"}",
		 PL_FMT(pl_buf_slice(&token)));
	ws_put(fd, 1, text);
	assert_int_equal(ws_get(fd, text, sizeof(text)), 1);
	assert_non_null(strstr(text, "\"auth_success\""));
	assert_non_null(strstr(text, "\"r1\""));
	parley_stop(s);
	assert_int_equal(ws_closed(fd), 1001);
	close(fd);
	assert_int_equal(wait_for_end(&r), 0);
	parley_free(s);
	pl_buf_fini(&token);
}

/* ---- tokens ---- */

static atomic_int verdict;

static void verify(parley_request *q, void *user)
{
	struct parley_identity who = {.expires_s = 1};
	int err = parley_verify_token(parley_request_server(q), parley_request_query(q, "token"),
				      &who);
	(void)user;
	if (!err && !parley_slice_eq(who.subject, PARLEY_S("ada")))
		err = 1;
	atomic_store(&verdict, err);
	if (err)
		parley_reject(q, 401, "who?");
	else
		parley_accept(q, NULL, NULL);
}

static void test_tokens_need_a_configured_key(void **state)
{
	static const char *const with[] = {"auth.secret=" SECRET, NULL};
	struct pl_token_claims claims = {
		.subject = PL_S("ada"), .now_s = pl_wall_ms() / 1000, .ttl_s = 60};
	char path[2048];
	struct pl_buf token;
	(void)state;
	pl_buf_init(&token, 1024);
	assert_int_equal(pl_token_sign(PL_S(SECRET), &claims, &token), 0);
	snprintf(path, sizeof(path), "/x?token=%.*s", PL_FMT(pl_buf_slice(&token)));
	pl_buf_fini(&token);
	for (int i = 0; i < 2; i++) {
		struct parley_options o = {.listen = "127.0.0.1:0", .set = i ? with : NULL};
		struct parley_endpoint e = {.pattern = "/x", .authenticate = verify};
		struct parley_identity who;
		parley_server *s = NULL;
		assert_int_equal(parley_create(&s, &o), 0);
		assert_int_equal(parley_serve(s, &e), 0);
		struct running r = run_on_thread(s);
		assert_int_equal(status_of(r.port, path), i ? 101 : 401);
		assert_int_equal(verdict, i ? 0 : PARLEY_ENOT_FOUND);
		assert_int_equal(status_of(r.port, "/x?token=no"), 401);
		assert_int_equal(verdict, i ? PARLEY_EDENIED : PARLEY_ENOT_FOUND);
		/* Not a callback. */
		assert_int_equal(parley_verify_token(s, PARLEY_S("x"), &who), PARLEY_ESTATE);
		stop_and_free(&r);
	}
}

/* Many posts of one turn: what each learns of a token is gone with it. */
#define LONG_NAME "Augusta Ada King, Countess of Lovelace, of Ockham Park in the county of Surrey"

struct verifier {
	parley_server *server;
	struct parley_slice token;
	int right;
};

static void verify_in_a_post(void *arg)
{
	struct verifier *v = arg;
	struct parley_identity who;
	v->right += !parley_verify_token(v->server, v->token, &who) &&
		    parley_slice_eq(who.subject, PARLEY_S(LONG_NAME));
}

static void test_tokens_in_many_posts(void **state)
{
	enum { MANY = 3000 };
	static const char *const set[] = {"auth.secret=" SECRET, NULL};
	struct parley_options o = {.listen = "127.0.0.1:0", .set = set};
	struct parley_endpoint e = PARLEY_ENDPOINT("/x");
	struct pl_token_claims claims = {
		.subject = PL_S(LONG_NAME), .now_s = pl_wall_ms() / 1000, .ttl_s = 60};
	struct verifier v = {.server = NULL};
	struct pl_buf token;
	(void)state;
	pl_buf_init(&token, 1024);
	assert_int_equal(pl_token_sign(PL_S(SECRET), &claims, &token), 0);
	v.token = parley_slice(token.at, token.len);
	assert_int_equal(parley_create(&v.server, &o), 0);
	assert_int_equal(parley_serve(v.server, &e), 0);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(parley_post(v.server, verify_in_a_post, &v), 0);
	assert_int_equal(parley_turn(v.server, 1000), 1);
	assert_int_equal(v.right, MANY);
	parley_free(v.server);
	pl_buf_fini(&token);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths_lead_where_they_should),
		cmocka_unit_test(test_a_mounted_chat_answers),
		cmocka_unit_test(test_tokens_need_a_configured_key),
		cmocka_unit_test(test_tokens_in_many_posts),
	};
	if (getenv("ONLY"))
		cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
