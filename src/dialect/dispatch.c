/* dispatch.c - sign-in, rate and fields: checked here, once, for every message of every dialect. */
#include "dialect/dispatch.h"

#include "base/clock.h"

#include <assert.h>
#include <stdalign.h>

const struct pl_message_row *pl_dispatch_find(const struct pl_message_row *const *tables,
					      struct pl_slice name)
{
	for (; *tables; tables++)
		for (const struct pl_message_row *r = *tables; r->name; r++)
			if (pl_slice_is(name, r->name))
				return r;
	return NULL;
}

bool pl_dispatch_admit(struct pl_session *s, uint64_t *retry_ms)
{
	struct pl_hub *hub = s->gateway->hub;
	struct pl_slice mine = pl_slice(&s->peer.id, sizeof(s->peer.id));
	if (!pl_limits_take(hub->limits, PL_LIMIT_REQUESTS, mine, pl_now_ms(), retry_ms))
		return true;
	pl_metric_add(hub->metrics, PL_M_RATE_LIMITED, 1);
	return false;
}

/* The bucket is the user's, on however many connections. */
static bool is_too_fast(const struct pl_message_row *row, struct pl_session *s, uint64_t *retry_ms)
{
	struct pl_hub *hub = s->gateway->hub;
	struct pl_slice user = pl_uuid_slice(&s->peer.user.id);
	if (!row->has_limit ||
	    !pl_limits_take(hub->limits, row->limit, user, pl_now_ms(), retry_ms))
		return false;
	pl_metric_add(hub->metrics, PL_M_RATE_LIMITED, 1);
	return true;
}

struct pl_verdict pl_dispatch(const struct pl_message_row *row, struct pl_session *s,
			      struct pl_slice ref, const struct pl_json *body)
{
	alignas(max_align_t) char in[PL_INPUT_MAX];
	struct pl_verdict v = {.what = PL_NOT_SIGNED_IN};
	assert(row->size <= sizeof(in));
	if (row->who == PL_SIGNED_IN && !pl_session_is_signed_in(s))
		return v;
	memset(in, 0, row->size);
	v.err = row->is_bare && !pl_json_is(body, PL_JSON_OBJECT)
			? pl_schema_read_bare(row->fields, body, in, &v.field)
			: pl_schema_read(row->fields, body, in, &v.field);
	v.what = v.err == PL_ENOTFOUND ? PL_FIELD_MISSING : PL_FIELD_BAD;
	if (v.err)
		return v;
	v.what = PL_TOO_FAST;
	if (is_too_fast(row, s, &v.retry_ms))
		return v;
	v.err = row->handle(s, ref, in);
	v.what = v.err ? PL_FAILED : PL_DONE;
	return v;
}

/* ---- documentation ---- */

static void put_fields(const struct pl_message_row *row, struct pl_buf *out)
{
	for (const struct pl_field *f = row->fields; f && f->name; f++)
		pl_buf_printf(out, "%s`%s`%s", f == row->fields ? "" : ", ", f->name,
			      f->flags & PL_REQUIRED ? "" : "?");
}

static void put_error(struct pl_buf *out, const struct pl_message_row *row, const char *when,
		      const struct pl_words *w)
{
	if (w->code)
		pl_buf_printf(out, "| `%s` | %s | `%s` | %s |\n", row->name, when, w->code,
			      w->text);
}

static void put_field_rows(const struct pl_message_row *row, struct pl_buf *out)
{
	static const char *const types[] = {"string", "whole number", "boolean", "value",
					    "string or whole number"};
	for (const struct pl_field *f = row->fields; f && f->name; f++)
		pl_buf_printf(out, "| `%s` | `%s` | %s%s | %s |\n", row->name, f->name,
			      types[f->type], f->flags & PL_REQUIRED ? "" : ", optional", f->doc);
}

static void put_message_row(const struct pl_message_row *r, struct pl_buf *out)
{
	pl_buf_printf(out, "| `%s` | %s | ", r->name,
		      r->who == PL_SIGNED_IN ? "signed in" : "anyone");
	put_fields(r, out);
	if (r->is_bare)
		PL_PUT(out, ", or its bare value");
	pl_buf_printf(out, " | %s | %s | %s |\n", r->reply, r->others ? r->others : "–", r->doc);
}

static void put_error_rows(const struct pl_message_row *r, struct pl_buf *out)
{
	put_error(out, r, "nobody signed in", &r->denied);
	put_error(out, r, "a required field is missing", &r->missing);
	put_error(out, r, "it names something that is not there", &r->not_found);
	put_error(out, r, "it could not be done", &r->failed);
}

static void each_row(const struct pl_message_row *const *tables, struct pl_buf *out,
		     void (*put)(const struct pl_message_row *, struct pl_buf *))
{
	for (; *tables; tables++)
		for (const struct pl_message_row *r = *tables; r->name; r++)
			put(r, out);
}

void pl_dispatch_document(const struct pl_message_row *const *tables, struct pl_buf *out)
{
	PL_PUT(out,
	       "| message | who | payload | answer | others hear | |\n|---|---|---|---|---|---|\n");
	each_row(tables, out, put_message_row);
	PL_PUT(out, "\n## Fields\n\n| message | field | type | |\n|---|---|---|---|\n");
	each_row(tables, out, put_field_rows);
	PL_PUT(out, "\n## Errors\n\n| message | when | code | text |\n|---|---|---|---|\n");
	each_row(tables, out, put_error_rows);
}
