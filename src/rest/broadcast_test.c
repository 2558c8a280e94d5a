/*
 * Proves that an event reaches whoever emits it as it was given, that nobody without the admin key
 * sends one unless an option says so, and that what cannot be an event is refused with a reason.
 */
#include "rest/testing.h"

#define AS_JSON "Content-Type: application/json\r\n"

/* Stands where Socket.IO would. */
struct emitter {
	char event[128], data[2048];
	unsigned calls;
	int err;
};

static struct emitter emitter;

static int emit(void *ctx, struct pl_slice event, const struct pl_json *data)
{
	struct pl_slice raw = data ? data->raw : PL_S("(none)");
	assert_non_null(ctx);
	emitter.calls++;
	assert_true(event.len < sizeof(emitter.event) && raw.len < sizeof(emitter.data));
	memcpy(emitter.event, event.at, event.len);
	memcpy(emitter.data, raw.at, raw.len);
	emitter.event[event.len] = emitter.data[raw.len] = '\0';
	return emitter.err;
}

struct desk {
	struct rig *rig;
	struct pl_json_parser *parser;
};

static struct desk desk_open(void)
{
	struct desk d = {.rig = rig_new()};
	emitter = (struct emitter){.calls = 0};
	assert_int_equal(pl_json_parser_new(1 << 16, &d.parser), 0);
	d.rig->posts[0].rest.bodies = d.parser;
	d.rig->shared.broadcast = emit;
	return d;
}

static void desk_close(struct desk *d)
{
	rig_free(d->rig);
	pl_json_parser_free(d->parser);
}

static void tell_from(struct desk *d, const struct pl_ip *from, const char *headers,
		      const char *body, struct heard *h)
{
	struct post *p = &d->rig->posts[0];
	char text[8192];
	int pair[2];
	int n = snprintf(
		text, sizeof(text),
		"POST /ws/broadcast HTTP/1.1\r\nHost: x\r\n%sContent-Length: %zu\r\n\r\n%s",
		headers, strlen(body), body);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
			 0);
	pl_conns_accept(p->conns, pair[0], from, &p->router, NULL);
	assert_int_equal(write(pair[1], text, (size_t)n), n);
	hear(d->rig, 0, pair[1], false, h);
	close(pair[1]);
	pl_loop_turn(p->loop, 0);
}

static unsigned tell(struct desk *d, const char *headers, const char *body)
{
	static const struct pl_ip local;
	struct heard h;
	tell_from(d, &local, headers, body, &h);
	unsigned status = h.head.status;
	assert_header(&h, "Cache-Control", "no-store");
	assert_header(&h, "X-Content-Type-Options", "nosniff");
	pl_buf_fini(&h.text);
	return status;
}

static void test_is_emitted(void **state)
{
	static const struct {
		const char *body, *event, *data;
	} rows[] = {
		{"{\"event\":\"news\",\"data\":{\"a\":[1,\"\xc3\xa4\"]}}", "news",
		 "{\"a\":[1,\"\xc3\xa4\"]}"},
		{"{\"data\":7,\"event\":\"n\"}", "n", "7"},
		{"{\"event\":\"n\",\"data\":null}", "n", "null"},
		{"{\"event\":\"n\"}", "n", "(none)"},
	};
	struct desk d = desk_open();
	struct heard h;
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		static const struct pl_ip local;
		tell_from(&d, &local, WITH_KEY AS_JSON, rows[i].body, &h);
		assert_int_equal(h.head.status, 200);
		assert_true(pl_slice_is(h.body, "{\"success\":true}\n"));
		assert_header(&h, "Content-Type", "application/json; charset=utf-8");
		assert_string_equal(emitter.event, rows[i].event);
		assert_string_equal(emitter.data, rows[i].data);
		assert_int_equal(emitter.calls, i + 1);
		pl_buf_fini(&h.text);
	}
	desk_close(&d);
}

static void test_needs_the_key(void **state)
{
	static const char event[] = "{\"event\":\"n\",\"data\":1}";
	struct desk d = desk_open();
	(void)state;
	assert_int_equal(tell(&d, AS_JSON, event), 401);
	assert_int_equal(tell(&d, "Authorization: Bearer wrong\r\n" AS_JSON, event), 401);
	assert_int_equal(emitter.calls, 0);
	d.rig->posts[0].rest.is_open = true;
	assert_int_equal(tell(&d, AS_JSON, event), 200);
	assert_int_equal(emitter.calls, 1);
	desk_close(&d);
}

