/*
 * admin_gather.c - what all workers together have: counts for `server_stats`, and with an
 * administrator who needs it the list of all sockets.
 *
 *     home ──► worker 0 ──► worker 1 ──► ... ──► worker n-1 ──► home: told to all who look on here
 *
 * One task, which is on one loop's thread at a time and needs no lock. Each worker counts since it
 * began and nobody resets it: every home subtracts what it told last time.
 *
 * Invariant:  home->is_gathering iff a gather of it is under way.
 */
#include "socketio/admin_internal.h"
#include "socketio/internal.h"

#include "base/clock.h"
#include "wire/json_write.h"

#include <unistd.h>

enum {
	NAMES_MAX = 64 << 10, /* bytes of namespaces' names */
	STATS_MAX = 256 << 10,
	LIST_PART = 2, /* of the backlog that closes a session */
	CLOSING = 2,   /* brackets */
	SECOND_MS = 1000,
};

struct name {
	uint32_t at, len; /* in `names` */
	uint64_t sockets;
};

struct gather {
	struct pl_task task;
	struct pl_sio_admin_site *home;
	uint32_t at; /* the worker that is asked */
	bool wants_list;
	struct pl_admin_counts counts;
	struct pl_buf names;
	struct name namespaces[PL_ADMIN_NAMESPACES_MAX];
	uint32_t nnamespaces;
	struct pl_buf list; /* of sockets, with commas */
	uint32_t nlisted;
	bool is_cut;        /* there are more */
	uint64_t numbers[]; /* of the last batch that the list includes, by worker */
};

/* ---- on each worker ---- */

static void add_namespace(struct gather *g, struct pl_slice name, uint64_t sockets)
{
	uint32_t i = 0;
	while (i < g->nnamespaces && !pl_slice_eq(name, pl_slice(g->names.at + g->namespaces[i].at,
								 g->namespaces[i].len)))
		i++;
	if (i == PL_ADMIN_NAMESPACES_MAX)
		return;
	if (i == g->nnamespaces) {
		g->namespaces[i] =
			(struct name){.at = (uint32_t)g->names.len, .len = (uint32_t)name.len};
		pl_buf_puts(&g->names, name);
		if (g->names.err)
			return;
		g->nnamespaces++;
	}
	g->namespaces[i].sockets += sockets;
}

static void count(struct gather *g, const struct pl_sio_admin_site *s)
{
	struct pl_sio_counts now = pl_sio_site_counts(s->sio);
	size_t polling = 0;
	g->counts.traffic.packets_in += now.packets_in;
	g->counts.traffic.packets_out += now.packets_out;
	g->counts.traffic.bytes_in += now.bytes_in;
	g->counts.traffic.bytes_out += now.bytes_out;
	g->counts.opened += s->opened;
	for (int i = 0; i < PL_ADMIN_REASONS; i++)
		g->counts.closed[i] += s->closed[i];
	g->counts.clients += pl_sio_site_clients(s->sio, &polling);
	g->counts.polling += polling;
	PL_MAP_EACH (it, &s->sio->halls) {
		const struct pl_sio_hall *hall = it->value;
		add_namespace(g, hall->name, pl_room_size(&hall->rooms, EVERYBODY));
	}
}

struct listing {
	struct gather *gather;
	const struct pl_sio_admin_site *site;
};

static void list_one(parley_socket *socket, void *ctx)
{
	struct listing *l = ctx;
	struct gather *g = l->gather;
	size_t before = g->list.len;
	if (g->is_cut || g->nlisted == PL_ADMIN_LISTED_MAX) {
		g->is_cut = true;
		return;
	}
	if (g->nlisted)
		pl_buf_putc(&g->list, ',');
	/* Of a long list the second half is short: who is there matters more than how he came. */
	bool is_long = g->list.len > g->list.max / 2;
	pl_admin_put_socket(&g->list, socket,
			    is_long ? NULL : pl_admin_handshake_of(l->site, socket));
	if (!g->list.err && g->list.len + CLOSING <= g->list.max) {
		g->nlisted++;
		return;
	}
	/* Those that fit are told. */
	g->is_cut = true;
	g->list.len = before;
	g->list.err = 0;
}

