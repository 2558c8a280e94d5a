/*
 * http_accept.c - whether an answer may be compressed: Accept-Encoding (RFC 9110, 12.5.3), and
 * which types are worth it.
 *
 * What is malformed is not accepted: an answer that is not compressed is always right.
 */
#include "wire/http.h"

#include "wire/chars.h"

/* What has been said so far; what is named goes before "*". */
struct wishes {
	bool is_named, takes_it, takes_any;
};

/* "q=0.5": 1; "q=0", "q=0.000": 0; -1: no weight. */
static int weight(struct pl_slice s)
{
	if (s.len < 3 || s.len > 7 || (s.at[0] | 0x20) != 'q' || s.at[1] != '=')
		return -1;
	char first = s.at[2];
	bool is_positive = first == '1';
	if ((first != '0' && first != '1') || (s.len > 3 && s.at[3] != '.'))
		return -1;
	for (size_t i = 4; i < s.len; i++) {
		if (s.at[i] < '0' || s.at[i] > '9' || (first == '1' && s.at[i] != '0'))
			return -1;
		is_positive |= s.at[i] != '0';
	}
	return is_positive;
}

/* A coding, and what follows its ';'. */
static bool is_wanted(struct pl_http_list *parts)
{
	struct pl_slice q;
	if (!pl_http_list_next(parts, &q))
		return !parts->is_bad;
	return weight(q) == 1 && !pl_http_list_next(parts, &q) && !parts->is_bad;
}

static void take(struct wishes *w, struct pl_slice item)
{
	struct pl_http_list parts;
	struct pl_slice coding;
	pl_http_list_init(&parts, item, ';', 3);
	if (!pl_http_list_next(&parts, &coding))
		return;
	if (pl_slice_is(coding, "*")) {
		w->takes_any = is_wanted(&parts);
	} else if (pl_slice_eq_nocase(coding, PL_S("gzip")) ||
		   pl_slice_eq_nocase(coding, PL_S("x-gzip"))) {
		w->is_named = true;
		w->takes_it = is_wanted(&parts);
	}
}

bool pl_http_takes_gzip(const struct pl_http_head *h)
{
	struct wishes w = {0};
	struct pl_slice value, item;
	size_t cursor = 0;
	while (pl_http_header_next(h, "Accept-Encoding", &cursor, &value)) {
		struct pl_http_list list;
		pl_http_list_init(&list, value, ',', PL_HTTP_MAX_ITEMS);
		while (pl_http_list_next(&list, &item))
			take(&w, item);
		if (list.is_bad)
			return false;
	}
	return w.is_named ? w.takes_it : w.takes_any;
}

static bool ends(struct pl_slice s, struct pl_slice end)
{
	return s.len >= end.len &&
	       pl_slice_eq_nocase(pl_slice(s.at + s.len - end.len, end.len), end);
}

bool pl_http_type_packs(struct pl_slice type)
{
	static const struct pl_slice whole[] = {PL_S("application/json"),
						PL_S("application/javascript"),
						PL_S("application/xml"), PL_S("image/svg+xml")};
	const char *semicolon = type.len ? memchr(type.at, ';', type.len) : NULL;
	if (semicolon)
		type = pl_slice_trim(pl_slice(type.at, (size_t)(semicolon - type.at)));
	if (type.len > 5 && pl_slice_eq_nocase(pl_slice(type.at, 5), PL_S("text/")))
		return true;
	for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++)
		if (pl_slice_eq_nocase(type, whole[i]))
			return true;
	return ends(type, PL_S("+json")) || ends(type, PL_S("+xml"));
}