static void test_what_is_no_event(void **state)
{
	static const char *const bodies[] = {
		"",
		"not json",
		"[]",
		"\"news\"",
		"{}",
		"{\"data\":1}",
		"{\"event\":\"\",\"data\":1}",
		"{\"event\":7,\"data\":1}",
		"{\"event\":\"a\",\"event\":\"b\"}",
		"{\"event\":\"n\",\"data\":1",
	};
	struct desk d = desk_open();
	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++)
		assert_int_equal(tell(&d, WITH_KEY AS_JSON, bodies[i]), 400);
	/* What a page of another site can send unasked. */
	assert_int_equal(tell(&d, WITH_KEY "Content-Type: text/plain\r\n", "{\"event\":\"n\"}"),
			 415);
	assert_int_equal(tell(&d, WITH_KEY, "{\"event\":\"n\"}"), 415);
	assert_int_equal(emitter.calls, 0);
	desk_close(&d);
}

static void test_what_the_emitter_refuses(void **state)
{
	static const struct {
		int err;
		unsigned status;
	} rows[] = {{PL_EINVAL, 400}, {PL_ETOOBIG, 413}, {PL_ENOMEM, 503}};
	struct desk d = desk_open();
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		emitter.err = rows[i].err;
		assert_int_equal(tell(&d, WITH_KEY AS_JSON, "{\"event\":\"disconnect\"}"),
				 rows[i].status);
	}
	d.rig->shared.broadcast = NULL;
	assert_int_equal(tell(&d, WITH_KEY AS_JSON, "{\"event\":\"n\"}"), 404);
	desk_close(&d);
}

/* The rig takes bodies of 1,024 bytes. */
static void test_size(void **state)
{
	char body[1100];
	struct desk d = desk_open();
	(void)state;
	memset(body, 'x', sizeof(body));
	memcpy(body, "{\"event\":\"n\",\"data\":\"", 21);
	memcpy(body + 1022, "\"}", 3);
	assert_int_equal(tell(&d, WITH_KEY AS_JSON, body), 200);
	memcpy(body + 1022, "xx\"}", 5);
	struct heard h;
	static const struct pl_ip local;
	tell_from(&d, &local, WITH_KEY AS_JSON, body, &h);
	assert_int_equal(h.head.status, 413);
	pl_buf_fini(&h.text);
	assert_int_equal(emitter.calls, 1);
	desk_close(&d);
}

static void test_pages(void **state)
{
	static const char event[] = "{\"event\":\"n\"}";
	static const struct pl_ip local;
	struct desk d = desk_open();
	struct heard h;
	(void)state;
	tell_from(&d, &local, WITH_KEY AS_JSON "Origin: http://x:5173\r\n", event, &h);
	assert_int_equal(h.head.status, 200);
	assert_header(&h, "Access-Control-Allow-Origin", "http://x:5173");
	pl_buf_fini(&h.text);
	assert_int_equal(tell(&d, WITH_KEY AS_JSON "Origin: http://evil.example\r\n", event), 403);
	assert_int_equal(emitter.calls, 1);
	/* What a browser asks before it asks. */
	int fd = call(d.rig, 0);
	say(fd, "OPTIONS", "/ws/broadcast",
	    "Origin: http://x:5173\r\nAccess-Control-Request-Method: POST\r\n");
	hear(d.rig, 0, fd, false, &h);
	assert_int_equal(h.head.status, 204);
	assert_header(&h, "Access-Control-Allow-Origin", "http://x:5173");
	assert_header(&h, "Access-Control-Allow-Headers", "Content-Type, Authorization");
	pl_buf_fini(&h.text);
	close(fd);
	desk_close(&d);
}

/* Where it is open, an address may not flood everybody; who has the key may. */
static void test_rate(void **state)
{
	static const struct pl_ip from = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1}};
	struct pl_rate rates[PL_LIMIT__COUNT] = {[PL_LIMIT_REQUESTS] = {1, 2}};
	struct desk d = desk_open();
	unsigned refused = 0;
	(void)state;
	pl_limits_fini(&d.rig->limits);
	assert_int_equal(pl_limits_init(&d.rig->limits, rates), 0);
	d.rig->posts[0].rest.is_open = true;
	for (int i = 0; i < 6; i++) {
		struct heard h;
		tell_from(&d, &from, i < 3 ? AS_JSON : WITH_KEY AS_JSON, "{\"event\":\"n\"}", &h);
		refused += h.head.status == 429;
		if (h.head.status == 429)
			assert_true(pl_http_header(&h.head.head, "Retry-After").len > 0);
		pl_buf_fini(&h.text);
	}
	assert_int_equal(refused, 1);
	assert_int_equal(emitter.calls, 5);
	desk_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_is_emitted),
		cmocka_unit_test(test_needs_the_key),
		cmocka_unit_test(test_what_is_no_event),
		cmocka_unit_test(test_what_the_emitter_refuses),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_rate),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
