/* body.c - what a call brings along: one JSON object, small, and said to be JSON. */
#include "rest/internal.h"

/* A page of another site can send forms and plain text unasked, but not this type. */
static bool is_json(const struct pl_http_request *q)
{
	struct pl_slice type, rest;
	if (pl_http_header_one(&q->head, "Content-Type", &type))
		return false;
	type = pl_slice_trim(pl_slice_cut(type, ';', &rest));
	return pl_slice_eq_nocase(type, PL_S("application/json"));
}

const struct pl_json *pl_rest_body(struct pl_json_parser *parser, const struct pl_request *q,
				   unsigned *status, const char **why)
{
	const struct pl_json *root = NULL;
	if (!is_json(q->http)) {
		*status = 415;
		*why = "The body must be application/json";
		return NULL;
	}
	int err = pl_json_parse(parser, q->body, &root);
	if (!err && pl_json_is(root, PL_JSON_OBJECT))
		return root;
	*status = err == PL_ETOOBIG ? 413 : err == PL_ENOMEM ? 503 : 400;
	*why = err == PL_ETOOBIG  ? "The body is too large"
	       : err == PL_ENOMEM ? "No memory for the request"
				  : "The body is not a JSON object";
	return NULL;
}
