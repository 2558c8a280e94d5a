/* qrypt_call_out.c - what a QryptChat client is told of calls: what the other said, and what became
 * of what it said itself. */
#include "dialect/qrypt_calls.h"

#include "dialect/calling.h"
#include "wire/json_write.h"

enum { ROTATION_DIGITS = 18 };

const char *pl_qrypt_call_row(enum pl_call_what what, bool has_keys)
{
	static const char *const rows[PL_CALL__COUNT][2] = {
		[PL_CALL_OFFER] = {"call_offer", "ml_kem_call_offer"},
		[PL_CALL_ANSWER] = {"call_answer", "ml_kem_call_answer"},
		[PL_CALL_DECLINE] = {"call_decline", "call_decline"},
		[PL_CALL_BUSY] = {"call_decline", "call_decline"},
		[PL_CALL_END] = {"call_end", "call_end"},
		[PL_CALL_CANDIDATE] = {"call_ice_candidate", "call_ice_candidate"},
		[PL_CALL_SDP_OFFER] = {"call_sdp_offer", "call_sdp_offer"},
		[PL_CALL_SDP_ANSWER] = {"call_sdp_answer", "call_sdp_answer"},
		[PL_CALL_ROTATE] = {"ml_kem_key_rotation", "ml_kem_key_rotation"},
		[PL_CALL_ROTATED] = {"ml_kem_key_rotation_response",
				     "ml_kem_key_rotation_response"},
	};
	return rows[what][has_keys];
}

int pl_qrypt_read_rotation(struct pl_slice text, struct pl_slice *session, int64_t *number)
{
	int64_t n = 0;
	size_t at = PL_UUID_TEXT + 1;
	if (text.len <= at || text.len > at + ROTATION_DIGITS || text.at[at - 1] != '-')
		return PL_EINVAL;
	for (; at < text.len; at++) {
		if (text.at[at] < '0' || text.at[at] > '9')
			return PL_EINVAL;
		n = n * 10 + (text.at[at] - '0');
	}
	*session = pl_slice(text.at, PL_UUID_TEXT);
	*number = n;
	return 0;
}

/* ---- members ---- */

/* The bare id of the call: who knows one knows the other. */
static void put_session(struct pl_buf *b, const struct pl_call_news *n)
{
	PL_PUT(b, "\"sessionId\":");
	pl_json_put_uuid(b, &n->id);
}

static void put_rotation(struct pl_buf *b, const struct pl_call_news *n)
{
	char id[PL_UUID_TEXT];
	pl_uuid_format(&n->id, id);
	put_session(b, n);
	PL_PUT(b, ",\"rotationId\":\"");
	pl_buf_put(b, id, sizeof(id));
	PL_PUT(b, "-");
	pl_buf_put_u64(b, (uint64_t)n->number);
	PL_PUT(b, "\",\"rotationSequence\":");
	pl_buf_put_u64(b, (uint64_t)n->number);
}

static struct pl_slice name_of(const struct pl_user *u)
{
	return u->display_name.len ? u->display_name : u->username;
}

static void put_from(struct pl_buf *b, const struct pl_event *e)
{
	PL_PUT(b, ",\"from\":");
	pl_json_put_uuid(b, &e->actor.id);
}

static void put_from_name(struct pl_buf *b, const struct pl_event *e)
{
	put_from(b, e);
	PL_PUT(b, ",\"fromName\":");
	pl_json_put_str(b, name_of(&e->actor));
}

/* What was relayed, where there was any. */
static void put_raw(struct pl_buf *b, const char *key, struct pl_slice json)
{
	if (!json.len)
		return;
	pl_buf_printf(b, ",\"%s\":", key);
	pl_buf_puts(b, json);
}

/* ---- what the other said ---- */

static void offer(const struct pl_event *e, struct pl_buf *b)
{
	const struct pl_call_news *n = e->call;
	if (n->has_keys) {
		PL_PUT(b, ",");
		put_session(b, n);
	}
	put_from_name(b, e);
	PL_PUT(b, ",\"fromAvatar\":");
	pl_json_put_str(b, e->actor.avatar_url);
	PL_PUT(b, ",\"callType\":");
	pl_json_put_str(b, n->media);
	if (n->has_keys)
		PL_PUT(b, ",\"mlKemParameterSet\":\"" PL_QRYPT_SUITE "\"");
	put_raw(b, "initiatorPublicKey", n->keys[0]);
	put_raw(b, "sdpOffer", n->body);
	put_raw(b, "iceServers", n->ice);
}

static void answer(const struct pl_event *e, struct pl_buf *b)
{
	const struct pl_call_news *n = e->call;
	if (n->has_keys) {
		PL_PUT(b, ",");
		put_session(b, n);
	}
	put_from_name(b, e);
	put_raw(b, "recipientPublicKey", n->keys[0]);
	put_raw(b, "ciphertext", n->keys[1]);
	put_raw(b, "sdpAnswer", n->body);
}

static void declined(const struct pl_event *e, struct pl_buf *b)
{
	put_from(b, e);
	if (e->call->what == PL_CALL_BUSY)
		PL_PUT(b, ",\"reason\":\"busy\"");
}

static void ended(const struct pl_event *e, struct pl_buf *b)
{
	static const char *const reasons[] = {[PL_CALL_TIMEOUT] = "timeout",
					      [PL_CALL_ELSEWHERE] = "answered_elsewhere",
					      [PL_CALL_LOST] = "disconnected"};
	put_from(b, e);
	pl_calling_put_duration(b, e->call);
	if (e->call->why)
		pl_buf_printf(b, ",\"reason\":\"%s\"", reasons[e->call->why]);
}

