/* qrypt_calls.c - calls, plain and with keys: what the two say until their media flow. Its tables
 * stand at the end; the answers come from the call's keeper, see qrypt_call_out.c. */
#include "dialect/qrypt_calls.h"

struct in_call {
	struct pl_slice target, media, call, session, rotation;
	const struct pl_json *body, *suites, *key, *cipher, *number;
};

#define F_TARGET(flags)                                                                    \
	PL_FIELD(struct in_call, target, "targetUserId", PL_STR, flags, PL_QRYPT_NAME_MAX, \
		 "id of the other user")
#define F_CALL                                                                          \
	PL_FIELD(struct in_call, call, "callId", PL_STR, PL_REQUIRED, PL_CALL_TEXT_MAX, \
		 "as `call_status` or `call_offer` named it")
#define F_SESSION                                                                             \
	PL_FIELD(struct in_call, session, "sessionId", PL_STR, PL_REQUIRED, PL_CALL_TEXT_MAX, \
		 "as `call_status` or `ml_kem_call_offer` named it")
#define F_MEDIA                                                                   \
	PL_FIELD(struct in_call, media, "callType", PL_STR, 0, PL_CALL_MEDIA_MAX, \
		 "`voice`, which it is without this, or `video`")
#define F_BODY(name, flags, doc) PL_FIELD(struct in_call, body, name, PL_NODE, flags, 0, doc)
#define F_KEY(name)              PL_FIELD(struct in_call, key, name, PL_NODE, PL_REQUIRED, 0, "Base64, relayed")
#define F_CIPHER \
	PL_FIELD(struct in_call, cipher, "ciphertext", PL_NODE, PL_REQUIRED, 0, "Base64, relayed")

/* ---- what all have in common ---- */

static struct pl_slice raw(const struct pl_json *v)
{
	return v ? v->raw : (struct pl_slice){NULL, 0};
}

static struct pl_call_words words_of(enum pl_call_what what, const struct in_call *m,
				     struct pl_slice ref)
{
	return (struct pl_call_words){.what = what,
				      .media = m->media.len ? m->media : PL_S("voice"),
				      .body = raw(m->body),
				      .keys = {raw(m->key), raw(m->cipher)},
				      .has_keys = m->key != NULL,
				      .ref = ref,
				      .is_asked_for = what != PL_CALL_CANDIDATE &&
						      what != PL_CALL_SDP_OFFER &&
						      what != PL_CALL_SDP_ANSWER};
}

static void fail(struct pl_session *s, const struct pl_call_words *w, int err)
{
	static const struct pl_words too_big = {"INVALID_DATA", "Larger than is relayed"};
	const struct pl_message_row *row = pl_qrypt_row(pl_qrypt_call_row(w->what, w->has_keys));
	const struct pl_words *why = &row->failed;
	switch (err) {
	case PL_ENOTFOUND: why = &row->not_found; break;
	case PL_EDENIED: why = &row->denied; break;
	case PL_ETOOBIG: why = &too_big; break;
	default: break;
	}
	pl_qrypt_fail(s, w->ref, why, 0);
}

static int say(struct pl_session *s, struct pl_slice call, const struct pl_call_words *w)
{
	int err = pl_calling_say(s, call, w);
	if (err)
		fail(s, w, err);
	return 0;
}

static int on_word(struct pl_session *s, struct pl_slice ref, const void *in,
		   enum pl_call_what what)
{
	const struct in_call *m = in;
	const struct pl_call_words w = words_of(what, m, ref);
	return say(s, m->call, &w);
}

static int on_offer(struct pl_session *s, struct pl_slice ref, const void *in)
{
	const struct in_call *m = in;
	const struct pl_call_words w = words_of(PL_CALL_OFFER, m, ref);
	int err = pl_calling_begin(s, m->target, &w, fail);
	if (err)
		fail(s, &w, err);
	return 0;
}

/* ---- the rest, in the order of the tables ---- */

static int on_answer(struct pl_session *s, struct pl_slice ref, const void *in)
{
	return on_word(s, ref, in, PL_CALL_ANSWER);
}

static int on_decline(struct pl_session *s, struct pl_slice ref, const void *in)
{
	return on_word(s, ref, in, PL_CALL_DECLINE);
}

static int on_end(struct pl_session *s, struct pl_slice ref, const void *in)
{
	return on_word(s, ref, in, PL_CALL_END);
}

