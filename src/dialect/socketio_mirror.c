/*
 * socketio_mirror.c - the rooms of the chat as rooms of the engine, for the Admin UI: it shows who
 * is in which, and what it says to a room, or whom it disconnects, is said to those who are there.
 *
 * A picture, and only painted where somebody may look (gateway option): the chat itself never asks
 * the engine who is in a room. Chats of two are not in it.
 */
#include "dialect/socketio_internal.h"

static bool is_painted(const struct socketio *x)
{
	return x->socket && x->session.gateway->options->socketio_shows_rooms;
}

/* What there is no memory or no place for is missing in the picture. */
static void paint(struct socketio *x, struct pl_slice alias, const struct pl_uuid *conversation,
		  bool is_in)
{
	char id[PL_UUID_TEXT];
	pl_uuid_format(conversation, id);
	struct parley_slice name =
		alias.len ? parley_slice(alias.at, alias.len) : parley_slice(id, sizeof(id));
	if (is_in)
		(void)parley_socket_join(x->socket, name);
	else
		(void)parley_socket_leave(x->socket, name);
}

void pl_socketio_show_rooms(struct socketio *x)
{
	const struct pl_member *m = &x->session.peer.member;
	struct pl_slice topic, alias;
	for (uint32_t i = 0; is_painted(x) && i < m->nseats; i++)
		if (pl_seat_is_listed(m, i, &topic, &alias)) {
			struct pl_uuid id;
			memcpy(id.b, topic.at + 1, sizeof(id.b));
			paint(x, alias, &id, true);
		}
}

void pl_socketio_show_room(struct socketio *x, const struct pl_conversation *c)
{
	if (is_painted(x) && c->type != PL_DIRECT)
		paint(x, c->alias, &c->id, true);
}

void pl_socketio_hide_room(struct socketio *x, const struct pl_uuid *conversation)
{
	const struct pl_rooms *rooms = &x->session.gateway->hub->rooms;
	struct pl_topic_id t = pl_topic_conversation(conversation);
	struct pl_slice alias = {NULL, 0};
	/* Who was shown out of a closed room is not on its roster any more; that has no alias. */
	if (!pl_room_is_listed(rooms, &x->session.peer.member, pl_topic_slice(&t), &alias))
		alias = (struct pl_slice){NULL, 0};
	if (is_painted(x))
		paint(x, alias, conversation, false);
}
