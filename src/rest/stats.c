/*
 * stats.c - GET /ws/stats: connections, rooms and who is online.
 *
 * One answer for two kinds of clients: the first three members are the Socket.IO chat's, the rest
 * is QryptChat's. Who asks without the admin key, where that is allowed, gets the three.
 *
 * Counts are read from the metrics. Who is online and which conversations have listeners is known
 * to each worker for itself, so the question travels: worker 0, worker 1 ... and home again, as
 * one task that is on one loop's thread at a time and needs no lock.
 *
 *     home ──► loop 0 ──► loop 1 ──► ... ──► loop n-1 ──► home: answer
 *
 * Invariants:  gather->conn is touched on home's thread only;  it is NULL iff the connection went
 * away;  home->gathers counts those under way.
 */
#include "rest/internal.h"

#include "base/mem.h"
#include "wire/json_write.h"

#include <stdlib.h>

enum {
	LISTED_MAX = 100000, /* ids of one answer, users and conversations each */
	GATHERS_MAX = 4,     /* of one worker at once */
	BUSY_RETRY_MS = 1000,
	ID = sizeof(struct pl_uuid),
	ANSWER_MAX = LISTED_MAX * (PL_UUID_TEXT + 3) + 1024,
};

struct gather {
	struct pl_task task;
	struct pl_rest *home;
	struct pl_conn *conn;
	struct pl_cors from;
	size_t at;                  /* the worker that is asked */
	struct pl_buf users, rooms; /* ids, one behind the other */
	uint64_t nusers;            /* also those that are not listed */
	bool is_truncated;
	bool is_admin; /* who asked */
};

static void put_id(struct gather *g, struct pl_buf *ids, const char *id)
{
	if (ids->len == (size_t)LISTED_MAX * ID)
		g->is_truncated = true;
	else
		pl_buf_put(ids, id, ID);
}

static void collect(struct gather *g, const struct pl_hub *hub)
{
	struct pl_uuid none = {{0}};
	struct pl_topic_id conversation = pl_topic_conversation(&none);
	g->nusers += hub->online.len;
	PL_MAP_EACH (it, &hub->online)
		put_id(g, &g->users, it->key.at);
	PL_TOPICS_EACH (it, &hub->rooms.by_topic) {
		struct pl_slice topic = pl_room_topic(it->room);
		if (topic.len == PL_TOPIC_ID_LEN && topic.at[0] == conversation.at[0])
			put_id(g, &g->rooms, topic.at + 1);
	}
}

/* ---- the answer ---- */

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, ID);
}

/* A conversation has listeners on several workers and is still one. */
static uint64_t count_distinct(struct pl_buf *ids)
{
	uint64_t n = 0;
	if (ids->len)
		qsort(ids->at, ids->len / ID, ID, by_bytes);
	for (size_t i = 0; i < ids->len; i += ID)
		n += i == 0 || memcmp(ids->at + i, ids->at + i - ID, ID) != 0;
	return n;
}

static void put_users(struct pl_buf *b, const struct pl_buf *ids)
{
	for (size_t i = 0; i < ids->len; i += ID) {
		struct pl_uuid id;
		memcpy(id.b, ids->at + i, ID);
		if (i)
			pl_buf_putc(b, ',');
		pl_json_put_uuid(b, &id);
	}
}

static void put_count(struct pl_buf *b, const struct pl_rest_shared *s, enum pl_metric id)
{
	pl_buf_put_i64(b, pl_metric_sum(s->sets, s->nsets, id));
}

/* WebSockets of every kind, and sessions that need none. */
static void put_connections(struct pl_buf *b, const struct pl_rest_shared *s)
{
	pl_buf_put_i64(b, pl_metric_sum(s->sets, s->nsets, PL_M_WS_OPEN) +
				  pl_metric_sum(s->sets, s->nsets, PL_M_POLLING));
}

