/* base_test.c - proves the small tools everything stands on: slices, buffers, maps, ids, time,
 * arena. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/frame.h"
#include "base/id.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

static void numbers_are_digits_only(void **state)
{
	(void)state;
	uint64_t v = 7;
	const char *bad[] = {"", "+5", "-1", " 5", "5 ", "0x5", "5,5", "18446744073709551616"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(pl_slice_u64(pl_slice_str(bad[i]), UINT64_MAX, &v), PL_EINVAL);
	assert_int_equal(v, 7);
	assert_int_equal(pl_slice_u64(PL_S("18446744073709551615"), UINT64_MAX, &v), 0);
	assert_true(v == UINT64_MAX);
	assert_int_equal(pl_slice_u64(PL_S("101"), 100, &v), PL_EINVAL);
	assert_int_equal(pl_slice_u64(PL_S("9"), 5, &v), PL_EINVAL);
}

static void slices_cut_and_trim(void **state)
{
	(void)state;
	struct pl_slice rest;
	assert_true(pl_slice_is(pl_slice_cut(PL_S("a=b=c"), '=', &rest), "a"));
	assert_true(pl_slice_is(rest, "b=c"));
	assert_true(pl_slice_is(pl_slice_cut(PL_S("abc"), '=', &rest), "abc"));
	assert_null(rest.at);
	assert_true(pl_slice_is(pl_slice_trim(PL_S(" \tx y ")), "x y"));
	assert_true(pl_slice_eq_nocase(PL_S("Bearer"), PL_S("bEARER")));
	assert_true(pl_slice_cmp(PL_S("a"), PL_S("ab")) < 0);
}

static void a_buffer_never_passes_its_limit(void **state)
{
	(void)state;
	struct pl_buf b;
	pl_buf_init(&b, 10);
	PL_PUT(&b, "12345678");
	PL_PUT(&b, "abc");
	assert_int_equal(b.err, PL_ETOOBIG);
	PL_PUT(&b, "x"); /* the first failure sticks */
	assert_true(pl_slice_is(pl_buf_slice(&b), "12345678"));
	pl_buf_clear(&b);
	pl_buf_put_i64(&b, INT64_MIN / 1000000000000);
	assert_true(pl_slice_is(pl_buf_slice(&b), "-9223372"));
	pl_buf_drop(&b, 6);
	assert_true(pl_slice_is(pl_buf_slice(&b), "72"));
	pl_buf_fini(&b);
}

static void a_buffer_reports_no_memory(void **state)
{
	(void)state;
	struct pl_buf b;
	pl_buf_init(&b, 100);
	pl_mem_fail_at(1, false);
	PL_PUT(&b, "x");
	pl_mem_fail_at(0, false);
	assert_int_equal(b.err, PL_ENOMEM);
	pl_buf_fini(&b);
}

struct word {
	char text[12];
};

static void a_map_finds_what_was_put_and_forgets_what_was_removed(void **state)
{
	(void)state;
	enum { N = 2000 };
	struct pl_map m;
	struct word *w = pl_zalloc(N, sizeof(*w));
	pl_map_init(&m, N);
	for (int i = 0; i < N; i++) {
		snprintf(w[i].text, sizeof(w[i].text), "k%d", i);
		assert_int_equal(pl_map_put(&m, pl_slice_str(w[i].text), &w[i]), 0);
	}
	assert_int_equal(pl_map_put(&m, PL_S("k5"), &w[0]), PL_EEXISTS);
	assert_int_equal(pl_map_put(&m, PL_S("new"), &w[0]), PL_ELIMIT);
	for (int i = 0; i < N; i += 3)
		assert_ptr_equal(pl_map_remove(&m, pl_slice_str(w[i].text)), &w[i]);
	for (int i = 0; i < N; i++)
		assert_ptr_equal(pl_map_get(&m, pl_slice_str(w[i].text)), i % 3 ? &w[i] : NULL);
	size_t seen = 0;
	PL_MAP_EACH (it, &m)
		seen++;
	assert_int_equal(seen, m.len);
	pl_map_fini(&m);
	pl_free(w);
}

