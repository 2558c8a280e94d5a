/* qrypt_rows.c - users, messages, conversations and groups as QryptChat's clients read them. */
#include "dialect/qrypt_internal.h"

#include "wire/json_write.h"

#define PUT_STR(b, key, value)             \
	do {                               \
		PL_PUT(b, key);            \
		pl_json_put_str(b, value); \
	} while (0)
#define PUT_ID(b, key, value)               \
	do {                                \
		PL_PUT(b, key);             \
		pl_json_put_uuid(b, value); \
	} while (0)
#define PUT_TIME(b, key, value)            \
	do {                               \
		PL_PUT(b, key);            \
		pl_json_put_iso(b, value); \
	} while (0)

void pl_qrypt_put_user(struct pl_buf *b, const struct pl_user *u)
{
	PUT_ID(b, "{\"id\":", &u->id);
	PUT_STR(b, ",\"auth_user_id\":", u->subject);
	PUT_STR(b, ",\"email\":", u->email);
	PUT_STR(b, ",\"phone\":", u->phone);
	PUT_STR(b, ",\"username\":", u->username);
	PUT_STR(b, ",\"display_name\":", u->display_name);
	PUT_STR(b, ",\"avatar_url\":", u->avatar_url);
	PL_PUT(b, "}");
}

static void put_sender(struct pl_buf *b, const struct pl_user *u)
{
	PUT_ID(b, ",\"sender\":{\"id\":", &u->id);
	PUT_STR(b, ",\"username\":", u->username);
	PUT_STR(b, ",\"display_name\":", u->display_name);
	PUT_STR(b, ",\"avatar_url\":", u->avatar_url);
	PL_PUT(b, "}");
}

void pl_qrypt_put_message(struct pl_buf *b, const struct pl_message *m, struct pl_slice content)
{
	PUT_ID(b, "{\"id\":", &m->id);
	PUT_ID(b, ",\"conversation_id\":", &m->conversation);
	PL_PUT(b, ",\"seq\":");
	pl_buf_put_u64(b, m->seq);
	PUT_ID(b, ",\"sender_id\":", &m->sender.id);
	PUT_ID(b, ",\"reply_to_id\":", &m->reply_to);
	PUT_STR(b, ",\"message_type\":", m->kind);
	PUT_STR(b, ",\"encrypted_content\":", content);
	PL_PUT(b, ",\"content_hash\":null,\"metadata\":");
	pl_json_put_raw(b, m->metadata.len ? m->metadata : PL_S("{}"));
	PL_PUT(b, ",\"edited_at\":null,\"deleted_at\":null");
	PUT_TIME(b, ",\"created_at\":", m->created_ms);
	PL_PUT(b, ",\"expires_at\":null,\"content_type\":\"text\",\"has_attachments\":false");
	put_sender(b, &m->sender);
	if (m->reply_found) {
		PUT_ID(b, ",\"reply_to\":{\"id\":", &m->reply_to);
		PUT_STR(b, ",\"encrypted_content\":", m->reply_content);
		PUT_ID(b, ",\"sender_id\":", &m->reply_sender);
		PL_PUT(b, "}");
	}
	PL_PUT(b, "}");
}

static void put_latest(struct pl_buf *b, const struct pl_conversation_row *r)
{
	static const struct pl_message none;
	const struct pl_message *m = r->has_latest ? &r->latest : &none;
	PUT_ID(b, ",\"latest_message_id\":", &m->id);
	PUT_STR(b, ",\"latest_message_content\":", m->content);
	PUT_ID(b, ",\"latest_message_sender_id\":", &m->sender.id);
	PUT_STR(b, ",\"latest_message_sender_username\":", m->sender.username);
	PUT_TIME(b, ",\"latest_message_created_at\":", m->created_ms);
	PUT_TIME(b, ",\"last_message_at\":", m->created_ms);
}