static void candidate(const struct pl_event *e, struct pl_buf *b)
{
	put_from(b, e);
	put_raw(b, "candidate", e->call->body);
}

static void description(const struct pl_event *e, struct pl_buf *b)
{
	put_from(b, e);
	put_raw(b, "sdp", e->call->body);
}

static void rotation(const struct pl_event *e, struct pl_buf *b)
{
	put_rotation(b, e->call);
	put_from(b, e);
	put_raw(b, "newPublicKey", e->call->keys[0]);
}

static void rotation_complete(const struct pl_event *e, struct pl_buf *b)
{
	put_rotation(b, e->call);
	put_raw(b, "recipientPublicKey", e->call->keys[0]);
	put_raw(b, "ciphertext", e->call->keys[1]);
}

void pl_qrypt_put_call(const struct pl_event *e, struct pl_buf *b)
{
	static void (*const rest[PL_CALL__COUNT])(const struct pl_event *, struct pl_buf *) = {
		[PL_CALL_OFFER] = offer,
		[PL_CALL_ANSWER] = answer,
		[PL_CALL_DECLINE] = declined,
		[PL_CALL_BUSY] = declined,
		[PL_CALL_END] = ended,
		[PL_CALL_CANDIDATE] = candidate,
		[PL_CALL_SDP_OFFER] = description,
		[PL_CALL_SDP_ANSWER] = description,
		[PL_CALL_ROTATE] = rotation,
		[PL_CALL_ROTATED] = rotation_complete,
	};
	const struct pl_call_news *n = e->call;
	bool is_rotation = n->what == PL_CALL_ROTATE || n->what == PL_CALL_ROTATED;
	if (!rest[n->what])
		return;
	pl_qrypt_begin(b, n->what == PL_CALL_ROTATED ? "ml_kem_key_rotation_complete"
						     : pl_qrypt_call_row(n->what, n->has_keys));
	PL_PUT(b, "{");
	if (!is_rotation)
		pl_calling_put_id(b, n);
	rest[n->what](e, b);
	PL_PUT(b, "}");
	pl_qrypt_end_fresh(b);
}

/* ---- what became of it ---- */

static void put_other(struct pl_buf *b, const struct pl_call_news *n, bool is_callee)
{
	const struct pl_user *u = &n->to;
	pl_buf_printf(b, ",\"%s\":{\"id\":", is_callee ? "targetUser" : "caller");
	pl_json_put_uuid(b, &u->id);
	PL_PUT(b, ",\"username\":");
	pl_json_put_str(b, u->username);
	pl_buf_printf(b, ",\"%s\":", is_callee ? "displayName" : "display_name");
	pl_json_put_str(b, u->display_name);
	pl_buf_printf(b, ",\"%s\":", is_callee ? "avatarUrl" : "avatar_url");
	pl_json_put_str(b, u->avatar_url);
	PL_PUT(b, "}");
}

static void put_status(struct pl_buf *b, const struct pl_call_news *n)
{
	static const char *const states[PL_CALL__COUNT] = {
		[PL_CALL_OFFER] = "calling",
		[PL_CALL_ANSWER] = "connected",
		[PL_CALL_DECLINE] = "declined",
		[PL_CALL_BUSY] = "declined",
		[PL_CALL_END] = "ended",
		[PL_CALL_ROTATE] = "key_rotation_initiated",
		[PL_CALL_ROTATED] = "key_rotation_complete",
	};
	bool is_rotation = n->asked == PL_CALL_ROTATE || n->asked == PL_CALL_ROTATED;
	bool is_new = n->asked == PL_CALL_OFFER || n->asked == PL_CALL_ANSWER;
	PL_PUT(b, "{");
	if (is_rotation)
		put_rotation(b, n);
	else
		pl_calling_put_id(b, n);
	if (is_new && n->has_keys) {
		PL_PUT(b, ",");
		put_session(b, n);
	}
	pl_buf_printf(b, ",\"status\":\"%s\"", states[n->asked]);
	if (is_new && n->has_keys)
		PL_PUT(b, ",\"encryption\":\"ML_KEM\"");
	if (n->asked == PL_CALL_OFFER && n->has_keys)
		PL_PUT(b, ",\"mlKemParameterSet\":\"" PL_QRYPT_SUITE "\"");
	if (is_new)
		put_other(b, n, n->asked == PL_CALL_OFFER);
	put_raw(b, "iceServers", n->ice);
	if (n->asked == PL_CALL_END)
		pl_calling_put_duration(b, n);
	PL_PUT(b, "}");
}

static const struct pl_words *fault_of(const struct pl_call_news *n)
{
	static const struct pl_words offline = {"USER_OFFLINE", "Target user is not online"};
	static const struct pl_words busy = {"USER_BUSY", "Target user is busy"};
	static const struct pl_words too_many = {"TOO_MANY_CALLS", "Too many calls at once"};
	static const struct pl_words not_now = {"INVALID_CALL_STATE",
						"Not possible at this point of the call"};
	const struct pl_message_row *row = pl_qrypt_row(pl_qrypt_call_row(n->asked, n->has_keys));
	switch (n->err) {
	case PL_ENOTFOUND: return &row->not_found;
	case PL_ECLOSED: return &offline;
	case PL_EBUSY: return &busy;
	case PL_ELIMIT: return &too_many;
	case PL_ESTATE: return &not_now;
	default: return &row->failed;
	}
}

void pl_qrypt_on_call_reply(struct pl_session *s, const struct pl_call_news *n)
{
	if (n->err) {
		pl_qrypt_fail(s, n->ref, fault_of(n), 0);
		return;
	}
	struct pl_buf *b = pl_session_out(s);
	pl_qrypt_begin(b, "call_status");
	put_status(b, n);
	pl_qrypt_reply(s, b, n->ref);
}
