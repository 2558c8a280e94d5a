/*
 * socketio_files.c - upload-start, upload-chunk, upload-resume, upload-complete, upload-abort: from
 * the event to the question (upload.h), from the answer to the acknowledgement. Their table stands
 * at the end.
 */
#include "dialect/socketio_internal.h"

#include "dialect/upload.h"

enum {
	ID_MAX = PL_FILE_ID_TEXT,
	NAME_MAX_BYTES = 4096, /* with its path, which is cut off */
	TYPE_MAX_BYTES = 1024,
	HEX_MAX = 2 * PL_FILE_SHA256,
	SMALL = 16384, /* bytes of a piece that costs a request; larger ones cost their bytes */
};

/* What any of them may bring. */
struct in_upload {
	struct pl_slice room, to, name, type, upload, sha256, crc32;
	const struct pl_json *size, *offset, *data;
};

#define FIELD(member, name, type, flags, max, doc) \
	PL_FIELD(struct in_upload, member, name, type, flags, max, doc)
#define UPLOAD_ID \
	FIELD(upload, "uploadId", PL_STR, PL_REQUIRED, ID_MAX, "as `upload-start` gave it")
#define SHA256_OF(what) \
	FIELD(sha256, "sha256", PL_STR, 0, HEX_MAX, "of " what ", in hexadecimal digits")

static const struct pl_field start_fields[] = {
	FIELD(room, "roomId", PL_NAME, 0, PL_SOCKETIO_ROOM_MAX,
	      "room that the file is for, which the user joined (or `targetUserId`)"),
	FIELD(to, "targetUserId", PL_NAME, 0, PL_SOCKETIO_NAME_MAX,
	      "user that it is for: an id, else a username"),
	FIELD(name, "name", PL_STR, PL_REQUIRED, NAME_MAX_BYTES,
	      "what the file is called; a path before it is cut off"),
	FIELD(size, "size", PL_NODE, PL_REQUIRED, 0, "its bytes, a whole number"),
	FIELD(type, "type", PL_STR, 0, TYPE_MAX_BYTES,
	      "its media type, else `application/octet-stream`"),
	SHA256_OF("the file, checked before it is complete"),
	{0},
};

static const struct pl_field chunk_fields[] = {
	UPLOAD_ID,
	FIELD(offset, "offset", PL_NODE, PL_REQUIRED, 0,
	      "where the bytes belong: how many came before"),
	FIELD(data, "data", PL_NODE, PL_REQUIRED, 0,
	      "the bytes, at most `chunkSize`: binary, or a string of base64"),
	SHA256_OF("these bytes"),
	FIELD(crc32, "crc32", PL_STR, 0, 8, "of these bytes, in eight hexadecimal digits"),
	{0},
};

static const struct pl_field complete_fields[] = {
	UPLOAD_ID,
	SHA256_OF("the file, checked before it is complete"),
	{0},
};

static const struct pl_field id_fields[] = {UPLOAD_ID, {0}};

/* ---- answers ---- */

/* The operation is a ticket: it is never submitted, but keeps the session and knows the ref. */
static void answered(void *owner, const struct pl_upload_answer *a)
{
	struct pl_op *ticket = owner;
	struct pl_session *s = pl_socketio_answering(ticket);
	if (s) {
		struct pl_buf *b = pl_session_out(s);
		PL_PUT(b, "[");
		pl_upload_put_answer(b, a);
		pl_socketio_acknowledge(s, pl_session_ref(ticket), b);
	}
	pl_session_done(ticket);
}

static int ask(struct pl_session *s, struct pl_slice ref, struct pl_upload_ask *a)
{
	struct pl_op *ticket = pl_session_op(s, PL_OP_FILE_RESUME, NULL, ref);
	if (!ticket)
		return PL_ENOMEM;
	a->user = s->peer.user.id;
	a->origin = s->peer.id;
	a->answer = answered;
	a->owner = ticket;
	pl_uploads_ask(s->gateway->uploads, a);
	return 0;
}

static int refuse(struct pl_session *s, struct pl_slice ref, enum pl_upload_what what,
		  enum pl_upload_error error, uint64_t retry_ms)
{
	struct pl_op *ticket = pl_session_op(s, PL_OP_FILE_RESUME, NULL, ref);
	struct pl_upload_answer a = {.what = what, .error = error, .retry_ms = retry_ms};
	if (!ticket)
		return PL_ENOMEM;
	answered(ticket, &a);
	return 0;
}

/* ---- events ---- */

static bool read_count(const struct pl_json *v, uint64_t *out)
{
	if (!pl_json_is(v, PL_JSON_INT) || v->integer < 0)
		return false;
	*out = (uint64_t)v->integer;
	return true;
}

