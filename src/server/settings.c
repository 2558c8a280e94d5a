/* settings.c - which option means what to which layer. */
#include "server/settings.h"

#include "base/clock.h"
#include "base/mem.h"

#include <openssl/crypto.h>

enum {
	SETTINGS_MAX = 1 << 20,
	ROOMS_MAX = 4000000,
	ONLINE_MAX = 4000000,
	CLOSE_MS = 5000,
	KEEP_ALIVE_MS = 60000
};

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
		.close_ms = CLOSE_MS,
		.ws = {.max_message = (uint32_t)c->limits_max_message,
		       .max_frames = c->limits_max_frames,
		       .heartbeat_ms = millis(c->heartbeat_interval_ms),
		       .silence_ms = millis(c->heartbeat_timeout_ms),
		       .out_soft = (uint32_t)c->limits_out_soft,
		       .out_hard = (uint32_t)c->limits_out_hard,
		       .slow_ms = millis(c->limits_slow_for_ms),
		       .compress = c->compression_enabled,
		       .compress_above = (uint32_t)c->compression_threshold},
		.deflate = pl_deflate_defaults(),
	};
	o.http.head_bytes = c->limits_header_bytes;
	o.deflate.level = (int)c->compression_level;
	o.deflate.window_bits = (int)c->compression_window_bits;
	return o;
}

/* ---- native ---- */

struct pl_ws_options pl_settings_native(const struct pl_config *c)
{
	return (struct pl_ws_options){
		.max_message = (uint32_t)c->native_max_message,
		.max_frames = c->limits_max_frames,
		.heartbeat_ms = millis(c->native_heartbeat_ms),
		.missed_max = 1,
		.missed_is_final = true,
		.out_soft = (uint32_t)c->limits_out_soft,
		.out_hard = (uint32_t)c->limits_out_hard,
		.slow_ms = millis(c->limits_slow_for_ms),
		.compress = c->native_compression,
		.compress_above = (uint32_t)c->compression_threshold,
	};
}

struct pl_ws_options pl_settings_presence(const struct pl_config *c)
{
	struct pl_ws_options o = conn_options(c).ws;
	o.heartbeat_ms = millis(c->realtime_heartbeat_ms);
	o.silence_ms = 0;
	o.missed_max = 1;
	o.missed_is_final = true;
	return o;
}

/* ---- rates ---- */

struct pl_rate_limits {
	_Atomic uint32_t refs;
	struct pl_limits limits;
};

static void release_limits(struct pl_rate_limits *l)
{
	if (!l || atomic_fetch_sub(&l->refs, 1) != 1)
		return;
	pl_limits_fini(&l->limits);
	pl_free(l);
}

static void set_rates(struct pl_settings *s, const struct pl_config *c)
{
	/* Creating things is dearer than talking. */
	const struct pl_rate rates[PL_LIMIT__COUNT] = {
		[PL_LIMIT_MESSAGES] = {c->limits_messages_per_minute, c->limits_burst},
		[PL_LIMIT_CHATS] = {c->limits_messages_per_minute,
				    c->native_messages > c->limits_burst ? c->native_messages
									 : c->limits_burst},
		[PL_LIMIT_REQUESTS] = {c->limits_requests_per_minute,
				       c->limits_requests_per_minute / 4},
		[PL_LIMIT_HISTORY] = {c->limits_history_per_minute, c->limits_history_per_minute},
		[PL_LIMIT_CREATES] = {30, 30},
		[PL_LIMIT_UPLOADS] = {c->files_per_minute, c->files_per_minute},
		[PL_LIMIT_AUTH_FAILURES] = {c->limits_auth_failures_per_minute,
					    c->limits_auth_failures_per_minute},
		[PL_LIMIT_LOGINS] = {c->limits_logins_per_minute, c->limits_logins_per_minute},
		[PL_LIMIT_LOGINS_BY_NAME] = {c->limits_logins_per_name, c->limits_logins_per_name},
		[PL_LIMIT_CONNECTS] = {c->socketio_connects_per_minute,
				       c->socketio_connects_per_minute},
		[PL_LIMIT_CALLS] = {c->calls_per_minute, c->calls_per_minute},
		[PL_LIMIT_SIGNALS] = {c->calls_signals_per_minute,
				      c->calls_signals_per_minute / 3 + 1},
	};
	s->gate.total = c->limits_connections;
	if (!c->limits_enabled)
		return;
	memcpy(s->rates, rates, sizeof(rates));
	s->gate.per_site = c->limits_connections_per_ip;
	s->gate.new_per_second = c->limits_new_connections_per_second;
}

