/* rules.c - checks and defaults that do not depend on how things are kept. */
#include "store/rules.h"

#include <stdlib.h>

static const char *const kinds[] = {"", "text", "image", "file", "system"};
enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

int pl_kind_number(struct pl_slice name)
{
	for (int i = 1; i < KINDS; i++)
		if (pl_slice_is(name, kinds[i]))
			return i;
	return 0;
}

struct pl_slice pl_kind_name(int64_t number)
{
	return pl_slice_str(kinds[number > 0 && number < KINDS ? number : 0]);
}

int pl_rule_sign_in(const struct pl_op_sign_in *in)
{
	const struct pl_user *u = &in->claims;
	const struct pl_slice all[] = {u->subject, u->username, u->display_name,
				       u->email,   u->phone,    u->avatar_url};
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (all[i].len > PL_NAME_MAX)
			return PL_EINVAL;
	return u->subject.len ? 0 : PL_EINVAL;
}

static bool is_control(struct pl_slice s, size_t i)
{
	uint8_t b = (uint8_t)s.at[i], next = i + 1 < s.len ? (uint8_t)s.at[i + 1] : 0;
	return b < 0x20 || b == 0x7f || (b == 0xc2 && next >= 0x80 && next < 0xa0);
}

int pl_rule_alias(struct pl_slice alias)
{
	if (!alias.len || alias.len > PL_ALIAS_MAX)
		return PL_EINVAL;
	for (size_t i = 0; i < alias.len; i++)
		if (is_control(alias, i))
			return PL_EINVAL;
	return 0;
}

int pl_rule_in_group(int err, enum pl_conversation_type type, bool is_member)
{
	if (err == PL_EDENIED || (!err && type == PL_DIRECT))
		return PL_ENOTFOUND;
	return err || is_member ? err : PL_EDENIED;
}

int pl_rule_create(const struct pl_op_create *in)
{
	if (in->type != PL_DIRECT && in->type != PL_GROUP && in->type != PL_ROOM)
		return PL_EINVAL;
	if (in->name.len > PL_NAME_MAX || in->description.len > PL_DESCRIPTION_MAX)
		return PL_EINVAL;
	return in->nmembers > PL_MEMBERS_MAX ? PL_ELIMIT : 0;
}

int pl_rule_create_group(const struct pl_op_create_group *in)
{
	if (!in->name.len || in->name.len > PL_NAME_MAX)
		return PL_EINVAL;
	return in->description.len > PL_DESCRIPTION_MAX ? PL_EINVAL : 0;
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct pl_uuid));
}

/* Nobody gets two copies. */
static int check_copies(struct pl_op *op)
{
	const struct pl_op_send *in = &op->send;
	if (in->ncopies > PL_MEMBERS_MAX)
		return PL_ELIMIT;
	struct pl_uuid *ids = pl_arena_array(&op->arena, in->ncopies, sizeof(*ids));
	if (!ids)
		return PL_ENOMEM;
	for (size_t i = 0; i < in->ncopies; i++) {
		if (!in->copies[i].content.at)
			return PL_EINVAL;
		ids[i] = in->copies[i].user;
	}
	qsort(ids, in->ncopies, sizeof(*ids), by_bytes);
	for (size_t i = 1; i < in->ncopies; i++)
		if (pl_uuid_eq(&ids[i - 1], &ids[i]))
			return PL_EINVAL;
	return 0;
}

int pl_rule_send(struct pl_op *op)
{
	const struct pl_op_send *in = &op->send;
	if (!pl_kind_number(in->kind))
		return PL_EINVAL;
	if (in->ncopies)
		return check_copies(op);
	return in->content.at ? 0 : PL_EINVAL;
}

int pl_rule_file_start(const struct pl_op_file_start *in)
{
	if (!in->room.at == !in->to.at)
		return PL_EINVAL;
	if (!in->name.len || in->name.len > PL_FILE_NAME_MAX)
		return PL_EINVAL;
	if (!in->type.len || in->type.len > PL_FILE_TYPE_MAX)
		return PL_EINVAL;
	return in->size > PL_FILE_SIZE_MAX ? PL_EINVAL : 0;
}

int pl_rule_file_use(const struct pl_op_file_start *in, uint64_t used, uint64_t unfinished)
{
	uint64_t wanted = in->size + PL_FILE_OVERHEAD;
	if (in->quota && (used > in->quota || wanted > in->quota - used))
		return PL_ETOOBIG;
	return in->unfinished_max && unfinished >= in->unfinished_max ? PL_ELIMIT : 0;
}

int pl_rule_file_place(const struct pl_op_file_start *in, enum pl_conversation_type type,
		       bool is_member)
{
	bool is_barred = in->room.at && in->in_group && (type == PL_DIRECT || !is_member);
	return is_barred ? PL_EDENIED : 0;
}

