/*
 * config_check.c - settings that are each allowed but unsafe, or that contradict each other, and
 * the files they name: whether they are there, ours alone, and what they should be.
 *
 * An error is what cannot work or gives a secret away; a warning is what may be meant.
 */
#include "server/options.h"

#include "auth/auth.h"
#include "auth/turn.h"
#include "base/mem.h"
#include "net/tls.h"
#include "socketio/admin.h"

#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECRET_FILE_MAX = 64 << 10, WHY_MAX = 512, READABLE_BY_ALL = S_IROTH };

struct check {
	const struct pl_config *config;
	struct pl_findings *findings;
	bool is_public, is_public_plain; /* a listener others can reach; one without TLS */
	int err;
};

/* `label` is what the message calls the secret: the option, or the file that holds it. */
typedef void secret_check(struct check *, const char *option, const char *label,
			  struct pl_slice secret);

/* At the place where the option got its value. */
#define FIND(k, is_error, option, ...)                                                         \
	pl_findings_add((k)->findings, (is_error), (k)->config, origin((k)->config, (option)), \
			__VA_ARGS__)
#define ERROR(k, option, ...)   FIND(k, true, option, __VA_ARGS__)
#define WARNING(k, option, ...) FIND(k, false, option, __VA_ARGS__)

static struct pl_config_origin origin(const struct pl_config *c, const char *option)
{
	return pl_origin_of(c, pl_option_find(pl_slice_str(option)));
}

static bool same_address(const struct pl_listen_at *a, const struct pl_listen_at *b)
{
	if (a->kind != b->kind || strcmp(a->host, b->host))
		return false;
	return a->kind == PL_LISTEN_UNIX || (a->port == b->port && a->port);
}

static void check_listen(struct check *k)
{
	const struct pl_listen_list *l = &k->config->listen;
	if (!l->n)
		ERROR(k, "listen", "listen is empty: nobody could connect");
	for (size_t i = 0; i < l->n; i++) {
		for (size_t j = 0; j < i; j++)
			if (same_address(&l->at[i], &l->at[j]))
				ERROR(k, "listen", "listen names %s twice", l->at[i].host);
		if (!pl_listen_is_public(&l->at[i]))
			continue;
		k->is_public = true;
		k->is_public_plain |= !l->at[i].tls;
	}
	if (k->is_public_plain)
		WARNING(k, "listen",
			"listen: other machines can connect without TLS; tokens and messages are "
			"readable on the way");
}

static void check_guests(struct check *k)
{
	const struct pl_string_list *l = &k->config->native_anonymous;
	for (size_t i = 0; i < l->n; i++) {
		const struct pl_listen_at *at = NULL;
		for (size_t j = 0; !at && j < k->config->listen.n; j++)
			if (pl_listen_is_named(&k->config->listen.at[j], l->at[i]))
				at = &k->config->listen.at[j];
		bool speaks_it =
			at && (at->speaks == PL_SPEAKS_NATIVE || at->speaks == PL_SPEAKS_ALL);
		if (!speaks_it)
			ERROR(k, "native.anonymous",
			      "native.anonymous: \"%s\" is no listener that speaks native",
			      l->at[i]);
		else if (pl_listen_is_public(at))
			WARNING(k, "native.anonymous",
				"native.anonymous: everybody who reaches %s may read and write in "
				"named rooms",
				l->at[i]);
	}
}

static bool has_tls_listener(const struct pl_config *c)
{
	for (size_t i = 0; i < c->listen.n; i++)
		if (c->listen.at[i].tls)
			return true;
	return false;
}

/* Whether the file is there for us, and for us alone when it is private. */
static bool check_file(struct check *k, const char *option, const char *path, bool is_private)
{
	struct stat st;
	uint32_t before = k->findings->errors;
	if (stat(path, &st) || !S_ISREG(st.st_mode))
		ERROR(k, option, "%s: no such file: %s", option, path);
	else if (access(path, R_OK))
		ERROR(k, option, "%s: not readable: %s", option, path);
	else if (is_private && (st.st_mode & READABLE_BY_ALL))
		ERROR(k, option, "%s: everybody can read %s; chmod 600", option, path);
	return k->findings->errors == before;
}

