/*
 * native_test.c - proves who is let in to the native dialect and how it is greeted, what is
 * answered with an error, what is ignored, when it is too much, and that types of the program come
 * first.
 */
#include "dialect/native_test.h"

static void who_brings_a_token_is_greeted(void **state)
{
	struct rig *r = rig_start();
	char token[2048], head[2200], id[256];
	(void)state;
	struct client *a = dial_native(r, "alice");
	client_expect(a, "connected");
	assert_int_equal(strlen(client_value(a, "clientId", id)), 32);
	assert_int_equal(strspn(id, "0123456789abcdef"), 32);
	assert_non_null(strstr(a->text, "\",\"timestamp\":1"));
	snprintf(head, sizeof(head), "Authorization: Bearer %s\r\n", token_for("bob", 3600, token));
	struct client *b = client_dial_at(r, "/native", head);
	assert_true(client_is_upgraded(b));
	client_expect(b, "connected");
	/* An empty parameter is none; a full one comes before the header. */
	struct client *c = client_dial_at(r, "/native?token=", head);
	assert_true(client_is_upgraded(c));
	client_expect(c, "connected");
	struct client *d = client_dial_at(r, "/native?token=x", head);
	assert_true(client_is_upgraded(d));
	expect_closed(d, 1008, "Unauthorized");
	client_free(a);
	client_free(b);
	client_free(c);
	client_free(d);
	rig_end(r);
}

static void who_brings_none_or_a_bad_one_is_closed(void **state)
{
	struct rig *r = rig_start();
	char token[2048], path[2200];
	(void)state;
	snprintf(path, sizeof(path), "/native?token=%s", token_for("alice", -100, token));
	const char *const paths[] = {"/native", "/native?token=x.y.z", path, "/guests?token=x"};
	for (size_t i = 0; i < 4; i++) {
		struct client *c = client_dial_at(r, paths[i], "");
		assert_true(client_is_upgraded(c)); /* 101 all the same, and no frame before */
		expect_closed(c, 1008, "Unauthorized");
		client_free(c);
	}
	rig_end(r);
}

static void a_guest_has_a_name_and_an_id_while_it_stays(void **state)
{
	struct rig *r = rig_start();
	char id[256], name[256], again[256];
	(void)state;
	struct client *c = guest_of(r);
	join(c, "hall");
	client_value(c, "id", id);
	client_value(c, "name", name);
	assert_int_equal(strncmp(name, "Guest-", 6), 0);
	assert_int_equal(strlen(name), 10);
	join(c, "kitchen");
	assert_string_equal(client_value(c, "id", again), id);
	say(c, "{\"type\":\"chat\",\"room\":\"hall\",\"content\":\"hello\"}");
	client_expect_with(c, "chat", name);
	say(c, "{\"type\":\"chat\",\"room\":\"hall\",\"content\":\"again\",\"from\":\"root\"}");
	client_expect_with(c, "chat", name);
	assert_int_equal(r->metrics.v[PL_M_SIGNED_IN], 0);
	client_free(c);
	rig_end(r);
}

/* ---- what is wrong, or too much ---- */

static void what_names_no_room_is_ignored(void **state)
{
	struct rig *r = rig_start();
	static const char *const texts[] = {
		"{\"type\":\"join\"}",
		"{\"type\":\"join\",\"room\":\"\"}",
		"{\"type\":\"join\",\"room\":null}",
		"{\"type\":\"join\",\"room\":7}",
		"{\"type\":\"leave\"}",
		"{\"type\":\"leave\",\"room\":\"nowhere\"}",
		"{\"type\":\"broadcast\",\"data\":1}",
		"{\"type\":\"broadcast\",\"room\":\"nowhere\",\"data\":1}",
		"{\"type\":\"chat\",\"content\":\"x\"}",
		"{\"type\":\"chat\",\"room\":\"nowhere\",\"content\":\"x\"}",
		"{\"type\":\"file-upload\",\"filename\":\"a.txt\"}",
		"{\"type\":\"file-upload\"}",
		"{\"type\":\"unheard-of\"}",
		"{\"type\":7}",
		"{}",
		"1",
		"\"text\"",
		"true",
		"[{\"type\":\"ping\"}]"};
	(void)state;
	struct client *a = native_of(r, "alice");
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		say(a, texts[i]);
	client_expect_silence(a);
	say(a, "{\"type\":\"ping\"}");
	client_expect(a, "pong");
	client_free(a);
	rig_end(r);
}

