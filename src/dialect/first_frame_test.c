/*
 * first_frame_test.c - proves that at one address a client of each dialect is understood by its
 * first frame or by how it comes, that its token and its first frame are not lost on the way, and
 * that whatever is none of them gets an answer and leaves nothing behind.
 */
#include "dialect/testing.h"

#include "dialect/first_frame.h"

static struct pl_endpoint endpoints[2];
static struct pl_route routes[2];

/* A rig with /any and /any-guests. */
static struct rig *start(void)
{
	struct rig *r = rig_start();
	endpoints[0] = pl_first_frame_endpoint;
	endpoints[1] = pl_first_frame_guest_endpoint;
	for (size_t i = 0; i < 2; i++) {
		endpoints[i].ctx = &r->gateway;
		routes[i] =
			(struct pl_route){PL_HTTP_OTHER, i ? "/any-guests" : "/any", &endpoints[i]};
	}
	r->router.routes = routes;
	r->router.count = 2;
	return r;
}

static struct client *dial(struct rig *r, const char *path, const char *head)
{
	struct client *c = client_dial_at(r, path, head);
	assert_true(client_is_upgraded(c));
	client_expect_silence(c); /* nobody is greeted before the first frame */
	return c;
}

static void say_with(struct client *c, const char *format, const char *name)
{
	char token[2048], text[4096];
	const char *end = strchr(format, '%');
	assert_non_null(end);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(end - format), format,
		 token_for(name, 3600, token), end + 1);
	say(c, text);
}

static struct client *client_at_any(struct rig *r, const char *name)
{
	struct client *c = dial(r, "/any", "");
	client_auth(c, name, 3600);
	client_expect(c, "auth_success");
	return c;
}

/* ---- each dialect ---- */

static void a_payload_is_qryptchat(void **state)
{
	struct rig *r = start();
	char token[2048], path[2200];
	(void)state;
	struct client *a = dial(r, "/any", "");
	client_auth(a, "alice", 3600);
	client_expect(a, "auth_success");
	/* A token of the handshake signs in when it shows what it is for. */
	snprintf(path, sizeof(path), "/any?token=%s", token_for("bob", 3600, token));
	struct client *b = dial(r, path, "");
	client_ask(b, "load_conversations", "{}");
	client_expect(b, "conversations_loaded");
	/* These words are of others, too. */
	struct client *c = dial(r, "/any", "");
	client_ask(c, "ping", "{}");
	client_expect(c, "pong");
	assert_non_null(strstr(c->text, "\"requestId\":\"r1\""));
	client_free(a);
	client_free(b);
	client_free(c);
	rig_end(r);
}

static void capitals_are_chat_and_presence(void **state)
{
	struct rig *r = start();
	char token[2048], path[2200], head[2200];
	(void)state;
	struct client *a = dial(r, "/any", "");
	say_with(a, "{\"type\":\"AUTH\",\"token\":\"%\"}", "alice");
	expect_text(a, "{\"type\":\"SUCCESS\",\"msg\":\"Authenticated as alice.\"}");
	/* The older family: known by its parameter, or by a header and what it says then. */
	snprintf(path, sizeof(path), "/any?authToken=%s", token_for("otto", 3600, token));
	struct client *o = client_dial_at(r, path, "");
	assert_true(client_is_upgraded(o));
	say(a, "{\"type\":\"ONE_TO_ONE_CHAT\",\"from\":\"alice\",\"to\":\"otto\","
	       "\"content\":\"hi\",\"chatId\":\"x\"}");
	client_expect(o, "NEW_ONE_TO_ONE_CHAT_AP");
	client_expect_with(o, "MESSAGE", "\"content\":\"hi\"");
	snprintf(head, sizeof(head), "Authorization: Bearer %s\r\n", token);
	struct client *h = dial(r, "/any", head);
	say(h, "{\"type\":\"INIT_DATA\"}");
	client_expect_with(h, "INIT_DATA", "alice-otto");
	struct client *bad = client_dial_at(r, "/any?authToken=x.y.z", "");
	assert_false(client_is_upgraded(bad)); /* 401 */
	client_free(a);
	client_free(o);
	client_free(h);
	client_free(bad);
	rig_end(r);
}