/* What the server would say at its start about a file that is there. */
static void check_outcome(struct check *k, const char *option, int err, const struct pl_buf *why)
{
	if (err == PL_ENOMEM || why->err == PL_ENOMEM)
		k->err = PL_ENOMEM;
	else if (err)
		ERROR(k, option, "%s: %.*s", option, PL_FMT(pl_buf_slice(why)));
}

static void check_certificate(struct check *k)
{
	const struct pl_config *c = k->config;
	struct pl_tls_context *t = NULL;
	struct pl_buf why;
	pl_buf_init(&why, WHY_MAX);
	check_outcome(k, "tls.certificate",
		      pl_tls_context_new(c->tls_certificate, c->tls_key, &why, &t), &why);
	pl_tls_context_release(t);
	pl_buf_fini(&why);
}

/* The keys of one option, as the server would load them. */
static void check_keys(struct check *k, const char *option, const struct pl_auth_options *o)
{
	struct pl_auth *auth = NULL;
	struct pl_buf why;
	pl_buf_init(&why, WHY_MAX);
	check_outcome(k, option, pl_auth_new(o, &why, &auth), &why);
	pl_auth_release(auth);
	pl_buf_fini(&why);
}

static void check_tls(struct check *k)
{
	const struct pl_config *c = k->config;
	if (!c->tls_certificate != !c->tls_key)
		ERROR(k, c->tls_key ? "tls.key" : "tls.certificate",
		      "tls.certificate and tls.key are needed together");
	else if (!c->tls_key && has_tls_listener(c))
		ERROR(k, "listen", "listen: tls: needs tls.certificate and tls.key");
	bool has_certificate =
		c->tls_certificate && check_file(k, "tls.certificate", c->tls_certificate, false);
	bool has_key = c->tls_key && check_file(k, "tls.key", c->tls_key, true);
	if (has_certificate && has_key)
		check_certificate(k);
}

/* Secrets that stand in manuals: everybody can sign with them. */
static bool is_sample(struct pl_slice secret)
{
	static const char *const samples[] = {
		"super-secret-jwt-token-with-at-least-32-characters-long",
		"your-super-secret-jwt-token-with-at-least-32-characters-long",
		"your-256-bit-secret-your-256-bit-secret",
		"a-string-secret-at-least-256-bits-long",
		"your_jwt_token_here_your_jwt_token_here",
	};
	for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++)
		if (pl_slice_is(secret, samples[i]))
			return true;
	for (size_t i = 1; i < secret.len; i++)
		if (secret.at[i] != secret.at[0])
			return false;
	return true;
}

static void check_secret(struct check *k, const char *option, const char *label,
			 struct pl_slice secret)
{
	if (secret.len < PL_SECRET_MIN)
		ERROR(k, option, "%s is %zu bytes; at least %d are needed", label, secret.len,
		      PL_SECRET_MIN);
	else if (is_sample(secret))
		FIND(k, k->is_public, option, "%s is a well-known sample: anybody can sign tokens",
		     label);
}

static void check_admin_key(struct check *k, const char *option, const char *label,
			    struct pl_slice key)
{
	if (key.len < PL_ADMIN_KEY_MIN)
		ERROR(k, option, "%s is %zu bytes; at least %d are needed", label, key.len,
		      PL_ADMIN_KEY_MIN);
}