/* Vector: SipHash-1-3 of 00..0e under key 00..0f, from the reference implementation's family. */
static void siphash_depends_on_key_and_every_byte(void **state)
{
	(void)state;
	uint64_t seed[2] = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u}, other[2] = {1, 2};
	char text[17] = "0123456789abcdef";
	uint64_t h = pl_siphash(seed, pl_slice(text, 16));
	assert_true(h != pl_siphash(other, pl_slice(text, 16)));
	for (int i = 0; i < 16; i++) {
		text[i] ^= 1;
		assert_true(h != pl_siphash(seed, pl_slice(text, 16)));
		text[i] ^= 1;
	}
	assert_true(pl_siphash(seed, pl_slice("\0", 1)) != pl_siphash(seed, pl_slice("", 0)));
}

static void uuids_have_version_and_variant(void **state)
{
	(void)state;
	char text[PL_UUID_TEXT + 1] = {0};
	struct pl_uuid a = pl_uuid_v4(), b;
	pl_uuid_format(&a, text);
	assert_int_equal(text[14], '4');
	assert_non_null(strchr("89ab", text[19]));
	assert_int_equal(pl_uuid_parse(pl_slice(text, PL_UUID_TEXT), &b), 0);
	assert_true(pl_uuid_eq(&a, &b));
	a = pl_uuid_v7(0x0123456789abu);
	pl_uuid_format(&a, text);
	assert_memory_equal(text, "01234567-89ab-7", 15);
	assert_int_equal(pl_uuid_parse(PL_S("01234567-89ab-7000-8000-00000000000g"), &b),
			 PL_EINVAL);
	assert_int_equal(pl_uuid_parse(PL_S("0123456789ab70008000000000000000"), &b), PL_EINVAL);
}

/* RFC 9562, 6.2: a counter behind the version; the time goes on only when it is used up. */
static void uuids_can_be_made_in_order(void **state)
{
	(void)state;
	struct pl_uuid last = {{0}}, before;
	const uint64_t times[] = {1000, 1001, 1001, 5, 0, 1002, 1002};
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++)
		for (int n = 0; n < 10000; n++) {
			before = last;
			struct pl_uuid u = pl_uuid_v7_after(&last, times[i]);
			assert_true(pl_uuid_eq(&u, &last));
			assert_true(memcmp(u.b, before.b, sizeof(u.b)) > 0);
			assert_int_equal(u.b[6] >> 4, 7);
			assert_int_equal(u.b[8] >> 6, 2);
		}
	last = (struct pl_uuid){{0}};
	struct pl_uuid u = pl_uuid_v7_after(&last, 0x0123456789abu);
	assert_int_equal(u.b[0], 0x01);
	assert_int_equal(u.b[5], 0xab);
	/* What was no version 7 is exceeded, too. */
	last = (struct pl_uuid){{1, 2, 3, 4, 5, 6, 0xf0, 0}};
	before = last;
	u = pl_uuid_v7_after(&last, 0);
	assert_true(memcmp(u.b, before.b, sizeof(u.b)) > 0);
}

static void time_is_written_as_iso_8601(void **state)
{
	(void)state;
	char out[PL_ISO_TEXT + 1] = {0};
	pl_iso_format(0, out);
	assert_string_equal(out, "1970-01-01T00:00:00.000Z");
	pl_iso_format(951782400123u, out);
	assert_string_equal(out, "2000-02-29T00:00:00.123Z");
	pl_iso_format(1756019768999u, out);
	assert_string_equal(out, "2025-08-24T07:16:08.999Z");
}

static void an_arena_is_bounded_and_aligned(void **state)
{
	(void)state;
	struct pl_arena a;
	struct pl_slice copy;
	pl_arena_init(&a, 5000);
	assert_int_equal(pl_arena_copy(&a, PL_S("abc"), &copy), 0);
	assert_string_equal(copy.at, "abc");
	void *p = pl_arena_alloc(&a, 3);
	assert_int_equal((uintptr_t)p % 16, 0);
	assert_non_null(pl_arena_alloc(&a, 4000));
	assert_null(pl_arena_alloc(&a, 2000));
	assert_null(pl_arena_array(&a, SIZE_MAX / 2, 4));
	assert_int_equal(pl_arena_copy(&a, pl_slice(NULL, 0), &copy), 0);
	assert_null(copy.at);
	pl_arena_fini(&a);
}

