/* url.c - any bytes as a URL, a path, a query and a Cookie header: nothing decoded holds a NUL or a
 * "..". */
#include "fuzz.h"

#include "wire/http.h"
#include "wire/url.h"

static bool has(struct pl_slice s, char c)
{
	return s.len && memchr(s.at, c, s.len);
}

static void as_url(struct pl_slice in)
{
	struct pl_url url;
	if (pl_url_parse(in, &url))
		return;
	MUST(url.port && url.host.len && url.path.len && url.path.at[0] == '/');
	MUST(!has(url.host, '@') && !has(url.host, '/') && !has(url.path, '?'));
	struct pl_buf b;
	pl_buf_init(&b, 65536);
	MUST(!pl_http_write_request(&b, PL_S("GET"), url.path, url.query, url.authority));
	pl_buf_fini(&b);
}

static void as_list(struct pl_slice in)
{
	struct pl_http_list list;
	struct pl_slice item;
	size_t items = 0;
	pl_http_list_init(&list, in, ',', 100);
	while (pl_http_list_next(&list, &item)) {
		MUST(item.len && item.at >= in.at && item.at + item.len <= in.at + in.len);
		items++;
	}
	MUST(items <= 100);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct pl_slice out, in = pl_slice(data, n);
	struct pl_arena arena;
	pl_arena_init(&arena, 1 << 20);
	as_url(in);
	as_list(in);
	if (!pl_path_decode(in, &arena, &out))
		MUST(out.len <= n && !has(out, 0) && !pl_slice_is(out, "/.."));
	if (!pl_query_get(in, "t", &arena, &out))
		MUST(out.len <= n && !has(out, 0));
	if (!pl_cookie_get(in, "t", &out))
		MUST(out.len < n && !has(out, ';'));
	pl_arena_fini(&arena);
	return 0;
}
