/*
 * auth_test.c - proves that only a token that a configured key signed, for us and for now, becomes
 * an identity, for every algorithm and from two threads at once.
 *
 * Keys are made here by OpenSSL at run time; tokens are signed here too, not by the code under
 * test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "auth/auth.h"
#include "auth/keys.h"
#include "base/mem.h"
#include "wire/base64url.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET "0123456789abcdef0123456789ABCDEF"
#define NOW    1700000000u
#define CLAIMS "\"sub\":\"alice\",\"exp\":1700000600"

enum signer { S_HMAC, S_RSA, S_RSA2, S_P256, S_P384, S_P521, S_ED, SIGNERS };

static EVP_PKEY *pairs[SIGNERS];
static char dir[] = "/tmp/pl_auth_XXXXXX";
static char paths[SIGNERS][64];
static struct pl_json_parser *parser;
static struct pl_arena arena;

static void write_file(const char *path, const void *at, size_t n)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(at, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static int setup(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(dir));
	pairs[S_RSA] = EVP_RSA_gen(2048);
	pairs[S_RSA2] = EVP_RSA_gen(2048);
	pairs[S_P256] = EVP_EC_gen("P-256");
	pairs[S_P384] = EVP_EC_gen("P-384");
	pairs[S_P521] = EVP_EC_gen("P-521");
	pairs[S_ED] = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	for (int i = S_RSA; i < SIGNERS; i++) {
		snprintf(paths[i], sizeof(paths[i]), "%s/%d.pem", dir, i);
		FILE *f = fopen(paths[i], "w");
		assert_non_null(f);
		assert_int_equal(PEM_write_PUBKEY(f, pairs[i]), 1);
		fclose(f);
	}
	return pl_json_parser_new(PL_TOKEN_MAX, &parser);
}

static int teardown(void **state)
{
	(void)state;
	for (int i = S_RSA; i < SIGNERS; i++) {
		EVP_PKEY_free(pairs[i]);
		unlink(paths[i]);
	}
	pl_json_parser_free(parser);
	return rmdir(dir);
}

static int before_each(void **state)
{
	(void)state;
	pl_arena_init(&arena, 1 << 16);
	return 0;
}

static int after_each(void **state)
{
	(void)state;
	pl_arena_fini(&arena);
	assert_int_equal(ERR_peek_error(), 0);
	return 0;
}

/* DER -> r | s (RFC 7518, section 3.4). */
static size_t to_raw(const uint8_t *der, size_t len, size_t n, uint8_t *to)
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);
	assert_non_null(sig);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(sig), to, (int)n), n);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(sig), to + n, (int)n), n);
	ECDSA_SIG_free(sig);
	return 2 * n;
}

static size_t public_signature(EVP_PKEY *pair, const char *alg, struct pl_slice text, uint8_t *to)
{
	char digest[8] = "SHA";
	memcpy(digest + 3, alg + 2, 4);
	bool is_ed = !strcmp(alg, "EdDSA");
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *params = NULL;
	uint8_t sig[1024];
	size_t len = sizeof(sig);
	assert_int_equal(
		EVP_DigestSignInit_ex(ctx, &params, is_ed ? NULL : digest, NULL, NULL, pair, NULL),
		1);
	if (alg[0] == 'P') {
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(params, RSA_PKCS1_PSS_PADDING), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(params, RSA_PSS_SALTLEN_DIGEST),
				 1);
	}
	assert_int_equal(EVP_DigestSign(ctx, sig, &len, (const uint8_t *)text.at, text.len), 1);
	EVP_MD_CTX_free(ctx);
	if (EVP_PKEY_is_a(pair, "EC"))
		return to_raw(sig, len, (size_t)(EVP_PKEY_get_bits(pair) + 7) / 8, to);
	memcpy(to, sig, len);
	return len;
}

static size_t mac_of(const char *alg, struct pl_slice secret, struct pl_slice text, uint8_t *to)
{
	char digest[8] = "SHA";
	memcpy(digest + 3, alg + 2, 4);
	size_t len = 0;
	assert_non_null(EVP_Q_mac(NULL, "HMAC", NULL, digest, NULL, secret.at, secret.len,
				  (const uint8_t *)text.at, text.len, to, 1024, &len));
	return len;
}

