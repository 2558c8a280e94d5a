/*
 * engineio_test.c - proves what a session is: the open packet, polls and posts, payloads, messages
 * by whatever carries them. Expectations are those of the Engine.IO protocol 4 and of the Node
 * server.
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

static void what_a_session_says_of_itself(void **state)
{
	struct world w;
	world_open(&w, state, world_options());
	world_shake(&w, "");
	uint64_t number = pl_eio_number(w.e);
	assert_int_equal(number >> 48, w.worker);
	assert_memory_equal(pl_eio_from(w.e), &line_ip, sizeof(line_ip));
	assert_true(pl_slice_is(pl_eio_sid(w.e), w.sid));
	world_shake_ws(&w, "");
	assert_int_not_equal(pl_eio_number(w.e), number);
	assert_memory_equal(pl_eio_from(w.e), &line_ip, sizeof(line_ip));
	struct pl_eios *none = NULL;
	assert_int_equal(pl_eios_new(w.line.loop, w.line.set, 4096, &w.o, &w.ops, &w, &none),
			 PL_EINVAL);
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
		BOTH_ENGINES(the_open_packet_says_what_holds),
		BOTH_ENGINES(the_open_packet_of_a_websocket),
		BOTH_ENGINES(no_two_sids_are_alike),
		BOTH_ENGINES(an_upgrade_is_only_offered_where_there_is_one),
		BOTH_ENGINES(messages_come_back_in_one_payload),
		BOTH_ENGINES(a_poll_hangs_until_there_is_something),
		BOTH_ENGINES(binary_goes_as_base64),
		BOTH_ENGINES(a_text_with_a_separator_cannot_be_sent),
		BOTH_ENGINES(what_is_said_at_once_waits_for_the_first_poll),
		BOTH_ENGINES(one_message_for_many),
		BOTH_ENGINES(a_volatile_message_needs_a_poll),
		BOTH_ENGINES(echo_by_websocket),
		BOTH_ENGINES(what_a_session_says_of_itself),
		cmocka_unit_test(texts_of_reasons),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