static void a_word_of_native_is_native(void **state)
{
	struct rig *r = start();
	char token[2048], path[2200];
	(void)state;
	snprintf(path, sizeof(path), "/any?token=%s", token_for("nora", 3600, token));
	struct client *n = dial(r, path, "");
	say(n, "{\"type\":\"join\",\"room\":\"tea\"}");
	client_expect(n, "connected"); /* late, and still the first */
	client_expect_with(n, "joined", "\"name\":\"nora\"");
	struct client *g = dial(r, "/any-guests", "");
	say(g, "{\"type\":\"ping\"}");
	client_expect(g, "connected");
	client_expect(g, "pong");
	struct client *q = dial(r, "/any-guests", "");
	client_auth(q, "quinn", 3600);
	client_expect(q, "auth_success");
	struct client *x = dial(r, "/any", "");
	say(x, "{\"type\":\"join\",\"room\":\"tea\"}");
	client_expect_close(x, 1008); /* and the join is not done */
	client_expect_silence(n);
	client_free(n);
	client_free(g);
	client_free(q);
	client_free(x);
	rig_end(r);
}

/* ---- before the first frame ---- */

static void who_brought_a_token_is_somebody_already(void **state)
{
	struct rig *r = start();
	char token[2048], path[2200], id[256], text[512];
	(void)state;
	struct client *b = client_at_any(r, "bob"), *first = client_at_any(r, "alice");
	converse(b, first, "alice", id);
	client_ask_in(b, "join_conversation", id, "");
	client_expect(b, "conversation_joined");
	client_free(first);
	client_expect(b, "user_offline");
	snprintf(path, sizeof(path), "/any?token=%s", token_for("alice", 3600, token));
	struct client *a = dial(r, path, "");
	client_expect_with(b, "user_online", id);
	assert_int_equal(r->metrics.v[PL_M_SIGNED_IN], 2);
	client_ask_in(b, "send_message", id, ",\"content\":\"not for a silent one\"");
	client_expect(b, "message_sent");
	client_expect(b, "message_received");
	client_expect_silence(a);
	snprintf(text, sizeof(text), "{\"type\":\"join\",\"room\":\"%s\"}", id);
	say(a, text);
	client_expect(a, "connected");
	client_expect_with(a, "joined", id);
	client_ask_in(b, "send_message", id, ",\"content\":\"now\"");
	client_expect_with(a, "chat", "now");
	assert_int_equal(r->metrics.v[PL_M_SIGNED_IN], 2);
	client_expect(b, "message_sent");
	client_expect(b, "message_received");
	client_free(a);
	client_expect(b, "user_offline"); /* it was counted once */
	client_expect_silence(b);
	client_free(b);
	rig_end(r);
}

/* What comes right behind the handshake waits for the sign-in, and stays in order. */
static void what_comes_at_once_is_kept_in_order(void **state)
{
	struct rig *r = start();
	char token[2048], path[2200];
	(void)state;
	snprintf(path, sizeof(path), "/any?token=%s", token_for("nora", 3600, token));
	struct client *n = client_dial_at(r, path, "");
	say(n, "{\"type\":\"join\",\"room\":\"tea\"}");
	say(n, "{\"type\":\"chat\",\"room\":\"tea\",\"content\":\"one\"}");
	say(n, "{\"type\":\"chat\",\"room\":\"tea\",\"content\":\"two\"}");
	assert_true(client_is_upgraded(n));
	client_expect(n, "connected");
	/* `joined` comes from the room's keeper, beside what is said: it may stand anywhere. */
	const char *const chats[] = {"\"content\":\"one\"", "\"content\":\"two\""};
	size_t nchats = 0, njoined = 0;
	for (int i = 0; i < 3; i++) {
		assert_true(client_hear_within(n, WAIT_MS));
		if (strstr(n->text, "\"type\":\"joined\""))
			njoined++;
		else
			assert_true(nchats < 2 && strstr(n->text, chats[nchats++]));
	}
	assert_int_equal(njoined, 1);
	client_expect_silence(n);
	client_free(n);
	rig_end(r);
}