static void check_secret_file(struct check *k, const char *option, const char *path,
			      secret_check *check)
{
	struct pl_buf text;
	pl_buf_init(&text, SECRET_FILE_MAX);
	int err = pl_config_read_secret(path, &text);
	if (err == PL_ENOMEM)
		k->err = err;
	else if (err == PL_EDENIED && !access(path, R_OK))
		ERROR(k, option, "%s: everybody can read %s; chmod 600", option, path);
	else if (err)
		ERROR(k, option, "%s: cannot read %s: %s", option, path, pl_strerror(err));
	else
		check(k, option, path, pl_buf_slice(&text));
	if (text.at)
		OPENSSL_cleanse(text.at, text.cap);
	pl_buf_fini(&text);
}

/* A file of the data directory that need not be there. */
static void check_data_file(struct check *k, const char *name, secret_check *check)
{
	char *path = NULL;
	k->err = k->err ? k->err : pl_config_path(k->config, name, &path);
	if (path && !access(path, F_OK))
		check_secret_file(k, "data", path, check);
	pl_free(path);
}

static void check_any(struct check *k, const char *option, const char *label,
		      struct pl_slice secret)
{
	(void)k, (void)option, (void)label, (void)secret;
}

static void check_auth(struct check *k)
{
	const struct pl_config *c = k->config;
	if (c->auth_secret)
		check_secret(k, "auth.secret", "auth.secret", pl_slice_str(c->auth_secret));
	if (c->auth_secret_file)
		check_secret_file(k, "auth.secret_file", c->auth_secret_file, check_secret);
	for (size_t i = 0; i < c->auth_keys.n; i++) {
		struct pl_auth_pem pem = {.path = c->auth_keys.at[i]};
		if (check_file(k, "auth.keys", pem.path, false))
			check_keys(k, "auth.keys",
				   &(struct pl_auth_options){.pems = &pem, .pem_count = 1});
	}
	if (c->auth_jwks && check_file(k, "auth.jwks", c->auth_jwks, false))
		check_keys(k, "auth.jwks", &(struct pl_auth_options){.jwks_path = c->auth_jwks});
	if (c->auth_secret || c->auth_secret_file || c->auth_keys.n || c->auth_jwks)
		return;
	check_data_file(k, PL_JWT_KEY_NAME, check_any);
	if (k->is_public)
		WARNING(k, "listen",
			"listen: other machines can connect and only the generated development "
			"key signs tokens; set auth.secret_file, auth.keys or auth.jwks");
}

static void check_admin(struct check *k)
{
	const struct pl_config *c = k->config;
	if (c->admin_key)
		check_admin_key(k, "admin.key", "admin.key", pl_slice_str(c->admin_key));
	else if (c->admin_key_file)
		check_secret_file(k, "admin.key_file", c->admin_key_file, check_admin_key);
	else
		check_data_file(k, PL_ADMIN_KEY_NAME, check_admin_key);
}

static void check_limits(struct check *k)
{
	const struct pl_config *c = k->config;
	if (!c->limits_enabled)
		WARNING(k, "limits.enabled",
			"limits.enabled is false: one client can take the whole server");
	if (c->limits_out_hard < c->limits_out_soft)
		ERROR(k, "limits.out_hard", "limits.out_hard is below limits.out_soft");
	if (c->limits_out_hard < c->limits_max_message)
		WARNING(k, "limits.out_hard",
			"limits.out_hard is below limits.max_message: a large message closes "
			"its readers");
	if (c->limits_connections_per_ip > c->limits_connections)
		WARNING(k, "limits.connections_per_ip",
			"limits.connections_per_ip is above limits.connections: one address can "
			"take every place");
}

static void check_times(struct check *k)
{
	const struct pl_config *c = k->config;
	if (c->heartbeat_timeout_ms < c->heartbeat_interval_ms)
		ERROR(k, "heartbeat.timeout",
		      "heartbeat.timeout is below heartbeat.interval: every "
		      "client would be closed");
	if (!c->auth_deadline_ms && k->is_public)
		WARNING(k, "auth.deadline",
			"auth.deadline is 0: strangers may keep connections open for ever");
}

