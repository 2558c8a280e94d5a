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

static int which(parley_conn *c, enum parley_kind kind, struct parley_slice raw,
		 const parley_json *json)
{
	static const char *const names[] = {"null",   "bool",  "int",   "number",
					    "string", "array", "object"};
	(void)kind;
	(void)raw;
	return parley_send(c, parley_cstr(json ? names[parley_json_type(json)] : "raw"));
}

/* Exactly the texts of RFC 8259 are JSON, but for the limits that parley.h names. */
static void what_is_json(void **state)
{
	static const struct {
		const char *text, *is;
	} rows[] = {
		{"{}", "object"},
		{" \t\r\n[1]\n", "array"},
		{"\"\"", "string"},
		{"-0.5", "number"},
		{"1e3", "number"},
		{"7", "int"},
		{"-7", "int"},
		{"true", "bool"},
		{"false", "bool"},
		{"null", "null"},
		{"", "raw"},
		{" ", "raw"},
		{"nul", "raw"},
		{"hello", "raw"},
		{"NaN", "raw"},
		{"+1", "raw"},
		{".5", "raw"},
		{"'a'", "raw"},
		{"{} {}", "raw"},
		{"{\"a\":}", "raw"},
		{"\xef\xbb\xbf{}", "raw"},
		{"{\"a\":1,\"a\":2}", "raw"},
	};
	struct parley_endpoint e = {.pattern = "/ws", .on_message = which};
	(void)state;
	world_open(&w, &e);
	struct client *c = client_new(&w, "/ws");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		say(&w, c, rows[i].text);
		expect_text(&w, c, rows[i].is);
	}
	say_bytes(&w, c, PL_WS_TEXT, PL_S("\0{}"));
	expect_text(&w, c, "raw");
	world_end(&w);
}

static bool is_uuid_v4(struct parley_slice id)
{
	struct pl_uuid u;
	return !pl_uuid_parse(pl_slice(id.at, id.len), &u) && u.b[6] >> 4 == 4 && u.b[8] >> 6 == 2;
}

static int look(parley_conn *c)
{
	static char data;
	static char first_id[PL_UUID_TEXT];
	struct parley_slice id = parley_conn_id(c);
	assert_true(is_uuid_v4(id));
	assert_memory_not_equal(id.at, first_id, PL_UUID_TEXT);
	memcpy(first_id, id.at, PL_UUID_TEXT);
	assert_ptr_equal(parley_conn_user(c), &w);
	assert_ptr_equal(parley_conn_server(c), world_server(&w));
	assert_null(parley_conn_auth(c));
	assert_null(parley_conn_data(c));
	parley_conn_set_data(c, &data);
	assert_ptr_equal(parley_conn_data(c), &data);
	assert_true(parley_in_room(c, PARLEY_S("lobby")));
	struct parley_slice p = parley_conn_subprotocol(c);
	note(&w, "%.*s;", PARLEY_FMT(p));
	assert_ptr_equal(pl_handlers_here(w.handlers), w.sites[0]);
	assert_ptr_equal(pl_handler_site_conn(w.sites[0], pl_slice(id.at, id.len)), c);
	return 0;
}

static void what_a_connection_is(void **state)
{
	static const char *const protocols[] = {"chat.v2", "chat.v1", NULL};
	struct parley_endpoint e = {.pattern = "/ws",
				    .subprotocols = protocols,
				    .default_room = "lobby",
				    .user = &w,
				    .on_connect = look};
	(void)state;
	world_open(&w, &e);
	struct client *c = client_ask(&w, "/ws", "Sec-WebSocket-Protocol: x, chat.v1, chat.v2\r\n");
	UNTIL(&w, has_head(c));
	assert_non_null(memmem(c->got.at, c->got.len, "Protocol: chat.v1\r\n", 19));
	expect_101(&w, c);
	c = client_ask(&w, "/ws", "Sec-WebSocket-Protocol: x, CHAT.V1\r\n");
	UNTIL(&w, has_head(c));
	assert_null(memmem(c->got.at, c->got.len, "Socket-Protocol",
			   15)); /* none fits: none is named */
	expect_101(&w, c);
	c = client_ask(&w, "/ws",
		       "Sec-WebSocket-Protocol: x\r\nsec-websocket-protocol: chat.v2\r\n");
	UNTIL(&w, has_head(c));
	assert_non_null(memmem(c->got.at, c->got.len, "Protocol: chat.v2\r\n", 19));
	expect_101(&w, c);
	(void)client_new(&w, "/ws");
	expect_log(&w, "chat.v1;;chat.v2;;");
	assert_null(pl_handlers_here(w.handlers));
	assert_null(pl_handler_site_conn(w.sites[0], PL_S("nobody")));
	world_end(&w);
}

