/* turn.c - passwords for relays that end by themselves. */
#include "auth/turn.h"

#include "wire/json_write.h"

#include <inttypes.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdio.h>

int pl_turn_pass(const struct pl_turn *t, struct pl_slice user, uint64_t now_s,
		 struct pl_turn_pass *out)
{
	uint8_t mac[EVP_MAX_MD_SIZE];
	size_t len = 0;
	int n = snprintf(out->username, sizeof(out->username), "%" PRIu64 ":%.*s",
			 now_s + t->lifetime_s, PL_FMT(user));
	if (n < 0 || (size_t)n >= sizeof(out->username))
		return PL_ETOOBIG;
	out->username_len = (size_t)n;
	ERR_set_mark();
	const void *done = EVP_Q_mac(NULL, "HMAC", NULL, "SHA1", NULL, t->secret.at, t->secret.len,
				     (const uint8_t *)out->username, out->username_len, mac,
				     sizeof(mac), &len);
	ERR_pop_to_mark();
	if (!done)
		return PL_ENOMEM;
	EVP_EncodeBlock((uint8_t *)out->credential, mac, (int)len);
	return 0;
}

static void put_urls(const struct pl_turn *t, struct pl_buf *b)
{
	PL_PUT(b, "[");
	for (size_t i = 0; i < t->nurls; i++) {
		if (i)
			PL_PUT(b, ",");
		pl_json_put_str(b, t->urls[i]);
	}
	PL_PUT(b, "]");
}

static void put_servers(const struct pl_turn *t, const struct pl_turn_pass *p, struct pl_buf *b)
{
	if (!t->nurls) {
		PL_PUT(b, "[]");
		return;
	}
	PL_PUT(b, "[{\"urls\":");
	put_urls(t, b);
	if (t->secret.len) {
		PL_PUT(b, ",\"username\":");
		pl_json_put_str(b, pl_slice(p->username, p->username_len));
		PL_PUT(b, ",\"credential\":");
		pl_json_put_str(b, pl_slice_str(p->credential));
	}
	PL_PUT(b, "}]");
}

static int make_pass(const struct pl_turn *t, struct pl_slice user, uint64_t now_s,
		     struct pl_turn_pass *p)
{
	return t->nurls && t->secret.len ? pl_turn_pass(t, user, now_s, p) : 0;
}

int pl_turn_put_servers(const struct pl_turn *t, struct pl_slice user, uint64_t now_s,
			struct pl_buf *b)
{
	struct pl_turn_pass p = {.username_len = 0};
	int err = make_pass(t, user, now_s, &p);
	if (!err)
		put_servers(t, &p, b);
	return err ? err : b->err;
}

int pl_turn_put_answer(const struct pl_turn *t, struct pl_slice user, uint64_t now_s,
		       struct pl_buf *b)
{
	struct pl_turn_pass p = {.username_len = 0};
	int err = make_pass(t, user, now_s, &p);
	if (err)
		return err;
	PL_PUT(b, "{\"iceServers\":");
	put_servers(t, &p, b);
	if (p.username_len) {
		PL_PUT(b, ",\"username\":");
		pl_json_put_str(b, pl_slice(p.username, p.username_len));
		PL_PUT(b, ",\"password\":");
		pl_json_put_str(b, pl_slice_str(p.credential));
		PL_PUT(b, ",\"ttl\":");
		pl_buf_put_u64(b, t->lifetime_s);
	}
	PL_PUT(b, ",\"uris\":");
	put_urls(t, b);
	PL_PUT(b, "}");
	return b->err;
}

const char *pl_turn_url_fault(struct pl_slice url)
{
	static const char *const schemes[] = {"stun:", "stuns:", "turn:", "turns:"};
	size_t host = 0;
	for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++)
		if (pl_slice_starts(url, pl_slice_str(schemes[i])))
			host = strlen(schemes[i]);
	if (!host)
		return "does not begin with turn:, turns:, stun: or stuns:";
	if (url.len == host || url.at[host] == '/' || url.at[host] == ':' || url.at[host] == '?')
		return "names no host";
	for (size_t i = host; i < url.len; i++)
		if (url.at[i] <= ' ' || url.at[i] == 0x7f)
			return "has white space or control characters in it";
	return NULL;
}
