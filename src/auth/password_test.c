/*
 * Proves that a password fits its own hash and no other, that nobody's hash fits nothing at the
 * same cost, that hashes with other costs are still good but known as dated, and that a text which
 * is no hash of ours, or asks for too much, is refused unread. Known answer: the reference
 * implementation's test vector for argon2id.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "auth/password.h"

#include "base/clock.h"

#define REFERENCE                                     \
	"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$" \
	"CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"

static void a_password_fits_its_own_hash(void **state)
{
	char hash[PL_PASSWORD_HASH], other[PL_PASSWORD_HASH];
	(void)state;
	assert_int_equal(pl_password_hash(PL_S("correct horse"), hash), 0);
	assert_int_equal(pl_password_hash(PL_S("correct horse"), other), 0);
	assert_string_not_equal(hash, other); /* each has its salt */
	assert_int_equal(pl_password_check(hash, PL_S("correct horse")), 0);
	assert_int_equal(pl_password_check(other, PL_S("correct horse")), 0);
	assert_int_equal(pl_password_check(hash, PL_S("correct horsf")), PL_EDENIED);
	assert_int_equal(pl_password_check(hash, PL_S("correct hors")), PL_EDENIED);
	assert_int_equal(pl_password_check(hash, PL_S("")), PL_EDENIED);
	/* A NUL ends nothing. */
	assert_int_equal(pl_password_check(hash, pl_slice("correct horse\0x", 15)), PL_EDENIED);
	assert_false(pl_password_is_dated(hash));
}

static void the_costs_are_what_owasp_asks_for(void **state)
{
	char hash[PL_PASSWORD_HASH];
	struct pl_argon a;
	(void)state;
	assert_int_equal(pl_password_hash(PL_S("x"), hash), 0);
	assert_int_equal(pl_argon_read(pl_slice_str(hash), &a), 0);
	assert_true(a.kib >= 19 * 1024 && a.passes >= 2 && a.lanes >= 1);
}

static void a_hash_of_others_is_good_and_dated(void **state)
{
	(void)state;
	assert_int_equal(pl_password_check(REFERENCE, PL_S("password")), 0);
	assert_int_equal(pl_password_check(REFERENCE, PL_S("passwore")), PL_EDENIED);
	assert_true(pl_password_is_dated(REFERENCE));
}

/* No bound on time that a busy machine could break: only that nobody is not let off. */
static void nobody_costs_what_everybody_costs(void **state)
{
	char hash[PL_PASSWORD_HASH];
	uint64_t wrong = UINT64_MAX, nobody = UINT64_MAX;
	(void)state;
	assert_int_equal(pl_password_hash(PL_S("secret"), hash), 0);
	for (int i = 0; i < 5; i++) {
		uint64_t t0 = pl_now_ms();
		assert_int_equal(pl_password_check(hash, PL_S("wrong")), PL_EDENIED);
		uint64_t t1 = pl_now_ms();
		assert_int_equal(pl_password_check("", PL_S("wrong")), PL_EDENIED);
		uint64_t t2 = pl_now_ms();
		wrong = t1 - t0 < wrong ? t1 - t0 : wrong;
		nobody = t2 - t1 < nobody ? t2 - t1 : nobody;
	}
	assert_true(nobody * 4 >= wrong);
	assert_int_equal(pl_password_check("", PL_S("")), PL_EDENIED);
}

static void too_long_is_refused(void **state)
{
	static char text[PL_PASSWORD_MAX + 1];
	char hash[PL_PASSWORD_HASH] = "untouched";
	(void)state;
	assert_int_equal(pl_password_hash(pl_slice(text, sizeof(text)), hash), PL_EINVAL);
	assert_string_equal(hash, "untouched");
}

static void what_is_no_hash_is_not_read(void **state)
{
	static const char *const bad[] = {
		"x",
		"$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
		"$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$"
		"CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"$argon2id$v=16$m=65536,t=2,p=1$c29tZXNhbHQxMjM$"
		"CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZW",
		"$argon2id$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		/* costs that nobody pays: 4 TiB, 65 passes, 17 lanes, none */
		"$argon2id$v=19$m=4294967295,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAp",
		"$argon2id$v=19$m=1048577,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAp",
		"$argon2id$v=19$m=65536,t=65,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAp",
		"$argon2id$v=19$m=65536,t=2,p=17$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAp",
		"$argon2id$v=19$m=0,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAp",
		"$argon2id$v=19$m=-1,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAp",
		"$argon2id$v=19$m=65536,t=2,p=1$short$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAp",
		"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$tooshort",
		"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHA$AAA",
		"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1a FaMaO6Mm5c8y7cJHA",
	};
	struct pl_argon a = {1, 2, 3};
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		if (pl_argon_read(pl_slice_str(bad[i]), &a) != PL_EINVAL)
			fail_msg("read: %s", bad[i]);
		assert_int_equal(pl_password_check(bad[i], PL_S("password")), PL_ECORRUPT);
	}
	assert_int_equal(a.kib, 1);
}

/* Every beginning of a hash is no hash, until the tag is long enough to be one. */
static void a_cut_hash_is_none(void **state)
{
	struct pl_argon a;
	size_t min = sizeof("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$") - 1 + 16;
	(void)state;
	for (size_t n = 0; n < sizeof(REFERENCE); n++) {
		int want = n < min || n == sizeof(REFERENCE) ? PL_EINVAL : 0;
		assert_int_equal(pl_argon_read(pl_slice(REFERENCE, n), &a),
				 n == sizeof(REFERENCE) - 1 ? 0 : want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_password_fits_its_own_hash),
		cmocka_unit_test(the_costs_are_what_owasp_asks_for),
		cmocka_unit_test(a_hash_of_others_is_good_and_dated),
		cmocka_unit_test(nobody_costs_what_everybody_costs),
		cmocka_unit_test(too_long_is_refused),
		cmocka_unit_test(what_is_no_hash_is_not_read),
		cmocka_unit_test(a_cut_hash_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
