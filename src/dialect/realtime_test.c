/*
 * realtime_test.c - proves what a client of the chat+presence dialect sees, of either family: who
 * is let in and who is not, every answer and error, who hears what in which words and order, what
 * counts as missed, and that nobody speaks or reads in the name of somebody else.
 */
#include "dialect/testing.h"

static void say(struct client *c, const char *text)
{
	client_say(c, pl_slice_str(text));
}

static void sayf(struct client *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void sayf(struct client *c, const char *format, ...)
{
	char text[8192];
	va_list more;
	va_start(more, format);
	int n = vsnprintf(text, sizeof(text), format, more);
	va_end(more);
	assert_in_range(n, 1, sizeof(text) - 1);
	say(c, text);
}

static void expect_text(struct client *c, const char *text)
{
	if (!client_hear_within(c, WAIT_MS))
		fail_msg("waited for %s, heard nothing", text);
	assert_string_equal(c->text, text);
}

static void expect_msg(struct client *c, const char *type, const char *msg)
{
	char text[1024];
	snprintf(text, sizeof(text), "{\"type\":\"%s\",\"msg\":\"%s\"}", type, msg);
	expect_text(c, text);
}

static void expect_error(struct client *c, const char *msg)
{
	expect_msg(c, "ERROR", msg);
}

static struct client *dial(struct rig *r, const char *path)
{
	struct client *c = client_dial_at(r, path, "");
	assert_true(client_is_upgraded(c));
	return c;
}

static void auth(struct client *c, const char *name)
{
	char token[2048];
	sayf(c, "{\"type\":\"AUTH\",\"token\":\"%s\"}", token_for(name, 3600, token));
}

static struct client *client_at(struct rig *r, const char *path, const char *name)
{
	struct client *c = dial(r, path);
	auth(c, name);
	client_expect_with(c, "SUCCESS", name);
	return c;
}

static struct client *new_of(struct rig *r, const char *name)
{
	return client_at(r, "/rt", name);
}

static struct client *old_at(struct rig *r, const char *path, const char *name)
{
	char token[2048], target[2200];
	snprintf(target, sizeof(target), "%s?authToken=%s", path, token_for(name, 3600, token));
	return dial(r, target);
}

static struct client *old_of(struct rig *r, const char *name)
{
	return old_at(r, "/rt", name);
}

static void chat(struct client *c, const char *from, const char *to, const char *text)
{
	sayf(c,
	     "{\"type\":\"ONE_TO_ONE_CHAT\",\"from\":\"%s\",\"to\":\"%s\",\"content\":\"%s\","
	     "\"chatId\":\"x\"}",
	     from, to, text);
}

static void group_chat(struct client *c, const char *from, const char *group, const char *text)
{
	sayf(c, "{\"type\":\"GROUP_CHAT\",\"from\":\"%s\",\"groupId\":\"%s\",\"content\":\"%s\"}",
	     from, group, text);
}

static void member(struct client *c, const char *type, const char *group, const char *name)
{
	sayf(c, "{\"type\":\"%s\",\"groupId\":\"%s\",\"username\":\"%s\"}", type, group, name);
}

/* A round trip through the store. */
static void sync_with(struct client *c)
{
	say(c, "{\"type\":\"OFFLINE_MESSAGES_ACK\"}");
	expect_msg(c, "SUCCESS", "Offline messages acknowledged.");
}

static void free_all(struct rig *r, struct client *a, struct client *b, struct client *c)
{
	struct client *all[] = {a, b, c};
	for (size_t i = 0; i < 3; i++)
		if (all[i])
			client_free(all[i]);
	rig_end(r);
}

/* ---- coming in ---- */

static void the_first_frame_signs_in(void **state)
{
	struct rig *r = rig_start();
	(void)state;
	struct client *a = dial(r, "/rt");
	client_expect_silence(a); /* no greeting */
	chat(a, "alice", "bob", "early");
	expect_error(a, "Authentication required: send AUTH first.");
	say(a, "{\"type\":\"NONSENSE\"}");
	expect_error(a, "Authentication required: send AUTH first.");
	say(a, "{\"type\":\"AUTH\"}");
	expect_error(a, "Token is required.");
	say(a, "{\"type\":\"AUTH\",\"token\":7}");
	expect_error(a, "Token is required.");
	auth(a, "alice");
	expect_msg(a, "SUCCESS", "Authenticated as alice.");
	auth(a, "alice"); /* a fresh token */
	expect_msg(a, "SUCCESS", "Authenticated as alice.");
	assert_int_equal(r->metrics.v[PL_M_SIGNED_IN], 1);
	free_all(r, a, NULL, NULL);
}

static void a_bad_token_is_an_error_and_the_end(void **state)
{
	struct rig *r = rig_start();
	char token[2048];
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct client *a = dial(r, i ? "/rtp" : "/rt");
		sayf(a, "{\"type\":\"AUTH\",\"token\":\"%s\"}",
		     i ? token_for("alice", -100, token) : "x.y.z");
		expect_error(a, i ? "Token expired." : "Invalid token.");
		client_expect_close(a, 1008);
		client_free(a);
	}
	rig_end(r);
}

static void nobody_in_time_is_an_error_and_the_end(void **state)
{
	struct rig *r = rig_new();
	(void)state;
	r->signing.auth_deadline_ms = 50;
	rig_open(r);
	struct client *a = dial(r, "/rt"), *b = dial(r, "/rtp"), *c = new_of(r, "carol");
	expect_error(a, "Authentication timed out.");
	client_expect_close(a, 1008);
	expect_error(b, "Authentication timed out.");
	client_expect_close(b, 1008);
	client_expect_silence(c);
	free_all(r, a, b, c);
}

static void expect_status(struct client *c, const char *status)
{
	assert_false(client_is_upgraded(c));
	char want[32];
	snprintf(want, sizeof(want), "HTTP/1.1 %s ", status);
	c->in[c->len] = '\0';
	if (strncmp(c->in, want, strlen(want)) != 0)
		fail_msg("waited for %s, heard %.60s", status, c->in);
	client_free(c);
}

