/* fuzz/jwks.c - any bytes as a JWK set: whatever keys come out of it can be used and freed. */
#include "fuzz.h"

#include "auth/keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pl_keys keys = {.count = 0};
	struct pl_buf why;
	struct pl_jwt jwt = {.signed_text = PL_S("e30.e30"), .payload = PL_S("e30")};
	pl_buf_init(&why, 1024);
	int err = pl_jwks_read(&keys, pl_slice(data, size), &why);
	if ((err && !why.len) || keys.count > PL_KEYS_MAX)
		abort();
	for (int alg = 0; keys.count && alg < PL_JWT_ALG_COUNT; alg++) {
		static const size_t lens[] = {32, 64, 96, 132, 256};
		jwt.alg = (enum pl_jwt_alg)alg;
		for (size_t i = 0; i < sizeof(lens) / sizeof(*lens); i++) {
			jwt.signature_len = lens[i];
			if (!pl_keys_verify(&keys, &jwt))
				abort(); /* a signature of zeros */
		}
	}
	pl_keys_fini(&keys);
	pl_buf_fini(&why);
	return 0;
}
