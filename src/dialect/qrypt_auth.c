/* qrypt_auth.c - who is speaking: auth, and the ping of those who only want to be heard. Its table
 * stands at the end. */
#include "dialect/qrypt_internal.h"

#include "wire/json_write.h"

struct in_auth {
	struct pl_slice token;
};

static const struct pl_field auth_fields[] = {
	PL_FIELD(struct in_auth, token, "token", PL_STR, PL_NEEDED, PL_QRYPT_TEXT_MAX, "a JWT"),
	{0},
};

static const struct pl_words *refusal_of(int err)
{
	static const struct pl_words invalid = {"INVALID_TOKEN", "Invalid or expired token"};
	static const struct pl_words unknown = {"USER_NOT_FOUND", "User profile not found"};
	static const struct pl_words no_keys = {"CONFIG_ERROR", "Server configuration error"};
	static const struct pl_words too_many = {"RATE_LIMITED", "Too many refused tokens"};
	static const struct pl_words failed = {"AUTH_ERROR", "Authentication failed"};
	switch (err) {
	case PL_EDENIED:
	case PL_EEXPIRED: return &invalid;
	case PL_ENOTFOUND: return &unknown;
	case PL_ESTATE: return &no_keys;
	case PL_ELIMIT: return &too_many;
	default: return &failed;
	}
}

/* An uncorrelated frame beside the answer: the documents promise it, the clients only log it. */
static void tell_auth_error(struct pl_session *s, const struct pl_words *w, uint64_t expires_s)
{
	struct pl_buf *b = pl_session_out(s);
	pl_qrypt_begin(b, "auth_error");
	PL_PUT(b, "{\"error\":");
	pl_json_put_str(b, pl_slice_str(w->text));
	PL_PUT(b, ",\"code\":");
	pl_json_put_str(b, pl_slice_str(w->code));
	if (expires_s) {
		PL_PUT(b, ",\"expiresAt\":");
		pl_json_put_iso(b, expires_s * 1000);
	}
	PL_PUT(b, "}");
	pl_qrypt_end_fresh(b);
	pl_session_send(s, b);
}

static void refuse_auth(struct pl_session *s, struct pl_slice ref, const struct pl_words *w)
{
	tell_auth_error(s, w, 0);
	pl_qrypt_fail(s, ref, w, 0);
}

static int on_auth(struct pl_session *s, struct pl_slice ref, const void *in)
{
	struct pl_slice token = ((const struct in_auth *)in)->token;
	if (token.len)
		pl_session_sign_in(s, token, ref, true);
	else
		refuse_auth(s, ref, &pl_qrypt_row("auth")->missing);
	return 0;
}

void pl_qrypt_on_signed_in(struct pl_session *s, struct pl_slice ref, bool was_asked, int err)
{
	if (!was_asked)
		return; /* the handshake brought the token: nothing is said either way */
	if (err) {
		refuse_auth(s, ref, refusal_of(err));
		return;
	}
	struct pl_buf *b = pl_session_out(s);
	pl_qrypt_begin(b, "auth_success");
	PL_PUT(b, "{\"user\":");
	pl_qrypt_put_user(b, &s->peer.user);
	PL_PUT(b, "}");
	pl_qrypt_reply(s, b, ref);
}

void pl_qrypt_on_expiry(struct pl_session *s, uint64_t expires_s, bool is_over)
{
	static const struct pl_words soon = {"TOKEN_EXPIRING", "The token expires soon"};
	static const struct pl_words over = {"TOKEN_EXPIRED", "The token has expired"};
	tell_auth_error(s, is_over ? &over : &soon, expires_s);
}

static int on_ping(struct pl_session *s, struct pl_slice ref, const void *in)
{
	struct pl_buf *b = pl_session_out(s);
	(void)in;
	pl_qrypt_begin(b, "pong");
	PL_PUT(b, "{}");
	pl_qrypt_reply(s, b, ref);
	return 0;
}

const struct pl_message_row pl_qrypt_auth[] = {
	{.name = "auth",
	 PL_IN(auth_fields, struct in_auth),
	 .handle = on_auth,
	 .missing = {"MISSING_TOKEN", "Authentication token is required"},
	 .not_found = {"USER_NOT_FOUND", "User profile not found"},
	 .failed = {"AUTH_ERROR", "Authentication failed"},
	 .reply = "`auth_success {user}`",
	 .others = "`user_online`, once the first device is there",
	 .doc = "Sign in, or bring a fresh token. A bad token is `INVALID_TOKEN`; the connection "
		"stays open."},
	{.name = "ping", .handle = on_ping, .reply = "`pong {}`", .doc = "Also a sign of life."},
	{0},
};