static int on_candidate(struct pl_session *s, struct pl_slice ref, const void *in)
{
	return on_word(s, ref, in, PL_CALL_CANDIDATE);
}

static int on_sdp_offer(struct pl_session *s, struct pl_slice ref, const void *in)
{
	return on_word(s, ref, in, PL_CALL_SDP_OFFER);
}

static int on_sdp_answer(struct pl_session *s, struct pl_slice ref, const void *in)
{
	return on_word(s, ref, in, PL_CALL_SDP_ANSWER);
}

/* The one set of parameters that these clients speak, where they list theirs. */
static bool can_negotiate(const struct pl_json *suites)
{
	bool has_it = pl_json_is_absent(suites);
	PL_JSON_EACH(it, suites)
	{
		has_it |= pl_slice_is(it->str, PL_QRYPT_SUITE);
	}
	return has_it;
}

static int on_keyed_offer(struct pl_session *s, struct pl_slice ref, const void *in)
{
	static const struct pl_words no_suite = {"CRYPTO_NEGOTIATION_FAILED",
						 "ML-KEM parameter negotiation failed"};
	if (can_negotiate(((const struct in_call *)in)->suites))
		return on_offer(s, ref, in);
	pl_qrypt_fail(s, ref, &no_suite, 0);
	return 0;
}

static int on_keyed_answer(struct pl_session *s, struct pl_slice ref, const void *in)
{
	const struct in_call *m = in;
	struct pl_uuid call, session;
	bool is_one = !pl_call_parse(m->call, &call) && !pl_call_parse(m->session, &session) &&
		      pl_uuid_eq(&call, &session);
	const struct pl_call_words w = words_of(PL_CALL_ANSWER, m, ref);
	if (is_one)
		return say(s, m->call, &w);
	fail(s, &w, PL_ENOTFOUND);
	return 0;
}

static int on_rotation(struct pl_session *s, struct pl_slice ref, const void *in)
{
	static const struct pl_words no_number = {"INVALID_DATA",
						  "Invalid value: rotationSequence"};
	const struct in_call *m = in;
	struct pl_call_words w = words_of(PL_CALL_ROTATE, m, ref);
	w.number = pl_json_i64(m->number, -1);
	if (w.number >= 0)
		return say(s, m->session, &w);
	pl_qrypt_fail(s, ref, &no_number, 0);
	return 0;
}

static int on_rotated(struct pl_session *s, struct pl_slice ref, const void *in)
{
	const struct in_call *m = in;
	struct pl_call_words w = words_of(PL_CALL_ROTATED, m, ref);
	struct pl_slice session;
	if (!pl_qrypt_read_rotation(m->rotation, &session, &w.number))
		return say(s, session, &w);
	fail(s, &w, PL_ENOTFOUND);
	return 0;
}

static const struct pl_field offer_fields[] = {
	F_TARGET(PL_REQUIRED),
	F_MEDIA,
	F_BODY("sdpOffer", 0, "relayed, as all that describes media"),
	{0}};
static const struct pl_field answer_fields[] = {F_CALL, F_BODY("sdpAnswer", 0, "relayed"), {0}};
static const struct pl_field call_fields[] = {F_CALL, {0}};
static const struct pl_field candidate_fields[] = {
	F_CALL,
	F_TARGET(PL_REQUIRED),
	F_BODY("candidate", PL_REQUIRED, "relayed; at most 8 KiB"),
	{0}};
static const struct pl_field sdp_fields[] = {
	F_CALL, F_TARGET(PL_REQUIRED), F_BODY("sdp", PL_REQUIRED, "relayed; at most 64 KiB"), {0}};
static const struct pl_field keyed_offer_fields[] = {
	F_TARGET(PL_REQUIRED),
	F_MEDIA,
	F_BODY("sdpOffer", 0, "relayed"),
	PL_FIELD(struct in_call, suites, "mlKemParams", PL_NODE, 0, 0,
		 "list of parameter sets; `ML_KEM_1024` must be among them"),
	F_KEY("initiatorPublicKey"),
	{0}};
static const struct pl_field keyed_answer_fields[] = {
	F_CALL,   F_SESSION, F_BODY("sdpAnswer", 0, "relayed"), F_KEY("recipientPublicKey"),
	F_CIPHER, {0}};