struct pl_file pl_file_from_op(const struct pl_op_file_start *in, uint64_t now_ms)
{
	struct pl_file f = {.id = pl_file_id_new(),
			    .name = in->name,
			    .type = in->type,
			    .size = in->size,
			    .has_sha256 = in->has_sha256,
			    .begun_ms = now_ms,
			    .changed_ms = now_ms};
	if (f.has_sha256)
		memcpy(f.sha256, in->sha256, sizeof(f.sha256));
	return f;
}

int pl_rule_password(struct pl_slice hash)
{
	return hash.len && hash.len <= PL_PASSWORD_BYTES ? 0 : PL_EINVAL;
}

int pl_rule_users(const struct pl_op_users *in)
{
	return in->limit && in->limit <= PL_USERS_MAX ? 0 : PL_EINVAL;
}

/* The id is the subject too: tokens name the user by it, whatever becomes of the username. */
int pl_rule_register(struct pl_op *op, uint64_t now_ms, struct pl_user *out)
{
	const struct pl_op_register *in = &op->enlist;
	if (pl_account_name_fault(in->username) || pl_rule_password(in->password))
		return PL_EINVAL;
	struct pl_user u = {
		.id = pl_uuid_v7(now_ms), .username = in->username, .display_name = in->username};
	char *text = pl_arena_alloc(&op->arena, PL_UUID_TEXT);
	if (!text)
		return PL_ENOMEM;
	pl_uuid_format(&u.id, text);
	u.subject = pl_slice(text, PL_UUID_TEXT);
	*out = u;
	return 0;
}

struct pl_slice pl_own_content(const struct pl_op_send *in)
{
	if (!in->ncopies)
		return in->content;
	for (size_t i = 0; i < in->ncopies; i++)
		if (pl_uuid_eq(&in->copies[i].user, &in->user))
			return in->copies[i].content;
	return (struct pl_slice){NULL, 0};
}

struct pl_user pl_user_from_claims(const struct pl_user *claims, uint64_t now_ms)
{
	struct pl_user u = *claims;
	struct pl_slice rest, local = pl_slice_cut(claims->email, '@', &rest);
	if (pl_uuid_is_nil(&u.id) &&
	    (pl_uuid_parse(claims->subject, &u.id) || pl_uuid_is_nil(&u.id)))
		u.id = pl_uuid_v7(now_ms);
	if (!u.username.len)
		u.username = local.len ? local : claims->subject;
	if (!u.display_name.len)
		u.display_name = u.username;
	return u;
}

struct pl_slice pl_rule_new_name(const struct pl_op_sign_in *in, bool is_known)
{
	if (!is_known)
		return pl_user_from_claims(&in->claims, 0).username;
	bool is_same = pl_slice_eq(in->user.username, in->claims.username);
	return is_same ? (struct pl_slice){NULL, 0} : in->claims.username;
}

int pl_rule_yield_name(struct pl_op *op, bool is_known, uint64_t now_ms)
{
	struct pl_user *claims = &op->sign_in.claims;
	struct pl_slice none = {NULL, 0}, subject = claims->subject;
	if (is_known || !pl_slice_eq(claims->username, subject)) {
		claims->username = is_known ? none : subject;
		return 0;
	}
	char *text = pl_arena_alloc(&op->arena, PL_UUID_TEXT);
	if (!text)
		return PL_ENOMEM;
	if (pl_uuid_is_nil(&claims->id))
		claims->id = pl_uuid_v7(now_ms);
	pl_uuid_format(&claims->id, text);
	claims->username = pl_slice(text, PL_UUID_TEXT);
	return 0;
}

static bool take_over(struct pl_slice *known, struct pl_slice claim)
{
	if (!claim.len || pl_slice_eq(*known, claim))
		return false;
	*known = claim;
	return true;
}

bool pl_user_update(struct pl_user *known, const struct pl_user *claims)
{
	bool changed = take_over(&known->username, claims->username);
	changed |= take_over(&known->display_name, claims->display_name);
	changed |= take_over(&known->email, claims->email);
	changed |= take_over(&known->phone, claims->phone);
	changed |= take_over(&known->avatar_url, claims->avatar_url);
	changed |= known->subject_is_number != claims->subject_is_number;
	known->subject_is_number = claims->subject_is_number;
	return changed;
}

void pl_invite_code_new(char out[PL_INVITE_CODE])
{
	uint8_t random[PL_INVITE_CODE / 2];
	pl_random_bytes(random, sizeof(random));
	for (size_t i = 0; i < sizeof(random); i++) {
		out[2 * i] = "0123456789ABCDEF"[random[i] >> 4];
		out[2 * i + 1] = "0123456789ABCDEF"[random[i] & 15];
	}
}

int pl_invite_code_read(struct pl_slice s, char out[PL_INVITE_CODE])
{
	char code[PL_INVITE_CODE];
	s = pl_slice_trim(s);
	if (s.len != PL_INVITE_CODE)
		return PL_ENOTFOUND;
	for (size_t i = 0; i < sizeof(code); i++)
		code[i] = s.at[i] >= 'a' && s.at[i] <= 'f' ? (char)(s.at[i] - 32) : s.at[i];
	memcpy(out, code, sizeof(code));
	return 0;
}

