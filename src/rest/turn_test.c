/*
 * turn_test.c - proves who is told of relays: users with a good token, each in the own name; nobody
 * who has none, whose token is older than the password, or who was locked out. The password that
 * is given is compared with one that is made here by the draft's formula.
 */
#include "rest/accounts_test.h"

#include <openssl/evp.h>

static const struct pl_slice urls[] = {PL_S("turn:turn.example")};
static const struct pl_turn relays = {
	.urls = urls, .nurls = 1, .secret = PL_S("a secret that relays share"), .lifetime_s = 600};

static void ask_turn(struct stage *s, const char *headers, struct heard *h)
{
	ask_for(s, "GET", "/api/turn", headers, "", h);
}

static void must_answer(struct stage *s, const char *headers, unsigned status, const char *text)
{
	struct heard h;
	ask_turn(s, headers, &h);
	is_answer(&h, status, text);
	assert_header(&h, "Cache-Control", "no-store");
	pl_buf_fini(&h.text);
}

/* Registered; her token as a header. */
static struct stage *stage_with_alice(char header[1024])
{
	struct stage *s = stage_open(4);
	struct heard h;
	s->rig->posts[0].rest.turn = &relays;
	ask_for(s, "POST", "/auth/register", TYPE, ALICE, &h);
	is_answer(&h, 201, "token");
	token_of(&h, header);
	pl_buf_fini(&h.text);
	return s;
}

/* The text of "key":"…" in an answer. */
static struct pl_slice text_of(const struct heard *h, const char *key)
{
	char pattern[64];
	snprintf(pattern, sizeof(pattern), "\"%s\":\"", key);
	const char *at = memmem(h->body.at, h->body.len, pattern, strlen(pattern));
	assert_non_null(at);
	at += strlen(pattern);
	const char *close = memchr(at, '"', (size_t)(h->body.at + h->body.len - at));
	return pl_slice(at, (size_t)(close - at));
}

static void a_user_gets_a_password_for_a_while(void **state)
{
	char header[1024], id[PL_UUID_TEXT];
	struct stage *s = stage_with_alice(header);
	struct pl_identity who;
	struct pl_arena a;
	struct heard h;
	(void)state;
	pl_arena_init(&a, 65536);
	claims_of(s, header, &a, &who);
	memcpy(id, who.subject.at, sizeof(id));
	uint64_t before = pl_wall_ms() / 1000;
	ask_turn(s, header, &h);
	assert_int_equal(h.head.status, 200);
	struct pl_slice name = text_of(&h, "username"), rest;
	struct pl_slice ends = pl_slice_cut(name, ':', &rest);
	assert_true(pl_slice_eq(rest, pl_slice(id, sizeof(id))));
	uint64_t end_s = strtoull(ends.at, NULL, 10);
	assert_in_range(end_s, before + 600, pl_wall_ms() / 1000 + 600);
	uint8_t mac[64];
	char expected[128];
	size_t len = 0;
	assert_non_null(EVP_Q_mac(NULL, "HMAC", NULL, "SHA1", NULL, relays.secret.at,
				  relays.secret.len, (const uint8_t *)name.at, name.len, mac,
				  sizeof(mac), &len));
	assert_int_equal(len, 20);
	EVP_EncodeBlock((uint8_t *)expected, mac, 20);
	assert_true(pl_slice_is(text_of(&h, "credential"), expected));
	assert_true(pl_slice_is(text_of(&h, "password"), expected));
	is_answer(&h, 200, "{\"iceServers\":[{\"urls\":[\"turn:turn.example\"],");
	is_answer(&h, 200, "\"ttl\":600,\"uris\":[\"turn:turn.example\"]}");
	pl_buf_fini(&h.text);
	pl_arena_fini(&a);
	stage_close(s);
}

static void without_relays_the_list_is_empty(void **state)
{
	char header[1024];
	struct stage *s = stage_with_alice(header);
	(void)state;
	s->rig->posts[0].rest.turn = NULL;
	must_answer(s, header, 200, "{\"iceServers\":[],\"uris\":[]}");
	stage_close(s);
}

static void sign(const char *subject, uint64_t now_s, char header[1024])
{
	struct pl_token_claims claims = {
		.subject = pl_slice_str(subject), .now_s = now_s, .ttl_s = 3600};
	struct pl_buf b;
	pl_buf_init(&b, 900);
	assert_int_equal(pl_token_sign(PL_S(SECRET), &claims, &b), 0);
	snprintf(header, 1024, "Authorization: Bearer %.*s\r\n", PL_FMT(pl_buf_slice(&b)));
	pl_buf_fini(&b);
}

