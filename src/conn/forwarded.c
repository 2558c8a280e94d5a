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

/* Whoever `list` says called `last`; *goes_on: it was a proxy of ours up to the list's left end. */
static struct pl_ip read_list(const struct pl_conn_options *o, struct pl_slice list,
			      struct pl_ip last, bool *goes_on)
{
	while (list.len && (*goes_on = is_trusted(o, &last))) {
		struct pl_ip ip;
		*goes_on = !pl_ip_parse(cut_last(list, &list), &ip);
		if (!*goes_on)
			break; /* no address: the proxy that wrote it is as far as we know */
		last = ip;
	}
	return last;
}

/* A proxy may add to the list or, which means the same, a line of its own behind the others. */
static struct pl_ip caller(const struct pl_conn_options *o, const struct pl_http_head *head,
			   struct pl_ip last)
{
	bool goes_on = true;
	for (size_t i = head->count; goes_on && i-- > 0;)
		if (pl_slice_eq_nocase(head->headers[i].name, PL_S("X-Forwarded-For")))
			last = read_list(o, head->headers[i].value, last, &goes_on);
	return last;
}

/* A proxy keeps its connections and sends the requests of many through one. */
static bool find_proxy(const struct pl_conn *c, struct pl_ip *out)
{
	struct sockaddr_storage at = {0};
	socklen_t len = sizeof(at);
	if (c->is_uncounted)
		*out = c->from;
	else if (!c->is_proxied || getpeername(c->io.fd, (struct sockaddr *)&at, &len))
		return false;
	else
		*out = pl_ip_of(&at);
	return true;
}

struct pl_ip pl_conn_site(const struct pl_conn *c)
{
	return c->is_uncounted ? (struct pl_ip){{0}} : c->from;
}

bool pl_conn_is_proxy(const struct pl_conn_options *o, const struct pl_ip *from)
{
	return o->nproxies && is_trusted(o, from);
}

int pl_conn_see_through_proxy(struct pl_conn *c, const struct pl_http_request *q)
{
	const struct pl_conn_options *o = c->set->options;
	struct pl_ip proxy;
	if (!o->nproxies || !find_proxy(c, &proxy))
		return 0;
	struct pl_ip real = caller(o, &q->head, proxy), before = pl_conn_site(c);
	if (!memcmp(&real, &c->from, sizeof(real)))
		return 0;
	bool is_proxy = is_trusted(o, &real);
	struct pl_ip site = is_proxy ? (struct pl_ip){{0}} : real;
	int err = pl_gate_move(c->set->gate, &before, &site, pl_now_ms());
	if (err)
		return err;
	c->from = real;
	c->is_uncounted = is_proxy;
	c->is_proxied = true;
	c->is_excused = false; /* that was another caller's */
	return 0;
}

void pl_conn_excuse(struct pl_conn *c)
{
	struct pl_ip site = pl_conn_site(c);
	if (!c->is_excused)
		pl_gate_excuse(c->set->gate, &site, pl_now_ms());
	c->is_excused = true;
}