static void an_endpoint_may_have_no_callbacks(void **state)
{
	struct parley_endpoint e = PARLEY_ENDPOINT("/ws");
	(void)state;
	world_open(&w, &e);
	struct client *c = client_new(&w, "/ws");
	say(&w, c, "{}");
	say_bytes(&w, c, PL_WS_PING, PL_S("beat"));
	expect_frame(&w, c, PL_WS_PONG, "beat");
	say_bytes(&w, c, PL_WS_PONG, PL_S(""));
	say_close(&w, c, 1000, "");
	expect_close(&w, c, 1000, "");
	world_end(&w);
}

/* ---- errors ---- */

static int connect_error;

static int fail_to_connect(parley_conn *c)
{
	if (connect_error == 1)
		return parley_fail(c, PARLEY_EDENIED, "no \"room\" \xff left\n");
	return connect_error;
}

static void close_noted(parley_conn *c, uint16_t code, struct parley_slice reason)
{
	(void)c;
	note(&w, "close %u %.*s;", code, PARLEY_FMT(reason));
}

static void error_noted(parley_conn *c, int err, const char *detail)
{
	(void)c;
	note(&w, "error %d %s;", err, detail);
}

static void a_failed_on_connect_is_told_and_closes(void **state)
{
	static const struct {
		int err;
		const char *told;
	} rows[] = {
		{PARLEY_EINVAL, "{\"type\":\"error\",\"message\":\"invalid argument\"}"},
		{-12345, "{\"type\":\"error\",\"message\":\"unknown error\"}"},
		{1, "{\"type\":\"error\",\"message\":\"no \\\"room\\\" \xef\xbf\xbd left\\n\"}"},
	};
	struct parley_endpoint e = {
		.pattern = "/ws", .on_connect = fail_to_connect, .on_close = close_noted};
	(void)state;
	world_open(&w, &e);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		connect_error = rows[i].err;
		struct client *c = client_new(&w, "/ws");
		expect_text(&w, c, rows[i].told);
		expect_close(&w, c, 1011, "Internal error");
		say_close(&w, c, 1011, "");
		UNTIL(&w, w.log_len);
		expect_log(&w, "close 1011 Internal error;");
	}
	world_end(&w);
	e.on_error = error_noted;
	world_open(&w, &e);
	connect_error = 1;
	struct client *c = client_new(&w, "/ws");
	expect_close(&w, c, 1011, "Internal error");
	say_close(&w, c, 1011, "");
	UNTIL(&w, strstr(w.log, "close"));
	expect_log(&w, "error -10 no \"room\" \xef\xbf\xbd left\n;close 1011 Internal error;");
	world_end(&w);
}

static int fail_as_told(parley_conn *c, enum parley_kind kind, struct parley_slice raw,
			const parley_json *json)
{
	char text[400];
	(void)kind;
	if (parley_is(json, "do", "nothing"))
		return 0;
	if (parley_is(json, "do", "long")) {
		memset(text, 'x', sizeof(text));
		memcpy(text + 254, "\xc3\xa9", 3); /* the limit is inside it */
		return parley_fail(c, PARLEY_ELIMIT, text);
	}
	if (parley_is(json, "do", "forget")) { /* said, but nothing is returned */
		(void)parley_fail(c, PARLEY_ELIMIT, "forgotten");
		return 0;
	}
	snprintf(text, sizeof(text), "%.*s", PARLEY_FMT(raw));
	return parley_fail(c, PARLEY_EINVAL, raw.len ? text : NULL);
}

