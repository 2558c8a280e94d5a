/*
 * auth_test.c - proves that only a token that a configured key signed, for us and for now, becomes
 * an identity, for every algorithm and from two threads at once.
 */
#include "auth/testing.h"

static void test_every_algorithm(void **state)
{
	(void)state;
	static const struct {
		const char *alg;
		enum signer who;
	} rows[] = {{"HS256", S_HMAC}, {"HS384", S_HMAC}, {"HS512", S_HMAC}, {"RS256", S_RSA},
		    {"RS384", S_RSA},  {"RS512", S_RSA},  {"PS256", S_RSA},  {"PS384", S_RSA},
		    {"PS512", S_RSA},  {"ES256", S_P256}, {"ES384", S_P384}, {"ES512", S_P521},
		    {"EdDSA", S_ED}};
	enum { ROWS = sizeof(rows) / sizeof(*rows) };
	struct pl_buf b;
	pl_buf_init(&b, 1 << 16);
	for (int key = 0; key < SIGNERS; key++) {
		struct pl_auth_pem pem = {.path = paths[key]};
		struct pl_auth_options o = PL_AUTH_DEFAULTS;
		if (key == S_HMAC)
			o.secret = PL_S(SECRET);
		else
			o.pems = &pem, o.pem_count = 1;
		struct pl_auth *a = auth_of(&o);
		for (int i = 0; i < ROWS; i++) {
			struct pl_identity who;
			struct pl_slice t =
				sign_with(&b, rows[i].who, PL_S(SECRET), rows[i].alg, "", CLAIMS);
			assert_int_equal(check(a, t, &who),
					 (int)rows[i].who == key ? 0 : PL_EDENIED);
		}
		pl_auth_release(a);
	}
	pl_buf_fini(&b);
}

/* The bytes of the public key file are no HMAC secret, in PEM or DER. */
static void test_public_key_is_no_secret(void **state)
{
	(void)state;
	struct pl_buf b;
	struct pl_identity who;
	pl_buf_init(&b, 1 << 16);
	struct pl_auth_pem pem = {.path = paths[S_RSA]};
	struct pl_auth *a = auth_of(&(struct pl_auth_options){.pems = &pem, .pem_count = 1});
	char text[2048];
	FILE *f = fopen(paths[S_RSA], "r");
	assert_non_null(f);
	size_t n = fread(text, 1, sizeof(text), f);
	fclose(f);
	const char *algs[] = {"HS256", "HS384", "HS512"};
	for (int i = 0; i < 3; i++) {
		struct pl_slice t = sign_with(&b, S_HMAC, pl_slice(text, n), algs[i], "", CLAIMS);
		assert_int_equal(check(a, t, &who), PL_EDENIED);
		t = sign_with(&b, S_HMAC, pl_slice(text, n - 1), algs[i], "", CLAIMS);
		assert_int_equal(check(a, t, &who), PL_EDENIED);
		t = sign_with(&b, S_HMAC, PL_S(""), algs[i], "", CLAIMS);
		assert_int_equal(check(a, t, &who), PL_EDENIED);
	}
	pl_auth_release(a);
	pl_buf_fini(&b);
}

