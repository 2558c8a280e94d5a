/*
 * origin.c - which web pages may open a connection (cross-site WebSocket hijacking).
 *
 * A browser always names the page's origin. Allowed are the origins of the configuration, exactly,
 * and pages from the host that is called, on whatever port: cookies, which this protects, do not
 * know ports. Whoever sends no Origin is no browser and brings no cookies of a victim.
 */
#include "conn/internal.h"

#include "wire/url.h"

static struct pl_slice after_scheme(struct pl_slice origin)
{
	static const char *const schemes[] = {"http://", "https://"};
	for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++) {
		struct pl_slice s = pl_slice_str(schemes[i]);
		if (pl_slice_starts(origin, s))
			return pl_slice(origin.at + s.len, origin.len - s.len);
	}
	return (struct pl_slice){NULL, 0};
}

bool pl_origin_allowed(const struct pl_conn_options *o, const struct pl_http_request *q)
{
	struct pl_slice origin;
	struct pl_authority page, host;
	int err = pl_http_header_one(&q->head, "Origin", &origin);
	if (err == PL_ENOTFOUND)
		return true;
	if (err)
		return false;
	for (size_t i = 0; i < o->norigins; i++)
		if (pl_slice_eq(origin, o->origins[i]))
			return true;
	struct pl_slice authority = after_scheme(origin);
	return authority.len && q->host.len && !pl_authority_parse(authority, &page) &&
	       !pl_authority_parse(q->host, &host) && pl_slice_eq_nocase(page.host, host.host);
}

bool pl_conn_origin_allowed(const struct pl_conn *c, const struct pl_http_request *q)
{
	return pl_origin_allowed(c->set->options, q);
}
