/* gzip_answer_test.c - proves which answers are compressed: those that say from which size on, of a
 * type that packs, for who takes gzip; and that caches are told. By each engine, with and without
 * TLS. */
#include "conn/line_test.h"

#include <zlib.h>

enum { LENGTH = 20000 };

struct house {
	struct line line; /* first: it is the endpoint's ctx */
	struct pl_http_reply reply;
	char body[LENGTH];
};

static void on_request(struct pl_conn *c, const struct pl_request *q)
{
	struct house *h = pl_conn_ctx(c);
	struct pl_http_reply reply = h->reply;
	(void)q;
	pl_conn_respond(c, &reply);
}

static void open_house(struct house *h, void **state)
{
	memset(h, 0, sizeof(*h));
	line_open(&h->line, state, line_options());
	h->line.endpoint.on_request = on_request;
	for (size_t i = 0; i < LENGTH; i++)
		h->body[i] = (char)('a' + i * i % 23);
	h->reply = (struct pl_http_reply){.status = 200,
					  .type = PL_S("text/plain; charset=UTF-8"),
					  .body = pl_slice(h->body, LENGTH),
					  .compress_above = 1024};
}

/* The next answer's head in `head`; its body, if there is one, is taken off too. */
static struct pl_slice ask(struct house *h, const char *method, const char *accept, char head[1024])
{
	static char body[LENGTH];
	struct line *l = &h->line;
	char text[256];
	snprintf(text, sizeof(text), "%s / HTTP/1.1\r\nHost: h\r\n%s%s\r\n", method,
		 accept ? accept : "", accept ? "\r\n" : "");
	pl_buf_clear(&l->got);
	line_put(l, text);
	LINE_UNTIL(l, line_heard(l, "\r\n\r\n"));
	char *end = memmem(l->got.at, l->got.len, "\r\n\r\n", 4);
	size_t n = (size_t)(end - l->got.at);
	snprintf(head, 1024, "%.*s\r\n", (int)n, l->got.at);
	const char *length = strstr(head, "\r\nContent-Length: ");
	size_t want = length && strcmp(method, "HEAD") != 0 ? strtoul(length + 18, NULL, 10) : 0;
	LINE_UNTIL(l, l->got.len >= n + 4 + want);
	assert_int_equal(l->got.len, n + 4 + want);
	assert_true(want <= LENGTH);
	memcpy(body, end + 4, want);
	return pl_slice(body, want);
}

static void expect_packed(const struct house *h, const char *head, struct pl_slice packed)
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)packed.at, .avail_in = (uInt)packed.len};
	static char out[LENGTH + 1];
	assert_non_null(strstr(head, "\r\nContent-Encoding: gzip\r\n"));
	assert_true(packed.len < h->reply.body.len);
	assert_int_equal(inflateInit2(&z, 16 + 15), Z_OK);
	z.next_out = (Bytef *)out;
	z.avail_out = sizeof(out);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.total_out, h->reply.body.len);
	assert_memory_equal(out, h->reply.body.at, h->reply.body.len);
	inflateEnd(&z);
}

static void expect_plain(const struct house *h, const char *head, struct pl_slice body)
{
	assert_null(strstr(head, "Content-Encoding"));
	assert_int_equal(body.len, h->reply.body.len);
	assert_memory_equal(body.at, h->reply.body.at, body.len);
}

static bool varies(const char *head)
{
	return strstr(head, "\r\nVary: Accept-Encoding\r\n") != NULL;
}

static void who_takes_gzip_gets_it(void **state)
{
	struct house h;
	char head[1024];
	open_house(&h, state);
	struct pl_slice body = ask(&h, "GET", "Accept-Encoding: gzip, deflate", head);
	expect_packed(&h, head, body);
	assert_true(varies(head));
	body = ask(&h, "GET", NULL, head); /* the same line: each request says it anew */
	expect_plain(&h, head, body);
	assert_true(varies(head));
	body = ask(&h, "GET", "Accept-Encoding: gzip;q=0, br", head);
	expect_plain(&h, head, body);
	body = ask(&h, "POST", "Accept-Encoding: *", head);
	expect_packed(&h, head, body);
	line_close(&h.line);
}

static void head_is_told_what_get_would_be(void **state)
{
	struct house h;
	char head[1024], of_get[1024];
	open_house(&h, state);
	struct pl_slice body = ask(&h, "GET", "Accept-Encoding: gzip", of_get);
	char want[64];
	snprintf(want, sizeof(want), "\r\nContent-Length: %zu\r\n", body.len);
	assert_int_equal(ask(&h, "HEAD", "Accept-Encoding: gzip", head).len, 0);
	assert_non_null(strstr(head, want));
	assert_non_null(strstr(head, "\r\nContent-Encoding: gzip\r\n"));
	line_close(&h.line);
}

static void the_size_and_the_kind_decide(void **state)
{
	static const struct {
		unsigned status;
		size_t length;
		uint32_t above;
		const char *type;
		bool is_packed, varies;
	} cases[] = {
		{200, 1024, 1024, "text/plain", true, true},
		{200, 1023, 1024, "text/plain", false, false},
		{200, LENGTH, 0, "text/plain", false, false},
		{200, LENGTH, 1, "application/json", true, true},
		{200, LENGTH, 1, "image/png", false, false},
		{200, LENGTH, 1, "application/octet-stream", false, false},
		{200, LENGTH, 1, NULL, false, false},
		{206, LENGTH, 1, "text/plain", false, false}, /* its bytes were counted */
		{400, LENGTH, 1, "text/plain", true, true},
		{200, 3, 1, "text/plain", false, true}, /* would be longer */
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct house h;
		char head[1024];
		open_house(&h, state);
		h.reply.status = cases[i].status;
		h.reply.body.len = cases[i].length;
		h.reply.compress_above = cases[i].above;
		h.reply.type = pl_slice_str(cases[i].type);
		struct pl_slice body = ask(&h, "GET", "Accept-Encoding: gzip", head);
		if (cases[i].is_packed)
			expect_packed(&h, head, body);
		else
			expect_plain(&h, head, body);
		assert_int_equal(varies(head), cases[i].varies);
		line_close(&h.line);
	}
}

static void what_is_packed_already_stays_so(void **state)
{
	struct house h;
	char head[1024];
	open_house(&h, state);
	h.reply.encoding = PL_S("br");
	struct pl_slice body = ask(&h, "GET", "Accept-Encoding: gzip, br", head);
	assert_non_null(strstr(head, "\r\nContent-Encoding: br\r\n"));
	assert_int_equal(body.len, LENGTH);
	assert_memory_equal(body.at, h.body, LENGTH);
	line_close(&h.line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ALL_WAYS(who_takes_gzip_gets_it),
		ALL_WAYS(head_is_told_what_get_would_be),
		ALL_WAYS(the_size_and_the_kind_decide),
		ALL_WAYS(what_is_packed_already_stays_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
