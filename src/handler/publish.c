/*
 * publish.c - to connections of other workers, by the bus.
 *
 * Topics of its events: 'a', the endpoint's number (two bytes), a room; or 'i' and a connection's
 * id: the payload is for it; or 'k' and an id: close it; the payload is the code (two bytes) and
 * the reason.
 */
#include "handler/internal.h"

enum { PAYLOAD_MAX = 15 << 20, ROOM_HEAD = 3 };
/* Of one worker; and what an event takes besides its payload, about. */
enum { WAITING_MAX = 64 << 20, EVENT_BYTES = 1024 };

static struct pl_event *event_of(enum pl_ws_op op, struct pl_slice data)
{
	struct pl_event *e = pl_event_new(PL_EV_RAW);
	if (e && pl_arena_copy(&e->arena, data.at ? data : PL_S(""), &e->payload)) {
		pl_event_release(e);
		return NULL;
	}
	if (e)
		e->payload_kind = (uint8_t)op;
	return e;
}

static int address(struct pl_event *e, const struct pl_handler *h, struct pl_slice room)
{
	char topic[ROOM_HEAD + ROOM_NAME_MAX] = {'a', (char)(h->number >> 8), (char)h->number};
	if (room.len)
		memcpy(topic + ROOM_HEAD, room.at, room.len);
	return pl_event_address(e, pl_slice(topic, ROOM_HEAD + room.len));
}

int pl_publish_check(struct pl_slice data)
{
	return data.len > PAYLOAD_MAX ? PL_ETOOBIG : 0;
}

static size_t cost_of(const struct pl_event *e)
{
	return e->payload.len + e->ntopics * ROOM_NAME_MAX + EVENT_BYTES;
}

/* Whoever publishes faster than the slowest worker hears: not without end. */
static bool has_room(const struct pl_handlers *h)
{
	for (uint32_t i = 0; i < h->nsites; i++)
		if (h->sites[i] &&
		    atomic_load_explicit(&h->sites[i]->waiting, memory_order_relaxed) > WAITING_MAX)
			return false;
	return true;
}

static void count(struct pl_handlers *h, size_t cost)
{
	for (uint32_t i = 0; i < h->nsites; i++)
		if (h->sites[i])
			atomic_fetch_add_explicit(&h->sites[i]->waiting, cost,
						  memory_order_relaxed);
}

/* To all workers. Takes the event. */
static int publish(struct pl_handlers *h, struct pl_event *e)
{
	size_t cost = cost_of(e);
	if (!has_room(h)) {
		pl_event_release(e);
		return PL_EBUSY;
	}
	count(h, cost); /* before: it may be heard at once */
	int err = pl_bus_publish(h->bus, e);
	if (err)
		count(h, -cost);
	return err;
}

int pl_publish_rooms(struct pl_handlers *h, const struct pl_handler *handler,
		     const struct pl_audience *audience, enum pl_ws_op op, struct pl_slice data,
		     const struct pl_handler_site *from)
{
	struct pl_event *e = event_of(op, data);
	int err = e ? 0 : PL_ENOMEM;
	for (size_t i = 0; !err && i < audience->n; i++) {
		struct pl_slice room = pl_audience_room(audience, i);
		if (room.at)
			err = address(e, handler, room);
	}
	if (err) {
		pl_event_release(e);
		return err;
	}
	e->origin = from ? from->node.index + 1 : 0;
	return publish(h, e);
}

/* ---- from any thread ---- */

static const struct pl_handler *handler_of(const struct pl_handlers *h, const char *pattern)
{
	for (size_t i = 0; pattern && i < h->count; i++)
		if (!strcmp(h->all[i]->def.pattern, pattern))
			return h->all[i];
	return NULL;
}

int pl_handlers_publish(struct pl_handlers *h, const char *pattern, struct pl_slice room,
			enum parley_kind kind, struct pl_slice data)
{
	const struct pl_handler *handler = handler_of(h, pattern);
	struct parley_slice name = room.len ? pl_out(room) : PARLEY_S("");
	struct pl_audience audience = {.rooms = &name, .n = 1};
	if (!handler)
		return PL_ENOTFOUND;
	if (room.len > ROOM_NAME_MAX)
		return PL_EINVAL;
	int err = h->bus ? pl_publish_check(data) : PL_ESTATE;
	return err ? err
		   : pl_publish_rooms(h, handler, &audience,
				      kind == PARLEY_BINARY ? PL_WS_BINARY : PL_WS_TEXT, data,
				      NULL);
}

