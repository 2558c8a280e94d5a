/* socketio_calls.c - calls: what the two say until their media flow, and what they are told of it.
 * Its table stands at the end. */
#include "dialect/socketio_internal.h"

#include "dialect/calling.h"
#include "wire/json_write.h"

struct in_call {
	struct pl_slice target, media, call;
	const struct pl_json *body;
};

/* The event by which a word is said, and heard. */
static const char *event_of(enum pl_call_what what)
{
	static const char *const events[PL_CALL__COUNT] = {
		[PL_CALL_OFFER] = "call-user",      [PL_CALL_ANSWER] = "call-answer",
		[PL_CALL_DECLINE] = "call-decline", [PL_CALL_BUSY] = "call-busy",
		[PL_CALL_END] = "call-end",         [PL_CALL_CANDIDATE] = "ice-candidate",
		[PL_CALL_SDP_OFFER] = "sdp-offer",  [PL_CALL_SDP_ANSWER] = "sdp-answer",
	};
	return events[what];
}

static const char *body_of(enum pl_call_what what)
{
	switch (what) {
	case PL_CALL_OFFER: return "offer";
	case PL_CALL_ANSWER: return "answer";
	case PL_CALL_CANDIDATE: return "candidate";
	default: return "sdp";
	}
}

static const char *text_of(enum pl_call_what what, int err)
{
	switch (err) {
	case PL_ENOTFOUND: return what == PL_CALL_OFFER ? "User not found" : "Call not found";
	case PL_ECLOSED: return "User is offline";
	case PL_EBUSY: return "User is busy";
	case PL_ELIMIT: return "Too many calls";
	case PL_ESTATE: return "Not possible at this point of the call";
	case PL_ETOOBIG: return "Larger than is relayed";
	case PL_EDENIED: return "Authentication required";
	case PL_EINVAL: return "Invalid call";
	default: return "Internal server error";
	}
}

/* ---- what is said ---- */

static struct pl_call_words words_of(enum pl_call_what what, const struct in_call *m,
				     struct pl_slice ref)
{
	return (struct pl_call_words){.what = what,
				      .media = m->media.len ? m->media : PL_S("voice"),
				      .body = m->body ? m->body->raw : (struct pl_slice){NULL, 0},
				      .ref = ref,
				      .is_asked_for = ref.len > 0};
}

/* Also to who asked for no answer: what is lost in a call is not lost in silence. */
static void tell_failure(struct pl_session *s, struct pl_slice ref, enum pl_call_what what,
			 const char *text)
{
	if (ref.len) {
		pl_socketio_fail(s, ref, text);
		return;
	}
	struct pl_buf *b = pl_socketio_begin(s, "call-error");
	pl_buf_printf(b, "{\"event\":\"%s\",\"error\":", event_of(what));
	pl_json_put_str(b, pl_slice_str(text));
	PL_PUT(b, "}");
	pl_socketio_emit(s, b);
}

static void fail(struct pl_session *s, const struct pl_call_words *w, int err)
{
	tell_failure(s, w->ref, w->what, text_of(w->what, err));
}

/* Whom it reaches may be no client of Socket.IO: bytes beside the JSON are not relayed. */
static bool has_bytes(struct pl_session *s, const struct pl_json *v)
{
	if (v && pl_socketio_binary(s, v).at)
		return true;
	PL_JSON_EACH(it, v)
	{
		if (has_bytes(s, it))
			return true;
	}
	return false;
}

static int on_call(struct pl_session *s, struct pl_slice ref, const void *in)
{
	const struct in_call *m = in;
	const struct pl_call_words w = words_of(PL_CALL_OFFER, m, ref);
	int err = has_bytes(s, m->body) ? PL_EINVAL : pl_calling_begin(s, m->target, &w, fail);
	if (err)
		fail(s, &w, err);
	return 0;
}

static int say(struct pl_session *s, struct pl_slice ref, const void *in, enum pl_call_what what)
{
	const struct in_call *m = in;
	const struct pl_call_words w = words_of(what, m, ref);
	int err = has_bytes(s, m->body) ? PL_EINVAL : pl_calling_say(s, m->call, &w);
	if (err)
		fail(s, &w, err);
	return 0;
}

static int on_answer(struct pl_session *s, struct pl_slice ref, const void *in)
{
	return say(s, ref, in, PL_CALL_ANSWER);
}