/* A token over {claims}, its header saying `alg` and whatever `more` says. */
static struct pl_slice sign_with(struct pl_buf *b, enum signer who, struct pl_slice secret,
				 const char *alg, const char *more, const char *claims)
{
	char json[8192];
	uint8_t sig[1024];
	pl_buf_clear(b);
	int n = snprintf(json, sizeof(json), "{\"alg\":\"%s\"%s}", alg, more);
	pl_base64url_encode(b, pl_slice(json, (size_t)n));
	pl_buf_putc(b, '.');
	n = snprintf(json, sizeof(json), "{%s}", claims);
	pl_base64url_encode(b, pl_slice(json, (size_t)n));
	size_t len = who == S_HMAC ? mac_of(alg, secret, pl_buf_slice(b), sig)
				   : public_signature(pairs[who], alg, pl_buf_slice(b), sig);
	pl_buf_putc(b, '.');
	pl_base64url_encode(b, pl_slice(sig, len));
	assert_int_equal(b->err, 0);
	return pl_buf_slice(b);
}

static struct pl_slice hs256(struct pl_buf *b, const char *claims)
{
	return sign_with(b, S_HMAC, PL_S(SECRET), "HS256", ",\"typ\":\"JWT\"", claims);
}

static struct pl_auth *auth_of(const struct pl_auth_options *o)
{
	struct pl_auth *a = NULL;
	struct pl_buf why;
	pl_buf_init(&why, 1024);
	if (pl_auth_new(o, &why, &a))
		fail_msg("%.*s", PL_FMT(pl_buf_slice(&why)));
	assert_int_equal(why.len, 0);
	pl_buf_fini(&why);
	return a;
}

static int check(const struct pl_auth *a, struct pl_slice token, struct pl_identity *who)
{
	const char *why = NULL;
	int err = pl_auth_check(a, parser, token, NOW, &arena, who, &why);
	assert_true((err != 0) == (why != NULL));
	return err;
}

/* With a secret alone and otherwise these options. */
static int check_claims(struct pl_auth_options o, const char *claims)
{
	struct pl_buf b;
	struct pl_identity who = {.expires_s = 77};
	pl_buf_init(&b, 1 << 16);
	o.secret = PL_S(SECRET);
	struct pl_auth *a = auth_of(&o);
	int err = check(a, hs256(&b, claims), &who);
	assert_true(err || (who.expires_s > NOW - 61 && who.subject.len));
	assert_true(!err || who.expires_s == 77);
	pl_auth_release(a);
	pl_buf_fini(&b);
	return err;
}

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

/* E2: the bytes of the public key file are no HMAC secret, in PEM or DER. */
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

/* E4: keys that a token brings along are not even looked at. */
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

static void refuse_options(struct pl_auth_options o, const char *word)
{
	struct pl_buf why;
	struct pl_auth *a = NULL;
	pl_buf_init(&why, 1024);
	assert_int_not_equal(pl_auth_new(&o, &why, &a), 0);
	assert_null(a);
	pl_buf_putc(&why, '\0');
	if (!strstr(why.at, word))
		fail_msg("'%s' does not say '%s'", why.at, word);
	pl_buf_fini(&why);
}

