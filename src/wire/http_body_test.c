/*
 * http_body_test.c - proves that a body ends where RFC 9112 (6.3, 7.1) says, that every other
 * framing is refused, that the work around the content is bounded, and that pieces do not matter.
 */
#include "wire/http.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

enum { MAX = 4096 };

static const struct pl_http_head chunked = {.minor = 1, .is_chunked = true};

/* 0, PL_EAGAIN, or the status to answer; what was decoded is in out. */
static int decode(const struct pl_http_head *h, struct pl_slice in, size_t step, size_t *used,
		  struct pl_buf *out)
{
	struct pl_http_body b;
	size_t at = 0, n = 0;
	pl_buf_clear(out);
	int err = pl_http_body_init(&b, h, MAX);
	if (!err)
		err = pl_http_body_read(&b, pl_slice(in.at, 0), &n, out);
	while (err == PL_EAGAIN && at < in.len) {
		size_t piece = in.len - at < step ? in.len - at : step;
		err = pl_http_body_read(&b, pl_slice(in.at + at, piece), &n, out);
		if (!err || err == PL_EAGAIN)
			at += n;
	}
	*used = at;
	if (err && err != PL_EAGAIN) {
		size_t again;
		struct pl_slice span;
		assert_int_equal(err, b.status == 413 ? PL_ETOOBIG : PL_EPROTO);
		/* An error is the end, whatever follows. */
		assert_int_equal(pl_http_body_feed(&b, PL_S("0\r\n\r\n"), &again, &span), err);
		return b.status;
	}
	assert_int_equal(pl_http_body_is_done(&b), !err);
	return err;
}

static int run(struct pl_slice in, struct pl_slice content, size_t left)
{
	struct pl_buf out;
	size_t used;
	int first = 0;
	pl_buf_init(&out, MAX);
	for (size_t step = in.len ? in.len : 1; step; step /= 2) {
		int err = decode(&chunked, in, step, &used, &out);
		if (step < in.len)
			assert_int_equal(err, first);
		first = err;
		if (err)
			continue;
		assert_true(pl_slice_eq(pl_buf_slice(&out), content));
		assert_int_equal(used, in.len - left);
	}
	pl_buf_fini(&out);
	return first;
}

static void chunks_are_joined(void **state)
{
	(void)state;
	assert_int_equal(
		run(PL_S("4\r\nWiki\r\n6\r\npedia \r\nE\r\nin \r\n\r\nchunks.\r\n0\r\n\r\nGET"),
		    PL_S("Wikipedia in \r\n\r\nchunks."), 3),
		0);
	assert_int_equal(run(PL_S("0\r\n\r\n"), PL_S(""), 0), 0);
	assert_int_equal(run(PL_S("000\r\n\r\n"), PL_S(""), 0), 0);
	assert_int_equal(run(PL_S("a\r\n0123456789\r\n00A;x=\"y\"\r\n0123456789\r\n0\r\n\r\n"),
			     PL_S("01234567890123456789"), 0),
			 0);
	assert_int_equal(run(PL_S("1 \t;a;b\r\nx\r\n0;z\r\nA: b\r\nC:\r\n\r\n."), PL_S("x"), 1), 0);
	assert_int_equal(run(PL_S("1;\xff\r\nx\r\n0\r\nA: \xff\r\n\r\n"), PL_S("x"), 0), 0);
	assert_int_equal(run(PL_S("3\r\nab"), PL_S(""), 0), PL_EAGAIN);
	assert_int_equal(run(PL_S("1\r\na\r\n0\r\n\r"), PL_S(""), 0), PL_EAGAIN);
	assert_int_equal(run(PL_S(""), PL_S(""), 0), PL_EAGAIN);
}

