/*
 * testing.h - for the tests of this layer: up to two workers and any number of Socket.IO clients of
 * them over WebSockets, turned by one thread, so that what is in flight is always known.
 */
#ifndef PL_SOCKETIO_TESTING_H
#define PL_SOCKETIO_TESTING_H

#include "handler/testing.h"
#include "socketio/recovery.h"

struct sio_world {
	struct world w; /* first: it is the server that callbacks see */
	struct pl_sio *sio;
	struct pl_sio_site *sites[WORKERS];
};

static inline const struct pl_endpoint *sio_find(void *site, const struct pl_http_request *q,
						 unsigned *status)
{
	(void)status;
	return pl_sio_find(site, q);
}

static inline struct sio_world *sio_world_of(const parley_socket *k)
{
	return (struct sio_world *)(void *)parley_socket_server(k);
}

static inline void sio_new(struct sio_world *s, int workers)
{
	*s = (struct sio_world){.sio = NULL};
	world_new(&s->w, NULL, workers);
	assert_int_equal(pl_sio_new(world_server(&s->w), s->w.handlers, &s->sio), 0);
}

static inline void sio_options(struct sio_world *s, const struct parley_socketio *o)
{
	const char *why = NULL;
	if (pl_sio_set_options(s->sio, o, sizeof(*o), &why))
		fail_msg("%s", why ? why : "no memory");
}

static inline void sio_namespace(struct sio_world *s, const struct parley_namespace *n)
{
	const char *why = NULL;
	if (pl_sio_add_namespace(s->sio, n, sizeof(*n), &why))
		fail_msg("%s", why ? why : "no memory");
}

static inline int sio_try(struct sio_world *s, int i)
{
	int err = world_try(&s->w, i);
	if (!err)
		err = pl_sio_site_new(s->sio, (uint32_t)i, s->w.loops[i], s->w.sets[i],
				      s->w.sites[i], &s->sites[i]);
	s->w.routers[i] =
		(struct pl_router){.find = sio_find, .find_ctx = s->sites[i], .finds_plain = true};
	return err;
}

static inline void sio_start(struct sio_world *s)
{
	for (int i = 0; i < s->w.workers; i++)
		assert_int_equal(sio_try(s, i), 0);
	for (int i = 0; i < s->w.workers; i++)
		pl_sio_site_set_siblings(s->sites[i], s->w.sets, (uint32_t)s->w.workers);
}

/* One namespace on so many workers. */
static inline void sio_open(struct sio_world *s, const struct parley_namespace *n, int workers)
{
	sio_new(s, workers);
	sio_namespace(s, n);
	sio_start(s);
}

/* The same and another of its kind, on one worker. */
static inline void sio_open_two(struct sio_world *s, const struct parley_namespace *n,
				const char *other)
{
	struct parley_namespace second = *n;
	second.name = other;
	sio_new(s, 1);
	sio_namespace(s, n);
	sio_namespace(s, &second);
	sio_start(s);
}

static inline void sio_end(struct sio_world *s)
{
	for (int i = 0; i < s->w.workers; i++) {
		pl_conns_free(s->w.sets[i]);
		s->w.sets[i] = NULL;
	}
	for (int i = 0; i < s->w.workers; i++)
		pl_sio_site_close(s->sites[i]);
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < s->w.workers; i++)
			if (s->w.loops[i])
				pl_loop_turn(s->w.loops[i], 0);
	for (int i = 0; i < s->w.workers; i++)
		pl_sio_site_free(s->sites[i]);
	pl_sio_free(s->sio);
	world_end(&s->w);
}

/* ---- clients ---- */

/* A session; the open packet was read. */
static inline struct client *engine_at(struct sio_world *s, int worker)
{
	struct pl_ws_event ev = {0};
	struct client *c =
		client_at(&s->w, worker, "/socket.io/?EIO=4&transport=websocket&color=red");
	UNTIL(&s->w, next_frame(c, &ev));
	assert_memory_equal(ev.data.at, "0{\"sid\":\"", 9);
	return c;
}

static inline struct client *engine_new(struct sio_world *s)
{
	return engine_at(s, 0);
}

/* A message of Engine.IO: Socket.IO's text. */
static inline void tell(struct sio_world *s, struct client *c, const char *text)
{
	char whole[8192] = "4";
	assert_true(strlen(text) + 2 < sizeof(whole));
	memcpy(whole + 1, text, strlen(text) + 1);
	say(&s->w, c, whole);
}

/* What comes next must be this. */
static inline void expect(struct sio_world *s, struct client *c, const char *text)
{
	char whole[8192] = "4";
	assert_true(strlen(text) + 2 < sizeof(whole));
	memcpy(whole + 1, text, strlen(text) + 1);
	expect_text(&s->w, c, whole);
}

static inline void expect_bytes(struct sio_world *s, struct client *c, const char *bytes)
{
	expect_frame(&s->w, c, PL_WS_BINARY, bytes);
}

/* The next message, whatever it is; lasts until the next call. */
static inline const char *heard(struct sio_world *s, struct client *c)
{
	struct pl_ws_event ev = {0};
	UNTIL(&s->w, next_frame(c, &ev));
	assert_int_equal(ev.op, PL_WS_TEXT);
	assert_int_equal(ev.data.at[0], '4');
	return ev.data.at + 1;
}

/* The id that stands in the next message, a CONNECT reply of this namespace ("" for "/"). */
struct sid {
	char text[SOCKET_ID + 1];
	char pid[PID_LEN + 1];
};

static inline struct sid joined(struct sio_world *s, struct client *c, const char *nsp)
{
	struct sid id = {.pid = ""};
	char head[300];
	const char *text = heard(s, c);
	int n = snprintf(head, sizeof(head), "0%s%s{\"sid\":\"", nsp, *nsp ? "," : "");
	if (strncmp(text, head, (size_t)n) != 0)
		fail_msg("heard %s", text);
	memcpy(id.text, text + n, SOCKET_ID);
	const char *pid = strstr(text, "\",\"pid\":\"");
	if (pid)
		memcpy(id.pid, pid + 9, PID_LEN);
	assert_true(strlen(id.text) == SOCKET_ID);
	return id;
}

static inline struct sid join_as(struct sio_world *s, struct client *c, const char *nsp)
{
	char packet[300];
	(void)snprintf(packet, sizeof(packet), "0%s%s", nsp, *nsp ? "," : "");
	tell(s, c, packet);
	return joined(s, c, nsp);
}

/* A client of "/" on this worker. */
static inline struct client *peer_at(struct sio_world *s, int worker, struct sid *id)
{
	struct client *c = engine_at(s, worker);
	struct sid got = join_as(s, c, "");
	if (id)
		*id = got;
	return c;
}

static inline struct client *peer_new(struct sio_world *s)
{
	return peer_at(s, 0, NULL);
}

/* After whatever else was said: the connection was closed without a code. */
static inline void expect_end(struct sio_world *s, struct client *c)
{
	expect_close(&s->w, c, 1005, "");
}

#endif