static const struct pl_field rotation_fields[] = {F_SESSION,
						  F_KEY("newPublicKey"),
						  PL_FIELD(struct in_call, number,
							   "rotationSequence", PL_NODE, PL_REQUIRED,
							   0, "a whole number from 0"),
						  {0}};
static const struct pl_field rotated_fields[] = {PL_FIELD(struct in_call, rotation, "rotationId",
							  PL_STR, PL_REQUIRED, 2 * PL_CALL_TEXT_MAX,
							  "as `ml_kem_key_rotation` named it"),
						 F_KEY("recipientPublicKey"),
						 F_CIPHER,
						 {0}};

#define ROW(fields) .who = PL_SIGNED_IN, PL_IN(fields, struct in_call), .denied = UNAUTHORIZED
#define NO_CALL     .not_found = {"CALL_NOT_FOUND", "Call not found"}
#define NO_USER     .not_found = {"USER_NOT_FOUND", "Target user not found"}

const struct pl_message_row pl_qrypt_call_rows[] = {
	{.name = "call_offer",
	 ROW(offer_fields),
	 LIMITED(CALLS),
	 .handle = on_offer,
	 .missing = {"MISSING_TARGET_USER", "Target user ID is required"},
	 NO_USER,
	 .failed = {"SERVER_ERROR", "Failed to initiate call"},
	 .reply = "`call_status {callId, status: \"calling\", targetUser, iceServers?}`",
	 .others = "`call_offer {callId, from, fromName, fromAvatar, callType, sdpOffer, "
		   "iceServers?}`, all of the other's connections",
	 .doc = "Only somebody with whom the user shares a conversation. `USER_OFFLINE`, "
		"`USER_BUSY` and `TOO_MANY_CALLS` say that it does not ring; unanswered it ends "
		"after `calls.ring_timeout`."},
	{.name = "call_answer",
	 ROW(answer_fields),
	 LIMITED(SIGNALS),
	 .handle = on_answer,
	 .missing = {"MISSING_CALL_ID", "Call ID is required"},
	 .not_found = {"CALL_NOT_FOUND", "Call not found or access denied"},
	 .failed = {"SERVER_ERROR", "Failed to answer call"},
	 .reply = "`call_status {callId, status: \"connected\", caller}`",
	 .others = "`call_answer {callId, from, fromName, sdpAnswer}`; one's other connections: "
		   "`call_end {…, reason: \"answered_elsewhere\"}`",
	 .doc = "From now on the call is between the two connections. What cannot be said at this "
		"point of a call is `INVALID_CALL_STATE`."},
	{.name = "call_decline",
	 ROW(call_fields),
	 LIMITED(SIGNALS),
	 .handle = on_decline,
	 .missing = {"MISSING_CALL_ID", "Call ID is required"},
	 NO_CALL,
	 .failed = {"SERVER_ERROR", "Failed to decline call"},
	 .reply = "`call_status {callId, status: \"declined\"}`",
	 .others = "`call_decline {callId, from, reason?}`; one's other connections: `call_end`",
	 .doc = "On one connection for all. `reason` is `busy` where a client of another dialect "
		"said so."},
	{.name = "call_end",
	 ROW(call_fields),
	 LIMITED(SIGNALS),
	 .handle = on_end,
	 .missing = {"MISSING_CALL_ID", "Call ID is required"},
	 NO_CALL,
	 .failed = {"SERVER_ERROR", "Failed to end call"},
	 .reply = "`call_status {callId, status: \"ended\", duration}`",
	 .others = "`call_end {callId, from, duration, reason?}`",
	 .doc = "`duration` is in seconds, null if it was never answered. Where nobody hung up, "
		"`reason` is `timeout`, `answered_elsewhere` or `disconnected`."},
	{.name = "call_ice_candidate",
	 ROW(candidate_fields),
	 LIMITED(SIGNALS),
	 .handle = on_candidate,
	 .missing = {"MISSING_REQUIRED_FIELDS",
		     "Call ID, target user ID, and candidate are required"},
	 NO_CALL,
	 .failed = {"SERVER_ERROR", "Failed to exchange ICE candidate"},
	 .reply = "none",
	 .others = "`call_ice_candidate {callId, from, candidate}`",
	 .doc = "To the other of the two, whatever `targetUserId` says."},
	{.name = "call_sdp_offer",
	 ROW(sdp_fields),
	 LIMITED(SIGNALS),
	 .handle = on_sdp_offer,
	 .missing = {"MISSING_REQUIRED_FIELDS", "Call ID, target user ID, and SDP are required"},
	 NO_CALL,
	 .failed = {"SERVER_ERROR", "Failed to exchange SDP offer"},
	 .reply = "none",
	 .others = "`call_sdp_offer {callId, from, sdp}`",
	 .doc = "A new description of the same call."},
	{.name = "call_sdp_answer",
	 ROW(sdp_fields),
	 LIMITED(SIGNALS),
	 .handle = on_sdp_answer,
	 .missing = {"MISSING_REQUIRED_FIELDS", "Call ID, target user ID, and SDP are required"},
	 NO_CALL,
	 .failed = {"SERVER_ERROR", "Failed to exchange SDP answer"},
	 .reply = "none",
	 .others = "`call_sdp_answer {callId, from, sdp}`",
	 .doc = "The answer to that."},
	{0},
};

