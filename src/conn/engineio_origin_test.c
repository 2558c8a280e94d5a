/*
 * engineio_origin_test.c - proves which pages may come and what CORS tells them, on every answer;
 * and that a sid alone does not make a session's requests.
 */
#include "conn/engineio_test.h"

#define NOTHING           pl_slice(NULL, 0)
#define ERROR(code, text) "{\"code\":" code ",\"message\":\"" text "\"}"
#define SHAKE             "EIO=4&transport=polling"
#define GOOD              "Origin: https://good.example\r\n"
#define EVIL              "Origin: https://evil.example\r\n"
#define OWN               "Origin: http://h\r\n"

static const struct pl_slice good[] = {PL_S("https://good.example"), PL_S("https://too.example")};
static const struct pl_slice any[] = {PL_S("*")};

static struct pl_eio_options with_origins(const struct pl_slice *origins, size_t n)
{
	struct pl_eio_options o = world_options();
	o.origins = origins;
	o.norigins = n;
	return o;
}

/* ---- without CORS ---- */

static void by_default_only_own_pages_may_come(void **state)
{
	struct world w;
	world_open(&w, state, world_options());
	struct client *c = client_join(&w);
	client_ask(&w, c, "GET", SHAKE, EVIL, NOTHING);
	client_expect(&w, c, 403, ERROR("4", "Forbidden"));
	assert_null(strcasestr(c->head, "Access-Control"));
	client_ask(&w, c, "GET", SHAKE, "Origin: null\r\n", NOTHING);
	client_expect(&w, c, 403, ERROR("4", "Forbidden"));
	client_ask(&w, c, "OPTIONS", SHAKE, EVIL, NOTHING);
	client_expect(&w, c, 400, ERROR("2", "Bad handshake method"));
	client_ask(&w, c, "GET", SHAKE, OWN, NOTHING);
	client_expect(&w, c, 200, NULL);
	assert_null(strcasestr(c->head, "Access-Control"));
	assert_null(strcasestr(c->head, "Vary"));
	struct client *ws = ws_ask(&w, "EIO=4&transport=websocket", EVIL);
	client_expect(&w, ws, 400, "Forbidden");
	ws = ws_ask(&w, "EIO=4&transport=websocket", OWN);
	client_expect(&w, ws, 101, NULL);
	assert_int_equal(w.opens, 2);
	world_close(&w);
}

static void two_origins_are_no_origin(void **state)
{
	struct world w;
	world_open(&w, state, with_origins(good, 2));
	struct client *c = client_join(&w);
	client_ask(&w, c, "GET", SHAKE, GOOD GOOD, NOTHING);
	client_expect(&w, c, 400, ERROR("3", "Bad request"));
	client_ask(&w, c, "OPTIONS", SHAKE, GOOD EVIL, NOTHING);
	client_expect(&w, c, 403, ERROR("4", "Forbidden"));
	struct client *ws = ws_ask(&w, "EIO=4&transport=websocket", GOOD GOOD);
	client_expect(&w, ws, 400, "Bad request");
	world_close(&w);
}

/* ---- exact origins ---- */

static void expect_cors(struct client *c)
{
	assert_true(client_has_header(c, "Access-Control-Allow-Origin: https://good.example"));
	assert_true(client_has_header(c, "Access-Control-Allow-Credentials: true"));
	assert_true(client_has_header(c, "Vary: Origin"));
}

static void every_answer_has_the_headers(void **state)
{
	struct world w;
	struct pl_eio_options o = with_origins(good, 2);
	o.max_payload = 100;
	world_open(&w, state, o);
	struct client *c = world_shake(&w, GOOD);
	expect_cors(c);
	client_ask(&w, c, "POST", query_of(&w, "polling"), GOOD, PL_S("4a"));
	client_expect(&w, c, 200, "ok");
	expect_cors(c);
	client_ask(&w, c, "GET", query_of(&w, "polling"), GOOD, NOTHING);
	client_expect(&w, c, 200, "4a");
	expect_cors(c);
	client_ask(&w, c, "GET", query_of(&w, "polling"), GOOD, NOTHING); /* one that hangs */
	world_pass(&w, 5);
	(void)pl_eio_send(w.e, PL_WS_TEXT, PL_S("b"));
	client_expect(&w, c, 200, "4b");
	expect_cors(c);
	client_ask(&w, c, "GET", "EIO=4", GOOD, NOTHING);
	client_expect(&w, c, 400, ERROR("0", "Transport unknown"));
	expect_cors(c);
	client_ask(&w, c, "GET", SHAKE "&sid=x", GOOD, NOTHING);
	client_expect(&w, c, 400, ERROR("1", "Session ID unknown"));
	expect_cors(c);
	client_ask(&w, c, "PUT", query_of(&w, "polling"), GOOD, NOTHING);
	client_expect(&w, c, 500, "");
	expect_cors(c);
	client_leave(c);
	c = client_join(&w);
	char large[128];
	memset(large, '4', sizeof(large));
	client_ask(&w, c, "POST", query_of(&w, "polling"), GOOD, pl_slice(large, sizeof(large)));
	client_expect(&w, c, 413, "");
	expect_cors(c);
	world_close(&w);
}

