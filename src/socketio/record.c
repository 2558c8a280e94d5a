/*
 * record.c - the events of a namespace on one worker, for those who come back: so many, so many
 * bytes, so long.
 *
 * Each has an offset, a text that the client is given as its last argument and brings back: the
 * record's own name, which no other record has, and a number. Whoever replays an event holds it;
 * the record may let go of it meanwhile.
 */
#include "socketio/recovery.h"

#include "base/clock.h"

enum { RECORD_BYTES = 64 << 20, FIRST_CAP = 64, NAME = 6, BITS = 6 };

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

struct pl_sio_record {
	struct pl_sio_kept **ring; /* number n at n & (cap - 1) */
	uint64_t first, next; /* those from first to next - 1 are there; numbers begin with 1 */
	size_t cap, max;      /* cap: 0 or a power of two */
	size_t bytes;
	uint64_t keep_ms;
	char name[NAME];
};

int pl_record_new(size_t max, uint64_t keep_ms, struct pl_sio_record **out)
{
	struct pl_sio_record *l = PL_NEW(struct pl_sio_record);
	if (!l)
		return PL_ENOMEM;
	l->first = l->next = 1;
	l->max = max;
	l->keep_ms = keep_ms;
	pl_random_text(l->name, NAME);
	*out = l;
	return 0;
}

/* ---- one event ---- */

struct pl_sio_kept *pl_kept_hold(struct pl_sio_kept *k)
{
	k->refs++;
	return k;
}

void pl_kept_let_go(struct pl_sio_kept *k)
{
	if (--k->refs)
		return;
	pl_free(k);
}

static size_t put_number(char *out, uint64_t n)
{
	size_t len = 0;
	do
		out[len++] = digits[n & 63];
	while (n >>= BITS);
	return len;
}

/* A block, cut up as it is filled. */
struct cutter {
	struct pl_slice *slices;
	char *bytes;
};

static struct pl_slice put(struct cutter *c, struct pl_slice s)
{
	char *at = c->bytes;
	if (s.len)
		memcpy(at, s.at, s.len);
	c->bytes += s.len;
	return pl_slice(at, s.len);
}

static const struct pl_slice *put_all(struct cutter *c, const struct pl_slice *from, size_t n)
{
	struct pl_slice *to = c->slices;
	for (size_t i = 0; i < n; i++)
		to[i] = put(c, from[i]);
	c->slices += n;
	return to;
}

static size_t size_of(const struct pl_slice *s, size_t n)
{
	size_t bytes = n * sizeof(*s);
	for (size_t i = 0; i < n; i++)
		bytes += s[i].len;
	return bytes;
}

/* text: with or without an offset in it. NULL: no memory. */
static struct pl_sio_kept *kept_new(const struct pl_sio_event *e, size_t more)
{
	size_t bytes = sizeof(struct pl_sio_kept) + e->packet.len + more +
		       size_of(e->attachments, e->nattachments) +
		       size_of(e->target.rooms, e->target.nrooms) +
		       size_of(e->target.except, e->target.nexcept);
	struct pl_sio_kept *k = pl_alloc(bytes);
	if (!k)
		return NULL;
	*k = (struct pl_sio_kept){.refs = 1, .bytes = bytes, .from = e->from, .number = e->number};
	struct cutter c = {.slices = (struct pl_slice *)(void *)(k + 1)};
	size_t slices = e->nattachments + e->target.nrooms + e->target.nexcept;
	c.bytes = (char *)(c.slices + slices);
	k->attachments = put_all(&c, e->attachments, e->nattachments);
	k->nattachments = e->nattachments;
	k->target =
		(struct pl_sio_target){.nrooms = e->target.nrooms, .nexcept = e->target.nexcept};
	k->target.rooms = put_all(&c, e->target.rooms, e->target.nrooms);
	k->target.except = put_all(&c, e->target.except, e->target.nexcept);
	if (e->target.but) {
		memcpy(k->but, e->target.but->id, SOCKET_ID);
		k->has_but = true;
	}
	k->text = put(&c, e->packet);
	return k;
}

struct pl_slice pl_kept_json(const struct pl_sio_kept *k, const struct pl_sio_event *e)
{
	size_t head = e->packet.len - e->json.len;
	return pl_slice(k->text.at + head, k->text.len - head);
}