static void test_times(void **state)
{
	(void)state;
	struct pl_auth_options o = PL_AUTH_DEFAULTS; /* leeway 30 s */
	static const struct {
		const char *claims;
		int expected;
	} rows[] = {
		{CLAIMS, 0},
		{"\"sub\":\"a\"", PL_EDENIED},
		{"\"sub\":\"a\",\"exp\":null", PL_EDENIED},
		{"\"sub\":\"a\",\"exp\":\"1700000600\"", PL_EDENIED},
		{"\"sub\":\"a\",\"exp\":1700000600.5", PL_EDENIED},
		{"\"sub\":\"a\",\"exp\":1.7e9", PL_EDENIED},
		{"\"sub\":\"a\",\"exp\":-1", PL_EDENIED},
		{"\"sub\":\"a\",\"exp\":0", PL_EDENIED},
		{"\"sub\":\"a\",\"exp\":true", PL_EDENIED},
		{"\"sub\":\"a\",\"exp\":[1700000600]", PL_EDENIED},
		{"\"sub\":\"a\",\"exp\":9007199254740992", 0},
		{"\"sub\":\"a\",\"exp\":9007199254740993", PL_EDENIED},
		{"\"sub\":\"a\",\"exp\":9223372036854775807", PL_EDENIED},
		{"\"sub\":\"a\",\"exp\":18446744073709551616", PL_EDENIED},
		{"\"sub\":\"a\",\"exp\":1699999971", 0},
		{"\"sub\":\"a\",\"exp\":1699999970", PL_EEXPIRED},
		{"\"sub\":\"a\",\"exp\":1", PL_EEXPIRED},
		{CLAIMS ",\"nbf\":1700000030", 0},
		{CLAIMS ",\"nbf\":1700000031", PL_EDENIED},
		{CLAIMS ",\"nbf\":1699999999.75", 0},
		{CLAIMS ",\"nbf\":\"1\"", PL_EDENIED},
		{CLAIMS ",\"nbf\":-5", PL_EDENIED},
		{CLAIMS ",\"nbf\":null", PL_EDENIED},
		{CLAIMS ",\"iat\":1700000030", 0},
		{CLAIMS ",\"iat\":1700000031", PL_EDENIED},
		{CLAIMS ",\"iat\":\"x\"", PL_EDENIED},
		{CLAIMS ",\"exp\":1700000600", PL_EDENIED},
		{CLAIMS ",\"sub\":\"bob\"", PL_EDENIED},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (check_claims(o, rows[i].claims) != rows[i].expected)
			fail_msg("%s", rows[i].claims);
	o.leeway_s = 0;
	assert_int_equal(check_claims(o, "\"sub\":\"a\",\"exp\":1700000001"), 0);
	assert_int_equal(check_claims(o, "\"sub\":\"a\",\"exp\":1700000000"), PL_EEXPIRED);
	o.max_lifetime_s = 3600;
	assert_int_equal(check_claims(o, "\"sub\":\"a\",\"exp\":1700003600"), 0);
	assert_int_equal(check_claims(o, "\"sub\":\"a\",\"exp\":1700003601"), PL_EDENIED);
	assert_int_equal(check_claims(o, "\"sub\":\"a\",\"exp\":1700000600,\"iat\":1699997000"), 0);
	assert_int_equal(check_claims(o, "\"sub\":\"a\",\"exp\":1700000600,\"iat\":1699996999"),
			 PL_EDENIED);
}

static void test_issuer_and_audience(void **state)
{
	(void)state;
	struct pl_auth_options o = PL_AUTH_DEFAULTS;
	o.issuer = PL_S("https://x.supabase.co/auth/v1");
#define ISS ",\"iss\":\"https://x.supabase.co/auth/v1\""
	assert_int_equal(check_claims(o, CLAIMS ISS), 0);
	assert_int_equal(check_claims(o, CLAIMS), PL_EDENIED);
	assert_int_equal(check_claims(o, CLAIMS ",\"iss\":\"https://x.supabase.co/auth/v1/\""),
			 PL_EDENIED);
	assert_int_equal(check_claims(o, CLAIMS ",\"iss\":[\"https://x.supabase.co/auth/v1\"]"),
			 PL_EDENIED);
	o.audience = PL_S("chat");
	assert_int_equal(check_claims(o, CLAIMS ISS), PL_EDENIED);
	assert_int_equal(check_claims(o, CLAIMS ISS ",\"aud\":\"chat\""), 0);
	assert_int_equal(check_claims(o, CLAIMS ISS ",\"aud\":\"chats\""), PL_EDENIED);
	assert_int_equal(check_claims(o, CLAIMS ISS ",\"aud\":[\"a\",\"chat\"]"), 0);
	assert_int_equal(check_claims(o, CLAIMS ISS ",\"aud\":[\"a\",[\"chat\"],7]"), PL_EDENIED);
	assert_int_equal(check_claims(o, CLAIMS ISS ",\"aud\":[]"), PL_EDENIED);
	assert_int_equal(check_claims(o, CLAIMS ISS ",\"aud\":{\"chat\":1}"), PL_EDENIED);
	assert_int_equal(check_claims(o, CLAIMS ",\"aud\":\"chat\""), PL_EDENIED);
	assert_int_equal(
		check_claims((struct pl_auth_options)PL_AUTH_DEFAULTS, CLAIMS ",\"aud\":\"any\""),
		0);
}

static void assert_is(struct pl_slice s, const char *expected)
{
	if (!expected)
		assert_null(s.at);
	else if (!pl_slice_is(s, expected))
		fail_msg("'%.*s' is not '%s'", PL_FMT(s), expected);
}

static void test_identity(void **state)
{
	(void)state;
	static const struct {
		const char *claims, *subject, *user_id, *username, *name;
	} rows[] = {
		{"\"sub\":\"s\",\"userId\":\"u\",\"username\":\"n\",\"name\":\"N\"", "s", "u", "n",
		 "N"},
		{"\"userId\":\"u\",\"username\":\"n\"", "u", "u", "n", NULL},
		{"\"username\":\"n\"", "n", NULL, "n", NULL},
		{"\"sub\":17", "17", NULL, NULL, NULL},
		{"\"userId\":-5,\"sub\":null", "-5", "-5", NULL, NULL},
		{"\"sub\":\"\",\"username\":\"n\"", "n", NULL, "n", NULL},
		{"\"sub\":\"s\",\"display_name\":\"D\"", "s", NULL, NULL, "D"},
		{"\"sub\":\"s\",\"user_metadata\":{\"full_name\":\"F\",\"name\":\"M\"}", "s", NULL,
		 NULL, "F"},
		{"\"sub\":\"s\",\"user_metadata\":{\"name\":\"M\",\"username\":\"U\"}", "s", NULL,
		 NULL, "M"},
		{"\"sub\":\"s\",\"user_metadata\":{\"username\":\"U\"}", "s", NULL, NULL, "U"},
		{"\"sub\":\"s\",\"user_metadata\":\"x\",\"name\":{}", "s", NULL, NULL, NULL},
		{"\"sub\":\"s\",\"name\":\"a\\u001b[2J\"", "s", NULL, NULL, NULL},
		{"\"sub\":\"s\\u00e9\xc3\xa9\"", "s\xc3\xa9\xc3\xa9", NULL, NULL, NULL},
	};
	struct pl_buf b;
	pl_buf_init(&b, 1 << 16);
	struct pl_auth *a = auth_of(&(struct pl_auth_options){.secret = PL_S(SECRET)});
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char claims[1024];
		struct pl_identity who;
		snprintf(claims, sizeof(claims), "%s,\"exp\":1700000600", rows[i].claims);
		assert_int_equal(check(a, hs256(&b, claims), &who), 0);
		pl_buf_clear(&b); /* the identity is a copy of its own */
		PL_PUT(&b, "................................................................");
		assert_is(who.subject, rows[i].subject);
		assert_is(who.user_id, rows[i].user_id);
		assert_is(who.username, rows[i].username);
		assert_is(who.name, rows[i].name);
		assert_int_equal(who.expires_s, 1700000600);
	}
	struct pl_identity who;
	assert_int_equal(check(a, hs256(&b, CLAIMS ",\"email\":\"a@b.c\",\"phone\":\"+49\""), &who),
			 0);
	assert_is(who.email, "a@b.c");
	assert_is(who.phone, "+49");
	pl_auth_release(a);
	pl_buf_fini(&b);
}

