/*
 * config.h - everything that can be configured, as one plain struct.
 *
 * pl_config_load fills it from the defaults, a file, the environment and the flags, each level
 * over the one before, and reports every mistake, not only the first. What an option is called,
 * means and may be stands in one table (options.c); the members here have the same order.
 *
 * Threads     Immutable after pl_config_load: any thread may read it.
 * Ownership   One owner frees it with pl_config_free; strings live as long as the struct.
 */
#ifndef PL_SERVER_CONFIG_H
#define PL_SERVER_CONFIG_H

#include "base/buf.h"
#include "base/log.h"
#include "loop/loop.h"

enum {
	PL_CONFIG_OPTIONS_MAX = 128, /* rows that the table may have */
	PL_CONFIG_FILE_MAX = 1 << 20,
	PL_CONFIG_VALUE_MAX = 4096, /* bytes of one string */
	PL_ADMIN_KEY_MIN = 16,
};

/* In the data directory. */
#define PL_DATABASE_NAME      "parley.db"
#define PL_FILES_NAME         "files"
#define PL_FILES_SCRATCH_NAME "files.memory" /* of a store that forgets */
#define PL_JWT_KEY_NAME       "jwt.key"
#define PL_ADMIN_KEY_NAME     "admin.key"
#define PL_ADMIN_SOCKET_NAME  "admin.sock"

enum pl_log_format { PL_LOG_AUTO, PL_LOG_JSON, PL_LOG_TEXT };
enum pl_store_kind { PL_STORE_SQLITE, PL_STORE_MEMORY };
enum pl_socketio_transports { PL_SOCKETIO_BOTH, PL_SOCKETIO_POLLING, PL_SOCKETIO_WEBSOCKET };
enum pl_admin_mode { PL_ADMIN_DEVELOPMENT, PL_ADMIN_PRODUCTION };

/* How a listener speaks where the path does not decide. */
enum pl_speaks {
	PL_SPEAKS_ALL,
	PL_SPEAKS_QRYPT,
	PL_SPEAKS_NATIVE,
	PL_SPEAKS_HANDLER,
	PL_SPEAKS_REALTIME_CHAT,
	PL_SPEAKS_REALTIME_PRESENCE,
	PL_SPEAKS_SOCKETIO,
};

enum pl_listen_kind { PL_LISTEN_IP4, PL_LISTEN_IP6, PL_LISTEN_UNIX };

/* One item of `listen`: [tls:]ADDR:PORT[=DIALECT] or unix:PATH[=DIALECT]. */
struct pl_listen_at {
	enum pl_listen_kind kind;
	enum pl_speaks speaks;
	bool tls;
	uint16_t port; /* 0: the kernel chooses; unused for a Unix socket */
	char *host;    /* a literal address without brackets, or the path of the socket */
};

struct pl_listen_list {
	struct pl_listen_at *at;
	size_t n;
};

struct pl_string_list {
	char **at; /* each NUL-terminated, not empty */
	size_t n;
};

/* Which level gave an option its value; a later one wins. */
enum pl_config_level { PL_FROM_DEFAULT, PL_FROM_FILE, PL_FROM_ENV, PL_FROM_FLAG };

struct pl_config_origin {
	enum pl_config_level level;
	uint32_t line, column; /* of the value in the file, from 1 */
	const char *name; /* the environment variable (up to its '=') or the flag: the caller's */
};

/* Strings, paths and secrets are NULL when they are not set. */
struct pl_config {
	char *data;
	struct pl_listen_list listen;
	uint32_t port; /* already applied to listen */
	uint32_t workers;
	enum pl_engine engine;
	bool allow_root;

	enum pl_log_level log_level;
	enum pl_log_format log_format;

	enum pl_store_kind store_kind;
	uint32_t store_readers, store_queue;

	char *tls_certificate, *tls_key;

