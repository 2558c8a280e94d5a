/*
 * fuzz/fields.c - any bytes into the public JSON: as a message that is asked everything, and as the
 * keys and texts of an object. What is written must parse, and say what was put in.
 */
#include "fuzz.h"

#include "handler/internal.h"

static struct pl_json_parser *parser, *again;

static void ask(const parley_json *v, const char *key)
{
	int64_t i;
	double d;
	const parley_json *member = parley_get(v, key);
	struct parley_slice text = parley_str(v, key);
	bool is_string = parley_json_type(member) == PARLEY_JSON_STRING;
	bool is_int = parley_json_type(member) == PARLEY_JSON_INT;
	bool is_number = parley_json_type(member) == PARLEY_JSON_NUMBER;
	MUST(is_string == (text.at != NULL));
	MUST(parley_i64(v, key, &i) == is_int);
	MUST(parley_f64(v, key, &d) == (is_int || is_number));
	MUST(!member || parley_slice_eq(parley_key(member), parley_cstr(key)));
	MUST(!parley_is(v, key, "no") || is_string);
	(void)parley_bool(v, key, true);
}

/* Depth first over the first values; how many there are is the parser's business. */
static void walk(const parley_json *v)
{
	for (int left = 64; v && left; left--) {
		struct parley_slice key = parley_key(v);
		MUST(parley_raw(v).at);
		MUST((parley_text(v).at != NULL) == (parley_json_type(v) == PARLEY_JSON_STRING));
		(void)key;
		ask(v, "a");
		v = parley_first(v) ? parley_first(v) : parley_next(v);
	}
}

static void write_and_read(struct pl_slice data, const parley_json *v)
{
	const struct pl_json *root = NULL;
	struct pl_buf b;
	struct parley_slice text = parley_slice(data.at ? data.at : "", data.len);
	pl_buf_init(&b, 1 << 20);
	MUST(!pl_fields_write(&b, PARLEY_OBJ(parley_kstr("text", text), parley_kjson("json", v),
					     parley_kint("n", (int64_t)data.len))));
	MUST(!pl_json_parse(again, pl_buf_slice(&b), &root));
	struct pl_slice back = pl_json_get_str(root, "text");
	if (pl_utf8_valid(data))
		MUST(pl_slice_eq(back, data));
	MUST(pl_utf8_valid(back));
	struct parley_slice raw = parley_raw(v);
	if (v)
		MUST(pl_slice_eq(pl_json_get(root, "json")->raw, pl_slice(raw.at, raw.len)));
	else
		MUST(pl_json_is(pl_json_get(root, "json"), PL_JSON_NULL));
	pl_buf_fini(&b);
}

static void cut(struct pl_slice data)
{
	char out[REASON_MAX];
	struct pl_slice s = pl_text_cut(data, out, sizeof(out));
	MUST(s.len <= sizeof(out) && pl_utf8_valid(s));
	if (pl_utf8_valid(data))
		MUST(pl_slice_eq(s, pl_utf8_cut(data, sizeof(out))));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct pl_json *root = NULL;
	struct pl_slice in = pl_slice(data, size);
	if (size > 65536)
		return 0;
	if (!parser &&
	    (pl_json_parser_new(1 << 16, &parser) || pl_json_parser_new(1 << 20, &again)))
		return 0;
	if (pl_json_parse(parser, in, &root))
		root = NULL;
	const parley_json *v = (const parley_json *)(const void *)root;
	walk(v);
	write_and_read(in, v);
	cut(in);
	return 0;
}
