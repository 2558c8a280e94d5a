/*
 * ws_reader.c - bytes in, whole messages and control frames out.
 *
 *	input ─┬─ a whole frame that is a whole message ───────────────► slice of the input
 *	       └─ anything less ─► part: header bytes, message bytes ──► slice of the part
 *
 * Every check happens as soon as the bytes it needs are there, in the order of the bytes, so that
 * how the input was cut never changes the outcome.
 */
#include "base/mem.h"
#include "wire/utf8.h"
#include "wire/ws_header.h"

/* Which bytes come next. */
enum phase { IN_HEADER, IN_DATA, IN_CONTROL };

/*
 * What is kept of an unfinished frame or message. Message bytes are unmasked and, as text, already
 * checked. Invariants: op is 0 iff no message is open; len + left <= max_message; left counts only
 * IN_DATA, head_len only IN_HEADER; control frames come between data frames, so one mask will do.
 */
struct pl_ws_part {
	uint32_t len, cap; /* of bytes */
	uint32_t left;     /* of this frame's payload */
	uint32_t frames;
	uint8_t phase, op;
	bool fin, compressed, masked;
	struct pl_utf8 utf8;
	uint8_t mask[4];
	uint8_t head_len;
	uint8_t control_op, control_len, control_left;
	uint8_t head[PL_WS_HEADER_MAX];
	char control[PL_WS_CONTROL_MAX];
	char bytes[];
};

struct call {
	struct pl_ws_reader *r;
	const struct pl_ws_limits *limits;
	struct pl_inflater *inflater;
	char *at;
	size_t n;
	struct pl_ws_event *ev;
};

enum step { NEED_MORE, GO_ON, EVENT, FAULT };

static bool is_open(const struct pl_ws_part *p)
{
	return p && p->op;
}

static void release(struct pl_ws_reader *r)
{
	pl_free(r->part);
	r->part = NULL;
	r->delivered = false;
}

static enum step fail(struct call *c, enum pl_ws_fault f)
{
	release(c->r);
	c->r->fault = (uint8_t)f;
	return FAULT;
}

static void advance(struct call *c, size_t n)
{
	c->at += n;
	c->n -= n;
}

/* --- the part ----------------------------------------------------------------------------- */

static struct pl_ws_part *part_of(struct pl_ws_reader *r)
{
	if (!r->part)
		r->part = PL_NEW(struct pl_ws_part);
	return r->part;
}

/* Room for n <= left more bytes: grows with what has arrived, not with what was announced. */
static bool reserve(struct pl_ws_reader *r, const struct pl_ws_limits *limits, uint32_t n)
{
	enum { FIRST = 512 };
	struct pl_ws_part *p = r->part;
	if (n <= p->cap - p->len)
		return true;
	uint64_t cap = p->cap ? (uint64_t)p->cap * 2 : FIRST;
	uint64_t need = (uint64_t)p->len + n;
	uint64_t most = p->fin ? (uint64_t)p->len + p->left : limits->max_message;
	if (cap > most)
		cap = most;
	if (cap < need)
		cap = need;
	p = pl_realloc(p, sizeof(*p) + cap);
	if (!p)
		return false;
	p->cap = (uint32_t)cap;
	r->part = p;
	return true;
}

/* Takes n payload bytes, from elsewhere or already in place. False: not UTF-8. */
static bool absorb(struct pl_ws_part *p, const char *from, uint32_t n)
{
	char *to = p->bytes + p->len;
	bool beyond_ascii = true;
	if (p->masked) {
		beyond_ascii = pl_ws_mask(to, from, n, p->mask);
		pl_ws_mask_turn(p->mask, n);
	} else if (to != from) {
		memcpy(to, from, n);
	}
	p->len += n;
	p->left -= n;
	if (p->op != PL_WS_TEXT || p->compressed || (!beyond_ascii && pl_utf8_done(&p->utf8)))
		return true;
	return pl_utf8_check(&p->utf8, to, n) == n;
}

/* --- the header --------------------------------------------------------------------------- */

static enum pl_ws_fault decode(const struct call *c, const uint8_t *at, size_t n,
			       struct pl_ws_head *h)
{
	const struct pl_ws_part *p = c->r->part;
	const struct pl_ws_place place = {c->limits, c->inflater, is_open(p), p ? p->len : 0};
	return pl_ws_decode(&place, at, n, h);
}

/* Adds input to the kept start of a header; GO_ON when *h is whole. */
static enum step continue_header(struct call *c, struct pl_ws_head *h)
{
	struct pl_ws_part *p = part_of(c->r);
	if (!p)
		return fail(c, PL_WS_NO_MEMORY);
	size_t take = sizeof(p->head) - p->head_len;
	if (take > c->n)
		take = c->n;
	memcpy(p->head + p->head_len, c->at, take);
	enum pl_ws_fault f = decode(c, p->head, p->head_len + take, h);
	if (f)
		return fail(c, f);
	if (!h->size) {
		p->head_len = (uint8_t)(p->head_len + take);
		advance(c, take);
		return NEED_MORE;
	}
	advance(c, h->size - (size_t)p->head_len);
	p->head_len = 0;
	return GO_ON;
}

