/*
 * jwt_test.c - proves that the signed tokens printed in RFC 7515 and RFC 8037 verify with their
 * keys, that no change to them does, and that what is not a plain three-part JWS is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "wire/base64url.h"
#include "wire/jwt_key.h"

#include <openssl/err.h>

static struct pl_json_parser *parser;

/* RFC 7515, appendix A.1 */
#define HS256_KEY \
	"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
#define CLAIMS                                                                               \
	"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb2" \
	"90Ijp0cnVlfQ"
#define HS256_TOKEN                                            \
	"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." CLAIMS "." \
	"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
/* RFC 7515, appendix A.2 */
#define RS256_N                                                                                \
	"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEz" \
	"P1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf6" \
	"3kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5Zw" \
	"Kh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRW" \
	"yuXpoQ"
#define RS256_TOKEN                                                                            \
	"eyJhbGciOiJSUzI1NiJ9." CLAIMS "."                                                     \
	"cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt" \
	"_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArL" \
	"IARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7no" \
	"OPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQ" \
	"Ge77Rw"
/* RFC 7515, appendix A.3 */
#define ES256_X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define ES256_Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define ES256_TOKEN                        \
	"eyJhbGciOiJFUzI1NiJ9." CLAIMS "." \
	"DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
/* RFC 7515, appendix A.4 */
#define ES512_X \
	"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk"
#define ES512_Y \
	"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"
#define ES512_TOKEN                                                                            \
	"eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA."                                                     \
	"AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_" \
	"7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXo" \
	"lLzeO_Jn"
/* RFC 8037, appendix A.4 */
#define EDDSA_X "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
#define EDDSA_TOKEN                                                 \
	"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc." \
	"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"

enum { VECTORS = 5 };
static const char *const tokens[VECTORS] = {HS256_TOKEN, RS256_TOKEN, ES256_TOKEN, ES512_TOKEN,
					    EDDSA_TOKEN};
static struct pl_jwt_key *keys[VECTORS];
static const struct pl_jwt_use any_use;

struct raw {
	char at[512];
	size_t len;
};

static struct pl_slice raw_of(struct raw *r, const char *text)
{
	assert_int_equal(pl_base64url_decode(pl_slice_str(text), r->at, sizeof(r->at), &r->len), 0);
	return pl_slice(r->at, r->len);
}

static int setup(void **state)
{
	(void)state;
	struct raw a, b;
	return pl_json_parser_new(PL_JWT_MAX, &parser) ||
	       pl_jwt_key_hmac(raw_of(&a, HS256_KEY), any_use, &keys[0]) ||
	       pl_jwt_key_rsa(raw_of(&a, RS256_N), raw_of(&b, "AQAB"), any_use, &keys[1]) ||
	       pl_jwt_key_ec(PL_S("P-256"), raw_of(&a, ES256_X), raw_of(&b, ES256_Y), any_use,
			     &keys[2]) ||
	       pl_jwt_key_ec(PL_S("P-521"), raw_of(&a, ES512_X), raw_of(&b, ES512_Y), any_use,
			     &keys[3]) ||
	       pl_jwt_key_ed25519(raw_of(&a, EDDSA_X), any_use, &keys[4]);
}

static int teardown(void **state)
{
	(void)state;
	for (int i = 0; i < VECTORS; i++)
		pl_jwt_key_free(keys[i]);
	pl_json_parser_free(parser);
	return 0;
}

static int read_token(struct pl_slice token, struct pl_jwt *jwt)
{
	const char *why = NULL;
	int err = pl_jwt_read(parser, token, jwt, &why);
	assert_true((err != 0) == (why != NULL));
	return err;
}

static int verify(const struct pl_jwt_key *key, struct pl_slice token)
{
	struct pl_jwt jwt;
	int err = read_token(token, &jwt);
	return err ? err : pl_jwt_verify(key, &jwt);
}

