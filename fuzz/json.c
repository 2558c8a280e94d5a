/*
 * fuzz/json.c - any bytes into the JSON parser. What it accepts must hang together: each value's
 * source text parses to the same value again, and each string survives being written. What is
 * mended is as long as before, and whole.
 */
#include "fuzz.h"

#include "base/buf.h"
#include "wire/json.h"
#include "wire/json_mend.h"
#include "wire/json_write.h"

static void check_again(struct pl_json_parser *again, const struct pl_json *v, struct pl_buf *b)
{
	const struct pl_json *copy = NULL;
	MUST(!pl_json_parse(again, v->raw, &copy));
	MUST(copy->type == v->type && copy->count == v->count && copy->offset == 0);
	MUST(pl_slice_eq(copy->str, v->str) && pl_slice_eq(copy->raw, v->raw));
	if (v->type != PL_JSON_STRING)
		return;
	pl_buf_clear(b);
	pl_json_put_str(b, v->str);
	MUST(!b->err && !pl_json_parse(again, pl_buf_slice(b), &copy));
	MUST(pl_slice_eq(copy->str, v->str));
}

static void check_mended(struct pl_slice text)
{
	struct pl_buf b, again;
	pl_buf_init(&b, text.len);
	pl_buf_init(&again, text.len);
	if (pl_json_mend(text, &b)) {
		MUST(!b.err && b.len == text.len);
		MUST(!pl_json_mend(pl_buf_slice(&b), &again));
	}
	MUST(!again.len);
	pl_buf_fini(&b);
	pl_buf_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pl_json_parser *parser, *again;
	if (!parser &&
	    (pl_json_parser_new(1 << 16, &parser) || pl_json_parser_new(1 << 19, &again)))
		return 0;
	check_mended(pl_slice(data, size));
	const struct pl_json *root = NULL;
	if (pl_json_parse(parser, pl_slice(data, size), &root)) {
		MUST(pl_json_error_at(parser) <= size);
		return 0;
	}
	struct pl_buf b;
	pl_buf_init(&b, 1 << 19);
	const struct pl_json *v = root;
	int left = 64; /* a walk over the first ones: depth first, then next */
	while (v && left--) {
		MUST(v->raw.len <= size && v->offset + v->raw.len <= size);
		MUST(!memcmp(v->raw.at, data + v->offset, v->raw.len));
		check_again(again, v, &b);
		v = v->child ? v->child : v->next;
	}
	pl_buf_fini(&b);
	return 0;
}