static int find_limits(struct pl_settings *s, const struct pl_settings *before)
{
	if (before && !memcmp(before->rates, s->rates, sizeof(s->rates))) {
		atomic_fetch_add(&before->limits->refs, 1);
		s->limits = before->limits;
		return 0;
	}
	s->limits = PL_NEW(struct pl_rate_limits);
	if (!s->limits)
		return PL_ENOMEM;
	atomic_init(&s->limits->refs, 1);
	return pl_limits_init(&s->limits->limits, s->rates);
}

struct pl_limits *pl_settings_limits(const struct pl_settings *s)
{
	return &s->limits->limits;
}

/* ---- lists ---- */

static int copy_list(struct pl_settings *s, const struct pl_string_list *list,
		     const struct pl_slice **out, size_t *n)
{
	struct pl_slice *at = pl_arena_array(&s->memory, list->n, sizeof(*at));
	if (!at)
		return PL_ENOMEM;
	for (size_t i = 0; i < list->n; i++)
		if (pl_arena_copy(&s->memory, pl_slice_str(list->at[i]), &at[i]))
			return PL_ENOMEM;
	*out = at;
	*n = list->n;
	return 0;
}

static int read_proxies(struct pl_settings *s, const struct pl_string_list *list,
			struct pl_buf *why)
{
	struct pl_ip *at = pl_arena_array(&s->memory, list->n, sizeof(*at));
	if (!at)
		return PL_ENOMEM;
	for (size_t i = 0; i < list->n; i++)
		if (pl_ip_parse(pl_slice_str(list->at[i]), &at[i])) {
			pl_buf_printf(why, "trusted_proxies: \"%s\" is not an IP address\n",
				      list->at[i]);
			return PL_EINVAL;
		}
	s->conn.proxies = at;
	s->conn.nproxies = list->n;
	return 0;
}

/* ---- accounts ---- */

static int find_secret(const struct pl_config *, struct pl_buf *why, struct pl_buf *secret);

static int copy_secret(struct pl_settings *s, const struct pl_config *c, struct pl_buf *why)
{
	struct pl_buf secret;
	pl_buf_init(&secret, PL_CONFIG_VALUE_MAX);
	int err = find_secret(c, why, &secret);
	if (!err)
		err = pl_arena_copy(&s->memory, pl_buf_slice(&secret), &s->accounts.secret);
	if (secret.at)
		OPENSSL_cleanse(secret.at, secret.cap);
	pl_buf_fini(&secret);
	return err;
}

/* Whether there are accounts at all is decided at the start. */
static int set_accounts(struct pl_settings *s, const struct pl_config *c,
			const struct pl_settings *before, struct pl_buf *why)
{
	uint64_t most_ms = c->auth_max_lifetime_ms, wanted_ms = c->accounts_token_lifetime_ms;
	struct pl_account_options *o = &s->accounts;
	o->is_enabled = before ? before->accounts.is_enabled : c->accounts_enabled;
	if (!o->is_enabled)
		return 0;
	o->may_register = c->accounts_register;
	o->lifetime_s = (most_ms && most_ms < wanted_ms ? most_ms : wanted_ms) / 1000;
	int err = pl_arena_copy(&s->memory, pl_slice_str(c->auth_issuer), &o->issuer);
	if (!err)
		err = pl_arena_copy(&s->memory, pl_slice_str(c->auth_audience), &o->audience);
	return err ? err : copy_secret(s, c, why);
}

/* ---- calls ---- */

static int put_ice(struct pl_ice *ice, const struct pl_uuid *user, struct pl_buf *b)
{
	const struct pl_settings_turn *t = PL_CONTAINER(ice, struct pl_settings_turn, ice);
	char name[PL_UUID_TEXT];
	pl_uuid_format(user, name);
	return pl_turn_put_servers(&t->turn, pl_slice(name, sizeof(name)), pl_wall_ms() / 1000, b);
}

static int copy_turn_secret(struct pl_settings *s, const struct pl_config *c, struct pl_buf *why)
{
	struct pl_buf secret;
	int err = 0;
	pl_buf_init(&secret, PL_CONFIG_VALUE_MAX);
	if (c->calls_turn_secret)
		pl_buf_puts(&secret, pl_slice_str(c->calls_turn_secret));
	else if (c->calls_turn_secret_file)
		err = pl_config_read_secret(c->calls_turn_secret_file, &secret);
	if (err)
		pl_buf_printf(why, "calls.turn_secret_file %s: %s\n", c->calls_turn_secret_file,
			      pl_strerror(err));
	if (!err)
		err = secret.err ? secret.err
				 : pl_arena_copy(&s->memory, pl_buf_slice(&secret),
						 &s->calls.turn.secret);
	if (secret.at)
		OPENSSL_cleanse(secret.at, secret.cap);
	pl_buf_fini(&secret);
	return err;
}

