/*
 * Proves that a session's id lets its owner in for 24 hours and nobody else, that ids do not
 * repeat, and that the table keeps its size: the oldest makes room.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "socketio/admin_internal.h"

#include "base/mem.h"

enum { DAY_MS = 86400000, KEPT = 4 };

static struct pl_slice text(const char id[PL_ADMIN_SESSION_TEXT])
{
	return pl_slice(id, PL_ADMIN_SESSION_TEXT);
}

static void test_a_day(void **state)
{
	struct pl_admin_sessions s;
	char id[PL_ADMIN_SESSION_TEXT];
	(void)state;
	assert_int_equal(pl_admin_sessions_init(&s, KEPT), 0);
	assert_true(pl_admin_sessions_add(&s, 1000, id));
	for (size_t i = 0; i < sizeof(id); i++)
		assert_non_null(memchr("0123456789abcdef", id[i], 16));
	assert_true(pl_admin_sessions_has(&s, text(id), 1000));
	assert_true(pl_admin_sessions_has(&s, text(id), 1000 + DAY_MS - 1));
	assert_false(pl_admin_sessions_has(&s, text(id), 1000 + DAY_MS));
	pl_admin_sessions_fini(&s);
}

static void test_nobody_elses(void **state)
{
	struct pl_admin_sessions s;
	char id[PL_ADMIN_SESSION_TEXT];
	(void)state;
	assert_int_equal(pl_admin_sessions_init(&s, KEPT), 0);
	char zeros[PL_ADMIN_SESSION_TEXT] = {0};
	assert_false(pl_admin_sessions_has(&s, text(zeros), 0)); /* an empty place */
	assert_true(pl_admin_sessions_add(&s, 0, id));
	assert_false(pl_admin_sessions_has(&s, PL_S(""), 0));
	assert_false(pl_admin_sessions_has(&s, pl_slice(NULL, 0), 0));
	assert_false(pl_admin_sessions_has(&s, pl_slice(id, sizeof(id) - 1), 0));
	assert_false(pl_admin_sessions_has(&s, text(zeros), 0));
	id[31] = id[31] == '0' ? '1' : '0';
	assert_false(pl_admin_sessions_has(&s, text(id), 0));
	pl_admin_sessions_fini(&s);
}

static void test_the_oldest_makes_room(void **state)
{
	struct pl_admin_sessions s;
	char ids[3 * KEPT][PL_ADMIN_SESSION_TEXT];
	(void)state;
	assert_int_equal(pl_admin_sessions_init(&s, KEPT), 0);
	for (int i = 0; i < 3 * KEPT; i++) {
		assert_true(pl_admin_sessions_add(&s, 0, ids[i]));
		for (int j = 0; j <= i; j++) {
			assert_int_equal(pl_admin_sessions_has(&s, text(ids[j]), 1), i - j < KEPT);
			assert_true(j == i || memcmp(ids[i], ids[j], sizeof(ids[i])) != 0);
		}
	}
	pl_admin_sessions_fini(&s);
}

static void test_none(void **state)
{
	struct pl_admin_sessions s;
	char id[PL_ADMIN_SESSION_TEXT] = {0};
	(void)state;
	assert_int_equal(pl_admin_sessions_init(&s, 0), 0);
	assert_false(pl_admin_sessions_add(&s, 0, id));
	assert_false(pl_admin_sessions_has(&s, text(id), 0));
	pl_admin_sessions_fini(&s);
}

static void test_no_memory(void **state)
{
	struct pl_admin_sessions s;
	(void)state;
	pl_mem_fail_at(1, false);
	assert_int_equal(pl_admin_sessions_init(&s, KEPT), PL_ENOMEM);
	pl_mem_fail_at(0, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_day),
		cmocka_unit_test(test_nobody_elses),
		cmocka_unit_test(test_the_oldest_makes_room),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
