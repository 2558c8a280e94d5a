/*
 * upload_calls.c - what is asked about uploads: checked, copied, put in the queue of its upload.
 *
 * Invariant:  what waits is bounded, for each upload and in all.
 */
#include "dialect/upload_internal.h"

#include "base/mem.h"
#include "wire/base64.h"

enum {
	WAITING_MAX = 64,             /* questions about one upload */
	WAITING_BYTES = 2 << 20,      /* of these, when they are more than one piece */
	WAITING_BYTES_ALL = 32 << 20, /* of a worker */
	RETRY_MS = 1000,
};

/* To who asked what nothing can be made of. */
static void refuse(const struct pl_upload_ask *ask, enum pl_upload_error error)
{
	struct pl_upload_answer a = {.what = ask->what, .error = error};
	if (error == PL_UPLOAD_BUSY)
		a.retry_ms = RETRY_MS;
	ask->answer(ask->owner, &a);
}

struct pl_upload_call *pl_upload_call_new(const struct pl_upload_ask *ask, size_t n)
{
	struct pl_upload_call *c = pl_alloc(sizeof(*c) + n);
	if (!c)
		return NULL;
	*c = (struct pl_upload_call){.answer = ask->answer,
				     .owner = ask->owner,
				     .origin = ask->origin,
				     .a.what = ask->what};
	return c;
}

static void put(struct pl_upload *u, struct pl_upload_call *c)
{
	*u->last = c;
	u->last = &c->next;
	u->ncalls++;
	u->bytes += c->piece.data.len;
	u->set->bytes += c->piece.data.len;
	pl_list_remove(&u->node);
}

struct pl_upload_call *pl_upload_take(struct pl_upload *u)
{
	struct pl_upload_call *c = u->first;
	if (!c)
		return NULL;
	u->first = c->next;
	if (!u->first)
		u->last = &u->first;
	u->ncalls--;
	u->bytes -= c->piece.data.len;
	u->set->bytes -= c->piece.data.len;
	return c;
}

static int copy_data(const struct pl_upload_ask *ask, size_t cap, struct pl_upload_call *c)
{
	size_t len = ask->data.len;
	int err = 0;
	if (ask->is_base64)
		err = pl_base64_decode(ask->data, c->bytes, cap, &len);
	else if (len)
		memcpy(c->bytes, ask->data.at, len);
	c->piece.data = pl_slice(c->bytes, len);
	return err;
}

static int read_sums(const struct pl_upload_ask *ask, struct pl_upload_call *c)
{
	bool has_crc = false;
	int err = pl_upload_read_hex(ask->sha256, c->sha256, sizeof(c->sha256), &c->has_sha256);
	if (!err)
		err = pl_upload_read_hex(ask->crc32, c->piece.digest, 4, &has_crc);
	if (err || ask->what != PL_UPLOAD_APPEND)
		return err;
	c->piece.sum = has_crc ? PL_FILE_CRC32 : PL_FILE_NO_SUM;
	if (!c->has_sha256)
		return 0;
	c->piece.sum = PL_FILE_SHA256_SUM;
	memcpy(c->piece.digest, c->sha256, sizeof(c->sha256));
	return 0;
}

/* What the data is at most, before it is looked at. */
static size_t size_of_data(const struct pl_upload_ask *ask)
{
	size_t n = ask->what == PL_UPLOAD_APPEND ? ask->data.len : 0, padding = 0;
	if (!ask->is_base64 || n < 4)
		return ask->is_base64 ? 0 : n;
	while (padding < 2 && ask->data.at[n - 1 - padding] == '=')
		padding++;
	return n / 4 * 3 - padding;
}

static struct pl_upload_call *new_call(const struct pl_upload_ask *ask, size_t n, int *err)
{
	struct pl_upload_call *c = pl_upload_call_new(ask, n);
	*err = c ? read_sums(ask, c) : PL_ENOMEM;
	if (!*err && ask->what == PL_UPLOAD_APPEND)
		*err = copy_data(ask, n, c);
	if (!*err) {
		c->piece.offset = ask->offset;
		return c;
	}
	pl_free(c);
	return NULL;
}

static bool has_room(const struct pl_upload *u, size_t n)
{
	return u->ncalls < WAITING_MAX && (!u->bytes || u->bytes + n <= WAITING_BYTES) &&
	       u->set->bytes + n <= WAITING_BYTES_ALL;
}

static void ask_about(struct pl_upload *u, const struct pl_upload_ask *ask, size_t n)
{
	int err = 0;
	struct pl_upload_call *c = has_room(u, n) ? new_call(ask, n, &err) : NULL;
	if (!c) {
		refuse(ask,
		       err == PL_EINVAL || err == PL_ETOOBIG ? PL_UPLOAD_INVALID : PL_UPLOAD_BUSY);
		if (!u->first && !u->is_busy && pl_list_empty(&u->node))
			pl_upload_next(u);
		return;
	}
	c->a.id = u->key.id;
	put(u, c);
	pl_upload_next(u);
}

void pl_uploads_ask(struct pl_uploads *set, const struct pl_upload_ask *ask)
{
	size_t n = size_of_data(ask);
	struct pl_upload_key key = {.user = ask->user};
	if (!set || !set->files) {
		refuse(ask, PL_UPLOAD_OFF);
	} else if (ask->what == PL_UPLOAD_BEGIN) {
		pl_upload_begin(set, ask);
	} else if (pl_file_id_parse(ask->upload, &key.id)) {
		refuse(ask, PL_UPLOAD_UNKNOWN);
	} else if (n > set->options->chunk_bytes) {
		refuse(ask, PL_UPLOAD_CHUNK);
	} else {
		struct pl_upload *u = pl_upload_find(set, &key);
		if (u)
			ask_about(u, ask, n);
		else
			refuse(ask, PL_UPLOAD_BUSY);
	}
}
