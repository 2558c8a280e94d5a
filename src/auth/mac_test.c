/* mac_test.c - proves the MAC by the test cases 1, 2 and 6 of RFC 4231. */
#include "auth/mac.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void rfc_4231(void **state)
{
	(void)state;
	char key1[20], key6[131];
	memset(key1, 0x0b, sizeof(key1));
	memset(key6, 0xaa, sizeof(key6));
	const struct {
		struct pl_slice key, text;
		const char *mac;
	} rows[] = {
		{pl_slice(key1, sizeof(key1)), PL_S("Hi There"),
		 "\xb0\x34\x4c\x61\xd8\xdb\x38\x53\x5c\xa8\xaf\xce\xaf\x0b\xf1\x2b\x88\x1d\xc2\x00"
		 "\xc9\x83\x3d\xa7\x26\xe9\x37\x6c\x2e\x32\xcf\xf7"},
		{PL_S("Jefe"), PL_S("what do ya want for nothing?"),
		 "\x5b\xdc\xc1\x46\xbf\x60\x75\x4e\x6a\x04\x24\x26\x08\x95\x75\xc7\x5a\x00\x3f\x08"
		 "\x9d\x27\x39\x83\x9d\xec\x58\xb9\x64\xec\x38\x43"},
		{pl_slice(key6, sizeof(key6)),
		 PL_S("Test Using Larger Than Block-Size Key - Hash Key First"),
		 "\x60\xe4\x31\x59\x1e\xe0\xb6\x7f\x0d\x8a\x26\xaa\xcb\xf5\xb7\x7f\x8e\x0b\xc6\x21"
		 "\x37\x28\xc5\x14\x05\x46\x04\x0f\x0e\xe3\x7f\x54"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint8_t mac[PL_MAC_BYTES];
		assert_int_equal(pl_mac(rows[i].key, rows[i].text, mac), 0);
		assert_memory_equal(mac, rows[i].mac, sizeof(mac));
		assert_true(pl_mac_eq(mac, rows[i].mac, sizeof(mac)));
		mac[31] ^= 1;
		assert_false(pl_mac_eq(mac, rows[i].mac, sizeof(mac)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(rfc_4231)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
