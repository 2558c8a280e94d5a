/*
 * native_test.c - proves what a native client sees: who is let in and how it is greeted, rooms with
 * their notices in order, what is broadcast bare, what is kept and bridged to QryptChat and back,
 * what is answered with an error, what is ignored, and when it is too much.
 */
#include "base/clock.h"
#include "dialect/testing.h"

static void say(struct client *c, const char *text)
{
	client_say(c, pl_slice_str(text));
}

static void expect_text(struct client *c, const char *text)
{
	if (!client_hear_within(c, WAIT_MS))
		fail_msg("waited for %s, heard nothing", text);
	assert_string_equal(c->text, text);
	assert_int_equal(c->op, PL_WS_TEXT);
}

static void expect_closed(struct client *c, unsigned code, const char *reason)
{
	if (!client_hear_within(c, WAIT_MS) || c->op != 8)
		fail_msg("waited for a close, heard %.300s", c->text);
	assert_int_equal(c->close_code, code);
	assert_string_equal(c->text + 2, reason);
}

/* Before `connected`. */
static struct client *dial_native(struct rig *r, const char *name)
{
	char token[2048], path[2200];
	snprintf(path, sizeof(path), "/native?token=%s", token_for(name, 3600, token));
	struct client *c = client_dial_at(r, path, "");
	assert_true(client_is_upgraded(c));
	return c;
}

static struct client *native_of(struct rig *r, const char *name)
{
	struct client *c = dial_native(r, name);
	client_expect(c, "connected");
	return c;
}

static struct client *guest_of(struct rig *r)
{
	struct client *c = client_dial_at(r, "/guests", "");
	assert_true(client_is_upgraded(c));
	client_expect(c, "connected");
	return c;
}

static void join(struct client *c, const char *room)
{
	char text[512];
	snprintf(text, sizeof(text), "{\"type\":\"join\",\"room\":\"%s\"}", room);
	say(c, text);
	client_expect_with(c, "joined", room);
}

/* ---- coming in ---- */

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

/* ---- rooms ---- */

static void joining_and_leaving_is_told(void **state)
{
	struct rig *r = rig_start();
	char alice[256], bob[256], text[1024];
	(void)state;
	struct client *a = native_of(r, "alice"), *b = native_of(r, "bob");
	say(a, "{\"type\":\"join\",\"room\":\"tea\"}");
	client_expect_with(a, "joined", "\"roomId\":\"tea\",\"members\":[{\"id\":\"");
	client_value(a, "id", alice);
	assert_non_null(strstr(a->text, "\",\"name\":\"alice\"}]}"));
	say(b, "{\"type\":\"join\",\"room\":\"tea\"}");
	client_expect_with(a, "user-joined", "\"roomId\":\"tea\",\"timestamp\":1");
	client_value(a, "userId", bob);
	client_expect(b, "joined");
	snprintf(text, sizeof(text),
		 "{\"type\":\"joined\",\"roomId\":\"tea\",\"members\":[{\"id\":\"%s\","
		 "\"name\":\"alice\"},{\"id\":\"%s\",\"name\":\"bob\"}]}",
		 alice, bob);
	assert_string_equal(b->text, text);
	say(b, "{\"type\":\"join\",\"room\":\"tea\"}"); /* again: the notice too, but one line */
	client_expect_with(a, "user-joined", bob);
	expect_text(b, text);
	say(b, "{\"type\":\"leave\",\"room\":\"tea\"}");
	client_expect_with(a, "user-left", bob);
	expect_text(b, "{\"type\":\"left\",\"roomId\":\"tea\"}");
	say(b, "{\"type\":\"leave\",\"room\":\"tea\"}");
	client_expect_silence(b);
	client_expect_silence(a);
	join(b, "tea");
	client_expect(a, "user-joined");
	client_free(b); /* without a word */
	client_expect_with(a, "user-left", bob);
	client_free(a);
	rig_end(r);
}

static void two_connections_of_a_user_are_two_lines(void **state)
{
	struct rig *r = rig_start();
	(void)state;
	struct client *a = native_of(r, "alice"), *b = native_of(r, "alice");
	join(a, "tea");
	join(b, "tea");
	const char *first = strstr(b->text, "\"name\":\"alice\"");
	assert_non_null(first);
	assert_non_null(strstr(first + 1, "\"name\":\"alice\""));
	client_expect(a, "user-joined");
	client_free(a);
	client_expect(b, "user-left");
	client_free(b);
	rig_end(r);
}