static struct pl_upload_ask ask_of(const struct in_upload *m, enum pl_upload_what what)
{
	return (struct pl_upload_ask){.what = what,
				      .upload = m->upload,
				      .sha256 = m->sha256,
				      .crc32 = m->crc32,
				      .room = m->room,
				      .to = m->to,
				      .name = m->name,
				      .type = m->type};
}

static int on_start(struct pl_session *s, struct pl_slice ref, const void *in)
{
	const struct in_upload *m = in;
	struct pl_upload_ask a = ask_of(m, PL_UPLOAD_BEGIN);
	a.in_group = true; /* who is no member must join first */
	if (!read_count(m->size, &a.size))
		return refuse(s, ref, a.what, PL_UPLOAD_INVALID, 0);
	return ask(s, ref, &a);
}

/* A large piece takes its time by itself; many small ones are requests like others. */
static bool is_too_fast(struct pl_session *s, size_t n, uint64_t *retry_ms)
{
	return n < SMALL && !pl_dispatch_admit(s, retry_ms);
}

static int on_chunk(struct pl_session *s, struct pl_slice ref, const void *in)
{
	const struct in_upload *m = in;
	struct pl_upload_ask a = ask_of(m, PL_UPLOAD_APPEND);
	uint64_t retry_ms = 0;
	a.data = pl_socketio_binary(s, m->data);
	if (!a.data.at && pl_json_is(m->data, PL_JSON_STRING)) {
		a.data = m->data->str;
		a.is_base64 = true;
	}
	if (is_too_fast(s, a.data.len, &retry_ms))
		return refuse(s, ref, a.what, PL_UPLOAD_RATE, retry_ms);
	if (!a.data.at || !read_count(m->offset, &a.offset))
		return refuse(s, ref, a.what, PL_UPLOAD_INVALID, 0);
	return ask(s, ref, &a);
}

static int on_resume(struct pl_session *s, struct pl_slice ref, const void *in)
{
	struct pl_upload_ask a = ask_of(in, PL_UPLOAD_RESUME);
	return ask(s, ref, &a);
}

static int on_complete(struct pl_session *s, struct pl_slice ref, const void *in)
{
	struct pl_upload_ask a = ask_of(in, PL_UPLOAD_FINISH);
	return ask(s, ref, &a);
}

static int on_abort(struct pl_session *s, struct pl_slice ref, const void *in)
{
	struct pl_upload_ask a = ask_of(in, PL_UPLOAD_ABORT);
	return ask(s, ref, &a);
}

#define INVALID PL_SOCKETIO_SAYS("Invalid upload request")
#define FAILED  PL_SOCKETIO_SAYS("Internal server error")

const struct pl_message_row pl_socketio_files[] = {
	{.name = "upload-start",
	 .who = PL_SIGNED_IN,
	 PL_IN(start_fields, struct in_upload),
	 .handle = on_start,
	 .missing = INVALID,
	 .failed = FAILED,
	 .reply = "`{success, uploadId, offset: 0, size, chunkSize}`, or `{error, code}`",
	 .doc = "Begin to send a file in pieces ([files](../files.md))."},
	{.name = "upload-chunk",
	 .who = PL_SIGNED_IN,
	 .is_bulk = true,
	 PL_IN(chunk_fields, struct in_upload),
	 .handle = on_chunk,
	 .missing = INVALID,
	 .failed = FAILED,
	 .reply = "`{success, uploadId, offset}`, when the bytes are on disk; or `{error, code, "
		  "offset}`: where it stands",
	 .doc = "The next piece. More may be sent before the answer: they are taken in order."},
	{.name = "upload-resume",
	 .who = PL_SIGNED_IN,
	 PL_IN(id_fields, struct in_upload),
	 .handle = on_resume,
	 .missing = INVALID,
	 .failed = FAILED,
	 .reply = "`{success, uploadId, offset, size, chunkSize}`; of a complete one also what "
		  "`upload-complete` answers",
	 .doc = "Where an upload stands, after whatever broke."},
	{.name = "upload-complete",
	 .who = PL_SIGNED_IN,
	 PL_IN(complete_fields, struct in_upload),
	 .handle = on_complete,
	 .missing = INVALID,
	 .failed = FAILED,
	 .reply = "`{success, uploadId, offset, size, complete, fileId, url, messageId, name, "
		  "type, sha256}`, after everybody heard of it",
	 .others = "`new-message` or `private-message` with `file: {id, url, name, size, type, "
		   "sha256}`",
	 .doc = "Everything was sent. Asked again, it is answered again."},
	{.name = "upload-abort",
	 .who = PL_SIGNED_IN,
	 PL_IN(id_fields, struct in_upload),
	 .handle = on_abort,
	 .missing = INVALID,
	 .failed = FAILED,
	 .reply = "`{success, uploadId}`",
	 .doc = "Forget an unfinished upload."},
	{0},
};
