/* gate.c - counting connections per caller, under one lock that is held for a look-up. */
#include "net/gate.h"

#include "base/map.h"
#include "base/mem.h"

#include <pthread.h>

struct site {
	struct pl_ip ip;
	uint32_t open;
};

struct pl_gate {
	struct pl_gate_options limits;
	pthread_mutex_t lock;
	uint32_t open;
	struct pl_map sites; /* pl_ip -> struct site with open > 0 */
	struct pl_limiter *arrivals;
};

enum { ARRIVAL_KEYS = 16384 };

static int new_arrivals(const struct pl_gate_options *o, struct pl_limiter **out)
{
	/* A burst of two seconds: a page that opens several sockets at once is not a flood. */
	return pl_limiter_new(o->new_per_second * 60, o->new_per_second * 2, ARRIVAL_KEYS, out);
}

static void set_limits(struct pl_gate *g, const struct pl_gate_options *o)
{
	g->limits = *o;
	if (!g->limits.total)
		g->limits.total = INT32_MAX;
	g->sites.max = (size_t)g->limits.total + 1; /* who moves is at both for a moment */
}

int pl_gate_new(const struct pl_gate_options *o, struct pl_gate **out)
{
	struct pl_gate *g = PL_NEW(struct pl_gate);
	if (!g || new_arrivals(o, &g->arrivals)) {
		pl_free(g);
		return PL_ENOMEM;
	}
	pthread_mutex_init(&g->lock, NULL);
	pl_map_init(&g->sites, INT32_MAX);
	set_limits(g, o);
	*out = g;
	return 0;
}

int pl_gate_set(struct pl_gate *g, const struct pl_gate_options *o)
{
	struct pl_limiter *arrivals = NULL;
	if (o->new_per_second != g->limits.new_per_second && new_arrivals(o, &arrivals))
		return PL_ENOMEM;
	pthread_mutex_lock(&g->lock);
	set_limits(g, o);
	struct pl_limiter *old = arrivals ? g->arrivals : NULL;
	g->arrivals = arrivals ? arrivals : g->arrivals;
	pthread_mutex_unlock(&g->lock);
	pl_limiter_free(old);
	return 0;
}

void pl_gate_free(struct pl_gate *g)
{
	if (!g)
		return;
	PL_MAP_EACH (it, &g->sites) {
		pl_free(it->value);
	}
	pl_map_fini(&g->sites);
	pl_limiter_free(g->arrivals);
	pthread_mutex_destroy(&g->lock);
	pl_free(g);
}

static struct pl_slice key_of(const struct pl_ip *ip)
{
	return pl_slice(ip->b, sizeof(ip->b));
}

static int count_site(struct pl_gate *g, const struct pl_ip *ip)
{
	struct site *s = pl_map_get(&g->sites, key_of(ip));
	if (s && g->limits.per_site && s->open >= g->limits.per_site)
		return PL_ELIMIT;
	if (!s) {
		s = PL_NEW(struct site);
		if (!s)
			return PL_ENOMEM;
		s->ip = *ip;
		int err = pl_map_put(&g->sites, key_of(&s->ip), s);
		if (err) {
			pl_free(s);
			return err;
		}
	}
	s->open++;
	return 0;
}

static int enter(struct pl_gate *g, const struct pl_ip *site, uint64_t now_ms)
{
	bool is_counted = !pl_ip_is_local(site);
	int err = is_counted ? pl_limiter_take(g->arrivals, key_of(site), 1, now_ms, NULL) : 0;
	if (!err)
		err = g->open < g->limits.total ? 0 : PL_ELIMIT;
	if (!err && is_counted)
		err = count_site(g, site);
	if (!err)
		g->open++;
	return err;
}

int pl_gate_enter(struct pl_gate *g, const struct pl_ip *from, uint64_t now_ms)
{
	struct pl_ip site = pl_ip_site(*from);
	pthread_mutex_lock(&g->lock);
	int err = enter(g, &site, now_ms);
	pthread_mutex_unlock(&g->lock);
	return err;
}

static void leave(struct pl_gate *g, const struct pl_ip *site)
{
	g->open--;
	struct site *s = pl_ip_is_local(site) ? NULL : pl_map_get(&g->sites, key_of(site));
	if (s && !--s->open)
		pl_free(pl_map_remove(&g->sites, key_of(site)));
}

int pl_gate_move(struct pl_gate *g, const struct pl_ip *from, const struct pl_ip *to,
		 uint64_t now_ms)
{
	struct pl_ip old = pl_ip_site(*from), site = pl_ip_site(*to);
	pthread_mutex_lock(&g->lock);
	g->open--; /* one place for both */
	int err = enter(g, &site, now_ms);
	g->open++;
	if (!err)
		leave(g, &old);
	pthread_mutex_unlock(&g->lock);
	return err;
}

void pl_gate_excuse(struct pl_gate *g, const struct pl_ip *from, uint64_t now_ms)
{
	struct pl_ip site = pl_ip_site(*from);
	if (pl_ip_is_local(&site))
		return;
	pthread_mutex_lock(&g->lock);
	pl_limiter_give(g->arrivals, key_of(&site), 1, now_ms);
	pthread_mutex_unlock(&g->lock);
}

void pl_gate_leave(struct pl_gate *g, const struct pl_ip *from)
{
	struct pl_ip site = pl_ip_site(*from);
	pthread_mutex_lock(&g->lock);
	leave(g, &site);
	pthread_mutex_unlock(&g->lock);
}
