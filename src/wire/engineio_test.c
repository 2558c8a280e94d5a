/*
 * engineio_test.c - proves that packets and payloads are those of Engine.IO protocol 4, that a
 * payload is read in one pass and no further than its limit, and that queries cannot confuse.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "wire/engineio.h"

#include <stdlib.h>
#include <time.h>

#define COUNT(a)        (sizeof(a) / sizeof(*(a)))
#define is(slice, text) assert_true(pl_slice_is((slice), (text)))

static void frames(void **state)
{
	static const struct {
		const char *text, *data;
		enum pl_eio_type type;
	} rows[] = {
		{"0{\"sid\":\"x\"}", "{\"sid\":\"x\"}", PL_EIO_OPEN},
		{"1", "", PL_EIO_CLOSE},
		{"2", "", PL_EIO_PING},
		{"2probe", "probe", PL_EIO_PING},
		{"3probe", "probe", PL_EIO_PONG},
		{"4", "", PL_EIO_MESSAGE},
		{"42[\"hello\"]", "2[\"hello\"]", PL_EIO_MESSAGE},
		{"5", "", PL_EIO_UPGRADE},
		{"6", "", PL_EIO_NOOP},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct pl_eio_packet p = {.is_binary = true};
		assert_int_equal(pl_eio_read(pl_slice_str(rows[i].text), &p), 0);
		assert_int_equal(p.type, rows[i].type);
		assert_false(p.is_binary);
		is(p.data, rows[i].data);
	}
}

static void what_is_no_frame(void **state)
{
	static const char *const bad[] = {"",   "7", "8x", "9",    "b",  "bAQID", "abc",
					  " 4", "/", ":",  "\xff", "-1", "\x1e"};
	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct pl_eio_packet p = {.data = PL_S("untouched")};
		assert_int_equal(pl_eio_read(pl_slice_str(bad[i]), &p), PL_EPROTO);
		is(p.data, "untouched");
	}
}

/* Reads a payload from an exact heap copy. Each packet as "digit or b, data;"; then the error. */
static int read_all(const char *payload, size_t len, struct pl_buf *out)
{
	char *copy = malloc(len ? len : 1);
	assert_non_null(copy);
	memcpy(copy, payload, len);
	struct pl_eio_payload p = {.rest = pl_slice(copy, len)};
	struct pl_eio_packet packet;
	int err;
	while (!(err = pl_eio_next(&p, &packet))) {
		pl_buf_putc(out, packet.is_binary ? 'b' : (char)('0' + packet.type));
		pl_buf_puts(out, packet.data);
		pl_buf_putc(out, ';');
	}
	assert_int_equal(pl_eio_next(&p, &packet), PL_ENOTFOUND);
	free(copy);
	return err;
}

static void expect(const char *payload, int err, const char *packets)
{
	struct pl_buf b;
	pl_buf_init(&b, 4096);
	int got = read_all(payload, strlen(payload), &b);
	if (got != err || !pl_slice_is(pl_buf_slice(&b), packets))
		fail_msg("'%s' is %d '%.*s'", payload, got, PL_FMT(pl_buf_slice(&b)));
	pl_buf_fini(&b);
}

static void payloads(void **state)
{
	(void)state;
	/* the examples of the protocol's text */
	expect("4hello\x1e"
	       "2\x1e"
	       "4world",
	       PL_ENOTFOUND, "4hello;2;4world;");
	expect("4hello\x1e"
	       "bAQIDBA==",
	       PL_ENOTFOUND, "4hello;b\1\2\3\4;");
	/* what a Node server said */
	expect("451-[\"b\",{\"_placeholder\":true,\"num\":0},\"x\"]\x1e"
	       "bAQID",
	       PL_ENOTFOUND, "451-[\"b\",{\"_placeholder\":true,\"num\":0},\"x\"];b\1\2\3;");
	expect("4test1\x1e"
	       "4test2\x1e"
	       "4test3",
	       PL_ENOTFOUND, "4test1;4test2;4test3;");
	expect("4\xe2\x82\xac\x1e"
	       "4",
	       PL_ENOTFOUND, "4\xe2\x82\xac;4;");
	expect("b", PL_ENOTFOUND, "b;");
	expect("b\x1e"
	       "3",
	       PL_ENOTFOUND, "b;3;");
}

