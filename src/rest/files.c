/*
 * files.c - GET /files/ID: a complete file, for who may see the message that carries it. Whether
 * that is so is asked each time.
 *
 *     request ──► token ──► store (the row, the membership) ──► head ──► files (a piece) ──► piece
 * ...
 *
 * It is only ever an attachment, of a type that runs nothing: what lies in it came from anybody.
 *
 * Invariants:  a download is on its way with one op, then with the connection that it answers, and
 * at most one job;  it ends when the connection has let go of it and no job is under way.
 */
#include "rest/file_head.h"

#include "base/frame.h"
#include "base/mem.h"
#include "rest/visit.h"
#include "wire/filename.h"
#include "wire/url.h"

enum {
	DOWNLOADS_MAX = 1024, /* of a worker at a time */
	PIECE = 128 << 10,
	AGAIN_MS = 30,
	RETRY_MS = 2000,
};

struct download {
	struct pl_rest *rest;
	struct pl_conn *conn; /* NULL: it went away */
	struct pl_cors from;
	struct pl_request *request; /* until it is answered */
	struct pl_uuid id;
	uint64_t first, length; /* of the part that is sent */
	/* The piece that is wanted; its job and its bytes, while it is read. */
	uint64_t at;
	size_t max;
	bool is_reading, is_over;
	struct pl_frame *piece;
	struct pl_timer again;
};

static void end(struct download *d)
{
	d->rest->downloads--;
	pl_timer_stop(&d->again);
	pl_frame_release(d->piece);
	pl_free(d->request);
	pl_free(d);
}

void pl_rest_file_gone(struct pl_conn *c)
{
	struct download *d = pl_conn_user(c);
	if (d)
		d->conn = NULL;
}

/* ---- pieces ---- */

static void read_piece(struct download *d);

/* The head said how long it is: without the bytes the connection cannot go on. */
static void give(struct download *d, struct pl_frame *piece)
{
	d->piece = NULL;
	pl_conn_body(d->conn, piece);
	pl_frame_release(piece);
}

static void on_read(struct pl_file_job *j)
{
	struct download *d = j->owner;
	int err = j->err;
	pl_file_job_free(j);
	d->is_reading = false;
	if (d->is_over) {
		end(d);
		return;
	}
	if (!err) {
		give(d, d->piece);
		return;
	}
	if (err != PL_ECLOSED)
		pl_log(d->rest->hub->log, PL_ERROR, "files", "a file cannot be read: %s",
		       pl_strerror(err));
	pl_frame_release(d->piece);
	give(d, NULL);
}

static int start_reading(struct download *d)
{
	size_t n = d->max < PIECE ? d->max : PIECE;
	uint64_t left = d->first + d->length - d->at;
	n = left < n ? (size_t)left : n;
	struct pl_file_job *j = pl_file_job_new(PL_FILE_READ, d->rest->hub->loop, on_read, d);
	d->piece = pl_frame_new(n);
	if (!j || !d->piece) {
		pl_file_job_free(j);
		return PL_ENOMEM;
	}
	j->id = d->id;
	j->offset = d->at;
	j->at = d->piece->at;
	j->len = n;
	int err = pl_files_submit(d->rest->files, j);
	if (err)
		pl_file_job_free(j);
	d->is_reading = !err;
	return err;
}

static void read_piece(struct download *d)
{
	int err = start_reading(d);
	if (!err)
		return;
	pl_frame_release(d->piece);
	d->piece = NULL;
	if (err == PL_EBUSY || err == PL_ENOMEM)
		pl_timer_set(d->rest->hub->loop, &d->again, AGAIN_MS);
	else
		give(d, NULL);
}

static void on_again(struct pl_timer *t)
{
	read_piece(PL_CONTAINER(t, struct download, again));
}

static void want(struct pl_conn *c, void *ctx, uint64_t offset, size_t max)
{
	struct download *d = ctx;
	d->conn = c;
	d->at = d->first + offset;
	d->max = max;
	read_piece(d);
}

static void done(void *ctx, bool is_whole)
{
	struct download *d = ctx;
	(void)is_whole;
	d->is_over = true;
	pl_timer_stop(&d->again);
	if (!d->is_reading)
		end(d);
}

/* ---- the answer ---- */

/* True: the connection has the download now. */
static bool respond(struct download *d, struct pl_http_reply *reply)
{
	struct pl_conn *c = d->conn;
	bool has_body = reply->status == 200 || reply->status == 206;
	struct pl_body_source source = {.length = d->length, .want = want, .done = done, .ctx = d};
	if (!has_body || !d->length) {
		pl_conn_respond(c, reply);
		return false;
	}
	int err = pl_conn_respond_from(c, reply, &source);
	if (err)
		pl_cors_fail(c, &d->from, 503, "No memory for the answer", RETRY_MS);
	return !err;
}

