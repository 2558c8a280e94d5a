/*
 * line_test.c - proves what happens to a connection: its callbacks in their order, what they see,
 * what becomes of the errors that they return, and that each of them may close it.
 */
#include "handler/testing.h"

static struct world w;

/* ---- a life ---- */

static int on_connect(parley_conn *c)
{
	assert_true(parley_conn_is_open(c));
	assert_non_null(parley_conn_request(c));
	note(&w, "connect;");
	return parley_send_object(c, PARLEY_OBJ(parley_kstr("type", PARLEY_S("welcome"))));
}

static int on_message(parley_conn *c, enum parley_kind kind, struct parley_slice raw,
		      const parley_json *json)
{
	assert_null(parley_conn_request(c));
	note(&w, "%s %.*s %s;", kind == PARLEY_TEXT ? "text" : "binary", PARLEY_FMT(raw),
	     json ? "json" : "raw");
	return kind == PARLEY_TEXT ? parley_send(c, raw) : parley_send_binary(c, raw);
}

static void on_close(parley_conn *c, uint16_t code, struct parley_slice reason)
{
	assert_false(parley_conn_is_open(c));
	assert_int_equal(parley_send(c, PARLEY_S("too late")), PARLEY_ECLOSED);
	assert_int_equal(parley_send_binary(c, PARLEY_S("x")), PARLEY_ECLOSED);
	assert_int_equal(parley_ping(c, PARLEY_S("x")), PARLEY_ECLOSED);
	assert_int_equal(parley_pong(c, PARLEY_S("x")), PARLEY_ECLOSED);
	assert_int_equal(parley_join(c, PARLEY_S("r")), PARLEY_ECLOSED);
	parley_close(c, 1000, "again");
	note(&w, "close %u %.*s;", code, PARLEY_FMT(reason));
}

static void a_life(void **state)
{
	struct parley_endpoint e = {.pattern = "/ws/chat",
				    .on_connect = on_connect,
				    .on_message = on_message,
				    .on_close = on_close};
	(void)state;
	world_open(&w, &e);
	struct client *c = client_new(&w, "/ws/chat");
	expect_text(&w, c, "{\"type\":\"welcome\"}");
	say(&w, c, "{\"a\":1}");
	expect_text(&w, c, "{\"a\":1}");
	say(&w, c, "no json");
	expect_text(&w, c, "no json");
	say(&w, c, "");
	expect_text(&w, c, "");
	say_bytes(&w, c, PL_WS_BINARY, PL_S("{}"));
	expect_frame(&w, c, PL_WS_BINARY, "{}");
	say_close(&w, c, 4005, "bye");
	expect_close(&w, c, 4005, "");
	expect_log(&w, "connect;text {\"a\":1} json;text no json raw;text  raw;binary {} raw;"
		       "close 4005 bye;");
	world_end(&w);
	expect_log(&w, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_life),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