static void what_is_no_payload(void **state)
{
	(void)state;
	expect("", PL_EPROTO, "");
	expect("abc", PL_EPROTO, "");
	expect("\x1e", PL_EPROTO, "");
	expect("4a\x1e", PL_EPROTO, "4a;");
	expect("\x1e"
	       "4a",
	       PL_EPROTO, "");
	expect("4a\x1e\x1e"
	       "4b",
	       PL_EPROTO, "4a;");
	expect("4a\x1e"
	       "7b\x1e"
	       "4c",
	       PL_EPROTO, "4a;");
	expect("b!!!!", PL_EPROTO, "");
	expect("bAQID\x1e"
	       "bAQI",
	       PL_EPROTO, "b\1\2\3;");
	expect("bAQIDBA=", PL_EPROTO, "");
	expect("b=", PL_EPROTO, "");
	expect("4\xff", PL_EPROTO, "");
	expect("4\xe2\x82\x1e"
	       "4\xac",
	       PL_EPROTO, "");
	expect("\xef\xbb\xbf"
	       "4a",
	       PL_EPROTO, "");
	struct pl_eio_payload nothing = {0};
	struct pl_eio_packet p;
	assert_int_equal(pl_eio_next(&nothing, &p), PL_EPROTO);
	assert_int_equal(pl_eio_next(&nothing, &p), PL_ENOTFOUND);
}

/* Bodies come in pieces, and only whole ones are read: every cut of one is an end of its own. */
static void cut_anywhere(void **state)
{
	static const char whole[] = "4ab\x1e"
				    "bAQIDBA==\x1e"
				    "2\x1e"
				    "4c";
	static const int errors[] = {PL_EPROTO, 0,         0,         0,         PL_EPROTO,
				     0,         PL_EPROTO, PL_EPROTO, PL_EPROTO, 0,
				     PL_EPROTO, PL_EPROTO, PL_EPROTO, 0,         PL_EPROTO,
				     0,         PL_EPROTO, 0,         0};
	(void)state;
	assert_int_equal(COUNT(errors), sizeof(whole));
	for (size_t n = 0; n < sizeof(whole); n++) {
		struct pl_buf b;
		pl_buf_init(&b, 4096);
		assert_int_equal(read_all(whole, n, &b), errors[n] ? errors[n] : PL_ENOTFOUND);
		pl_buf_fini(&b);
	}
}

static void ten_thousand_packets_and_no_more(void **state)
{
	enum { OVER = PL_EIO_PACKETS_MAX + 1 };
	char *text = malloc(OVER * 2);
	struct pl_eio_packet packet;
	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < OVER; i++)
		memcpy(text + i * 2, "4\x1e", 2);
	struct pl_eio_payload fits = {.rest = pl_slice(text, PL_EIO_PACKETS_MAX * 2 - 1)};
	struct pl_eio_payload over = {.rest = pl_slice(text, OVER * 2 - 1)};
	for (size_t i = 0; i < PL_EIO_PACKETS_MAX; i++) {
		assert_int_equal(pl_eio_next(&fits, &packet), 0);
		assert_int_equal(pl_eio_next(&over, &packet), 0);
	}
	assert_int_equal(pl_eio_next(&fits, &packet), PL_ENOTFOUND);
	assert_int_equal(fits.count, PL_EIO_PACKETS_MAX);
	assert_int_equal(pl_eio_next(&over, &packet), PL_ELIMIT);
	assert_int_equal(pl_eio_next(&over, &packet), PL_ENOTFOUND);
	free(text);
}

static double cpu_seconds(void)
{
	struct timespec t;
	assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t), 0);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Half a million packets in 10^6 bytes: refused, and for less than 200 ms of a core (which the
 * sanitizers of a test make much slower). */
static void a_million_bytes_of_tiny_packets(void **state)
{
	enum { BYTES = 1000000 };
	char *text = malloc(BYTES);
	struct pl_eio_packet packet;
	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < BYTES; i++)
		text[i] = i % 2 ? PL_EIO_SEPARATOR : '2';
	struct pl_eio_payload p = {.rest = pl_slice(text, BYTES)};
	double began = cpu_seconds();
	int err;
	while (!(err = pl_eio_next(&p, &packet)))
		;
	double took = cpu_seconds() - began;
	assert_int_equal(err, PL_ELIMIT);
	print_message("10^6 bytes of tiny packets: %.3f ms of CPU\n", took * 1e3);
	assert_true(took < 0.2);
	free(text);
}