static void what_follows_a_join_finds_it_done(void **state)
{
	struct rig *r = rig_start();
	(void)state;
	struct client *a = native_of(r, "alice"), *b = native_of(r, "bob");
	join(b, "tea");
	rig_hold(r);
	say(a, "{\"type\":\"join\",\"room\":\"tea\"}");
	say(a, "{\"type\":\"broadcast\",\"room\":\"tea\",\"data\":\"one\"}");
	say(a, "{\"type\":\"broadcast\",\"room\":\"tea\",\"data\":\"two\"}");
	say(a, "{\"type\":\"leave\",\"room\":\"tea\"}");
	rig_wait_held(r, 4);
	rig_let_go(r, -1);
	client_expect(b, "user-joined");
	expect_text(b, "one");
	expect_text(b, "two");
	client_expect(b, "user-left");
	expect_text(a,
		    "{\"type\":\"left\",\"roomId\":\"tea\"}"); /* `joined` came too late for it */
	client_expect_silence(a);
	client_expect_silence(b);
	client_free(a);
	client_free(b);
	rig_end(r);
}

static void a_join_that_cannot_be_is_an_error(void **state)
{
	struct rig *r = rig_new();
	char text[512], name[200];
	(void)state;
	r->chat.open_rooms_max = 2;
	rig_open(r);
	struct client *a = native_of(r, "alice");
	memset(name, 'x', 129);
	name[129] = '\0';
	snprintf(text, sizeof(text), "{\"type\":\"join\",\"room\":\"%s\"}", name);
	say(a, text);
	expect_text(a, "{\"type\":\"error\",\"error\":\"Invalid room name\"}");
	say(a, "{\"type\":\"join\",\"room\":\"a\\u0007b\"}");
	expect_text(a, "{\"type\":\"error\",\"error\":\"Invalid room name\"}");
	join(a, "one");
	name[128] = '\0';
	join(a, name);
	say(a, "{\"type\":\"join\",\"room\":\"three\"}");
	expect_text(a, "{\"type\":\"error\",\"error\":\"Too many rooms\"}");
	join(a, "one"); /* what is there is joined all the same */
	r->chat.rooms_open = false;
	say(a, "{\"type\":\"join\",\"room\":\"four\"}");
	expect_text(a, "{\"type\":\"error\",\"error\":\"Room does not exist\"}");
	client_free(a);
	rig_end(r);
}

static void who_has_no_seat_left_makes_no_room(void **state)
{
	struct rig *r = rig_start();
	(void)state;
	struct client *a = native_of(r, "alice"), *q = client_of(r, "quin");
	r->hub.rooms.seats_max = 3; /* one is the user's own */
	join(a, "one");
	join(a, "two");
	say(a, "{\"type\":\"join\",\"room\":\"three\"}");
	expect_text(a, "{\"type\":\"error\",\"error\":\"Too many rooms\"}");
	r->hub.rooms.seats_max = 10;
	client_ask_in(q, "join_conversation", "three", "");
	client_expect_with(q, "error", "ACCESS_DENIED");
	r->hub.rooms.seats_max = 3;
	join(a, "two");
	say(a, "{\"type\":\"leave\",\"room\":\"two\"}");
	client_expect(a, "left");
	join(a, "three");
	client_free(a);
	client_free(q);
	rig_end(r);
}

static void new_rooms_are_limited_per_user_and_old_ones_are_not(void **state)
{
	struct rig *r = rig_new();
	char text[128];
	(void)state;
	r->rates[PL_LIMIT_CREATES] = (struct pl_rate){1, 3};
	rig_open(r);
	struct client *a = native_of(r, "alice"), *b = native_of(r, "bob");
	for (int i = 0; i < 5; i++) { /* at once */
		snprintf(text, sizeof(text), "{\"type\":\"join\",\"room\":\"r%d\"}", i);
		say(a, text);
	}
	int joined = 0, refused = 0;
	for (int i = 0; i < 5; i++) {
		assert_true(client_hear_within(a, WAIT_MS));
		joined += strstr(a->text, "\"joined\"") != NULL;
		refused += strstr(a->text, "\"error\":\"Room does not exist\"") != NULL;
	}
	assert_int_equal(joined, 3);
	assert_int_equal(refused, 2);
	for (int i = 0; i < 20; i++)
		join(a, "r0");
	join(b, "r9");
	client_free(a);
	client_free(b);
	rig_end(r);
}

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

/* ---- what is said ---- */

