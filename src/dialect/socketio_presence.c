/* socketio_presence.c - typing, stop-typing, update-status. Their table stands at the end. */
#include "dialect/socketio_internal.h"

struct in_typing {
	struct pl_slice room;
};

static const struct pl_field typing_fields[] = {
	PL_FIELD(struct in_typing, room, "roomId", PL_NAME, PL_REQUIRED, PL_SOCKETIO_ROOM_MAX,
		 "a room that the user joined"),
	{0},
};

/* The room of this name that the socket sits in. */
static bool find_room(const struct pl_session *s, struct pl_slice name, struct pl_uuid *out)
{
	if (pl_hub_sits_in(&s->peer, name, out))
		return true;
	return !pl_uuid_parse(name, out) && pl_hub_has_joined(s->gateway->hub, &s->peer, out);
}

static void acknowledge(struct pl_session *s, struct pl_slice ref)
{
	pl_socketio_ack(s, ref, pl_socketio_begin_ack(s));
}

static int on_typing(struct pl_session *s, struct pl_slice ref, const void *in)
{
	struct pl_uuid room;
	if (!find_room(s, ((const struct in_typing *)in)->room, &room)) {
		pl_socketio_fail(s, ref, "Not in room");
		return 0;
	}
	int err = pl_typing_start_for(s->gateway->hub, &s->peer, &room,
				      s->gateway->options->socketio_typing_ms);
	if (!err)
		acknowledge(s, ref);
	return err;
}

static int on_stop_typing(struct pl_session *s, struct pl_slice ref, const void *in)
{
	struct pl_uuid room;
	if (!find_room(s, ((const struct in_typing *)in)->room, &room)) {
		pl_socketio_fail(s, ref, "Not in room");
		return 0;
	}
	pl_typing_stop(s->gateway->hub, &s->peer, &room);
	acknowledge(s, ref);
	return 0;
}

/* ---- status ---- */

struct in_status {
	struct pl_slice status;
};

static const struct pl_field status_fields[] = {
	PL_FIELD(struct in_status, status, "status", PL_STR, PL_REQUIRED, PL_SOCKETIO_STATUS_MAX,
		 "`online`, `away`, `busy` or `invisible`"),
	{0},
};

static enum pl_status read_status(struct pl_slice s)
{
	static const struct {
		const char *name;
		enum pl_status status;
	} rows[] = {{"online", PL_IS_ONLINE},
		    {"away", PL_IS_AWAY},
		    {"busy", PL_IS_BUSY},
		    {"invisible", PL_IS_INVISIBLE}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (pl_slice_is(s, rows[i].name))
			return rows[i].status;
	return PL_IS_OFFLINE;
}

static int on_status(struct pl_session *s, struct pl_slice ref, const void *in)
{
	enum pl_status status = read_status(((const struct in_status *)in)->status);
	if (status == PL_IS_OFFLINE) {
		pl_socketio_fail(s, ref, "Invalid status");
		return 0;
	}
	int err = pl_presence_set(s->gateway->hub, &s->peer, status);
	if (!err)
		acknowledge(s, ref);
	return err;
}

const struct pl_message_row pl_socketio_presence[] = {
	{.name = "typing",
	 .who = PL_SIGNED_IN,
	 PL_IN(typing_fields, struct in_typing),
	 .handle = on_typing,
	 .missing = PL_SOCKETIO_SAYS("Invalid room"),
	 .not_found = PL_SOCKETIO_SAYS("Not in room"),
	 .failed = PL_SOCKETIO_SAYS("Failed to tell"),
	 .reply = "`{success}`",
	 .others = "`user-typing`, and `user-stopped-typing` when it ends",
	 .doc = "Said at each keystroke: each one puts the end off."},
	{.name = "stop-typing",
	 .who = PL_SIGNED_IN,
	 PL_IN(typing_fields, struct in_typing),
	 .handle = on_stop_typing,
	 .missing = PL_SOCKETIO_SAYS("Invalid room"),
	 .not_found = PL_SOCKETIO_SAYS("Not in room"),
	 .failed = PL_SOCKETIO_SAYS("Failed to tell"),
	 .reply = "`{success}`",
	 .others = "`user-stopped-typing`",
	 .doc = "The typing ends now."},
	{.name = "update-status",
	 .who = PL_SIGNED_IN,
	 .is_bare = true,
	 PL_IN(status_fields, struct in_status),
	 .handle = on_status,
	 .missing = PL_SOCKETIO_SAYS("Invalid status"),
	 .failed = PL_SOCKETIO_SAYS("Failed to tell"),
	 .reply = "`{success}`",
	 .others = "`presence-update`; of who is invisible: `offline`",
	 .doc = "How the user is, on all its connections, until the last one has gone."},
	{0},
};