static enum step read_header(struct call *c, struct pl_ws_head *h)
{
	if (!c->n)
		return NEED_MORE;
	if (c->r->part && c->r->part->head_len)
		return continue_header(c, h);
	enum pl_ws_fault f = decode(c, (const uint8_t *)c->at, c->n, h);
	if (f)
		return fail(c, f);
	if (!h->size)
		return continue_header(c, h);
	advance(c, h->size);
	return GO_ON;
}

/* --- events ------------------------------------------------------------------------------- */

static enum step deliver(struct call *c, enum pl_ws_op op, struct pl_slice data)
{
	*c->ev = (struct pl_ws_event){.op = op, .data = data};
	return EVENT;
}

static enum step deliver_close(struct call *c, struct pl_slice data)
{
	struct pl_ws_event ev = {.op = PL_WS_CLOSE, .data = data};
	enum pl_ws_fault f = pl_ws_decode_close(data, &ev.close_code, &ev.reason);
	if (f)
		return fail(c, f);
	c->r->closed = true;
	c->r->delivered = c->r->part;
	*c->ev = ev;
	return EVENT;
}

static enum step deliver_control(struct call *c, enum pl_ws_op op, struct pl_slice data)
{
	if (op == PL_WS_CLOSE)
		return deliver_close(c, data);
	/* Between messages the part was only there for this frame. */
	c->r->delivered = c->r->part && !is_open(c->r->part);
	return deliver(c, op, data);
}

static enum step deliver_inflated(struct call *c, enum pl_ws_op op, struct pl_slice packed)
{
	struct pl_slice data;
	int err = pl_inflate(c->inflater, packed, c->limits->max_message, &data);
	if (err)
		return fail(c, err == PL_ETOOBIG  ? PL_WS_TOO_BIG
			       : err == PL_ENOMEM ? PL_WS_NO_MEMORY
						  : PL_WS_BAD_DEFLATE);
	if (op == PL_WS_TEXT && !pl_utf8_valid(data))
		return fail(c, PL_WS_BAD_TEXT);
	release(c->r);
	return deliver(c, op, data);
}

/* --- payloads ----------------------------------------------------------------------------- */

/* A frame of an unfinished message, or a control frame in its middle. */
static bool count_frame(struct call *c, struct pl_ws_part *p)
{
	return ++p->frames <= c->limits->max_frames;
}

static enum step start_control(struct call *c, const struct pl_ws_head *h)
{
	struct pl_ws_part *p = c->r->part;
	if (is_open(p) && !count_frame(c, p))
		return fail(c, PL_WS_TOO_MANY);
	if (c->n >= h->len) {
		struct pl_slice data = pl_slice(c->at, h->len);
		if (c->limits->from_client)
			(void)pl_ws_mask(c->at, c->at, h->len, h->mask);
		advance(c, h->len);
		return deliver_control(c, h->op, data);
	}
	p = part_of(c->r);
	if (!p)
		return fail(c, PL_WS_NO_MEMORY);
	p->phase = IN_CONTROL;
	p->masked = c->limits->from_client;
	p->control_op = (uint8_t)h->op;
	p->control_len = 0;
	p->control_left = (uint8_t)h->len;
	memcpy(p->mask, h->mask, 4);
	return GO_ON;
}

static enum step continue_control(struct call *c)
{
	struct pl_ws_part *p = c->r->part;
	if (!c->n)
		return NEED_MORE;
	uint8_t take = c->n < p->control_left ? (uint8_t)c->n : p->control_left;
	if (p->masked) {
		(void)pl_ws_mask(p->control + p->control_len, c->at, take, p->mask);
		pl_ws_mask_turn(p->mask, take);
	} else {
		memcpy(p->control + p->control_len, c->at, take);
	}
	advance(c, take);
	p->control_len = (uint8_t)(p->control_len + take);
	p->control_left = (uint8_t)(p->control_left - take);
	if (p->control_left)
		return NEED_MORE;
	p->phase = IN_HEADER;
	return deliver_control(c, p->control_op, pl_slice(p->control, p->control_len));
}

