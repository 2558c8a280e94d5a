/*
 * engineio_test.c - proves what a session is that polls: the open packet, polls and posts,
 * payloads, every answer to what is wrong, overlaps, and how it ends. Expectations are those of the
 * Engine.IO protocol 4 and of the Node server.
 */
#include "conn/engineio_test.h"

#define NOTHING           pl_slice(NULL, 0)
#define ERROR(code, text) "{\"code\":" code ",\"message\":\"" text "\"}"

/* ---- the handshake ---- */

static void the_open_packet_says_what_holds(void **state)
{
	struct world w;
	char expected[256];
	world_open(&w, state, world_options());
	struct client *c = world_shake(&w, "");
	snprintf(expected, sizeof(expected),
		 "0{\"sid\":\"%s\",\"upgrades\":[\"websocket\"],\"pingInterval\":25000,"
		 "\"pingTimeout\":20000,\"maxPayload\":1000000}",
		 w.sid);
	assert_string_equal(c->body, expected);
	assert_true(client_has_header(c, "Content-Type: text/plain; charset=UTF-8"));
	assert_true(client_has_header(c, "Cache-Control: no-store"));
	assert_null(strcasestr(c->head, "Access-Control"));
	assert_int_equal(pl_eios_count(w.eios), 1);
	assert_int_equal(pl_eios_polling(w.eios), 1);
	world_close(&w);
}

static void the_open_packet_of_a_websocket(void **state)
{
	struct world w;
	char expected[256];
	world_open(&w, state, world_options());
	struct client *c = ws_ask(&w, "EIO=4&transport=websocket", "");
	client_expect(&w, c, 101, NULL);
	WORLD_UNTIL(&w, w.e && c->got.len);
	snprintf(expected, sizeof(expected),
		 "0{\"sid\":\"%.*s\",\"upgrades\":[],\"pingInterval\":25000,"
		 "\"pingTimeout\":20000,\"maxPayload\":1000000}",
		 PL_FMT(pl_eio_sid(w.e)));
	ws_expect(&w, c, PL_WS_TEXT, expected);
	assert_int_equal(pl_eios_polling(w.eios), 0);
	assert_int_equal(pl_eio_transport(w.e), PL_EIO_WEBSOCKET);
	world_close(&w);
}

static void no_two_sids_are_alike(void **state)
{
	struct world w;
	char first[64];
	world_open(&w, state, world_options());
	world_shake(&w, "");
	memcpy(first, w.sid, sizeof(first));
	assert_int_equal(strlen(first), 24);
	world_shake(&w, "");
	assert_string_not_equal(first, w.sid);
	world_close(&w);
}

static void an_upgrade_is_only_offered_where_there_is_one(void **state)
{
	struct pl_eio_options o = world_options();
	struct world w;
	o.no_upgrade = true;
	world_open(&w, state, o);
	struct client *c = world_shake(&w, "");
	assert_non_null(strstr(c->body, "\"upgrades\":[]"));
	world_close(&w);
	o = world_options();
	o.no_websocket = true;
	world_open(&w, state, o);
	c = world_shake(&w, "");
	assert_non_null(strstr(c->body, "\"upgrades\":[]"));
	world_close(&w);
}

/* ---- messages ---- */

static void messages_come_back_in_one_payload(void **state)
{
	struct world w;
	world_open(&w, state, world_options());
	struct client *c = world_shake(&w, "");
	client_post(&w, c,
		    "4test1\x1e"
		    "4test2\x1e"
		    "4test3");
	client_expect(&w, c, 200, "ok");
	assert_true(client_has_header(c, "Content-Type: text/html"));
	client_poll(&w, c);
	client_expect(&w, c, 200,
		      "4test1\x1e"
		      "4test2\x1e"
		      "4test3");
	assert_true(client_has_header(c, "Content-Type: text/plain; charset=UTF-8"));
	assert_true(client_has_header(c, "Cache-Control: no-store"));
	assert_int_equal(w.messages, 3);
	world_close(&w);
}

static void a_poll_hangs_until_there_is_something(void **state)
{
	struct world w;
	world_open(&w, state, world_options());
	struct client *poll = world_shake(&w, ""), *post = client_join(&w);
	client_poll(&w, poll);
	world_pass(&w, 20);
	assert_false(client_take(poll));
	assert_true(pl_eio_is_writable(w.e));
	client_post(&w, post,
		    "4a\x1e"
		    "4b");
	client_expect(&w, post, 200, "ok");
	client_expect(&w, poll, 200,
		      "4a\x1e"
		      "4b"); /* all that the turn brought */
	assert_false(pl_eio_is_writable(w.e));
	world_close(&w);
}

