/*
 * dispatch_test.c - proves, for every row of the tables, what the protocol says of it: the words
 * for who is not signed in, for each field that is missing or of another type, and that no
 * refused request costs a token of the user's.
 */
#include "dialect/qrypt_internal.h"
#include "dialect/testing.h"

static const struct pl_message_row *const tables[] = {
	pl_qrypt_auth,
	pl_qrypt_conversations,
	pl_qrypt_messages,
	pl_qrypt_history,
	pl_qrypt_typing,
	pl_qrypt_groups,
	NULL,
};

/* As the protocol has it, not as the tables do. */
static const struct expected {
	const char *type;
	const char *denied;         /* the code; NULL: anyone may */
	const char *missing, *text; /* NULL: no field is required */
	const char *required[3];    /* payload members; each one left out is missing */
} expected[] = {
	{"auth", NULL, "MISSING_TOKEN", "Authentication token is required", {"token"}},
	{"ping", NULL, NULL, NULL, {NULL}},
	{"load_conversations", "AUTH_REQUIRED", NULL, NULL, {NULL}},
	{"join_conversation",
	 "AUTH_REQUIRED",
	 "INVALID_DATA",
	 "Conversation ID required",
	 {"conversationId"}},
	{"leave_conversation",
	 "AUTH_REQUIRED",
	 "INVALID_DATA",
	 "Conversation ID required",
	 {"conversationId"}},
	{"create_conversation",
	 "AUTH_REQUIRED",
	 "INVALID_DATA",
	 "Participant IDs required",
	 {"participantIds"}},
	{"send_message",
	 "UNAUTHORIZED",
	 "MISSING_REQUIRED_FIELDS",
	 "Conversation ID and content are required",
	 {"conversationId", "content"}},
	{"load_messages",
	 "UNAUTHORIZED",
	 "MISSING_CONVERSATION_ID",
	 "Conversation ID is required",
	 {"conversationId"}},
	{"load_more_messages",
	 "UNAUTHORIZED",
	 "MISSING_REQUIRED_FIELDS",
	 "Conversation ID and beforeMessageId are required",
	 {"conversationId", "beforeMessageId"}},
	{"mark_read",
	 "UNAUTHORIZED",
	 "MISSING_REQUIRED_FIELDS",
	 "Conversation ID and messageId are required",
	 {"conversationId", "messageId"}},
	{"typing_start",
	 "UNAUTHORIZED",
	 "MISSING_CONVERSATION_ID",
	 "Conversation ID is required",
	 {"conversationId"}},
	{"typing_stop",
	 "UNAUTHORIZED",
	 "MISSING_CONVERSATION_ID",
	 "Conversation ID is required",
	 {"conversationId"}},
	{"create_group", "AUTH_REQUIRED", "INVALID_DATA", "Group name required", {"name"}},
	{"join_group", "AUTH_REQUIRED", "INVALID_DATA", "Invite code required", {"inviteCode"}},
	{"load_groups", "AUTH_REQUIRED", NULL, NULL, {NULL}},
};

static const struct expected *expect_row(const char *name)
{
	for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++)
		if (!strcmp(expected[i].type, name))
			return &expected[i];
	fail_msg("no expectation for %s", name);
	return NULL;
}

/* All required members but one have a text; that one is left out, or is `wrong`. */
static void ask_without(struct client *c, const struct expected *x, size_t skipped,
			const char *wrong)
{
	struct pl_buf b;
	pl_buf_init(&b, 4096);
	PL_PUT(&b, "{\"unknown\":1");
	for (size_t i = 0; i < 3 && x->required[i]; i++)
		if (i != skipped)
			pl_buf_printf(&b, ",\"%s\":\"x\"", x->required[i]);
		else if (wrong)
			pl_buf_printf(&b, ",\"%s\":%s", x->required[i], wrong);
	pl_buf_put(&b, "}", 2);
	client_ask(c, x->type, b.at);
	pl_buf_fini(&b);
}

static void expect_error(struct client *c, const char *code, const char *text)
{
	char part[512];
	client_expect(c, "error");
	snprintf(part, sizeof(part), "{\"error\":\"%s\",\"code\":\"%s\",\"requestId\":\"r%u\"}",
		 text, code, c->asked);
	if (!strstr(c->text, part))
		fail_msg("no %s in %s", part, c->text);
	snprintf(part, sizeof(part), "},\"requestId\":\"r%u\",\"timestamp\":\"", c->asked);
	if (!strstr(c->text, part))
		fail_msg("no %s in %s", part, c->text);
}

static void who_is_not_signed_in_is_told_so(void **state)
{
	struct rig *r = rig_start();
	struct client *c = client_new(r);
	size_t rows = 0;
	(void)state;
	for (const struct pl_message_row *const *t = tables; *t; t++)
		for (const struct pl_message_row *row = *t; row->name; row++, rows++) {
			const struct expected *x = expect_row(row->name);
			assert_int_equal(row->who == PL_ANYONE, !x->denied);
			if (!x->denied)
				continue;
			client_ask(c, x->type, "{}");
			expect_error(c, x->denied, "Authentication required");
			ask_without(c, x, 3, NULL); /* also when nothing is missing */
			expect_error(c, x->denied, "Authentication required");
		}
	assert_int_equal(rows, sizeof(expected) / sizeof(*expected));
	client_free(c);
	rig_end(r);
}

