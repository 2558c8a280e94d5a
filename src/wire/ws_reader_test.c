/* Proves that bytes become the events RFC 6455 and 7692 demand, that how they are cut changes
 * nothing, and that limits hold before memory is spent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "wire/ws.h"

#include <malloc.h>

#define NELEM(a) (sizeof(a) / sizeof((a)[0]))

static const struct pl_ws_limits server = {1000000, 1024, true, true};
static const struct pl_ws_limits client = {1000000, 1024, false, true};
static const struct pl_ws_limits plain_client = {1000000, 1024, false, false};
static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};

struct line {
	struct pl_ws_reader reader;
	const struct pl_ws_limits *limits;
	struct pl_inflater *inflater;
	struct pl_buf trace; /* one line for each event: op{data} or close code and reason */
	int err;
};

static void line_open(struct line *l, const struct pl_ws_limits *limits)
{
	*l = (struct line){.limits = limits};
	pl_buf_init(&l->trace, 1 << 22);
	assert_int_equal(pl_inflater_new(&l->inflater), 0);
}

static void line_close(struct line *l)
{
	pl_ws_reader_fini(&l->reader);
	pl_inflater_free(l->inflater);
	pl_buf_fini(&l->trace);
}

static void note(struct line *l, const struct pl_ws_event *ev)
{
	static const char *const names[16] = {
		[PL_WS_TEXT] = "text", [PL_WS_BINARY] = "binary", [PL_WS_CLOSE] = "close",
		[PL_WS_PING] = "ping", [PL_WS_PONG] = "pong",
	};
	pl_buf_puts(&l->trace, pl_slice_str(names[ev->op]));
	if (ev->op == PL_WS_CLOSE) {
		pl_buf_putc(&l->trace, ' ');
		pl_buf_put_u64(&l->trace, ev->close_code);
	}
	pl_buf_putc(&l->trace, '{');
	pl_buf_puts(&l->trace, ev->op == PL_WS_CLOSE ? ev->reason : ev->data);
	PL_PUT(&l->trace, "}");
}

/* Reads until the reader wants more or fails. */
static int drain(struct line *l, char *at, size_t n)
{
	for (;;) {
		struct pl_ws_event ev;
		int got = pl_ws_read(&l->reader, l->limits, l->inflater, &at, &n, &ev);
		if (got == 1) {
			note(l, &ev);
			continue;
		}
		if (got == 0) {
			assert_int_equal(n, 0);
			return 0;
		}
		pl_buf_printf(&l->trace, "!%u", ev.close_code);
		assert_true(ev.reason.len > 0 && ev.reason.len <= 123);
		l->err = got;
		/* Sticky, and nothing is kept. */
		assert_int_equal(pl_ws_read(&l->reader, l->limits, l->inflater, &at, &n, &ev), got);
		assert_null(l->reader.part);
		return got;
	}
}

/* Gives bytes in memory of their own, which is gone afterwards. */
static int feed(struct line *l, struct pl_slice bytes)
{
	if (l->err)
		return l->err;
	char *copy = pl_memdup0(bytes.at, bytes.len);
	if (!copy)
		return PL_ENOMEM;
	int got = drain(l, copy, bytes.len);
	pl_free(copy);
	return got;
}

static void expect(struct line *l, const char *trace)
{
	if (!pl_slice_is(pl_buf_slice(&l->trace), trace))
		fail_msg("got  %.*s\nwant %s", PL_FMT(pl_buf_slice(&l->trace)), trace);
}

/* Whole, byte by byte, and cut once at every place. */
static void expect_all_ways(const struct pl_ws_limits *limits, struct pl_slice in,
			    const char *trace)
{
	struct line l;
	for (size_t cut = 0; cut <= in.len; cut++) {
		line_open(&l, limits);
		if (!feed(&l, pl_slice(in.at, cut)))
			(void)feed(&l, pl_slice(in.at + cut, in.len - cut));
		expect(&l, trace);
		line_close(&l);
	}
	line_open(&l, limits);
	for (size_t i = 0; i < in.len && !l.err; i++)
		(void)feed(&l, pl_slice(in.at + i, 1));
	expect(&l, trace);
	line_close(&l);
}

#define MASKED_HELLO "\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"

