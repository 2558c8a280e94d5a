/* gzip_test.c - proves that what the compressor makes is a gzip file of the body (zlib reads it,
 * and its first bytes are those of RFC 1952), that it is shorter or not made, and that no
 * allocation has to succeed. */
#include "wire/gzip.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <zlib.h>

static struct pl_gzipper *gzipper(void)
{
	struct pl_deflate_options o = pl_deflate_defaults();
	struct pl_gzipper *g;
	assert_int_equal(pl_gzipper_new(&o, &g), 0);
	return g;
}

static void expect(struct pl_slice packed, struct pl_slice body)
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)packed.at, .avail_in = (uInt)packed.len};
	char *out = malloc(body.len + 1);
	assert_true(packed.len > 18 && packed.len < body.len);
	assert_memory_equal(packed.at, "\x1f\x8b\x08", 3);
	assert_int_equal(inflateInit2(&z, 16 + 15), Z_OK); /* a gzip file and nothing else */
	z.next_out = (Bytef *)out;
	z.avail_out = (uInt)body.len + 1;
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.avail_in, 0);
	assert_int_equal(z.total_out, body.len);
	assert_memory_equal(out, body.at, body.len);
	inflateEnd(&z);
	free(out);
}

/* Half of it can be foretold. */
static char *text_of(size_t n)
{
	char *text = malloc(n);
	uint32_t seed = 1;
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1103515245 + 12345;
		text[i] = i % 2 ? 'a' : (char)('a' + (seed >> 16) % 16);
	}
	return text;
}

static void bodies_become_gzip_files(void **state)
{
	static const size_t sizes[] = {300, 1024, 5000, 65536, 3000000};
	struct pl_gzipper *g = gzipper();
	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		char *text = text_of(sizes[i]);
		struct pl_slice body = pl_slice(text, sizes[i]), packed;
		/* The second knows nothing of the first. */
		for (int twice = 0; twice < 2; twice++) {
			assert_int_equal(pl_gzip(g, body, &packed), 1);
			expect(packed, body);
		}
		free(text);
	}
	pl_gzipper_free(g);
}

static void what_gets_no_shorter_stays(void **state)
{
	struct pl_gzipper *g = gzipper();
	struct pl_slice out = PL_S("untouched");
	char noise[4096];
	uint32_t seed = 7;
	(void)state;
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (char)((seed = seed * 1103515245 + 12345) >> 23);
	for (size_t n = 0; n < sizeof(noise); n += n < 40 ? 1 : 500)
		assert_int_equal(pl_gzip(g, pl_slice(noise, n), &out), 0);
	assert_int_equal(pl_gzip(g, PL_S("aaaaaaaaaaaaaaaaa"), &out), 0);
	assert_true(pl_slice_is(out, "untouched"));
	pl_gzipper_free(g);
}

static void options_are_checked(void **state)
{
	static const struct pl_deflate_options bad[] = {
		{.level = 1, .window_bits = 8, .mem_level = 5},
		{.level = 1, .window_bits = 16, .mem_level = 5},
		{.level = 1, .window_bits = -5, .mem_level = 5},
		{.level = 10, .window_bits = 12, .mem_level = 5},
		{.level = 1, .window_bits = 12, .mem_level = 10},
	};
	struct pl_gzipper *g;
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(pl_gzipper_new(&bad[i], &g), PL_EINVAL);
	pl_gzipper_free(NULL);
}

static bool once(unsigned long n)
{
	struct pl_deflate_options o = pl_deflate_defaults();
	struct pl_gzipper *g = NULL;
	char *text = text_of(5000);
	struct pl_slice packed;
	pl_mem_fail_at(n, false);
	int err = pl_gzipper_new(&o, &g);
	if (!err)
		err = pl_gzip(g, pl_slice(text, 5000), &packed);
	bool has_failed = pl_mem_count() >= n;
	pl_mem_fail_at(0, false);
	assert_int_equal(err, has_failed ? PL_ENOMEM : 1);
	if (g) { /* as good as before */
		assert_int_equal(pl_gzip(g, pl_slice(text, 5000), &packed), 1);
		expect(packed, pl_slice(text, 5000));
	}
	pl_gzipper_free(g);
	free(text);
	return has_failed;
}

static void every_allocation_may_fail(void **state)
{
	unsigned long n = 1;
	(void)state;
	while (once(n))
		n++;
	assert_in_range(n, 3, 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies_become_gzip_files),
		cmocka_unit_test(what_gets_no_shorter_stays),
		cmocka_unit_test(options_are_checked),
		cmocka_unit_test(every_allocation_may_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