static void a_handshake_with_a_bad_token_is_refused(void **state)
{
	struct rig *r = rig_start();
	char token[2048], path[2200], head[2200];
	(void)state;
	snprintf(path, sizeof(path), "/rt?authToken=%s", token_for("alice", -100, token));
	expect_status(client_dial_at(r, path, ""), "401");
	expect_status(client_dial_at(r, "/rt?authToken=x", ""), "401");
	expect_status(client_dial_at(r, "/rtp?token=x", ""), "401");
	/* The header comes first. */
	snprintf(path, sizeof(path), "/rt?authToken=%s", token_for("alice", 3600, token));
	expect_status(client_dial_at(r, path, "Authorization: Bearer x\r\n"), "401");
	snprintf(head, sizeof(head), "Authorization: Bearer %s\r\n", token);
	struct client *a = client_dial_at(r, "/rt?authToken=x&username=bob", head);
	assert_true(client_is_upgraded(a));
	sync_with(a);
	/* What may be somebody else's word for it is not asked. */
	chat(a, "bob", "bob", "spoofed");
	expect_error(a, "You are signed in as alice, and can speak for nobody else.");
	assert_int_equal(r->metrics.v[PL_M_SIGNED_IN], 1);
	free_all(r, a, NULL, NULL);
}

static void who_goes_before_the_answer_is_forgotten(void **state)
{
	struct rig *r = rig_start();
	char token[2048], path[2200];
	(void)state;
	rig_hold(r);
	snprintf(path, sizeof(path), "/rt?authToken=%s", token_for("alice", 3600, token));
	struct client *a = client_dial_at(r, path, "");
	rig_wait_held(r, 1);
	client_free(a);
	for (int i = 0; i < 5; i++)
		pl_loop_turn(r->loop, 1);
	rig_let_go(r, -1);
	for (int i = 0; i < 5; i++)
		pl_loop_turn(r->loop, 1);
	assert_int_equal(r->metrics.v[PL_M_SIGNED_IN], 0);
	/* The same while it is sitting down. */
	rig_hold(r);
	a = client_dial_at(r, path, "");
	rig_wait_held(r, 1);
	rig_let_go(r, 0);
	rig_wait_held(r, 1);
	client_free(a);
	for (int i = 0; i < 5; i++)
		pl_loop_turn(r->loop, 1);
	rig_let_go(r, -1);
	for (int i = 0; i < 5; i++)
		pl_loop_turn(r->loop, 1);
	assert_int_equal(r->metrics.v[PL_M_SIGNED_IN], 0);
	rig_end(r);
}

/* Whoever vanishes while it is being counted as there is not there: what comes waits for it. */
static void who_goes_while_coming_is_not_there(void **state)
{
	struct rig *r = rig_start();
	char token[2048], path[2200];
	(void)state;
	struct client *b = new_of(r, "bob");
	snprintf(path, sizeof(path), "/rt?authToken=%s", token_for("alice", 3600, token));
	rig_hold(r);
	struct client *a = client_dial_at(r, path, "");
	for (int i = 0; i < 2; i++) { /* found; its chats; then it comes */
		rig_wait_held(r, 1);
		rig_let_go(r, 0);
	}
	rig_wait_held(r, 1);
	client_free(a);
	rig_wait_held(r, 2); /* and goes */
	rig_let_go(r, -1);
	for (int i = 0; i < 5; i++)
		pl_loop_turn(r->loop, 1);
	chat(b, "bob", "alice", "missed");
	sync_with(b);
	struct client *o = old_of(r, "alice");
	say(o, "{\"type\":\"INIT_DATA\"}");
	client_expect_with(o, "INIT_DATA", "\"count\":1,");
	free_all(r, b, o, NULL);
}

/* A store with no room for it is asked again. */
static void who_goes_from_a_busy_store_goes(void **state)
{
	struct rig *r = rig_start();
	(void)state;
	struct client *b = new_of(r, "bob"), *a = new_of(r, "alice");
	rig_hold(r);
	client_free(a);
	rig_wait_held(r, 1);
	r->held[0]->err = PL_EBUSY;
	rig_let_go(r, 0);
	rig_wait_held(r, 1);
	assert_int_equal(r->held[0]->kind, PL_OP_ATTEND);
	assert_int_equal(r->held[0]->err, 0);
	rig_let_go(r, -1);
	chat(b, "bob", "alice", "missed");
	sync_with(b);
	free_all(r, b, NULL, NULL);
}

static void a_name_is_the_older_users(void **state)
{
	struct rig *r = rig_start();
	(void)state;
	struct client *a = new_of(r, "alice");
	uint64_t now = pl_wall_ms() / 1000;
	struct pl_token_claims claims = {.subject = PL_S("somebody else"),
					 .username = PL_S("alice"),
					 .now_s = now,
					 .ttl_s = 100};
	struct pl_buf b;
	pl_buf_init(&b, 2048);
	assert_int_equal(pl_token_sign(SECRET, &claims, &b), 0);
	struct client *c = dial(r, "/rt");
	sayf(c, "{\"type\":\"AUTH\",\"token\":\"%.*s\"}", PL_FMT(pl_buf_slice(&b)));
	expect_error(c, "This username belongs to somebody else.");
	client_expect_close(c, 1008);
	char path[2200];
	snprintf(path, sizeof(path), "/rt?authToken=%.*s", PL_FMT(pl_buf_slice(&b)));
	expect_status(client_dial_at(r, path, ""), "401");
	assert_int_equal(r->metrics.v[PL_M_SIGNED_IN], 1);
	pl_buf_fini(&b);
	free_all(r, a, c, NULL);
}

static void somebody_else_on_the_same_line_inherits_nothing(void **state)
{
	struct rig *r = rig_start();
	(void)state;
	struct client *a = new_of(r, "alice"), *b = new_of(r, "bob"), *e = new_of(r, "eve");
	chat(b, "bob", "alice", "one");
	client_expect_with(a, "ONE_TO_ONE_CHAT", "one");
	auth(a, "carol");
	expect_msg(a, "SUCCESS", "Authenticated as carol.");
	chat(b, "bob", "alice", "two");
	sync_with(b);
	client_expect_silence(a);
	chat(e, "eve", "carol", "three");
	client_expect_with(a, "ONE_TO_ONE_CHAT", "three");
	/* Alice was away for the second. */
	struct client *o = old_of(r, "alice");
	say(o, "{\"type\":\"INIT_DATA\"}");
	client_expect_with(o, "INIT_DATA", "\"count\":1,");
	client_free(o);
	free_all(r, a, b, e);
}

/* ---- one to one ---- */

