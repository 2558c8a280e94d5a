/*
 * first_frame.c - a session of no dialect yet, until the client has said something.
 *
 *     handshake with ?authToken=              chat+presence, the older family: at once
 *     a member `payload`                      QryptChat
 *     a type of the chat+presence dialect     that one; the older family if it brought a token
 *     a type of the native dialect, no        native
 *       requestId
 *     anything else                           QryptChat, whose error is an answer at least
 */
#include "dialect/first_frame.h"

#include "dialect/native_internal.h"
#include "dialect/qrypt.h"
#include "dialect/realtime_internal.h"

#include "base/mem.h"
#include "wire/url.h"

enum { ARENA_MAX = 64 * 1024, WAITING_MAX = 256, WAITING_BYTES = 2 << 20 };

/* Becomes any of the others: as large as the largest, and zeroed again by then. */
union newcomer {
	struct {
		struct pl_session session; /* first */
		struct pl_request *request;
	};
	struct native native;
	struct realtime realtime;
};

static union newcomer *newcomer_of(struct pl_session *s)
{
	return PL_CONTAINER(s, union newcomer, session);
}

static bool has_auth_token(const struct pl_request *q)
{
	struct pl_arena a;
	struct pl_slice token;
	pl_arena_init(&a, ARENA_MAX);
	bool has = !pl_query_get(q->http->query, "authToken", &a, &token) && token.len;
	pl_arena_fini(&a);
	return has;
}

static bool takes_guests(const struct pl_session *s);

static const struct pl_dialect *dialect_of(const struct pl_session *s, const struct pl_json *root,
					   const struct pl_request *q)
{
	struct pl_slice type = pl_json_get_str(root, "type");
	if (!type.len || !pl_json_is_absent(pl_json_get(root, "payload")))
		return &pl_qrypt_dialect;
	if (pl_realtime_knows(type))
		return pl_realtime_dialect(q);
	if (pl_native_knows(s, type) && pl_json_is_absent(pl_json_get(root, "requestId")))
		return takes_guests(s) ? &pl_native_guest_dialect : &pl_native_dialect;
	return &pl_qrypt_dialect;
}

static void on_text(struct pl_session *s, struct pl_slice text)
{
	const struct pl_json *root;
	struct pl_request *q = newcomer_of(s)->request;
	bool is_object = !pl_json_parse(s->gateway->messages, text, &root) &&
			 pl_json_is(root, PL_JSON_OBJECT);
	const struct pl_dialect *d = is_object ? dialect_of(s, root, q) : &pl_qrypt_dialect;
	newcomer_of(s)->request = NULL;
	pl_session_become(s, d, q, text);
	pl_free(q);
}

/* It goes without having said anything. */
static void on_end(struct pl_session *s)
{
	pl_free(newcomer_of(s)->request);
	newcomer_of(s)->request = NULL;
}

/* By the handshake it may be somebody already, and online; who is turned out then goes. */
static void on_signed_in(struct pl_session *s, struct pl_slice ref, bool was_asked, int err)
{
	(void)s;
	(void)ref;
	(void)was_asked;
	(void)err; /* its dialect signs in again, and knows how to refuse */
}

static void on_expiry(struct pl_session *s, uint64_t expires_s, bool is_over)
{
	(void)s;
	(void)expires_s;
	(void)is_over;
}

/* Nothing is said to who has not shown what it speaks. */
static struct pl_encoded *no_words(const struct pl_event *e)
{
	(void)e;
	return NULL;
}

static const struct pl_peer_ops no_ops = {.encode = no_words};

#define NEWCOMER                                                                             \
	{                                                                                    \
		.name = "first-frame", .peer_ops = &no_ops, .on_text = on_text,              \
		.on_signed_in = on_signed_in, .on_expiry = on_expiry,                        \
		.size = sizeof(union newcomer), .find_token = pl_realtime_find_token,        \
		.on_end = on_end, .waiting_max = WAITING_MAX, .waiting_bytes = WAITING_BYTES \
	}
static const struct pl_dialect newcomer = NEWCOMER, guest_newcomer = NEWCOMER;

static bool takes_guests(const struct pl_session *s)
{
	return s->dialect == &guest_newcomer;
}

static void open_one(struct pl_conn *c, const struct pl_request *q, const struct pl_dialect *d)
{
	if (has_auth_token(q)) {
		pl_realtime_chat_endpoint.on_upgrade(c, q);
		return;
	}
	struct pl_request *kept = pl_request_keep(q);
	if (!kept) {
		pl_conn_respond_text(c, 503, "text/plain", PL_S("refused\n"));
		return;
	}
	pl_session_open(c, q, pl_conn_ctx(c), d);
	struct pl_session *s = pl_conn_user(c);
	if (s)
		newcomer_of(s)->request = kept;
	else
		pl_free(kept);
}

static void on_upgrade(struct pl_conn *c, const struct pl_request *q)
{
	open_one(c, q, &newcomer);
}

static void on_guest_upgrade(struct pl_conn *c, const struct pl_request *q)
{
	open_one(c, q, &guest_newcomer);
}

const struct pl_endpoint pl_first_frame_endpoint = {
	.on_upgrade = on_upgrade,
	.on_message = pl_session_message,
	.on_close = pl_session_close,
};

const struct pl_endpoint pl_first_frame_guest_endpoint = {
	.on_upgrade = on_guest_upgrade,
	.on_message = pl_session_message,
	.on_close = pl_session_close,
};
