/* engineio_gzip_test.c - proves that a poll's payload is compressed where the client takes gzip and
 * the payload is long enough, and is the same payload. */
#include "conn/engineio_test.h"

#include <zlib.h>

enum { LONG = 3000 };

static void unpack(const struct client *c, char out[LONG + 100])
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)c->body, .avail_in = (uInt)c->body_len};
	assert_int_equal(inflateInit2(&z, 16 + 15), Z_OK);
	z.next_out = (Bytef *)out;
	z.avail_out = LONG + 99;
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	out[z.total_out] = '\0';
	inflateEnd(&z);
}

/* Has `text` echoed to a poll that says what it takes. */
static struct client *echo(struct world *w, const char *text, const char *accept)
{
	struct client *c = world_shake(w, "");
	client_post(w, c, text);
	client_expect(w, c, 200, "ok");
	client_ask(w, c, "GET", query_of(w, "polling"), accept, pl_slice(NULL, 0));
	client_expect(w, c, 200, NULL);
	return c;
}

static void long_payloads_are_compressed(void **state)
{
	struct pl_eio_options o = world_options();
	struct world w;
	char text[LONG + 1] = "4", got[LONG + 100];
	for (int i = 1; i < LONG; i++)
		text[i] = (char)('a' + i * i % 11);
	o.compress_above = 1024;
	world_open(&w, state, o);
	struct client *c = echo(&w, text, "Accept-Encoding: gzip, deflate\r\n");
	assert_true(client_has_header(c, "Content-Encoding: gzip"));
	assert_true(client_has_header(c, "Vary: Accept-Encoding"));
	assert_true(c->body_len < LONG / 2);
	unpack(c, got);
	assert_string_equal(got, text);
	/* Not for who does not say so, and not if it is short. */
	c = echo(&w, text, "");
	assert_false(client_has_header(c, "Content-Encoding: gzip"));
	assert_string_equal(c->body, text);
	c = echo(&w, "4short", "Accept-Encoding: gzip\r\n");
	assert_false(client_has_header(c, "Content-Encoding: gzip"));
	assert_string_equal(c->body, "4short");
	world_close(&w);
}

static void it_may_be_off(void **state)
{
	struct world w;
	char text[LONG + 1] = "4";
	memset(text + 1, 'x', LONG - 1);
	world_open(&w, state, world_options());
	struct client *c = echo(&w, text, "Accept-Encoding: gzip\r\n");
	assert_false(client_has_header(c, "Content-Encoding: gzip"));
	assert_string_equal(c->body, text);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TESTS(long_payloads_are_compressed),
		WORLD_TESTS(it_may_be_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
