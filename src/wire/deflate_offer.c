/*
 * deflate_offer.c - negotiating permessage-deflate: one pass over the value of
 * Sec-WebSocket-Extensions, nothing kept.
 *
 *	value = extension *( "," extension )     extension = token *( ";" token [ "=" word ] )
 */
#include "wire/deflate.h"

#include "wire/chars.h"

enum { MAX_OFFERS = 8, SMALLEST_WINDOW = 8, LARGEST_WINDOW = 15 };

struct text {
	const char *at, *end;
};

enum param {
	SERVER_NO_CONTEXT = 1,
	CLIENT_NO_CONTEXT = 2,
	SERVER_BITS = 4,
	CLIENT_BITS = 8,
};

struct terms {
	unsigned given; /* set of enum param */
	bool declined;  /* not this extension, or a parameter that we do not know */
	uint8_t server_bits;
};

static const struct {
	struct pl_slice name;
	enum param id;
	bool may_have_value, must_have_value;
} params[] = {
	{PL_S("server_no_context_takeover"), SERVER_NO_CONTEXT, false, false},
	{PL_S("client_no_context_takeover"), CLIENT_NO_CONTEXT, false, false},
	{PL_S("server_max_window_bits"), SERVER_BITS, true, true},
	{PL_S("client_max_window_bits"), CLIENT_BITS, true, false},
};

static void skip_blanks(struct text *t)
{
	while (t->at < t->end && (*t->at == ' ' || *t->at == '\t'))
		t->at++;
}

/* Takes c and the blanks around it. */
static bool take(struct text *t, char c)
{
	skip_blanks(t);
	if (t->at == t->end || *t->at != c)
		return false;
	t->at++;
	skip_blanks(t);
	return true;
}

static bool take_token(struct text *t, struct pl_slice *out)
{
	const char *start = t->at;
	while (t->at < t->end && pl_char_is(*t->at, PL_C_TOKEN))
		t->at++;
	*out = pl_slice(start, (size_t)(t->at - start));
	return out->len;
}

/* A token, or a token in quotes (RFC 6455 section 9.1). A backslash could only hide what may stand
 * there plainly, so it is refused with the rest. */
static bool take_word(struct text *t, struct pl_slice *out)
{
	if (t->at == t->end || *t->at != '"')
		return take_token(t, out);
	t->at++;
	if (!take_token(t, out) || t->at == t->end || *t->at != '"')
		return false;
	t->at++;
	return true;
}

static bool window_bits(struct pl_slice value, uint8_t *bits)
{
	uint64_t v;
	if (!value.len || value.at[0] == '0' || pl_slice_u64(value, LARGEST_WINDOW, &v) ||
	    v < SMALLEST_WINDOW)
		return false;
	*bits = (uint8_t)v;
	return true;
}

static bool agree(struct terms *terms, struct pl_slice name, struct pl_slice value)
{
	for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++) {
		if (!pl_slice_eq_nocase(name, params[i].name))
			continue;
		if (terms->given & params[i].id)
			return false;
		terms->given |= params[i].id;
		if (!value.at)
			return !params[i].must_have_value;
		uint8_t bits;
		if (!params[i].may_have_value || !window_bits(value, &bits))
			return false;
		if (params[i].id == SERVER_BITS)
			terms->server_bits = bits;
		return true;
	}
	return false;
}

/* One extension with its parameters. False: the grammar is broken. */
static bool take_extension(struct text *t, struct terms *terms)
{
	struct pl_slice name;
	*terms = (struct terms){.server_bits = LARGEST_WINDOW};
	if (!take_token(t, &name))
		return false;
	terms->declined = !pl_slice_eq_nocase(name, PL_S("permessage-deflate"));
	while (take(t, ';')) {
		struct pl_slice value = {NULL, 0};
		if (!take_token(t, &name) || (take(t, '=') && !take_word(t, &value)))
			return false;
		if (!terms->declined && !agree(terms, name, value))
			terms->declined = true;
	}
	return t->at == t->end || *t->at == ',';
}

static int answer(const struct terms *terms, const struct pl_deflate_options *ours,
		  struct pl_buf *out)
{
	PL_PUT(out, "permessage-deflate; server_no_context_takeover; client_no_context_takeover");
	if (terms->given & SERVER_BITS) {
		PL_PUT(out, "; server_max_window_bits=");
		pl_buf_put_u64(out, (uint64_t)ours->window_bits);
	}
	return out->err ? out->err : 1;
}

/* The next extension of the list; empty elements count for nothing (RFC 9110 section 5.6.1). */
static bool more_extensions(struct text *t)
{
	while (take(t, ','))
		;
	return t->at < t->end;
}

int pl_deflate_pick(struct pl_slice value, const struct pl_deflate_options *ours,
		    struct pl_buf *response)
{
	struct text t = {value.at, value.at ? value.at + value.len : NULL};
	struct terms terms, picked = {0};
	bool found = false;
	for (int i = 0; i < MAX_OFFERS && more_extensions(&t); i++) {
		if (!take_extension(&t, &terms))
			return PL_EINVAL;
		if (!found && !terms.declined && terms.server_bits >= ours->window_bits) {
			picked = terms;
			found = true;
		}
	}
	return found ? answer(&picked, ours, response) : 0;
}

int pl_deflate_answered(struct pl_slice value)
{
	if (!value.at)
		return 0;
	struct text t = {value.at, value.at + value.len};
	struct terms terms;
	skip_blanks(&t);
	if (!take_extension(&t, &terms))
		return PL_EPROTO;
	bool right = t.at == t.end && !terms.declined && (terms.given & SERVER_NO_CONTEXT) &&
		     !(terms.given & CLIENT_BITS);
	return right ? 1 : PL_EPROTO;
}