static void a_message_is_heard_in_each_familys_words(void **state)
{
	struct rig *r = rig_start();
	char text[1024], stamp[256], id[256];
	(void)state;
	struct client *a = new_of(r, "alice"), *b = new_of(r, "bob"), *o = old_of(r, "bob");
	struct client *phone = new_of(r, "alice"), *older = old_of(r, "alice");
	chat(a, "alice", "bob", "hello \\\"you\\\" \\u0000");
	client_expect(b, "ONE_TO_ONE_CHAT");
	client_value(b, "timestamp", stamp);
	client_value(b, "messageId", id);
	assert_int_equal(strlen(stamp), PL_ISO_TEXT);
	snprintf(text, sizeof(text),
		 "{\"type\":\"ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"bob\","
		 "\"content\":\"hello \\\"you\\\" \\u0000\",\"chatId\":\"alice-bob\","
		 "\"timestamp\":\"%s\",\"messageId\":\"%s\"}",
		 stamp, id);
	assert_string_equal(b->text, text);
	expect_text(o, "{\"type\":\"NEW_ONE_TO_ONE_CHAT_AP\",\"from\":\"alice\",\"msg\":\"First "
		       "message from alice.\",\"chatId\":\"alice-bob\"}");
	client_expect(o, "MESSAGE");
	assert_string_equal(o->text + strlen("{\"type\":\"MESSAGE\""),
			    text + strlen("{\"type\":\"ONE_TO_ONE_CHAT\""));
	/* No echo to any connection of the sender, and no answer. */
	client_expect_silence(a);
	client_expect_silence(phone);
	client_expect_silence(older);
	client_free(phone);
	client_free(older);
	client_free(o);
	free_all(r, a, b, NULL);
}

static void chat_with(struct client *c, const char *more)
{
	sayf(c,
	     "{\"type\":\"ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"bob\","
	     "\"content\":\"once\",\"chatId\":\"x\"%s}",
	     more);
}

static void who_asks_is_answered_when_it_is_kept(void **state)
{
	struct rig *r = rig_start();
	char first[256], again[256];
	(void)state;
	struct client *a = new_of(r, "alice"), *b = new_of(r, "bob");
	rig_hold(r);
	chat_with(a, ",\"requestId\":\"r1\"");
	rig_wait_held(r, 1);
	client_expect_silence(a);
	client_expect_silence(b);
	rig_let_go(r, -1);
	client_expect_with(a, "SUCCESS", "\"requestId\":\"r1\",\"messageId\":\"");
	client_value(a, "messageId", first);
	client_expect_with(b, "ONE_TO_ONE_CHAT", first);
	chat_with(a, ",\"requestId\":\"r1\"");
	client_expect_with(a, "SUCCESS", "\"duplicate\":true");
	assert_string_equal(client_value(a, "messageId", again), first);
	chat_with(a, ",\"requestId\":\"r1\",\"clientMessageId\":\"m1\"");
	client_expect_with(a, "SUCCESS", "\"timestamp\"");
	assert_string_not_equal(client_value(a, "messageId", again), first);
	client_expect_with(b, "ONE_TO_ONE_CHAT", again);
	say(a, "{\"type\":\"ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"bob\",\"content\":"
	       "\"again\",\"chatId\":\"x\",\"clientMessageId\":\"m1\",\"requestId\":\"r9\"}");
	client_expect_with(a, "SUCCESS", "\"requestId\":\"r9\"");
	assert_non_null(strstr(a->text, again));
	client_expect_silence(b);
	/* Errors carry it too. */
	say(a, "{\"type\":\"ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"nobody\",\"content\":"
	       "\"x\",\"chatId\":\"x\",\"requestId\":\"r2\"}");
	expect_text(a, "{\"type\":\"ERROR\",\"msg\":\"User nobody does not exist.\",\"requestId\":"
		       "\"r2\"}");
	free_all(r, a, b, NULL);
}

static void what_is_wrong_is_said(void **state)
{
	static const struct {
		const char *frame, *msg;
	} rows[] = {
		{"nonsense", "Invalid message format."},
		{"[]", "Invalid message format."},
		{"{}", "Invalid message format."},
		{"{\"type\":7}", "Invalid message format."},
		{"{\"type\":\"A\",\"type\":\"B\"}", "Invalid message format."},
		{"{\"type\":\"DANCE\"}", "Unknown message type: DANCE"},
		{"{\"type\":\"one_to_one_chat\"}", "Unknown message type: one_to_one_chat"},
		{"{\"type\":\"ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"bob\",\"chatId\":"
		 "\"x\"}",
		 "From username, to username, message content, and chat ID are required."},
		{"{\"type\":\"ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"bob\",\"content\":\"\","
		 "\"chatId\":\"x\"}",
		 "From username, to username, message content, and chat ID are required."},
		{"{\"type\":\"ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"bob\",\"content\":"
		 "\"x\"}",
		 "From username, to username, message content, and chat ID are required."},
		{"{\"type\":\"ONE_TO_ONE_CHAT\",\"from\":\"bob\",\"to\":\"carol\",\"content\":"
		 "\"x\","
		 "\"chatId\":\"x\"}",
		 "You are signed in as alice, and can speak for nobody else."},
		{"{\"type\":\"ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"alice\",\"content\":"
		 "\"x\",\"chatId\":\"x\"}",
		 "You cannot start a chat with yourself."},
		{"{\"type\":\"ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"ALICE\",\"content\":"
		 "\"x\",\"chatId\":\"x\"}",
		 "You cannot start a chat with yourself."},
		{"{\"type\":\"ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"mallory\",\"content\":"
		 "\"x\",\"chatId\":\"x\"}",
		 "User mallory does not exist."},
		{"{\"type\":\"ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"bob\\u0000\","
		 "\"content\":"
		 "\"x\",\"chatId\":\"x\"}",
		 "User bob\\u0000 does not exist."},
		{"{\"type\":\"ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"bob\",\"content\":"
		 "\"x\","
		 "\"chatId\":\"bob-carol\"}",
		 "This chatId belongs to other people."},
		{"{\"type\":\"NEW_ONE_TO_ONE_CHAT\",\"from\":\"alice\"}",
		 "Both 'from' and 'to' usernames are required."},
		{"{\"type\":\"NEW_ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"alice\"}",
		 "You cannot start a chat with yourself."},
		{"{\"type\":\"NEW_ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"mallory\"}",
		 "User mallory does not exist."},
		{"{\"type\":\"NEW_ONE_TO_ONE_CHAT\",\"from\":\"bob\",\"to\":\"carol\"}",
		 "You are signed in as alice, and can speak for nobody else."},
		{"{\"type\":\"GET_ONE_TO_ONE_HISTORY\",\"from\":\"alice\",\"to\":\"bob\"}",
		 "From username, to username, and chat ID are required."},
		{"{\"type\":\"GET_ONE_TO_ONE_HISTORY\",\"from\":\"bob\",\"to\":\"carol\","
		 "\"chatId\":"
		 "\"bob-carol\"}",
		 "You are signed in as alice, and can speak for nobody else."},
		{"{\"type\":\"GET_ONE_TO_ONE_HISTORY\",\"from\":\"alice\",\"to\":\"bob\","
		 "\"chatId\":"
		 "\"carol-bob\"}",
		 "This chatId belongs to other people."},
		{"{\"type\":\"GET_ONE_TO_ONE_HISTORY\",\"from\":\"alice\",\"to\":\"alice\","
		 "\"chatId\":\"x\"}",
		 "You cannot start a chat with yourself."},
		{"{\"type\":\"CREATE_GROUP_CHAT\",\"by\":\"alice\"}",
		 "Group name and creator are required."},
		{"{\"type\":\"CREATE_GROUP_CHAT\",\"groupName\":\"g\",\"by\":\"bob\"}",
		 "You are signed in as alice, and can speak for nobody else."},
		{"{\"type\":\"JOIN_GROUP\",\"groupId\":\"g\"}",
		 "Group ID and username are required."},
		{"{\"type\":\"JOIN_GROUP_CHAT\",\"groupId\":\"g\",\"username\":\"bob\"}",
		 "You are signed in as alice, and can speak for nobody else."},
		{"{\"type\":\"JOIN_GROUP\",\"groupId\":\"nowhere\",\"username\":\"alice\"}",
		 "Group chat with ID nowhere does not exist."},
		{"{\"type\":\"LEAVE_GROUP\",\"username\":\"alice\"}",
		 "Group ID and username are required."},
		{"{\"type\":\"LEAVE_GROUP\",\"groupId\":\"g\",\"username\":\"bob\"}",
		 "You are signed in as alice, and can speak for nobody else."},
		{"{\"type\":\"LEAVE_GROUP\",\"groupId\":\"nowhere\",\"username\":\"alice\"}",
		 "Group chat with ID nowhere does not exist."},
		{"{\"type\":\"GROUP_CHAT\",\"from\":\"alice\",\"content\":\"x\"}",
		 "Group ID, sender, and message content are required."},
		{"{\"type\":\"GROUP_CHAT\",\"from\":\"bob\",\"content\":\"x\",\"to\":\"g\"}",
		 "You are signed in as alice, and can speak for nobody else."},
		{"{\"type\":\"GROUP_CHAT\",\"from\":\"alice\",\"content\":\"x\",\"to\":"
		 "\"nowhere\"}",
		 "Group chat with ID nowhere does not exist."},
		{"{\"type\":\"GET_GROUP_CHAT_HISTORY\"}", "Group ID is required."},
		{"{\"type\":\"GET_GROUP_CHAT_HISTORY\",\"groupId\":\"nowhere\"}",
		 "Group chat with ID nowhere does not exist."},
	};
	struct rig *r = rig_new();
	(void)state;
	r->chat.rooms_open = false;
	rig_open(r);
	struct client *a = new_of(r, "alice"), *b = new_of(r, "bob"), *c = new_of(r, "carol");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		say(a, rows[i].frame);
		expect_error(a, rows[i].msg);
	}
	client_expect_silence(b);
	client_expect_silence(c);
	free_all(r, a, b, c);
}