static void put(struct pl_buf *b, enum pl_eio_type type, bool is_binary, struct pl_slice data)
{
	struct pl_eio_packet p = {.type = type, .is_binary = is_binary, .data = data};
	size_t before = b->len, size = pl_eio_size(&p);
	pl_eio_put(b, &p);
	assert_int_equal(b->len - before, before ? size : size - 1);
}

static void writing(void **state)
{
	struct pl_buf b;
	(void)state;
	pl_buf_init(&b, 4096);
	put(&b, PL_EIO_MESSAGE, false, PL_S("2[\"a\"]"));
	put(&b, PL_EIO_MESSAGE, true, PL_S("\1\2\3\4"));
	put(&b, PL_EIO_PING, false, PL_S(""));
	put(&b, PL_EIO_MESSAGE, true, PL_S(""));
	put(&b, PL_EIO_CLOSE, false, pl_slice(NULL, 0));
	assert_int_equal(b.err, 0);
	is(pl_buf_slice(&b), "42[\"a\"]\x1e"
			     "bAQIDBA==\x1e"
			     "2\x1e"
			     "b\x1e"
			     "1");
	pl_buf_fini(&b);
}

static void the_open_packet(void **state)
{
	struct pl_eio_hello h = {.sid = PL_S("lv_VI97HAXpY6yYWAAAC"),
				 .may_upgrade = true,
				 .ping_interval_ms = 25000,
				 .ping_timeout_ms = 20000,
				 .max_payload = 1000000};
	struct pl_buf b;
	(void)state;
	pl_buf_init(&b, 4096);
	pl_eio_put_open(&b, &h);
	is(pl_buf_slice(&b),
	   "0{\"sid\":\"lv_VI97HAXpY6yYWAAAC\",\"upgrades\":[\"websocket\"],"
	   "\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}");
	pl_buf_clear(&b);
	h.may_upgrade = false;
	pl_eio_put_open(&b, &h);
	is(pl_buf_slice(&b),
	   "0{\"sid\":\"lv_VI97HAXpY6yYWAAAC\",\"upgrades\":[],"
	   "\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}");
	pl_buf_fini(&b);
}

static void queries(void **state)
{
	static const struct {
		const char *query;
		enum pl_eio_transport transport;
		uint32_t version;
		const char *sid; /* NULL: none */
		bool is_base64, is_jsonp;
	} rows[] = {
		{"EIO=4&transport=polling", PL_EIO_POLLING, 4, NULL, false, false},
		{"EIO=4&transport=websocket", PL_EIO_WEBSOCKET, 4, NULL, false, false},
		{"transport=polling&t=abc&EIO=4&sid=lv_VI97HAXpY6yYWAAAC", PL_EIO_POLLING, 4,
		 "lv_VI97HAXpY6yYWAAAC", false, false},
		{"EIO=4&transport=websocket&b64=1", PL_EIO_WEBSOCKET, 4, NULL, true, false},
		{"EIO=4&transport=polling&j=0", PL_EIO_POLLING, 4, NULL, false, true},
		{"EIO=4&transport=polling&b64=&j", PL_EIO_POLLING, 4, NULL, false, true},
		{"", PL_EIO_NO_TRANSPORT, 3, NULL, false, false},
		{"&&=&=x&", PL_EIO_NO_TRANSPORT, 3, NULL, false, false},
		{"EIO=3&transport=polling", PL_EIO_POLLING, 3, NULL, false, false},
		{"EIO=abc&transport=abc", PL_EIO_NO_TRANSPORT, 3, NULL, false, false},
		{"EIO=04&transport=Polling", PL_EIO_NO_TRANSPORT, 3, NULL, false, false},
		{"EIO=4.0&transport=webtransport", PL_EIO_NO_TRANSPORT, 3, NULL, false, false},
		{"EIO&transport", PL_EIO_NO_TRANSPORT, 3, NULL, false, false},
		{"EIO=%34&transport=polling%00", PL_EIO_NO_TRANSPORT, 3, NULL, false, false},
		{"eio=4&Transport=polling", PL_EIO_NO_TRANSPORT, 3, NULL, false, false},
		{"EIO=4&EIO=4&transport=polling", PL_EIO_POLLING, 3, NULL, false, false},
		{"transport=polling&transport=polling&EIO=4", PL_EIO_NO_TRANSPORT, 4, NULL, false,
		 false},
		{"transport=polling&transport=polling&transport=polling", PL_EIO_NO_TRANSPORT, 3,
		 NULL, false, false},
		{"sid=a&sid=a&EIO=4&transport=polling", PL_EIO_POLLING, 4, "", false, false},
		{"sid=a&sid=b&sid=c", PL_EIO_NO_TRANSPORT, 3, "", false, false},
		{"sid=", PL_EIO_NO_TRANSPORT, 3, "", false, false},
		{"sid=a=b", PL_EIO_NO_TRANSPORT, 3, "a=b", false, false},
		{"sid[]=a&transport[toString]=polling&__proto__=x", PL_EIO_NO_TRANSPORT, 3, NULL,
		 false, false},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct pl_eio_query q;
		pl_eio_read_query(pl_slice_str(rows[i].query), &q);
		if (q.transport != rows[i].transport || q.version != rows[i].version ||
		    q.is_base64 != rows[i].is_base64 || q.is_jsonp != rows[i].is_jsonp)
			fail_msg("'%s'", rows[i].query);
		assert_int_equal(q.sid.at != NULL, rows[i].sid != NULL);
		assert_true(pl_slice_eq(q.sid, pl_slice_str(rows[i].sid)));
	}
	struct pl_eio_query q;
	pl_eio_read_query(pl_slice(NULL, 0), &q);
	assert_int_equal(q.transport, PL_EIO_NO_TRANSPORT);
	assert_int_equal(q.version, 3);
}