static void a_failed_on_message_is_told_and_goes_on(void **state)
{
	struct parley_endpoint e = {.pattern = "/ws", .on_message = fail_as_told};
	char want[400] = "{\"type\":\"error\",\"message\":\"";
	(void)state;
	world_open(&w, &e);
	struct client *c = client_new(&w, "/ws");
	say(&w, c, "no room given");
	expect_text(&w, c, "{\"type\":\"error\",\"message\":\"no room given\"}");
	say(&w, c, "{\"do\":\"forget\"}");
	say(&w, c, "");
	expect_text(&w, c, "{\"type\":\"error\",\"message\":\"invalid argument\"}");
	say(&w, c, "{\"do\":\"long\"}");
	size_t n = strlen(want);
	memset(want + n, 'x', 254);
	memcpy(want + n + 254, "\"}", 3);
	expect_text(&w, c, want);
	say(&w, c, "{\"do\":\"nothing\"}");
	expect_nothing(&w, c);
	world_end(&w);
	e.on_error = error_noted;
	world_open(&w, &e);
	c = client_new(&w, "/ws");
	say(&w, c, "no room given");
	expect_nothing(&w, c);
	expect_log(&w, "error -2 no room given;");
	world_end(&w);
	forget_log(&w);
}

static void what_broke_it_is_told_before_the_end(void **state)
{
	struct parley_endpoint e = {.pattern = "/ws",
				    .max_message = 1000,
				    .on_error = error_noted,
				    .on_close = close_noted};
	static char large[1001];
	(void)state;
	memset(large, 'x', sizeof(large));
	world_open(&w, &e);
	struct client *c = client_new(&w, "/ws");
	client_write(&w, c, PL_S("\x83\x80\1\2\3\4"));
	UNTIL(&w, strstr(w.log, "close 1002"));
	assert_memory_equal(w.log, "error -14 ", 10);
	forget_log(&w);
	c = client_new(&w, "/ws");
	say_bytes(&w, c, PL_WS_TEXT, PL_S("\xff"));
	UNTIL(&w, strstr(w.log, "close 1007"));
	assert_memory_equal(w.log, "error -14 ", 10);
	forget_log(&w);
	c = client_new(&w, "/ws");
	say_bytes(&w, c, PL_WS_BINARY, pl_slice(large, 1001));
	UNTIL(&w, strstr(w.log, "close 1009"));
	assert_memory_equal(w.log, "error -14 ", 10);
	forget_log(&w);
	c = client_new(&w, "/ws");
	hang_up(c);
	UNTIL(&w, strstr(w.log, "close"));
	expect_log(&w, "error -4 connection lost;close 1006 connection lost;");
	c = client_new(&w, "/ws");
	say_bytes(&w, c, PL_WS_BINARY, pl_slice(large, 1000));
	say_bytes(&w, c, PL_WS_CLOSE, PL_S(""));
	UNTIL(&w, strstr(w.log, "close"));
	expect_log(&w, "close 1005 ;");
	world_end(&w);
}

/* ---- closing ---- */

static const char *close_in;

static void close_here(parley_conn *c, const char *where)
{
	note(&w, "%s;", where);
	if (strcmp(close_in, where) != 0)
		return;
	assert_true(parley_conn_is_open(c));
	parley_close(c, 4010, where);
	parley_close(c, 4011, "twice is fine");
	assert_false(parley_conn_is_open(c));
	assert_int_equal(parley_send(c, PARLEY_S("x")), PARLEY_ECLOSED);
	assert_int_equal(parley_join(c, PARLEY_S("x")), PARLEY_ECLOSED);
	assert_int_equal(parley_leave(c, PARLEY_S("lobby")), 0);
}

static int closing_connect(parley_conn *c)
{
	close_here(c, "connect");
	return 0;
}

static int closing_message(parley_conn *c, enum parley_kind kind, struct parley_slice raw,
			   const parley_json *json)
{
	(void)kind;
	(void)json;
	close_here(c, "message");
	return raw.len ? PARLEY_EINVAL : 0;
}

static void closing_ping(parley_conn *c, struct parley_slice payload)
{
	assert_true(parley_slice_eq(payload, PARLEY_S("hey")));
	close_here(c, "ping");
}