static void binary_goes_as_base64(void **state)
{
	struct world w;
	world_open(&w, state, world_options());
	struct client *c = world_shake(&w, "");
	client_post(&w, c,
		    "4hello\x1e"
		    "bAQIDBA==\x1e"
		    "b");
	client_expect(&w, c, 200, "ok");
	assert_int_equal(w.said.len, 6 + 5 + 1);
	assert_memory_equal(w.said.at, "hello\n\1\2\3\4\n\n", 12);
	client_poll(&w, c);
	client_expect(&w, c, 200,
		      "4hello\x1e"
		      "bAQIDBA==\x1e"
		      "b");
	world_close(&w);
}

static void a_text_with_a_separator_cannot_be_sent(void **state)
{
	struct world w;
	world_open(&w, state, world_options());
	struct client *c = world_shake(&w, "");
	assert_int_equal(pl_eio_send(w.e, PL_WS_TEXT,
				     PL_S("a\x1e"
					  "1")),
			 PL_EINVAL);
	struct pl_eio_shared s = {.payload = PL_S("a\x1e"
						  "1")};
	pl_eio_push(w.e, &s);
	pl_eio_shared_fini(&s);
	assert_int_equal(pl_eio_send(w.e, PL_WS_BINARY,
				     PL_S("\x1e"
					  "1")),
			 0);
	client_poll(&w, c);
	client_expect(&w, c, 200, "bHjE=");
	world_close(&w);
}

/* The greeting of a handshake comes with the first poll: the open packet stands alone. */
static void what_is_said_at_once_waits_for_the_first_poll(void **state)
{
	struct world w;
	world_open(&w, state, world_options());
	w.greeting = "welcome";
	struct client *c = world_shake(&w, "");
	client_poll(&w, c);
	client_expect(&w, c, 200, "4welcome");
	struct client *ws = world_shake_ws(&w, "");
	ws_expect(&w, ws, PL_WS_TEXT, "4welcome");
	world_close(&w);
}

static void one_message_for_many(void **state)
{
	struct world w;
	world_open(&w, state, world_options());
	struct client *poll = world_shake(&w, "");
	struct pl_eio *by_poll = w.e;
	char sid[64];
	memcpy(sid, w.sid, sizeof(sid));
	struct client *ws = world_shake_ws(&w, "");
	struct pl_eio *by_ws = w.e;
	struct client *base64 = world_shake_ws(&w, "&b64=1");
	struct pl_eio *all[] = {by_poll, by_ws, w.e};
	for (int binary = 0; binary < 2; binary++) {
		struct pl_eio_shared s = {.is_binary = binary, .payload = PL_S("\1\2\3")};
		for (size_t i = 0; i < 3; i++)
			pl_eio_push(all[i], &s);
		pl_eio_shared_fini(&s);
	}
	memcpy(w.sid, sid, sizeof(sid));
	client_poll(&w, poll);
	client_expect(&w, poll, 200,
		      "4\1\2\3\x1e"
		      "bAQID");
	ws_expect(&w, ws, PL_WS_TEXT, "4\1\2\3");
	ws_expect(&w, ws, PL_WS_BINARY, "\1\2\3");
	ws_expect(&w, base64, PL_WS_TEXT, "4\1\2\3");
	ws_expect(&w, base64, PL_WS_TEXT, "bAQID");
	world_close(&w);
}

static void a_volatile_message_needs_a_poll(void **state)
{
	struct world w;
	world_open(&w, state, world_options());
	struct client *c = world_shake(&w, "");
	struct pl_eio_shared s = {.is_volatile = true, .payload = PL_S("now")};
	pl_eio_push(w.e, &s);
	assert_int_equal(pl_eio_backlog(w.e), 0);
	client_poll(&w, c);
	WORLD_UNTIL(&w, pl_eio_is_writable(w.e));
	pl_eio_push(w.e, &s);
	pl_eio_shared_fini(&s);
	client_expect(&w, c, 200, "4now");
	world_close(&w);
}

static void echo_by_websocket(void **state)
{
	struct world w;
	world_open(&w, state, world_options());
	struct client *c = world_shake_ws(&w, "");
	ws_say(&w, c, PL_WS_TEXT, "4hello");
	ws_expect(&w, c, PL_WS_TEXT, "4hello");
	ws_say(&w, c, PL_WS_BINARY, "\1\2\3");
	ws_expect(&w, c, PL_WS_BINARY, "\1\2\3");
	ws_say(&w, c, PL_WS_TEXT, "bAQID"); /* from who has no binary frames */
	ws_expect(&w, c, PL_WS_BINARY, "\1\2\3");
	assert_int_equal(pl_eio_backlog(w.e), 0);
	world_close(&w);
}

