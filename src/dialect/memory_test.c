/*
 * memory_test.c - proves that memory may run out at any allocation between a client's coming and
 * its going: it is answered or its line ends, nothing crashes, hangs or leaks, and what was
 * acknowledged is in the history, in one order without gaps.
 */
#include "dialect/testing.h"

enum { ACKED_MAX = 8192 };

struct story {
	struct rig *rig;
	bool is_strict; /* each request is answered, or the line ends */
	char room[256];
	char acked[ACKED_MAX][40];
	size_t nacked;
	unsigned said;
};

/* The answer to the last request; false: the line has ended, or (not strict) nothing came. */
static bool hear_answer(struct story *s, struct client *c)
{
	char ref[64];
	snprintf(ref, sizeof(ref), "\"requestId\":\"r%u\",\"timestamp\"", c->asked);
	uint64_t patience = s->is_strict ? WAIT_MS : 30;
	while (client_hear_within(c, patience)) {
		if (c->op == 8)
			return false;
		if (strstr(c->text, ref))
			return true;
	}
	if (s->is_strict && c->op != 0)
		fail_msg("request r%u was neither answered nor did the line end", c->asked);
	return false;
}

static bool ask(struct story *s, struct client *c, const char *type, const char *payload)
{
	client_ask(c, type, payload);
	return hear_answer(s, c);
}

static bool ask_in(struct story *s, struct client *c, const char *type, const char *more)
{
	char payload[1024];
	snprintf(payload, sizeof(payload), "{\"conversationId\":\"%s\"%s}", s->room, more);
	return ask(s, c, type, payload);
}

static bool sign_in(struct story *s, struct client *c, const char *token)
{
	char payload[2100];
	snprintf(payload, sizeof(payload), "{\"token\":\"%s\"}", token);
	return ask(s, c, "auth", payload);
}

static void note_ack(struct story *s, struct client *c)
{
	char id[256];
	if (strncmp(c->text, "{\"type\":\"message_sent\"", 22) != 0)
		return;
	client_value(c, "id", id);
	assert_true(s->nacked < ACKED_MAX);
	memcpy(s->acked[s->nacked++], id, 37);
}

/* Two people: as far as they get. */
static void tell_story(struct story *s, const char *tokens[2])
{
	struct client *a = client_dial(s->rig, NULL), *b = client_dial(s->rig, tokens[1]);
	bool on = client_is_upgraded(a) && sign_in(s, a, tokens[0]);
	bool other = client_is_upgraded(b) && ask(s, b, "load_conversations", "{}");
	on = on && ask(s, a, "create_conversation", "{\"participantIds\":[\"bob\"]}");
	on = on && ask_in(s, a, "join_conversation", "");
	other = other && ask_in(s, b, "join_conversation", "");
	on = on && ask_in(s, a, "typing_start", "");
	for (int i = 0; on && i < 3; i++) {
		/* The same words under the same request id would be a retry. */
		char more[64];
		snprintf(more, sizeof(more), ",\"content\":\"hello %u\",\"metadata\":{}",
			 s->said++);
		on = ask_in(s, a, "send_message", more);
		if (on)
			note_ack(s, a);
	}
	other = other && ask_in(s, b, "load_messages", "");
	other = other && ask_in(s, b, "mark_read",
				",\"messageId\":\"00000000-0000-0000-0000-000000000001\"");
	on = on && ask(s, a, "create_group", "{\"name\":\"g\"}");
	on = on && ask(s, a, "load_groups", "{}");
	on = on && sign_in(s, a, tokens[1]); /* as somebody else */
	on = on && ask_in(s, a, "leave_conversation", "");
	client_free(a);
	client_free(b);
	for (int i = 0; i < 6; i++)
		pl_loop_turn(s->rig->loop, 1);
}

static size_t count_of(const char *text, const char *part)
{
	size_t n = 0;
	for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
		n++;
	return n;
}

/* From the newest page to the oldest: sequence numbers without gaps, every acknowledged id once. */
static void check_history(struct story *s)
{
	struct client *c = client_of(s->rig, "alice");
	char *all = calloc(1, 16 << 20), first[256], more[300] = ",\"limit\":200", part[64];
	size_t len = 0;
	unsigned long total = 0;
	const char *type = "load_messages";
	assert_non_null(all);
	for (;;) {
		client_ask_in(c, type, s->room, more);
		client_expect(c, "messages_loaded");
		size_t n = count_of(c->text, "\"seq\":");
		assert_true(len + strlen(c->text) < 16u << 20);
		len += (size_t)snprintf(all + len, (16u << 20) - len, "%s\n", c->text);
		total += n;
		if (!n || strstr(c->text, "\"hasMore\":false"))
			break;
		client_value(c, "id", first);
		snprintf(more, sizeof(more), ",\"limit\":200,\"beforeMessageId\":\"%s\"", first);
		type = "load_more_messages";
	}
	for (unsigned long seq = 1; seq <= total; seq++) {
		snprintf(part, sizeof(part), "\"seq\":%lu,", seq);
		assert_int_equal(count_of(all, part), 1);
	}
	for (size_t i = 0; i < s->nacked; i++) {
		snprintf(part, sizeof(part), "{\"id\":\"%s\"", s->acked[i]);
		assert_int_equal(count_of(all, part), 1);
	}
	assert_true(s->nacked > 0 && total >= s->nacked);
	free(all);
	client_free(c);
}

static void prepare(struct story *s, struct rig *r, const char *tokens[2])
{
	static char text[2][2048];
	*s = (struct story){.rig = r, .is_strict = true};
	struct client *a = client_of(r, "alice"), *b = client_of(r, "bob");
	converse(a, b, "bob", s->room);
	client_free(a);
	client_free(b);
	tokens[0] = token_for("alice", 3600, text[0]);
	tokens[1] = token_for("bob", 3600, text[1]);
}

static void each_allocation_may_fail_once(void **state)
{
	static struct story s;
	struct rig *r = rig_start();
	const char *tokens[2];
	unsigned long n = 1, made;
	(void)state;
	prepare(&s, r, tokens);
	do { /* until the story is told without a failure */
		pl_mem_fail_at(n, false);
		tell_story(&s, tokens);
		made = pl_mem_count();
		pl_mem_fail_at(0, false);
	} while (made >= n++);
	assert_true(n > 80);
	print_message("%lu allocations, each failed once\n", n - 1);
	assert_int_equal(r->metrics.v[PL_M_SIGNED_IN], 0);
	check_history(&s);
	rig_end(r);
}

static void memory_may_be_gone_for_good(void **state)
{
	static struct story s;
	struct rig *r = rig_start();
	const char *tokens[2];
	(void)state;
	prepare(&s, r, tokens);
	tell_story(&s, tokens);
	s.is_strict = false;
	for (unsigned long n = 1; n < 240; n += 3) {
		pl_mem_fail_at(n, true);
		tell_story(&s, tokens);
		pl_mem_fail_at(0, false);
	}
	check_history(&s); /* and whoever comes when there is memory again is served */
	rig_end(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_allocation_may_fail_once),
		cmocka_unit_test(memory_may_be_gone_for_good),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	rig_on_disk = true;
	return cmocka_run_group_tests_name("on disk", tests, NULL, NULL) + failed;
}