static void test_rfc_tokens(void **state)
{
	(void)state;
	for (int t = 0; t < VECTORS; t++)
		for (int k = 0; k < VECTORS; k++)
			assert_int_equal(verify(keys[k], pl_slice_str(tokens[t])),
					 k == t ? 0 : PL_EDENIED);
	struct pl_jwt jwt;
	const struct pl_json *claims = NULL;
	const char *why = NULL;
	assert_int_equal(read_token(PL_S(HS256_TOKEN), &jwt), 0);
	assert_int_equal(jwt.alg, PL_JWT_HS256);
	assert_false(jwt.has_kid);
	assert_int_equal(pl_jwt_claims(&jwt, parser, &claims, &why), 0);
	assert_true(pl_slice_is(pl_json_get_str(claims, "iss"), "joe"));
	assert_int_equal(pl_json_i64(pl_json_get(claims, "exp"), 0), 1300819380);
	/* "Payload" is no JSON object, however well it is signed. */
	assert_int_equal(read_token(PL_S(ES512_TOKEN), &jwt), 0);
	assert_int_equal(pl_jwt_claims(&jwt, parser, &claims, &why), PL_EINVAL);
	assert_non_null(why);
}

/* Whatever character is changed, wherever: never accepted. */
static void test_every_change_is_seen(void **state)
{
	(void)state;
	char text[2048];
	for (int t = 0; t < VECTORS; t++) {
		size_t len = strlen(tokens[t]);
		memcpy(text, tokens[t], len);
		for (size_t i = 0; i < len; i++) {
			char old = text[i];
			text[i] = old == 'A' ? 'B' : 'A';
			assert_int_not_equal(verify(keys[t], pl_slice(text, len)), 0);
			text[i] = old;
		}
		for (size_t cut = 0; cut < len; cut++)
			assert_int_not_equal(verify(keys[t], pl_slice(text, cut)), 0);
		assert_int_equal(verify(keys[t], pl_slice(text, len)), 0);
	}
}

static void put_part(struct pl_buf *b, const char *text)
{
	pl_base64url_encode(b, pl_slice_str(text));
}

static int read_header_of(const char *header)
{
	struct pl_buf b;
	struct pl_jwt jwt;
	pl_buf_init(&b, 20000);
	put_part(&b, header);
	PL_PUT(&b, "." CLAIMS ".AAAA");
	int err = read_token(pl_buf_slice(&b), &jwt);
	pl_buf_fini(&b);
	return err;
}

