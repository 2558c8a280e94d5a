/*
 * endpoint_test.c - proves what may be registered and what is refused with words, that older and
 * newer callers' structs are read right, that everything is copied, and which path is whose.
 */
#include "handler/testing.h"

static struct world w;

static int add(const struct parley_endpoint *e, size_t size, const char **why)
{
	*why = NULL;
	return pl_handlers_add(w.handlers, e, size, why);
}

static void refused(struct parley_endpoint e, const char *word)
{
	const char *why;
	assert_int_equal(add(&e, sizeof(e), &why), PL_EINVAL);
	assert_non_null(why);
	if (!strstr(why, word))
		fail_msg("%s", why);
}

static void what_is_refused(void **state)
{
	static const char *const bad_token[] = {"ok", "not ok", NULL};
	static const char *const empty_token[] = {"", NULL};
	const char *many[34], *why;
	char long_name[257], long_token[66];
	(void)state;
	world_new(&w, NULL, 0);
	for (int i = 0; i < 33; i++)
		many[i] = "p";
	many[33] = NULL;
	memset(long_name, 'r', sizeof(long_name));
	long_name[256] = '\0';
	memset(long_token, 't', sizeof(long_token));
	long_token[65] = '\0';
	const char *const too_long[] = {long_token, NULL};
	refused((struct parley_endpoint){.user = &w}, "pattern");
	refused((struct parley_endpoint)PARLEY_ENDPOINT("no-slash"), "");
	refused((struct parley_endpoint)PARLEY_ENDPOINT("/{a}b"), "{name}");
	refused((struct parley_endpoint){.pattern = "/x", .subprotocols = bad_token},
		"subprotocols");
	refused((struct parley_endpoint){.pattern = "/x", .subprotocols = empty_token},
		"subprotocols");
	refused((struct parley_endpoint){.pattern = "/x", .subprotocols = too_long},
		"subprotocols");
	refused((struct parley_endpoint){.pattern = "/x", .subprotocols = many}, "subprotocols");
	refused((struct parley_endpoint){.pattern = "/x", .default_room = ""}, "default_room");
	refused((struct parley_endpoint){.pattern = "/x", .default_room = long_name},
		"default_room");
	refused((struct parley_endpoint){.pattern = "/x", .heartbeat_ms = UINT32_MAX},
		"heartbeat_ms");
	refused((struct parley_endpoint){.pattern = "/x", .idle_ms = 604800001}, "idle_ms");
	refused((struct parley_endpoint){.pattern = "/x", .auth_ms = 604800001}, "auth_ms");
	refused((struct parley_endpoint){.pattern = "/x", .max_message = SIZE_MAX}, "max_message");
	refused((struct parley_endpoint){.pattern = "/x", .max_backlog = (1u << 30) + 1},
		"max_backlog");
	refused((struct parley_endpoint){.pattern = "/x", .compress_above = SIZE_MAX},
		"compress_above");
	refused((struct parley_endpoint){.pattern = "/x", .max_rooms = SIZE_MAX}, "max_rooms");
	refused((struct parley_endpoint){.pattern = "/x", .max_rooms_each = 4097},
		"max_rooms_each");
	assert_int_equal(add(NULL, sizeof(struct parley_endpoint), &why), PL_EINVAL);
	assert_int_equal(pl_handlers_count(w.handlers), 0);
	world_serve(&w, &(struct parley_endpoint)PARLEY_ENDPOINT("/x"));
	refused((struct parley_endpoint)PARLEY_ENDPOINT("/x"), "already");
	assert_int_equal(pl_handlers_count(w.handlers), 1);
	w.workers = 1;
	world_start(&w);
	struct parley_endpoint late = PARLEY_ENDPOINT("/late");
	assert_int_equal(add(&late, sizeof(late), &why), PL_ESTATE);
	world_end(&w);
}

static void how_many_there_may_be(void **state)
{
	char pattern[32];
	const char *why;
	struct parley_endpoint e = PARLEY_ENDPOINT(pattern);
	(void)state;
	world_new(&w, NULL, 0);
	for (int i = 0; i < 256; i++) {
		snprintf(pattern, sizeof(pattern), "/x%d", i);
		assert_int_equal(add(&e, sizeof(e), &why), 0);
	}
	snprintf(pattern, sizeof(pattern), "/more");
	refused(e, "too many");
	world_end(&w);
}

