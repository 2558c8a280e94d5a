/*
 * forwarded.c - who is calling, when a proxy of ours stands in between (X-Forwarded-For).
 *
 * Read from the right: what trusted proxies appended is true, and the first address that is not one
 * of theirs is the caller. Everything further left was written by the caller himself.
 */
#include "conn/internal.h"

#include "base/clock.h"

static bool is_trusted(const struct pl_conn_options *o, const struct pl_ip *ip)
{
	for (size_t i = 0; i < o->nproxies; i++)
		if (!memcmp(&o->proxies[i], ip, sizeof(*ip)))
			return true;
	return false;
}

/* The rightmost item of a list; *rest is what stands before it. */
static struct pl_slice cut_last(struct pl_slice list, struct pl_slice *rest)
{
	const char *comma = list.len ? memrchr(list.at, ',', list.len) : NULL;
	size_t head = comma ? (size_t)(comma - list.at) : 0;
	*rest = pl_slice(list.at, head);
	return pl_slice_trim(comma ? pl_slice(comma + 1, list.len - head - 1) : list);
}

static struct pl_ip caller(const struct pl_conn_options *o, struct pl_slice list, struct pl_ip last)
{
	while (list.len && is_trusted(o, &last)) {
		struct pl_ip ip;
		if (pl_ip_parse(cut_last(list, &list), &ip))
			return last; /* not an address: the proxy that wrote it is as far as we know
				      */
		last = ip;
	}
	return last;
}

int pl_conn_see_through_proxy(struct pl_conn *c, const struct pl_http_request *q)
{
	const struct pl_conn_options *o = c->set->options;
	struct pl_slice list;
	if (!o->nproxies || !is_trusted(o, &c->from) ||
	    pl_http_header_one(&q->head, "X-Forwarded-For", &list))
		return 0;
	struct pl_ip real = caller(o, list, c->from);
	int err = pl_gate_enter(c->set->gate, &real, pl_now_ms());
	if (err)
		return err;
	pl_gate_leave(c->set->gate, &c->from);
	c->from = real;
	return 0;
}
