/* Proves that a login at the Admin UI is refused when everybody could guess it, and only then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "socketio/admin.h"

static bool is_about(const char *fault, const char *word)
{
	return fault && strstr(fault, word);
}

static const char *fault_of(const char *user, const char *password)
{
	char hash[PL_PASSWORD_HASH];
	assert_int_equal(pl_password_hash(pl_slice_str(password), hash), 0);
	return pl_sio_admin_fault(user, hash);
}

static void test_both_or_none(void **state)
{
	(void)state;
	assert_null(pl_sio_admin_fault(NULL, NULL));
	assert_true(is_about(pl_sio_admin_fault("root", NULL), "needs"));
	assert_true(is_about(pl_sio_admin_fault(NULL, "x"), "needs"));
}

static void test_not_a_hash(void **state)
{
	static const char *const texts[] = {
		"secret", "$2b$10$heqvAkYMez.Va6Et2uXInOnkCT6/uQj1brkrbyG3LpopDklcq7ZOS",
		"$argon2i$v=19$m=4096,t=2,p=1$c29tZXNhbHQ$"
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_true(is_about(pl_sio_admin_fault("root", texts[i]), "argon2id"));
}

static void test_what_everybody_tries(void **state)
{
	(void)state;
	assert_true(is_about(fault_of("admin", "admin"), "password"));
	assert_true(is_about(fault_of("root", "admin"), "admin"));
	assert_true(is_about(fault_of("root", "password"), "tries first"));
	assert_true(is_about(fault_of("operator", "operator"), "name"));
	assert_null(fault_of("admin", "correct horse battery"));
}

/* Made elsewhere, with other costs: "password" of argon2's own test vectors. */
static void test_other_costs(void **state)
{
	(void)state;
	assert_true(
		is_about(pl_sio_admin_fault("root", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$"
						    "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"),
			 "tries first"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_or_none),
		cmocka_unit_test(test_not_a_hash),
		cmocka_unit_test(test_what_everybody_tries),
		cmocka_unit_test(test_other_costs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