static void prefixes(void **state)
{
	static const char *const bad[] = {"api", "/api/", "/", "/a b", "/a?b", "//\n"};
	struct pl_handlers *h = NULL;
	char text[140];
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(pl_handlers_new(NULL, bad[i], &h), PL_EINVAL);
	memset(text, 'x', sizeof(text));
	text[0] = '/';
	text[129] = '\0';
	assert_int_equal(pl_handlers_new(NULL, text, &h), PL_EINVAL);
	text[128] = '\0';
	assert_int_equal(pl_handlers_new(NULL, text, &h), 0);
	pl_handlers_free(h);
	assert_int_equal(pl_handlers_new(NULL, "", &h), 0);
	pl_handlers_free(h);
	pl_handlers_free(NULL);
	pl_handler_site_free(NULL);
	for (unsigned long n = 1; n <= 2; n++) {
		pl_mem_fail_at(n, false);
		assert_int_equal(pl_handlers_new(NULL, "/api", &h), PL_ENOMEM);
		pl_mem_fail_at(0, false);
	}
}

/* A caller that was built with an older header gives a shorter struct; what lies behind is not
 * read. */
static void older_and_newer_callers(void **state)
{
	struct {
		struct parley_endpoint known;
		uint64_t more[2];
	} newer = {.known = PARLEY_ENDPOINT("/newer")};
	const char *why;
	(void)state;
	world_new(&w, NULL, 0);
	assert_int_equal(add(&newer.known, sizeof(newer), &why), 0); /* it says nothing new */
	newer.known.pattern = "/newer2";
	newer.more[1] = 1;
	assert_int_equal(add(&newer.known, sizeof(newer), &why), PL_EINVAL);
	assert_non_null(strstr(why, "struct parley_endpoint"));
	size_t size = offsetof(struct parley_endpoint, heartbeat_ms);
	struct parley_endpoint *older = malloc(size); /* behind it begins what is not ours */
	assert_non_null(older);
	memset(older, 0, size);
	older->pattern = "/older";
	assert_int_equal(add(older, size, &why), 0);
	assert_int_equal(add(older, 0, &why), PL_EINVAL);
	assert_int_equal(add(older, sizeof(char *) - 1, &why), PL_EINVAL);
	free(older);
	world_end(&w);
}

static int greet(parley_conn *c)
{
	return parley_send(c, parley_cstr(parley_conn_user(c)));
}

/* Each is greeted with the name of its endpoint. */
static void whose_a_path_is(void **state)
{
	static const struct {
		const char *path, *name; /* "404", "404 " + how the router says it, or who greets */
	} rows[] = {
		{"/api/ws/chat", "chat"},
		{"/api/ws/chat?x=/api/ws/game/1", "chat"},
		{"/api/ws/game/lobby", "lobby"}, /* the first that fits */
		{"/api/ws/game/7", "game"},
		{"/api/ws/other", "any"},
		{"/api/ws/a/b/c", NULL},
		{"/api/files/a/b/c.txt", "files"},
		{"/api", "root"},
		{"/api/", "root"},
		{"/api/nothing", NULL},
		{"/apix", NULL},
		{"/", NULL},
		{"/ws/chat", NULL},
	};
	static const struct {
		const char *pattern;
		char name[8];
	} all[] = {{"/ws/chat", "chat"}, {"/ws/game/lobby", "lobby"},  {"/ws/game/{id}", "game"},
		   {"/ws/*", "any"},     {"/files/**/*.t?t", "files"}, {"/", "root"}};
	(void)state;
	world_new(&w, "/api", 1);
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		world_serve(&w, &(struct parley_endpoint){.pattern = all[i].pattern,
							  .user = (void *)(uintptr_t)all[i].name,
							  .on_connect = greet});
	world_start(&w);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct client *c = client_ask(&w, rows[i].path, "");
		if (rows[i].name) {
			expect_101(&w, c);
			expect_text(&w, c, rows[i].name);
		} else {
			UNTIL(&w, has_head(c));
			assert_memory_equal(c->got.at, "HTTP/1.1 404", 12);
		}
	}
	world_end(&w);
}

/* What lies under the prefix belongs to the endpoints; the rest is others'. */
static void what_is_left_to_others(void **state)
{
	struct pl_http_request q = {.method = PL_HTTP_GET};
	(void)state;
	for (int with = 0; with < 2; with++) {
		world_new(&w, with ? "/api" : NULL, 1);
		world_serve(&w, &(struct parley_endpoint)PARLEY_ENDPOINT("/ws"));
		world_start(&w);
		unsigned status = 0;
		q.path = with ? PL_S("/api/ws") : PL_S("/ws");
		assert_non_null(pl_handler_find(w.sites[0], &q, &status));
		q.path = with ? PL_S("/api/no") : PL_S("/no");
		assert_null(pl_handler_find(w.sites[0], &q, &status));
		assert_int_equal(status, with ? 404 : 0);
		status = 0;
		q.path = PL_S("/other");
		assert_null(pl_handler_find(w.sites[0], &q, &status));
		q.path = PL_S("*");
		assert_null(pl_handler_find(w.sites[0], &q, &status));
		assert_int_equal(status, 0);
		world_end(&w);
	}
}

