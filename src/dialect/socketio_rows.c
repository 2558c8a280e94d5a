/* socketio_rows.c - users, rooms and messages as the Socket.IO dialect writes them. */
#include "dialect/socketio_internal.h"

#include "dialect/upload.h"
#include "wire/json_write.h"

/* What was said to be a number must be one to be written as such. */
static bool is_number(struct pl_slice s)
{
	size_t i = s.len && s.at[0] == '-';
	if (i == s.len || s.len > 20 || (s.at[i] == '0' && s.len > i + 1))
		return false;
	for (; i < s.len; i++)
		if (s.at[i] < '0' || s.at[i] > '9')
			return false;
	return true;
}

static void put_subject(struct pl_buf *b, struct pl_slice subject, bool as_number,
			const struct pl_uuid *id)
{
	if (!subject.len)
		pl_json_put_uuid(b, id);
	else if (as_number && is_number(subject))
		pl_buf_puts(b, subject);
	else
		pl_json_put_str(b, subject);
}

void pl_socketio_put_user_id(struct pl_buf *b, const struct pl_user *u)
{
	put_subject(b, u->subject, u->subject_is_number, &u->id);
}

void pl_socketio_put_user(struct pl_buf *b, const struct pl_user *u)
{
	PL_PUT(b, "{\"id\":");
	pl_socketio_put_user_id(b, u);
	PL_PUT(b, ",\"name\":");
	pl_json_put_str(b, u->display_name.len ? u->display_name : u->username);
	PL_PUT(b, "}");
}

static void put_hex(struct pl_buf *b, const struct pl_uuid *id)
{
	char text[2 * sizeof(id->b)];
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = "0123456789abcdef"[id->b[i / 2] >> (i % 2 ? 0 : 4) & 15];
	pl_buf_put(b, text, sizeof(text));
}

void pl_socketio_put_id(struct pl_buf *b, const struct pl_uuid *id)
{
	PL_PUT(b, "\"");
	put_hex(b, id);
	PL_PUT(b, "\"");
}

int pl_socketio_read_id(struct pl_slice s, struct pl_uuid *out)
{
	char text[PL_UUID_TEXT];
	static const size_t groups[] = {8, 4, 4, 4, 12};
	size_t at = 0, from = 0;
	if (s.len != 2 * sizeof(out->b))
		return pl_uuid_parse(s, out);
	for (size_t i = 0; i < 5; i++) {
		if (i)
			text[at++] = '-';
		memcpy(text + at, s.at + from, groups[i]);
		at += groups[i];
		from += groups[i];
	}
	return pl_uuid_parse(pl_slice(text, sizeof(text)), out);
}

void pl_socketio_put_room(struct pl_buf *b, struct pl_slice alias, const struct pl_uuid *id)
{
	if (alias.len)
		pl_json_put_str(b, alias);
	else
		pl_json_put_uuid(b, id);
}

/* ---- messages ---- */

static void put_of_room(struct pl_buf *b, const struct pl_message *m, struct pl_slice content,
			struct pl_slice alias, struct pl_socketio_pieces *pieces)
{
	PL_PUT(b, "{\"id\":");
	pl_socketio_put_id(b, &m->id);
	PL_PUT(b, ",\"roomId\":");
	pl_socketio_put_room(b, alias, &m->conversation);
	PL_PUT(b, ",\"userId\":");
	pl_socketio_put_user_id(b, &m->sender);
	PL_PUT(b, ",\"user\":");
	pl_socketio_put_user(b, &m->sender);
	PL_PUT(b, ",\"content\":");
	pl_socketio_put_content(b, m, content, pieces);
	PL_PUT(b, ",\"type\":");
	pl_socketio_put_type(b, m);
	pl_upload_put_file(b, m);
	PL_PUT(b, ",\"timestamp\":");
	pl_buf_put_u64(b, m->created_ms);
	PL_PUT(b, ",\"edited\":false,\"deleted\":false}");
}

static void put_of_two(struct pl_buf *b, const struct pl_message *m, struct pl_slice content,
		       const struct pl_user *other, struct pl_socketio_pieces *pieces)
{
	PL_PUT(b, "{\"id\":");
	pl_socketio_put_id(b, &m->id);
	PL_PUT(b, ",\"fromUserId\":");
	pl_socketio_put_user_id(b, &m->sender);
	PL_PUT(b, ",\"fromUser\":");
	pl_socketio_put_user(b, &m->sender);
	PL_PUT(b, ",\"toUserId\":");
	pl_socketio_put_user_id(b, other);
	PL_PUT(b, ",\"content\":");
	pl_socketio_put_content(b, m, content, pieces);
	pl_upload_put_file(b, m);
	PL_PUT(b, ",\"timestamp\":");
	pl_buf_put_u64(b, m->created_ms);
	PL_PUT(b, ",\"read\":false}");
}

void pl_socketio_put_message(struct pl_buf *b, const struct pl_message *m, struct pl_slice content,
			     struct pl_slice alias, const struct pl_user *other,
			     struct pl_socketio_pieces *pieces)
{
	if (pl_uuid_is_nil(&other->id))
		put_of_room(b, m, content, alias, pieces);
	else
		put_of_two(b, m, content, other, pieces);
}

void pl_socketio_put_news(struct pl_buf *b, const struct pl_message *m, struct pl_slice content,
			  struct pl_slice alias, const struct pl_user *other, bool with_offset,
			  struct pl_socketio_pieces *pieces)
{
	if (pl_uuid_is_nil(&other->id))
		PL_PUT(b, "[\"new-message\",");
	else
		PL_PUT(b, "[\"private-message\",");
	pl_socketio_put_message(b, m, content, alias, other, pieces);
	if (with_offset) {
		PL_PUT(b, ",");
		pl_socketio_put_id(b, &m->id);
	}
	PL_PUT(b, "]");
}

/* ---- pieces ---- */

enum { PIECES_BYTES = 16 << 20 };

void pl_socketio_pieces_init(struct pl_socketio_pieces *p)
{
	p->n = 0;
	pl_buf_init(&p->bytes, PIECES_BYTES);
}

void pl_socketio_pieces_fini(struct pl_socketio_pieces *p)
{
	pl_buf_fini(&p->bytes);
}

void pl_socketio_pieces_slices(const struct pl_socketio_pieces *p,
			       struct pl_slice out[PL_SOCKETIO_PIECES_MAX])
{
	size_t from = 0;
	for (uint32_t i = 0; i < p->n; i++) {
		out[i] = pl_slice(p->bytes.at ? p->bytes.at + from : "", p->end[i] - from);
		from = p->end[i];
	}
}