static void test_headers(void **state)
{
	(void)state;
	static const char *const good[] = {
		"{\"alg\":\"HS256\"}",
		"{\"alg\":\"HS256\",\"typ\":\"jwt\"}",
		"{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}",
		"{\"alg\":\"HS256\",\"kid\":\"\"}",
		"{\"alg\":\"HS256\",\"kid\":"
		"\"0123456789012345678901234567890123456789012345678901234567890123\"}",
		"{\"alg\":\"HS256\",\"jku\":\"https://x.invalid/"
		"\",\"jwk\":{\"kty\":\"oct\",\"k\":\"AA\"},\"x5c\":[]}",
	};
	static const char *const bad[] = {
		"{}",
		"[]",
		"\"HS256\"",
		"{\"alg\":\"none\"}",
		"{\"alg\":\"None\"}",
		"{\"alg\":\"NONE\"}",
		"{\"alg\":\"\"}",
		"{\"alg\":null}",
		"{\"alg\":[\"HS256\"]}",
		"{\"alg\":\"hs256\"}",
		"{\"alg\":\"HS256 \"}",
		"{\"alg\":\"HS256\\u0000\"}",
		"{\"alg\":\"ES256K\"}",
		"{\"alg\":\"RSA-OAEP\",\"enc\":\"A256GCM\"}",
		"{\"alg\":\"HS256\",\"enc\":\"A256GCM\"}",
		"{\"alg\":\"HS256\",\"zip\":\"DEF\"}",
		"{\"alg\":\"HS256\",\"crit\":[\"exp\"],\"exp\":1}",
		"{\"alg\":\"HS256\",\"crit\":[]}",
		"{\"alg\":\"HS256\",\"crit\":null}",
		"{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}",
		"{\"alg\":\"HS256\",\"alg\":\"HS256\"}",
		"{\"alg\":\"none\",\"alg\":\"HS256\"}",
		"{\"alg\":\"HS256\",\"kid\":1}",
		"{\"alg\":\"HS256\",\"kid\":null}",
		"{\"alg\":\"HS256\",\"kid\":"
		"\"01234567890123456789012345678901234567890123456789012345678901234\"}",
		"{\"alg\":\"HS256\",\"typ\":\"logout+jwt\"}",
		"{\"alg\":\"HS256\",\"typ\":7}",
		"{\"alg\":\"HS256\"} x",
		"{\"alg\":\"HS256\"",
		"{\"alg\":\"HS256\",\"x\":\"\xff\"}",
	};
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_int_equal(read_header_of(good[i]), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (read_header_of(bad[i]) != PL_EINVAL)
			fail_msg("accepted: %s", bad[i]);
}

static void test_shapes(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		".",
		"..",
		"...",
		"eyJhbGciOiJIUzI1NiJ9",
		"eyJhbGciOiJIUzI1NiJ9." CLAIMS,
		"eyJhbGciOiJIUzI1NiJ9." CLAIMS ".",
		"." CLAIMS ".AAAA",
		"eyJhbGciOiJIUzI1NiJ9..AAAA",
		"eyJhbGciOiJIUzI1NiJ9." CLAIMS ".AAAA.",
		"eyJhbGciOiJIUzI1NiJ9." CLAIMS ".AAAA.AAAA",
		"eyJhbGciOiJIUzI1NiJ9." CLAIMS ".AAAA.AAAA.AAAA",
		HS256_TOKEN "=",
		HS256_TOKEN " ",
		" " HS256_TOKEN,
		HS256_TOKEN "\n",
		"eyJhbGciOiJIUzI1NiJ9=." CLAIMS ".AAAA",
		"eyJhbGciOiJIUzI1NiJ9." CLAIMS ".AAAAA",
		"eyJhbGciOiJIUzI1NiJ9." CLAIMS ".AB",
		"eyJhbGciOiJIUzI1NiJ9." CLAIMS ".AA+/",
	};
	struct pl_jwt jwt;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (read_token(pl_slice_str(bad[i]), &jwt) != PL_EINVAL)
			fail_msg("accepted: %s", bad[i]);
	/* The payload is only looked at behind the signature: a forger sees no difference. */
	assert_int_equal(verify(keys[0], PL_S("eyJhbGciOiJIUzI1NiJ9.!!!.AAAA")), PL_EDENIED);
}

static void test_length(void **state)
{
	(void)state;
	char text[PL_JWT_MAX + 1];
	struct pl_jwt jwt;
	static const char head[] = "eyJhbGciOiJIUzI1NiJ9.", tail[] = ".AAAA";
	memset(text, 'A', sizeof(text));
	memcpy(text, head, sizeof(head) - 1);
	memcpy(text + PL_JWT_MAX - 5, tail, 5);
	assert_int_equal(read_token(pl_slice(text, PL_JWT_MAX), &jwt), 0);
	memcpy(text + PL_JWT_MAX - 5, "A.AAAA", 6);
	assert_int_equal(read_token(pl_slice(text, PL_JWT_MAX + 1), &jwt), PL_EINVAL);
}

/* ECDSA signatures of zeros, of the order, in DER, and of other lengths. */
static void test_ecdsa_signatures(void **state)
{
	(void)state;
	struct pl_jwt jwt;
	assert_int_equal(read_token(PL_S(ES256_TOKEN), &jwt), 0);
	struct pl_jwt good = jwt;
	assert_int_equal(pl_jwt_verify(keys[2], &good), 0);
	assert_int_equal(good.signature_len, 64);
	memset(jwt.signature, 0, 64);
	assert_int_equal(pl_jwt_verify(keys[2], &jwt), PL_EDENIED);
	memset(jwt.signature, 0xff, 64);
	assert_int_equal(pl_jwt_verify(keys[2], &jwt), PL_EDENIED);
	jwt = good;
	memset(jwt.signature, 0, 32);
	assert_int_equal(pl_jwt_verify(keys[2], &jwt), PL_EDENIED);
	for (size_t len = 0; len <= 140; len++) {
		jwt = good;
		jwt.signature_len = len;
		assert_int_equal(pl_jwt_verify(keys[2], &jwt), len == 64 ? 0 : PL_EDENIED);
	}
	assert_int_equal(ERR_peek_error(), 0);
}

