/* sqlite_rows.c - rows that several operations read. */
#include "store/sqlite_ops.h"

#include "store/rules.h"

int pl_user_columns(struct pl_query *q, struct pl_arena *a, struct pl_user *out)
{
	struct pl_user u = {.id = pl_column_id(q, 1),
			    .subject_is_number = pl_column_int(q, 8) != 0};
	struct pl_slice *const fields[] = {&u.subject, &u.username, &u.display_name,
					   &u.email,   &u.phone,    &u.avatar_url};
	for (int i = 0; i < 6; i++) {
		int err = pl_column_copy(q, 2 + i, a, fields[i]);
		if (err)
			return err;
	}
	*out = u;
	return 0;
}

/* How every look-up of one row ends: our own error first, then SQLite's, then "none". */
static int one_row(struct pl_query *q, bool found, int err)
{
	int ended = pl_query_end(q);
	if (ended)
		return ended;
	return found ? err : PL_ENOTFOUND;
}

int pl_read_user(struct pl_query *q, struct pl_arena *a, struct pl_user *out, int64_t *key)
{
	bool found = pl_query_row(q);
	int err = 0;
	if (found) {
		*key = pl_column_int(q, 0);
		err = pl_user_columns(q, a, out);
	}
	return one_row(q, found, err);
}

int pl_read_sender(struct pl_sqlite *c, struct pl_arena *a, int64_t key, struct pl_user *out)
{
	struct pl_query q = pl_query(c, PL_Q_USER_BY_KEY);
	pl_bind_int(&q, key);
	bool found = pl_query_row(&q);
	struct pl_user u = {.id = {{0}}};
	int err = 0;
	if (found) {
		u.id = pl_column_id(&q, 1);
		u.subject_is_number = pl_column_int(&q, 8) != 0;
		err = pl_column_copy(&q, 2, a, &u.subject);
		if (!err)
			err = pl_column_copy(&q, 3, a, &u.username);
		if (!err)
			err = pl_column_copy(&q, 4, a, &u.display_name);
		if (!err)
			err = pl_column_copy(&q, 7, a, &u.avatar_url);
	}
	err = one_row(&q, found, err);
	if (!err)
		*out = u;
	return err;
}

int pl_room_columns(struct pl_query *q, struct pl_arena *a, struct pl_conversation *out)
{
	struct pl_conversation r = {
		.id = pl_column_id(q, 1),
		.type = (enum pl_conversation_type)pl_column_int(q, 2),
		.created_by = pl_column_id(q, 7),
		.group_id = pl_column_id(q, 8),
		.created_ms = (uint64_t)pl_column_int(q, 9),
		.updated_ms = (uint64_t)pl_column_int(q, 10),
		.last_seq = (uint64_t)pl_column_int(q, 11),
		.is_private = pl_column_int(q, 12) != 0,
	};
	struct pl_slice *const fields[] = {&r.name, &r.description, &r.avatar_url, &r.alias};
	for (int i = 0; i < 4; i++) {
		int err = pl_column_copy(q, 3 + i, a, fields[i]);
		if (err)
			return err;
	}
	*out = r;
	return 0;
}

int pl_read_room(struct pl_query *q, struct pl_arena *a, struct pl_conversation *out, int64_t *key)
{
	bool found = pl_query_row(q);
	int err = 0;
	if (found) {
		*key = pl_column_int(q, 0);
		err = pl_room_columns(q, a, out);
	}
	return one_row(q, found, err);
}

int pl_read_ids(struct pl_query *q, struct pl_arena *a, struct pl_uuid **ids, size_t *n)
{
	struct pl_uuid *list = NULL;
	size_t len = 0, cap = 0;
	int err = 0;
	while (!err && pl_query_row(q)) {
		struct pl_uuid *more = pl_grow(a, list, len, &cap, sizeof(*list));
		if (!more)
			err = PL_ENOMEM;
		else
			(list = more)[len++] = pl_column_id(q, 0);
	}
	int ended = pl_query_end(q);
	if (err || ended)
		return ended ? ended : err;
	*ids = list;
	*n = len;
	return 0;
}

int pl_message_columns(struct pl_query *q, struct pl_arena *a, struct pl_message *out)
{
	struct pl_message m = {
		.id = pl_column_id(q, 1),
		.seq = pl_message_seq(pl_column_int(q, 0)),
		.kind = pl_kind_name(pl_column_int(q, 3)),
		.per_recipient = pl_column_int(q, 4) != 0,
		.format = (uint32_t)pl_column_int(q, PL_COLUMN_FORMAT),
		.created_ms = (uint64_t)pl_column_int(q, 6),
	};
	int err = pl_column_copy(q, 7, a, &m.metadata);
	if (!err)
		err = pl_column_copy(q, 8, a, &m.content);
	if (!err)
		*out = m;
	return err;
}

int pl_read_seat(struct pl_sqlite *c, const struct pl_uuid *user, const struct pl_uuid *room,
		 struct pl_seat *out)
{
	struct pl_query q = pl_query(c, PL_Q_SEAT);
	pl_bind_id(&q, user);
	pl_bind_id(&q, room);
	bool found = pl_query_row(&q);
	if (found)
		*out = (struct pl_seat){
			.user = pl_column_int(&q, 0),
			.room = pl_column_int(&q, 1),
			.role = (enum pl_role)pl_column_int(&q, 2),
			.joined_seq = (uint64_t)pl_column_int(&q, 3),
			.last_read_seq = (uint64_t)pl_column_int(&q, 4),
			.last_read_ms = (uint64_t)pl_column_int(&q, 5),
			.last_seq = (uint64_t)pl_column_int(&q, 6),
			.type = (enum pl_conversation_type)pl_column_int(&q, 7),
		};
	int err = one_row(&q, found, 0);
	return err == PL_ENOTFOUND ? PL_EDENIED : err;
}

int pl_read_place(struct pl_sqlite *c, int64_t room, uint64_t joined_seq,
		  const struct pl_uuid *message, uint64_t *seq)
{
	struct pl_query q = pl_query(c, PL_Q_MESSAGE_PLACE);
	pl_bind_id(&q, message);
	bool found = pl_query_row(&q);
	int64_t at = found ? pl_column_int(&q, 0) : 0;
	int err = one_row(&q, found, 0);
	if (err)
		return err;
	if (at >> 32 != room || pl_message_seq(at) <= joined_seq)
		return PL_ENOTFOUND;
	*seq = pl_message_seq(at);
	return 0;
}

int pl_read_message_id(struct pl_sqlite *c, int64_t at, struct pl_uuid *out)
{
	struct pl_query q = pl_query(c, PL_Q_MESSAGE_ID);
	pl_bind_int(&q, at);
	bool found = pl_query_row(&q);
	struct pl_uuid id = {{0}};
	if (found)
		id = pl_column_id(&q, 0);
	int err = one_row(&q, found, 0);
	if (!err)
		*out = id;
	return err;
}
