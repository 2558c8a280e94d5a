/*
 * token_test.c - proves where in a request a token is found, and that the tokens we make are
 * accepted by our own check and say what they should.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "auth/auth.h"
#include "base/mem.h"
#include "wire/jwt.h"

#define SECRET "0123456789abcdef0123456789ABCDEF"

static void assert_is(struct pl_slice s, const char *expected)
{
	if (!expected)
		assert_null(s.at);
	else if (!s.at || !pl_slice_is(s, expected))
		fail_msg("'%.*s' is not '%s'", PL_FMT(s), expected);
}

static void test_bearer(void **state)
{
	(void)state;
	assert_is(pl_token_bearer(PL_S("Bearer a.b.c")), "a.b.c");
	assert_is(pl_token_bearer(PL_S("bearer a.b.c")), "a.b.c");
	assert_is(pl_token_bearer(PL_S(" BEARER   a.b.c \t")), "a.b.c");
	assert_is(pl_token_bearer(PL_S("Bearer")), NULL);
	assert_is(pl_token_bearer(PL_S("Bearer ")), NULL);
	assert_is(pl_token_bearer(PL_S("Bearera.b.c")), NULL);
	assert_is(pl_token_bearer(PL_S("Basic dXNlcjpwYXNz")), NULL);
	assert_is(pl_token_bearer(PL_S("a.b.c")), NULL);
	assert_is(pl_token_bearer(PL_S("")), NULL);
	assert_is(pl_token_bearer(pl_slice(NULL, 0)), NULL);
}

static void test_cookie(void **state)
{
	(void)state;
	const char *name = "sb-access-token";
	assert_is(pl_token_cookie(PL_S("sb-access-token=a.b.c"), name), "a.b.c");
	assert_is(pl_token_cookie(PL_S("x=1; sb-access-token=a.b.c; y=2"), name), "a.b.c");
	assert_is(pl_token_cookie(PL_S("x=1;sb-access-token=\"a.b.c\""), name), "a.b.c");
	assert_is(pl_token_cookie(PL_S("sb-access-token=a=b; sb-access-token=second"), name),
		  "a=b");
	assert_is(pl_token_cookie(PL_S("xsb-access-token=a"), name), NULL);
	assert_is(pl_token_cookie(PL_S("sb-access-tokenx=a"), name), NULL);
	assert_is(pl_token_cookie(PL_S("SB-ACCESS-TOKEN=a"), name), NULL);
	assert_is(pl_token_cookie(PL_S("x=sb-access-token=a"), name), NULL);
	assert_is(pl_token_cookie(PL_S("sb-access-token"), name), NULL);
	assert_is(pl_token_cookie(PL_S("sb-access-token="), name), NULL);
	assert_is(pl_token_cookie(PL_S("sb-access-token=\"\""), name), NULL);
	assert_is(pl_token_cookie(PL_S("sb-access-token=\""), name), "\"");
	assert_is(pl_token_cookie(PL_S(";;=;"), name), NULL);
	assert_is(pl_token_cookie(pl_slice(NULL, 0), name), NULL);
}

static void test_order(void **state)
{
	(void)state;
	struct pl_slice none = {NULL, 0};
	struct pl_slice header = PL_S("Bearer h"), query = PL_S("q"),
			cookie = PL_S("sb-access-token=c");
	assert_is(pl_token_find(header, query, cookie), "h");
	assert_is(pl_token_find(none, query, cookie), "q");
	assert_is(pl_token_find(PL_S("Basic x"), query, cookie), "q");
	assert_is(pl_token_find(none, PL_S(""), cookie), "c");
	assert_is(pl_token_find(none, none, cookie), "c");
	assert_is(pl_token_find(none, none, none), NULL);
}

static int sign(const struct pl_token_claims *c, struct pl_buf *out)
{
	pl_buf_clear(out);
	return pl_token_sign(PL_S(SECRET), c, out);
}

static void test_round_trip(void **state)
{
	(void)state;
	struct pl_buf b, why;
	struct pl_auth *a = NULL;
	struct pl_json_parser *parser = NULL;
	struct pl_arena arena;
	struct pl_identity who;
	pl_buf_init(&b, PL_TOKEN_MAX);
	pl_buf_init(&why, 1024);
	pl_arena_init(&arena, 4096);
	struct pl_auth_options o = {
		.secret = PL_S(SECRET), .issuer = PL_S("parley"), .audience = PL_S("chat")};
	assert_int_equal(pl_auth_new(&o, &why, &a), 0);
	assert_int_equal(pl_json_parser_new(PL_TOKEN_MAX, &parser), 0);
	struct pl_token_claims c = {.subject = PL_S("s\"1"),
				    .user_id = PL_S("u1"),
				    .username = PL_S("al"),
				    .name = PL_S("Al\\ \xc3\xa9"),
				    .issuer = PL_S("parley"),
				    .audience = PL_S("chat"),
				    .now_s = 1700000000,
				    .ttl_s = 3600};
	assert_int_equal(sign(&c, &b), 0);
	assert_int_equal(pl_auth_check(a, parser, pl_buf_slice(&b), 1700000000, &arena, &who, NULL),
			 0);
	assert_is(who.subject, "s\"1");
	assert_is(who.user_id, "u1");
	assert_is(who.username, "al");
	assert_is(who.name, "Al\\ \xc3\xa9");
	assert_int_equal(who.expires_s, 1700003600);
	assert_int_equal(pl_auth_check(a, parser, pl_buf_slice(&b), 1700003600, &arena, &who, NULL),
			 PL_EEXPIRED);
	pl_auth_release(a);
	pl_json_parser_free(parser);
	pl_arena_fini(&arena);
	pl_buf_fini(&b);
	pl_buf_fini(&why);
}

static struct pl_slice jti_of(struct pl_json_parser *parser, struct pl_buf *token)
{
	struct pl_jwt jwt;
	const struct pl_json *claims = NULL;
	const char *why = NULL;
	assert_int_equal(pl_jwt_read(parser, pl_buf_slice(token), &jwt, &why), 0);
	assert_int_equal(pl_jwt_claims(&jwt, parser, &claims, &why), 0);
	assert_int_equal(pl_json_i64(pl_json_get(claims, "iat"), 0), 1000);
	assert_null(pl_json_get(claims, "username"));
	assert_null(pl_json_get(claims, "iss"));
	return pl_json_get_str(claims, "jti");
}

static void test_each_is_another(void **state)
{
	(void)state;
	struct pl_token_claims c = {.subject = PL_S("s"), .now_s = 1000, .ttl_s = 1};
	struct pl_json_parser *one = NULL, *two = NULL;
	struct pl_buf b;
	pl_buf_init(&b, PL_TOKEN_MAX);
	assert_int_equal(pl_json_parser_new(PL_TOKEN_MAX, &one), 0);
	assert_int_equal(pl_json_parser_new(PL_TOKEN_MAX, &two), 0);
	assert_int_equal(sign(&c, &b), 0);
	struct pl_slice first = jti_of(one, &b);
	assert_int_equal(sign(&c, &b), 0);
	struct pl_slice second = jti_of(two, &b);
	assert_int_equal(first.len, 36);
	assert_false(pl_slice_eq(first, second));
	pl_json_parser_free(one);
	pl_json_parser_free(two);
	pl_buf_fini(&b);
}

static void test_refused(void **state)
{
	(void)state;
	struct pl_buf b;
	char many[8000];
	memset(many, 'n', sizeof(many));
	pl_buf_init(&b, PL_TOKEN_MAX);
	const struct pl_token_claims good = {.subject = PL_S("s"), .now_s = 1000, .ttl_s = 1};
	assert_int_equal(pl_token_sign(PL_S("short"), &good, &b), PL_EINVAL);
	assert_int_equal(pl_token_sign(pl_slice(NULL, 0), &good, &b), PL_EINVAL);
	struct pl_token_claims c = good;
	c.subject = pl_slice(NULL, 0);
	assert_int_equal(sign(&c, &b), PL_EINVAL);
	c.subject = pl_slice(many, 256);
	assert_int_equal(sign(&c, &b), PL_EINVAL);
	c.subject = PL_S("\xff");
	assert_int_equal(sign(&c, &b), PL_EINVAL);
	c = good;
	c.name = pl_slice(many, sizeof(many));
	assert_int_equal(sign(&c, &b), PL_EINVAL);
	c = good;
	c.ttl_s = 0;
	assert_int_equal(sign(&c, &b), PL_EINVAL);
	c.ttl_s = UINT64_MAX;
	assert_int_equal(sign(&c, &b), PL_EINVAL);
	assert_int_equal(b.len, 0);
	pl_buf_fini(&b);
}

static void test_no_memory(void **state)
{
	(void)state;
	const struct pl_token_claims c = {.subject = PL_S("s\n"), .now_s = 1000, .ttl_s = 1};
	unsigned long n = 1;
	for (bool failed = true; failed; n++) {
		struct pl_buf b;
		pl_buf_init(&b, PL_TOKEN_MAX);
		pl_mem_fail_at(n, false);
		int err = pl_token_sign(PL_S(SECRET), &c, &b);
		failed = pl_mem_count() >= n;
		pl_mem_fail_at(0, false);
		assert_int_equal(err, failed ? PL_ENOMEM : 0);
		pl_buf_fini(&b);
	}
	assert_true(n > 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bearer),          cmocka_unit_test(test_cookie),
		cmocka_unit_test(test_order),           cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_each_is_another), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