/* The public half as an HMAC secret; a set of algorithms that does not fit the key. */
static void test_key_kind_is_bound(void **state)
{
	(void)state;
	struct raw a, b;
	struct pl_jwt_key *key = NULL;
	struct pl_jwt_use use = {.algs = PL_JWT_BIT(PL_JWT_HS256)};
	assert_int_equal(pl_jwt_key_rsa(raw_of(&a, RS256_N), raw_of(&b, "AQAB"), use, &key),
			 PL_EINVAL);
	use.algs = PL_JWT_BIT(PL_JWT_ES384);
	assert_int_equal(
		pl_jwt_key_ec(PL_S("P-256"), raw_of(&a, ES256_X), raw_of(&b, ES256_Y), use, &key),
		PL_EINVAL);
	use.algs = PL_JWT_BIT(PL_JWT_RS256);
	assert_int_equal(pl_jwt_key_hmac(raw_of(&a, HS256_KEY), use, &key), PL_EINVAL);
	assert_null(key);
	/* Bound to PS256, it does not take RS256. */
	use.algs = PL_JWT_BIT(PL_JWT_PS256);
	assert_int_equal(pl_jwt_key_rsa(raw_of(&a, RS256_N), raw_of(&b, "AQAB"), use, &key), 0);
	assert_int_equal(verify(key, PL_S(RS256_TOKEN)), PL_EDENIED);
	pl_jwt_key_free(key);
}

static void test_weak_keys(void **state)
{
	(void)state;
	struct raw a, b;
	struct pl_jwt_key *key = NULL;
	char n[1032];
	memset(n, 0xff, sizeof(n));
	assert_int_equal(pl_jwt_key_hmac(PL_S(""), any_use, &key), PL_EINVAL);
	assert_int_equal(pl_jwt_key_hmac(pl_slice(NULL, 0), any_use, &key), PL_EINVAL);
	assert_int_equal(pl_jwt_key_hmac(pl_slice(n, 31), any_use, &key), PL_EINVAL);
	assert_int_equal(pl_jwt_key_rsa(pl_slice(n, 128), PL_S("\1\0\1"), any_use, &key),
			 PL_EINVAL);
	assert_int_equal(pl_jwt_key_rsa(pl_slice(n, 1032), PL_S("\1\0\1"), any_use, &key),
			 PL_EINVAL);
	assert_int_equal(pl_jwt_key_rsa(pl_slice(n, 256), PL_S("\1"), any_use, &key), PL_EINVAL);
	assert_int_equal(pl_jwt_key_rsa(pl_slice(n, 256), PL_S("\0\0"), any_use, &key), PL_EINVAL);
	assert_int_equal(pl_jwt_key_rsa(pl_slice(n, 256), PL_S("\2"), any_use, &key), PL_EINVAL);
	assert_int_equal(pl_jwt_key_rsa(pl_slice(n, 256), pl_slice(n, 9), any_use, &key),
			 PL_EINVAL);
	n[255] = 2;
	assert_int_equal(pl_jwt_key_rsa(pl_slice(n, 256), PL_S("\1\0\1"), any_use, &key),
			 PL_EINVAL);
	/* Not on the curve; another curve; short. */
	assert_int_equal(pl_jwt_key_ec(PL_S("P-256"), raw_of(&a, ES256_X), raw_of(&b, ES256_X),
				       any_use, &key),
			 PL_EINVAL);
	assert_int_equal(pl_jwt_key_ec(PL_S("P-384"), raw_of(&a, ES256_X), raw_of(&b, ES256_Y),
				       any_use, &key),
			 PL_EINVAL);
	assert_int_equal(pl_jwt_key_ec(PL_S("secp256k1"), raw_of(&a, ES256_X), raw_of(&b, ES256_Y),
				       any_use, &key),
			 PL_EINVAL);
	assert_int_equal(pl_jwt_key_ed25519(pl_slice(n, 31), any_use, &key), PL_EINVAL);
	assert_int_equal(pl_jwt_key_pem(PL_S(""), any_use, &key), PL_EINVAL);
	assert_int_equal(
		pl_jwt_key_pem(PL_S("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"),
			       any_use, &key),
		PL_EINVAL);
	struct pl_jwt_use long_kid = {.kid = pl_slice(n, 65)};
	assert_int_equal(pl_jwt_key_hmac(pl_slice(n, 64), long_kid, &key), PL_EINVAL);
	assert_null(key);
	assert_int_equal(ERR_peek_error(), 0);
}