static void other_pages_are_refused(void **state)
{
	struct world w;
	world_open(&w, state, with_origins(good, 2));
	struct client *c = client_join(&w);
	static const char *const others[] = {
		EVIL, "Origin: https://good.example:444\r\n", "Origin: http://good.example\r\n",
		"Origin: https://good.example.evil.example\r\n", "Origin: null\r\n"};
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		client_ask(&w, c, "GET", SHAKE, others[i], NOTHING);
		client_expect(&w, c, 403, ERROR("4", "Forbidden"));
		assert_null(strcasestr(c->head, "Access-Control"));
		assert_true(client_has_header(c, "Vary: Origin"));
		client_ask(&w, c, "OPTIONS", SHAKE, others[i], NOTHING);
		client_expect(&w, c, 403, ERROR("4", "Forbidden"));
		struct client *ws = ws_ask(&w, "EIO=4&transport=websocket", others[i]);
		client_expect(&w, ws, 400, "Forbidden");
		client_leave(ws);
	}
	client_ask(&w, c, "GET", SHAKE, "", NOTHING); /* no page */
	client_expect(&w, c, 200, NULL);
	assert_null(strcasestr(c->head, "Access-Control"));
	client_ask(&w, c, "GET", SHAKE, "Origin: https://too.example\r\n", NOTHING);
	client_expect(&w, c, 200, NULL);
	assert_true(client_has_header(c, "Access-Control-Allow-Origin: https://too.example"));
	world_close(&w);
}

static void a_preflight_is_answered(void **state)
{
	struct world w;
	world_open(&w, state, with_origins(good, 2));
	struct client *c = client_join(&w);
	client_ask(&w, c, "OPTIONS", SHAKE,
		   GOOD "Access-Control-Request-Method: POST\r\n"
			"Access-Control-Request-Headers: authorization,x-a\r\n",
		   NOTHING);
	client_expect(&w, c, 204, "");
	assert_true(client_has_header(c, "Access-Control-Allow-Origin: https://good.example"));
	assert_true(client_has_header(c, "Access-Control-Allow-Credentials: true"));
	assert_true(client_has_header(
		c, "Access-Control-Allow-Methods: GET,HEAD,PUT,PATCH,POST,DELETE"));
	assert_true(client_has_header(c, "Access-Control-Allow-Headers: authorization,x-a"));
	assert_true(client_has_header(c, "Vary: Origin, Access-Control-Request-Headers"));
	assert_int_equal(w.opens, 0);
	world_close(&w);
}

static void without_credentials(void **state)
{
	struct world w;
	struct pl_eio_options o = with_origins(good, 2);
	o.no_credentials = true;
	world_open(&w, state, o);
	struct client *c = world_shake(&w, GOOD);
	assert_true(client_has_header(c, "Access-Control-Allow-Origin: https://good.example"));
	assert_null(strcasestr(c->head, "Credentials"));
	world_close(&w);
}

/* "*" is for pages that bring nothing of their user's: a browser would not take credentials. */
static void any_origin_brings_no_credentials(void **state)
{
	struct world w;
	world_open(&w, state, with_origins(any, 1));
	struct client *c = world_shake(&w, EVIL);
	assert_true(client_has_header(c, "Access-Control-Allow-Origin: *"));
	assert_null(strcasestr(c->head, "Credentials"));
	assert_null(strcasestr(c->head, "Vary"));
	client_ask(&w, c, "OPTIONS", SHAKE, EVIL, NOTHING);
	client_expect(&w, c, 204, "");
	assert_true(client_has_header(c, "Access-Control-Allow-Origin: *"));
	assert_true(client_has_header(c, "Vary: Access-Control-Request-Headers"));
	client_ask(&w, c, "GET", "EIO=3&transport=polling", "", NOTHING);
	client_expect(&w, c, 400, ERROR("5", "Unsupported protocol version"));
	assert_true(client_has_header(c, "Access-Control-Allow-Origin: *"));
	struct client *ws = ws_ask(&w, "EIO=4&transport=websocket", EVIL);
	client_expect(&w, ws, 101, NULL);
	world_close(&w);
}

/* ---- to whom a session belongs ---- */

#define ALICE "Authorization: Bearer alice\r\n"
#define BOB   "Authorization: Bearer bob\r\n"

/* It is as if the session were not there, and it is not harmed. */
static void expect_unknown(struct world *w, const char *extra)
{
	struct client *c = client_join(w);
	client_ask(w, c, "POST", query_of(w, "polling"), extra, PL_S("4stolen"));
	client_expect(w, c, 400, ERROR("1", "Session ID unknown"));
	client_ask(w, c, "GET", query_of(w, "polling"), extra, NOTHING);
	client_expect(w, c, 400, ERROR("1", "Session ID unknown"));
	client_leave(c);
	c = ws_ask(w, query_of(w, "websocket"), extra);
	client_expect(w, c, 400, "Session ID unknown");
	client_leave(c);
	assert_int_equal(w->messages, 0);
	assert_int_equal(w->closes, 0);
}