static int add(EVP_MD_CTX *h, const void *at, size_t n)
{
	return EVP_DigestUpdate(h, at, n) == 1 ? 0 : PL_ENOMEM;
}

/* With its length in front, so that no two lists of fields read the same. */
static int add_field(EVP_MD_CTX *h, struct pl_slice s)
{
	uint64_t n = s.at ? s.len : UINT64_MAX;
	int err = add(h, &n, sizeof(n));
	return err || !s.len ? err : add(h, s.at, s.len);
}

static int add_content(EVP_MD_CTX *h, const struct pl_op_send *in)
{
	int err = add_field(h, in->request_id);
	if (!err)
		err = add_field(h, in->kind);
	if (!err)
		err = add_field(h, in->metadata);
	if (!err)
		err = add(h, in->reply_to.b, sizeof(in->reply_to.b));
	if (!err && !in->ncopies)
		err = add_field(h, in->content);
	for (size_t i = 0; !err && i < in->ncopies; i++) {
		err = add(h, in->copies[i].user.b, sizeof(in->copies[i].user.b));
		if (!err)
			err = add_field(h, in->copies[i].content);
	}
	return err;
}

int pl_retry_hash(EVP_MD_CTX *h, const EVP_MD *sha256, const struct pl_op_send *in,
		  uint8_t out[PL_RETRY_HASH])
{
	uint8_t all[EVP_MAX_MD_SIZE];
	bool by_client = in->client_id.len > 0;
	if (!by_client && !in->request_id.len)
		return PL_EINVAL;
	if (EVP_DigestInit_ex2(h, sha256, NULL) != 1)
		return PL_ENOMEM;
	int err = add(h, by_client ? "c" : in->ncopies ? "p" : "r", 1);
	if (!err)
		err = add(h, in->user.b, sizeof(in->user.b));
	if (!err)
		err = add(h, in->conversation.b, sizeof(in->conversation.b));
	if (!err)
		err = by_client ? add_field(h, in->client_id) : add_content(h, in);
	if (err || EVP_DigestFinal_ex(h, all, NULL) != 1)
		return PL_ENOMEM;
	memcpy(out, all, PL_RETRY_HASH);
	return 0;
}

struct pl_conversation pl_conversation_from_op(const struct pl_op_create *in, uint64_t now_ms)
{
	return (struct pl_conversation){.id = pl_uuid_v7(now_ms),
					.type = in->type,
					.name = in->name,
					.description = in->description,
					.created_by = in->creator,
					.created_ms = now_ms,
					.updated_ms = now_ms};
}

struct pl_conversation pl_direct_conversation(const struct pl_uuid *creator, uint64_t now_ms)
{
	const struct pl_op_create in = {.creator = *creator, .type = PL_DIRECT};
	return pl_conversation_from_op(&in, now_ms);
}

struct pl_conversation pl_open_room_from_op(const struct pl_op_open_room *in, uint64_t now_ms)
{
	struct pl_uuid id;
	if (pl_uuid_parse(in->name, &id) || pl_uuid_is_nil(&id))
		id = pl_uuid_v7(now_ms);
	return (struct pl_conversation){.id = id,
					.type = PL_ROOM,
					.name = in->title.len ? in->title : in->name,
					.alias = in->name,
					.created_by = in->user,
					.created_ms = now_ms,
					.updated_ms = now_ms};
}

void pl_messages_turn_round(struct pl_message *m, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		struct pl_message other = m[i];
		m[i] = m[n - 1 - i];
		m[n - 1 - i] = other;
	}
}

static uint64_t activity(const struct pl_conversation_row *r)
{
	return r->has_latest ? r->latest.created_ms : r->conversation.created_ms;
}

/* Latest first; what happened in one millisecond by id, which is in order of creation. */
static int by_activity(const void *a, const void *b)
{
	const struct pl_conversation_row *x = a, *y = b;
	uint64_t p = activity(x), q = activity(y);
	if (p != q)
		return p < q ? 1 : -1;
	const struct pl_uuid *i = x->has_latest ? &x->latest.id : &x->conversation.id;
	const struct pl_uuid *j = y->has_latest ? &y->latest.id : &y->conversation.id;
	return memcmp(j, i, sizeof(*i));
}

void pl_rows_sort(struct pl_conversation_row *rows, size_t n)
{
	if (n)
		qsort(rows, n, sizeof(*rows), by_activity);
}

void *pl_grow(struct pl_arena *a, void *list, size_t len, size_t *cap, size_t size)
{
	if (len < *cap)
		return list;
	size_t more = *cap ? *cap * 2 : 8;
	void *at = pl_arena_array(a, more, size);
	if (!at)
		return NULL;
	if (len)
		memcpy(at, list, len * size);
	*cap = more;
	return at;
}