static void long_names_are_no_names(void **state)
{
	struct rig *r = rig_start();
	(void)state;
	struct client *a = new_of(r, "alice");
	char name[10241], text[12000];
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	snprintf(text, sizeof(text),
		 "{\"type\":\"ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"%s\",\"content\":\"x\","
		 "\"chatId\":\"x\"}",
		 name);
	say(a, text);
	expect_error(a, "Invalid value: to.");
	snprintf(text, sizeof(text), "{\"type\":\"%s\"}", name);
	say(a, text);
	expect_error(a, "Unknown message type: (too long)");
	free_all(r, a, NULL, NULL);
}

/* Who is called what others split at: the chat is found by `to` all the same. */
static void odd_names_can_talk(void **state)
{
	static const struct {
		const char *a, *b, *chat_id;
	} rows[] = {{"x-y", "a b", "a b-x-y"},
		    {"-", "--", "----"},
		    {"\xf0\x9f\x98\x80", "\xef\xbc\xa1", "\xf0\x9f\x98\x80-\xef\xbc\xa1"},
		    {"Zoe", "anna", "Zoe-anna"},
		    {"b", "ba", "b-ba"}};
	struct rig *r = rig_start();
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char want[256];
		struct client *a = new_of(r, rows[i].a), *b = new_of(r, rows[i].b);
		snprintf(want, sizeof(want), "\"chatId\":\"%s\"", rows[i].chat_id);
		chat(a, rows[i].a, rows[i].b, "there");
		client_expect_with(b, "ONE_TO_ONE_CHAT", want);
		chat(b, rows[i].b, rows[i].a, "back");
		client_expect_with(a, "ONE_TO_ONE_CHAT", want);
		client_free(a);
		client_free(b);
	}
	rig_end(r);
}

static void a_new_chat_is_told(void **state)
{
	struct rig *r = rig_start();
	(void)state;
	struct client *a = old_of(r, "alice"), *b = old_of(r, "bob");
	say(a, "{\"type\":\"NEW_ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"bob\"}");
	expect_text(b, "{\"type\":\"NEW_ONE_TO_ONE_CHAT_AP\",\"from\":\"alice\",\"msg\":\"First "
		       "message from alice.\",\"chatId\":\"alice-bob\"}");
	expect_text(a, "{\"type\":\"NEW_ONE_TO_ONE_CHAT_AP\",\"msg\":\"Chat request sent to "
		       "bob.\",\"to\":\"bob\",\"chatId\":\"alice-bob\"}");
	say(b, "{\"type\":\"NEW_ONE_TO_ONE_CHAT\",\"from\":\"bob\",\"to\":\"alice\"}");
	expect_error(b, "Chat with alice already exists.");
	struct client *c = old_of(r, "carol");
	client_free(c);
	for (uint64_t end = pl_now_ms() + 60; pl_now_ms() < end;)
		pl_loop_turn(r->loop, 1);
	say(a, "{\"type\":\"NEW_ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"carol\"}");
	expect_msg(a, "INFO", "User carol is not online.");
	say(a, "{\"type\":\"NEW_ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"carol\"}");
	expect_error(a, "Chat with carol already exists.");
	chat(b, "bob", "alice", "x");
	client_expect(a, "MESSAGE"); /* and it sits there */
	free_all(r, a, b, NULL);
}

/* ---- groups ---- */

