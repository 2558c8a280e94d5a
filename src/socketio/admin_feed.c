/*
 * admin_feed.c - what happens on a worker, written down for the workers where an administrator
 * looks on. The batches and their way are admin_batch.c's.
 *
 *     callbacks of the engine ──► open batch ──► (mailbox of this turn) ──► every worker with
 *     administrators ──► each of them, or `later` while he waits for his list of sockets
 *
 * Nothing is written down while nobody looks on: the first event that finds nobody ends the watch.
 */
#include "socketio/admin_internal.h"
#include "socketio/internal.h"

#include "base/clock.h"
#include "wire/json_write.h"
#include "wire/utf8.h"

enum { HANDSHAKES_MAX = 1 << 22 };

/* ---- events ---- */

/* Where an event begins in the batch, or NULL. */
static struct pl_buf *begin(struct pl_sio_admin_site *s, size_t *at)
{
	static const char none[PL_ADMIN_LENGTH];
	struct pl_admin_batch *b = pl_admin_batch_of(s);
	if (!b)
		return NULL;
	*at = b->events.len;
	pl_buf_put(&b->events, none, PL_ADMIN_LENGTH);
	return &b->events;
}

/* What did not fit is taken back. */
static void end(struct pl_sio_admin_site *s, struct pl_buf *b, size_t at)
{
	uint32_t len = (uint32_t)(b->len - at - PL_ADMIN_LENGTH);
	if (!b->err) {
		memcpy(b->at + at, &len, PL_ADMIN_LENGTH);
		return;
	}
	b->len = at;
	b->err = 0;
	pl_admin_count_dropped(s, 1);
}

static void put_now(struct pl_buf *b)
{
	pl_buf_putc(b, ',');
	pl_json_put_iso(b, pl_wall_ms());
	pl_buf_putc(b, ']');
}

static void put_who(struct pl_buf *b, const parley_socket *socket)
{
	pl_json_put_str(b, pl_in(parley_socket_namespace(socket)));
	pl_buf_putc(b, ',');
	pl_json_put_str(b, pl_in(parley_socket_id(socket)));
}

static void tell_room(struct pl_sio_admin_site *s, const parley_socket *socket,
		      struct pl_slice room, bool joined)
{
	size_t at = 0;
	struct pl_buf *b = pl_utf8_valid(room) ? begin(s, &at) : NULL;
	if (!b)
		return;
	pl_buf_puts(b, joined ? PL_S("[\"room_joined\",") : PL_S("[\"room_left\","));
	pl_json_put_str(b, pl_in(parley_socket_namespace(socket)));
	pl_buf_putc(b, ',');
	pl_json_put_str(b, room);
	pl_buf_putc(b, ',');
	pl_json_put_str(b, pl_in(parley_socket_id(socket)));
	put_now(b);
	end(s, b, at);
}

static void on_room(void *ctx, parley_socket *socket, struct pl_slice room, bool joined)
{
	tell_room(ctx, socket, room, joined);
}

static void tell_connected(struct pl_sio_admin_site *s, parley_socket *socket)
{
	size_t at = 0;
	struct pl_buf *b = begin(s, &at);
	if (!b)
		return;
	PL_PUT(b, "[\"socket_connected\",");
	pl_admin_put_socket(b, socket, pl_admin_handshake_of(s, socket));
	put_now(b);
	end(s, b, at);
}

static void tell_disconnected(struct pl_sio_admin_site *s, const parley_socket *socket,
			      const char *reason)
{
	size_t at = 0;
	struct pl_buf *b = begin(s, &at);
	if (!b)
		return;
	PL_PUT(b, "[\"socket_disconnected\",");
	put_who(b, socket);
	pl_buf_putc(b, ',');
	pl_json_put_str(b, pl_slice_str(reason));
	put_now(b);
	end(s, b, at);
}

/* In the order of the original: into its own room before it is there, out of all of them after it
 * has gone. */
static void on_socket(void *ctx, parley_socket *socket, bool connected, const char *reason)
{
	struct pl_sio_admin_site *s = ctx;
	struct pl_admin_rooms rooms;
	if (connected) {
		tell_room(s, socket, pl_in(parley_socket_id(socket)), true);
		tell_connected(s, socket);
		return;
	}
	tell_disconnected(s, socket, reason);
	pl_admin_rooms_of(socket, &rooms);
	for (size_t i = 0; i < rooms.n; i++)
		tell_room(s, socket, pl_in(rooms.at[i]), false);
}

static void on_transport(void *ctx, parley_socket *socket)
{
	struct pl_sio_admin_site *s = ctx;
	size_t at = 0;
	struct pl_buf *b = begin(s, &at);
	if (!b)
		return;
	PL_PUT(b, "[\"socket_updated\",{\"id\":");
	pl_json_put_str(b, pl_in(parley_socket_id(socket)));
	PL_PUT(b, ",\"nsp\":");
	pl_json_put_str(b, pl_in(parley_socket_namespace(socket)));
	PL_PUT(b, ",\"transport\":");
	pl_json_put_str(b, pl_admin_transport(socket));
	PL_PUT(b, "}]");
	end(s, b, at);
}

