/*
 * testing.h - for the tests of this layer: keys made by OpenSSL at run time, and tokens that are
 * signed here, not by the code under test.
 */
#ifndef PL_AUTH_TESTING_H
#define PL_AUTH_TESTING_H

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

static inline int setup(void **state)
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

static inline int teardown(void **state)
{
	(void)state;
	for (int i = S_RSA; i < SIGNERS; i++) {
		EVP_PKEY_free(pairs[i]);
		unlink(paths[i]);
	}
	pl_json_parser_free(parser);
	return rmdir(dir);
}

static inline int before_each(void **state)
{
	(void)state;
	pl_arena_init(&arena, 1 << 16);
	return 0;
}

static inline int after_each(void **state)
{
	(void)state;
	pl_arena_fini(&arena);
	assert_int_equal(ERR_peek_error(), 0);
	return 0;
}

/* DER -> r | s (RFC 7518, section 3.4). */
static inline size_t to_raw(const uint8_t *der, size_t len, size_t n, uint8_t *to)
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);
	assert_non_null(sig);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(sig), to, (int)n), n);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(sig), to + n, (int)n), n);
	ECDSA_SIG_free(sig);
	return 2 * n;
}

static inline size_t public_signature(EVP_PKEY *pair, const char *alg, struct pl_slice text,
				      uint8_t *to)
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

static inline size_t mac_of(const char *alg, struct pl_slice secret, struct pl_slice text,
			    uint8_t *to)
{
	char digest[8] = "SHA";
	memcpy(digest + 3, alg + 2, 4);
	size_t len = 0;
	assert_non_null(EVP_Q_mac(NULL, "HMAC", NULL, digest, NULL, secret.at, secret.len,
				  (const uint8_t *)text.at, text.len, to, 1024, &len));
	return len;
}

/* A token over {claims}, its header saying `alg` and whatever `more` says. */
static inline struct pl_slice sign_with(struct pl_buf *b, enum signer who, struct pl_slice secret,
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

static inline struct pl_slice hs256(struct pl_buf *b, const char *claims)
{
	return sign_with(b, S_HMAC, PL_S(SECRET), "HS256", ",\"typ\":\"JWT\"", claims);
}

static inline struct pl_auth *auth_of(const struct pl_auth_options *o)
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

static inline int check(const struct pl_auth *a, struct pl_slice token, struct pl_identity *who)
{
	const char *why = NULL;
	int err = pl_auth_check(a, parser, token, NOW, &arena, who, &why);
	assert_true((err != 0) == (why != NULL));
	return err;
}

/* With a secret alone and otherwise these options. */
static inline int check_claims(struct pl_auth_options o, const char *claims)
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

#define TEST(f) cmocka_unit_test_setup_teardown(f, before_each, after_each)

#endif