/* ---- what is wrong ---- */

struct wrong {
	const char *method, *query;
	unsigned status;
	const char *body;
};

static void every_mistake_has_its_answer(void **state)
{
	static const struct wrong wrongs[] = {
		{"GET", "EIO=4", 400, ERROR("0", "Transport unknown")},
		{"GET", "", 400, ERROR("0", "Transport unknown")},
		{"GET", "EIO=4&transport=abc", 400, ERROR("0", "Transport unknown")},
		{"GET", "EIO=4&transport=webtransport", 400, ERROR("0", "Transport unknown")},
		{"GET", "EIO=4&transport=polling&transport=polling", 400,
		 ERROR("0", "Transport unknown")},
		{"POST", "EIO=4&transport=abc", 400, ERROR("0", "Transport unknown")},
		{"GET", "EIO=4&transport=polling&sid=abcdef", 400,
		 ERROR("1", "Session ID unknown")},
		{"GET", "EIO=4&transport=polling&sid=", 400, ERROR("1", "Session ID unknown")},
		{"GET", "EIO=3&transport=websocket&sid=abcdef", 400,
		 ERROR("1", "Session ID unknown")},
		{"POST", "EIO=4&transport=polling", 400, ERROR("2", "Bad handshake method")},
		{"PUT", "EIO=4&transport=polling", 400, ERROR("2", "Bad handshake method")},
		{"DELETE", "EIO=3&transport=polling", 400, ERROR("2", "Bad handshake method")},
		{"PATCH", "EIO=4&transport=websocket", 400, ERROR("2", "Bad handshake method")},
		{"OPTIONS", "EIO=4&transport=polling", 400, ERROR("2", "Bad handshake method")},
		{"GET", "EIO=4&transport=websocket", 400, ERROR("3", "Bad request")},
		{"GET", "EIO=3&transport=websocket", 400, ERROR("3", "Bad request")},
		{"GET", "EIO=4&transport=polling&j=0", 400, ERROR("3", "JSONP is not supported")},
		{"GET", "transport=polling", 400, ERROR("5", "Unsupported protocol version")},
		{"GET", "EIO=abc&transport=polling", 400,
		 ERROR("5", "Unsupported protocol version")},
		{"GET", "EIO=3&transport=polling", 400, ERROR("5", "Unsupported protocol version")},
		{"GET", "EIO=5&transport=polling", 400, ERROR("5", "Unsupported protocol version")},
	};
	struct world w;
	world_open(&w, state, world_options());
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(*wrongs); i++) {
		struct client *c = client_join(&w);
		bool has_body =
			strcmp(wrongs[i].method, "GET") && strcmp(wrongs[i].method, "OPTIONS");
		client_ask(&w, c, wrongs[i].method, wrongs[i].query, "",
			   has_body ? PL_S("4a") : NOTHING);
		client_expect(&w, c, wrongs[i].status, wrongs[i].body);
		assert_true(client_has_header(c, "Content-Type: application/json"));
		client_leave(c);
	}
	assert_int_equal(w.opens, 0);
	world_close(&w);
}

static void a_head_has_no_body(void **state)
{
	struct world w;
	world_open(&w, state, world_options());
	struct client *c = client_join(&w);
	client_ask(&w, c, "HEAD", "EIO=4&transport=polling", "", NOTHING);
	WORLD_UNTIL(&w, line_count(&(struct line){.got = c->got}, "\r\n\r\n"));
	assert_memory_equal(c->got.at, "HTTP/1.1 400", 12);
	assert_memory_equal(c->got.at + c->got.len - 4, "\r\n\r\n", 4);
	world_close(&w);
}

static void every_mistake_with_a_session_has_its_answer(void **state)
{
	static const struct wrong wrongs[] = {
		{"GET", "EIO=4&transport=websocket&sid=", 400, ERROR("3", "Bad request")},
		{"GET", "EIO=3&transport=polling&sid=", 400, ERROR("3", "Bad request")},
		{"POST", "transport=polling&sid=", 400, ERROR("3", "Bad request")},
		{"PUT", "EIO=4&transport=polling&sid=", 500, ""},
		{"DELETE", "EIO=4&transport=polling&sid=", 500, ""},
		{"OPTIONS", "EIO=4&transport=polling&sid=", 500, ""},
	};
	struct world w;
	char query[128];
	world_open(&w, state, world_options());
	client_leave(world_shake(&w, ""));
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(*wrongs); i++) {
		struct client *c = client_join(&w);
		snprintf(query, sizeof(query), "%s%s", wrongs[i].query, w.sid);
		client_ask(&w, c, wrongs[i].method, query, "", NOTHING);
		client_expect(&w, c, wrongs[i].status, wrongs[i].body);
		client_leave(c);
	}
	world_turn(&w);
	assert_int_equal(w.closes, 0); /* none of them harms it */
	world_close(&w);
}

