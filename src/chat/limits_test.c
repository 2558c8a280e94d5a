/* limits_test.c - proves that each limit has buckets of its own, that no rate is no limit, and that
 * a refusal says when to come back. */
#include "chat/limits.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static int take(struct pl_limits *l, enum pl_limit which, const char *who, uint64_t now_ms,
		uint64_t *retry_ms)
{
	return pl_limits_take(l, which, pl_slice_str(who), now_ms, retry_ms);
}

static void each_limit_and_each_caller_has_a_bucket(void **state)
{
	const struct pl_rate rates[PL_LIMIT__COUNT] = {
		[PL_LIMIT_MESSAGES] = {60, 2}, [PL_LIMIT_HISTORY] = {60, 1}};
	struct pl_limits l;
	uint64_t retry_ms = 0;
	(void)state;
	assert_int_equal(pl_limits_init(&l, rates), 0);
	assert_int_equal(take(&l, PL_LIMIT_MESSAGES, "a", 1000, &retry_ms), 0);
	assert_int_equal(take(&l, PL_LIMIT_MESSAGES, "a", 1000, &retry_ms), 0);
	assert_int_equal(take(&l, PL_LIMIT_MESSAGES, "a", 1000, &retry_ms), PL_ELIMIT);
	assert_int_equal(retry_ms, 1000); /* sixty a minute: one a second */
	assert_int_equal(take(&l, PL_LIMIT_MESSAGES, "a", 1000, NULL), PL_ELIMIT);
	assert_int_equal(take(&l, PL_LIMIT_MESSAGES, "b", 1000, &retry_ms), 0);
	assert_int_equal(take(&l, PL_LIMIT_HISTORY, "a", 1000, &retry_ms), 0);
	assert_int_equal(take(&l, PL_LIMIT_HISTORY, "a", 1000, &retry_ms), PL_ELIMIT);
	/* Refused attempts cost nothing; what the hint says comes true. */
	assert_int_equal(take(&l, PL_LIMIT_MESSAGES, "a", 1999, &retry_ms), PL_ELIMIT);
	assert_int_equal(take(&l, PL_LIMIT_MESSAGES, "a", 2000, &retry_ms), 0);
	assert_int_equal(take(&l, PL_LIMIT_MESSAGES, "a", 2000, &retry_ms), PL_ELIMIT);
	/* Never more than the burst, however long it was quiet; a clock that stands still or goes
	 * back gives nothing. */
	assert_int_equal(take(&l, PL_LIMIT_MESSAGES, "a", 900000, &retry_ms), 0);
	assert_int_equal(take(&l, PL_LIMIT_MESSAGES, "a", 900000, &retry_ms), 0);
	assert_int_equal(take(&l, PL_LIMIT_MESSAGES, "a", 900000, &retry_ms), PL_ELIMIT);
	assert_int_equal(take(&l, PL_LIMIT_MESSAGES, "a", 5, &retry_ms), PL_ELIMIT);
	pl_limits_fini(&l);
}

static void no_rate_is_no_limit(void **state)
{
	const struct pl_rate none[PL_LIMIT__COUNT] = {{0, 0}};
	struct pl_limits l;
	(void)state;
	assert_int_equal(pl_limits_init(&l, none), 0);
	for (int which = 0; which < PL_LIMIT__COUNT; which++)
		for (int i = 0; i < 1000; i++)
			assert_int_equal(take(&l, (enum pl_limit)which, "a", 0, NULL), 0);
	pl_limits_fini(&l);
	pl_limits_fini(&l); /* twice is fine */
}

static void each_allocation_may_fail(void **state)
{
	struct pl_rate rates[PL_LIMIT__COUNT];
	(void)state;
	for (int i = 0; i < PL_LIMIT__COUNT; i++)
		rates[i] = (struct pl_rate){10, 10};
	int err = -1;
	unsigned long n = 1;
	for (; err; n++) {
		struct pl_limits l;
		pl_mem_fail_at(n, false);
		err = pl_limits_init(&l, rates);
		pl_mem_fail_at(0, false);
		assert_true(!err || err == PL_ENOMEM);
		pl_limits_fini(&l);
	}
	assert_true(n > PL_LIMIT__COUNT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_limit_and_each_caller_has_a_bucket),
		cmocka_unit_test(no_rate_is_no_limit),
		cmocka_unit_test(each_allocation_may_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
