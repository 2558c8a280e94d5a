/* endpoint.c - what a program says about a path: checked, completed with the defaults, and kept in
 * one block. */
#include "handler/given.h"
#include "handler/internal.h"

#include "wire/chars.h"
#include "wire/pattern.h"

enum {
	PROTOCOLS_MAX = 32,
	PROTOCOL_NAME_MAX = 64,
	PREFIX_MAX = 128,
	ENDPOINTS_MAX = sizeof(((struct pl_handlers *)0)->all) / sizeof(struct pl_handler *),
};

/* ---- the set ---- */

static bool is_prefix(struct pl_slice p)
{
	return p.len <= PREFIX_MAX && p.at[0] == '/' && p.at[p.len - 1] != '/' &&
	       pl_chars_all(p, PL_C_TARGET) && !memchr(p.at, '?', p.len);
}

int pl_handlers_new(parley_server *server, const char *prefix, struct pl_handlers **out)
{
	struct pl_slice p = pl_slice_str(prefix);
	if (p.len && !is_prefix(p))
		return PL_EINVAL;
	struct pl_handlers *h = PL_NEW(struct pl_handlers);
	char *copy = h && p.len ? pl_memdup0(p.at, p.len) : NULL;
	if (!h || (p.len && !copy)) {
		pl_free(h);
		return PL_ENOMEM;
	}
	atomic_init(&h->server, server);
	h->prefix = copy;
	h->refs = 1;
	pthread_mutex_init(&h->lock, NULL);
	*out = h;
	return 0;
}

void pl_handlers_release(struct pl_handlers *h)
{
	bool is_last = !--h->refs;
	pthread_mutex_unlock(&h->lock);
	if (!is_last)
		return;
	for (size_t i = 0; i < h->count; i++)
		pl_free(h->all[i]);
	pthread_mutex_destroy(&h->lock);
	pl_free(h->prefix);
	pl_free(h);
}

void pl_handlers_free(struct pl_handlers *h)
{
	if (!h)
		return;
	atomic_store(&h->server, NULL);
	pthread_mutex_lock(&h->lock);
	pl_handlers_release(h);
}

size_t pl_handlers_count(const struct pl_handlers *h)
{
	return h->count;
}

size_t pl_handlers_max_message(const struct pl_handlers *h)
{
	size_t max = 0;
	for (size_t i = 0; i < h->count; i++)
		if (h->all[i]->def.max_message > max)
			max = h->all[i]->def.max_message;
	return max;
}

/* ---- checks ---- */

static bool is_protocol(struct pl_slice name)
{
	return name.len <= PROTOCOL_NAME_MAX && pl_chars_all(name, PL_C_TOKEN);
}

static const char *protocols_fault(const char *const *list)
{
	size_t n = 0;
	for (; list && list[n]; n++)
		if (n == PROTOCOLS_MAX || !is_protocol(pl_slice_str(list[n])))
			return "subprotocols: at most 32, each a token of at most 64 characters";
	return NULL;
}

static const char *times_fault(const struct parley_endpoint *e)
{
	if (e->heartbeat_ms > PL_GIVEN_MS_MAX || e->idle_ms > PL_GIVEN_MS_MAX ||
	    e->auth_ms > PL_GIVEN_MS_MAX)
		return "heartbeat_ms, idle_ms, auth_ms: at most a week";
	return NULL;
}

static const char *sizes_fault(const struct parley_endpoint *e)
{
	if (e->max_message > PL_GIVEN_BYTES_MAX || e->max_backlog > PL_GIVEN_BYTES_MAX ||
	    e->compress_above > PL_GIVEN_BYTES_MAX)
		return "max_message, max_backlog, compress_above: at most 1 GiB";
	if (e->max_rooms > PL_GIVEN_ROOMS_MAX)
		return "max_rooms: at most 67,108,864";
	if (e->max_rooms_each > PL_SEATS_MAX)
		return "max_rooms_each: at most 4,096";
	return NULL;
}