static void travel_on(struct gather *);

static void visit(struct pl_task *t)
{
	struct gather *g = PL_CONTAINER(t, struct gather, task);
	struct pl_sio_admin_site *s = g->home->admin->sites[g->at];
	count(g, s);
	/* What happens from here on is in no list, and is told. */
	g->numbers[g->at] = pl_admin_feed_cut(s);
	if (g->wants_list) {
		struct listing l = {.gather = g, .site = s};
		pl_admin_feed_begin(s);
		pl_sio_site_each(s->sio, list_one, &l);
	}
	g->at++;
	travel_on(g);
}

/* ---- server_stats ---- */

static void put_count(struct pl_buf *b, const char *type, const char *sub, uint64_t n)
{
	if (!n)
		return;
	uint64_t second = pl_wall_ms() / SECOND_MS * SECOND_MS;
	if (b->at[b->len - 1] != '[')
		pl_buf_putc(b, ',');
	pl_buf_printf(b, "{\"timestamp\":%llu,\"type\":\"%s\"", (unsigned long long)second, type);
	if (sub)
		pl_buf_printf(b, ",\"subType\":\"%s\"", sub);
	pl_buf_printf(b, ",\"count\":%llu}", (unsigned long long)n);
}

/* What happened since the last time; nothing when there was none. */
static void put_happened(struct pl_buf *b, const struct pl_admin_counts *now,
			 const struct pl_admin_counts *before)
{
	const struct pl_sio_counts *t = &now->traffic, *u = &before->traffic;
	PL_PUT(b, "\"aggregatedEvents\":[");
	if (b->err)
		return;
	put_count(b, "rawConnection", NULL, now->opened - before->opened);
	for (int i = 0; i < PL_ADMIN_REASONS; i++)
		put_count(b, "rawDisconnection", pl_eio_reason_text((enum pl_eio_reason)i),
			  now->closed[i] - before->closed[i]);
	put_count(b, "packetsIn", NULL, t->packets_in - u->packets_in);
	put_count(b, "packetsOut", NULL, t->packets_out - u->packets_out);
	put_count(b, "bytesIn", NULL, t->bytes_in - u->bytes_in);
	put_count(b, "bytesOut", NULL, t->bytes_out - u->bytes_out);
	pl_buf_putc(b, ']');
}

static void put_namespaces(struct pl_buf *b, const struct gather *g)
{
	PL_PUT(b, "\"namespaces\":[");
	for (uint32_t i = 0; i < g->nnamespaces; i++) {
		const struct name *n = &g->namespaces[i];
		if (i)
			pl_buf_putc(b, ',');
		PL_PUT(b, "{\"name\":");
		pl_json_put_str(b, pl_slice(g->names.at + n->at, n->len));
		PL_PUT(b, ",\"socketsCount\":");
		pl_buf_put_u64(b, n->sockets);
		pl_buf_putc(b, '}');
	}
	pl_buf_putc(b, ']');
}

static void put_server(struct pl_buf *b, const struct pl_sio_admin *a)
{
	uint64_t up_ms = pl_now_ms() - a->born_ms;
	PL_PUT(b, "{\"serverId\":\"");
	pl_json_put_escaped(b, pl_slice_str(a->host));
	pl_buf_printf(b, "#%ld\",\"hostname\":", (long)getpid());
	pl_json_put_str(b, pl_slice_str(a->host));
	pl_buf_printf(b, ",\"pid\":%ld,\"uptime\":%llu.%03u,", (long)getpid(),
		      (unsigned long long)(up_ms / SECOND_MS), (unsigned)(up_ms % SECOND_MS));
}

static void put_stats(struct pl_buf *b, const struct gather *g)
{
	const struct pl_sio_admin_site *home = g->home;
	PL_PUT(b, "[\"server_stats\",");
	put_server(b, home->admin);
	PL_PUT(b, "\"clientsCount\":");
	pl_buf_put_u64(b, g->counts.clients);
	PL_PUT(b, ",\"pollingClientsCount\":");
	pl_buf_put_u64(b, g->counts.polling);
	pl_buf_putc(b, ',');
	put_happened(b, &g->counts, home->has_last ? &home->last : &g->counts);
	pl_buf_putc(b, ',');
	put_namespaces(b, g);
	PL_PUT(b, "}]");
}