	char *auth_secret, *auth_secret_file; /* at most one of them after loading */
	struct pl_string_list auth_keys;
	char *auth_jwks;
	char *auth_issuer, *auth_audience;
	uint64_t auth_leeway_ms, auth_max_lifetime_ms, auth_deadline_ms, auth_expiry_warning_ms;
	bool auth_provision;

	bool accounts_enabled, accounts_register;
	uint64_t accounts_token_lifetime_ms;
	uint32_t accounts_threads, accounts_queue;

	struct pl_string_list origins, trusted_proxies;

	bool limits_enabled;
	uint32_t limits_messages_per_minute, limits_burst, limits_requests_per_minute;
	uint32_t limits_history_per_minute, limits_auth_failures_per_minute;
	uint32_t limits_logins_per_minute, limits_logins_per_name;
	uint32_t limits_connections, limits_connections_per_ip;
	uint32_t limits_new_connections_per_second;
	size_t limits_max_message;
	uint32_t limits_max_frames;
	size_t limits_header_bytes, limits_body_bytes;
	uint64_t limits_header_deadline_ms;
	size_t limits_out_soft, limits_out_hard;
	uint64_t limits_slow_for_ms;

	bool compression_enabled;
	size_t compression_threshold;
	uint32_t compression_level, compression_window_bits;

	uint64_t heartbeat_interval_ms, heartbeat_timeout_ms;
	uint64_t presence_grace_ms, typing_expiry_ms;
	uint32_t history_page_max;

	bool rooms_open;
	uint32_t rooms_max;

	uint64_t calls_ring_timeout_ms, calls_longest_ms;
	uint32_t calls_per_user, calls_max, calls_per_minute, calls_signals_per_minute;
	struct pl_string_list calls_turn_urls;
	char *calls_turn_secret, *calls_turn_secret_file; /* at most one of them after loading */
	uint64_t calls_turn_lifetime_ms;

	struct pl_string_list native_anonymous;
	uint32_t native_messages;
	uint64_t native_window_ms, native_heartbeat_ms;
	size_t native_max_message;
	bool native_compression;

	bool realtime_single_session, realtime_push_init;
	uint32_t realtime_history;
	uint64_t realtime_heartbeat_ms;

	struct pl_string_list socketio_origins;
	enum pl_socketio_transports socketio_transports;
	uint64_t socketio_ping_interval_ms, socketio_ping_timeout_ms;
	uint64_t socketio_upgrade_timeout_ms, socketio_connect_timeout_ms;
	size_t socketio_max_payload;
	bool socketio_compression;
	uint64_t socketio_typing_ms;
	uint32_t socketio_recovery_messages, socketio_connects_per_minute;
	bool socketio_open_rest;
	char *socketio_admin_user, *socketio_admin_password_hash;
	bool socketio_admin_readonly;
	enum pl_admin_mode socketio_admin_mode;
	uint32_t socketio_admin_sessions;

	bool handler_samples;

	size_t files_max_size, files_chunk, files_quota, files_keep_free;
	struct pl_string_list files_types;
	uint32_t files_unfinished, files_per_minute;
	uint64_t files_expiry_ms;
	uint32_t files_threads;

	char *admin_key, *admin_key_file; /* at most one of them after loading */
	uint64_t drain_deadline_ms;

	char *file;                                          /* that was read, or NULL */
	struct pl_config_origin from[PL_CONFIG_OPTIONS_MAX]; /* by row of the table */
};

/* What is wrong or unsafe, a line each: "FILE:LINE:COLUMN: error: ...". */
struct pl_findings {
	struct pl_buf text;
	uint32_t errors, warnings; /* counted on when no more are written */
};

enum { PL_FINDINGS_MAX = 50 };

void pl_findings_init(struct pl_findings *);
void pl_findings_fini(struct pl_findings *);

/* One flag of the command line; all in their order. */
struct pl_config_flag {
	struct pl_slice key; /* the option's name */
	struct pl_slice value;
	const char *shown; /* how the user wrote it: "--set", "--listen" */
	bool append;       /* a repeated list flag adds; otherwise the last one wins */
};