static const char *room_fault(const char *room)
{
	struct pl_slice r = pl_slice_str(room);
	return room && (!r.len || r.len > ROOM_NAME_MAX) ? "default_room: 1 to 255 bytes" : NULL;
}

static const char *fault_of(const struct pl_handlers *h, const struct parley_endpoint *e)
{
	const char *fault = e->pattern ? pl_pattern_fault(e->pattern) : "there is no pattern";
	for (size_t i = 0; !fault && i < h->count; i++)
		if (!strcmp(h->all[i]->def.pattern, e->pattern))
			fault = "the pattern is there already";
	if (!fault)
		fault = protocols_fault(e->subprotocols);
	if (!fault)
		fault = times_fault(e);
	if (!fault)
		fault = sizes_fault(e);
	return fault ? fault : room_fault(e->default_room);
}

/* ---- defaults ---- */

static void complete(struct parley_endpoint *e)
{
	e->auth_ms = (uint32_t)pl_given_or(e->auth_ms, 30000);
	e->max_message = pl_given_or(e->max_message, 1 << 20);
	e->max_backlog = pl_given_or(e->max_backlog, 4 << 20);
	e->max_rooms = pl_given_or(e->max_rooms, 1000000);
	e->max_rooms_each = pl_given_or(e->max_rooms_each, 1000);
	e->compress_above = pl_given_or(e->compress_above, 1024);
}

static struct pl_ws_options options_of(const struct parley_endpoint *e)
{
	uint32_t backlog = (uint32_t)e->max_backlog;
	return (struct pl_ws_options){.max_message = (uint32_t)e->max_message,
				      .max_frames = 1024,
				      .heartbeat_ms = e->heartbeat_ms,
				      .beat = "heartbeat",
				      .missed_max = 3,
				      .idle_ms = e->idle_ms,
				      .out_soft = backlog / 4,
				      .out_hard = backlog,
				      .slow_ms = 30000,
				      .drop_when_slow = e->drop_when_slow,
				      .compress = e->compress,
				      .compress_above = (uint32_t)e->compress_above};
}

/* ---- one block ---- */

static struct pl_handler *keep(const struct parley_endpoint *e, uint32_t number)
{
	size_t n = 0, texts = pl_given_text_size(e->pattern) + pl_given_text_size(e->default_room);
	for (; e->subprotocols && e->subprotocols[n]; n++)
		texts += pl_given_text_size(e->subprotocols[n]);
	struct pl_handler *h = pl_zalloc(1, sizeof(*h) + n * sizeof(struct pl_slice) + texts);
	if (!h)
		return NULL;
	h->protocols = (struct pl_slice *)(void *)(h + 1);
	h->nprotocols = n;
	h->number = number;
	char *at = (char *)(h->protocols + n);
	h->def = *e;
	h->def.pattern = pl_given_text_put(&at, e->pattern);
	h->def.default_room = pl_given_text_put(&at, e->default_room);
	h->default_room = pl_slice_str(h->def.default_room);
	h->def.subprotocols = NULL; /* from here on it is `protocols` */
	for (size_t i = 0; i < n; i++)
		h->protocols[i] = pl_slice_str(pl_given_text_put(&at, e->subprotocols[i]));
	complete(&h->def);
	h->ws = options_of(&h->def);
	return h;
}

int pl_handlers_add(struct pl_handlers *h, const struct parley_endpoint *given, size_t size,
		    const char **why)
{
	struct parley_endpoint e;
	if (h->nsites)
		return PL_ESTATE;
	if (!given || size < sizeof(e.pattern) || !pl_given_take(given, size, &e, sizeof(e))) {
		*why = "not a struct parley_endpoint that this library knows";
		return PL_EINVAL;
	}
	const char *fault = h->count == ENDPOINTS_MAX ? "too many endpoints" : fault_of(h, &e);
	if (fault) {
		*why = fault;
		return PL_EINVAL;
	}
	struct pl_handler *kept = keep(&e, (uint32_t)h->count);
	if (!kept)
		return PL_ENOMEM;
	h->all[h->count++] = kept;
	return 0;
}