static int set_calls(struct pl_settings *s, const struct pl_config *c, struct pl_buf *why)
{
	struct pl_turn *t = &s->calls.turn;
	s->calls.ice.put = put_ice;
	t->lifetime_s = c->calls_turn_lifetime_ms / 1000;
	s->chat.ice = c->calls_turn_urls.n ? &s->calls.ice : NULL;
	int err = copy_list(s, &c->calls_turn_urls, &t->urls, &t->nurls);
	return err ? err : copy_turn_secret(s, c, why);
}

static void cleanse(struct pl_slice secret)
{
	if (secret.len)
		OPENSSL_cleanse((void *)(uintptr_t)secret.at, secret.len);
}

/* ---- files ---- */

static int set_uploads(struct pl_settings *s, const struct pl_config *c)
{
	size_t most = pl_config_chunk_max(c), chunk = c->files_chunk < most ? c->files_chunk : most;
	s->upload_expiry_ms = c->files_expiry_ms;
	s->uploads = (struct pl_upload_options){.max_size = c->files_max_size,
						.chunk_bytes = (uint32_t)chunk,
						.quota = c->files_quota,
						.unfinished_max = c->files_unfinished};
	return copy_list(s, &c->files_types, &s->uploads.types, &s->uploads.ntypes);
}

int pl_settings_new(const struct pl_config *c, const struct pl_settings *before, struct pl_buf *why,
		    struct pl_settings **out)
{
	struct pl_settings *s = PL_NEW(struct pl_settings);
	if (!s)
		return PL_ENOMEM;
	atomic_init(&s->refs, 1);
	pl_arena_init(&s->memory, SETTINGS_MAX);
	s->conn = conn_options(c);
	s->chat = (struct pl_chat_options){.presence_grace_ms = millis(c->presence_grace_ms),
					   .typing_expiry_ms = millis(c->typing_expiry_ms),
					   .page_max = c->history_page_max,
					   .rooms_max = ROOMS_MAX,
					   .rooms_open = c->rooms_open,
					   .open_rooms_max = c->rooms_max,
					   .online_max = ONLINE_MAX,
					   .ring_ms = millis(c->calls_ring_timeout_ms),
					   .call_max_ms = millis(c->calls_longest_ms),
					   .calls_per_user = c->calls_per_user,
					   .calls_max = c->calls_max};
	s->gateway = (struct pl_gateway_options){
		.auth_deadline_ms = millis(c->auth_deadline_ms),
		.expiry_warning_ms = millis(c->auth_expiry_warning_ms),
		.provision = c->auth_provision,
		.native_messages = c->limits_enabled ? c->native_messages : 0,
		.native_window_ms = millis(c->native_window_ms),
		.realtime_single_session = c->realtime_single_session,
		.realtime_push_init = c->realtime_push_init,
		.realtime_history = c->realtime_history,
		.socketio_typing_ms = millis(c->socketio_typing_ms),
		.socketio_recovery = c->socketio_recovery_messages,
		.socketio_shows_rooms =
			c->socketio_admin_user && c->socketio_admin_mode == PL_ADMIN_DEVELOPMENT,
	};
	s->open_rest = c->socketio_open_rest;
	set_rates(s, c);
	int err = copy_list(s, &c->origins, &s->conn.origins, &s->conn.norigins);
	if (!err)
		err = read_proxies(s, &c->trusted_proxies, why);
	if (!err)
		err = pl_settings_admin(c, why, &s->admin);
	if (!err)
		err = set_accounts(s, c, before, why);
	if (!err)
		err = set_calls(s, c, why);
	if (!err)
		err = set_uploads(s, c);
	if (!err)
		err = find_limits(s, before);
	if (err) {
		pl_settings_release(s);
		return err;
	}
	*out = s;
	return 0;
}

struct pl_settings *pl_settings_retain(struct pl_settings *s)
{
	atomic_fetch_add(&s->refs, 1);
	return s;
}

void pl_settings_release(struct pl_settings *s)
{
	if (!s || atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	release_limits(s->limits);
	cleanse(s->accounts.secret);
	cleanse(s->calls.turn.secret);
	pl_arena_fini(&s->memory);
	pl_free(s);
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
	} else if (!has_keys || c->accounts_enabled) {
		return own_secret(c, why, secret);
	}
	return secret->err;
}

int pl_settings_auth(const struct pl_config *c, struct pl_buf *why, struct pl_auth **out)
{
	struct pl_auth_options o = {.jwks_path = c->auth_jwks,
				    .issuer = pl_slice_str(c->auth_issuer),
				    .audience = pl_slice_str(c->auth_audience),
				    .leeway_s = (uint32_t)(c->auth_leeway_ms / 1000),
				    .max_lifetime_s = (c->auth_max_lifetime_ms + 999) / 1000};
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
