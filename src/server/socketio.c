/* socketio.c - the chat of Socket.IO clients: what its options mean to the engine, and on which
 * servers it is there. */
#include "server/internal.h"

#include "dialect/socketio.h"

#include "base/mem.h"

static uint32_t millis(uint64_t ms)
{
	return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

static const struct pl_mount *find_mount(const struct parley_server *s)
{
	for (size_t i = 0; i < s->nmounts; i++)
		if (pl_dialects[s->mounts[i].dialect].speaks == PL_SPEAKS_SOCKETIO)
			return &s->mounts[i];
	return NULL;
}

/* In the program always; an embedded server mounts it, or has a listener for it. */
static bool is_wanted(const struct parley_server *s)
{
	const struct pl_listen_list *l = &s->config->listen;
	bool wanted = s->is_chat || find_mount(s);
	for (size_t i = 0; i < l->n; i++)
		wanted |= l->at[i].speaks == PL_SPEAKS_SOCKETIO;
	return s->has_chat && wanted;
}

/* NULL-terminated; the texts are the configuration's. NULL: no memory. */
static const char **list_of(const struct pl_string_list *l)
{
	const char **out = pl_zalloc(l->n + 1, sizeof(*out));
	for (size_t i = 0; out && i < l->n; i++)
		out[i] = l->at[i];
	return out;
}

/* A poll carries what was said in one piece, bytes as base64: some of the largest messages must fit
 * together, or who polls is shown out by one of them. */
static size_t backlog_of(const struct pl_config *c)
{
	size_t least = 4 * c->socketio_max_payload;
	return c->limits_out_hard > least ? c->limits_out_hard : least;
}

static int set_options(struct parley_server *s, const char **why)
{
	const struct pl_config *c = s->config;
	const char **origins = list_of(c->socketio_origins.n ? &c->socketio_origins : &c->origins);
	const struct pl_mount *mount = find_mount(s);
	if (!origins)
		return PL_ENOMEM;
	const struct parley_socketio o = {
		.path = mount ? mount->pattern : NULL,
		.ping_interval_ms = millis(c->socketio_ping_interval_ms),
		.ping_timeout_ms = millis(c->socketio_ping_timeout_ms),
		.upgrade_timeout_ms = millis(c->socketio_upgrade_timeout_ms),
		.connect_timeout_ms = millis(c->socketio_connect_timeout_ms),
		.max_payload = c->socketio_max_payload,
		.max_backlog = backlog_of(c),
		.no_polling = c->socketio_transports == PL_SOCKETIO_WEBSOCKET,
		.no_websocket = c->socketio_transports == PL_SOCKETIO_POLLING,
		.compress = c->socketio_compression,
		.origins = origins,
	};
	int err = pl_sio_set_options(s->sio, &o, sizeof(o), why);
	pl_free(origins);
	return err;
}

int pl_server_add_socketio(struct parley_server *s, struct pl_buf *why)
{
	const char *reason = NULL;
	if (!is_wanted(s))
		return 0;
	int err = set_options(s, &reason);
	if (err == PL_EEXISTS)
		err = 0; /* the embedder said how it is to be served */
	if (!err)
		err = pl_socketio_add(s->sio, &reason);
	if (err)
		pl_buf_printf(why, "socketio: %s\n", reason ? reason : pl_strerror(err));
	s->has_socketio = !err;
	return err;
}
