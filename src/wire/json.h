/*
 * json.h - reading JSON (RFC 8259): a parser that is used again and again turns a text into a
 * flat tree of plain nodes.
 *
 * Stricter than the RFC on purpose: no duplicate keys, no invalid UTF-8, no lone surrogates, no
 * byte order mark, nothing but white space behind the value, and the limits below. Strings may
 * contain U+0000 (written \u0000): use them by their length.
 */
#ifndef PL_WIRE_JSON_H
#define PL_WIRE_JSON_H

#include "base/err.h"
#include "base/slice.h"

enum {
	PL_JSON_MAX_DEPTH = 64,      /* containers inside containers */
	PL_JSON_MAX_KEYS = 256,      /* of one object */
	PL_JSON_MAX_NUMBER = 64,     /* characters of a number */
	PL_JSON_MAX_VALUES = 131072, /* of one text */
};

enum pl_json_type {
	PL_JSON_NULL,
	PL_JSON_BOOL,
	PL_JSON_INT,    /* fits int64_t and was written without fraction and exponent */
	PL_JSON_NUMBER, /* any other number; finite */
	PL_JSON_STRING,
	PL_JSON_ARRAY,
	PL_JSON_OBJECT,
};

/* All slices point into the parser and live until its next parse. */
struct pl_json {
	enum pl_json_type type;
	uint32_t count;      /* children of an array or object */
	uint32_t offset;     /* of the value in the source text */
	struct pl_slice key; /* member of an object: its unescaped key; else at == NULL */
	struct pl_slice str; /* PL_JSON_STRING: unescaped, at never NULL; else at == NULL */
	struct pl_slice raw; /* the value as it was written, quotes and brackets included */
	union {
		bool boolean;
		int64_t integer;
		double number;
	};
	const struct pl_json *child; /* first child, in the order of the text; NULL: none */
	const struct pl_json *next;  /* next child of the same parent; NULL: the last */
};

struct pl_json_parser;

/* For one thread at a time. Texts over max_bytes (at most 2^30) are refused with PL_ETOOBIG. */
int pl_json_parser_new(size_t max_bytes, struct pl_json_parser **out) PL_MUST_CHECK;
/* NULL is fine. */
void pl_json_parser_free(struct pl_json_parser *);

/*
 * The text is copied: it need not outlive the call, nor have padding. Whatever the last parse of
 * this parser gave is gone, also on failure.
 * PL_EINVAL: not JSON, or not UTF-8; PL_ETOOBIG: over a limit; PL_EEXISTS: an object has a key
 * twice; PL_ENOMEM.
 */
int pl_json_parse(struct pl_json_parser *, struct pl_slice text,
		  const struct pl_json **root) PL_MUST_CHECK;
/* Where the last parse failed, as exactly as is known: an offset into its text. */
uint32_t pl_json_error_at(const struct pl_json_parser *);
/* The line (from 1) that an offset is in. */
uint32_t pl_json_line(struct pl_slice text, uint32_t offset);

/*
 * Accessors: each takes NULL ("not there") and a value of another type, and answers with what
 * its comment says.
 */
/* The member of this name; NULL: none, or not an object. */
const struct pl_json *pl_json_get(const struct pl_json *object, const char *key);
/* The text of a string, else at == NULL. */
struct pl_slice pl_json_str(const struct pl_json *);
/* pl_json_str(pl_json_get(object, key)) */
struct pl_slice pl_json_get_str(const struct pl_json *object, const char *key);
/* The integer, else `otherwise`. */
int64_t pl_json_i64(const struct pl_json *, int64_t otherwise);
/* An integer or a number, else `otherwise`. */
double pl_json_f64(const struct pl_json *, double otherwise);
bool pl_json_bool(const struct pl_json *, bool otherwise);
/* False for NULL. */
bool pl_json_is(const struct pl_json *, enum pl_json_type);
/* NULL and JSON null: nothing was said. */
bool pl_json_is_absent(const struct pl_json *);

#define PL_JSON_EACH(it, container) \
	for (const struct pl_json *it = (container) ? (container)->child : NULL; it; it = it->next)

#endif