const struct pl_message_row pl_qrypt_keyed_call_rows[] = {
	{.name = "ml_kem_call_offer",
	 ROW(keyed_offer_fields),
	 LIMITED(CALLS),
	 .handle = on_keyed_offer,
	 .missing = {"MISSING_REQUIRED_FIELDS",
		     "Target user ID and ML-KEM public key are required"},
	 NO_USER,
	 .failed = {"SERVER_ERROR", "Failed to initiate encrypted call"},
	 .reply = "`call_status {callId, sessionId, status: \"calling\", encryption: \"ML_KEM\", "
		  "mlKemParameterSet, targetUser, iceServers?}`",
	 .others = "`ml_kem_call_offer {callId, sessionId, from, fromName, fromAvatar, callType, "
		   "mlKemParameterSet, initiatorPublicKey, sdpOffer, iceServers?}`",
	 .doc = "As `call_offer`, with keys that the two exchange; the server only carries them. "
		"It rings at clients of this dialect alone."},
	{.name = "ml_kem_call_answer",
	 ROW(keyed_answer_fields),
	 LIMITED(SIGNALS),
	 .handle = on_keyed_answer,
	 .missing = {"MISSING_REQUIRED_FIELDS", "Call ID, session ID, recipient public key, and "
						"ciphertext are required"},
	 .not_found = {"CALL_NOT_FOUND", "Call not found or access denied"},
	 .failed = {"SERVER_ERROR", "Failed to answer encrypted call"},
	 .reply = "`call_status {callId, sessionId, status: \"connected\", encryption: \"ML_KEM\", "
		  "caller}`",
	 .others = "`ml_kem_call_answer {callId, sessionId, from, fromName, recipientPublicKey, "
		   "ciphertext, sdpAnswer}`",
	 .doc = "As `call_answer`. Such a call is declined, ended and so on like any other."},
	{.name = "ml_kem_key_rotation",
	 ROW(rotation_fields),
	 LIMITED(SIGNALS),
	 .handle = on_rotation,
	 .missing = {"MISSING_REQUIRED_FIELDS",
		     "Session ID, new public key, and rotation sequence are required"},
	 .not_found = {"SESSION_NOT_FOUND", "Call session not found"},
	 .failed = {"SERVER_ERROR", "Failed to initiate key rotation"},
	 .reply = "`call_status {sessionId, rotationId, status: \"key_rotation_initiated\", "
		  "rotationSequence}`",
	 .others = "`ml_kem_key_rotation {sessionId, rotationId, rotationSequence, from, "
		   "newPublicKey}`",
	 .doc = "New keys in a call that was answered."},
	{.name = "ml_kem_key_rotation_response",
	 ROW(rotated_fields),
	 LIMITED(SIGNALS),
	 .handle = on_rotated,
	 .missing = {"MISSING_REQUIRED_FIELDS",
		     "Rotation ID, recipient public key, and ciphertext are required"},
	 .not_found = {"ROTATION_UPDATE_FAILED", "Failed to complete key rotation"},
	 .failed = {"SERVER_ERROR", "Failed to complete key rotation"},
	 .reply = "`call_status {sessionId, rotationId, status: \"key_rotation_complete\", "
		  "rotationSequence}`",
	 .others = "`ml_kem_key_rotation_complete {sessionId, rotationId, rotationSequence, "
		   "recipientPublicKey, ciphertext}`",
	 .doc = "The answer to that, once."},
	{0},
};