static void test_bad_subjects(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"\"x\":1",
		"\"sub\":\"\"",
		"\"sub\":null",
		"\"sub\":{\"a\":1},\"username\":\"n\"",
		"\"sub\":[\"a\"],\"username\":\"n\"",
		"\"sub\":1.5",
		"\"sub\":true",
		"\"sub\":\"a\\nb\"",
		"\"sub\":\"a\\u0000\"",
		"\"sub\":\"a\\u007f\"",
		"\"sub\":\"a\\u0085\"",
		"\"sub\":\"\\ud800\"",
		"\"sub\":\"\xff\"",
	};
	char claims[1024], name[300];
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(claims, sizeof(claims), "%s,\"exp\":1700000600", bad[i]);
		if (check_claims((struct pl_auth_options)PL_AUTH_DEFAULTS, claims) != PL_EDENIED)
			fail_msg("%s", claims);
	}
	memset(name, 'n', sizeof(name));
	for (int len = 255; len <= 256; len++) {
		snprintf(claims, sizeof(claims), "\"sub\":\"%.*s\",\"exp\":1700000600", len, name);
		assert_int_equal(check_claims((struct pl_auth_options)PL_AUTH_DEFAULTS, claims),
				 len == 255 ? 0 : PL_EDENIED);
	}
}