static void strangers_are_told_nothing(void **state)
{
	char header[1024], other[1024];
	struct stage *s = stage_with_alice(header);
	(void)state;
	must_answer(s, "", 401, "Unauthorized");
	must_answer(s, "Authorization: Bearer x\r\n", 401, "Unauthorized");
	must_answer(s, "Authorization: Bearer " KEY "\r\n", 401, "Unauthorized");
	sign("nobody who was here", pl_wall_ms() / 1000, other);
	must_answer(s, other, 401, "Unauthorized");
	sign("alice", pl_wall_ms() / 1000 - 7200, other);
	must_answer(s, other, 401, "Unauthorized");
	header[strlen(header) - 4] ^= 1;
	must_answer(s, header, 401, "Unauthorized");
	header[strlen(header) - 4] ^= 1;
	char evil[1200];
	snprintf(evil, sizeof(evil), "%sOrigin: http://evil.example\r\n", header);
	must_answer(s, evil, 403, "origin");
	stage_close(s);
}

static void who_is_locked_out_is_told_nothing(void **state)
{
	char header[1024];
	struct stage *s = stage_with_alice(header);
	struct pl_op *op = pl_op_new(PL_OP_DISABLE, s->rig->posts[0].loop, keep, NULL);
	(void)state;
	must_answer(s, header, 200, "iceServers");
	op->disable.who = PL_S("alice");
	op->disable.on = true;
	assert_int_equal(perform(s, op), 0);
	pl_op_free(op);
	must_answer(s, header, 401, "Unauthorized");
	stage_close(s);
}

static void too_many_must_wait(void **state)
{
	char header[1024];
	struct stage *s = stage_with_alice(header);
	struct pl_limits *l = &s->rig->limits;
	struct heard h;
	(void)state;
	assert_int_equal(pl_limiter_new(6, 2, 64, &l->by[PL_LIMIT_SIGNALS]), 0);
	assert_int_equal(pl_limiter_new(6, 2, 64, &l->by[PL_LIMIT_AUTH_FAILURES]), 0);
	must_answer(s, header, 200, "iceServers");
	must_answer(s, header, 200, "iceServers");
	ask_turn(s, header, &h);
	is_answer(&h, 429, "Too many requests");
	assert_true(pl_http_header(&h.head.head, "Retry-After").len > 0);
	pl_buf_fini(&h.text);
	must_answer(s, "Authorization: Bearer x\r\n", 401, "Unauthorized");
	must_answer(s, "Authorization: Bearer x\r\n", 401, "Unauthorized");
	must_answer(s, "Authorization: Bearer x\r\n", 429, "Too many refused tokens");
	stage_close(s);
}

static void who_leaves_is_not_answered(void **state)
{
	char header[1024];
	struct stage *s = stage_with_alice(header);
	(void)state;
	for (int turns = 0; turns < 4; turns++) {
		int fd = begin(s, "GET", "/api/turn", header, "");
		for (int i = 0; i < turns; i++)
			pl_loop_turn(s->rig->posts[0].loop, 0);
		close(fd);
		for (int i = 0; i < 5; i++)
			pl_loop_turn(s->rig->posts[0].loop, 1);
	}
	must_answer(s, header, 200, "iceServers");
	stage_close(s);
}

static void memory_may_fail_anywhere(void **state)
{
	char header[1024];
	struct stage *s = stage_with_alice(header);
	bool was_whole = false;
	unsigned long n;
	(void)state;
	for (n = 1; !was_whole && n < 200; n++) {
		struct heard h;
		heard_init(&h);
		int fd = begin(s, "GET", "/api/turn", header, "");
		pl_mem_fail_at(n, false);
		hear_on(s->rig, 0, fd, false, &h);
		was_whole = pl_mem_count() < n;
		pl_mem_fail_at(0, false);
		close(fd);
		assert_true(h.is_closed || h.head.status == 200 || h.head.status >= 500);
		assert_true(!was_whole || h.head.status == 200);
		pl_buf_fini(&h.text);
		pl_loop_turn(s->rig->posts[0].loop, 0);
	}
	assert_true(was_whole && n > 3);
	stage_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_user_gets_a_password_for_a_while),
		cmocka_unit_test(without_relays_the_list_is_empty),
		cmocka_unit_test(strangers_are_told_nothing),
		cmocka_unit_test(who_is_locked_out_is_told_nothing),
		cmocka_unit_test(too_many_must_wait),
		cmocka_unit_test(who_leaves_is_not_answered),
		cmocka_unit_test(memory_may_fail_anywhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
