/*
 * conns.c - all connections of a worker: accepting, the dense arrays, deadlines, draining.
 *
 * Invariants:  at[i]->index == i for i < count;  due[i] is the deadline of at[i];  the sweep's
 * timer is set while there are connections.
 */
#include "conn/internal.h"

#include "base/clock.h"
#include "base/mem.h"

#include <sys/epoll.h>
#include <unistd.h>

enum { CIPHER_MAX = 4 << 20, FIRST_CAP = 64 };

uint32_t pl_conns_tick(const struct pl_conns *set)
{
	/* From 1: 0 means "no deadline". Wraps after 13 years. */
	return (uint32_t)((pl_now_ms() - set->born_ms) / PL_TICK) + 1;
}

void pl_conn_set_deadline(struct pl_conn *c, uint32_t ms)
{
	/* The tick that is under way does not count: never early. */
	c->set->due[c->index] =
		ms ? pl_conns_tick(c->set) + (ms + PL_TICK - 1) / PL_TICK + 1 : PL_NO_DEADLINE;
}

static void on_deadline(struct pl_conn *c)
{
	c->set->due[c->index] = PL_NO_DEADLINE;
	switch ((enum pl_phase)c->phase) {
	case PL_PH_HEAD:
	case PL_PH_BODY: pl_http_deadline(c); break;
	case PL_PH_OPEN: pl_ws_deadline(c); break;
	case PL_PH_PIECES:
	case PL_PH_CLOSING:
	case PL_PH_LAST:
	case PL_PH_LINGER: pl_conn_break(c, 1006, PL_S("")); break;
	case PL_PH_OWED:
	case PL_PH_LEAVING:
	case PL_PH_DEAD: break;
	}
}

static void on_sweep(struct pl_timer *t)
{
	struct pl_conns *set = PL_CONTAINER(t, struct pl_conns, sweep);
	uint32_t now = pl_conns_tick(set);
	/* Downwards: a removal moves the last one, which was looked at already, into the hole. */
	for (uint32_t i = set->count; i-- > 0;)
		if (set->due[i] != PL_NO_DEADLINE && set->due[i] <= now)
			on_deadline(set->at[i]);
	if (set->count)
		pl_timer_set(set->loop, &set->sweep, PL_TICK);
}

int pl_conns_new(struct pl_loop *loop, struct pl_gate *gate, const struct pl_conn_options *o,
		 struct pl_conns **out)
{
	struct pl_conns *set = PL_NEW(struct pl_conns);
	if (!set)
		return PL_ENOMEM;
	set->loop = loop;
	set->gate = gate;
	set->options = o;
	set->metrics = pl_loop_metrics(loop);
	set->log = pl_loop_log(loop);
	set->born_ms = pl_now_ms();
	pl_timer_init(&set->sweep, on_sweep);
	pl_buf_init(&set->cipher, CIPHER_MAX);
	*out = set;
	return 0;
}

void pl_conns_free(struct pl_conns *set)
{
	if (!set)
		return;
	set->is_over = true;
	while (set->count)
		pl_conn_break(set->at[set->count - 1], 1006, PL_S("server stopped"));
	pl_loop_turn(set->loop, 0); /* tells and frees them, and who is still on the way here */
	pl_timer_stop(&set->sweep);
	pl_conns_free_pool(set);
	pl_slab_fini(&set->slab);
	pl_buf_fini(&set->cipher);
	pl_buf_fini(&set->head);
	pl_gzipper_free(set->gzipper);
	pl_deflater_free(set->deflater);
	pl_inflater_free(set->inflater);
	pl_free(set->plain);
	pl_free(set->at);
	pl_free(set->due);
	pl_free(set);
}

void pl_conns_set_options(struct pl_conns *set, const struct pl_conn_options *o)
{
	set->options = o;
	for (uint32_t i = 0; i < set->count; i++)
		if (set->at[i]->phase == PL_PH_OPEN && !set->at[i]->is_http)
			pl_ws_set_clock(set->at[i]);
}

void pl_conns_set_routers(struct pl_conns *set, const struct pl_router *routers, size_t n)
{
	set->routers = routers;
	set->nrouters = n;
}

bool pl_conns_can_deflate(struct pl_conns *set)
{
	struct pl_deflate_options how = set->options->deflate;
	how.threshold = 0; /* every endpoint has its own */
	return (set->deflater || !pl_deflater_new(&how, &set->deflater)) &&
	       (set->inflater || !pl_inflater_new(&set->inflater));
}

size_t pl_conns_count(const struct pl_conns *set)
{
	return set->count;
}

static int make_room(struct pl_conns *set)
{
	uint32_t cap = set->cap ? set->cap * 2 : FIRST_CAP;
	struct pl_conn **at = pl_realloc(set->at, cap * sizeof(struct pl_conn *));
	if (!at)
		return PL_ENOMEM;
	set->at = at;
	uint32_t *due = pl_realloc(set->due, cap * sizeof(*due));
	if (!due)
		return PL_ENOMEM;
	set->due = due;
	set->cap = cap;
	return 0;
}

int pl_conns_insert(struct pl_conns *set, struct pl_conn *c)
{
	int err = set->count == set->cap ? make_room(set) : 0;
	if (err)
		return err;
	c->index = set->count;
	set->at[set->count] = c;
	set->due[set->count++] = PL_NO_DEADLINE;
	pl_metric_add(set->metrics, PL_M_CONNECTIONS, 1);
	if (!pl_timer_is_set(&set->sweep))
		pl_timer_set(set->loop, &set->sweep, PL_TICK);
	return 0;
}

void pl_conns_remove(struct pl_conn *c)
{
	struct pl_conns *set = c->set;
	uint32_t last = --set->count;
	set->at[c->index] = set->at[last];
	set->due[c->index] = set->due[last];
	set->at[c->index]->index = c->index;
	pl_metric_add(set->metrics, PL_M_CONNECTIONS, -1);
}

void pl_conns_drain(struct pl_conns *set, const char *reason)
{
	set->is_draining = true;
	for (uint32_t i = set->count; i-- > 0;) {
		struct pl_conn *c = set->at[i];
		bool is_idle = c->phase == PL_PH_HEAD && !pl_http_has_begun(c);
		if (c->phase == PL_PH_OPEN || is_idle)
			pl_conn_close(c, 1001, pl_slice_str(reason));
	}
}