static void a_group_from_birth_to_the_last_word(void **state)
{
	struct rig *r = rig_start();
	char id[256], want[512];
	(void)state;
	struct client *a = old_of(r, "alice"), *b = new_of(r, "bob"), *c = old_of(r, "carol");
	say(a, "{\"type\":\"CREATE_GROUP_CHAT\",\"groupName\":\"Tea\",\"by\":\"alice\"}");
	client_expect_with(a, "GROUP_CHAT_CREATED", "\"groupName\":\"Tea\"");
	client_value(a, "groupId", id);
	assert_int_equal(strspn(id, "0123456789"), strlen(id));
	assert_in_range(strlen(id), 15, 19);
	/* Who made it is no member yet. */
	group_chat(a, "alice", id, "early");
	expect_error(a, "You are not a member of this group.");
	sayf(a, "{\"type\":\"GET_GROUP_CHAT_HISTORY\",\"groupId\":\"%s\"}", id);
	expect_error(a, "You are not a member of this group.");
	member(a, "LEAVE_GROUP", id, "alice");
	expect_error(a, "You are not a member of this group.");
	member(a, "JOIN_GROUP_CHAT", id, "alice");
	expect_msg(a, "SUCCESS", "User alice has joined the group.");
	member(a, "JOIN_GROUP_CHAT", id, "alice");
	expect_error(a, "User alice is already a member of the group.");
	member(b, "JOIN_GROUP", id, "bob");
	expect_msg(b, "SUCCESS", "User bob has joined the group.");
	snprintf(want, sizeof(want),
		 "{\"type\":\"GROUP_MEMBER_JOINED\",\"groupId\":\"%s\",\"username\":\"bob\"}", id);
	expect_text(a, want);
	struct client *phone = new_of(r, "bob");
	group_chat(b, "bob", id, "one");
	client_expect_with(a, "GROUP_CHAT", "\"from\":\"bob\",\"groupId\":\"");
	assert_non_null(strstr(a->text, id));
	assert_non_null(strstr(a->text, "\"content\":\"one\",\"timestamp\":\""));
	client_expect_with(phone, "GROUP_CHAT", "\"content\":\"one\"");
	sayf(a, "{\"type\":\"GROUP_CHAT\",\"from\":\"alice\",\"to\":\"%s\",\"content\":\"two\"}",
	     id);
	client_expect_with(b, "GROUP_CHAT", "\"content\":\"two\"");
	client_expect_with(phone, "GROUP_CHAT", "\"content\":\"two\"");
	sayf(b, "{\"type\":\"GET_GROUP_CHAT_HISTORY\",\"groupId\":\"%s\"}", id);
	client_expect_with(b, "GROUP_CHAT_HISTORY",
			   "\"from\":\"bob\",\"text\":\"one\",\"content\":");
	assert_true(strstr(b->text, "\"text\":\"one\"") < strstr(b->text, "\"text\":\"two\""));
	/* Leaving is leaving with all connections. */
	member(phone, "LEAVE_GROUP", id, "bob");
	expect_msg(phone, "SUCCESS", "User bob has left the group.");
	group_chat(a, "alice", id, "three");
	sync_with(a);
	client_expect_silence(b);
	client_expect_silence(phone);
	group_chat(b, "bob", id, "late");
	expect_error(b, "You are not a member of this group.");
	member(b, "JOIN_GROUP", id, "bob"); /* and one may come back */
	expect_msg(b, "SUCCESS", "User bob has joined the group.");
	client_expect(a, "GROUP_MEMBER_JOINED");
	group_chat(a, "alice", id, "four");
	client_expect_with(b, "GROUP_CHAT", "four");
	client_expect_with(phone, "GROUP_CHAT", "four");
	client_expect_silence(c);
	client_free(phone);
	free_all(r, a, b, c);
}

static void a_group_is_made_by_joining_it(void **state)
{
	struct rig *r = rig_start();
	(void)state;
	struct client *a = new_of(r, "alice"), *b = new_of(r, "bob");
	member(a, "JOIN_GROUP", "group_456", "alice");
	expect_msg(a, "SUCCESS", "User alice has joined the group.");
	member(b, "JOIN_GROUP", "group_456", "bob");
	expect_msg(b, "SUCCESS", "User bob has joined the group.");
	group_chat(a, "alice", "group_456", "hi");
	client_expect_with(b, "GROUP_CHAT", "\"groupId\":\"group_456\"");
	client_expect_silence(a);
	free_all(r, a, b, NULL);
}

static void a_chat_of_two_is_no_group(void **state)
{
	struct rig *r = rig_start();
	char id[256];
	(void)state;
	struct client *a = client_of(r, "alice"), *b = client_of(r, "bob");
	struct client *x = new_of(r, "alice"), *e = new_of(r, "eve");
	converse(a, b, "bob", id);
	struct client *all[] = {x, e};
	const char *const names[] = {"alice", "eve"};
	for (size_t i = 0; i < 2; i++) {
		char want[512];
		snprintf(want, sizeof(want), "Group chat with ID %s does not exist.", id);
		group_chat(all[i], names[i], id, "x");
		expect_error(all[i], want);
		member(all[i], "JOIN_GROUP", id, names[i]);
		expect_error(all[i], want);
		member(all[i], "LEAVE_GROUP", id, names[i]);
		expect_error(all[i], want);
		sayf(all[i], "{\"type\":\"GET_GROUP_CHAT_HISTORY\",\"groupId\":\"%s\"}", id);
		expect_error(all[i], want);
	}
	client_expect_silence(b);
	client_free(a);
	free_all(r, b, x, e);
}

/* ---- histories ---- */

