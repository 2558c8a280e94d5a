/*
 * config_file.c - the level of the file: JSON with nested objects or dotted keys. What a value
 * may be is decided by option_value.c; here its JSON type is, and where it stands.
 *
 * Goes on after a mistake: all of them are reported, each with its line.
 */
#include "server/options.h"

#include "wire/json.h"

enum { NAME_MAX_BYTES = 256 };

struct reading {
	struct pl_config *config;
	struct pl_findings *findings;
	struct pl_slice text;
	uint32_t first_line[PL_CONFIG_OPTIONS_MAX]; /* where an option was given; 0: not yet */
};

/* Columns count characters, as editors do. */
static struct pl_config_origin place(const struct reading *r, size_t offset)
{
	struct pl_config_origin from = {.level = PL_FROM_FILE, .line = 1, .column = 1};
	for (size_t i = 0; i < offset && i < r->text.len; i++)
		if (r->text.at[i] == '\n') {
			from.line++;
			from.column = 1;
		} else if (((uint8_t)r->text.at[i] & 0xc0) != 0x80) {
			from.column++;
		}
	return from;
}

/* Back from a member's value over the colon to the quote that opens its key. */
static size_t key_offset(struct pl_slice text, size_t value)
{
	size_t at = value;
	while (at && text.at[at - 1] != '"') /* white space and the colon */
		at--;
	at = at ? at - 1 : 0; /* the closing quote */
	while (at) {
		at--;
		size_t slashes = 0;
		while (slashes < at && text.at[at - 1 - slashes] == '\\')
			slashes++;
		if (text.at[at] == '"' && slashes % 2 == 0)
			return at;
	}
	return value;
}

static const char *type_name(enum pl_json_type type)
{
	static const char *const names[] = {
		[PL_JSON_NULL] = "null",        [PL_JSON_BOOL] = "true or false",
		[PL_JSON_INT] = "a number",     [PL_JSON_NUMBER] = "a fraction",
		[PL_JSON_STRING] = "a string",  [PL_JSON_ARRAY] = "an array",
		[PL_JSON_OBJECT] = "an object",
	};
	return names[type];
}

static const char *wanted(enum pl_option_type type)
{
	switch (type) {
	case PL_OPT_BOOL: return "true or false";
	case PL_OPT_INT: return "a whole number";
	case PL_OPT_MILLIS: return "a time such as \"30s\"";
	case PL_OPT_BYTES: return "a size such as \"64KiB\"";
	case PL_OPT_LIST:
	case PL_OPT_LISTEN: return "an array of strings";
	default: return "a string";
	}
}

static bool type_fits(enum pl_option_type want, enum pl_json_type have)
{
	switch (want) {
	case PL_OPT_BOOL: return have == PL_JSON_BOOL;
	case PL_OPT_INT: return have == PL_JSON_INT;
	case PL_OPT_MILLIS:
	case PL_OPT_BYTES: return have == PL_JSON_INT || have == PL_JSON_STRING;
	case PL_OPT_LIST:
	case PL_OPT_LISTEN: return have == PL_JSON_ARRAY || have == PL_JSON_STRING;
	default: return have == PL_JSON_STRING;
	}
}

static int take_items(struct reading *r, const struct pl_option *o, const struct pl_json *array)
{
	int err = pl_config_assign(r->config, o, PL_S(""), place(r, array->offset), false,
				   r->findings);
	PL_JSON_EACH(item, array)
	{
		struct pl_config_origin from = place(r, item->offset);
		if (err)
			return err;
		if (item->type != PL_JSON_STRING)
			pl_findings_add(r->findings, true, r->config, from,
					"%s: an item must be a string, not %s", o->name,
					type_name(item->type));
		else
			err = pl_config_assign(r->config, o, item->str, from, true, r->findings);
	}
	r->config->from[pl_option_row(o)] = place(r, array->offset);
	return err;
}

static int take_option(struct reading *r, const struct pl_option *o, const struct pl_json *v)
{
	struct pl_config_origin from = place(r, v->offset);
	uint32_t *first = &r->first_line[pl_option_row(o)];
	if (*first) {
		pl_findings_add(r->findings, true, r->config, from,
				"%s is given twice, first on line %u", o->name, *first);
		return 0;
	}
	*first = from.line;
	if (!type_fits(o->type, v->type)) {
		pl_findings_add(r->findings, true, r->config, from, "%s must be %s, not %s",
				o->name, wanted(o->type), type_name(v->type));
		return 0;
	}
	if (v->type == PL_JSON_ARRAY)
		return take_items(r, o, v);
	struct pl_slice text = v->type == PL_JSON_STRING ? v->str : v->raw;
	return pl_config_assign(r->config, o, text, from, false, r->findings);
}

/* Whether some option's name goes on with a dot after this. */
static bool is_prefix(struct pl_slice name)
{
	for (size_t i = 0; i < pl_option_count; i++)
		if (pl_slice_starts(pl_slice_str(pl_options[i].name), name) &&
		    pl_options[i].name[name.len] == '.')
			return true;
	return false;
}

/* Depth is bounded by the dots in the table's names: only a known prefix is entered. */
static int take_object(struct reading *r, struct pl_slice prefix, const struct pl_json *object)
{
	char storage[NAME_MAX_BYTES];
	int err = 0;
	PL_JSON_EACH(v, object)
	{
		size_t room = sizeof(storage) - prefix.len;
		size_t len = v->key.len < room ? v->key.len : room;
		memcpy(storage, prefix.at, prefix.len);
		memcpy(storage + prefix.len, v->key.at, len);
		struct pl_slice name = pl_slice(storage, prefix.len + len);
		const struct pl_option *o = pl_option_find(name);
		if (o)
			err = take_option(r, o, v);
		else if (!is_prefix(name) || v->type != PL_JSON_OBJECT || len + 1 >= room)
			pl_findings_add(r->findings, true, r->config,
					place(r, key_offset(r->text, v->offset)),
					is_prefix(name) ? "\"%.*s\" must be an object"
							: "unknown option \"%.*s\"",
					(int)(name.len < 100 ? name.len : 100), name.at);
		else {
			storage[name.len++] = '.';
			err = take_object(r, name, v);
		}
		if (err)
			return err;
	}
	return 0;
}

static void refuse_text(struct reading *r, int err, uint32_t offset)
{
	const char *why = "this is not JSON";
	if (err == PL_ETOOBIG)
		why = "too large, too deep or too many keys";
	else if (err == PL_EEXISTS)
		why = "a key stands twice in one object";
	pl_findings_add(r->findings, true, r->config, place(r, offset), "%s", why);
}

int pl_config_file(struct pl_config *c, struct pl_slice json, struct pl_findings *f)
{
	struct reading r = {.config = c, .findings = f, .text = json};
	struct pl_json_parser *parser;
	const struct pl_json *root;
	int err = pl_json_parser_new(PL_CONFIG_FILE_MAX, &parser);
	if (err)
		return err;
	err = pl_json_parse(parser, json, &root);
	if (err && err != PL_ENOMEM) {
		refuse_text(&r, err, pl_json_error_at(parser));
		err = 0;
	} else if (!err && root->type != PL_JSON_OBJECT) {
		pl_findings_add(f, true, c, place(&r, root->offset),
				"the file must hold an object, not %s", type_name(root->type));
	} else if (!err) {
		err = take_object(&r, PL_S(""), root);
	}
	pl_json_parser_free(parser);
	return err;
}