static void errors(void **state)
{
	static const char *const bodies[] = {
		"{\"code\":0,\"message\":\"Transport unknown\"}",
		"{\"code\":1,\"message\":\"Session ID unknown\"}",
		"{\"code\":2,\"message\":\"Bad handshake method\"}",
		"{\"code\":3,\"message\":\"Bad request\"}",
		"{\"code\":4,\"message\":\"Forbidden\"}",
		"{\"code\":5,\"message\":\"Unsupported protocol version\"}",
	};
	struct pl_buf b;
	(void)state;
	assert_int_equal(COUNT(bodies), PL_EIO__ERRORS);
	pl_buf_init(&b, 256);
	for (unsigned i = 0; i < COUNT(bodies); i++) {
		pl_buf_clear(&b);
		pl_eio_put_error(&b, (enum pl_eio_error)i, pl_slice(NULL, 0));
		is(pl_buf_slice(&b), bodies[i]);
	}
	pl_buf_clear(&b);
	pl_eio_put_error(&b, PL_EIO_FORBIDDEN, PL_S("not \"you\""));
	is(pl_buf_slice(&b), "{\"code\":4,\"message\":\"not \\\"you\\\"\"}");
	pl_buf_fini(&b);
}

/* Whichever allocation fails: the buffer says so, and nothing is written twice. */
static void without_memory(void **state)
{
	struct pl_eio_packet p = {.type = PL_EIO_MESSAGE, .is_binary = true};
	char bytes[300] = {0};
	p.data = pl_slice(bytes, sizeof(bytes));
	(void)state;
	for (unsigned long n = 1;; n++) {
		struct pl_buf b;
		pl_buf_init(&b, 4096);
		pl_mem_fail_at(n, false);
		pl_eio_put_open(&b, &(struct pl_eio_hello){.sid = PL_S("x")});
		pl_eio_put(&b, &p);
		pl_eio_put_error(&b, PL_EIO_FORBIDDEN, pl_slice(bytes, 0));
		bool failed = pl_mem_count() >= n;
		pl_mem_fail_at(0, false);
		assert_int_equal(b.err, failed ? PL_ENOMEM : 0);
		pl_buf_fini(&b);
		if (!failed)
			break;
		assert_true(n < 100);
	}
	struct pl_buf small;
	pl_buf_init(&small, 100);
	pl_eio_put(&small, &p);
	assert_int_equal(small.err, PL_ETOOBIG);
	pl_buf_fini(&small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames),
		cmocka_unit_test(what_is_no_frame),
		cmocka_unit_test(payloads),
		cmocka_unit_test(what_is_no_payload),
		cmocka_unit_test(cut_anywhere),
		cmocka_unit_test(ten_thousand_packets_and_no_more),
		cmocka_unit_test(a_million_bytes_of_tiny_packets),
		cmocka_unit_test(writing),
		cmocka_unit_test(the_open_packet),
		cmocka_unit_test(queries),
		cmocka_unit_test(errors),
		cmocka_unit_test(without_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