static void what_is_no_json_is_an_error(void **state)
{
	static const struct {
		enum pl_ws_op kind;
		const char *text;
	} rows[] = {{PL_WS_TEXT, ""},
		    {PL_WS_TEXT, "null"},
		    {PL_WS_TEXT, "{\"type\":\"ping\""},
		    {PL_WS_TEXT, "hello"},
		    {PL_WS_BINARY, "\x01\x02\xff"}};
	struct rig *r = rig_start();
	(void)state;
	struct client *a = native_of(r, "alice");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		client_say_as(a, rows[i].kind, pl_slice_str(rows[i].text));
		expect_text(a, "{\"type\":\"error\",\"error\":\"Invalid message format\"}");
	}
	client_say_as(a, PL_WS_BINARY, PL_S("{\"type\":\"ping\"}"));
	client_expect_with(a, "pong", "{\"type\":\"pong\",\"timestamp\":1");
	client_free(a);
	rig_end(r);
}

static void one_frame_too_many_ends_it(void **state)
{
	struct rig *r = rig_new();
	(void)state;
	r->signing.native_messages = 10;
	r->signing.native_window_ms = 60000;
	rig_open(r);
	struct client *a = native_of(r, "alice");
	for (int i = 0; i < 10; i++)
		say(a, i % 2 ? "{\"type\":\"ping\"}" : "bad");
	for (int i = 0; i < 10; i++)
		client_expect(a, i % 2 ? "pong" : "error");
	say(a, "bad");
	expect_text(a, "{\"type\":\"error\",\"error\":\"Rate limit exceeded\"}");
	expect_closed(a, 1008, "Rate limit exceeded");
	client_free(a);
	rig_end(r);
}

static void after_the_window_it_begins_anew(void **state)
{
	struct rig *r = rig_new();
	(void)state;
	r->signing.native_messages = 3;
	r->signing.native_window_ms = 100;
	rig_open(r);
	struct client *a = native_of(r, "alice");
	for (int round = 0; round < 3; round++) {
		client_expect_silence(a);
		client_expect_silence(a);
		for (int i = 0; i < 3; i++) {
			say(a, "{\"type\":\"ping\"}");
			client_expect(a, "pong");
		}
	}
	client_free(a);
	rig_end(r);
}

/* Not with the first frame: who was silent for most of a window may speak at its end and after. */
static void the_window_begins_with_the_connection(void **state)
{
	struct rig *r = rig_new();
	(void)state;
	r->signing.native_messages = 3;
	r->signing.native_window_ms = 400;
	rig_open(r);
	struct client *both[] = {native_of(r, "alice"), guest_of(r)};
	for (uint64_t end = pl_now_ms() + 300; pl_now_ms() < end;)
		pl_loop_turn(r->loop, 10);
	for (int i = 0; i < 3; i++)
		for (int k = 0; k < 2; k++) {
			say(both[k], "{\"type\":\"ping\"}");
			client_expect(both[k], "pong");
		}
	for (uint64_t end = pl_now_ms() + 200; pl_now_ms() < end;)
		pl_loop_turn(r->loop, 10);
	for (int k = 0; k < 2; k++) {
		say(both[k], "{\"type\":\"ping\"}");
		client_expect(both[k], "pong");
		client_free(both[k]);
	}
	rig_end(r);
}

/* ---- types of the program ---- */

static int customs;

static void on_custom(struct pl_session *s, const struct pl_json *message, void *ctx)
{
	struct pl_buf *b = pl_session_out(s);
	customs += *(int *)ctx;
	PL_PUT(b, "{\"type\":\"custom\",\"n\":");
	pl_buf_put_i64(b, pl_json_i64(pl_json_get(message, "n"), -1));
	PL_PUT(b, "}");
	pl_session_send(s, b);
}

static void a_registered_type_wins(void **state)
{
	static int step = 1;
	static const struct pl_custom_message table[] = {
		{"chat", on_custom, &step}, {"dance", on_custom, &step}, {NULL, NULL, NULL}};
	struct rig *r = rig_start();
	(void)state;
	r->gateway.native_handlers = table;
	struct client *a = native_of(r, "alice");
	say(a, "{\"type\":\"dance\",\"n\":3}");
	expect_text(a, "{\"type\":\"custom\",\"n\":3}");
	join(a, "tea");
	say(a, "{\"type\":\"chat\",\"room\":\"tea\",\"content\":\"x\",\"n\":4}");
	expect_text(a, "{\"type\":\"custom\",\"n\":4}");
	say(a, "{\"type\":\"ping\"}");
	client_expect(a, "pong");
	assert_int_equal(customs, 2);
	client_free(a);
	rig_end(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_brings_a_token_is_greeted),
		cmocka_unit_test(who_brings_none_or_a_bad_one_is_closed),
		cmocka_unit_test(a_guest_has_a_name_and_an_id_while_it_stays),
		cmocka_unit_test(what_names_no_room_is_ignored),
		cmocka_unit_test(what_is_no_json_is_an_error),
		cmocka_unit_test(one_frame_too_many_ends_it),
		cmocka_unit_test(after_the_window_it_begins_anew),
		cmocka_unit_test(the_window_begins_with_the_connection),
		cmocka_unit_test(a_registered_type_wins),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	customs = 0;
	rig_on_disk = true;
	return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