static void closing_pong(parley_conn *c, struct parley_slice payload)
{
	assert_true(parley_slice_eq(payload, PARLEY_S("ho")));
	close_here(c, "pong");
}

static void closing_error(parley_conn *c, int err, const char *detail)
{
	(void)err;
	(void)detail;
	close_here(c, "error");
}

static void every_callback_may_close(void **state)
{
	static const struct {
		const char *where, *noted;
	} rows[] = {
		{"connect", "connect;close 4010 connect;"},
		{"ping", "connect;ping;close 4010 ping;"},
		{"pong", "connect;ping;pong;close 4010 pong;"},
		{"message", "connect;ping;pong;message;close 4010 message;"},
		{"error", "connect;ping;pong;message;message;error;close 4010 error;"},
	};
	struct parley_endpoint e = {.pattern = "/ws",
				    .default_room = "lobby",
				    .on_connect = closing_connect,
				    .on_message = closing_message,
				    .on_ping = closing_ping,
				    .on_pong = closing_pong,
				    .on_error = closing_error,
				    .on_close = close_noted};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct pl_buf b;
		close_in = rows[i].where;
		world_open(&w, &e);
		struct client *c = client_new(&w, "/ws");
		pl_buf_init(&b, 4096);
		pl_ws_put(&b, PL_WS_PING, PL_S("hey"), test_mask);
		pl_ws_put(&b, PL_WS_PONG, PL_S("ho"), test_mask);
		pl_ws_put(&b, PL_WS_TEXT, PL_S(""), test_mask);
		pl_ws_put(&b, PL_WS_TEXT, PL_S("to fail"), test_mask);
		pl_ws_put(&b, PL_WS_TEXT, PL_S("nobody hears"), test_mask);
		pl_ws_put(&b, PL_WS_PING, PL_S("nobody"), test_mask);
		client_write(&w, c, pl_buf_slice(&b)); /* all in one turn */
		pl_buf_fini(&b);
		expect_close(&w, c, 4010, rows[i].where);
		say_close(&w, c, 4010, "");
		UNTIL(&w, strstr(w.log, "close"));
		expect_log(&w, rows[i].noted);
		world_end(&w);
	}
}

/* ---- the request later on ---- */

static int remember_request(parley_conn *c)
{
	assert_true(parley_slice_eq(parley_request_query(parley_conn_request(c), "a"),
				    PARLEY_S("b c")));
	return 0;
}

static int ask_request(parley_conn *c, enum parley_kind kind, struct parley_slice raw,
		       const parley_json *json)
{
	const parley_request *r = parley_conn_request(c);
	(void)kind;
	(void)raw;
	(void)json;
	if (!r)
		return parley_send(c, PARLEY_S("forgotten"));
	struct parley_slice a = parley_request_query(r, "a"), b = parley_request_param(r, "id"),
			    h = parley_request_header(r, "x-thing");
	char text[100];
	int n = snprintf(text, sizeof(text), "%.*s %.*s %.*s", PARLEY_FMT(a), PARLEY_FMT(b),
			 PARLEY_FMT(h));
	return parley_send(c, parley_slice(text, (size_t)n));
}

static void a_request_may_be_kept(void **state)
{
	struct parley_endpoint e = {
		.pattern = "/ws/{id}", .on_connect = remember_request, .on_message = ask_request};
	(void)state;
	for (int keep = 0; keep < 2; keep++) {
		e.keep_request = keep;
		world_open(&w, &e);
		struct client *c = client_ask(&w, "/ws/7%2F8?a=b+c", "X-Thing: it\r\n");
		expect_101(&w, c);
		say(&w, c, "?");
		expect_text(&w, c, keep ? "b c 7/8 it" : "forgotten");
		world_end(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_life),
		cmocka_unit_test(what_is_json),
		cmocka_unit_test(what_a_connection_is),
		cmocka_unit_test(an_endpoint_may_have_no_callbacks),
		cmocka_unit_test(a_failed_on_connect_is_told_and_closes),
		cmocka_unit_test(a_failed_on_message_is_told_and_goes_on),
		cmocka_unit_test(what_broke_it_is_told_before_the_end),
		cmocka_unit_test(every_callback_may_close),
		cmocka_unit_test(a_request_may_be_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