static void a_broadcast_is_bare_and_not_for_its_sender(void **state)
{
	static const struct {
		const char *data, *heard;
	} rows[] = {{",\"data\":\"plain \\\"text\\\"\"", "plain \"text\""},
		    {",\"data\":\"\"", ""},
		    {",\"data\":{\"a\":[1,\"b\"]}", "{\"a\":[1,\"b\"]}"},
		    {",\"data\":[]", "[]"},
		    {",\"data\":null", "null"},
		    {",\"data\":true", "true"},
		    {",\"data\":-12.5", "-12.5"}};
	struct rig *r = rig_start();
	char text[256];
	(void)state;
	struct client *a = native_of(r, "alice"), *b = native_of(r, "bob"),
		      *c = native_of(r, "carol");
	join(a, "tea");
	join(b, "tea");
	client_expect(a, "user-joined");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		snprintf(text, sizeof(text), "{\"type\":\"broadcast\",\"room\":\"tea\"%s}",
			 rows[i].data);
		say(a, text);
		expect_text(b, rows[i].heard);
	}
	say(a, "{\"type\":\"broadcast\",\"room\":\"tea\"}");
	assert_true(client_hear_within(b, WAIT_MS));
	assert_int_equal(b->op, PL_WS_BINARY);
	assert_string_equal(b->text, "");
	say(c, "{\"type\":\"broadcast\",\"room\":\"tea\",\"data\":\"from outside\"}");
	expect_text(a, "from outside");
	expect_text(b, "from outside");
	client_expect_silence(a);
	client_free(a);
	client_free(b);
	client_free(c);
	rig_end(r);
}

static void a_chat_is_for_all_who_joined(void **state)
{
	struct rig *r = rig_start();
	(void)state;
	struct client *a = native_of(r, "alice"), *b = native_of(r, "bob"),
		      *c = native_of(r, "carol");
	join(a, "tea");
	join(b, "tea");
	client_expect(a, "user-joined");
	say(a, "{\"type\":\"chat\",\"room\":\"tea\",\"content\":\"Hello World\",\"from\":\"eve\"}");
	struct client *const both[] = {a, b};
	for (int i = 0; i < 2; i++) {
		client_expect(both[i], "chat");
		const char *begin = "{\"type\":\"chat\",\"from\":\"alice\",\"content\":"
				    "\"Hello World\",\"timestamp\":1";
		assert_int_equal(strncmp(both[i]->text, begin, strlen(begin)), 0);
		assert_non_null(strstr(both[i]->text, ",\"room\":\"tea\",\"id\":\""));
		assert_non_null(strstr(both[i]->text, "\",\"seq\":1}"));
	}
	say(c, "{\"type\":\"chat\",\"room\":\"tea\",\"content\":{\"x\":[1]}}");
	client_expect_with(a, "chat", "\"content\":\"{\\\"x\\\":[1]}\"");
	client_expect_with(b, "chat", "\"from\":\"carol\"");
	client_expect_silence(c);
	say(c, "{\"type\":\"chat\",\"room\":\"tea\"}");
	client_expect_with(a, "chat", "\"content\":\"\"");
	client_free(a);
	client_free(b);
	client_free(c);
	rig_end(r);
}

