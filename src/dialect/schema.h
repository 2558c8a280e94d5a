/*
 * schema.h - the fields of a message, as a table: from JSON into a plain struct.
 */
#ifndef PL_DIALECT_SCHEMA_H
#define PL_DIALECT_SCHEMA_H

#include "base/buf.h"
#include "wire/json.h"

enum pl_field_type {
	PL_STR,  /* struct pl_slice, at == NULL when absent */
	PL_INT,  /* int64_t, 0 when absent; a whole number from 0 */
	PL_BOOL, /* bool */
	PL_NODE, /* const struct pl_json *: any value, looked at by the handler */
	PL_NAME, /* as PL_STR, or a whole number: its text */
};

enum {
	PL_REQUIRED = 1,
	PL_NULL_TOO = 4, /* PL_NODE: null is there, and not as if it were absent */
	PL_NEEDED = 2, /* whether it may be absent is the handler's to say; a wrong type is as if it
			  were */
};

struct pl_field {
	const char *name;
	enum pl_field_type type;
	unsigned flags;
	size_t offset; /* in the input struct; two names with one offset are alternatives */
	uint32_t max;  /* PL_STR, PL_NAME: bytes, longer is refused; PL_INT: larger values count as
			  this */
	const char *doc;
};

#define PL_FIELD(struct_type, member, name, type, flags, max, doc)         \
	{                                                                  \
		name, type, flags, offsetof(struct_type, member), max, doc \
	}

/*
 * Fills `out` (zeroed by the caller). 0; PL_ENOTFOUND: a required field is missing, empty or of
 * another type; PL_EINVAL: another field is of the wrong type or too large. *bad is the field's
 * name.
 */
int pl_schema_read(const struct pl_field *fields, const struct pl_json *object, void *out,
		   const char **bad) PL_MUST_CHECK;
/* The same of one field, whose value stands by itself. */
int pl_schema_read_bare(const struct pl_field *, const struct pl_json *value, void *out,
			const char **bad) PL_MUST_CHECK;

#endif