/* An upgrade is refused by a plain page; after some mistakes it is opened and closed. */
static void every_mistake_of_an_upgrade_has_its_answer(void **state)
{
	static const struct wrong wrongs[] = {
		{"GET", "EIO=4", 400, "Transport unknown"},
		{"GET", "EIO=4&transport=abc", 400, "Transport unknown"},
		{"GET", "EIO=4&transport=websocket&sid=abcdef", 400, "Session ID unknown"},
		{"GET", "EIO=3&transport=websocket", 400, "Unsupported protocol version"},
		{"GET", "transport=websocket", 400, "Unsupported protocol version"},
	};
	struct world w;
	world_open(&w, state, world_options());
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(*wrongs); i++) {
		struct client *c = ws_ask(&w, wrongs[i].query, "");
		client_expect(&w, c, wrongs[i].status, wrongs[i].body);
		assert_true(client_has_header(c, "Content-Type: text/html"));
		assert_true(client_has_header(c, "Connection: close"));
		client_leave(c);
	}
	struct client *c = ws_ask(&w, "EIO=4&transport=polling", "");
	client_expect(&w, c, 101, NULL);
	ws_expect_close(&w, c, 1005);
	assert_int_equal(w.opens, 0);
	world_close(&w);
}

static void what_the_application_refuses(void **state)
{
	struct world w;
	world_open(&w, state, world_options());
	w.deny = PL_EDENIED;
	struct client *c = client_join(&w);
	client_ask(&w, c, "GET", "EIO=4&transport=polling", "", NOTHING);
	client_expect(&w, c, 403, ERROR("4", "Forbidden"));
	c = ws_ask(&w, "EIO=4&transport=websocket", "");
	client_expect(&w, c, 400, "Forbidden");
	w.deny = PL_ENOMEM;
	w.greeting = "lost";
	w.closes_at_once = true;
	c = client_join(&w);
	client_ask(&w, c, "GET", "EIO=4&transport=polling", "", NOTHING);
	client_expect(&w, c, 503, "");
	c = ws_ask(&w, "EIO=4&transport=websocket", "");
	client_expect(&w, c, 503, NULL);
	assert_int_equal(w.opens, 4);
	assert_int_equal(pl_eios_count(w.eios), 0);
	world_close(&w);
}

static void transports_may_be_off(void **state)
{
	struct pl_eio_options o = world_options();
	struct world w;
	o.no_polling = true;
	world_open(&w, state, o);
	struct client *c = client_join(&w);
	client_ask(&w, c, "GET", "EIO=4&transport=polling", "", NOTHING);
	client_expect(&w, c, 400, ERROR("0", "Transport unknown"));
	world_shake_ws(&w, "");
	world_close(&w);
	o.no_polling = false;
	o.no_websocket = true;
	world_open(&w, state, o);
	c = ws_ask(&w, "EIO=4&transport=websocket", "");
	client_expect(&w, c, 400, "Transport unknown");
	world_shake(&w, "");
	world_close(&w);
}

static void there_is_a_limit_of_sessions(void **state)
{
	struct pl_eio_options o = world_options();
	struct world w;
	o.sessions_max = 2;
	world_open(&w, state, o);
	client_leave(world_shake(&w, ""));
	world_shake_ws(&w, "");
	struct client *c = client_join(&w);
	client_ask(&w, c, "GET", "EIO=4&transport=polling", "", NOTHING);
	client_expect(&w, c, 503, "");
	c = ws_ask(&w, "EIO=4&transport=websocket", "");
	client_expect(&w, c, 503, NULL);
	world_close(&w);
}

/* A session that polls has a place at the gate of its own: without, one caller could have any
 * number of them. */
static void sessions_count_as_connections(void **state)
{
	struct pl_gate_options gate = {.per_site = 3};
	struct world w;
	world_open(&w, state, world_options());
	assert_int_equal(pl_gate_set(w.line.gate, &gate), 0);
	client_leave(world_shake(&w, ""));
	world_turn(&w);
	client_leave(world_shake(&w, ""));
	world_turn(&w);
	struct client *c = client_join(&w);
	client_ask(&w, c, "GET", "EIO=4&transport=polling", "", NOTHING);
	client_expect(&w, c, 429, "");
	client_post(&w, c, "1");
	client_expect(&w, c, 200, "ok");
	client_leave(c);
	world_turn(&w);
	world_shake(&w, "");
	world_close(&w);
}