static void the_examples_of_the_rfcs(void **state)
{
	(void)state;
	expect_all_ways(&client, PL_S("\x81\x05Hello"), "text{Hello}");
	expect_all_ways(&server, PL_S("\x81" MASKED_HELLO), "text{Hello}");
	expect_all_ways(&client, PL_S("\x01\x03Hel\x80\x02lo"), "text{Hello}");
	expect_all_ways(&client, PL_S("\x89\x05Hello"), "ping{Hello}");
	expect_all_ways(&server, PL_S("\x8a" MASKED_HELLO), "pong{Hello}");
	expect_all_ways(&client, PL_S("\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00"), "text{Hello}");
	expect_all_ways(&client, PL_S("\x41\x03\xf2\x48\xcd\x80\x04\xc9\xc9\x07\x00"),
			"text{Hello}");
	expect_all_ways(&client, PL_S("\xc1\x0b\x00\x05\x00\xfa\xffHello\x00"), "text{Hello}");
	expect_all_ways(&client, PL_S("\xc1\x08\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), "text{Hello}");
}

/* The larger two of section 5.7, and the edges of the length forms. */
static void every_form_of_length(void **state)
{
	(void)state;
	static const size_t sizes[] = {0, 1, 125, 126, 127, 256, 4095, 65535, 65536, 70000};
	static const size_t steps[] = {1, 7, 4096, 100000};
	for (size_t i = 0; i < NELEM(sizes); i++) {
		struct pl_buf in, want;
		char *payload = pl_alloc(sizes[i]);
		for (size_t k = 0; k < sizes[i]; k++)
			payload[k] = (char)(k * 31 + 7);
		pl_buf_init(&in, 1 << 20);
		pl_buf_init(&want, 1 << 20);
		pl_ws_put(&in, PL_WS_BINARY, pl_slice(payload, sizes[i]), mask);
		PL_PUT(&want, "binary{");
		pl_buf_put(&want, payload, sizes[i]);
		PL_PUT(&want, "}");
		for (size_t s = 0; s < NELEM(steps); s++) {
			struct line l;
			line_open(&l, &server);
			for (size_t at = 0; at < in.len; at += steps[s]) {
				size_t n = in.len - at < steps[s] ? in.len - at : steps[s];
				assert_int_equal(feed(&l, pl_slice(in.at + at, n)), 0);
			}
			assert_true(pl_slice_eq(pl_buf_slice(&l.trace), pl_buf_slice(&want)));
			assert_false(pl_ws_unfinished(&l.reader));
			assert_null(l.reader.part);
			line_close(&l);
		}
		pl_free(payload);
		pl_buf_fini(&in);
		pl_buf_fini(&want);
	}
}

#define EURO "\xe2\x82\xac"

/* A bit of everything from a server, then a close and bytes that nobody may look at. */
#define MIXED                                                   \
	"\x81\x05Hello"                                         \
	"\x89\x02hi"                                            \
	"\x01\x04" EURO "\xe2"                                  \
	"\x89\x00"                                              \
	"\x00\x01\x82"                                          \
	"\x8a\x03pon"                                           \
	"\x00\x00"                                              \
	"\x80\x02\xac!"                                         \
	"\x82\x03\xff\x00\xfe"                                  \
	"\x81\x00"                                              \
	"\x41\x03\xf2\x48\xcd\x89\x01p\x80\x04\xc9\xc9\x07\x00" \
	"\x02\x00\x80\x00"                                      \
	"\xc2\x01\x00"                                          \
	"\x01\x02xy"                                            \
	"\x88\x06\x03\xe9" EURO "."                             \
	"\xff\xff\xff"
#define MIXED_TRACE                                         \
	"text{Hello}ping{hi}ping{}pong{pon}text{" EURO EURO \
	"!}binary{\xff\0\xfe}text{}ping{p}text{"            \
	"Hello}binary{}binary{}close 1001{" EURO ".}"

static void a_mixed_script_cut_at_every_two_places(void **state)
{
	(void)state;
	const struct pl_slice in = PL_S(MIXED), want = PL_S(MIXED_TRACE);
	struct line l;
	line_open(&l, &client);
	for (size_t a = 0; a <= in.len; a++) {
		for (size_t b = a; b <= in.len; b++) {
			assert_int_equal(feed(&l, pl_slice(in.at, a)), 0);
			assert_int_equal(feed(&l, pl_slice(in.at + a, b - a)), 0);
			assert_int_equal(feed(&l, pl_slice(in.at + b, in.len - b)), 0);
			if (!pl_slice_eq(pl_buf_slice(&l.trace), want))
				fail_msg("cut at %zu and %zu", a, b);
			pl_ws_reader_fini(&l.reader);
			pl_buf_clear(&l.trace);
		}
	}
	for (size_t i = 0; i < in.len; i++)
		assert_int_equal(feed(&l, pl_slice(in.at + i, 1)), 0);
	assert_true(pl_slice_eq(pl_buf_slice(&l.trace), want));
	line_close(&l);
}

static const struct {
	struct pl_slice in;
	const char *trace;
} refused[] = {
	/* reserved bits */
	{PL_S("\xa1\x00"), "!1002"},
	{PL_S("\x91\x00"), "!1002"},
	{PL_S("\xc9\x00"), "!1002"},
	{PL_S("\x01\x01"
	      "a\xc0\x01"
	      "b"),
	 "!1002"},
	/* opcodes */
	{PL_S("\x83\x00"), "!1002"},
	{PL_S("\x87\x00"), "!1002"},
	{PL_S("\x8b\x00"), "!1002"},
	{PL_S("\x8f\x00"), "!1002"},
	/* control frames */
	{PL_S("\x09\x00"), "!1002"},
	{PL_S("\x08\x00"), "!1002"},
	{PL_S("\x89\x7e\x00\x7e"), "!1002"},
	{PL_S("\x89\x7f"), "!1002"},
	/* order of fragments */
	{PL_S("\x80\x00"), "!1002"},
	{PL_S("\x00\x00"), "!1002"},
	{PL_S("\x01\x01"
	      "a\x81\x01"
	      "b"),
	 "!1002"},
	{PL_S("\x01\x00\x02\x00"), "!1002"},
	{PL_S("\x81\x01"
	      "a\x80\x01"
	      "b"),
	 "text{a}!1002"},
	/* lengths */
	{PL_S("\x82\x7e\x00\x7d"), "!1002"},
	{PL_S("\x82\x7f\0\0\0\0\0\0\xff\xff"), "!1002"},
	{PL_S("\x82\x7f\x80\0\0\0\0\0\0\x01"), "!1002"},
	{PL_S("\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff"), "!1002"},
	{PL_S("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"), "!1009"},
	{PL_S("\x82\x7f\0\0\0\x01\0\0\0\0"), "!1009"},
	{PL_S("\x82\x7f\0\0\0\0\0\x0f\x42\x41"), "!1009"},
	{PL_S("\x02\x01"
	      "a\x80\x7f\0\0\0\0\0\x0f\x42\x40"),
	 "!1009"},
	{PL_S("\x02\x01"
	      "a\x80\x7f\0\0\0\0\xff\xff\xff\xff"),
	 "!1009"},
	/* masks */
	{PL_S("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), "!1002"},
	/* close frames */
	{PL_S("\x88\x00\xff"), "close 1005{}"},
	{PL_S("\x88\x02\x03\xe8"), "close 1000{}"},
	{PL_S("\x88\x01\x03"), "!1002"},
	{PL_S("\x88\x03\x03\xe8\xff"), "!1007"},
	{PL_S("\x88\x04\x03\xe8\xe2\x82"), "!1007"},
	/* text */
	{PL_S("\x81\x03" EURO "\x81\x01\xff\x81\x01z"), "text{" EURO "}!1007"},
	{PL_S("\x81\x02\xe2\x82"), "!1007"},
	{PL_S("\x01\x02\xe2\x82\x80\x00"), "!1007"},
	{PL_S("\x01\x02\xe2\x82\x80\x01z"), "!1007"},
	{PL_S("\x81\x7e\x01\x00 an unfinished frame \xed\xa0"), "!1007"},
	{PL_S("\x02\x01\xff\x80\x01\xff"), "binary{\xff\xff}"},
	/* compressed: damaged, sharing a window that was not negotiated, not UTF-8 inside */
	{PL_S("\xc1\x01\x07"), "!1007"},
	{PL_S("\xc1\x05\xf2\x00\x11\x00\x00"), "!1007"},
	{PL_S("\xc1\x07\x00\x01\x00\xfe\xff\xff\x00"), "!1007"},
	{PL_S("\xc2\x07\x00\x01\x00\xfe\xff\xff\x00"), "binary{\xff}"},
	{PL_S("\x41\x03\x00\x01\x00\x80\x04\xfe\xff\xff\x00"), "!1007"},
	/* what came before the fault is delivered */
	{PL_S("\x89\x01x\x81\x02ok\x83\x00"), "ping{x}text{ok}!1002"},
};

static void every_breach_is_refused_however_it_arrives(void **state)
{
	(void)state;
	for (size_t i = 0; i < NELEM(refused); i++)
		expect_all_ways(&client, refused[i].in, refused[i].trace);
	expect_all_ways(&server, PL_S("\x81\x05Hello"), "!1002");
	expect_all_ways(&server, PL_S("\x89\x00"), "!1002");
	expect_all_ways(&plain_client, PL_S("\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00"), "!1002");
}

/* RFC 6455 section 7.4 and the registry. */
static void close_codes_that_may_be_sent(void **state)
{
	(void)state;
	static const struct {
		uint16_t from, to;
	} good[] = {{1000, 1003}, {1007, 1014}, {3000, 4999}};
	for (unsigned code = 0; code <= UINT16_MAX; code++) {
		bool may = false;
		for (size_t i = 0; i < NELEM(good); i++)
			may = may || (code >= good[i].from && code <= good[i].to);
		char in[4] = {(char)0x88, 2, (char)(code >> 8), (char)code}, *at = in;
		size_t n = sizeof(in);
		struct pl_ws_reader r = {0};
		struct pl_ws_event ev;
		int got = pl_ws_read(&r, &client, NULL, &at, &n, &ev);
		assert_int_equal(got, may ? 1 : PL_EPROTO);
		assert_int_equal(ev.close_code, may ? code : 1002);
	}
}

static void bad_text_is_found_at_its_byte(void **state)
{
	(void)state;
	/* A frame of 60000 bytes that breaks off after "κόσμε" and the start of a surrogate. */
	const struct pl_slice in =
		PL_S("\x81\x7e\xea\x60\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0");
	struct line l;
	line_open(&l, &client);
	for (size_t i = 0; i + 1 < in.len; i++)
		assert_int_equal(feed(&l, pl_slice(in.at + i, 1)), 0);
	assert_int_equal(feed(&l, pl_slice(in.at + in.len - 1, 1)), PL_EPROTO);
	expect(&l, "!1007");
	line_close(&l);
}

/* ASCII that comes alone is not good by itself: it may stand where a character has to go on. */
static void masked_text_is_checked_across_cuts(void **state)
{
	(void)state;
	static const struct {
		struct pl_slice text;
		const char *trace;
	} texts[] = {
		{PL_S("\xe2\x82"
		      "a\xac"),
		 "!1007"},
		{PL_S("abcdefgh\xf0\x9f"
		      "abcdefghijklmnopqrs\x98\x80"),
		 "!1007"},
		{PL_S("abcdefghi" EURO "abcdefghijklmnopqrs" EURO),
		 "text{abcdefghi" EURO "abcdefghijklmnopqrs" EURO "}"},
	};
	for (size_t i = 0; i < NELEM(texts); i++) {
		struct pl_buf in;
		pl_buf_init(&in, 100);
		pl_ws_put(&in, PL_WS_TEXT, texts[i].text, mask);
		expect_all_ways(&server, pl_buf_slice(&in), texts[i].trace);
		pl_buf_fini(&in);
	}
}

static void a_whole_message_costs_no_memory(void **state)
{
	(void)state;
	char in[] = "\x81" MASKED_HELLO "\x89" MASKED_HELLO, *at = in;
	size_t n = sizeof(in) - 1;
	struct pl_ws_reader r = {0};
	struct pl_ws_event ev;
	assert_true(sizeof(r) <= 16);
	pl_mem_fail_at(0, false);
	assert_int_equal(pl_ws_read(&r, &server, NULL, &at, &n, &ev), 1);
	assert_ptr_equal(ev.data.at, in + 6);
	assert_int_equal(pl_ws_read(&r, &server, NULL, &at, &n, &ev), 1);
	assert_ptr_equal(ev.data.at, in + 17);
	assert_int_equal(pl_ws_read(&r, &server, NULL, &at, &n, &ev), 0);
	assert_int_equal(pl_mem_count(), 0);
	assert_null(r.part);
}

/* Memory follows what has arrived, not what was announced. */
static void announced_lengths_cost_nothing(void **state)
{
	(void)state;
	const struct pl_ws_limits large = {UINT32_MAX, 1024, false, false};
	struct line l;
	line_open(&l, &large);
	assert_int_equal(feed(&l, PL_S("\x82\x7f\0\0\0\0\xff\xff\xff\xff"
				       "abc")),
			 0);
	assert_true(pl_ws_unfinished(&l.reader));
	assert_true(malloc_usable_size(l.reader.part) < 1024);
	char *at;
	size_t n;
	assert_true(pl_ws_want(&l.reader, &large, &at, &n));
	assert_true(malloc_usable_size(l.reader.part) < 8192);
	line_close(&l);
	line_open(&l, &large);
	for (int i = 0; i < 1024; i++)
		assert_int_equal(feed(&l, i ? PL_S("\x00\x01z") : PL_S("\x02\x01z")), 0);
	assert_true(malloc_usable_size(l.reader.part) < 4096);
	line_close(&l);
	/* Nor is there room for more than the rest of the message, or than a message may have. */
	const struct pl_ws_limits tight = {540, 1024, false, false};
	char zeros[530] = {0};
	for (int fin = 0; fin < 2; fin++) {
		line_open(&l, &tight);
		assert_int_equal(
			feed(&l, fin ? PL_S("\x82\x7e\x02\x1c") : PL_S("\x02\x7e\x02\x1c")), 0);
		assert_int_equal(feed(&l, pl_slice(zeros, 10)), 0);
		assert_int_equal(feed(&l, pl_slice(zeros, sizeof(zeros) - 10)), 0);
		assert_true(malloc_usable_size(l.reader.part) < 800);
		line_close(&l);
	}
}

/* Empty fragments and control frames count, in any mixture. */
static void frames_of_a_message_are_counted(void **state)
{
	(void)state;
	const struct pl_ws_limits four = {1000, 4, false, false};
	expect_all_ways(&four, PL_S("\x01\x00\x00\x00\x00\x00\x80\x00\x81\x01z"), "text{}text{z}");
	expect_all_ways(&four, PL_S("\x01\x00\x00\x00\x00\x00\x00\x00\x80\x00"), "!1009");
	expect_all_ways(&four, PL_S("\x01\x00\x89\x00\x89\x00\x8a\x00\x8a\x00"),
			"ping{}ping{}pong{}!1009");
	expect_all_ways(&four, PL_S("\x89\x00\x89\x00\x89\x00\x89\x00\x89\x00\x81\x01z"),
			"ping{}ping{}ping{}ping{}ping{}text{z}");
}

static void the_limit_counts_the_whole_message(void **state)
{
	(void)state;
	const struct pl_ws_limits ten = {10, 1024, false, true};
	expect_all_ways(&ten,
			PL_S("\x82\x0a"
			     "0123456789"),
			"binary{0123456789}");
	expect_all_ways(&ten,
			PL_S("\x82\x0b"
			     "0123456789a"),
			"!1009");
	expect_all_ways(&ten,
			PL_S("\x02\x05"
			     "01234\x80\x05"
			     "56789"),
			"binary{0123456789}");
	expect_all_ways(&ten,
			PL_S("\x02\x05"
			     "01234\x00\x00\x80\x06"
			     "56789a"),
			"!1009");
	/* Ten times "a", compressed. */
	expect_all_ways(&ten, PL_S("\xc1\x06\x4a\x4c\x84\x01\x00\x00"), "text{aaaaaaaaaa}");
	const struct pl_ws_limits nine = {9, 1024, false, true};
	expect_all_ways(&nine, PL_S("\xc1\x06\x4a\x4c\x84\x01\x00\x00"), "!1009");
}

static void receive_straight_into_the_message(void **state)
{
	(void)state;
	enum { SIZE = 300000 };
	struct pl_buf in;
	struct line l;
	char *payload = pl_alloc(SIZE);
	size_t direct = 0, turns = 0;
	for (size_t i = 0; i < SIZE; i++)
		payload[i] = (char)('a' + i % 26);
	memcpy(payload + SIZE - 9, EURO EURO EURO, 9);
	pl_buf_init(&in, 1 << 20);
	pl_ws_put(&in, PL_WS_TEXT, pl_slice(payload, SIZE), mask);
	pl_ws_put(&in, PL_WS_PING, PL_S("after"), mask);
	line_open(&l, &server);
	assert_int_equal(feed(&l, pl_slice(in.at, 1001)), 0);
	for (size_t at = 1001, n; at < in.len; at += n, turns++) {
		char *span;
		n = in.len - at < 5003 ? in.len - at : 5003;
		size_t room;
		if (!pl_ws_want(&l.reader, l.limits, &span, &room)) {
			assert_int_equal(feed(&l, pl_slice(in.at + at, n)), 0);
			continue;
		}
		assert_true(room >= 4096);
		if (n > room)
			n = room;
		memcpy(span, in.at + at, n);
		pl_ws_filled(&l.reader, n);
		direct += n;
		assert_int_equal(drain(&l, NULL, 0), 0);
	}
	assert_true(direct > SIZE - 2 * 5003 && turns < 80);
	assert_int_equal(l.trace.len, 5 + SIZE + 1 + 11);
	assert_memory_equal(l.trace.at + 5, payload, SIZE);
	assert_memory_equal(l.trace.at + 5 + SIZE, "}ping{after}", 12);
	line_close(&l);
	pl_buf_fini(&in);
	pl_free(payload);
}

static void bad_text_is_found_in_a_span_too(void **state)
{
	(void)state;
	struct line l;
	char *span;
	size_t room;
	line_open(&l, &client);
	assert_false(pl_ws_want(&l.reader, l.limits, &span, &room));
	assert_int_equal(feed(&l, PL_S("\x81\x7e\x20\x00text")), 0);
	assert_true(pl_ws_want(&l.reader, l.limits, &span, &room));
	memcpy(span, "ok \xff", 4);
	pl_ws_filled(&l.reader, 3);
	assert_int_equal(drain(&l, NULL, 0), 0);
	pl_ws_filled(&l.reader, 1);
	assert_false(pl_ws_want(&l.reader, l.limits, &span, &room));
	assert_int_equal(drain(&l, NULL, 0), PL_EPROTO);
	expect(&l, "!1007");
	line_close(&l);
}

/* Returns the number of allocations; each event before the failure must be right. */
static unsigned long run_with_failure(unsigned long n)
{
	const struct pl_slice in = PL_S(MIXED), want = PL_S(MIXED_TRACE);
	struct line l;
	char copy[sizeof(MIXED)];
	memcpy(copy, in.at, in.len);
	line_open(&l, &client);
	assert_int_equal(pl_buf_reserve(&l.trace, 4096), 0);
	pl_mem_fail_at(n, false);
	for (size_t i = 0; i < in.len && !l.err; i += 3)
		(void)drain(&l, copy + i, in.len - i < 3 ? in.len - i : 3);
	unsigned long made = pl_mem_count();
	pl_mem_fail_at(0, false);
	struct pl_slice got = pl_buf_slice(&l.trace);
	if (l.err) {
		assert_int_equal(l.err, PL_ENOMEM);
		assert_memory_equal(got.at + got.len - 5, "!1011", 5);
		got.len -= 5;
	}
	assert_int_equal(l.err != 0, n > 0);
	assert_true(pl_slice_starts(want, got));
	line_close(&l);
	return made;
}

static void every_allocation_may_fail(void **state)
{
	(void)state;
	unsigned long all = run_with_failure(0);
	assert_true(all > 10);
	for (unsigned long n = 1; n <= all; n++)
		(void)run_with_failure(n);
}

static void a_span_without_memory_is_no_span(void **state)
{
	(void)state;
	struct line l;
	char *span;
	size_t room;
	line_open(&l, &client);
	assert_int_equal(feed(&l, PL_S("\x82\x7e\x20\x00text")), 0);
	pl_mem_fail_at(1, false);
	assert_false(pl_ws_want(&l.reader, l.limits, &span, &room));
	pl_mem_fail_at(0, false);
	assert_true(pl_ws_want(&l.reader, l.limits, &span, &room));
	line_close(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_examples_of_the_rfcs),
		cmocka_unit_test(every_form_of_length),
		cmocka_unit_test(a_mixed_script_cut_at_every_two_places),
		cmocka_unit_test(every_breach_is_refused_however_it_arrives),
		cmocka_unit_test(close_codes_that_may_be_sent),
		cmocka_unit_test(bad_text_is_found_at_its_byte),
		cmocka_unit_test(masked_text_is_checked_across_cuts),
		cmocka_unit_test(a_whole_message_costs_no_memory),
		cmocka_unit_test(announced_lengths_cost_nothing),
		cmocka_unit_test(frames_of_a_message_are_counted),
		cmocka_unit_test(the_limit_counts_the_whole_message),
		cmocka_unit_test(receive_straight_into_the_message),
		cmocka_unit_test(bad_text_is_found_in_a_span_too),
		cmocka_unit_test(every_allocation_may_fail),
		cmocka_unit_test(a_span_without_memory_is_no_span),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