/* ---- home again ---- */

static void tell_stats(struct gather *g)
{
	struct pl_sio_admin_site *home = g->home;
	struct pl_buf b;
	pl_buf_init(&b, STATS_MAX);
	put_stats(&b, g);
	/* Not heard now, it is heard with the next. */
	if (!b.err) {
		home->last = g->counts;
		home->has_last = true;
		PL_LIST_EACH (it, &home->here) {
			struct pl_admin *a = PL_CONTAINER(it, struct pl_admin, node);
			if (!pl_admin_is_slow(a))
				pl_admin_say(a, pl_buf_slice(&b));
		}
	}
	pl_buf_fini(&b);
}

static void tell_list(struct gather *g)
{
	struct pl_sio_admin_site *home = g->home;
	if (g->is_cut)
		pl_log(pl_loop_log(home->loop), PL_INFO, "admin",
		       "the Admin UI is shown the first %u sockets of more", g->nlisted);
	pl_buf_puts(&g->list, PL_S("]]"));
	PL_LIST_EACH (it, &home->here) {
		struct pl_admin *a = PL_CONTAINER(it, struct pl_admin, node);
		if (a->view != PL_ADMIN_WAITING)
			continue;
		a->had_list = true;
		pl_admin_say(a, pl_buf_slice(&g->list));
		pl_admin_feed_resume(a, g->numbers);
	}
}

static void free_gather(struct gather *g)
{
	pl_buf_fini(&g->names);
	pl_buf_fini(&g->list);
	pl_free(g);
}

/* Somebody came while this was under way. */
static bool has_newcomer(const struct pl_sio_admin_site *s)
{
	PL_LIST_EACH (it, &s->here)
		if (!PL_CONTAINER(it, struct pl_admin, node)->had_list)
			return !s->admin->is_production;
	return false;
}

static void come_home(struct pl_task *t)
{
	struct gather *g = PL_CONTAINER(t, struct gather, task);
	struct pl_sio_admin_site *home = g->home;
	home->is_gathering = false;
	tell_stats(g);
	if (g->wants_list)
		tell_list(g);
	free_gather(g);
	if (has_newcomer(home))
		pl_admin_gather(home);
}

/* ---- the way ---- */

static void travel_on(struct gather *g)
{
	const struct pl_sio_admin *a = g->home->admin;
	bool is_last = g->at == a->nsites;
	g->task.run = is_last ? come_home : visit;
	pl_loop_post(is_last ? g->home->loop : a->sites[g->at]->loop, &g->task);
}

/* Those who have no list and could read one wait for this one. */
static void begin_list(struct gather *g)
{
	struct pl_sio_admin_site *home = g->home;
	PL_LIST_EACH (it, &home->here) {
		struct pl_admin *a = PL_CONTAINER(it, struct pl_admin, node);
		if (a->view != PL_ADMIN_BLIND || home->admin->is_production || pl_admin_is_slow(a))
			continue;
		a->view = PL_ADMIN_WAITING;
		pl_buf_init(&a->later, PL_ADMIN_LATER_MAX);
		g->wants_list = true;
	}
	if (g->wants_list)
		pl_buf_puts(&g->list, PL_S("[\"all_sockets\",["));
}

void pl_admin_gather(struct pl_sio_admin_site *home)
{
	size_t n = home->admin->nsites;
	if (home->is_gathering)
		return;
	struct gather *g = pl_zalloc(1, sizeof(*g) + n * sizeof(g->numbers[0]));
	if (!g)
		return; /* the next tick tries again */
	g->home = home;
	pl_buf_init(&g->names, NAMES_MAX);
	pl_buf_init(&g->list, home->sio->sio->path->eio.out_hard / LIST_PART);
	begin_list(g);
	home->is_gathering = true;
	travel_on(g);
}