struct pl_config_input {
	const char *file;       /* NULL: none */
	const char *const *env; /* as environ, or NULL. Empty values count as not set */
	const struct pl_config_flag *flags;
	size_t nflags;
	bool check; /* look for unsafe settings too (pl_config_check), also when values are bad */
};

/*
 * Everything the input points to must stay while the result is used for messages (from[].name).
 * PL_EINVAL: findings say why; PL_ENOMEM. Warnings alone are success. Reads the file; may block.
 */
int pl_config_load(const struct pl_config_input *, struct pl_findings *,
		   struct pl_config **out) PL_MUST_CHECK;
/* As above with the text of the file given; `name` stands in the messages. */
int pl_config_load_text(const struct pl_config_input *, const char *name, struct pl_slice json,
			struct pl_findings *, struct pl_config **out) PL_MUST_CHECK;
/* Cleanses the secrets. NULL is fine. */
void pl_config_free(struct pl_config *);

/* "250ms", "30s", "5m", "1h" or bare milliseconds. 0 or PL_EINVAL. */
int pl_config_millis(struct pl_slice, uint64_t *out) PL_MUST_CHECK;
/*
 * Unsafe or contradictory settings, and files that are missing or readable by everybody. Returns
 * PL_EINVAL when there is an error among them, 0 with warnings alone, PL_ENOMEM. Looks at files.
 */
int pl_config_check(const struct pl_config *, struct pl_findings *) PL_MUST_CHECK;
/* A warning for each option that differs but only counts at a start. 0 or PL_ENOMEM. */
int pl_config_reload_check(const struct pl_config *now, const struct pl_config *next,
			   struct pl_findings *) PL_MUST_CHECK;

/*
 * What auth.secret_file and admin.key_file hold, without the newline at the end. The caller
 * cleanses. 0, PL_ENOTFOUND, PL_EDENIED (also: everybody can read it), PL_ETOOBIG, PL_EIO,
 * PL_ENOMEM.
 */
int pl_config_read_secret(const char *path, struct pl_buf *out) PL_MUST_CHECK;
/* The data directory is there afterwards, made with mode 0700 if need be. 0 or PL_EIO. */
int pl_config_make_data(const struct pl_config *) PL_MUST_CHECK;
/* <data>/<name>. 0, PL_ENOMEM. The caller frees it. */
int pl_config_path(const struct pl_config *, const char *name, char **out) PL_MUST_CHECK;
/* Overwrites the values of secrets in an environment that nobody else reads any more. */
void pl_config_scrub_env(char **env);

/* The largest piece of a file, as base64 in a packet of its own, that socketio.max_payload takes.
 */
size_t pl_config_chunk_max(const struct pl_config *);

/* "name = value" with the level it came from, secrets masked. Sticky error in the buffer. */
void pl_config_print(const struct pl_config *, struct pl_buf *);
/* docs/configuration.md. */
void pl_config_markdown(struct pl_buf *);
/* The flags that load a configuration, for --help. */
void pl_config_help_flags(struct pl_buf *);
/* Every option, for a terminal. */
void pl_config_help_options(struct pl_buf *);
/* The option behind a flag ("--data"), or NULL. *is_list: repeated ones add. */
const char *pl_config_flag_option(struct pl_slice flag, bool *is_list);

/* "qrypt", "all" ... */
const char *pl_speaks_name(enum pl_speaks);
/* As it was written, without the dialect: "127.0.0.1:8080", "[::1]:80", "unix:/run/p.sock". */
void pl_listen_print(const struct pl_listen_at *, struct pl_buf *);
/* Named by this item of native.anonymous: by its port, or as pl_listen_print writes it. */
bool pl_listen_is_named(const struct pl_listen_at *, const char *item);
/* Whether native clients without a token are guests there. */
bool pl_listen_takes_guests(const struct pl_config *, const struct pl_listen_at *);
/* Reachable from other machines. */
bool pl_listen_is_public(const struct pl_listen_at *);

#endif