static void a_history_is_as_long_as_it_may_be(void **state)
{
	struct rig *r = rig_new();
	char big[70000];
	(void)state;
	r->signing.realtime_history = 450;
	rig_open(r);
	struct client *a = new_of(r, "alice"), *b = new_of(r, "bob"), *c = new_of(r, "carol");
	for (int i = 0; i < 500; i++) {
		char text[16];
		snprintf(text, sizeof(text), "m%d.", i);
		chat(a, "alice", "bob", text);
		client_expect(b, "ONE_TO_ONE_CHAT");
	}
	say(b, "{\"type\":\"GET_ONE_TO_ONE_HISTORY\",\"from\":\"bob\",\"to\":\"alice\",\"chatId\":"
	       "\"mine\"}");
	client_expect_with(b, "ONE_TO_ONE_CHAT_HISTORY", "\"messages\":[{\"messageId\":\"");
	assert_null(strstr(b->text, "\"m49.\""));
	const char *at = strstr(b->text, "\"text\":\"m50.\"");
	for (int i = 51; i < 500; i++) {
		char text[32];
		snprintf(text, sizeof(text), "\"text\":\"m%d.\"", i);
		const char *next = strstr(b->text, text);
		assert_true(at && next && next > at);
		at = next;
	}
	assert_non_null(strstr(at, "\"chatId\":\"mine\""));
	assert_non_null(strstr(at, "],\"isOnline\":true,\"lastSeenTime\":\"2"));
	/* Long ones: the newest that fit, and one at least. */
	memset(big, 'y', sizeof(big));
	for (int i = 0; i < 6; i++) {
		char text[70200];
		int n = snprintf(text, sizeof(text),
				 "{\"type\":\"ONE_TO_ONE_CHAT\",\"from\":\"carol\",\"to\":\"bob\","
				 "\"chatId\":\"x\",\"content\":\"n%d%.69000s\"}",
				 i, big);
		client_say(c, pl_slice(text, (size_t)n));
		client_expect(b, "ONE_TO_ONE_CHAT");
	}
	say(b, "{\"type\":\"GET_ONE_TO_ONE_HISTORY\",\"from\":\"bob\",\"to\":\"carol\",\"chatId\":"
	       "\"x\"}");
	client_expect(b, "ONE_TO_ONE_CHAT_HISTORY");
	assert_null(strstr(b->text, "\"text\":\"n2"));
	assert_non_null(strstr(b->text, "\"text\":\"n3"));
	assert_non_null(strstr(b->text, "\"text\":\"n5"));
	free_all(r, a, b, c);
}

/* Nor does it tell a stranger whether somebody is there, or when they were. */
static void a_history_of_nothing_is_empty(void **state)
{
	static const char ask[] = "{\"type\":\"GET_ONE_TO_ONE_HISTORY\",\"from\":\"alice\","
				  "\"to\":\"bob\",\"chatId\":\"alice-bob\"}";
	static const char nothing[] = "\"messages\":[],\"isOnline\":false,\"lastSeenTime\":null";
	struct rig *r = rig_start();
	(void)state;
	struct client *a = new_of(r, "alice"), *b = new_of(r, "bob");
	say(a, ask);
	client_expect_with(a, "ONE_TO_ONE_CHAT_HISTORY", nothing);
	client_free(b);
	for (uint64_t end = pl_now_ms() + 60; pl_now_ms() < end;)
		pl_loop_turn(r->loop, 1);
	say(a, ask);
	client_expect_with(a, "ONE_TO_ONE_CHAT_HISTORY", nothing);
	/* Asking made nothing. */
	say(a, "{\"type\":\"NEW_ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"bob\"}");
	expect_msg(a, "INFO", "User bob is not online.");
	say(a, ask);
	client_expect_with(a, "ONE_TO_ONE_CHAT_HISTORY",
			   "\"messages\":[],\"isOnline\":false,\"lastSeenTime\":\"2");
	b = new_of(r, "bob");
	say(a, ask);
	client_expect_with(a, "ONE_TO_ONE_CHAT_HISTORY", "\"isOnline\":true,\"lastSeenTime\":\"2");
	free_all(r, a, b, NULL);
}

static void a_history_that_nobody_waits_for_is_freed(void **state)
{
	struct rig *r = rig_start();
	(void)state;
	for (size_t stage = 0; stage < 3; stage++) {
		struct client *a = new_of(r, "alice"), *b = new_of(r, "bob");
		chat(a, "alice", "bob", "x");
		sync_with(a);
		rig_hold(r);
		say(a, "{\"type\":\"GET_ONE_TO_ONE_HISTORY\",\"from\":\"alice\",\"to\":\"bob\","
		       "\"chatId\":\"x\"}");
		say(a, "{\"type\":\"NEW_ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"bob\"}");
		rig_wait_held(r, 2);
		if (stage) {
			rig_let_go(r, 0);
			rig_wait_held(r, 2); /* the page now */
		}
		client_free(a);
		for (int i = 0; i < 5; i++)
			pl_loop_turn(r->loop, 1);
		rig_let_go(r, -1);
		for (int i = 0; i < 5; i++)
			pl_loop_turn(r->loop, 1);
		client_free(b);
	}
	rig_end(r);
}

/* ---- away ---- */

static void what_came_meanwhile_is_counted(void **state)
{
	struct rig *r = rig_start();
	(void)state;
	struct client *a = new_of(r, "alice"), *b = old_of(r, "bob");
	member(a, "JOIN_GROUP", "tea", "alice");
	client_expect(a, "SUCCESS");
	member(b, "JOIN_GROUP", "tea", "bob");
	client_expect(b, "SUCCESS");
	chat(a, "alice", "bob", "heard");
	client_expect(b, "NEW_ONE_TO_ONE_CHAT_AP");
	client_expect(b, "MESSAGE");
	say(b, "{\"type\":\"INIT_DATA\"}");
	expect_text(b, "{\"type\":\"INIT_DATA\",\"chatIds\":[\"alice-bob\"],\"groups\":[\"tea\"],"
		       "\"offlineMessages\":[]}");
	struct client *p = old_at(r, "/rtp", "bob"); /* to watch is not to hear */
	client_free(b);
	for (int i = 0; i < 20; i++)
		pl_loop_turn(r->loop, 1);
	chat(a, "alice", "bob", "missed");
	chat(a, "alice", "bob", "missed too");
	group_chat(a, "alice", "tea", "missed");
	sync_with(a);
	b = old_of(r, "bob");
	chat(a, "alice", "bob", "heard again");
	client_expect(b, "MESSAGE");
	for (int i = 0; i < 2; i++) { /* until it is acknowledged */
		say(b, "{\"type\":\"INIT_DATA\"}");
		client_expect_with(b, "INIT_DATA",
				   "{\"partitionKey\":\"alice-bob\",\"count\":2,\"messageType\":"
				   "\"ONE_TO_ONE\",\"from\":\"alice\"}");
		assert_non_null(strstr(b->text,
				       "{\"partitionKey\":\"tea\",\"count\":1,"
				       "\"messageType\":\"GROUP\",\"groupName\":\"tea\"}"));
		client_free(b);
		b = old_of(r, "bob");
	}
	sync_with(b);
	say(b, "{\"type\":\"INIT_DATA\"}");
	client_expect_with(b, "INIT_DATA", "\"offlineMessages\":[]");
	client_free(p);
	free_all(r, a, b, NULL);
}

static void init_data_may_come_by_itself(void **state)
{
	struct rig *r = rig_new();
	(void)state;
	r->signing.realtime_push_init = true;
	rig_open(r);
	struct client *a = old_of(r, "alice"), *b = new_of(r, "bob"),
		      *p = old_at(r, "/rtp", "alice");
	client_expect(a, "INIT_DATA");
	client_expect_silence(b);
	client_expect_silence(p);
	free_all(r, a, b, p);
}