static void what_is_missing_or_of_another_type_has_its_words(void **state)
{
	static const char *const wrongs[] = {NULL, "null", "\"\"", "7", "true", "{}"};
	struct rig *r = rig_start();
	struct client *c = client_of(r, "alice");
	(void)state;
	for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++)
		for (size_t k = 0; k < 3 && expected[i].required[k]; k++)
			for (size_t w = 0; w < sizeof(wrongs) / sizeof(*wrongs); w++) {
				ask_without(c, &expected[i], k, wrongs[w]);
				/* The extra frame is for tokens; a number was never one. */
				if (!strcmp(expected[i].type, "auth") && w < 3)
					client_expect_with(c, "auth_error", "MISSING_TOKEN");
				expect_error(c, expected[i].missing, expected[i].text);
			}
	client_free(c);
	rig_end(r);
}

static void what_is_no_message_is_told_so(void **state)
{
	static const char *const texts[] = {
		"",
		"x",
		"[]",
		"null",
		"\"ping\"",
		"{\"type\":\"ping\",\"payload\":{},\"requestId\":\"1\"}",
		"{\"type\":\"ping\",\"payload\":{},\"requestId\":\"1\",\"timestamp\":\"\"}",
		"{\"type\":\"ping\",\"payload\":{},\"requestId\":\"1\",\"timestamp\":1}",
		"{\"type\":\"ping\",\"payload\":{},\"timestamp\":\"t\"}",
		"{\"type\":\"ping\",\"payload\":{},\"requestId\":1,\"timestamp\":\"t\"}",
		"{\"type\":\"ping\",\"payload\":null,\"requestId\":\"1\",\"timestamp\":\"t\"}",
		"{\"type\":\"ping\",\"payload\":\"x\",\"requestId\":\"1\",\"timestamp\":\"t\"}",
		"{\"type\":\"\",\"payload\":{},\"requestId\":\"1\",\"timestamp\":\"t\"}",
		"{\"type\":null,\"payload\":{},\"requestId\":\"1\",\"timestamp\":\"t\"}",
		"{\"type\":\"ping\",\"type\":\"ping\",\"payload\":{},\"requestId\":\"1\","
		"\"timestamp\":\"t\"}",
	};
	struct rig *r = rig_start();
	struct client *c = client_new(r);
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		client_say(c, pl_slice_str(texts[i]));
		client_expect_with(c, "error",
				   "{\"error\":\"Invalid message format\","
				   "\"code\":\"INVALID_MESSAGE\",\"requestId\":null}");
		/* The envelope's own id is never null. */
		assert_non_null(strstr(c->text, "},\"requestId\":\""));
	}
	client_ask(c, "no_such_thing", "{}");
	expect_error(c, "UNKNOWN_MESSAGE_TYPE", "Unknown message type: no_such_thing");
	client_ask(c, "message_received", "{}"); /* only servers say it */
	expect_error(c, "UNKNOWN_MESSAGE_TYPE", "Unknown message type: message_received");
	client_say(c, PL_S("{\"type\":\"ping\",\"payload\":[],\"requestId\":null,"
			   "\"timestamp\":\"t\",\"extra\":1}"));
	client_expect_with(c, "pong", "\"payload\":{},\"requestId\":\"");
	client_free(c);
	rig_end(r);
}

static void who_asks_too_often_is_told_when_to_come_back(void **state)
{
	struct rig *r = rig_new();
	(void)state;
	r->rates[PL_LIMIT_HISTORY] = (struct pl_rate){60, 3};
	rig_open(r);
	struct client *phone = client_of(r, "alice"), *desk = client_of(r, "alice");
	struct client *bob = client_of(r, "bob");
	/* A request that is refused for what it says costs nothing. */
	for (int i = 0; i < 10; i++) {
		client_ask(phone, "load_messages", "{}");
		expect_error(phone, "MISSING_CONVERSATION_ID", "Conversation ID is required");
	}
	client_ask(phone, "load_conversations", "{}");
	client_expect(phone, "conversations_loaded");
	client_ask(desk, "load_conversations", "{}");
	client_expect(desk, "conversations_loaded");
	client_ask(phone, "load_groups", "{}");
	client_expect(phone, "groups_loaded");
	/* The bucket is the user's, not the connection's. */
	client_ask(desk, "load_groups", "{}");
	client_expect_with(desk, "error", "\"code\":\"RATE_LIMITED\"");
	assert_non_null(strstr(desk->text, "\"retry_after_ms\":"));
	client_ask(bob, "load_groups", "{}");
	client_expect(bob, "groups_loaded");
	assert_int_equal(r->metrics.v[PL_M_RATE_LIMITED], 1);
	client_free(phone);
	client_free(desk);
	client_free(bob);
	rig_end(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_not_signed_in_is_told_so),
		cmocka_unit_test(what_is_missing_or_of_another_type_has_its_words),
		cmocka_unit_test(what_is_no_message_is_told_so),
		cmocka_unit_test(who_asks_too_often_is_told_when_to_come_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