static int on_candidate(struct pl_session *s, struct pl_slice ref, const void *in)
{
	return say(s, ref, in, PL_CALL_CANDIDATE);
}

static int on_sdp_offer(struct pl_session *s, struct pl_slice ref, const void *in)
{
	return say(s, ref, in, PL_CALL_SDP_OFFER);
}

static int on_sdp_answer(struct pl_session *s, struct pl_slice ref, const void *in)
{
	return say(s, ref, in, PL_CALL_SDP_ANSWER);
}

static int on_decline(struct pl_session *s, struct pl_slice ref, const void *in)
{
	return say(s, ref, in, PL_CALL_DECLINE);
}

static int on_busy(struct pl_session *s, struct pl_slice ref, const void *in)
{
	return say(s, ref, in, PL_CALL_BUSY);
}

static int on_end(struct pl_session *s, struct pl_slice ref, const void *in)
{
	return say(s, ref, in, PL_CALL_END);
}

/* ---- what is heard ---- */

static void put_end(struct pl_buf *b, const struct pl_call_news *n)
{
	pl_calling_put_duration(b, n);
	if (n->why == PL_CALL_ELSEWHERE)
		PL_PUT(b, ",\"reason\":\"answered_elsewhere\"");
	else if (n->why == PL_CALL_LOST)
		PL_PUT(b, ",\"reason\":\"disconnected\"");
}

static void put_ice(struct pl_buf *b, const struct pl_call_news *n)
{
	if (!n->ice.len)
		return;
	PL_PUT(b, ",\"iceServers\":");
	pl_buf_puts(b, n->ice);
}

static const char *heard_as(const struct pl_call_news *n)
{
	bool is_timeout = n->what == PL_CALL_END && n->why == PL_CALL_TIMEOUT;
	return is_timeout ? "call-timeout" : event_of(n->what);
}

/* A call with keys is none for these clients: what rings here can be answered here. A reply is an
 * acknowledgement, see below. */
static bool is_heard(const struct pl_call_news *n)
{
	return event_of(n->what) && !n->has_keys;
}

void pl_socketio_put_call(const struct pl_event *e, struct pl_buf *b)
{
	const struct pl_call_news *n = e->call;
	if (!is_heard(n))
		return;
	PL_PUT(b, "[\"");
	pl_buf_puts(b, pl_slice_str(heard_as(n)));
	PL_PUT(b, "\",{");
	pl_calling_put_id(b, n);
	PL_PUT(b, ",\"fromUserId\":");
	pl_socketio_put_user_id(b, &e->actor);
	PL_PUT(b, ",\"fromUser\":");
	pl_socketio_put_user(b, &e->actor);
	if (n->what == PL_CALL_OFFER) {
		PL_PUT(b, ",\"callType\":");
		pl_json_put_str(b, n->media);
	}
	if (n->body.len) {
		pl_buf_printf(b, ",\"%s\":", body_of(n->what));
		pl_buf_puts(b, n->body);
	}
	if (n->what == PL_CALL_END)
		put_end(b, n);
	put_ice(b, n);
	PL_PUT(b, "}]");
}

void pl_socketio_on_call_reply(struct pl_session *s, const struct pl_call_news *n)
{
	if (n->err) {
		tell_failure(s, n->ref, n->asked, text_of(n->asked, n->err));
		return;
	}
	struct pl_buf *b = pl_socketio_begin_ack(s);
	PL_PUT(b, ",");
	pl_calling_put_id(b, n);
	put_ice(b, n);
	if (n->asked == PL_CALL_END)
		pl_calling_put_duration(b, n);
	pl_socketio_ack(s, n->ref, b);
}

/* ---- the table ---- */

#define F_CALL                                                                                \
	PL_FIELD(struct in_call, call, "callId", PL_STR, PL_REQUIRED, PL_CALL_TEXT_MAX,       \
		 "as the acknowledgement of `call-user`, or the `call-user` that was heard, " \
		 "named it")
#define F_BODY(name, flags, doc) PL_FIELD(struct in_call, body, name, PL_NODE, flags, 0, doc)

static const struct pl_field user_fields[] = {
	PL_FIELD(struct in_call, target, "targetUserId", PL_NAME, PL_REQUIRED, PL_SOCKETIO_NAME_MAX,
		 "of the other"),
	F_BODY("offer", 0, "any JSON value: heard as it is said; at most 64 KiB"),
	PL_FIELD(struct in_call, media, "callType", PL_STR, 0, PL_CALL_MEDIA_MAX,
		 "`voice`, which it is without this, or `video`"),
	{0}};
