/* auth_options_test.c - proves that a weak, broken or ambiguous key stops the start and is named.
 */
#include "auth/testing.h"

static void write_file(const char *path, const void *at, size_t n)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(at, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
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
	/* One bad key among good ones stops the start. */
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

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(test_bad_options), TEST(test_bad_pem_files)};
	return cmocka_run_group_tests(tests, setup, teardown);
}
