/*
 * jwks_test.c - proves that of a JWK set (RFC 7517) only keys that may verify and are strong enough
 * are taken, and that what is taken verifies the tokens of RFC 7515 and RFC 8037.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "auth/keys.h"
#include "base/mem.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define EC_KEY                                                                                    \
	"\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"," \
	"\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\""
#define OCT_KEY                                                                       \
	"\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZ" \
	"H75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\""
#define RSA_N                                                                                  \
	"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEz" \
	"P1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf6" \
	"3kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5Zw" \
	"Kh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRW" \
	"yuXpoQ"
#define RSA_KEY "\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\""
#define ED_KEY                                                       \
	"\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_" \
	"7TyWQHOg7hcvPapiMlrwIaaPcHURo\""

#define CLAIMS                                                                               \
	"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb2" \
	"90Ijp0cnVlfQ"

static const char *const tokens[] = {
	"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." CLAIMS
	".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
	"eyJhbGciOiJFUzI1NiJ9." CLAIMS
	".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
	"eyJhbGciOiJSUzI1NiJ9." CLAIMS
	".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt"
	"_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArL"
	"IARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7no"
	"OPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQ"
	"Ge77Rw",
	"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
	"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
};

static int verify(const struct pl_keys *keys, const char *token)
{
	struct pl_json_parser *parser = NULL;
	struct pl_jwt jwt;
	const char *why = NULL;
	assert_int_equal(pl_json_parser_new(PL_JWT_MAX, &parser), 0);
	assert_int_equal(pl_jwt_read(parser, pl_slice_str(token), &jwt, &why), 0);
	pl_json_parser_free(parser);
	return pl_keys_verify(keys, &jwt);
}

static int read_set(struct pl_keys *keys, const char *text)
{
	struct pl_buf why;
	pl_buf_init(&why, 1024);
	*keys = (struct pl_keys){.count = 0};
	int err = pl_jwks_read(keys, pl_slice_str(text), &why);
	assert_true(!err == !why.len);
	pl_buf_fini(&why);
	return err;
}

static void test_each_type(void **state)
{
	(void)state;
	static const char *const one[] = {OCT_KEY, EC_KEY, RSA_KEY, ED_KEY};
	char text[4096];
	struct pl_keys keys;
	for (int k = 0; k < 4; k++) {
		snprintf(text, sizeof(text), "{\"keys\":[{%s}]}", one[k]);
		assert_int_equal(read_set(&keys, text), 0);
		assert_int_equal(keys.count, 1);
		for (int t = 0; t < 4; t++)
			assert_int_equal(verify(&keys, tokens[t]), t == k ? 0 : PL_EDENIED);
		pl_keys_fini(&keys);
	}
	snprintf(text, sizeof(text), "{\"keys\":[{%s},{%s},{%s},{%s}],\"more\":1}", one[0], one[1],
		 one[2], one[3]);
	assert_int_equal(read_set(&keys, text), 0);
	assert_int_equal(keys.count, 4);
	for (int t = 0; t < 4; t++)
		assert_int_equal(verify(&keys, tokens[t]), 0);
	pl_keys_fini(&keys);
}

/* Each is passed over, and does not spoil its neighbour. */
static void test_unusable_keys(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		"\"kty\":\"XYZ\"",
		"\"kty\":7",
		"\"kty\":\"EC\"",
		EC_KEY ",\"use\":\"enc\"",
		EC_KEY ",\"use\":null",
		EC_KEY ",\"key_ops\":[\"sign\"]",
		EC_KEY ",\"key_ops\":[]",
		EC_KEY ",\"key_ops\":\"verify\"",
		EC_KEY ",\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\"",
		EC_KEY ",\"alg\":\"ES384\"",
		EC_KEY ",\"alg\":\"HS256\"",
		EC_KEY ",\"alg\":\"none\"",
		EC_KEY ",\"alg\":\"ECDH-ES\"",
		EC_KEY ",\"alg\":1",
		EC_KEY ",\"kid\":1",
		EC_KEY
		",\"kid\":\"01234567890123456789012345678901234567890123456789012345678901234\"",
		"\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":"
		"\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
		"\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"",
		"\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
		"\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
		"\"y\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"",
		"\"kty\":\"oct\",\"k\":\"c2VjcmV0\"",
		"\"kty\":\"oct\",\"k\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"",
		"\"kty\":\"oct\",\"k\":\"\"",
		"\"kty\":\"oct\",\"k\":\"not base64url!\"",
		/* "your-super-secret-jwt-token-with-at-least-32-characters-long" */
		"\"kty\":\"oct\",\"k\":"
		"\"eW91ci1zdXBlci1zZWNyZXQtand0LXRva2VuLXdpdGgtYXQtbGVhc3QtMzItY2hhcmFj"
		"dGVycy1sb25n\"",
		OCT_KEY ",\"alg\":\"RS256\"",
		"\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQ\"",
		"\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"\"",
		"\"kty\":\"RSA\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_"
		"wWJcyQoTbji9k0l8W26mPddxHmfHQp\","
		"\"e\":\"AQAB\"",
		RSA_KEY ",\"d\":\"AQAB\"",
		"\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"11qYAYKxCrfVS_"
		"7TyWQHOg7hcvPapiMlrwIaaPcHURo\"",
		"\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_"
		"7TyWQHOg7hcvPapiMlrwIaaPcHUQ\"",
	};
	char text[4096];
	struct pl_keys keys;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(text, sizeof(text), "{\"keys\":[{%s},{%s}]}", bad[i], ED_KEY);
		assert_int_equal(read_set(&keys, text), 0);
		if (keys.count != 1)
			fail_msg("taken: %s", bad[i]);
		assert_int_equal(verify(&keys, tokens[3]), 0);
		pl_keys_fini(&keys);
	}
	assert_int_equal(read_set(&keys, "{\"keys\":[7,null,[],\"x\"]}"), 0);
	assert_int_equal(keys.count, 0);
	assert_int_equal(ERR_peek_error(), 0);
}

