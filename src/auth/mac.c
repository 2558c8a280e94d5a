/* mac.c - HMAC with SHA-256. */
#include "auth/mac.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

int pl_mac(struct pl_slice key, struct pl_slice text, uint8_t out[PL_MAC_BYTES])
{
	uint8_t mac[EVP_MAX_MD_SIZE];
	size_t len = 0;
	ERR_set_mark();
	const void *done = EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key.at, key.len,
				     (const uint8_t *)text.at, text.len, mac, sizeof(mac), &len);
	ERR_pop_to_mark();
	if (!done || len != PL_MAC_BYTES)
		return PL_ENOMEM;
	memcpy(out, mac, PL_MAC_BYTES);
	return 0;
}

bool pl_mac_eq(const void *a, const void *b, size_t n)
{
	return !CRYPTO_memcmp(a, b, n);
}
