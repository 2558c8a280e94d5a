/* qrypt_groups.c - groups and their invite codes. Its table stands at the end. */
#include "dialect/qrypt_internal.h"

#include "wire/json_write.h"

struct in_group {
	struct pl_slice name, description;
	bool is_public;
};

static const struct pl_field group_fields[] = {
	PL_FIELD(struct in_group, name, "name", PL_STR, PL_REQUIRED, PL_QRYPT_NAME_MAX,
		 "of the group"),
	PL_FIELD(struct in_group, description, "description", PL_STR, 0, 1024, "of the group"),
	PL_FIELD(struct in_group, is_public, "isPublic", PL_BOOL, 0, 0, "shown to all"),
	{0},
};

static void group_created(struct pl_op *op)
{
	const struct pl_op_create_group *g = &op->create_group;
	struct pl_hub *hub = pl_session_hub(op);
	/* Of the user, not of this connection: others of his may be open when this one is gone. */
	if (!op->err)
		pl_presence_joined(hub, &g->creator, &g->room.id, 1);
	struct pl_session *s = pl_qrypt_answering(op, "create_group");
	if (s) {
		if (pl_hub_join(hub, &s->peer, &g->room.id))
			pl_log(hub->log, PL_WARN, "qrypt",
			       "a creator could not be seated in the new group's room");
		struct pl_buf *b = pl_session_out(s);
		pl_qrypt_begin(b, "group_created");
		PL_PUT(b, "{\"group_id\":");
		pl_json_put_uuid(b, &g->group.id);
		PL_PUT(b, ",\"room_id\":");
		pl_json_put_uuid(b, &g->room.id);
		PL_PUT(b, ",\"invite_code\":");
		pl_json_put_str(b, g->group.invite_code);
		PL_PUT(b, ",\"group\":");
		pl_qrypt_put_group(b, &g->group);
		PL_PUT(b, "}");
		pl_qrypt_reply(s, b, pl_session_ref(op));
	}
	pl_session_done(op);
}

static int on_create_group(struct pl_session *s, struct pl_slice ref, const void *in)
{
	const struct in_group *m = in;
	struct pl_op *op = pl_session_op(s, PL_OP_CREATE_GROUP, group_created, ref);
	if (!op)
		return PL_ENOMEM;
	op->create_group.creator = s->peer.user.id;
	op->create_group.is_public = m->is_public;
	int err = pl_arena_copy(&op->arena, m->name, &op->create_group.name);
	if (!err)
		err = pl_arena_copy(&op->arena, m->description, &op->create_group.description);
	if (err)
		pl_session_done(op);
	else
		pl_session_submit(s, op);
	return err;
}

struct in_invite {
	struct pl_slice code;
};

static const struct pl_field invite_fields[] = {
	PL_FIELD(struct in_invite, code, "inviteCode", PL_STR, PL_REQUIRED, 32, "of the group"),
	PL_FIELD(struct in_invite, code, "invite_code", PL_STR, PL_REQUIRED, 32,
		 "the same by another name"),
	{0},
};

static void group_joined(struct pl_op *op)
{
	const struct pl_op_join_group *g = &op->join_group;
	bool is_new = !op->err;
	if (is_new)
		pl_presence_joined(pl_session_hub(op), &g->user, g->rooms, g->nrooms);
	if (op->err == PL_EEXISTS)
		op->err = 0; /* an answer, not a failure */
	struct pl_session *s = pl_qrypt_answering(op, "join_group");
	if (s) {
		struct pl_buf *b = pl_session_out(s);
		pl_qrypt_begin(b, "group_joined");
		PL_PUT(b, "{\"success\":");
		pl_json_put_bool(b, is_new);
		PL_PUT(b, ",\"group_id\":");
		pl_json_put_uuid(b, &g->group.id);
		PL_PUT(b, ",\"message\":");
		pl_json_put_str(b, is_new ? PL_S("Successfully joined group")
					  : PL_S("Already a member of this group"));
		PL_PUT(b, ",\"group\":");
		pl_qrypt_put_group(b, &g->group);
		PL_PUT(b, ",\"room_ids\":[");
		for (size_t i = 0; i < g->nrooms; i++) {
			if (i)
				PL_PUT(b, ",");
			pl_json_put_uuid(b, &g->rooms[i]);
		}
		PL_PUT(b, "]}");
		pl_qrypt_reply(s, b, pl_session_ref(op));
	}
	pl_session_done(op);
}

static int on_join_group(struct pl_session *s, struct pl_slice ref, const void *in)
{
	struct pl_op *op = pl_session_op(s, PL_OP_JOIN_GROUP, group_joined, ref);
	if (!op)
		return PL_ENOMEM;
	op->join_group.user = s->peer.user.id;
	int err = pl_arena_copy(&op->arena, ((const struct in_invite *)in)->code,
				&op->join_group.invite_code);
	if (err)
		pl_session_done(op);
	else
		pl_session_submit(s, op);
	return err;
}

static void groups_loaded(struct pl_op *op)
{
	struct pl_session *s = pl_qrypt_answering(op, "load_groups");
	if (s) {
		struct pl_buf *b = pl_session_out(s);
		pl_qrypt_begin(b, "groups_loaded");
		PL_PUT(b, "{\"groups\":[");
		for (size_t i = 0; i < op->groups.nrows; i++) {
			if (i)
				PL_PUT(b, ",");
			pl_qrypt_put_group(b, &op->groups.rows[i]);
		}
		PL_PUT(b, "]}");
		pl_qrypt_reply(s, b, pl_session_ref(op));
	}
	pl_session_done(op);
}

static int on_load_groups(struct pl_session *s, struct pl_slice ref, const void *in)
{
	struct pl_op *op = pl_session_op(s, PL_OP_GROUPS, groups_loaded, ref);
	(void)in;
	if (!op)
		return PL_ENOMEM;
	op->groups.user = s->peer.user.id;
	pl_session_submit(s, op);
	return 0;
}

const struct pl_message_row pl_qrypt_groups[] = {
	{.name = "create_group",
	 .who = PL_SIGNED_IN,
	 LIMITED(CREATES),
	 PL_IN(group_fields, struct in_group),
	 .handle = on_create_group,
	 .denied = AUTH_REQUIRED,
	 .missing = {"INVALID_DATA", "Group name required"},
	 .failed = {"DATABASE_ERROR", "Failed to create group"},
	 .reply = "`group_created {group_id, room_id, invite_code, group}`",
	 .doc = "A group with a first room, \"general\". The creator owns it."},
	{.name = "join_group",
	 .who = PL_SIGNED_IN,
	 LIMITED(CREATES),
	 PL_IN(invite_fields, struct in_invite),
	 .handle = on_join_group,
	 .denied = AUTH_REQUIRED,
	 .missing = {"INVALID_DATA", "Invite code required"},
	 .not_found = {"INVALID_INVITE_CODE", "Invalid invite code"},
	 .failed = {"DATABASE_ERROR", "Failed to join group"},
	 .reply = "`group_joined {success, group_id, message, group, room_ids}`",
	 .doc = "Whoever is in already gets success: false."},
	{.name = "load_groups",
	 .who = PL_SIGNED_IN,
	 LIMITED(HISTORY),
	 .handle = on_load_groups,
	 .denied = AUTH_REQUIRED,
	 .failed = {"DATABASE_ERROR", "Failed to load groups"},
	 .reply = "`groups_loaded {groups}`",
	 .doc = "The user's groups."},
	{0},
};
