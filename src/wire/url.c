/* url.c - cutting URLs, decoding their parts. Every loop takes each byte once. */
#include "wire/url.h"

#include "wire/chars.h"

#include <arpa/inet.h>

static int parse_port(struct pl_slice digits, uint16_t *out)
{
	uint64_t port = 0;
	if (digits.len && (pl_slice_u64(digits, UINT16_MAX, &port) || !port))
		return PL_EINVAL;
	*out = (uint16_t)port;
	return 0;
}

static bool is_ipv6_text(struct pl_slice s)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr address;
	if (s.len >= sizeof(text) || memchr(s.at, 0, s.len))
		return false;
	memcpy(text, s.at, s.len);
	text[s.len] = 0;
	return inet_pton(AF_INET6, text, &address) == 1;
}

static int parse_ipv6(struct pl_slice s, struct pl_authority *out)
{
	struct pl_slice rest, inside = pl_slice_cut(pl_slice(s.at + 1, s.len - 1), ']', &rest);
	struct pl_authority a = {.host = inside, .is_ipv6 = true};
	if (!rest.at || !is_ipv6_text(inside))
		return PL_EINVAL;
	if (rest.len &&
	    (rest.at[0] != ':' || parse_port(pl_slice(rest.at + 1, rest.len - 1), &a.port)))
		return PL_EINVAL;
	*out = a;
	return 0;
}

int pl_authority_parse(struct pl_slice s, struct pl_authority *out)
{
	if (s.len && s.at[0] == '[')
		return parse_ipv6(s, out);
	struct pl_slice port;
	struct pl_authority a = {.host = pl_slice_cut(s, ':', &port)};
	if (a.host.len > PL_HOST_MAX || !pl_chars_all(a.host, PL_C_HOST) ||
	    parse_port(port, &a.port))
		return PL_EINVAL;
	*out = a;
	return 0;
}

void pl_target_cut(struct pl_slice target, struct pl_slice *path, struct pl_slice *query)
{
	*path = pl_slice_cut(target, '?', query);
}

static int parse_scheme(struct pl_slice s, struct pl_url *out, size_t *used)
{
	static const struct {
		struct pl_slice prefix;
		bool is_ws, is_tls;
	} schemes[] = {
		{PL_S("ws://"), true, false},
		{PL_S("wss://"), true, true},
		{PL_S("http://"), false, false},
		{PL_S("https://"), false, true},
	};
	for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++) {
		struct pl_slice want = schemes[i].prefix;
		if (s.len < want.len || !pl_slice_eq_nocase(pl_slice(s.at, want.len), want))
			continue;
		out->is_ws = schemes[i].is_ws;
		out->is_tls = schemes[i].is_tls;
		*used = want.len;
		return 0;
	}
	return PL_EINVAL;
}

int pl_url_parse(struct pl_slice s, struct pl_url *out)
{
	struct pl_url url = {0};
	struct pl_authority authority;
	size_t at = 0, end;
	if (s.len > PL_URL_MAX || !pl_chars_all(s, PL_C_TARGET) || parse_scheme(s, &url, &at))
		return PL_EINVAL;
	for (end = at; end < s.len && s.at[end] != '/' && s.at[end] != '?';)
		end++;
	url.authority = pl_slice(s.at + at, end - at);
	int err = pl_authority_parse(url.authority, &authority);
	if (err)
		return err;
	url.host = authority.host;
	url.is_ipv6 = authority.is_ipv6;
	url.port = authority.port ? authority.port : url.is_tls ? 443 : 80;
	pl_target_cut(pl_slice(s.at + end, s.len - end), &url.path, &url.query);
	if (!url.path.len)
		url.path = PL_S("/");
	*out = url;
	return 0;
}

/* One decoded byte and how many encoded ones it took; 0: malformed. */
static size_t decode_one(struct pl_slice s, bool plus_is_space, char *out)
{
	if (s.at[0] != '%') {
		*out = s.at[0] == '+' && plus_is_space ? ' ' : s.at[0];
		return s.at[0] ? 1 : 0;
	}
	int high = s.len > 2 ? pl_hex_value(s.at[1]) : -1;
	int low = s.len > 2 ? pl_hex_value(s.at[2]) : -1;
	if (high < 0 || low < 0 || !(high | low))
		return 0;
	*out = (char)(high * 16 + low);
	return 3;
}

