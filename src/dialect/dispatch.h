/*
 * dispatch.h - the table of what a dialect's clients may say, and the checks that every message
 * passes.
 */
#ifndef PL_DIALECT_DISPATCH_H
#define PL_DIALECT_DISPATCH_H

#include "dialect/schema.h"
#include "dialect/session.h"

/* An error in the dialect's words. */
struct pl_words {
	const char *code, *text;
};

enum pl_who { PL_ANYONE, PL_SIGNED_IN };

struct pl_message_row {
	const char *name;
	enum pl_who who;
	bool is_bare;   /* the payload may also be the value of the first field itself */
	bool is_bulk;   /* asks for a token of the connection itself, where it is due */
	bool has_limit; /* besides the connection's */
	enum pl_limit limit;
	const struct pl_field *fields; /* ends with {0}; NULL: none */
	size_t size;                   /* of the handler's input struct */
	/* 0, or an error that the dialect words with `failed`. */
	int (*handle)(struct pl_session *, struct pl_slice ref, const void *in);
	struct pl_words denied;     /* nobody signed in */
	struct pl_words missing;    /* a required field is not there */
	struct pl_words not_found;  /* what a field names does not exist */
	struct pl_words failed;     /* we could not do it */
	const char *reply, *others; /* for the documentation: the answer, and what others hear */
	const char *doc;
};

#define PL_IN(fields_table, struct_type) .fields = (fields_table), .size = sizeof(struct_type)
enum { PL_INPUT_MAX = 512 }; /* bytes of an input struct */

struct pl_verdict {
	enum {
		PL_DONE,
		PL_NOT_SIGNED_IN,
		PL_TOO_FAST,
		PL_FIELD_MISSING,
		PL_FIELD_BAD,
		PL_FAILED
	} what;
	const char *field;
	uint64_t retry_ms;
	int err;
};

/* NULL: no such row. Each table ends with {0}, the list of tables with NULL. */
const struct pl_message_row *pl_dispatch_find(const struct pl_message_row *const *tables,
					      struct pl_slice name);
/*
 * Every message costs its connection a token, whatever it says: ask this first. False: too fast,
 * and in *retry_ms when it is worth trying again.
 */
bool pl_dispatch_admit(struct pl_session *, uint64_t *retry_ms) PL_MUST_CHECK;
struct pl_verdict pl_dispatch(const struct pl_message_row *, struct pl_session *,
			      struct pl_slice ref, const struct pl_json *body);

/* The tables as Markdown: messages, then their fields, then their errors. */
void pl_dispatch_document(const struct pl_message_row *const *tables, struct pl_buf *);

#endif