/* ---- posts ---- */

static void a_body_that_is_too_large(void **state)
{
	struct pl_eio_options o = world_options();
	struct world w;
	o.max_payload = 5;
	world_open(&w, state, o);
	struct client *c = world_shake(&w, "");
	client_post(&w, c, "4large");
	client_expect(&w, c, 413, "");
	assert_true(client_has_header(c, "Connection: close"));
	client_leave(c);
	c = client_join(&w);
	client_post(&w, c, "4fits");
	client_expect(&w, c, 200, "ok");
	assert_int_equal(w.said.len, 5);
	assert_memory_equal(w.said.at, "fits\n", 5);
	world_close(&w);
}

static void a_body_of_bytes_ends_it(void **state)
{
	struct world w;
	world_open(&w, state, world_options());
	struct client *c = world_shake(&w, "");
	client_ask(&w, c, "POST", query_of(&w, "polling"),
		   "Content-Type: application/octet-stream\r\n", PL_S("4a"));
	client_expect(&w, c, 400, "");
	assert_int_equal(w.reason, PL_EIO_TRANSPORT_ERROR);
	assert_int_equal(w.closes, 1);
	assert_int_equal(w.messages, 0);
	world_close(&w);
}

static void what_is_no_payload_ends_it(void **state)
{
	static const struct {
		const char *payload;
		int messages;
		enum pl_eio_reason reason;
	} bad[] = {
		{"abc", 0, PL_EIO_PARSE_ERROR},
		{"", 0, PL_EIO_PARSE_ERROR},
		{"7", 0, PL_EIO_PARSE_ERROR},
		{"4a\x1e", 1, PL_EIO_PARSE_ERROR},
		{"4a\x1e\x1e"
		 "4b",
		 1, PL_EIO_PARSE_ERROR},
		{"b!!!!", 0, PL_EIO_PARSE_ERROR},
		{"4\xff", 0, PL_EIO_PARSE_ERROR},
		{"2", 0, PL_EIO_TRANSPORT_ERROR}, /* the server pings */
		{"4a\x1e"
		 "2\x1e"
		 "4b",
		 1, PL_EIO_TRANSPORT_ERROR},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct world w;
		world_open(&w, state, world_options());
		struct client *c = world_shake(&w, ""), *poll = client_join(&w);
		client_poll(&w, poll);
		client_post(&w, c, bad[i].payload);
		client_expect(&w, c, 200, "ok");
		client_expect(&w, poll, 200,
			      bad[i].messages ? "4a\x1e"
						"1"
					      : "1");
		assert_int_equal(w.messages, bad[i].messages);
		assert_int_equal(w.closes, 1);
		assert_int_equal(w.reason, bad[i].reason);
		client_poll(&w, c);
		client_expect(&w, c, 400, ERROR("1", "Session ID unknown"));
		world_close(&w);
	}
}

static void too_many_packets_end_it(void **state)
{
	enum { PACKETS = 400000 };
	struct world w;
	world_open(&w, state, world_options());
	w.is_quiet = true;
	struct client *c = world_shake(&w, "");
	char *body = calloc(1, 2 * PACKETS + 1);
	for (size_t i = 0; i < PACKETS; i++) {
		body[2 * i] = '4';
		body[2 * i + 1] = '\x1e';
	}
	client_post(&w, c, body);
	client_expect(&w, c, 200, "ok");
	assert_int_equal(w.messages, PL_EIO_PACKETS_MAX);
	assert_int_equal(w.reason, PL_EIO_PARSE_ERROR);
	free(body);
	world_close(&w);
}

static void packets_that_mean_nothing_are_passed_over(void **state)
{
	struct world w;
	world_open(&w, state, world_options());
	struct client *c = world_shake(&w, "");
	client_post(&w, c,
		    "0\x1e"
		    "3\x1e"
		    "5\x1e"
		    "6\x1e"
		    "4a");
	client_expect(&w, c, 200, "ok");
	client_poll(&w, c);
	client_expect(&w, c, 200, "4a");
	assert_int_equal(w.pongs, 0); /* to no ping */
	world_close(&w);
}

/* ---- overlaps, and the end ---- */

static void two_polls_at_once_end_it(void **state)
{
	struct world w;
	world_open(&w, state, world_options());
	struct client *first = world_shake(&w, ""), *second = client_join(&w);
	client_poll(&w, first);
	world_pass(&w, 5);
	client_poll(&w, second);
	client_expect(&w, second, 400, "");
	client_expect(&w, first, 200, "1");
	assert_int_equal(w.closes, 1);
	assert_int_equal(w.reason, PL_EIO_TRANSPORT_ERROR);
	client_poll(&w, first);
	client_expect(&w, first, 400, ERROR("1", "Session ID unknown"));
	world_close(&w);
}

