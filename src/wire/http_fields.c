/*
 * http_fields.c - finding header fields, and what they say about where a message ends and what
 * happens to the connection after it.
 *
 * Invariant: a message has at most one length. Anything that another implementation could read as a
 * second one is refused, so that nobody can hide a request inside another (RFC 9112,
 * sections 6.1, 6.3, 11.2).
 */
#include "wire/http_fields.h"

#include "wire/chars.h"
#include "wire/url.h"

bool pl_http_header_next(const struct pl_http_head *h, const char *name, size_t *cursor,
			 struct pl_slice *out)
{
	struct pl_slice want = pl_slice_str(name);
	while (*cursor < h->count) {
		const struct pl_http_header *field = &h->headers[(*cursor)++];
		if (!pl_slice_eq_nocase(field->name, want))
			continue;
		*out = field->value;
		return true;
	}
	return false;
}

struct pl_slice pl_http_header(const struct pl_http_head *h, const char *name)
{
	struct pl_slice value = {NULL, 0};
	size_t cursor = 0;
	(void)pl_http_header_next(h, name, &cursor, &value);
	return value;
}

int pl_http_header_one(const struct pl_http_head *h, const char *name, struct pl_slice *out)
{
	struct pl_slice value, second;
	size_t cursor = 0;
	if (!pl_http_header_next(h, name, &cursor, &value))
		return PL_ENOTFOUND;
	if (pl_http_header_next(h, name, &cursor, &second))
		return PL_EINVAL;
	*out = value;
	return 0;
}

void pl_http_list_init(struct pl_http_list *l, struct pl_slice value, char separator, size_t max)
{
	*l = (struct pl_http_list){.rest = value, .left = max, .separator = separator};
}

/* Up to the separator or the end; an open quote is s.len + 1. */
static size_t item_length(struct pl_slice s, char separator)
{
	bool is_quoted = false;
	for (size_t i = 0; i < s.len; i++) {
		if (is_quoted && s.at[i] == '\\')
			i++;
		else if (s.at[i] == '"')
			is_quoted = !is_quoted;
		else if (!is_quoted && s.at[i] == separator)
			return i;
	}
	return is_quoted ? s.len + 1 : s.len;
}

bool pl_http_list_next(struct pl_http_list *l, struct pl_slice *item)
{
	while (l->rest.len && !l->is_bad) {
		size_t n = item_length(l->rest, l->separator);
		/* Empty items count too: a value of commas alone is work as well. */
		l->is_bad = n > l->rest.len || !l->left;
		if (l->is_bad)
			return false;
		l->left--;
		struct pl_slice found = pl_slice_trim(pl_slice(l->rest.at, n));
		size_t used = n < l->rest.len ? n + 1 : n;
		l->rest = pl_slice(l->rest.at + used, l->rest.len - used);
		if (!found.len)
			continue;
		*item = found;
		return true;
	}
	return false;
}

/* What the fields said so far. */
struct reading {
	struct pl_http_head *head;
	bool has_close, has_keep_alive, has_upgrade_option, has_websocket;
};

static unsigned take_length(struct reading *r, struct pl_slice value)
{
	uint64_t length;
	if (pl_slice_u64(value, PL_HTTP_MAX_LENGTH, &length))
		return 400;
	if (r->head->has_length && r->head->content_length != length)
		return 400;
	r->head->has_length = true;
	r->head->content_length = length;
	return 0;
}

/* "gzip, chunked" is understood and refused (501); what does not end in one "chunked" has no end
 * (400). */
static unsigned take_coding(struct reading *r, struct pl_slice value)
{
	struct pl_http_list list;
	struct pl_slice item;
	size_t items = 0;
	bool is_chunked = false;
	if (r->head->is_chunked)
		return 400;
	pl_http_list_init(&list, value, ',', PL_HTTP_MAX_ITEMS);
	for (; pl_http_list_next(&list, &item); items++) {
		if (is_chunked)
			return 400;
		is_chunked = pl_slice_eq_nocase(item, PL_S("chunked"));
	}
	if (list.is_bad || !is_chunked)
		return 400;
	r->head->is_chunked = true;
	return items > 1 ? 501 : 0;
}

static unsigned take_connection(struct reading *r, struct pl_slice value)
{
	struct pl_http_list list;
	struct pl_slice item;
	pl_http_list_init(&list, value, ',', PL_HTTP_MAX_ITEMS);
	while (pl_http_list_next(&list, &item)) {
		if (!pl_chars_all(item, PL_C_TOKEN))
			return 400;
		r->has_close |= pl_slice_eq_nocase(item, PL_S("close"));
		r->has_keep_alive |= pl_slice_eq_nocase(item, PL_S("keep-alive"));
		r->has_upgrade_option |= pl_slice_eq_nocase(item, PL_S("upgrade"));
	}
	return list.is_bad ? 400 : 0;
}

static unsigned take_upgrade(struct reading *r, struct pl_slice value)
{
	struct pl_http_list list;
	struct pl_slice item;
	pl_http_list_init(&list, value, ',', PL_HTTP_MAX_ITEMS);
	while (pl_http_list_next(&list, &item))
		r->has_websocket |= pl_slice_eq_nocase(item, PL_S("websocket"));
	return list.is_bad ? 400 : 0;
}

static unsigned take(struct reading *r, const struct pl_http_header *field)
{
	static const struct {
		struct pl_slice name;
		unsigned (*take)(struct reading *, struct pl_slice);
	} known[] = {
		{PL_S("content-length"), take_length},
		{PL_S("transfer-encoding"), take_coding},
		{PL_S("connection"), take_connection},
		{PL_S("upgrade"), take_upgrade},
	};
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (pl_slice_eq_nocase(field->name, known[i].name))
			return known[i].take(r, field->value);
	return 0;
}

unsigned pl_http_fields_frame(struct pl_http_head *h)
{
	struct reading r = {.head = h};
	unsigned worst = 0;
	h->has_length = h->is_chunked = false;
	h->content_length = 0;
	for (size_t i = 0; i < h->count; i++) {
		unsigned status = take(&r, &h->headers[i]);
		if (status == 400)
			return 400;
		worst = status ? status : worst;
	}
	/* HTTP/1.0 has no chunks: who sends them has lost track, or hopes that we do. */
	if (h->is_chunked && (h->has_length || h->minor == 0))
		return 400;
	h->keep_alive = !r.has_close && (h->minor == 1 || r.has_keep_alive);
	h->has_upgrade = h->minor == 1 && r.has_upgrade_option && r.has_websocket;
	return worst;
}

static unsigned find_host(struct pl_http_request *q)
{
	struct pl_authority parts;
	struct pl_slice host;
	int err = pl_http_header_one(&q->head, "host", &host);
	if (err == PL_ENOTFOUND)
		return q->head.minor == 0 ? 0 : 400;
	if (err || pl_authority_parse(host, &parts))
		return 400;
	/* RFC 9112, 3.2.2: an absolute target overrules the field. */
	if (!q->host.at)
		q->host = host;
	return 0;
}

unsigned pl_http_fields_request(struct pl_http_request *q)
{
	unsigned status = find_host(q);
	if (status)
		return status;
	size_t cursor = 0;
	struct pl_slice expect;
	q->expects_continue = false;
	while (q->head.minor == 1 && pl_http_header_next(&q->head, "expect", &cursor, &expect)) {
		if (!pl_slice_eq_nocase(expect, PL_S("100-continue")))
			return 417;
		q->expects_continue = true;
	}
	return 0;
}