/* Two generations of column names: clients of both find theirs. */
void pl_qrypt_put_listed(struct pl_buf *b, const struct pl_conversation_row *r)
{
	const struct pl_conversation *c = &r->conversation;
	struct pl_slice type = pl_conversation_type_name(c->type);
	struct pl_slice name = r->title.at ? r->title : c->name;
	struct pl_slice avatar = r->title_avatar_url.at ? r->title_avatar_url : c->avatar_url;
	PUT_ID(b, "{\"conversation_id\":", &c->id);
	PUT_STR(b, ",\"conversation_type\":", type);
	PUT_STR(b, ",\"conversation_name\":", name);
	PUT_STR(b, ",\"conversation_avatar_url\":", avatar);
	PUT_ID(b, ",\"id\":", &c->id);
	PUT_STR(b, ",\"type\":", type);
	PUT_STR(b, ",\"name\":", name);
	PUT_STR(b, ",\"avatar_url\":", avatar);
	PUT_ID(b, ",\"group_id\":", &c->group_id);
	PUT_STR(b, ",\"group_name\":", r->group_name);
	PL_PUT(b, ",\"participant_count\":");
	pl_buf_put_u64(b, r->participants);
	put_latest(b, r);
	PL_PUT(b, ",\"unread_count\":");
	pl_buf_put_u64(b, r->unread);
	PL_PUT(b, "}");
}

static void put_conversation_fields(struct pl_buf *b, const struct pl_conversation *c,
				    const struct pl_uuid *participants, size_t n)
{
	PUT_ID(b, "\"id\":", &c->id);
	PUT_STR(b, ",\"type\":", pl_conversation_type_name(c->type));
	PUT_STR(b, ",\"name\":", c->name);
	PUT_STR(b, ",\"description\":", c->description);
	PUT_STR(b, ",\"avatar_url\":", c->avatar_url);
	PUT_ID(b, ",\"created_by\":", &c->created_by);
	PUT_TIME(b, ",\"created_at\":", c->created_ms);
	PUT_TIME(b, ",\"updated_at\":", c->updated_ms);
	PUT_ID(b, ",\"group_id\":", &c->group_id);
	PL_PUT(b, ",\"is_private\":");
	pl_json_put_bool(b, c->is_private);
	PL_PUT(b, ",\"position\":0,\"conversation_participants\":[");
	for (size_t i = 0; i < n; i++) {
		if (i)
			PL_PUT(b, ",");
		PUT_ID(b, "{\"user_id\":", &participants[i]);
		PL_PUT(b, "}");
	}
	PL_PUT(b, "]");
}

void pl_qrypt_put_created(struct pl_buf *b, const struct pl_conversation *c,
			  const struct pl_uuid *participants, size_t n)
{
	PL_PUT(b, "{\"conversation\":{");
	put_conversation_fields(b, c, participants, n);
	PUT_ID(b, "},\"conversation_id\":", &c->id);
	PL_PUT(b, ",");
	put_conversation_fields(b, c, participants, n);
	PL_PUT(b, "}");
}

void pl_qrypt_put_group(struct pl_buf *b, const struct pl_group *g)
{
	PUT_ID(b, "{\"group_id\":", &g->id);
	PUT_STR(b, ",\"group_name\":", g->name);
	PUT_STR(b, ",\"group_description\":", g->description);
	PUT_STR(b, ",\"group_avatar_url\":", g->avatar_url);
	PUT_STR(b, ",\"user_role\":", pl_role_name(g->role));
	PL_PUT(b, ",\"room_count\":");
	pl_buf_put_u64(b, g->rooms);
	PL_PUT(b, ",\"member_count\":");
	pl_buf_put_u64(b, g->members);
	PUT_TIME(b, ",\"latest_activity\":", g->latest_ms ? g->latest_ms : g->created_ms);
	PL_PUT(b, ",\"is_public\":");
	pl_json_put_bool(b, g->is_public);
	/* Whoever may let others in sees the code. */
	PUT_STR(b, ",\"invite_code\":", g->role >= PL_ADMIN ? g->invite_code : pl_slice(NULL, 0));
	PL_PUT(b, "}");
}

void pl_qrypt_put_read(struct pl_buf *b, const struct pl_uuid *conversation,
		       const struct pl_uuid *message, const struct pl_uuid *user, uint64_t read_ms)
{
	PUT_ID(b, "{\"conversationId\":", conversation);
	PUT_ID(b, ",\"messageId\":", message);
	PUT_ID(b, ",\"userId\":", user);
	PUT_TIME(b, ",\"readAt\":", read_ms);
	PL_PUT(b, "}");
}
