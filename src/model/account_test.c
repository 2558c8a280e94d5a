/* Proves which names can be had: nothing that is taken apart, not seen, or looks like another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "model/account.h"

#define X16 "0123456789abcdef"
#define X64 X16 X16 X16 X16

static void names(void **state)
{
	static const struct {
		struct pl_slice name;
		const char *folded; /* NULL: nobody can have it */
	} rows[] = {
		{PL_S("bob"), "bob"},
		{PL_S("Bob"), "bob"},
		{PL_S("AZaz09_."), "azaz09_."},
		{PL_S(X64), X64},
		{PL_S(X64 "0"), NULL},
		{PL_S("bo"), NULL},
		{PL_S(""), NULL},
		{PL_S("bob-x"), NULL}, /* "bob-x-alice" is whose? */
		{PL_S("bob x"), NULL},
		{PL_S(" bob"), NULL}, /* trimmed by whoever asks, or not his name */
		{PL_S("bob\0x"), NULL},
		{PL_S("bob\n"), NULL},
		{PL_S("b\x7f"
		      "ob"),
		 NULL},
		{PL_S("b\xd0\xbe"
		      "b"),
		 NULL},                          /* Cyrillic o */
		{PL_S("\xef\xbd\x82ob"), NULL},  /* full-width b */
		{PL_S("bob\xe2\x80\x8b"), NULL}, /* zero width space */
		{PL_S("\xe2\x80\xae"
		      "bob"),
		 NULL}, /* right to left */
		{PL_S("bob@example"), NULL},
		{PL_S("bob/../x"), NULL},
		{PL_S("bob'--"), NULL},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char folded[PL_ACCOUNT_NAME_MAX];
		size_t n = pl_account_fold(rows[i].name, folded);
		if (rows[i].folded)
			assert_true(pl_slice_is(pl_slice(folded, n), rows[i].folded));
		else
			assert_int_equal(n, 0);
		assert_int_equal(pl_account_name_fault(rows[i].name) == NULL,
				 rows[i].folded != NULL);
	}
}

/* The originals' sentences, where they had one. */
static void sentences(void **state)
{
	(void)state;
	assert_string_equal(pl_account_name_fault(PL_S("ab")),
			    "Username must be at least 3 characters long");
	assert_string_equal(pl_account_name_fault(PL_S(X64 X64)),
			    "Username must be at most 64 characters long");
	assert_string_equal(pl_account_name_fault(PL_S("a-b")),
			    "Username may only contain letters, digits, '_' and '.'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(names), cmocka_unit_test(sentences)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
