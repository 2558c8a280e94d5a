/* upload_words.c - what is said of uploads: answers to who asked, and the message that carries the
 * file. */
#include "dialect/upload.h"

#include "wire/json_write.h"

enum { WORDS_MAX = 16384 };

static const struct {
	const char *code, *text;
} errors[] = {
#define X(id, code, text) [PL_UPLOAD_##id] = {code, text},
	PL_UPLOAD_ERROR_MAP(X)
#undef X
};

const char *pl_upload_error_code(enum pl_upload_error e)
{
	return errors[e].code;
}

const char *pl_upload_error_text(enum pl_upload_error e)
{
	return errors[e].text;
}

/* ---- pieces of JSON ---- */

static void put_id(struct pl_buf *b, const char *name, const struct pl_uuid *id)
{
	char text[PL_FILE_ID_TEXT];
	pl_file_id_format(id, text);
	pl_buf_printf(b, ",\"%s\":\"%.*s\"", name, (int)sizeof(text), text);
}

static void put_number(struct pl_buf *b, const char *name, uint64_t n)
{
	pl_buf_printf(b, ",\"%s\":%llu", name, (unsigned long long)n);
}

static void put_text(struct pl_buf *b, const char *name, struct pl_slice text)
{
	pl_buf_printf(b, ",\"%s\":", name);
	pl_json_put_str(b, text);
}

static void put_url(struct pl_buf *b, const struct pl_uuid *id)
{
	char text[PL_FILE_ID_TEXT];
	pl_file_id_format(id, text);
	pl_buf_printf(b, "/files/%.*s", (int)sizeof(text), text);
}

static void put_sha256(struct pl_buf *b, const uint8_t sum[PL_FILE_SHA256])
{
	PL_PUT(b, ",\"sha256\":\"");
	for (size_t i = 0; i < PL_FILE_SHA256; i++)
		pl_buf_printf(b, "%02x", sum[i]);
	PL_PUT(b, "\"");
}

/* ---- answers ---- */

static void put_file(struct pl_buf *b, const struct pl_upload_answer *a)
{
	PL_PUT(b, ",\"complete\":true");
	put_id(b, "fileId", &a->id);
	PL_PUT(b, ",\"url\":\"");
	put_url(b, &a->id);
	PL_PUT(b, "\"");
	put_id(b, "messageId", &a->message);
	put_text(b, "name", a->name);
	put_text(b, "type", a->type);
	put_sha256(b, a->sha256);
}

void pl_upload_put_answer(struct pl_buf *b, const struct pl_upload_answer *a)
{
	bool begins = a->what == PL_UPLOAD_BEGIN || a->what == PL_UPLOAD_RESUME;
	bool tells_file = a->what == PL_UPLOAD_FINISH || a->what == PL_UPLOAD_RESUME;
	if (a->error) {
		PL_PUT(b, "{\"error\":");
		pl_json_put_str(b, pl_slice_str(pl_upload_error_text(a->error)));
		put_text(b, "code", pl_slice_str(pl_upload_error_code(a->error)));
	} else {
		PL_PUT(b, "{\"success\":true");
	}
	if (!pl_uuid_is_nil(&a->id))
		put_id(b, "uploadId", &a->id);
	if (a->has_offset)
		put_number(b, "offset", a->offset);
	if (a->error && a->retry_ms)
		put_number(b, "retryAfterMs", a->retry_ms);
	if (!a->error && a->has_offset && (begins || tells_file))
		put_number(b, "size", a->size);
	if (!a->error && begins)
		put_number(b, "chunkSize", a->chunk_bytes);
	if (!a->error && tells_file && !pl_uuid_is_nil(&a->message))
		put_file(b, a);
	PL_PUT(b, "}");
}

/* ---- the message ---- */

static void put_metadata(struct pl_buf *b, const struct pl_file *f)
{
	char id[PL_FILE_ID_TEXT];
	pl_file_id_format(&f->id, id);
	pl_buf_printf(b, "{\"file\":{\"id\":\"%.*s\",\"url\":\"", (int)sizeof(id), id);
	put_url(b, &f->id);
	PL_PUT(b, "\"");
	put_text(b, "name", f->name);
	put_number(b, "size", f->size);
	put_text(b, "type", f->type);
	put_sha256(b, f->sha256);
	PL_PUT(b, "}}");
}

void pl_upload_put_file(struct pl_buf *b, const struct pl_message *m)
{
	if (!(m->format & PL_UPLOAD_FORMAT) || m->metadata.len < 2)
		return;
	/* {"file":{...}}, as it stands above. */
	PL_PUT(b, ",");
	pl_buf_put(b, m->metadata.at + 1, m->metadata.len - 2);
}

/* For clients that show text and nothing else: the name, and where it is. */
static void put_content(struct pl_buf *b, const struct pl_file *f)
{
	pl_buf_puts(b, f->name);
	pl_buf_putc(b, ' ');
	put_url(b, &f->id);
}

static int take(struct pl_op *op, struct pl_buf *b, struct pl_slice *out)
{
	int err = b->err ? b->err : pl_arena_copy(&op->arena, pl_buf_slice(b), out);
	pl_buf_clear(b);
	return err ? PL_ENOMEM : 0;
}

int pl_upload_fill_message(struct pl_op *op, const struct pl_file *f)
{
	struct pl_buf b;
	pl_buf_init(&b, WORDS_MAX);
	put_content(&b, f);
	int err = take(op, &b, &op->send.content);
	put_metadata(&b, f);
	if (!err)
		err = take(op, &b, &op->send.metadata);
	pl_buf_fini(&b);
	op->send.kind = PL_S("file");
	op->send.format = PL_UPLOAD_FORMAT;
	return err;
}