/* One that ends while another is under way: nobody can say which was meant to be first. */
static void two_posts_at_once_end_it(void **state)
{
	struct world w;
	char head[256];
	world_open(&w, state, world_options());
	struct client *slow = world_shake(&w, ""), *fast = client_join(&w);
	int n = snprintf(head, sizeof(head),
			 "POST /engine.io/?%s HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n4sl",
			 query_of(&w, "polling"));
	client_write(&w, slow, pl_slice(head, (size_t)n));
	world_pass(&w, 5);
	client_post(&w, fast, "4fast");
	client_expect(&w, fast, 200, "ok");
	assert_int_equal(w.closes, 0);
	client_write(&w, slow, PL_S("ow"));
	client_expect(&w, slow, 400, "");
	assert_int_equal(w.closes, 1);
	assert_int_equal(w.reason, PL_EIO_TRANSPORT_ERROR);
	assert_int_equal(w.messages, 1);
	client_post(&w, fast, "4late");
	client_expect(&w, fast, 400, ERROR("1", "Session ID unknown"));
	world_close(&w);
}

/* As many as one likes, one after the other, and slow ones too. */
static void posts_in_turn_do_not_overlap(void **state)
{
	struct world w;
	char head[256];
	world_open(&w, state, world_options());
	struct client *c = world_shake(&w, ""), *other = client_join(&w);
	for (int i = 0; i < 20; i++) {
		client_post(&w, i % 2 ? c : other, "4a");
		client_expect(&w, i % 2 ? c : other, 200, "ok");
	}
	int n = snprintf(head, sizeof(head),
			 "POST /engine.io/?%s HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n4sl",
			 query_of(&w, "polling"));
	for (int i = 0; i < 3; i++) {
		client_write(&w, c, pl_slice(head, (size_t)n));
		world_pass(&w, 3);
		client_write(&w, c, PL_S("ow"));
		client_expect(&w, c, 200, "ok");
	}
	assert_int_equal(w.messages, 23);
	assert_int_equal(w.closes, 0);
	world_close(&w);
}

static void the_client_closes(void **state)
{
	struct world w;
	world_open(&w, state, world_options());
	struct client *poll = world_shake(&w, ""), *c = client_join(&w);
	client_poll(&w, poll);
	client_post(&w, c, "1");
	client_expect(&w, c, 200, "ok");
	client_expect(&w, poll, 200, "6");
	assert_int_equal(w.reason, PL_EIO_CLIENT_LEFT);
	client_poll(&w, c);
	client_expect(&w, c, 400, ERROR("1", "Session ID unknown"));
	struct client *ws = world_shake_ws(&w, "");
	ws_say(&w, ws, PL_WS_TEXT, "1");
	ws_expect_close(&w, ws, 1005);
	assert_int_equal(w.closes, 2);
	assert_int_equal(w.reason, PL_EIO_CLIENT_LEFT);
	world_close(&w);
}

static void a_poll_that_is_given_up_ends_it(void **state)
{
	struct world w;
	world_open(&w, state, world_options());
	struct client *poll = world_shake(&w, "");
	client_poll(&w, poll);
	world_pass(&w, 5);
	client_leave(poll);
	WORLD_UNTIL(&w, w.closes);
	assert_int_equal(w.reason, PL_EIO_TRANSPORT_ERROR);
	assert_int_equal(pl_eios_count(w.eios), 0);
	world_close(&w);
}

static void we_close_while_a_poll_hangs(void **state)
{
	struct world w;
	world_open(&w, state, world_options());
	struct client *poll = world_shake(&w, ""), *c = client_join(&w);
	client_poll(&w, poll);
	client_post(&w, c,
		    "4a\x1e"
		    "4close\x1e"
		    "4b");
	client_expect(&w, c, 200, "ok");
	client_expect(&w, poll, 200, "4a");
	assert_int_equal(w.messages, 2);
	assert_int_equal(w.closes, 1);
	assert_int_equal(w.reason, PL_EIO_FORCED);
	client_poll(&w, poll);
	client_expect(&w, poll, 200, "1");
	client_poll(&w, poll);
	client_expect(&w, poll, 400, ERROR("1", "Session ID unknown"));
	world_close(&w);
}

