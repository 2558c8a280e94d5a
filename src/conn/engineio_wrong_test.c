/*
 * engineio_wrong_test.c - proves every answer to what is wrong: requests, handshakes, upgrades,
 * bodies and payloads; and the limits of sessions.
 */
#include "conn/engineio_test.h"

#include <zlib.h>

#define NOTHING           pl_slice(NULL, 0)
#define ERROR(code, text) "{\"code\":" code ",\"message\":\"" text "\"}"

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

/* A session on a WebSocket is not spoken to by requests, whatever transport they name. */
static void requests_do_not_reach_a_websocket(void **state)
{
	static const char *const transports[] = {"polling", "websocket"};
	static const char *const methods[] = {"GET", "POST", "PUT"};
	struct world w;
	world_open(&w, state, world_options());
	world_shake_ws(&w, "");
	for (size_t i = 0; i < 6; i++) {
		struct client *c = client_join(&w);
		client_ask(&w, c, methods[i / 2], query_of(&w, transports[i % 2]), "",
			   i / 2 == 1 ? PL_S("4a") : NOTHING);
		client_expect(&w, c, 400, ERROR("3", "Bad request"));
		client_leave(c);
	}
	assert_int_equal(w.messages, 0);
	assert_int_equal(w.closes, 0);
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

/* Clients that open a connection for each request are no flood; who only pretends to be one is. */
static void requests_of_a_session_are_no_arrivals(void **state)
{
	struct pl_gate_options gate = {.new_per_second = 2};
	struct world w;
	world_open(&w, state, world_options());
	assert_int_equal(pl_gate_set(w.line.gate, &gate), 0);
	world_shake(&w, ""); /* two of a burst of four */
	for (int i = 0; i < 30; i++) {
		struct client *c = client_join(&w);
		client_post(&w, c, "4a");
		client_expect(&w, c, 200, "ok");
		client_post(&w, c, "4b"); /* a connection is excused once */
		client_expect(&w, c, 200, "ok");
		client_leave(c);
		world_turn(&w);
	}
	int refused = 0;
	struct pl_ip from = *pl_eio_from(w.e);
	for (int i = 0; i < 6; i++)
		refused += pl_gate_enter(w.line.gate, &from, pl_now_ms()) == PL_ELIMIT;
	assert_in_range(refused, 3, 6);
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

static void unpack(struct client *c, char *out, size_t size)
{
	z_stream z = {.next_in = (unsigned char *)c->body,
		      .avail_in = (unsigned)c->body_len,
		      .next_out = (unsigned char *)out,
		      .avail_out = (unsigned)size};
	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.total_out, size);
	inflateEnd(&z);
}

static void a_large_payload_is_compressed_for_who_takes_it(void **state)
{
	struct pl_eio_options o = world_options();
	char text[2000], heard[2001];
	struct world w;
	memset(text, 't', sizeof(text));
	o.compress_above = 1024;
	world_open(&w, state, o);
	struct client *c = world_shake(&w, "");
	assert_null(strcasestr(c->head, "Content-Encoding"));
	for (int takes = 0; takes < 2; takes++) {
		(void)pl_eio_send(w.e, PL_WS_TEXT, pl_slice(text, sizeof(text)));
		client_ask(&w, c, "GET", query_of(&w, "polling"),
			   takes ? "Accept-Encoding: gzip, deflate\r\n" : "", NOTHING);
		client_expect(&w, c, 200, NULL);
		assert_int_equal(client_has_header(c, "Content-Encoding: gzip"), takes);
		assert_true(client_has_header(c, "Vary: Accept-Encoding"));
	}
	assert_true(c->body_len < 200);
	unpack(c, heard, sizeof(heard));
	assert_int_equal(heard[0], '4');
	assert_memory_equal(heard + 1, text, sizeof(text));
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH_ENGINES(every_mistake_has_its_answer),
		BOTH_ENGINES(a_head_has_no_body),
		BOTH_ENGINES(every_mistake_with_a_session_has_its_answer),
		BOTH_ENGINES(requests_do_not_reach_a_websocket),
		BOTH_ENGINES(every_mistake_of_an_upgrade_has_its_answer),
		BOTH_ENGINES(what_the_application_refuses),
		BOTH_ENGINES(transports_may_be_off),
		BOTH_ENGINES(there_is_a_limit_of_sessions),
		BOTH_ENGINES(sessions_count_as_connections),
		BOTH_ENGINES(requests_of_a_session_are_no_arrivals),
		BOTH_ENGINES(a_body_that_is_too_large),
		BOTH_ENGINES(a_body_of_bytes_ends_it),
		BOTH_ENGINES(a_large_payload_is_compressed_for_who_takes_it),
		BOTH_ENGINES(what_is_no_payload_ends_it),
		BOTH_ENGINES(too_many_packets_end_it),
		BOTH_ENGINES(packets_that_mean_nothing_are_passed_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