static void test_no_set(void **state)
{
	(void)state;
	struct pl_keys keys;
	assert_int_not_equal(read_set(&keys, ""), 0);
	assert_int_not_equal(read_set(&keys, "{}"), 0);
	assert_int_not_equal(read_set(&keys, "[]"), 0);
	assert_int_not_equal(read_set(&keys, "{\"keys\":{}}"), 0);
	assert_int_not_equal(read_set(&keys, "{\"keys\":[{" ED_KEY "}]"), 0);
	assert_int_not_equal(read_set(&keys, "{\"keys\":[],\"keys\":[{" ED_KEY "}]}"), 0);
	assert_int_not_equal(read_set(&keys, "{" ED_KEY "}"), 0);
	assert_int_equal(keys.count, 0);
}

static void test_too_many(void **state)
{
	(void)state;
	struct pl_buf b;
	struct pl_keys keys;
	for (int n = 64; n <= 65; n++) {
		pl_buf_init(&b, 1 << 16);
		PL_PUT(&b, "{\"keys\":[");
		for (int i = 0; i < n; i++)
			pl_buf_printf(&b, "%s{%s}", i ? "," : "", ED_KEY);
		pl_buf_put(&b, "]}", 3);
		assert_int_equal(read_set(&keys, b.at), n == 64 ? 0 : PL_ELIMIT);
		pl_keys_fini(&keys);
		pl_buf_fini(&b);
	}
}

/* A file in which nothing can be used stops the start: nobody could ever sign in. */
static void test_file_without_a_key(void **state)
{
	(void)state;
	char path[] = "/tmp/pl_jwks_XXXXXX";
	int fd = mkstemp(path);
	struct pl_buf why;
	struct pl_keys keys;
	struct pl_auth_options o = {.jwks_path = path};
	pl_buf_init(&why, 1024);
	assert_int_equal(write(fd, "{\"keys\":[]}", 11), 11);
	assert_int_equal(pl_keys_load(&keys, &o, &why), PL_EINVAL);
	assert_true(why.len > 0);
	assert_int_equal(pwrite(fd, "{\"keys\":[{" ED_KEY "}]}", sizeof(ED_KEY) + 13, 0),
			 sizeof(ED_KEY) + 13);
	pl_buf_clear(&why);
	assert_int_equal(ftruncate(fd, sizeof(ED_KEY) + 12), 0);
	assert_int_equal(pl_keys_load(&keys, &o, &why), 0);
	assert_int_equal(verify(&keys, tokens[3]), 0);
	pl_keys_fini(&keys);
	assert_int_equal(ftruncate(fd, (64 << 10) + 1), 0);
	assert_int_not_equal(pl_keys_load(&keys, &o, &why), 0);
	close(fd);
	unlink(path);
	pl_buf_fini(&why);
}

/* One token costs at most eight verifications, however many keys there are. */
static void test_tries_are_bounded(void **state)
{
	(void)state;
	struct pl_buf b;
	struct pl_keys keys;
	for (int before = 7; before <= 8; before++) {
		pl_buf_init(&b, 1 << 16);
		PL_PUT(&b, "{\"keys\":[");
		for (int i = 0; i < before; i++)
			pl_buf_printf(&b,
				      "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"%c1qYAYKxCrfVS_"
				      "7TyWQHOg7hcv"
				      "PapiMlrwIaaPcHURo\"},{%s},",
				      "ABCDEFGH"[i], RSA_KEY);
		pl_buf_put(&b, "{" ED_KEY "}]}", sizeof(ED_KEY) + 4);
		assert_int_equal(read_set(&keys, b.at), 0);
		size_t eds = 0;
		for (size_t i = 0; i < keys.count; i++)
			eds += pl_jwt_key_fits(keys.keys[i], PL_JWT_EDDSA);
		assert_int_equal(eds, before + 1);
		assert_int_equal(verify(&keys, tokens[3]), before == 7 ? 0 : PL_EDENIED);
		pl_keys_fini(&keys);
		pl_buf_fini(&b);
	}
}

static void test_no_memory(void **state)
{
	(void)state;
	static const char text[] = "{\"keys\":[{" OCT_KEY ",\"kid\":\"a\"},{" EC_KEY "}]}";
	unsigned long n = 1;
	for (bool failed = true; failed; n++) {
		struct pl_keys keys = {.count = 0};
		struct pl_buf why;
		pl_buf_init(&why, 1024);
		pl_mem_fail_at(n, false);
		int err = pl_jwks_read(&keys, pl_slice_str(text), &why);
		failed = pl_mem_count() >= n;
		pl_mem_fail_at(0, false);
		assert_int_equal(err, failed ? PL_ENOMEM : 0);
		pl_keys_fini(&keys);
		pl_buf_fini(&why);
	}
	assert_true(n > 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_type),
		cmocka_unit_test(test_unusable_keys),
		cmocka_unit_test(test_no_set),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_file_without_a_key),
		cmocka_unit_test(test_tries_are_bounded),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