static const struct pl_field answer_fields[] = {
	F_CALL, F_BODY("answer", 0, "any JSON value; at most 64 KiB"), {0}};
static const struct pl_field candidate_fields[] = {
	F_CALL,
	F_BODY("candidate", PL_REQUIRED | PL_NULL_TOO, "any JSON value; at most 8 KiB"),
	{0}};
static const struct pl_field sdp_fields[] = {
	F_CALL, F_BODY("sdp", PL_REQUIRED, "any JSON value; at most 64 KiB"), {0}};
static const struct pl_field call_fields[] = {F_CALL, {0}};

#define ROW(fields) .who = PL_SIGNED_IN, PL_IN(fields, struct in_call)
#define SAYS(text)  PL_SOCKETIO_SAYS(text)
#define IN_A_CALL                                                              \
	PL_SOCKETIO_LIMITED(SIGNALS), .missing = SAYS("Invalid call"),         \
				      .failed = SAYS("Internal server error"), \
				      .reply = "`{success, callId}`"

const struct pl_message_row pl_socketio_calls[] = {
	{.name = "call-user",
	 ROW(user_fields),
	 PL_SOCKETIO_LIMITED(CALLS),
	 .handle = on_call,
	 .missing = SAYS("Invalid call"),
	 .failed = SAYS("Internal server error"),
	 .reply = "`{success, callId, iceServers?}`",
	 .others = "`call-user {callId, fromUserId, fromUser, callType, offer, iceServers?}`, all "
		   "of the other's connections",
	 .doc = "Only somebody with whom the user shares a room or a chat: \"User not found\". "
		"\"User is offline\", \"User is busy\" and \"Too many calls\" say that it does not "
		"ring. Unanswered both hear `call-timeout` after `calls.ring_timeout`."},
	{.name = "call-answer",
	 ROW(answer_fields),
	 IN_A_CALL,
	 .handle = on_answer,
	 .others = "`call-answer {callId, fromUserId, fromUser, answer}`; one's other "
		   "connections: `call-end {…, reason: \"answered_elsewhere\"}`",
	 .doc = "From now on the call is between the two connections. Whoever asks for no "
		"acknowledgement hears of a failure by `call-error {event, error}`, here as in "
		"all that follows: \"Call not found\", \"Not possible at this point of the "
		"call\"."},
	{.name = "ice-candidate",
	 ROW(candidate_fields),
	 IN_A_CALL,
	 .handle = on_candidate,
	 .others = "`ice-candidate {callId, fromUserId, fromUser, candidate}`",
	 .doc = "To the other of the two."},
	{.name = "sdp-offer",
	 ROW(sdp_fields),
	 IN_A_CALL,
	 .handle = on_sdp_offer,
	 .others = "`sdp-offer {callId, fromUserId, fromUser, sdp}`",
	 .doc = "A new description of the same call."},
	{.name = "sdp-answer",
	 ROW(sdp_fields),
	 IN_A_CALL,
	 .handle = on_sdp_answer,
	 .others = "`sdp-answer {callId, fromUserId, fromUser, sdp}`",
	 .doc = "The answer to that."},
	{.name = "call-decline",
	 ROW(call_fields),
	 IN_A_CALL,
	 .handle = on_decline,
	 .others = "`call-decline {callId, fromUserId, fromUser}`; one's other connections: "
		   "`call-end`",
	 .doc = "On one connection for all."},
	{.name = "call-busy",
	 ROW(call_fields),
	 IN_A_CALL,
	 .handle = on_busy,
	 .others = "`call-busy {callId, fromUserId, fromUser}`; one's other connections: "
		   "`call-end`",
	 .doc = "The same, because of another call."},
	{.name = "call-end",
	 ROW(call_fields),
	 PL_SOCKETIO_LIMITED(SIGNALS),
	 .handle = on_end,
	 .missing = SAYS("Invalid call"),
	 .failed = SAYS("Internal server error"),
	 .reply = "`{success, callId, duration}`",
	 .others = "`call-end {callId, fromUserId, fromUser, duration, reason?}`",
	 .doc = "`duration` is in seconds, null if it was never answered. Where nobody hung up, "
		"`reason` is `answered_elsewhere` or `disconnected`."},
	{0},
};