static void expect_known(struct world *w, struct client *c, const char *extra)
{
	client_ask(w, c, "POST", query_of(w, "polling"), extra, PL_S("4a"));
	client_expect(w, c, 200, "ok");
	client_ask(w, c, "GET", query_of(w, "polling"), extra, NOTHING);
	client_expect(w, c, 200, "4a");
}

static void a_session_belongs_to_its_authorization(void **state)
{
	struct world w;
	world_open(&w, state, world_options());
	struct client *c = world_shake(&w, ALICE);
	expect_unknown(&w, "");
	expect_unknown(&w, BOB);
	expect_known(&w, c, ALICE);
	struct client *ws = ws_ask(&w, query_of(&w, "websocket"), ALICE);
	client_expect(&w, ws, 101, NULL);
	world_close(&w);
}

/* A page's WebSocket cannot have this header: it is let in from where the handshake came from. */
static void a_pages_websocket_comes_without(void **state)
{
	struct world w;
	world_open(&w, state, world_options());
	world_shake(&w, ALICE);
	struct client *ws = ws_ask(&w, query_of(&w, "websocket"), BOB OWN);
	client_expect(&w, ws, 400, "Session ID unknown");
	ws = ws_ask(&w, query_of(&w, "websocket"), "");
	client_expect(&w, ws, 400, "Session ID unknown");
	ws = ws_ask(&w, query_of(&w, "websocket"), OWN);
	client_expect(&w, ws, 101, NULL);
	ws_say(&w, ws, PL_WS_TEXT, "2probe");
	ws_expect(&w, ws, PL_WS_TEXT, "3probe");
	world_close(&w);
}

static void a_pages_websocket_comes_from_elsewhere(void **state)
{
	static const struct pl_ip proxies[] = {{{[10] = 0xff, [11] = 0xff, 10, 0, 0, 1}}};
	struct world w;
	world_open(&w, state, world_options());
	w.line.o.proxies = proxies;
	w.line.o.nproxies = 1;
	world_shake(&w, ALICE "X-Forwarded-For: 192.0.2.1\r\n");
	struct client *ws =
		ws_ask(&w, query_of(&w, "websocket"), OWN "X-Forwarded-For: 192.0.2.2\r\n");
	client_expect(&w, ws, 400, "Session ID unknown");
	ws = ws_ask(&w, query_of(&w, "websocket"), OWN "X-Forwarded-For: 192.0.2.1\r\n");
	client_expect(&w, ws, 101, NULL);
	world_close(&w);
}

/* Some requests of a page name its origin, some do not: the first that does decides. */
static void a_session_belongs_to_its_page(void **state)
{
	struct world w;
	world_open(&w, state, with_origins(good, 2));
	struct client *c = world_shake(&w, GOOD);
	expect_unknown(&w, "Origin: https://too.example\r\n");
	expect_unknown(&w, OWN);
	expect_known(&w, c, GOOD);
	expect_known(&w, c, "");
	client_ask(&w, c, "GET", query_of(&w, "polling"), EVIL, NOTHING);
	client_expect(&w, c, 403, ERROR("4", "Forbidden"));
	w.messages = 0;
	c = world_shake(&w, "");
	expect_known(&w, c, OWN);
	w.messages = 0;
	expect_unknown(&w, GOOD);
	world_close(&w);
}

static void a_session_belongs_to_its_cookie(void **state)
{
	struct pl_eio_options o = world_options();
	struct world w;
	o.cookie = PL_S("session");
	world_open(&w, state, o);
	struct client *c = world_shake(&w, "Cookie: theme=dark; session=a1\r\n");
	expect_unknown(&w, "");
	expect_unknown(&w, "Cookie: session=b2\r\n");
	expect_unknown(&w, "Cookie: other=a1; theme=dark\r\n");
	expect_known(&w, c, "Cookie: session=a1; theme=light; new=1\r\n");
	expect_known(&w, c, "Cookie: theme=light\r\nCookie: session=a1\r\n");
	world_close(&w);
	/* Without a name no cookie counts. */
	world_open(&w, state, world_options());
	c = world_shake(&w, "Cookie: session=a1\r\n");
	expect_known(&w, c, "Cookie: session=b2\r\n");
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH_ENGINES(by_default_only_own_pages_may_come),
		BOTH_ENGINES(two_origins_are_no_origin),
		BOTH_ENGINES(every_answer_has_the_headers),
		BOTH_ENGINES(other_pages_are_refused),
		BOTH_ENGINES(a_preflight_is_answered),
		BOTH_ENGINES(without_credentials),
		BOTH_ENGINES(any_origin_brings_no_credentials),
		BOTH_ENGINES(a_session_belongs_to_its_authorization),
		BOTH_ENGINES(a_pages_websocket_comes_without),
		BOTH_ENGINES(a_pages_websocket_comes_from_elsewhere),
		BOTH_ENGINES(a_session_belongs_to_its_page),
		BOTH_ENGINES(a_session_belongs_to_its_cookie),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