static void check_accounts(struct check *k)
{
	const struct pl_config *c = k->config;
	if (!c->accounts_enabled)
		return;
	if (k->is_public_plain)
		WARNING(k, "accounts.enabled",
			"accounts.enabled: other machines can log in without TLS; passwords are "
			"readable on the way");
	if (c->auth_max_lifetime_ms && c->accounts_token_lifetime_ms > c->auth_max_lifetime_ms)
		WARNING(k, "accounts.token_lifetime",
			"accounts.token_lifetime is above auth.max_lifetime, which counts");
	if (!c->limits_enabled)
		WARNING(k, "accounts.enabled",
			"accounts.enabled without limits: passwords can be guessed at any rate");
}

size_t pl_config_chunk_max(const struct pl_config *c)
{
	enum { ENVELOPE = 512, LEAST = 1024 };
	size_t room = c->socketio_max_payload > ENVELOPE ? c->socketio_max_payload - ENVELOPE : 0;
	size_t most = room / 4 * 3;
	return most > LEAST ? most : LEAST;
}

static void check_files(struct check *k)
{
	const struct pl_config *c = k->config;
	if (c->files_max_size && c->files_chunk > pl_config_chunk_max(c))
		WARNING(k, "files.chunk",
			"files.chunk does not fit in socketio.max_payload, which counts: with "
			"base64 "
			"a third comes on top");
	if (c->files_quota && c->files_max_size > c->files_quota)
		WARNING(k, "files.max_size",
			"files.max_size is above files.quota: such a file is never taken");
}

/* ---- calls ---- */

enum { TURN_SECRET_MIN = 16 };

static void check_turn_secret(struct check *k, const char *option, const char *label,
			      struct pl_slice secret)
{
	if (secret.len < TURN_SECRET_MIN)
		ERROR(k, option, "%s is %zu bytes; at least %d are needed", label, secret.len,
		      TURN_SECRET_MIN);
}

static bool has_turn(const struct pl_config *c)
{
	for (size_t i = 0; i < c->calls_turn_urls.n; i++)
		if (!strncmp(c->calls_turn_urls.at[i], "turn", 4))
			return true;
	return false;
}

static void check_calls(struct check *k)
{
	const struct pl_config *c = k->config;
	bool has_secret = c->calls_turn_secret || c->calls_turn_secret_file;
	for (size_t i = 0; i < c->calls_turn_urls.n; i++) {
		const char *url = c->calls_turn_urls.at[i];
		const char *fault = pl_turn_url_fault(pl_slice_str(url));
		if (fault)
			ERROR(k, "calls.turn_urls", "calls.turn_urls: \"%.100s\" %s", url, fault);
	}
	if (c->calls_turn_secret)
		check_turn_secret(k, "calls.turn_secret", "calls.turn_secret",
				  pl_slice_str(c->calls_turn_secret));
	if (c->calls_turn_secret_file)
		check_secret_file(k, "calls.turn_secret_file", c->calls_turn_secret_file,
				  check_turn_secret);
	if (has_secret && !has_turn(c))
		ERROR(k, c->calls_turn_secret ? "calls.turn_secret" : "calls.turn_secret_file",
		      "a secret for TURN servers, and calls.turn_urls names none");
	if (!has_secret && has_turn(c))
		WARNING(k, "calls.turn_urls",
			"calls.turn_urls names TURN servers without calls.turn_secret: clients get "
			"no password for them");
}

/* ---- the Admin UI ---- */

static void check_admin_login(struct check *k)
{
	const struct pl_config *c = k->config;
	const char *fault =
		pl_sio_admin_fault(c->socketio_admin_user, c->socketio_admin_password_hash);
	if (fault)
		ERROR(k,
		      c->socketio_admin_password_hash ? "socketio.admin_password_hash"
						      : "socketio.admin_user",
		      "%s", fault);
	else if (c->socketio_admin_user && k->is_public_plain)
		WARNING(k, "socketio.admin_user",
			"socketio.admin_user: other machines can log in at the Admin UI without "
			"TLS; the password is readable on the way");
}

