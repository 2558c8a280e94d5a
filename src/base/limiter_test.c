/* limiter_test.c - proves that a bucket gives its burst, then its rate, per key, and says when to
 * come back. */
#include "base/limiter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static void burst_then_rate(void **state)
{
	(void)state;
	struct pl_limiter *l;
	uint64_t retry = 0, now = 1000000;
	assert_int_equal(pl_limiter_new(60, 5, 100, &l), 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(pl_limiter_take(l, PL_S("alice"), 1, now, &retry), 0);
	assert_int_equal(pl_limiter_take(l, PL_S("alice"), 1, now, &retry), PL_ELIMIT);
	assert_int_equal(retry, 1000); /* 60 a minute: one a second */
	assert_int_equal(pl_limiter_take(l, PL_S("bob"), 1, now, &retry), 0);
	assert_int_equal(pl_limiter_take(l, PL_S("alice"), 1, now + 999, &retry), PL_ELIMIT);
	assert_int_equal(retry, 1);
	assert_int_equal(pl_limiter_take(l, PL_S("alice"), 1, now + 1000, &retry), 0);
	assert_int_equal(pl_limiter_take(l, PL_S("alice"), 5, now + 6000, &retry), 0);
	/* Never more than the burst, however long it was quiet; a clock that stands still gives
	 * nothing. */
	assert_int_equal(pl_limiter_take(l, PL_S("alice"), 6, now + 9999999, &retry), PL_ELIMIT);
	pl_limiter_free(l);
}

static void zero_means_no_limit(void **state)
{
	(void)state;
	struct pl_limiter *l;
	assert_int_equal(pl_limiter_new(0, 0, 1, &l), 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(pl_limiter_take(l, PL_S("x"), 1, 5, NULL), 0);
	assert_int_equal(pl_limiter_take(NULL, PL_S("x"), 1, 5, NULL), 0);
	pl_limiter_free(l);
}

/* A million strangers must not buy an exhausted key a new bucket. */
static void strangers_do_not_refill_an_empty_bucket(void **state)
{
	(void)state;
	struct pl_limiter *l;
	char key[16];
	assert_int_equal(pl_limiter_new(1, 3, 64, &l), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(pl_limiter_take(l, PL_S("mallory"), 1, 5, NULL), 0);
	for (int i = 0; i < 100000; i++) {
		snprintf(key, sizeof(key), "s%d", i);
		assert_int_equal(pl_limiter_take(l, pl_slice_str(key), 1, 5, NULL), 0);
	}
	assert_int_equal(pl_limiter_take(l, PL_S("mallory"), 1, 5, NULL), PL_ELIMIT);
	pl_limiter_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(burst_then_rate),
		cmocka_unit_test(zero_means_no_limit),
		cmocka_unit_test(strangers_do_not_refill_an_empty_bucket),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
