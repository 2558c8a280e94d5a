/* router.c - from a path to what happens there. */
#include "conn/endpoint.h"

static bool fits(const struct pl_route *r, struct pl_slice path)
{
	struct pl_slice pattern = pl_slice_str(r->path);
	if (pattern.len && pattern.at[pattern.len - 1] == '*')
		return pl_slice_starts(path, pl_slice(pattern.at, pattern.len - 1));
	return pl_slice_eq(path, pattern);
}

static bool same_method(enum pl_http_method have, enum pl_http_method want)
{
	return have == want || (have == PL_HTTP_HEAD && want == PL_HTTP_GET);
}

const struct pl_endpoint *pl_router_find(const struct pl_router *router,
					 const struct pl_http_request *q, unsigned *status)
{
	bool for_upgrade = false, for_method = false;
	for (size_t i = 0; i < router->count; i++) {
		const struct pl_route *r = &router->routes[i];
		if (!fits(r, q->path))
			continue;
		bool is_upgrade = r->method == PL_HTTP_OTHER;
		if (q->wants_upgrade ? is_upgrade
				     : !is_upgrade && same_method(q->method, r->method))
			return r->endpoint;
		for_upgrade |= is_upgrade;
		for_method |= !is_upgrade;
	}
	if (q->wants_upgrade && !for_method && router->fallback)
		return router->fallback;
	if (q->wants_upgrade)
		*status = for_method ? 400 : 404;
	else if (for_method)
		*status = 405;
	else
		*status =
			for_upgrade || (router->fallback && pl_slice_is(q->path, "/")) ? 426 : 404;
	return NULL;
}