struct pl_sio_kept *pl_kept_copy(const struct pl_sio_event *e, struct pl_slice offset)
{
	struct pl_sio_kept *k = kept_new(e, offset.len);
	if (!k)
		return NULL;
	char *at = (char *)(uintptr_t)(k->text.at + k->text.len);
	memcpy(at, offset.at, offset.len);
	k->offset = pl_slice(at, offset.len);
	return k;
}

/* `["x"]` becomes `["x","offset"]`; the text ends its block. */
static void put_offset(const struct pl_sio_record *l, struct pl_sio_kept *k)
{
	char *begin = (char *)(uintptr_t)k->text.at, *at = begin + k->text.len - 1;
	*at++ = ',';
	*at++ = '"';
	char *offset = at;
	memcpy(at, l->name, NAME);
	at += NAME;
	at += put_number(at, k->seq);
	k->offset = pl_slice(offset, (size_t)(at - offset));
	*at++ = '"';
	*at++ = ']';
	k->text.len = (size_t)(at - begin);
}

/* ---- the record ---- */

static struct pl_sio_kept **slot_of(const struct pl_sio_record *l, uint64_t seq)
{
	return &l->ring[seq & (l->cap - 1)];
}

static void drop_first(struct pl_sio_record *l)
{
	struct pl_sio_kept *k = *slot_of(l, l->first++);
	l->bytes -= k->bytes;
	pl_kept_let_go(k);
}

void pl_record_trim(struct pl_sio_record *l, uint64_t now_ms)
{
	while (l->first < l->next && (l->next - l->first > l->max ||
				      (*slot_of(l, l->first))->at_ms + l->keep_ms < now_ms))
		drop_first(l);
	while (l->first + 1 < l->next && l->bytes > RECORD_BYTES)
		drop_first(l);
}

void pl_record_clear(struct pl_sio_record *l)
{
	while (l->first < l->next)
		drop_first(l);
	pl_free(l->ring);
	l->ring = NULL;
	l->cap = 0;
}

void pl_record_free(struct pl_sio_record *l)
{
	if (!l)
		return;
	pl_record_clear(l);
	pl_free(l);
}

/* Room for one more. */
static int reserve(struct pl_sio_record *l)
{
	struct pl_sio_record bigger = *l;
	if (l->next - l->first < l->cap)
		return 0;
	bigger.cap = l->cap ? l->cap * 2 : FIRST_CAP;
	bigger.ring = pl_zalloc(bigger.cap, sizeof(*bigger.ring));
	if (!bigger.ring)
		return PL_ENOMEM;
	for (uint64_t i = l->first; i < l->next; i++)
		*slot_of(&bigger, i) = *slot_of(l, i);
	pl_free(l->ring);
	*l = bigger;
	return 0;
}

struct pl_sio_kept *pl_record_add(struct pl_sio_record *l, const struct pl_sio_event *e)
{
	struct pl_sio_kept *k = reserve(l) ? NULL : kept_new(e, OFFSET_MAX + 3);
	if (!k)
		return NULL;
	k->seq = l->next++;
	k->at_ms = pl_now_ms();
	put_offset(l, k);
	*slot_of(l, k->seq) = k;
	l->bytes += k->bytes;
	pl_record_trim(l, k->at_ms);
	return k;
}

uint64_t pl_record_next(const struct pl_sio_record *l)
{
	return l->next;
}

uint64_t pl_record_first(const struct pl_sio_record *l)
{
	return l->first;
}

struct pl_sio_kept *pl_record_at(const struct pl_sio_record *l, uint64_t seq)
{
	return seq >= l->first && seq < l->next ? *slot_of(l, seq) : NULL;
}

static int value_of(char c)
{
	const char *at = c ? strchr(digits, c) : NULL;
	return at ? (int)(at - digits) : -1;
}

bool pl_record_read(const struct pl_sio_record *l, struct pl_slice offset, uint64_t *seq)
{
	uint64_t n = 0;
	if (offset.len <= NAME || offset.len > OFFSET_MAX || memcmp(offset.at, l->name, NAME) != 0)
		return false;
	for (size_t i = offset.len; i-- > NAME;) {
		int v = value_of(offset.at[i]);
		if (v < 0 || n >> (64 - BITS))
			return false;
		n = n << BITS | (uint64_t)v;
	}
	*seq = n;
	return n && n < l->next;
}
