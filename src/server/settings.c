/* settings.c - which option means what to which layer. */
#include "server/settings.h"

#include "base/mem.h"

#include <openssl/crypto.h>

enum { ROOMS_MAX = 4000000, ONLINE_MAX = 4000000, CLOSE_MS = 5000, KEEP_ALIVE_MS = 60000 };

static uint32_t millis(uint64_t ms)
{
	return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

static struct pl_conn_options conn_options(const struct pl_config *c)
{
	struct pl_conn_options o = {
		.http = pl_http_default_limits,
		.header_ms = millis(c->limits_header_deadline_ms),
		.keep_alive_ms = KEEP_ALIVE_MS,
		.body_bytes = c->limits_body_bytes,
		.max_message = (uint32_t)c->limits_max_message,
		.max_frames = c->limits_max_frames,
		.heartbeat_ms = millis(c->heartbeat_interval_ms),
		.heartbeat_timeout_ms = millis(c->heartbeat_timeout_ms),
		.close_ms = CLOSE_MS,
		.out_soft = (uint32_t)c->limits_out_soft,
		.out_hard = (uint32_t)c->limits_out_hard,
		.slow_ms = millis(c->limits_slow_for_ms),
		.compress = c->compression_enabled,
		.deflate = pl_deflate_defaults(),
	};
	o.http.head_bytes = c->limits_header_bytes;
	o.deflate.threshold = c->compression_threshold;
	o.deflate.level = (int)c->compression_level;
	o.deflate.window_bits = (int)c->compression_window_bits;
	return o;
}

static void set_rates(struct pl_settings *s, const struct pl_config *c)
{
	/* Creating things is dearer than talking, joining no cheaper than the seconds it takes to
	 * choose. */
	const struct pl_rate rates[PL_LIMIT__COUNT] = {
		[PL_LIMIT_MESSAGES] = {c->limits_messages_per_minute, c->limits_burst},
		[PL_LIMIT_REQUESTS] = {c->limits_requests_per_minute,
				       c->limits_requests_per_minute / 4},
		[PL_LIMIT_HISTORY] = {c->limits_history_per_minute, c->limits_history_per_minute},
		[PL_LIMIT_CREATES] = {30, 30},
		[PL_LIMIT_AUTH_FAILURES] = {c->limits_auth_failures_per_minute,
					    c->limits_auth_failures_per_minute},
	};
	s->gate.total = c->limits_connections;
	if (!c->limits_enabled)
		return;
	memcpy(s->rates, rates, sizeof(rates));
	s->gate.per_site = c->limits_connections_per_ip;
	s->gate.new_per_second = c->limits_new_connections_per_second;
}

int pl_settings_new(const struct pl_config *c, struct pl_settings **out)
{
	struct pl_settings *s = PL_NEW(struct pl_settings);
	struct pl_slice *origins = s ? pl_zalloc(c->origins.n, sizeof(*origins)) : NULL;
	if (!origins) {
		pl_free(s);
		return PL_ENOMEM;
	}
	for (size_t i = 0; i < c->origins.n; i++)
		origins[i] = pl_slice_str(c->origins.at[i]);
	s->conn = conn_options(c);
	s->conn.origins = s->origins = origins;
	s->conn.norigins = c->origins.n;
	s->chat = (struct pl_chat_options){.presence_grace_ms = millis(c->presence_grace_ms),
					   .typing_expiry_ms = millis(c->typing_expiry_ms),
					   .page_max = c->history_page_max,
					   .rooms_max = ROOMS_MAX,
					   .online_max = ONLINE_MAX};
	s->gateway = (struct pl_gateway_options){
		.auth_deadline_ms = millis(c->auth_deadline_ms),
		.expiry_warning_ms = millis(c->auth_expiry_warning_ms),
		.provision = c->auth_provision,
	};
	set_rates(s, c);
	*out = s;
	return 0;
}

void pl_settings_free(struct pl_settings *s)
{
	while (s) {
		struct pl_settings *older = s->older;
		pl_free(s->origins);
		pl_free(s);
		s = older;
	}
}

/* ---- tokens ---- */

static int own_secret(const struct pl_config *c, struct pl_buf *why, struct pl_buf *secret)
{
	char key[PL_KEYFILE_SECRET + 1];
	int err = pl_keyfile_load(c->data, why, key);
	if (!err)
		pl_buf_put(secret, key, PL_KEYFILE_SECRET);
	OPENSSL_cleanse(key, sizeof(key));
	return err ? err : secret->err;
}

static int find_secret(const struct pl_config *c, struct pl_buf *why, struct pl_buf *secret)
{
	bool has_keys = c->auth_keys.n || c->auth_jwks;
	if (c->auth_secret) {
		pl_buf_puts(secret, pl_slice_str(c->auth_secret));
	} else if (c->auth_secret_file) {
		int err = pl_config_read_secret(c->auth_secret_file, secret);
		if (err)
			pl_buf_printf(why, "auth.secret_file %s: %s\n", c->auth_secret_file,
				      pl_strerror(err));
		return err;
	} else if (!has_keys) {
		return own_secret(c, why, secret);
	}
	return secret->err;
}

int pl_settings_auth(const struct pl_config *c, struct pl_buf *why, struct pl_auth **out)
{
	struct pl_auth_options o = {.jwks_path = c->auth_jwks,
				    .issuer = pl_slice_str(c->auth_issuer),
				    .audience = pl_slice_str(c->auth_audience),
				    .leeway_s = (uint32_t)(c->auth_leeway_ms / 1000)};
	struct pl_auth_pem *pems = pl_zalloc(c->auth_keys.n, sizeof(*pems));
	struct pl_buf secret;
	pl_buf_init(&secret, PL_CONFIG_VALUE_MAX);
	int err = pems ? find_secret(c, why, &secret) : PL_ENOMEM;
	for (size_t i = 0; !err && i < c->auth_keys.n; i++)
		pems[i].path = c->auth_keys.at[i];
	if (!err) {
		o.secret = pl_buf_slice(&secret);
		o.pems = pems;
		o.pem_count = c->auth_keys.n;
		err = pl_auth_new(&o, why, out);
	}
	OPENSSL_cleanse(secret.at, secret.cap);
	pl_buf_fini(&secret);
	pl_free(pems);
	return err;
}