static void everything_is_copied(void **state)
{
	char pattern[] = "/ws", room[] = "lobby", protocol[] = "chat", name[] = "x";
	const char *protocols[] = {protocol, NULL};
	struct parley_endpoint e = {.pattern = pattern,
				    .subprotocols = protocols,
				    .default_room = room,
				    .max_message = 5 << 20,
				    .user = name,
				    .on_connect = greet};
	(void)state;
	world_new(&w, NULL, 1);
	world_serve(&w, &e);
	memset(pattern, '!', 3);
	memset(room, '!', 5);
	memset(protocol, '!', 4);
	protocols[0] = NULL;
	e = (struct parley_endpoint)PARLEY_ENDPOINT("/small");
	world_serve(&w, &e);
	assert_int_equal(pl_handlers_max_message(w.handlers), 5 << 20);
	world_start(&w);
	struct client *c = client_ask(&w, "/ws", "Sec-WebSocket-Protocol: chat\r\n");
	UNTIL(&w, has_head(c));
	assert_non_null(memmem(c->got.at, c->got.len, "Protocol: chat\r\n", 16));
	expect_101(&w, c);
	expect_text(&w, c, "x");
	world_end(&w);
}

/* ---- tokens ---- */

static const char secret[] = "0123456789abcdef0123456789abcdef";

static int verify(parley_conn *c)
{
	struct pl_buf token;
	struct parley_identity who = {.expires_s = 1}, other = who;
	struct pl_token_claims claims = {.subject = PL_S("u1"),
					 .username = PL_S("ann"),
					 .now_s = pl_wall_ms() / 1000,
					 .ttl_s = 60};
	struct pl_handler_site *s = pl_handlers_here(w.handlers);
	(void)c;
	pl_buf_init(&token, 4096);
	assert_int_equal(pl_token_sign(pl_slice_str(secret), &claims, &token), 0);
	assert_int_equal(pl_handler_site_verify(s, pl_buf_slice(&token), &who), 0);
	pl_buf_clear(&token);
	claims.subject = PL_S("u2");
	claims.now_s -= 7200;
	assert_int_equal(pl_token_sign(pl_slice_str(secret), &claims, &token), 0);
	assert_int_equal(pl_handler_site_verify(s, pl_buf_slice(&token), &other), PL_EEXPIRED);
	assert_int_equal(pl_handler_site_verify(s, PL_S("a.b.c"), &other), PL_EDENIED);
	assert_int_equal(other.expires_s, 1); /* untouched */
	pl_buf_fini(&token);
	note(&w, "%.*s %.*s;", PARLEY_FMT(who.subject), PARLEY_FMT(who.username));
	assert_null(who.email.at);
	assert_true(who.expires_s > claims.now_s);
	return 0;
}

static int verify_without_key(parley_conn *c)
{
	struct parley_identity who;
	(void)c;
	return pl_handler_site_verify(pl_handlers_here(w.handlers), PL_S("a.b.c"), &who);
}

static void tokens_are_checked_with_the_keys(void **state)
{
	struct pl_auth_options o = PL_AUTH_DEFAULTS;
	struct pl_auth *auth = NULL;
	struct pl_buf why;
	struct parley_endpoint e = {.pattern = "/ws", .on_connect = verify};
	(void)state;
	pl_buf_init(&why, 1000);
	o.secret = pl_slice_str(secret);
	world_open(&w, &e);
	for (int i = 0; i < 2; i++) { /* a reload exchanges them */
		assert_int_equal(pl_auth_new(&o, &why, &auth), 0);
		pl_handler_site_set_auth(w.sites[0], auth);
		(void)client_new(&w, "/ws");
		expect_log(&w, "u1 ann;");
	}
	world_end(&w);
	e.on_connect = verify_without_key;
	world_open(&w, &e);
	expect_text(&w, client_new(&w, "/ws"), "{\"type\":\"error\",\"message\":\"not found\"}");
	world_end(&w);
	pl_buf_fini(&why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(how_many_there_may_be),
		cmocka_unit_test(prefixes),
		cmocka_unit_test(older_and_newer_callers),
		cmocka_unit_test(whose_a_path_is),
		cmocka_unit_test(what_is_left_to_others),
		cmocka_unit_test(everything_is_copied),
		cmocka_unit_test(tokens_are_checked_with_the_keys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