static void a_newer_one_may_end_the_older(void **state)
{
	struct rig *r = rig_new();
	(void)state;
	r->signing.realtime_single_session = true;
	rig_open(r);
	struct client *a = new_of(r, "alice"), *p = client_at(r, "/rtp", "alice");
	struct client *b = new_of(r, "bob");
	for (uint64_t end = pl_now_ms() + 3; pl_now_ms() < end;)
		pl_loop_turn(r->loop, 1);
	struct client *again = old_of(r, "alice");
	client_expect_close(a, 1008);
	client_expect_silence(p); /* of another kind */
	client_expect_silence(b);
	sync_with(again);
	client_free(again);
	free_all(r, a, p, b);
}

static void a_goodbye_is_answered(void **state)
{
	struct rig *r = rig_start();
	(void)state;
	struct client *a = new_of(r, "alice");
	say(a, "{\"type\":\"DISCONNECT\"}");
	expect_msg(a, "INFO", "You have been disconnected.");
	client_expect_close(a, 1000);
	free_all(r, a, NULL, NULL);
}

/* ---- presence ---- */

static void friends_see_each_other_come_and_go(void **state)
{
	struct rig *r = rig_start();
	(void)state;
	struct client *a = new_of(r, "alice"), *b = new_of(r, "bob"), *e = new_of(r, "eve");
	member(a, "JOIN_GROUP", "tea", "alice");
	client_expect(a, "SUCCESS");
	member(e, "JOIN_GROUP", "tea", "eve");
	client_expect(e, "SUCCESS");
	chat(a, "alice", "bob", "x");
	client_expect(b, "ONE_TO_ONE_CHAT");
	client_free(b);
	for (uint64_t end = pl_now_ms() + 60; pl_now_ms() < end;)
		pl_loop_turn(r->loop, 1);
	struct client *p = client_at(r, "/rtp", "alice"), *o = old_at(r, "/rtp", "alice");
	client_expect_silence(p); /* no list, and nothing of oneself */
	say(p, "{\"type\":\"GET_ONE_TO_ONE_HISTORY\"}");
	say(p, "nonsense");
	client_expect_silence(p);
	b = client_of(r, "bob"); /* of any dialect */
	client_expect_with(p, "PRESENCE_UPDATE",
			   "\"username\":\"bob\",\"status\":\"online\",\"timestamp\":\"2");
	expect_text(o, "{\"type\":\"STATUS_CHANGE\",\"username\":\"bob\",\"status\":\"ONLINE\"}");
	struct client *second = client_at(r, "/rtp", "bob");
	client_expect_silence(p);
	client_free(b);
	client_expect_silence(p);
	client_free(second);
	client_expect_with(p, "PRESENCE_UPDATE", "\"username\":\"bob\",\"status\":\"offline\"");
	expect_text(o, "{\"type\":\"STATUS_CHANGE\",\"username\":\"bob\",\"status\":\"OFFLINE\"}");
	client_free(e); /* only of the same group */
	client_expect_silence(p);
	/* Friends since a moment ago. */
	struct client *c = new_of(r, "carol");
	chat(a, "alice", "carol", "x");
	client_expect(c, "ONE_TO_ONE_CHAT");
	client_free(c);
	client_expect_with(p, "PRESENCE_UPDATE", "\"username\":\"carol\",\"status\":\"offline\"");
	client_free(o);
	free_all(r, a, p, NULL);
}

/* ---- with others ---- */

static void all_dialects_meet(void **state)
{
	struct rig *r = rig_start();
	char id[256], token[2048], path[2200];
	(void)state;
	struct client *q = client_of(r, "quinn"), *a = new_of(r, "alice"), *o = old_of(r, "otto");
	snprintf(path, sizeof(path), "/native?token=%s", token_for("nora", 3600, token));
	struct client *n = dial(r, path);
	client_expect(n, "connected");
	say(n, "{\"type\":\"join\",\"room\":\"tea\"}");
	client_expect(n, "joined");
	member(a, "JOIN_GROUP", "tea", "alice");
	client_expect(a, "SUCCESS");
	client_expect(n, "user-joined");
	member(o, "JOIN_GROUP_CHAT", "tea", "otto");
	client_expect(o, "SUCCESS");
	client_expect(n, "user-joined");
	client_ask(q, "join_conversation", "{\"conversationId\":\"tea\"}");
	client_expect(q, "conversation_joined");
	client_expect(n, "user-joined");
	client_expect_with(o, "GROUP_MEMBER_JOINED", "quinn");
	group_chat(a, "alice", "tea", "from alice");
	client_expect_with(q, "message_received", "from alice");
	client_expect_with(n, "chat", "from alice");
	client_expect_with(o, "GROUP_CHAT", "from alice");
	say(n, "{\"type\":\"chat\",\"room\":\"tea\",\"content\":\"from nora\"}");
	client_expect_with(a, "GROUP_CHAT", "\"from\":\"nora\",\"groupId\":\"tea\"");
	client_expect_with(o, "GROUP_CHAT", "from nora");
	client_expect_with(q, "message_received", "from nora");
	client_expect_with(n, "chat", "from nora");
	/* Between two: begun elsewhere, and answered there. */
	client_ask(q, "create_conversation", "{\"participantIds\":[\"otto\"]}");
	client_expect(q, "conversation_created");
	client_value(q, "id", id);
	client_expect_with(o, "NEW_ONE_TO_ONE_CHAT_AP", "\"from\":\"quinn\"");
	client_ask_in(q, "send_message", id, ",\"content\":\"psst\"");
	client_expect(q, "message_sent");
	client_expect_with(q, "message_received", "psst");
	client_expect_with(o, "MESSAGE", "\"from\":\"quinn\",\"to\":\"otto\",\"content\":\"psst\"");
	chat(o, "otto", "quinn", "what?");
	client_expect_with(q, "message_received", "what?");
	client_free(n);
	client_free(o);
	free_all(r, q, a, NULL);
}