static void many_chats_at_once_keep_their_order(void **state)
{
	struct rig *r = rig_start();
	char text[128], part[64];
	(void)state;
	struct client *g = guest_of(r), *b = native_of(r, "bob");
	join(b, "tea");
	say(g, "{\"type\":\"join\",\"room\":\"tea\"}");
	for (int i = 0; i < 50; i++) {
		snprintf(text, sizeof(text),
			 "{\"type\":\"chat\",\"room\":\"tea\",\"content\":\"%d\"}", i);
		say(g, text);
	}
	client_expect(b, "user-joined");
	for (int i = 0; i < 50; i++) {
		snprintf(part, sizeof(part), "\"content\":\"%d\"", i);
		client_expect_with(b, "chat", part);
	}
	client_free(g);
	client_free(b);
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

/* ---- together with QryptChat ---- */

static void both_kinds_meet_in_an_open_room(void **state)
{
	struct rig *r = rig_start();
	char id[256];
	(void)state;
	struct client *n = native_of(r, "nora"), *q = client_of(r, "quin");
	client_ask_in(q, "join_conversation", "tea", "");
	client_expect_with(q, "error", "ACCESS_DENIED"); /* only native clients make rooms */
	join(n, "tea");
	client_ask_in(q, "join_conversation", "tea", "");
	client_expect(n, "user-joined");
	client_expect(q, "conversation_joined");
	client_value(q, "conversationId", id);
	say(n, "{\"type\":\"chat\",\"room\":\"tea\",\"content\":\"from native\"}");
	client_expect_with(q, "message_received", "\"encrypted_content\":\"from native\"");
	client_expect_with(n, "chat", "from native");
	const char *const names[] = {"tea", id};
	for (int i = 0; i < 2; i++) {
		client_ask_in(q, "send_message", names[i], ",\"content\":\"from qrypt\"");
		client_expect(q, "message_sent");
		client_expect_with(q, "message_received", id);
		client_expect_with(n, "chat", "\"from\":\"quin\",\"content\":\"from qrypt\"");
		assert_non_null(strstr(n->text, "\"room\":\"tea\""));
		client_ask_in(q, "load_messages", names[i], "");
		client_expect_with(q, "messages_loaded", "from native");
		client_ask_in(q, "typing_start", names[i], "");
		client_expect(q, "typing_start");
		client_ask_in(q, "typing_stop", names[i], "");
		client_expect(q, "typing_stop");
	}
	client_ask(q, "load_conversations", "{}");
	client_expect_with(q, "conversations_loaded",
			   "\"conversation_type\":\"room\","
			   "\"conversation_name\":\"tea\"");
	say(n, "{\"type\":\"broadcast\",\"room\":\"tea\",\"data\":\"bare\"}");
	client_expect_silence(q); /* what is not kept is not for it */
	client_ask_in(q, "leave_conversation", "tea", "");
	client_expect_with(n, "user-left", "\"roomId\":\"tea\"");
	client_expect(q, "conversation_left");
	client_free(n);
	client_free(q);
	rig_end(r);
}

static void native_hears_a_conversation_of_its_user_by_its_id(void **state)
{
	struct rig *r = rig_start();
	char id[256], text[512];
	(void)state;
	struct client *a = client_of(r, "alice"), *b = client_of(r, "bob");
	struct client *n = native_of(r, "bob"), *m = native_of(r, "mallory");
	converse(a, b, "bob", id);
	snprintf(text, sizeof(text), "{\"type\":\"join\",\"room\":\"%s\"}", id);
	say(m, text);
	expect_text(m, "{\"type\":\"error\",\"error\":\"Access denied to room\"}");
	say(n, text);
	client_expect_with(n, "joined", id);
	client_ask_in(a, "send_message", id, ",\"content\":\"hi\"");
	client_expect_with(n, "chat", id);
	snprintf(text, sizeof(text), "{\"type\":\"chat\",\"room\":\"%s\",\"content\":\"ho\"}", id);
	say(m, text);
	client_expect_silence(m);
	client_expect_silence(n);
	say(n, text);
	client_expect_with(n, "chat", "\"from\":\"bob\"");
	client_free(a);
	client_free(b);
	client_free(n);
	client_free(m);
	rig_end(r);
}

static void left(struct pl_op *op)
{
	assert_int_equal(op->err, 0);
	*(bool *)op->owner = true;
	pl_op_free(op);
}

/* As another dialect would do it. */
static void end_membership(struct rig *r, const char *user, const char *conversation)
{
	bool done = false;
	struct pl_op *op = pl_op_new(PL_OP_LEAVE, r->loop, left, &done);
	assert_non_null(op);
	assert_int_equal(pl_uuid_parse(pl_slice_str(user), &op->leave.user), 0);
	op->leave.room = pl_slice_str(conversation);
	pl_hub_submit(&r->hub, op);
	for (int i = 0; i < 1000 && !done; i++)
		pl_loop_turn(r->loop, 10);
	assert_true(done);
}

static void who_is_no_member_any_more_says_nothing(void **state)
{
	struct rig *r = rig_start();
	char id[256], bob[256], text[512];
	(void)state;
	struct client *a = client_of(r, "alice");
	struct client *n = native_of(r, "bob"), *c = native_of(r, "carol");
	client_ask(a, "create_conversation",
		   "{\"participantIds\":[\"bob\",\"carol\"],\"isGroup\":true,\"name\":\"g\"}");
	client_expect(a, "conversation_created");
	client_value(a, "id", id);
	join(n, id);
	client_value(n, "id", bob);
	join(c, id);
	end_membership(r, bob, id);
	client_expect_silence(n); /* until every worker knows */
	snprintf(text, sizeof(text), "{\"type\":\"broadcast\",\"room\":\"%s\",\"data\":\"psst\"}",
		 id);
	say(n, text);
	snprintf(text, sizeof(text), "{\"type\":\"chat\",\"room\":\"%s\",\"content\":\"psst\"}",
		 id);
	say(n, text);
	client_expect_silence(c);
	client_ask_in(a, "send_message", id, ",\"content\":\"hi\"");
	client_expect_with(c, "chat", "\"hi\"");
	client_expect_silence(n);
	client_free(a);
	client_free(n);
	client_free(c);
	rig_end(r);
}

/* Where the members are fixed they come and go by being online, in whatever dialect; once, and not
 * by sitting down there. */
static void without_a_name_presence_says_who_comes_and_goes(void **state)
{
	struct rig *r = rig_start();
	char id[256], text[512];
	(void)state;
	struct client *a = client_of(r, "alice"), *b = client_of(r, "bob");
	struct client *n = native_of(r, "bob");
	converse(a, b, "bob", id);
	snprintf(text, sizeof(text), "{\"type\":\"join\",\"room\":\"%s\"}", id);
	say(n, text);
	client_expect_with(n, "joined", id);
	struct client *second = native_of(r, "alice");
	say(second, text);
	client_expect_with(second, "joined", id);
	client_expect_silence(n); /* alice was there already, with another device */
	client_free(a);
	client_expect_silence(n);
	client_free(second);
	client_expect_with(n, "user-left", id);
	char who[256];
	client_value(n, "userId", who);
	client_expect_silence(n);
	a = native_of(r, "alice");
	client_expect_with(n, "user-joined", who);
	assert_non_null(strstr(n->text, id));
	say(a, text);
	client_expect_with(a, "joined", id);
	client_expect_silence(n);
	client_expect_silence(a); /* nobody is told of oneself */
	client_free(a);
	client_free(b);
	client_free(n);
	rig_end(r);
}

/* In a room by name who is online, and a member, but does not sit there is not there. */
static void in_a_room_by_name_only_sitting_counts(void **state)
{
	struct rig *r = rig_start();
	(void)state;
	struct client *n = native_of(r, "nora"), *m = native_of(r, "mary");
	join(n, "tea");
	join(m, "tea");
	client_expect(n, "user-joined");
	client_free(m);
	client_expect(n, "user-left");
	client_expect_silence(n); /* and then she goes offline */
	m = native_of(r, "mary");
	client_expect_silence(n);
	client_free(m);
	client_free(n);
	rig_end(r);
}

static void a_name_in_the_form_of_an_id_is_one(void **state)
{
	static const char name[] = "6f1c1f5e-0c7e-4f0e-9e0b-3a1d5b7c9d11";
	struct rig *r = rig_start();
	(void)state;
	struct client *n = native_of(r, "nora"), *q = client_of(r, "quin");
	join(n, name);
	client_ask_in(q, "join_conversation", name, "");
	client_expect_with(q, "conversation_joined", name);
	client_expect_with(n, "user-joined", name);
	client_free(n);
	client_free(q);
	rig_end(r);
}

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

#define ALL(X)                                                 \
	X(who_brings_a_token_is_greeted)                       \
	X(who_brings_none_or_a_bad_one_is_closed)              \
	X(a_guest_has_a_name_and_an_id_while_it_stays)         \
	X(joining_and_leaving_is_told)                         \
	X(two_connections_of_a_user_are_two_lines)             \
	X(what_follows_a_join_finds_it_done)                   \
	X(a_join_that_cannot_be_is_an_error)                   \
	X(who_has_no_seat_left_makes_no_room)                  \
	X(new_rooms_are_limited_per_user_and_old_ones_are_not) \
	X(what_names_no_room_is_ignored)                       \
	X(a_broadcast_is_bare_and_not_for_its_sender)          \
	X(a_chat_is_for_all_who_joined)                        \
	X(many_chats_at_once_keep_their_order)                 \
	X(what_is_no_json_is_an_error)                         \
	X(one_frame_too_many_ends_it)                          \
	X(after_the_window_it_begins_anew)                     \
	X(the_window_begins_with_the_connection)               \
	X(a_registered_type_wins)                              \
	X(both_kinds_meet_in_an_open_room)                     \
	X(who_is_no_member_any_more_says_nothing)              \
	X(native_hears_a_conversation_of_its_user_by_its_id)   \
	X(without_a_name_presence_says_who_comes_and_goes)     \
	X(in_a_room_by_name_only_sitting_counts)               \
	X(a_name_in_the_form_of_an_id_is_one)

int main(void)
{
#define X(name) cmocka_unit_test(name),
	const struct CMUnitTest tests[] = {ALL(X)};
#undef X
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	customs = 0;
	rig_on_disk = true;
	return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