static void chunk_sizes_are_hex_digits(void **state)
{
	static const struct {
		const char *text;
		int status; /* PL_EAGAIN: good, waits for the data */
	} rows[] = {
		{"1000\r\n", PL_EAGAIN},
		{"0000000000001000\r\n", PL_EAGAIN},
		{"fFf\r\n", PL_EAGAIN},
		{"1001\r\n", 413},
		{"7fffffff\r\n", 413},
		{"80000000\r\n", 413},
		{"ffffffff\r\n", 413},
		{"100000000\r\n", 413},
		{"100000001\r\n", 413},
		{"7fffffffffffffff\r\n", 413},
		{"8000000000000000\r\n", 413},
		{"ffffffffffffffff\r\n", 413},
		{"fffffffffffffffe\r\n", 413},
		{"10000000000000000\r\n", 400},
		{"10000000000000001\r\n", 400},
		{"00000000000000001\r\n", 400},
		{"fffffffffffffffffffffffff\r\n", 400},
		{"\r\n", 400},
		{";a\r\n", 400},
		{" 1\r\n", 400},
		{"1 \r\n", 400},
		{"1 1\r\n", 400},
		{"+1\r\n", 400},
		{"-1\r\n", 400},
		{"0x1\r\n", 400},
		{"1h\r\n", 400},
		{"g\r\n", 400},
		{"1,1\r\n", 400},
		{"1_0\r\n", 400},
		{"\xd9\xa1\r\n", 400},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(run(pl_slice_str(rows[i].text), PL_S(""), 0), rows[i].status);
	/* The sum with what came before must not overflow either. */
	assert_int_equal(run(PL_S("1\r\nx\r\nffffffffffffffff\r\n"), PL_S(""), 0), 413);
	assert_int_equal(run(PL_S("2\r\nxy\r\nfffffffffffffffe\r\n"), PL_S(""), 0), 413);
	assert_int_equal(run(PL_S("1\r\nx\r\n1000\r\n"), PL_S(""), 0), 413);
}

static void other_framing_is_refused(void **state)
{
	static const struct pl_slice bad[] = {
		PL_S("1\nx\r\n0\r\n\r\n"),  PL_S("1\r\nx\n0\r\n\r\n"),
		PL_S("1\r\nx\r\n0\n\r\n"),  PL_S("1\r\nx\r\n0\r\n\n"),
		PL_S("1\rx\r\n"),           PL_S("1\r\nxy\r\n"),
		PL_S("1\r\nx0\r\n"),        PL_S("1\r\nx\r0\r\n"),
		PL_S("1;a\nx\r\n"),         PL_S("1;a=\"\n\"\r\nx\r\n"),
		PL_S("1;a\rb\r\nx\r\n"),    PL_S("1;a\0\r\nx\r\n"),
		PL_S("1;\x7f\r\nx\r\n"),    PL_S("1\t\r\nx\r\n"),
		PL_S("1\0\r\nx\r\n"),       PL_S("0\r\nA\r\n\r\n"),
		PL_S("0\r\n: b\r\n\r\n"),   PL_S("0\r\nA : b\r\n\r\n"),
		PL_S("0\r\n A: b\r\n\r\n"), PL_S("0\r\nA: b\r\n c\r\n\r\n"),
		PL_S("0\r\nA: b\n\r\n"),    PL_S("0\r\nA: b\rc\r\n\r\n"),
		PL_S("0\r\nA: \0\r\n\r\n"), PL_S("0\r\nA: \x01\r\n\r\n"),
		PL_S("0\r\n\rx"),           PL_S("0\r\r\n\r\n"),
	};
	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(run(bad[i], PL_S(""), 0), 400);
}

static char text[65536];

static size_t ext_chunks(unsigned chunks, unsigned ext)
{
	size_t n = 0;
	for (unsigned i = 0; i < chunks; i++) {
		n += (size_t)snprintf(text + n, sizeof(text) - n, "9;");
		memset(text + n, 'e', ext);
		n += ext;
		n += (size_t)snprintf(text + n, sizeof(text) - n, "\r\n123456789\r\n");
	}
	return n;
}

static void extensions_and_trailers_are_bounded(void **state)
{
	(void)state;
	assert_int_equal(run(pl_slice(text, ext_chunks(4, 256)), PL_S(""), 0), PL_EAGAIN);
	assert_int_equal(run(pl_slice(text, ext_chunks(1, 257)), PL_S(""), 0), 400);
	assert_int_equal(run(pl_slice(text, ext_chunks(5, 256)), PL_S(""), 0), 400);
	assert_int_equal(run(pl_slice(text, ext_chunks(4, 255)), PL_S(""), 0), PL_EAGAIN);
	memset(text, ' ', sizeof(text));
	text[0] = '1'; /* spaces before the ';' are no way around */
	assert_int_equal(run(pl_slice(text, 1000), PL_S(""), 0), 400);
	/* The trailer part, with its final CRLF: exactly 1 KiB. */
	size_t n = (size_t)snprintf(text, sizeof(text), "0\r\nA:%01018d\r\n\r\n", 0);
	assert_int_equal(n, 3 + 1024);
	assert_int_equal(run(pl_slice(text, n), PL_S(""), 0), 0);
	n = (size_t)snprintf(text, sizeof(text), "0\r\nA:%01019d\r\n\r\n", 0);
	assert_int_equal(run(pl_slice(text, n), PL_S(""), 0), 400);
}

static size_t chunks_of(unsigned size, unsigned chunks)
{
	size_t n = 0;
	for (unsigned i = 0; i < chunks; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%x\r\n%0*d\r\n", size, (int)size,
				      0);
	return n;
}

static void a_body_of_crumbs_is_refused(void **state)
{
	struct pl_http_body b;
	struct pl_buf out;
	size_t used;
	(void)state;
	pl_buf_init(&out, sizeof(text));
	assert_int_equal(run(pl_slice(text, chunks_of(1, 1024)), PL_S(""), 0), PL_EAGAIN);
	assert_int_equal(run(pl_slice(text, chunks_of(1, 1025)), PL_S(""), 0), 400);
	assert_int_equal(pl_http_body_init(&b, &chunked, sizeof(text)), 0);
	assert_int_equal(pl_http_body_read(&b, pl_slice(text, chunks_of(7, 1025)), &used, &out),
			 PL_EPROTO);
	assert_int_equal(pl_http_body_init(&b, &chunked, sizeof(text)), 0);
	pl_buf_clear(&out);
	assert_int_equal(pl_http_body_read(&b, pl_slice(text, chunks_of(8, 3000)), &used, &out),
			 PL_EAGAIN);
	assert_int_equal(out.len, 24000);
	pl_buf_fini(&out);
}

static void a_length_is_counted(void **state)
{
	struct pl_http_head h = {.minor = 1, .has_length = true, .content_length = 5};
	struct pl_buf out;
	size_t used = 0;
	(void)state;
	pl_buf_init(&out, MAX);
	for (size_t step = 1; step < 9; step++) {
		assert_int_equal(decode(&h, PL_S("hello, GET"), step, &used, &out), 0);
		assert_true(pl_slice_is(pl_buf_slice(&out), "hello"));
		assert_int_equal(used, 5);
		assert_int_equal(decode(&h, PL_S("hell"), step, &used, &out), PL_EAGAIN);
	}
	h.content_length = 0;
	assert_int_equal(decode(&h, PL_S("GET"), 3, &used, &out), 0);
	assert_int_equal(used, 0);
	h.has_length = false;
	assert_int_equal(decode(&h, PL_S("GET"), 3, &used, &out), 0);
	h = (struct pl_http_head){.minor = 1, .has_length = true, .content_length = MAX};
	assert_int_equal(decode(&h, PL_S("x"), 1, &used, &out), PL_EAGAIN);
	h.content_length = MAX + 1;
	assert_int_equal(decode(&h, PL_S("x"), 1, &used, &out), 413);
	h.content_length = PL_HTTP_MAX_LENGTH;
	assert_int_equal(decode(&h, PL_S("x"), 1, &used, &out), 413);
	pl_buf_fini(&out);
}

static void chunks_add_up_to_the_limit(void **state)
{
	size_t n = 0;
	(void)state;
	for (int i = 0; i < 4; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "400\r\n%01024d\r\n", 0);
	size_t full = n + (size_t)snprintf(text + n, sizeof(text) - n, "0\r\n\r\n");
	struct pl_buf out;
	size_t used;
	pl_buf_init(&out, MAX);
	assert_int_equal(decode(&chunked, pl_slice(text, full), 7, &used, &out), 0);
	assert_int_equal(out.len, MAX);
	(void)snprintf(text + n, sizeof(text) - n, "1\r\n");
	/* Refused by its size, before a byte of it came. */
	assert_int_equal(decode(&chunked, pl_slice(text, n + 3), 7, &used, &out), 413);
	pl_buf_fini(&out);
}

static void no_memory_is_an_error(void **state)
{
	struct pl_http_body b;
	struct pl_buf out;
	size_t used = 77;
	(void)state;
	pl_buf_init(&out, MAX);
	assert_int_equal(pl_http_body_init(&b, &chunked, MAX), 0);
	pl_mem_fail_at(1, false);
	int err = pl_http_body_read(&b, PL_S("3\r\nabc\r\n0\r\n\r\n"), &used, &out);
	pl_mem_fail_at(0, false);
	assert_int_equal(err, PL_ENOMEM);
	assert_int_equal(used, 77);
	pl_buf_fini(&out);
	pl_buf_init(&out, 2);
	assert_int_equal(pl_http_body_init(&b, &chunked, MAX), 0);
	assert_int_equal(pl_http_body_read(&b, PL_S("3\r\nabc\r\n0\r\n\r\n"), &used, &out),
			 PL_ETOOBIG);
	pl_buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chunks_are_joined),
		cmocka_unit_test(chunk_sizes_are_hex_digits),
		cmocka_unit_test(other_framing_is_refused),
		cmocka_unit_test(extensions_and_trailers_are_bounded),
		cmocka_unit_test(a_body_of_crumbs_is_refused),
		cmocka_unit_test(a_length_is_counted),
		cmocka_unit_test(chunks_add_up_to_the_limit),
		cmocka_unit_test(no_memory_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