static void test_bad_options(void **state)
{
	(void)state;
	refuse_options((struct pl_auth_options){.leeway_s = 30}, "no key");
	refuse_options((struct pl_auth_options){.secret = PL_S("")}, "32");
	refuse_options((struct pl_auth_options){.secret = PL_S("0123456789abcdef0123456789ABCDE")},
		       "32");
	static const char *const known[] = {
		"secret",
		"changeme",
		"your-256-bit-secret",
		"your_jwt_token_here",
		"super-secret-jwt-token-with-at-least-32-characters-long",
		"A-string-secret-at-least-256-bits-long"};
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		refuse_options((struct pl_auth_options){.secret = pl_slice_str(known[i])},
			       "sample");
	refuse_options((struct pl_auth_options){.secret = PL_S(SECRET), .leeway_s = 61}, "leeway");
	refuse_options((struct pl_auth_options){.secret = PL_S(SECRET), .issuer = PL_S("")},
		       "issuer");
	refuse_options((struct pl_auth_options){.secret = PL_S(SECRET), .audience = PL_S("")},
		       "audience");
	refuse_options((struct pl_auth_options){.jwks_path = "/nonexistent/jwks"},
		       "/nonexistent/jwks");
	refuse_options((struct pl_auth_options){.jwks_path = "/dev/zero"}, "64 KiB");
	refuse_options((struct pl_auth_options){.jwks_path = dir}, dir);
	struct pl_auth_pem pem = {.path = paths[S_RSA], .alg = PL_S("ES256")};
	struct pl_auth_options o = {.pems = &pem, .pem_count = 1};
	refuse_options(o, paths[S_RSA]);
	pem.alg = PL_S("none");
	refuse_options(o, "algorithm");
	/* F9: one bad key among good ones stops the start. */
	o.secret = PL_S(SECRET);
	refuse_options(o, "algorithm");
}

static void refuse_pem(const char *path, const char *alg)
{
	struct pl_auth_pem pem = {.path = path, .alg = pl_slice_str(alg)};
	refuse_options((struct pl_auth_options){.pems = &pem, .pem_count = 1}, path);
}

static void test_bad_pem_files(void **state)
{
	(void)state;
	char path[64], text[9000];
	snprintf(path, sizeof(path), "%s/bad.pem", dir);
	write_file(path, "", 0);
	refuse_pem(path, NULL);
	write_file(path, "hello", 5);
	refuse_pem(path, NULL);
	EVP_PKEY *const keys[] = {EVP_RSA_gen(1024), EVP_EC_gen("secp256k1"),
				  EVP_PKEY_Q_keygen(NULL, NULL, "ED448"),
				  EVP_PKEY_Q_keygen(NULL, NULL, "X25519")};
	for (int i = 0; i < 4; i++) {
		FILE *f = fopen(path, "w");
		assert_int_equal(PEM_write_PUBKEY(f, keys[i]), 1);
		fclose(f);
		refuse_pem(path, NULL);
		EVP_PKEY_free(keys[i]);
	}
	/* A private key, plain or with a password (nobody is asked for it). */
	FILE *f = fopen(path, "w");
	assert_int_equal(PEM_write_PrivateKey(f, pairs[S_P256], NULL, NULL, 0, NULL, NULL), 1);
	fclose(f);
	refuse_pem(path, NULL);
	f = fopen(path, "w");
	assert_int_equal(PEM_write_PrivateKey(f, pairs[S_P256], EVP_aes_128_cbc(),
					      (const uint8_t *)"pass", 4, NULL, NULL),
			 1);
	fclose(f);
	refuse_pem(path, NULL);
	/* Two keys: which one is meant? */
	f = fopen(path, "w");
	PEM_write_PUBKEY(f, pairs[S_P256]);
	PEM_write_PUBKEY(f, pairs[S_P384]);
	fclose(f);
	refuse_pem(path, NULL);
	memset(text, 'x', sizeof(text));
	f = fopen(path, "w");
	for (int i = 0; i < 8; i++)
		fwrite(text, 1, sizeof(text), f);
	fclose(f);
	refuse_pem(path, NULL);
	unlink(path);
	ERR_clear_error(); /* of the generation above */
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

/* E14, and the swap at a reload: the last of two holders frees. */
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

#define TEST(f) cmocka_unit_test_setup_teardown(f, before_each, after_each)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_every_algorithm), TEST(test_public_key_is_no_secret),
		TEST(test_times),	    TEST(test_issuer_and_audience),
		TEST(test_identity),	    TEST(test_bad_subjects),
		TEST(test_key_ids),	    TEST(test_embedded_keys_are_ignored),
		TEST(test_unsigned),	    TEST(test_bad_options),
		TEST(test_bad_pem_files),   TEST(test_two_threads),
		TEST(test_no_memory),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