/* The last packets wait for a poll, though the session is over for everybody else. */
static void we_close_while_none_hangs(void **state)
{
	struct world w;
	world_open(&w, state, world_options());
	struct client *c = world_shake(&w, "");
	client_post(&w, c,
		    "4a\x1e"
		    "4close");
	client_expect(&w, c, 200, "ok");
	world_turn(&w);
	assert_int_equal(w.closes, 1);
	assert_int_equal(pl_eios_count(w.eios), 0);
	client_post(&w, c, "4too late");
	client_expect(&w, c, 200, "ok");
	assert_int_equal(w.messages, 2);
	client_poll(&w, c);
	client_expect(&w, c, 200, "4a");
	client_poll(&w, c);
	client_expect(&w, c, 200, "1");
	client_poll(&w, c);
	client_expect(&w, c, 400, ERROR("1", "Session ID unknown"));
	world_close(&w);
}

static void we_close_inside_on_open(void **state)
{
	struct world w;
	world_open(&w, state, world_options());
	w.greeting = "and goodbye";
	w.closes_at_once = true;
	struct client *c = world_shake(&w, "");
	client_poll(&w, c);
	client_expect(&w, c, 200, "4and goodbye");
	client_poll(&w, c);
	client_expect(&w, c, 200, "1");
	struct client *ws = world_shake_ws(&w, "");
	ws_expect(&w, ws, PL_WS_TEXT, "4and goodbye");
	ws_expect_close(&w, ws, 4000);
	assert_int_equal(w.closes, 2);
	world_close(&w);
}

static void a_websocket_ends(void **state)
{
	struct world w;
	world_open(&w, state, world_options());
	struct client *c = world_shake_ws(&w, "");
	ws_say(&w, c, PL_WS_TEXT, "4close");
	ws_expect_close(&w, c, 1005);
	assert_int_equal(w.reason, PL_EIO_FORCED);
	c = world_shake_ws(&w, "");
	ws_say(&w, c, PL_WS_CLOSE, "\x03\xe8");
	ws_expect_close(&w, c, 1000);
	assert_int_equal(w.reason, PL_EIO_CLIENT_LEFT);
	c = world_shake_ws(&w, "");
	client_leave(c);
	WORLD_UNTIL(&w, w.closes == 3);
	assert_int_equal(w.reason, PL_EIO_CLIENT_LEFT);
	static const char *const bad[] = {"7", "", "abc", "b!",
					  "bAQ==\x1e"
					  "4x"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		c = world_shake_ws(&w, "");
		ws_say(&w, c, PL_WS_TEXT, bad[i]);
		ws_expect_close(&w, c, 1005);
		assert_int_equal(w.reason, PL_EIO_PARSE_ERROR);
		client_leave(c);
	}
	c = world_shake_ws(&w, "");
	ws_say(&w, c, PL_WS_TEXT, "2");
	ws_expect_close(&w, c, 1005);
	assert_int_equal(w.reason, PL_EIO_TRANSPORT_ERROR);
	assert_int_equal(w.closes, 9);
	world_close(&w);
}

/* HARDENING A6: reserved bits end a connection, not the process. */
static void a_broken_frame_ends_its_session(void **state)
{
	struct pl_eio_options o = world_options();
	struct world w;
	o.max_payload = 10;
	world_open(&w, state, o);
	struct client *c = world_shake_ws(&w, "");
	client_write(&w, c, PL_S("\xf1\x80\0\0\0\0"));
	ws_expect_close(&w, c, 1002);
	assert_int_equal(w.reason, PL_EIO_TRANSPORT_ERROR);
	c = world_shake_ws(&w, "");
	ws_say(&w, c, PL_WS_TEXT, "4a message of more than ten bytes");
	ws_expect_close(&w, c, 1009);
	assert_int_equal(w.reason, PL_EIO_TRANSPORT_ERROR);
	assert_int_equal(w.closes, 2);
	world_close(&w);
}

static void who_does_not_poll_is_too_slow_at_last(void **state)
{
	struct pl_eio_options o = world_options();
	char text[1000];
	struct world w;
	int err = 0;
	memset(text, 't', sizeof(text));
	o.out_hard = 10000;
	world_open(&w, state, o);
	struct client *c = world_shake(&w, "");
	/* One turn may say more than that while somebody listens. */
	client_poll(&w, c);
	for (int i = 0; i < 15; i++)
		assert_int_equal(pl_eio_send(w.e, PL_WS_TEXT, pl_slice(text, sizeof(text))), 0);
	client_expect(&w, c, 200, NULL);
	assert_int_equal(c->body_len + pl_eio_backlog(w.e), 15 * 1001 + 13);
	for (int i = 0; i < 5 && !err; i++)
		err = pl_eio_send(w.e, PL_WS_TEXT, pl_slice(text, sizeof(text)));
	assert_int_equal(err, PL_EBUSY);
	assert_int_equal(pl_eio_send(w.e, PL_WS_TEXT, PL_S("x")), PL_ECLOSED);
	world_turn(&w);
	assert_int_equal(w.reason, PL_EIO_TRANSPORT_ERROR);
	assert_int_equal(w.closes, 1);
	world_close(&w);
}

