/* claims.c - the claims of RFC 7519 that bound a token, and those that name its user. */
#include "auth/claims.h"

#include <stdio.h>

enum { EMAIL_MAX = 320, PHONE_MAX = 64, INTEGER_TEXT = 24 };

#define TIME_MAX ((int64_t)1 << 53) /* what a double counts exactly */

static int deny(const char **why, const char *reason)
{
	*why = reason;
	return PL_EDENIED;
}

/* nbf and iat: absent, or a NumericDate (a fraction is allowed) that is not yet to come. */
static bool is_past(const struct pl_json *when, double latest)
{
	double t = pl_json_f64(when, -1);
	return !when || (t >= 0 && t <= latest);
}

static int check_times(const struct pl_claim_rules *r, const struct pl_json *claims, uint64_t now_s,
		       uint64_t *expires_s, const char **why)
{
	int64_t exp = pl_json_i64(pl_json_get(claims, "exp"), -1);
	if (exp <= 0 || exp > TIME_MAX)
		return deny(why, "the token has no valid expiry time");
	double latest = (double)(now_s + r->leeway_s);
	if (!is_past(pl_json_get(claims, "nbf"), latest))
		return deny(why, "the token is not valid yet");
	const struct pl_json *iat = pl_json_get(claims, "iat");
	if (!is_past(iat, latest))
		return deny(why, "the token was issued in the future");
	if (now_s >= (uint64_t)exp + r->leeway_s) {
		*why = "the token has expired";
		return PL_EEXPIRED;
	}
	double from = iat ? pl_json_f64(iat, 0) : (double)now_s;
	if (r->max_lifetime_s && (double)exp - from > (double)r->max_lifetime_s)
		return deny(why, "the token is valid for too long");
	*expires_s = (uint64_t)exp;
	return 0;
}

static bool is_for(const struct pl_json *aud, struct pl_slice who)
{
	if (pl_json_is(aud, PL_JSON_STRING))
		return pl_slice_eq(aud->str, who);
	if (!pl_json_is(aud, PL_JSON_ARRAY))
		return false;
	PL_JSON_EACH(one, aud)
	{
		if (pl_json_is(one, PL_JSON_STRING) && pl_slice_eq(one->str, who))
			return true;
	}
	return false;
}

int pl_claims_check(const struct pl_claim_rules *r, const struct pl_json *claims, uint64_t now_s,
		    uint64_t *expires_s, const char **why)
{
	if (r->issuer.at) {
		struct pl_slice iss = pl_json_get_str(claims, "iss");
		if (!iss.at || !pl_slice_eq(iss, r->issuer))
			return deny(why, "the token is from another issuer");
	}
	if (r->audience.at && !is_for(pl_json_get(claims, "aud"), r->audience))
		return deny(why, "the token is for another audience");
	return check_times(r, claims, now_s, expires_s, why);
}

/* No C0, DEL or C1: they forge lines and drive terminals. The text is valid UTF-8. */
static bool is_plain(struct pl_slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.at[i];
		if (c < 0x20 || c == 0x7f)
			return false;
		if (c == 0xc2 && (unsigned char)s.at[i + 1] < 0xa0)
			return false;
	}
	return true;
}

/* A string, or an integer as text in `room`. at == NULL: something else. */
static struct pl_slice text_of(const struct pl_json *v, char room[INTEGER_TEXT])
{
	if (!pl_json_is(v, PL_JSON_INT))
		return pl_json_str(v);
	int n = snprintf(room, INTEGER_TEXT, "%lld", (long long)v->integer);
	return pl_slice(room, (size_t)n);
}

/* Null and "" say nothing; a value that cannot be a name is not passed over for the next claim. */
static int find_subject(const struct pl_json *claims, struct pl_arena *arena,
			struct pl_identity *out, const char **why)
{
	static const char *const names[] = {"sub", "userId", "user_id", "username"};
	char room[INTEGER_TEXT];
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const struct pl_json *v = pl_json_get(claims, names[i]);
		struct pl_slice text = text_of(v, room);
		if (pl_json_is_absent(v) || (text.at && !text.len))
			continue;
		if (!text.at || text.len > PL_SUBJECT_MAX || !is_plain(text))
			return deny(why, "the token's subject is not a usable name");
		out->subject_is_number = pl_json_is(v, PL_JSON_INT);
		return pl_arena_copy(arena, text, &out->subject);
	}
	return deny(why, "the token names no subject");
}

/* The first of these claims that is a usable text. Others are as if they were not there. */
static int find_text(const struct pl_json *claims, const char *const *names, size_t max,
		     struct pl_arena *arena, struct pl_slice *out)
{
	char room[INTEGER_TEXT];
	for (; *names; names++) {
		struct pl_slice text = text_of(pl_json_get(claims, *names), room);
		if (text.len && text.len <= max && is_plain(text))
			return pl_arena_copy(arena, text, out);
	}
	return 0;
}

static int find_name(const struct pl_json *claims, struct pl_arena *arena, struct pl_slice *out)
{
	static const char *const names[] = {"name", "display_name", NULL};
	static const char *const inner[] = {"full_name", "name", "username", NULL};
	int err = find_text(claims, names, PL_SUBJECT_MAX, arena, out);
	if (err || out->at)
		return err;
	return find_text(pl_json_get(claims, "user_metadata"), inner, PL_SUBJECT_MAX, arena, out);
}

int pl_claims_identity(const struct pl_json *claims, struct pl_arena *arena,
		       struct pl_identity *out, const char **why)
{
	static const char *const user_id[] = {"userId", "user_id", NULL};
	static const char *const username[] = {"username", NULL};
	static const char *const email[] = {"email", NULL}, *const phone[] = {"phone", NULL};
	/* Not in the future, as pl_claims_check has seen. */
	double issued_s = pl_json_f64(pl_json_get(claims, "iat"), 0);
	struct pl_identity who = {.issued_s = issued_s > 0 ? (uint64_t)issued_s : 0};
	int err = find_subject(claims, arena, &who, why);
	if (err == PL_EDENIED)
		return err;
	err = err ? err : find_text(claims, user_id, PL_SUBJECT_MAX, arena, &who.user_id);
	err = err ? err : find_text(claims, username, PL_SUBJECT_MAX, arena, &who.username);
	err = err ? err : find_text(claims, email, EMAIL_MAX, arena, &who.email);
	err = err ? err : find_text(claims, phone, PHONE_MAX, arena, &who.phone);
	err = err ? err : find_name(claims, arena, &who.name);
	if (err)
		*why = "out of memory";
	else
		*out = who;
	return err;
}