/* A kid selects; it is looked up in memory and nowhere else. */
static void test_key_ids(void **state)
{
	(void)state;
	struct pl_buf b;
	struct pl_identity who;
	pl_buf_init(&b, 1 << 16);
	struct pl_auth_pem pems[] = {
		{.path = paths[S_RSA], .kid = PL_S("one"), .alg = PL_S("RS256")},
		{.path = paths[S_RSA2], .kid = PL_S("two")},
		{.path = paths[S_P256]}};
	struct pl_auth *a = auth_of(&(struct pl_auth_options){.pems = pems, .pem_count = 3});
	static const struct {
		enum signer who;
		const char *alg, *more;
		int expected;
	} rows[] = {
		{S_RSA, "RS256", ",\"kid\":\"one\"", 0},
		{S_RSA2, "RS256", ",\"kid\":\"two\"", 0},
		{S_RSA, "RS256", ",\"kid\":\"two\"", PL_EDENIED},
		{S_RSA, "RS256", "", 0},
		{S_RSA2, "PS256", "", 0},
		{S_RSA, "RS384", ",\"kid\":\"one\"", PL_EDENIED}, /* bound to RS256 */
		{S_RSA, "PS256", "", PL_EDENIED},
		{S_RSA, "RS256", ",\"kid\":\"three\"", PL_EDENIED},
		{S_P256, "ES256", ",\"kid\":\"three\"", 0}, /* the key without a kid */
		{S_P256, "ES256", ",\"kid\":\"one\"", PL_EDENIED},
		{S_P256, "ES256", ",\"kid\":\"../../etc/passwd\"", 0},
		{S_P256, "ES256", ",\"kid\":\"' OR 1=1 --\"", 0},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct pl_slice t =
			sign_with(&b, rows[i].who, PL_S(""), rows[i].alg, rows[i].more, CLAIMS);
		if (check(a, t, &who) != rows[i].expected)
			fail_msg("row %zu", i);
	}
	pl_auth_release(a);
	pl_buf_fini(&b);
}

/* Keys that a token brings along are not even looked at. */
static void test_embedded_keys_are_ignored(void **state)
{
	(void)state;
	struct pl_buf b;
	struct pl_identity who;
	char more[512];
	pl_buf_init(&b, 1 << 16);
	pl_base64url_encode(&b, PL_S("attackers-key-attackers-key-attackers-key"));
	snprintf(more, sizeof(more),
		 ",\"jwk\":{\"kty\":\"oct\",\"k\":\"%.*s\"},\"jku\":\"http://127.0.0.1:1/\"",
		 PL_FMT(pl_buf_slice(&b)));
	struct pl_auth *a = auth_of(&(struct pl_auth_options){.secret = PL_S(SECRET)});
	struct pl_slice t = sign_with(&b, S_HMAC, PL_S("attackers-key-attackers-key-attackers-key"),
				      "HS256", more, CLAIMS);
	assert_int_equal(check(a, t, &who), PL_EDENIED);
	t = sign_with(&b, S_HMAC, PL_S(SECRET), "HS256", more, CLAIMS);
	assert_int_equal(check(a, t, &who), 0);
	pl_auth_release(a);
	pl_buf_fini(&b);
}

static void test_unsigned(void **state)
{
	(void)state;
	struct pl_identity who;
	struct pl_auth *a = auth_of(&(struct pl_auth_options){.secret = PL_S(SECRET)});
	/* RFC 7519, section 6.1: an unsecured JWT */
	assert_int_equal(check(a,
			       PL_S("eyJhbGciOiJub25lIn0."
				    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0"
				    "dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."),
			       &who),
			 PL_EDENIED);
	assert_int_equal(check(a, PL_S(""), &who), PL_EDENIED);
	assert_int_equal(check(a, pl_slice(NULL, 0), &who), PL_EDENIED);
	pl_auth_release(a);
}

struct thread_job {
	const struct pl_auth *auth;
	struct pl_slice good, bad;
	int wrong;
};

static void *check_many(void *arg)
{
	struct thread_job *job = arg;
	struct pl_json_parser *own = NULL;
	if (pl_json_parser_new(PL_TOKEN_MAX, &own)) {
		job->wrong = -1;
		return NULL;
	}
	for (int i = 0; i < 300; i++) {
		struct pl_arena memory;
		struct pl_identity who;
		pl_arena_init(&memory, 4096);
		job->wrong +=
			pl_auth_check(job->auth, own, job->good, NOW, &memory, &who, NULL) != 0 ||
			!pl_slice_is(who.subject, "alice");
		job->wrong += pl_auth_check(job->auth, own, job->bad, NOW, &memory, &who, NULL) !=
			      PL_EDENIED;
		pl_arena_fini(&memory);
	}
	pl_json_parser_free(own);
	return NULL;
}