/* Who hears an open room sits there, for native clients: each connection for chat once. */
static void in_a_room_by_name_one_is_seen(void **state)
{
	struct rig *r = rig_start();
	char token[2048], path[2200], who[256];
	(void)state;
	struct client *a = new_of(r, "alice"), *o = old_of(r, "alice");
	struct client *p = client_at(r, "/rtp", "alice");
	snprintf(path, sizeof(path), "/native?token=%s", token_for("nora", 3600, token));
	struct client *n = dial(r, path);
	client_expect(n, "connected");
	say(n, "{\"type\":\"join\",\"room\":\"tea\"}");
	client_expect(n, "joined");
	member(a, "JOIN_GROUP", "tea", "alice"); /* the other device sits down with it */
	client_expect(a, "SUCCESS");
	client_expect_with(n, "user-joined", "\"roomId\":\"tea\"");
	client_value(n, "userId", who);
	client_expect_with(n, "user-joined", who);
	member(a, "JOIN_GROUP", "tea", "alice");
	expect_error(a, "User alice is already a member of the group.");
	auth(a, "alice");
	client_expect(a, "SUCCESS");
	client_expect_silence(n); /* it sat there */
	client_free(o);
	client_expect_with(n, "user-left", who);
	o = old_of(r, "alice");
	client_expect_with(n, "user-joined", who);
	say(n, "{\"type\":\"join\",\"room\":\"tea\"}");
	client_expect(n, "joined");
	const char *first = strstr(n->text, who), *second = first ? strstr(first + 1, who) : NULL;
	assert_non_null(second);
	assert_null(strstr(second + 1, who)); /* the socket for presence is none */
	member(a, "LEAVE_GROUP", "tea", "alice");
	client_expect(a, "SUCCESS");
	client_expect_with(n, "user-left", who);
	client_expect_with(n, "user-left", who);
	client_free(p);
	client_free(o);
	client_free(a);
	client_expect_silence(n);
	client_free(n);
	rig_end(r);
}

static void everyone_gets_the_own_copy(void **state)
{
	struct rig *r = rig_start();
	char id[256], me[256], text[1024];
	(void)state;
	struct client *q = client_new(r);
	client_auth(q, "quinn", 3600);
	client_expect(q, "auth_success");
	struct client *other = client_new(r);
	client_auth(other, "alice", 3600);
	client_expect(other, "auth_success");
	client_value(other, "id", me);
	struct client *a = new_of(r, "alice");
	converse(q, other, "alice", id);
	snprintf(text, sizeof(text), ",\"encryptedContents\":{\"%s\":\"for alice\"}", me);
	client_ask_in(q, "send_message", id, text);
	client_expect_with(a, "ONE_TO_ONE_CHAT", "\"content\":\"for alice\"");
	client_free(other);
	free_all(r, q, a, NULL);
}

static size_t count_in(struct client *c, const char *type)
{
	size_t n = 0;
	while (client_hear_within(c, 200))
		n += strstr(c->text, type) != NULL;
	return n;
}

/* All at once, before the store has answered any of them; the last ones by somebody who is gone. */
static void groups_are_made_no_faster_than_they_may(void **state)
{
	struct rig *r = rig_new();
	char name[32];
	(void)state;
	r->chat.rooms_open = true;
	r->rates[PL_LIMIT_CREATES] = (struct pl_rate){1, 3};
	rig_open(r);
	struct client *a = new_of(r, "alice");
	rig_hold(r);
	for (int i = 0; i < 6; i++) {
		snprintf(name, sizeof(name), "fresh%d", i);
		member(a, "JOIN_GROUP", name, "alice");
	}
	rig_wait_held(r, 6);
	rig_let_go(r, -1);
	assert_int_equal(count_in(a, "SUCCESS"), 3);
	struct client *b = new_of(r, "bob");
	rig_hold(r);
	for (int i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "bobs%d", i);
		member(b, "JOIN_GROUP", name, "bob");
	}
	rig_wait_held(r, 3);
	client_free(b);
	rig_wait_held(r, 4); /* it went */
	rig_let_go(r, -1);
	b = new_of(r, "bob");
	member(b, "JOIN_GROUP", "bobs3", "bob");
	expect_error(b, "Group chat with ID bobs3 does not exist.");
	free_all(r, a, b, NULL);
}

static void haste_is_told(void **state)
{
	struct rig *r = rig_new();
	(void)state;
	r->rates[PL_LIMIT_MESSAGES] = (struct pl_rate){60, 2};
	rig_open(r);
	struct client *a = new_of(r, "alice"), *b = new_of(r, "bob");
	for (int i = 0; i < 3; i++)
		chat(a, "alice", "bob", "x");
	client_expect_with(a, "ERROR", "You are sending too fast. Please wait a moment.\",\"retry");
	client_expect(b, "ONE_TO_ONE_CHAT");
	client_expect(b, "ONE_TO_ONE_CHAT");
	client_expect_silence(b);
	free_all(r, a, b, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_frame_signs_in),
		cmocka_unit_test(a_bad_token_is_an_error_and_the_end),
		cmocka_unit_test(nobody_in_time_is_an_error_and_the_end),
		cmocka_unit_test(a_handshake_with_a_bad_token_is_refused),
		cmocka_unit_test(who_goes_before_the_answer_is_forgotten),
		cmocka_unit_test(who_goes_while_coming_is_not_there),
		cmocka_unit_test(who_goes_from_a_busy_store_goes),
		cmocka_unit_test(a_name_is_the_older_users),
		cmocka_unit_test(somebody_else_on_the_same_line_inherits_nothing),
		cmocka_unit_test(a_message_is_heard_in_each_familys_words),
		cmocka_unit_test(who_asks_is_answered_when_it_is_kept),
		cmocka_unit_test(what_is_wrong_is_said),
		cmocka_unit_test(long_names_are_no_names),
		cmocka_unit_test(odd_names_can_talk),
		cmocka_unit_test(a_new_chat_is_told),
		cmocka_unit_test(a_group_from_birth_to_the_last_word),
		cmocka_unit_test(a_group_is_made_by_joining_it),
		cmocka_unit_test(a_chat_of_two_is_no_group),
		cmocka_unit_test(a_history_is_as_long_as_it_may_be),
		cmocka_unit_test(a_history_of_nothing_is_empty),
		cmocka_unit_test(a_history_that_nobody_waits_for_is_freed),
		cmocka_unit_test(what_came_meanwhile_is_counted),
		cmocka_unit_test(init_data_may_come_by_itself),
		cmocka_unit_test(a_newer_one_may_end_the_older),
		cmocka_unit_test(a_goodbye_is_answered),
		cmocka_unit_test(friends_see_each_other_come_and_go),
		cmocka_unit_test(all_dialects_meet),
		cmocka_unit_test(in_a_room_by_name_one_is_seen),
		cmocka_unit_test(everyone_gets_the_own_copy),
		cmocka_unit_test(groups_are_made_no_faster_than_they_may),
		cmocka_unit_test(haste_is_told),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	rig_on_disk = true;
	return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
