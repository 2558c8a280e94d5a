/*
 * site.c - a worker's share of all endpoints: which of them a path belongs to, whose thread runs a
 * callback, tokens.
 */
#include "handler/internal.h"

#include "base/clock.h"
#include "wire/pattern.h"

#include <pthread.h>

enum { IDENTITY_BYTES = 64 << 10 };

static void init_hall(struct pl_hall *hall, struct pl_handler_site *site,
		      const struct pl_handler *h)
{
	*hall = (struct pl_hall){.handler = h, .site = site};
	hall->port = (struct pl_endpoint){.on_upgrade = pl_line_on_upgrade,
					  .on_message = pl_line_on_message,
					  .on_close = pl_line_on_close,
					  .on_ping = h->def.on_ping ? pl_line_on_ping : NULL,
					  .on_pong = h->def.on_pong ? pl_line_on_pong : NULL,
					  .ws = &h->ws,
					  .ctx = hall};
	/* One more of each for the room of everybody. */
	pl_rooms_init(&hall->rooms, h->def.max_rooms + 1, pl_loop_metrics(site->loop));
	hall->rooms.seats_max = (uint32_t)h->def.max_rooms_each + 1;
}

static int attach(struct pl_handlers *h, struct pl_handler_site *s)
{
	int err = h->bus ? 0 : pl_bus_local_new(&h->bus);
	if (!err)
		err = pl_bus_attach(h->bus, &s->node);
	if (err)
		return err;
	h->sites[h->nsites++] = s;
	h->nopen++;
	return 0;
}

/* A bus does not forget its nodes: with the last site it goes. */
static void detach(struct pl_handlers *h, const struct pl_handler_site *s)
{
	for (uint32_t i = 0; i < h->nsites; i++) {
		if (h->sites[i] == s) {
			h->sites[i] = NULL;
			h->nopen--;
		}
	}
	if (h->nopen)
		return;
	pl_bus_free(h->bus);
	h->bus = NULL;
	h->nsites = 0;
}

int pl_handler_site_new(struct pl_handlers *h, uint32_t worker, struct pl_loop *loop,
			struct pl_handler_site **out)
{
	struct pl_handler_site *s = pl_zalloc(1, sizeof(*s) + h->count * sizeof(struct pl_hall));
	size_t max = pl_handlers_max_message(h);
	(void)worker; /* the bus numbers its nodes */
	if (!s)
		return PL_ENOMEM;
	s->handlers = h;
	s->loop = loop;
	s->node = (struct pl_bus_node){.loop = loop, .on_event = pl_handler_on_event};
	pl_arena_init(&s->identity, IDENTITY_BYTES);
	pl_buf_init(&s->out, OBJECT_MAX);
	pl_list_init(&s->asked);
	pl_ids_init(&s->ids, PL_UUID_TEXT);
	s->nhalls = (uint32_t)h->count;
	for (uint32_t i = 0; i < s->nhalls; i++)
		init_hall(&s->halls[i], s, h->all[i]);
	int err = pl_json_parser_new(max ? max : 1, &s->messages);
	if (!err)
		err = attach(h, s);
	if (err) {
		pl_handler_site_free(s);
		return err;
	}
	*out = s;
	return 0;
}

void pl_handler_site_free(struct pl_handler_site *s)
{
	if (!s)
		return;
	detach(s->handlers, s);
	pl_requests_end(s);
	for (uint32_t i = 0; i < s->nhalls; i++)
		pl_rooms_fini(&s->halls[i].rooms);
	pl_ids_fini(&s->ids);
	pl_json_parser_free(s->messages);
	pl_json_parser_free(s->tokens);
	pl_auth_release(s->auth);
	pl_arena_fini(&s->identity);
	pl_buf_fini(&s->out);
	pl_free(s);
}

/* ---- paths ---- */

struct pl_slice pl_handler_path(const struct pl_handlers *h, struct pl_slice path)
{
	struct pl_slice prefix = pl_slice_str(h->prefix);
	if (!pl_slice_starts(path, prefix))
		return pl_slice(NULL, 0);
	struct pl_slice rest = pl_slice(path.at + prefix.len, path.len - prefix.len);
	if (!rest.len)
		return PL_S("/");
	return rest.at[0] == '/' ? rest : pl_slice(NULL, 0);
}

const struct pl_endpoint *pl_handler_find(void *site, const struct pl_http_request *q,
					  unsigned *status)
{
	struct pl_handler_site *s = site;
	struct pl_slice path = pl_handler_path(s->handlers, q->path);
	for (uint32_t i = 0; path.at && i < s->nhalls; i++)
		if (pl_pattern_match(s->halls[i].handler->def.pattern, path))
			return &s->halls[i].port;
	if (path.at && s->handlers->prefix)
		*status = 404;
	return NULL;
}

/* ---- whose thread ---- */

static uintptr_t this_thread(void)
{
	return (uintptr_t)pthread_self();
}

uintptr_t pl_handler_enter(struct pl_handler_site *s)
{
	uintptr_t before = atomic_load_explicit(&s->runs_on, memory_order_relaxed);
	atomic_store_explicit(&s->runs_on, this_thread(), memory_order_relaxed);
	s->failed = NULL;
	return before;
}

void pl_handler_leave(struct pl_handler_site *s, uintptr_t before)
{
	atomic_store_explicit(&s->runs_on, before, memory_order_relaxed);
	if (s->identity.blocks && !before)
		pl_arena_fini(&s->identity);
}

struct pl_handler_site *pl_handlers_here(struct pl_handlers *h)
{
	uintptr_t self = this_thread();
	for (uint32_t i = 0; i < h->nsites; i++) {
		struct pl_handler_site *s = h->sites[i];
		if (s && atomic_load_explicit(&s->runs_on, memory_order_relaxed) == self)
			return s;
	}
	return NULL;
}

parley_conn *pl_handler_site_conn(struct pl_handler_site *s, struct pl_slice id)
{
	char *found = pl_ids_find(&s->ids, id);
	return found ? PL_CONTAINER(found, parley_conn, id) : NULL;
}

/* ---- tokens ---- */

void pl_handler_site_set_auth(struct pl_handler_site *s, struct pl_auth *auth)
{
	pl_auth_release(s->auth);
	s->auth = auth;
}

int pl_handler_site_verify(struct pl_handler_site *s, struct pl_slice token,
			   struct parley_identity *out)
{
	struct pl_identity who;
	int err = 0;
	if (!s->auth)
		return PL_ENOTFOUND;
	if (!s->tokens)
		err = pl_json_parser_new(PL_TOKEN_MAX, &s->tokens);
	if (!err)
		err = pl_auth_check(s->auth, s->tokens, token, pl_wall_ms() / 1000, &s->identity,
				    &who, NULL);
	if (err)
		return err;
	*out = (struct parley_identity){.subject = pl_out(who.subject),
					.username = pl_out(who.username),
					.name = pl_out(who.name),
					.email = pl_out(who.email),
					.expires_s = who.expires_s};
	return 0;
}