int pl_handlers_publish_object(struct pl_handlers *h, const char *pattern, struct pl_slice room,
			       const struct parley_field *fields)
{
	struct pl_buf text;
	pl_buf_init(&text, OBJECT_MAX);
	int err = pl_fields_write(&text, fields);
	if (!err)
		err = pl_handlers_publish(h, pattern, room, PARLEY_TEXT, pl_buf_slice(&text));
	pl_buf_fini(&text);
	return err;
}

static int publish_to(struct pl_handlers *h, char what, struct pl_slice id, struct pl_slice data)
{
	char topic[1 + PL_UUID_TEXT] = {what};
	if (!h->bus)
		return PL_ESTATE;
	if (id.len != PL_UUID_TEXT)
		return 0; /* nobody is called so */
	struct pl_event *e = event_of(PL_WS_TEXT, data);
	memcpy(topic + 1, id.at, PL_UUID_TEXT);
	int err = e ? pl_event_address(e, pl_slice(topic, sizeof(topic))) : PL_ENOMEM;
	if (!err)
		return publish(h, e);
	pl_event_release(e);
	return err;
}

int pl_handlers_send_to(struct pl_handlers *h, struct pl_slice id, struct pl_slice text)
{
	int err = pl_publish_check(text);
	return err ? err : publish_to(h, 'i', id, text);
}

int pl_handlers_kick(struct pl_handlers *h, struct pl_slice id, uint16_t code, const char *reason)
{
	char data[2 + REASON_MAX] = {(char)(code >> 8), (char)code};
	size_t n = pl_text_cut(pl_slice_str(reason), data + 2, REASON_MAX).len;
	return publish_to(h, 'k', id, pl_slice(data, 2 + n));
}

/* ---- on a worker ---- */

static void hear_rooms(struct pl_handler_site *s, const struct pl_event *e)
{
	struct pl_telling t;
	uint32_t number = (uint32_t)(uint8_t)e->topics[0].at[1] << 8 | (uint8_t)e->topics[0].at[2];
	if (number >= s->nhalls)
		return;
	pl_tell_begin(&t, &s->halls[number], e->ntopics, (enum pl_ws_op)e->payload_kind,
		      e->payload);
	for (size_t i = 0; i < e->ntopics; i++)
		pl_tell_room(&t,
			     pl_slice(e->topics[i].at + ROOM_HEAD, e->topics[i].len - ROOM_HEAD));
	if (pl_tell_end(&t))
		pl_log(pl_loop_log(s->loop), PL_ERROR, "handler",
		       "a publication was lost: out of memory");
}

static void hear_alone(struct pl_handler_site *s, const struct pl_event *e)
{
	struct pl_slice topic = e->topics[0], data = e->payload;
	parley_conn *c = pl_handler_site_conn(s, pl_slice(topic.at + 1, topic.len - 1));
	char reason[REASON_MAX + 1] = "";
	if (c && topic.at[0] == 'i')
		(void)parley_send(c, pl_out(data));
	if (!c || topic.at[0] != 'k' || data.len < 2)
		return;
	memcpy(reason, data.at + 2, data.len - 2);
	parley_close(c, (uint16_t)((uint8_t)data.at[0] << 8 | (uint8_t)data.at[1]), reason);
}

void pl_handler_on_event(struct pl_bus_node *node, struct pl_event *e)
{
	struct pl_handler_site *s = PL_CONTAINER(node, struct pl_handler_site, node);
	atomic_fetch_sub_explicit(&s->waiting, cost_of(e), memory_order_relaxed);
	if (e->kind != PL_EV_RAW || !e->ntopics || e->origin == node->index + 1)
		return;
	if (e->topics[0].at[0] == 'a' && e->topics[0].len >= ROOM_HEAD)
		hear_rooms(s, e);
	else
		hear_alone(s, e);
}