/* The name of an event whose arguments are too much to show: the first string of an array. */
static struct pl_slice name_of(struct pl_slice json)
{
	size_t n = 2;
	if (json.len < 3 || json.at[1] != '"')
		return PL_S("\"\"");
	while (n < json.len && json.at[n] != '"')
		n += json.at[n] == '\\' ? 2 : 1;
	return n < json.len && n < PL_ADMIN_EVENT_MAX ? pl_slice(json.at + 1, n) : PL_S("\"\"");
}

static void put_event(struct pl_buf *b, struct pl_slice json)
{
	if (json.len <= PL_ADMIN_EVENT_MAX) {
		pl_json_put_raw(b, json);
		return;
	}
	pl_buf_putc(b, '[');
	pl_buf_puts(b, name_of(json));
	PL_PUT(b, ",\"(");
	pl_buf_put_u64(b, json.len);
	PL_PUT(b, " bytes)\"]");
}

static void on_event(void *ctx, parley_socket *socket, struct pl_slice json, bool is_received)
{
	struct pl_sio_admin_site *s = ctx;
	size_t at = 0;
	/* Or what is told here would have to be told again. */
	if (parley_socket_user(socket) == s->admin)
		return;
	struct pl_buf *b = begin(s, &at);
	if (!b)
		return;
	pl_buf_puts(b, is_received ? PL_S("[\"event_received\",") : PL_S("[\"event_sent\","));
	put_who(b, socket);
	pl_buf_putc(b, ',');
	put_event(b, json);
	put_now(b);
	end(s, b, at);
}

/* ---- clients ---- */

static struct pl_slice key_of(const uint64_t *number)
{
	return pl_slice(number, sizeof(*number));
}

const struct pl_admin_handshake *pl_admin_handshake_of(const struct pl_sio_admin_site *s,
						       parley_socket *socket)
{
	uint64_t number = pl_eio_number(pl_socket_engine(socket));
	return pl_map_get(&s->handshakes, key_of(&number));
}

/* Who cannot be remembered is shown without it. */
static void remember(struct pl_sio_admin_site *s, const struct pl_eio *eio)
{
	const struct pl_sio_client *c = pl_eio_user(eio);
	struct pl_request *q = c->request ? pl_sio_request_unpack(c->request) : NULL;
	struct pl_admin_handshake *h = q ? pl_admin_handshake_new(eio, q, pl_wall_ms()) : NULL;
	pl_free(q);
	if (h && pl_map_put(&s->handshakes, key_of(&h->number), h))
		pl_free(h);
}

/* What the sockets are told may be another reason: of the connection it is that we closed it. */
static int reason_of(const char *text)
{
	for (int i = 0; i < PL_ADMIN_REASONS; i++)
		if (!strcmp(text, pl_eio_reason_text((enum pl_eio_reason)i)))
			return i;
	return PL_EIO_FORCED;
}

static void on_engine(void *ctx, struct pl_eio *eio, bool opened, const char *reason)
{
	struct pl_sio_admin_site *s = ctx;
	uint64_t number = pl_eio_number(eio);
	if (!opened) {
		s->closed[reason_of(reason)]++;
		pl_free(pl_map_remove(&s->handshakes, key_of(&number)));
		return;
	}
	s->opened++;
	if (!s->admin->is_production)
		remember(s, eio);
}

/* ---- a worker's ---- */

void pl_admin_feed_init(struct pl_sio_admin_site *s)
{
	s->brief = (struct pl_sio_watch){.ctx = s, .on_engine = on_engine};
	s->full = (struct pl_sio_watch){.ctx = s,
					.on_engine = on_engine,
					.on_socket = on_socket,
					.on_room = on_room,
					.on_transport = on_transport,
					.on_event = on_event};
	s->ship.run = pl_admin_on_ship;
	pl_map_init(&s->handshakes, HANDSHAKES_MAX);
	pl_buf_init(&s->packet, PL_ADMIN_PACKET_MAX);
	pl_sio_site_watch(s->sio, &s->brief);
}

void pl_admin_feed_begin(struct pl_sio_admin_site *s)
{
	if (s->is_watching || s->admin->is_production)
		return;
	s->is_watching = true;
	pl_sio_site_watch(s->sio, &s->full);
}

void pl_admin_feed_fini(struct pl_sio_admin_site *s)
{
	pl_admin_batch_release(s->open);
	PL_MAP_EACH (it, &s->handshakes)
		pl_free(it->value);
	pl_map_fini(&s->handshakes);
	pl_buf_fini(&s->packet);
}