static bool is_encoded(struct pl_slice s, bool plus_is_space)
{
	return s.len && (memchr(s.at, '%', s.len) || memchr(s.at, 0, s.len) ||
			 (plus_is_space && memchr(s.at, '+', s.len)));
}

int pl_percent_decode(struct pl_slice s, bool plus_is_space, struct pl_arena *arena,
		      struct pl_slice *out)
{
	if (!is_encoded(s, plus_is_space)) {
		*out = s;
		return 0;
	}
	char *to = pl_arena_alloc(arena, s.len);
	size_t n = 0;
	if (!to)
		return PL_ENOMEM;
	for (size_t i = 0; i < s.len;) {
		size_t took = decode_one(pl_slice(s.at + i, s.len - i), plus_is_space, &to[n]);
		if (!took)
			return PL_EINVAL;
		i += took;
		n++;
	}
	*out = pl_slice(to, n);
	return 0;
}

static bool has_encoded_slash(struct pl_slice s)
{
	for (size_t i = 0; i + 2 < s.len; i++)
		if (s.at[i] == '%' && s.at[i + 1] == '2' && (s.at[i + 2] | 0x20) == 'f')
			return true;
	return false;
}

static bool has_dot_segment(struct pl_slice path)
{
	for (struct pl_slice rest = path; rest.at;) {
		struct pl_slice segment = pl_slice_cut(rest, '/', &rest);
		if (pl_slice_is(segment, ".") || pl_slice_is(segment, ".."))
			return true;
	}
	return false;
}

int pl_path_decode(struct pl_slice path, struct pl_arena *arena, struct pl_slice *out)
{
	struct pl_slice decoded;
	if (!path.len || path.at[0] != '/' || has_encoded_slash(path))
		return PL_EINVAL;
	int err = pl_percent_decode(path, false, arena, &decoded);
	if (!err && has_dot_segment(decoded))
		err = PL_EINVAL;
	if (!err)
		*out = decoded;
	return err;
}

/* Compares without decoding into memory: names are looked at and forgotten. */
static int encoded_equals(struct pl_slice s, struct pl_slice want, bool *out)
{
	size_t n = 0;
	bool is_equal = true;
	for (size_t i = 0; i < s.len; n++) {
		char c;
		size_t took = decode_one(pl_slice(s.at + i, s.len - i), true, &c);
		if (!took)
			return PL_EINVAL;
		is_equal = is_equal && n < want.len && want.at[n] == c;
		i += took;
	}
	*out = is_equal && n == want.len;
	return 0;
}

int pl_query_get(struct pl_slice query, const char *name, struct pl_arena *arena,
		 struct pl_slice *out)
{
	struct pl_slice want = pl_slice_str(name), rest = query;
	for (size_t i = 0; rest.at; i++) {
		if (i == PL_QUERY_MAX_FIELDS)
			return PL_ELIMIT;
		struct pl_slice value, field = pl_slice_cut(rest, '&', &rest);
		struct pl_slice key = pl_slice_cut(field, '=', &value);
		bool is_found;
		int err = encoded_equals(key, want, &is_found);
		if (err)
			return err;
		if (is_found && !value.at)
			value = PL_S("");
		if (is_found)
			return pl_percent_decode(value, true, arena, out);
	}
	return PL_ENOTFOUND;
}

static struct pl_slice unquote(struct pl_slice s)
{
	bool is_quoted = s.len >= 2 && s.at[0] == '"' && s.at[s.len - 1] == '"';
	return is_quoted ? pl_slice(s.at + 1, s.len - 2) : s;
}

int pl_cookie_get(struct pl_slice header, const char *name, struct pl_slice *out)
{
	struct pl_slice rest = header;
	for (size_t i = 0; rest.at; i++) {
		if (i == PL_COOKIE_MAX_PAIRS)
			return PL_ELIMIT;
		struct pl_slice value, pair = pl_slice_trim(pl_slice_cut(rest, ';', &rest));
		struct pl_slice key = pl_slice_trim(pl_slice_cut(pair, '=', &value));
		if (!value.at || !pl_slice_is(key, name))
			continue;
		*out = unquote(pl_slice_trim(value));
		return 0;
	}
	return PL_ENOTFOUND;
}