/* A message in one frame that is all in the input: no copy, no memory. */
static enum step whole_message(struct call *c, const struct pl_ws_head *h)
{
	struct pl_slice data = pl_slice(c->at, h->len);
	bool beyond_ascii = true;
	if (c->limits->from_client)
		beyond_ascii = pl_ws_mask(c->at, c->at, h->len, h->mask);
	advance(c, h->len);
	if (h->rsv1)
		return deliver_inflated(c, h->op, data);
	if (h->op == PL_WS_TEXT && beyond_ascii && !pl_utf8_valid(data))
		return fail(c, PL_WS_BAD_TEXT);
	c->r->delivered = c->r->part;
	return deliver(c, h->op, data);
}

static enum step start_data(struct call *c, const struct pl_ws_head *h)
{
	if (h->fin && h->op != PL_WS_CONT && c->n >= h->len)
		return whole_message(c, h);
	struct pl_ws_part *p = part_of(c->r);
	if (!p)
		return fail(c, PL_WS_NO_MEMORY);
	if (h->op != PL_WS_CONT) {
		p->op = (uint8_t)h->op;
		p->compressed = h->rsv1;
	}
	if (!count_frame(c, p))
		return fail(c, PL_WS_TOO_MANY);
	p->phase = IN_DATA;
	p->fin = h->fin;
	p->left = (uint32_t)h->len;
	p->masked = c->limits->from_client;
	memcpy(p->mask, h->mask, 4);
	return GO_ON;
}

static enum step end_message(struct call *c)
{
	struct pl_ws_part *p = c->r->part;
	struct pl_slice data = pl_slice(p->bytes, p->len);
	if (p->compressed)
		return deliver_inflated(c, p->op, data);
	if (!pl_utf8_done(&p->utf8))
		return fail(c, PL_WS_BAD_TEXT);
	c->r->delivered = true;
	return deliver(c, p->op, data);
}

static enum step continue_data(struct call *c)
{
	uint32_t left = c->r->part->left;
	uint32_t take = c->n < left ? (uint32_t)c->n : left;
	if (take) {
		if (!reserve(c->r, c->limits, take))
			return fail(c, PL_WS_NO_MEMORY);
		const char *from = c->at;
		advance(c, take);
		if (!absorb(c->r->part, from, take))
			return fail(c, PL_WS_BAD_TEXT);
	}
	struct pl_ws_part *p = c->r->part;
	if (p->left)
		return NEED_MORE;
	p->phase = IN_HEADER;
	return p->fin ? end_message(c) : GO_ON;
}

static enum step start_frame(struct call *c)
{
	struct pl_ws_head h;
	enum step s = read_header(c, &h);
	if (s != GO_ON)
		return s;
	return pl_ws_is_control(h.op) ? start_control(c, &h) : start_data(c, &h);
}

static enum step next_step(struct call *c)
{
	const struct pl_ws_part *p = c->r->part;
	if (!p || p->phase == IN_HEADER)
		return start_frame(c);
	return p->phase == IN_DATA ? continue_data(c) : continue_control(c);
}

static int report_fault(const struct pl_ws_reader *r, struct pl_ws_event *ev)
{
	const struct pl_ws_fault_row *row = pl_ws_fault_row(r->fault);
	*ev = (struct pl_ws_event){
		.op = PL_WS_CLOSE, .close_code = row->close_code, .reason = row->reason};
	return row->err;
}

int pl_ws_read(struct pl_ws_reader *r, const struct pl_ws_limits *limits,
	       struct pl_inflater *inflater, char **at, size_t *n, struct pl_ws_event *ev)
{
	struct call c = {r, limits, inflater, *at, *n, ev};
	if (r->delivered)
		release(r);
	enum step s = r->fault ? FAULT : GO_ON;
	if (r->closed) {
		if (c.n)
			advance(&c, c.n);
		s = NEED_MORE;
	}
	while (s == GO_ON)
		s = next_step(&c);
	*at = c.at;
	*n = c.n;
	if (s == FAULT)
		return report_fault(r, ev);
	return s == EVENT;
}

/* --- receiving straight into the message -------------------------------------------------- */

bool pl_ws_want(struct pl_ws_reader *r, const struct pl_ws_limits *limits, char **at, size_t *n)
{
	enum { SPAN_MIN = 4096 };
	struct pl_ws_part *p = r->part;
	if (!p || p->phase != IN_DATA || p->left < SPAN_MIN)
		return false;
	if (!reserve(r, limits, SPAN_MIN))
		return false;
	p = r->part;
	*at = p->bytes + p->len;
	*n = p->cap - p->len < p->left ? p->cap - p->len : p->left;
	return true;
}

void pl_ws_filled(struct pl_ws_reader *r, size_t n)
{
	struct pl_ws_part *p = r->part;
	if (absorb(p, p->bytes + p->len, (uint32_t)n))
		return;
	release(r);
	r->fault = PL_WS_BAD_TEXT;
}

void pl_ws_reader_fini(struct pl_ws_reader *r)
{
	release(r);
	*r = (struct pl_ws_reader){0};
}