/* Whose token is bad is refused as its dialect refuses. */
static void a_bad_token_is_the_dialects_matter(void **state)
{
	struct rig *r = start();
	(void)state;
	struct client *n = dial(r, "/any-guests?token=x.y.z", "");
	say(n, "{\"type\":\"ping\"}");
	client_expect_close(n, 1008);
	struct client *q = dial(r, "/any?token=x.y.z", "");
	client_ask(q, "ping", "{}");
	client_expect(q, "pong");
	client_ask(q, "load_conversations", "{}");
	client_expect_with(q, "error", "AUTH_REQUIRED");
	struct client *o = dial(r, "/any?token=x.y.z", "");
	say(o, "{\"type\":\"INIT_DATA\"}");
	expect_text(o, "{\"type\":\"ERROR\",\"msg\":\"Invalid token.\"}");
	client_expect_close(o, 1008);
	client_free(n);
	client_free(q);
	client_free(o);
	rig_end(r);
}

/* ---- none of them ---- */

static void what_nobody_says_is_answered_as_qryptchat(void **state)
{
	static const char *const texts[] = {"",
					    "{",
					    "null",
					    "[]",
					    "7",
					    "{}",
					    "{\"type\":7}",
					    "{\"type\":\"dance\"}",
					    "{\"type\":\"ping\",\"requestId\":\"1\"}",
					    "{\"type\":\"AUTHOR\"}"};
	struct rig *r = start();
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct client *c = dial(r, i % 2 ? "/any" : "/any-guests", "");
		say(c, texts[i]);
		client_expect_with(c, "error", "INVALID_MESSAGE");
		client_auth(c, "alice", 3600);
		client_expect(c, "auth_success");
		client_free(c);
	}
	rig_end(r);
}

static void who_says_nothing_leaves_nothing(void **state)
{
	struct rig *r = rig_new();
	(void)state;
	r->signing.auth_deadline_ms = 50;
	rig_open(r);
	endpoints[0] = pl_first_frame_endpoint;
	endpoints[0].ctx = &r->gateway;
	routes[0] = (struct pl_route){PL_HTTP_OTHER, "/any", &endpoints[0]};
	r->router.routes = routes;
	r->router.count = 1;
	struct client *a = client_dial_at(r, "/any", ""), *b = client_dial_at(r, "/any", "");
	assert_true(client_is_upgraded(a));
	assert_true(client_is_upgraded(b));
	client_free(a);
	client_expect_close(b, 1008);
	client_free(b);
	assert_int_equal(r->metrics.v[PL_M_SIGNED_IN], 0);
	rig_end(r);
}

static void without_memory_it_ends_or_works(void **state)
{
	(void)state;
	for (int n = 1; n < 40; n++) {
		struct rig *r = start();
		r->may_fail = true;
		struct client *c = client_dial_at(r, "/any", "");
		pl_mem_fail_at(n, false);
		if (client_is_upgraded(c)) {
			client_ask(c, "ping", "{}");
			client_hear_within(c, 100);
		}
		pl_mem_fail_at(0, false);
		client_free(c);
		rig_end(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_payload_is_qryptchat),
		cmocka_unit_test(capitals_are_chat_and_presence),
		cmocka_unit_test(a_word_of_native_is_native),
		cmocka_unit_test(who_brought_a_token_is_somebody_already),
		cmocka_unit_test(what_comes_at_once_is_kept_in_order),
		cmocka_unit_test(a_bad_token_is_the_dialects_matter),
		cmocka_unit_test(what_nobody_says_is_answered_as_qryptchat),
		cmocka_unit_test(who_says_nothing_leaves_nothing),
		cmocka_unit_test(without_memory_it_ends_or_works),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