static void draining_says_goodbye_to_all(void **state)
{
	struct world w;
	world_open(&w, state, world_options());
	struct client *poll = world_shake(&w, ""), *ws = world_shake_ws(&w, "");
	char sid[64];
	client_leave(world_shake(&w, ""));
	memcpy(sid, w.sid, sizeof(sid));
	(void)pl_eio_send(w.e, PL_WS_TEXT, PL_S("last"));
	struct client *first = world_shake(&w, "");
	client_poll(&w, first);
	world_turn(&w);
	pl_eios_drain(w.eios);
	world_turn(&w);
	client_expect(&w, first, 200, "1");
	ws_expect_close(&w, ws, 1001);
	assert_int_equal(w.closes, 4);
	assert_int_equal(w.reason, PL_EIO_SHUTTING_DOWN);
	memcpy(w.sid, sid, sizeof(sid));
	client_poll(&w, poll);
	client_expect(&w, poll, 200,
		      "4last\x1e"
		      "1");
	client_ask(&w, poll, "GET", "EIO=4&transport=polling", "", NOTHING);
	client_expect(&w, poll, 503, "");
	struct client *late = ws_ask(&w, "EIO=4&transport=websocket", "");
	client_expect(&w, late, 503, NULL);
	world_close(&w);
}

static void texts_of_reasons(void **state)
{
	(void)state;
	assert_string_equal(pl_eio_reason_text(PL_EIO_CLIENT_LEFT), "transport close");
	assert_string_equal(pl_eio_reason_text(PL_EIO_TRANSPORT_ERROR), "transport error");
	assert_string_equal(pl_eio_reason_text(PL_EIO_PING_TIMEOUT), "ping timeout");
	assert_string_equal(pl_eio_reason_text(PL_EIO_PARSE_ERROR), "parse error");
	assert_string_equal(pl_eio_reason_text(PL_EIO_FORCED), "forced close");
	assert_string_equal(pl_eio_reason_text(PL_EIO_SHUTTING_DOWN), "server shutting down");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TESTS(the_open_packet_says_what_holds),
		WORLD_TESTS(the_open_packet_of_a_websocket),
		WORLD_TESTS(no_two_sids_are_alike),
		WORLD_TESTS(an_upgrade_is_only_offered_where_there_is_one),
		WORLD_TESTS(messages_come_back_in_one_payload),
		WORLD_TESTS(a_poll_hangs_until_there_is_something),
		WORLD_TESTS(binary_goes_as_base64),
		WORLD_TESTS(a_text_with_a_separator_cannot_be_sent),
		WORLD_TESTS(what_is_said_at_once_waits_for_the_first_poll),
		WORLD_TESTS(one_message_for_many),
		WORLD_TESTS(a_volatile_message_needs_a_poll),
		WORLD_TESTS(echo_by_websocket),
		WORLD_TESTS(every_mistake_has_its_answer),
		WORLD_TESTS(a_head_has_no_body),
		WORLD_TESTS(every_mistake_with_a_session_has_its_answer),
		WORLD_TESTS(every_mistake_of_an_upgrade_has_its_answer),
		WORLD_TESTS(what_the_application_refuses),
		WORLD_TESTS(transports_may_be_off),
		WORLD_TESTS(there_is_a_limit_of_sessions),
		WORLD_TESTS(sessions_count_as_connections),
		WORLD_TESTS(a_body_that_is_too_large),
		WORLD_TESTS(a_body_of_bytes_ends_it),
		WORLD_TESTS(what_is_no_payload_ends_it),
		WORLD_TESTS(too_many_packets_end_it),
		WORLD_TESTS(packets_that_mean_nothing_are_passed_over),
		WORLD_TESTS(two_polls_at_once_end_it),
		WORLD_TESTS(two_posts_at_once_end_it),
		WORLD_TESTS(posts_in_turn_do_not_overlap),
		WORLD_TESTS(the_client_closes),
		WORLD_TESTS(a_poll_that_is_given_up_ends_it),
		WORLD_TESTS(we_close_while_a_poll_hangs),
		WORLD_TESTS(we_close_while_none_hangs),
		WORLD_TESTS(we_close_inside_on_open),
		WORLD_TESTS(a_websocket_ends),
		WORLD_TESTS(a_broken_frame_ends_its_session),
		WORLD_TESTS(who_does_not_poll_is_too_slow_at_last),
		WORLD_TESTS(draining_says_goodbye_to_all),
		cmocka_unit_test(texts_of_reasons),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
