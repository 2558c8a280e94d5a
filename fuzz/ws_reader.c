/*
 * ws_reader.c - the same bytes whole, and cut at places that the input chooses, must give the same
 * events. The first byte picks the limits, the second seeds the cuts.
 */
#include "fuzz.h"

#include "base/mem.h"
#include "wire/ws.h"

struct line {
	struct pl_ws_reader reader;
	struct pl_ws_limits limits;
	struct pl_inflater *inflater;
	struct pl_buf trace;
	bool failed;
};

static void line_open(struct line *l, uint8_t flags)
{
	*l = (struct line){.limits = {
				   .max_message = flags & 4 ? 200 : 70000,
				   .max_frames = flags & 8 ? 3 : 1024,
				   .from_client = flags & 1,
				   .deflate = flags & 2,
			   }};
	pl_buf_init(&l->trace, 1 << 26);
	if (pl_inflater_new(&l->inflater))
		abort();
}

static void line_close(struct line *l)
{
	pl_ws_reader_fini(&l->reader);
	pl_inflater_free(l->inflater);
	pl_buf_fini(&l->trace);
}

static void note(struct line *l, int got, const struct pl_ws_event *ev)
{
	pl_buf_printf(&l->trace, "%d %d %u %zu %zu:", got, (int)ev->op, ev->close_code,
		      ev->data.len, ev->reason.len);
	pl_buf_puts(&l->trace, ev->data);
	pl_buf_puts(&l->trace, ev->reason);
}

static void drain(struct line *l, char *at, size_t n)
{
	struct pl_ws_event ev;
	int got = 1;
	while (!l->failed && got) {
		got = pl_ws_read(&l->reader, &l->limits, l->inflater, &at, &n, &ev);
		l->failed = got < 0;
		if (got)
			note(l, got, &ev);
		else if (n)
			abort();
	}
}

static void feed(struct line *l, const uint8_t *at, size_t n)
{
	char *copy = pl_alloc(n);
	if (!copy)
		abort();
	memcpy(copy, at, n);
	drain(l, copy, n);
	pl_free(copy);
}

/* Receives straight into the message where that is offered. Returns how much was taken. */
static size_t fill(struct line *l, const uint8_t *at, size_t n)
{
	char *span;
	size_t room;
	if (l->failed || !pl_ws_want(&l->reader, &l->limits, &span, &room))
		return 0;
	if (room < 4096)
		abort();
	if (n > room)
		n = room;
	memcpy(span, at, n);
	pl_ws_filled(&l->reader, n);
	drain(l, NULL, 0);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct line whole, cut;
	if (size < 2)
		return 0;
	uint32_t seed = data[1];
	line_open(&whole, data[0]);
	line_open(&cut, data[0]);
	feed(&whole, data + 2, size - 2);
	for (size_t i = 2; i < size;) {
		seed = seed * 1664525 + 1013904223;
		size_t n = 1 + (seed >> 16) % (seed >> 15 & 1 ? 3 : 40);
		if (n > size - i)
			n = size - i;
		size_t taken = seed >> 14 & 1 ? fill(&cut, data + i, n) : 0;
		if (!taken) {
			feed(&cut, data + i, n);
			taken = n;
		}
		i += taken;
	}
	if (whole.trace.err || cut.trace.err ||
	    !pl_slice_eq(pl_buf_slice(&whole.trace), pl_buf_slice(&cut.trace)))
		abort();
	line_close(&whole);
	line_close(&cut);
	return 0;
}
