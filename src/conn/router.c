/* router.c - from a path to what happens there. */
#include "conn/endpoint.h"

#include "wire/pattern.h"

static bool same_method(enum pl_http_method have, enum pl_http_method want)
{
	return want == PL_HTTP_ANY || have == want || (have == PL_HTTP_HEAD && want == PL_HTTP_GET);
}

static const struct pl_endpoint *find_in_rows(const struct pl_router *router,
					      const struct pl_http_request *q, unsigned *status)
{
	bool for_upgrade = false, for_method = false;
	for (size_t i = 0; i < router->count; i++) {
		const struct pl_route *r = &router->routes[i];
		if (!pl_pattern_match(r->path, q->path))
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

const struct pl_endpoint *pl_router_find(const struct pl_router *router,
					 const struct pl_http_request *q, unsigned *status)
{
	unsigned refused = 0;
	if (router->find && (q->wants_upgrade || router->finds_plain)) {
		const struct pl_endpoint *e = router->find(router->find_ctx, q, &refused);
		if (e)
			return e;
	}
	if (!refused)
		return find_in_rows(router, q, status);
	*status = refused;
	return NULL;
}