static void check_socketio(struct check *k)
{
	if (k->config->socketio_open_rest && k->is_public)
		WARNING(k, "socketio.open_rest",
			"socketio.open_rest: everybody who reaches a listener may send anything to "
			"every Socket.IO client");
	check_admin_login(k);
}

/* scheme://host[:port], as browsers send it: nothing behind the port, no capitals, no wildcard. */
static bool is_origin(const char *text)
{
	bool http = !strncmp(text, "http://", 7);
	const char *host = text + (http ? 7 : 8);
	if (!http && strncmp(text, "https://", 8))
		return false;
	for (const char *p = host; *p; p++)
		if (strchr("/?#@* ", *p) || (*p >= 'A' && *p <= 'Z'))
			return false;
	return *host != '\0';
}

static void check_origins_of(struct check *k, const char *option, const struct pl_string_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->at[i], "*") && !is_origin(l->at[i]))
			ERROR(k, option,
			      "%s: \"%.100s\" is not an origin such as https://chat.example",
			      option, l->at[i]);
}

static bool has_any(const struct pl_string_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->at[i], "*"))
			return true;
	return false;
}

static void check_origins(struct check *k)
{
	const struct pl_config *c = k->config;
	if (has_any(&c->origins))
		ERROR(k, "origins", "origins: \"*\" would let every web page act for its visitors");
	if (has_any(&c->socketio_origins) && c->socketio_origins.n > 1)
		ERROR(k, "socketio.origins", "socketio.origins: \"*\" stands alone, or not at all");
	check_origins_of(k, "origins", &c->origins);
	check_origins_of(k, "socketio.origins", &c->socketio_origins);
}

static void check_proxies(struct check *k)
{
	unsigned char binary[sizeof(struct in6_addr)];
	const struct pl_string_list *l = &k->config->trusted_proxies;
	for (size_t i = 0; i < l->n; i++)
		if (inet_pton(AF_INET, l->at[i], binary) != 1 &&
		    inet_pton(AF_INET6, l->at[i], binary) != 1)
			ERROR(k, "trusted_proxies",
			      "trusted_proxies: \"%.100s\" is not an IP address", l->at[i]);
}

static void check_process(struct check *k)
{
	const struct pl_config *c = k->config;
	if (!geteuid() && !c->allow_root)
		WARNING(k, "allow_root", "running as root; set allow_root if that is meant");
	if (c->store_kind == PL_STORE_MEMORY)
		WARNING(k, "store.kind", "store.kind is memory: messages are lost at the end");
}

/* A file that holds a secret is a secret. */
static void check_config_file(struct check *k)
{
	struct stat st;
	const struct pl_config *c = k->config;
	if (!c->file || stat(c->file, &st) || !(st.st_mode & READABLE_BY_ALL))
		return;
	for (size_t i = 0; i < pl_option_count; i++)
		if (pl_options[i].type == PL_OPT_SECRET && c->from[i].level == PL_FROM_FILE)
			WARNING(k, pl_options[i].name,
				"%s stands in a file that everybody can read", pl_options[i].name);
}

int pl_config_check(const struct pl_config *c, struct pl_findings *f)
{
	struct check k = {.config = c, .findings = f};
	uint32_t before = f->errors;
	check_listen(&k);
	check_guests(&k);
	check_tls(&k);
	check_auth(&k);
	check_admin(&k);
	check_limits(&k);
	check_times(&k);
	check_accounts(&k);
	check_files(&k);
	check_calls(&k);
	check_socketio(&k);
	check_origins(&k);
	check_proxies(&k);
	check_process(&k);
	check_config_file(&k);
	if (k.err || f->text.err == PL_ENOMEM)
		return PL_ENOMEM;
	return f->errors > before ? PL_EINVAL : 0;
}