/* As at a reload: the last of two holders frees. */
static void test_two_threads(void **state)
{
	(void)state;
	static const char *const algs[] = {"HS256", "RS256", "PS512", "ES256", "EdDSA"};
	static const enum signer signers[] = {S_HMAC, S_RSA, S_RSA, S_P256, S_ED};
	struct pl_auth_pem pems[] = {
		{.path = paths[S_RSA]}, {.path = paths[S_P256]}, {.path = paths[S_ED]}};
	struct pl_auth *a = auth_of(
		&(struct pl_auth_options){.secret = PL_S(SECRET), .pems = pems, .pem_count = 3});
	for (int i = 0; i < 5; i++) {
		struct pl_buf good, bad;
		pthread_t threads[2];
		struct thread_job jobs[2];
		pl_buf_init(&good, 1 << 16);
		pl_buf_init(&bad, 1 << 16);
		struct pl_slice token =
			sign_with(&good, signers[i], PL_S(SECRET), algs[i], "", CLAIMS);
		pl_buf_puts(&bad, token);
		bad.at[bad.len - 10] ^= 1;
		for (int t = 0; t < 2; t++) {
			jobs[t] = (struct thread_job){pl_auth_retain(a), token, pl_buf_slice(&bad),
						      0};
			assert_int_equal(pthread_create(&threads[t], NULL, check_many, &jobs[t]),
					 0);
		}
		for (int t = 0; t < 2; t++) {
			pthread_join(threads[t], NULL);
			assert_int_equal(jobs[t].wrong, 0);
			pl_auth_release(a);
		}
		pl_buf_fini(&good);
		pl_buf_fini(&bad);
	}
	pl_auth_release(a);
	pl_auth_release(NULL);
}

static void test_no_memory(void **state)
{
	(void)state;
	struct pl_buf b, why;
	pl_buf_init(&b, 1 << 16);
	pl_buf_init(&why, 1024);
	struct pl_slice t = hs256(&b, CLAIMS ",\"iss\":\"i\",\"name\":\"N\",\"email\":\"e\"");
	struct pl_auth_pem pem = {.path = paths[S_P256]};
	struct pl_auth_options o = {
		.secret = PL_S(SECRET), .issuer = PL_S("i"), .pems = &pem, .pem_count = 1};
	unsigned long n = 1;
	for (bool failed = true; failed; n++) {
		struct pl_auth *a = NULL;
		struct pl_json_parser *own = NULL;
		struct pl_identity who;
		struct pl_arena memory;
		const char *reason = NULL;
		pl_arena_init(&memory, 4096);
		pl_buf_clear(&why);
		pl_mem_fail_at(n, false);
		int err = pl_json_parser_new(PL_TOKEN_MAX, &own);
		err = err ? err : pl_auth_new(&o, &why, &a);
		err = err ? err : pl_auth_check(a, own, t, NOW, &memory, &who, &reason);
		failed = pl_mem_count() >= n;
		pl_mem_fail_at(0, false);
		assert_int_equal(err, failed ? PL_ENOMEM : 0);
		pl_auth_release(a);
		pl_json_parser_free(own);
		pl_arena_fini(&memory);
	}
	assert_true(n > 8);
	/* An arena that is full is a failure too, not a shorter name. */
	struct pl_auth *a = auth_of(&o);
	struct pl_identity who = {.expires_s = 0};
	struct pl_arena tiny;
	pl_arena_init(&tiny, 4);
	assert_int_equal(pl_auth_check(a, parser, t, NOW, &tiny, &who, NULL), PL_ENOMEM);
	assert_null(who.subject.at);
	pl_arena_fini(&tiny);
	pl_auth_release(a);
	pl_buf_fini(&b);
	pl_buf_fini(&why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_every_algorithm), TEST(test_public_key_is_no_secret),
		TEST(test_times),           TEST(test_issuer_and_audience),
		TEST(test_identity),        TEST(test_bad_subjects),
		TEST(test_key_ids),         TEST(test_embedded_keys_are_ignored),
		TEST(test_unsigned),        TEST(test_two_threads),
		TEST(test_no_memory),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