static void answer(struct download *d, const struct pl_file *f)
{
	struct pl_file_head h;
	struct pl_range part;
	pl_file_head_begin(&h, &d->from, f);
	unsigned status = pl_file_head_part(&h, d->request->http, f, &part);
	d->first = part.first;
	d->length = part.length;
	struct pl_http_reply reply = {.status = status,
				      .type = pl_media_type_safe(f->type),
				      .headers = h.list,
				      .header_count = h.n};
	bool is_sent = status == 200 || status == 206;
	if (is_sent && d->request->http->method == PL_HTTP_GET)
		pl_metric_add(d->rest->hub->metrics, PL_M_DOWNLOADS, 1);
	bool is_kept = !h.disposition.err && respond(d, &reply);
	if (h.disposition.err)
		pl_cors_fail(d->conn, &d->from, 503, "No memory for the answer", RETRY_MS);
	pl_buf_fini(&h.disposition);
	if (!is_kept)
		end(d);
}

/* ---- the request ---- */

static void refuse(struct download *d, int err)
{
	if (err == PL_EDENIED)
		pl_cors_fail(d->conn, &d->from, 401, "Unauthorized", 0);
	else if (err == PL_ENOTFOUND)
		pl_cors_fail(d->conn, &d->from, 404, "No such file", 0);
	else
		pl_cors_fail(d->conn, &d->from, 503, "Not now", RETRY_MS);
}

static void on_found(struct pl_op *op)
{
	struct download *d = op->owner;
	if (d->conn)
		pl_conn_set_user(d->conn, NULL);
	if (d->conn && !op->err) {
		d->id = op->file_find.file.id;
		answer(d, &op->file_find.file);
	} else {
		if (d->conn)
			refuse(d, op->err);
		end(d);
	}
	pl_op_free(op);
}

static struct pl_slice find_token(const struct pl_http_request *q, struct pl_arena *a)
{
	struct pl_slice authorization, query = {NULL, 0}, decoded;
	int err = pl_http_header_one(&q->head, "Authorization", &authorization);
	if (err == PL_EINVAL) /* two of them: whoever stands between may have believed the other */
		return query;
	if (err)
		authorization = query;
	if (pl_query_get(q->query, "token", a, &query))
		query = (struct pl_slice){NULL, 0};
	struct pl_slice token =
		pl_token_find(authorization, query, pl_http_header(&q->head, "Cookie"));
	return token.len && !pl_percent_decode(token, false, a, &decoded) ? decoded : token;
}

static int check_token(struct pl_rest *r, const struct pl_request *q, struct pl_op *op)
{
	struct pl_identity who;
	struct pl_slice token = find_token(q->http, &op->arena);
	int err = pl_visit_check(r, token, &op->arena, &who);
	if (err)
		return err;
	op->file_find.subject = who.subject;
	op->file_find.issued_s = who.issued_s;
	return 0;
}

static bool read_id(struct pl_slice path, struct pl_uuid *out)
{
	struct pl_slice head = PL_S("/files/");
	return pl_slice_starts(path, head) &&
	       !pl_file_id_parse(pl_slice(path.at + head.len, path.len - head.len), out);
}

static void begin(struct pl_rest *r, struct pl_conn *c, const struct pl_request *q,
		  const struct pl_cors *from, struct pl_op *op)
{
	struct download *d = PL_NEW(struct download);
	struct pl_request *request = d ? pl_request_keep(q) : NULL;
	if (!request) {
		pl_free(d);
		pl_op_free(op);
		pl_cors_fail(c, from, 503, "No memory for the request", RETRY_MS);
		return;
	}
	*d = (struct download){.rest = r, .conn = c, .from = *from, .request = request};
	pl_timer_init(&d->again, on_again);
	r->downloads++;
	op->owner = d;
	pl_conn_set_user(c, d);
	pl_hub_submit(r->hub, op);
}

void pl_rest_file(struct pl_rest *r, struct pl_conn *c, const struct pl_request *q)
{
	struct pl_cors from;
	struct pl_uuid id;
	if (!pl_cors_enter(&from, c, q))
		return;
	if (!r->files || !read_id(q->http->path, &id)) {
		pl_cors_fail(c, &from, 404, "No such file", 0);
		return;
	}
	if (r->downloads >= DOWNLOADS_MAX) {
		pl_cors_fail(c, &from, 503, "Too many downloads", RETRY_MS);
		return;
	}
	struct pl_op *op = pl_op_new(PL_OP_FILE_FIND, r->hub->loop, on_found, NULL);
	int err = op ? check_token(r, q, op) : PL_ENOMEM;
	if (err) {
		pl_op_free(op);
		pl_visit_turn_away(r, c, &from, err);
		return;
	}
	op->file_find.id = id;
	begin(r, c, q, &from, op);
}