static void a_log_line_cannot_forge_another(void **state)
{
	(void)state;
	int p[2];
	char out[1024] = {0};
	struct pl_log *log;
	assert_int_equal(pipe(p), 0);
	assert_int_equal(pl_log_new(&(struct pl_log_options){.fd = p[1], .level = PL_INFO}, &log),
			 0);
	pl_log(log, PL_DEBUG, "test", "below the level");
	pl_log(log, PL_WARN, "test", "a\n\"b\x1b[31m\xe2\x80\xa8");
	pl_log_free(log);
	close(p[1]);
	assert_true(read(p[0], out, sizeof(out) - 1) > 0);
	assert_non_null(strstr(out, "\"level\":\"warn\",\"component\":\"test\",\"message\":"
				    "\"a\\u000a\\\"b\\u001b[31m\\u00e2\"}\n"));
	assert_ptr_equal(strchr(out, '\n') + 1, strchr(out, '\0'));
	close(p[0]);
}

struct line_seen {
	enum pl_log_level level;
	char text[64];
	int count;
};

static void see_line(void *ctx, enum pl_log_level level, const char *text)
{
	struct line_seen *seen = ctx;
	seen->level = level;
	seen->count++;
	snprintf(seen->text, sizeof(seen->text), "%s", text);
}

static void a_log_may_go_to_a_function(void **state)
{
	(void)state;
	struct line_seen seen = {.count = 0};
	struct pl_log *log;
	struct pl_log_options o = {.level = PL_WARN, .line = see_line, .ctx = &seen};
	assert_int_equal(pl_log_new(&o, &log), 0);
	pl_log(log, PL_INFO, "test", "below the level");
	for (int i = 0; i < 5000; i++)
		pl_log(log, PL_ERROR, "test", "line\n%d", i); /* goes round the ring */
	pl_log_free(log);
	assert_int_equal(seen.level, PL_ERROR);
	assert_string_equal(seen.text, "test: line\\x0a4999");
	assert_int_equal(seen.count, 5000);
}

static void metrics_sum_over_sets(void **state)
{
	(void)state;
	struct pl_metrics a = {0}, b = {0};
	const struct pl_metrics *sets[] = {&a, &b};
	struct pl_buf out;
	pl_metric_add(&a, PL_M_STORED, 2);
	pl_metric_add(&b, PL_M_STORED, 3);
	pl_metric_add(NULL, PL_M_STORED, 3);
	pl_buf_init(&out, 1 << 16);
	pl_metrics_write(&out, sets, 2);
	pl_buf_putc(&out, '\0');
	assert_non_null(strstr(out.at, "# TYPE parley_messages_stored_total counter\n"
				       "parley_messages_stored_total 5\n"));
	pl_buf_fini(&out);
}

static void lists_survive_removal_while_walking(void **state)
{
	(void)state;
	struct pl_list head, other, n[3];
	pl_list_init(&head);
	for (int i = 0; i < 3; i++)
		pl_list_append(&head, &n[i]);
	PL_LIST_EACH (it, &head) {
		if (it == &n[1])
			pl_list_remove(it);
	}
	pl_list_take(&other, &head);
	assert_true(pl_list_empty(&head));
	assert_ptr_equal(pl_list_shift(&other), &n[0]);
	assert_ptr_equal(pl_list_shift(&other), &n[2]);
	assert_null(pl_list_shift(&other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_digits_only),
		cmocka_unit_test(slices_cut_and_trim),
		cmocka_unit_test(a_buffer_never_passes_its_limit),
		cmocka_unit_test(a_buffer_reports_no_memory),
		cmocka_unit_test(a_map_finds_what_was_put_and_forgets_what_was_removed),
		cmocka_unit_test(siphash_depends_on_key_and_every_byte),
		cmocka_unit_test(uuids_have_version_and_variant),
		cmocka_unit_test(uuids_can_be_made_in_order),
		cmocka_unit_test(time_is_written_as_iso_8601),
		cmocka_unit_test(an_arena_is_bounded_and_aligned),
		cmocka_unit_test(a_log_line_cannot_forge_another),
		cmocka_unit_test(a_log_may_go_to_a_function),
		cmocka_unit_test(metrics_sum_over_sets),
		cmocka_unit_test(lists_survive_removal_while_walking),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