static void test_signing(void **state)
{
	(void)state;
	struct raw a;
	struct pl_buf b;
	struct pl_jwt jwt;
	const struct pl_json *claims = NULL;
	const char *why = NULL;
	pl_buf_init(&b, 4096);
	PL_PUT(&b, "before ");
	assert_int_equal(pl_jwt_sign_hs256(raw_of(&a, HS256_KEY), PL_S("{\"sub\":\"joe\"}"), &b),
			 0);
	struct pl_slice token = pl_slice(b.at + 7, b.len - 7);
	assert_int_equal(verify(keys[0], token), 0);
	assert_int_equal(read_token(token, &jwt), 0);
	assert_int_equal(pl_jwt_claims(&jwt, parser, &claims, &why), 0);
	assert_true(pl_slice_is(pl_json_get_str(claims, "sub"), "joe"));
	pl_buf_fini(&b);
	pl_buf_init(&b, 50);
	assert_int_equal(pl_jwt_sign_hs256(raw_of(&a, HS256_KEY), PL_S("{\"sub\":\"joe\"}"), &b),
			 PL_ETOOBIG);
	pl_buf_fini(&b);
}

static void test_base64url(void **state)
{
	(void)state;
	/* RFC 4648, section 10, without padding; and RFC 7515, appendix C */
	static const char *const plain[] = {"", "f", "fo", "foo", "foob", "fooba", "foobar"};
	static const char *const coded[] = {"",       "Zg",      "Zm8",     "Zm9v",
					    "Zm9vYg", "Zm9vYmE", "Zm9vYmFy"};
	struct pl_buf b;
	char out[16];
	size_t len = 99;
	pl_buf_init(&b, 64);
	for (int i = 0; i < 7; i++) {
		put_part(&b, plain[i]);
		assert_true(pl_slice_is(pl_buf_slice(&b), coded[i]));
		assert_int_equal(pl_base64url_decode(pl_slice_str(coded[i]), out, 6, &len), 0);
		assert_true(pl_slice_is(pl_slice(out, len), plain[i]));
		pl_buf_clear(&b);
	}
	pl_base64url_encode(&b, pl_slice("\x03\xec\xff\xe0\xc1", 5));
	assert_true(pl_slice_is(pl_buf_slice(&b), "A-z_4ME"));
	pl_buf_fini(&b);
	assert_int_equal(pl_base64url_decode(PL_S("Zm9vYmFy"), out, 5, &len), PL_ETOOBIG);
	static const char *const bad[] = {
		"A", "AAAAA", "AB", "AAB", "Zg==", "Zg=", "+AAA", "/AAA", "A AA", "AA\n"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(pl_base64url_decode(pl_slice_str(bad[i]), out, 16, &len),
				 PL_EINVAL);
}

static void test_no_memory(void **state)
{
	(void)state;
	struct raw a;
	for (unsigned long n = 1; n < 20; n++) {
		struct pl_jwt_key *key = NULL;
		struct pl_json_parser *fresh = NULL;
		struct pl_jwt jwt;
		const char *why = NULL;
		pl_mem_fail_at(n, false);
		int err = pl_json_parser_new(PL_JWT_MAX, &fresh);
		err = err ? err : pl_jwt_key_hmac(raw_of(&a, HS256_KEY), any_use, &key);
		err = err ? err : pl_jwt_read(fresh, PL_S(HS256_TOKEN), &jwt, &why);
		bool failed = pl_mem_count() >= n;
		pl_mem_fail_at(0, false);
		assert_int_equal(err, failed ? PL_ENOMEM : 0);
		pl_jwt_key_free(key);
		pl_json_parser_free(fresh);
		if (!failed)
			return;
	}
	fail();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc_tokens),
		cmocka_unit_test(test_every_change_is_seen),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_ecdsa_signatures),
		cmocka_unit_test(test_key_kind_is_bound),
		cmocka_unit_test(test_weak_keys),
		cmocka_unit_test(test_signing),
		cmocka_unit_test(test_base64url),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