static void put_three(struct pl_buf *b, struct gather *g, uint64_t rooms)
{
	PL_PUT(b, "{\"onlineUsers\":");
	pl_buf_put_u64(b, g->nusers);
	PL_PUT(b, ",\"rooms\":");
	pl_buf_put_u64(b, rooms);
	PL_PUT(b, ",\"connections\":");
	put_connections(b, g->home->shared);
}

static void put_rest(struct pl_buf *b, const struct gather *g, uint64_t rooms)
{
	const struct pl_rest_shared *s = g->home->shared;
	PL_PUT(b, ",\"totalConnections\":");
	put_connections(b, s);
	PL_PUT(b, ",\"authenticatedConnections\":");
	put_count(b, s, PL_M_SIGNED_IN);
	PL_PUT(b, ",\"roomStats\":{\"totalConnections\":");
	put_connections(b, s);
	PL_PUT(b, ",\"totalRooms\":");
	pl_buf_put_u64(b, rooms);
	PL_PUT(b, ",\"totalUsers\":");
	pl_buf_put_u64(b, g->nusers);
	PL_PUT(b, ",\"onlineUsers\":[");
	put_users(b, &g->users);
	PL_PUT(b, "]},\"truncated\":");
	pl_json_put_bool(b, g->is_truncated);
}

static void answer(struct gather *g)
{
	uint64_t rooms = count_distinct(&g->rooms);
	struct pl_buf b;
	pl_buf_init(&b, ANSWER_MAX);
	put_three(&b, g, rooms);
	if (g->is_admin)
		put_rest(&b, g, rooms);
	PL_PUT(&b, "}\n");
	pl_cors_reply(g->conn, &g->from, 200, &b, 0);
}

/* ---- the way ---- */

static void free_gather(struct gather *g)
{
	pl_buf_fini(&g->users);
	pl_buf_fini(&g->rooms);
	pl_free(g);
}

static void come_home(struct pl_task *t)
{
	struct gather *g = PL_CONTAINER(t, struct gather, task);
	g->home->gathers--;
	if (g->conn) {
		/* Before the answer: if that breaks the connection, pl_rest_stats_gone is told. */
		pl_conn_set_user(g->conn, NULL);
		if (g->users.err || g->rooms.err)
			pl_cors_fail(g->conn, &g->from, 503, "no memory for the answer", 0);
		else
			answer(g);
	}
	free_gather(g);
}

static void visit(struct pl_task *);

static void travel_on(struct gather *g)
{
	const struct pl_rest_shared *s = g->home->shared;
	bool is_last = g->at == s->nhubs;
	g->task.run = is_last ? come_home : visit;
	pl_loop_post(is_last ? g->home->hub->loop : s->hubs[g->at]->loop, &g->task);
}

static void visit(struct pl_task *t)
{
	struct gather *g = PL_CONTAINER(t, struct gather, task);
	collect(g, g->home->shared->hubs[g->at]);
	g->at++;
	travel_on(g);
}

void pl_rest_stats(struct pl_rest *r, struct pl_conn *c, const struct pl_request *q)
{
	struct pl_cors from;
	if (!pl_cors_enter(&from, c, q))
		return;
	if (r->gathers == GATHERS_MAX) {
		pl_cors_fail(c, &from, 503, "others are asking the same", BUSY_RETRY_MS);
		return;
	}
	struct gather *g = PL_NEW(struct gather);
	if (!g) {
		pl_cors_fail(c, &from, 503, "no memory for the answer", 0);
		return;
	}
	g->home = r;
	g->conn = c;
	g->from = from;
	g->is_admin = pl_rest_is_admin(r, q);
	pl_buf_init(&g->users, (size_t)LISTED_MAX * ID);
	pl_buf_init(&g->rooms, (size_t)LISTED_MAX * ID);
	r->gathers++;
	pl_conn_set_user(c, g);
	travel_on(g);
}

void pl_rest_stats_gone(struct pl_conn *c)
{
	struct gather *g = pl_conn_user(c);
	if (g)
		g->conn = NULL;
}
