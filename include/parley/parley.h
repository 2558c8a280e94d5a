/*
 * parley.h - embed a real-time room server in a C program.
 *
 * A server owns its loops, its listeners and every connection. What happens at a path is said by a
 * `struct parley_endpoint`: a handful of named callbacks and options, all optional, zero meaning
 * "the default".
 *
 * Threads     A server has `workers` threads' worth of loops (default 1); the first of them runs on
 *             the thread that calls parley_run or parley_turn, the others on threads of their own.
 *             A connection belongs to one worker for life: its callbacks run there, one at a time.
 *             Functions marked [any thread] may be called from anywhere; those that take a
 *             connection only from a callback of that same connection's worker; those that take
 *             JSON or a request where that was handed out, unless they say more; the rest only
 *             before the server starts, or as they say.
 * Ownership   You never free what a callback hands you. A `parley_conn *` is valid until its
 *             on_close returns; a slice until the callback returns, unless you copy it. What you
 *             pass in is copied, except for callbacks and `user` pointers.
 * Errors      Functions that can fail return 0 or a negative `enum parley_err`. Out-parameters are
 *             untouched on failure. Nothing in here aborts, exits, prints or touches signals, and
 *             there is no global state: as many servers as you like live in one process.
 * Languages   C11 and later, C++17 and later.
 *
 * WebSockets are RFC 6455, compression is RFC 7692, JSON is RFC 8259. All texts are UTF-8.
 */
#ifndef PARLEY_H
#define PARLEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
/* A function may have the name of a struct: that is how C names things. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#endif

#define PARLEY_API __attribute__((visibility("default")))

/* ---- errors ---- */

#define PARLEY_ERR_MAP(X)                              \
	X(NOMEM, -1, "out of memory")                  \
	X(INVAL, -2, "invalid argument")               \
	X(STATE, -3, "not allowed in this state")      \
	X(CLOSED, -4, "connection is closed")          \
	X(BUSY, -5, "peer is not reading fast enough") \
	X(TOO_BIG, -6, "exceeds the limit")            \
	X(ADDR, -7, "cannot listen on that address")   \
	X(TLS, -8, "TLS configuration rejected")       \
	X(STORE, -9, "storage failed")                 \
	X(DENIED, -10, "not permitted")                \
	X(NOT_FOUND, -11, "not found")                 \
	X(EXISTS, -12, "already exists")               \
	X(IO, -13, "input/output error")               \
	X(PROTO, -14, "protocol violation")            \
	X(LIMIT, -15, "too many")                      \
	X(EXPIRED, -17, "expired")

enum parley_err {
	PARLEY_OK = 0,
#define PARLEY_X(name, value, text) PARLEY_E##name = (value),
	PARLEY_ERR_MAP(PARLEY_X)
#undef PARLEY_X
};

/* A short English sentence, never NULL; for a number that is none of these too. [any thread] */
PARLEY_API const char *parley_strerror(int err);
/* "0.1.0", of the library that is loaded. [any thread] */
PARLEY_API const char *parley_version(void);
/* Milliseconds since 1970, as clients want them in timestamps. [any thread] */
PARLEY_API int64_t parley_now_ms(void);

/* ---- bytes ---- */

/* Borrowed bytes; not NUL-terminated. at == NULL: not there. */
struct parley_slice {
	const char *at;
	size_t len;
};

static inline struct parley_slice parley_slice(const void *at, size_t len)
{
	struct parley_slice s;
	s.at = (const char *)at;
	s.len = len;
	return s;
}

/* A NUL-terminated string as a slice, without copying. NULL: not there. */
static inline struct parley_slice parley_cstr(const char *s)
{
	return parley_slice(s, s ? strlen(s) : 0);
}

static inline bool parley_slice_eq(struct parley_slice a, struct parley_slice b)
{
	return a.len == b.len && (!a.len || !memcmp(a.at, b.at, a.len));
}

/* A string literal as a slice. */
#define PARLEY_S(literal) (parley_slice("" literal, sizeof(literal) - 1))
/* For printf: "%.*s", PARLEY_FMT(slice). */
#define PARLEY_FMT(s) (int)(s).len, (s).at ? (s).at : ""

enum parley_kind { PARLEY_TEXT = 1, PARLEY_BINARY = 2 };

typedef struct parley_server parley_server;   /* parley_create .. parley_free */
typedef struct parley_conn parley_conn;       /* on_connect .. on_close       */
typedef struct parley_request parley_request; /* one upgrade request          */
typedef struct parley_json parley_json;       /* parsed, read only            */

/* ---- the upgrade request ---- */

/* As it was sent, with the endpoint prefix, without the query. */
PARLEY_API struct parley_slice parley_request_path(const parley_request *);
/* What stands for {name} in the pattern, percent-decoded: any bytes but NUL. Not there, or badly
 * encoded: at == NULL. */
PARLEY_API struct parley_slice parley_request_param(const parley_request *, const char *name);
/* The first value of this name in the query, decoded; else as above. */
PARLEY_API struct parley_slice parley_request_query(const parley_request *, const char *name);
/* The first header field of this name, in any case of letters; not there: at == NULL. */
PARLEY_API struct parley_slice parley_request_header(const parley_request *, const char *name);
/* The peer's address, "192.0.2.1" or "2001:db8::1"; a trusted proxy's caller instead of the proxy;
 * empty for a Unix socket. */
PARLEY_API struct parley_slice parley_request_addr(const parley_request *);
/* NULL: it was freed while the request waited for its answer. */
PARLEY_API parley_server *parley_request_server(const parley_request *);
/* The endpoint's `user`. */
PARLEY_API void *parley_request_user(const parley_request *);

/*
 * Exactly one of these answers `authenticate`: before it returns, or later, from any thread, when a
 * slow check is done. Until then the request is valid and may be looked at, by one thread at a
 * time, even if the client has left; afterwards it is not yours any more. parley_free waits for
 * nobody: what is answered later than that is only freed.
 *
 * accept    `auth` is what parley_conn_auth returns; free_auth, if not NULL, is called with it once
 *           when the connection is gone (on its worker), also if it never came to on_connect. If
 *           the server is gone: before parley_accept returns.
 * reject    A code of 400 to 599 refuses over HTTP, with `reason` as the text of the answer (401:
 *           plain refusal). A close code (1008, 4000 to 4999) upgrades first and then closes with
 *           code and reason, so that browsers can see why; no callback hears of it. Anything else
 *           counts as 500. The reason is cut at 123 bytes; NULL: none.
 * Nobody answers within the endpoint's auth_ms: rejected with 503.
 */
PARLEY_API void parley_accept(parley_request *, void *auth,
			      void (*free_auth)(void *)); /* [any thread] */
PARLEY_API void parley_reject(parley_request *, uint16_t code,
			      const char *reason); /* [any thread] */

/* ---- what happens at a path ---- */

struct parley_endpoint {
	/*
	 * The path, an Ant pattern: `?` one character, `*` anything inside one segment, `**` any
	 * number of segments, `{name}` one segment that parley_request_param returns. The first
	 * endpoint that fits is taken. Behind options.prefix, if there is one.
	 */
	const char *pattern;
	/* NULL-terminated list, or NULL. The first of the client's list that stands here is taken;
	 * none: the handshake names none. */
	const char *const *subprotocols;
	/* Joined by everybody before on_connect; or NULL. */
	const char *default_room;

	/* 0: none. A ping every so often; the fourth beat after three unanswered pings closes with
	 * 1000 "No pong received". Any pong counts. */
	uint32_t heartbeat_ms;
	/* 0: none. Without a message or a ping from the client for so long: closed with 1000
	 * "Inactivity timeout". */
	uint32_t idle_ms;
	uint32_t auth_ms;   /* 0: 30 s for `authenticate` to answer */
	size_t max_message; /* 0: 1 MiB. A larger one closes with 1009 */
	/* 0: 4 MiB unsent, or a quarter of it for 30 s: then the policy below. One message that is
	 * larger may be sent to who has nothing to read. */
	size_t max_backlog;
	size_t max_rooms; /* 0: 1,000,000 rooms with a member, per worker; then PARLEY_ELIMIT */
	size_t max_rooms_each; /* 0: 1,000 rooms of one connection, at most 4,096 */
	bool drop_when_slow;   /* false: a slow reader is closed with 1013; true: it misses messages
				*/
	bool compress;         /* accept permessage-deflate */
	size_t compress_above; /* 0: 1,024 bytes; smaller messages are sent as they are */
	bool raw_text;         /* texts are not parsed: on_message gets no JSON, and is faster */
	bool keep_request;     /* parley_conn_request works after on_connect too; costs memory */
	void *user;            /* yours; see parley_conn_user */

	/* NULL: everybody may come. */
	void (*authenticate)(parley_request *, void *user);
	/*
	 * Return 0, or an error to report: it goes to on_error or, without one, to the client as
	 * {"type":"error","message":"..."}. A failed on_connect also closes with 1011 "Internal
	 * error". Any callback may close any connection, and send, join, leave and broadcast.
	 */
	int (*on_connect)(parley_conn *);
	/* A whole message. json: NULL unless it is a text that parsed; then `raw` is its text. */
	int (*on_message)(parley_conn *, enum parley_kind, struct parley_slice raw,
			  const parley_json *json);
	/* If set, pings are not answered by themselves: call parley_pong. */
	void (*on_ping)(parley_conn *, struct parley_slice payload);
	void (*on_pong)(parley_conn *, struct parley_slice payload);
	/* What a callback returned (err), or what broke the connection (PARLEY_EPROTO,
	 * PARLEY_ECLOSED; on_close follows). */
	void (*on_error)(parley_conn *, int err, const char *detail);
	/*
	 * Once, last, for each connection whose on_connect was called. code: the peer's or ours;
	 * 1005: the peer gave none; 1006: it broke. The connection is still in its rooms, so that
	 * you can tell them; it hears nothing itself and has left when this returns.
	 */
	void (*on_close)(parley_conn *, uint16_t code, struct parley_slice reason);
};

/* An endpoint with a pattern and nothing else, as an initialiser in C and C++. */
#ifdef __cplusplus
#define PARLEY_ENDPOINT(path) (parley_endpoint_at(path))
#else
#define PARLEY_ENDPOINT(path)     \
	{                         \
		.pattern = (path) \
	}
#endif

/* ---- a server ---- */

enum parley_log_level { PARLEY_LOG_ERROR, PARLEY_LOG_WARN, PARLEY_LOG_INFO, PARLEY_LOG_DEBUG };

struct parley_options {
	const char *config_file; /* JSON, as docs/configuration.md says; NULL: the defaults */
	/* "127.0.0.1:8080", "[::1]:0", "unix:/run/app.sock", "tls:0.0.0.0:443"; several with
	 * commas. Port 0: the kernel chooses, see parley_port. NULL: the file's, else
	 * 127.0.0.1:8080. */
	const char *listen;
	/* NULL-terminated list of "option=value" over the file's: {"engine=epoll", NULL}. */
	const char *const *set;
	const char *prefix; /* of all patterns, also of parley_mount, "/api"; NULL: none. Upgrades
			       under it that fit no pattern are refused with 404 */
	uint32_t workers;   /* 0: what the file or `set` says, else 1. parley_fd and parley_turn
			       drive the first one */
	/* A line of the log, without a newline. On any thread of the server, one at a time; what is
	 * wrong with the options, within parley_create. NULL: nothing is logged. */
	void (*log)(enum parley_log_level, const char *line, void *user);
	void *user; /* for log */
};

/* Options with an address and nothing else, as an initialiser in C and C++. */
#ifdef __cplusplus
#define PARLEY_OPTIONS(address) (parley_options_at(address))
#else
#define PARLEY_OPTIONS(address)     \
	{                           \
		.listen = (address) \
	}
#endif

/* options: NULL for all defaults. A bad option is PARLEY_EINVAL and told to options->log. */
PARLEY_API int parley_create_sized(parley_server **out, const struct parley_options *, size_t size);
/* Before the start. PARLEY_EINVAL: a bad pattern or value; PARLEY_ESTATE: already started. */
PARLEY_API int parley_serve_sized(parley_server *, const struct parley_endpoint *, size_t size);
/*
 * Before the start: a chat dialect at a path ("qrypt", "native"), with the accounts, conversations
 * and history of the store that the configuration names. All mounted dialects meet in the same
 * conversations. pattern NULL: every path that nothing else takes. Of "socketio" it is no pattern
 * but the path of Socket.IO, NULL: "/socket.io/"; the chat is the namespace "/" there.
 */
PARLEY_API int parley_mount(parley_server *, const char *pattern, const char *dialect);
/*
 * Binds the listeners and starts the other workers. parley_run and parley_turn do it if it was not
 * done. On failure parley_why tells which part refused; try again, or free it.
 */
PARLEY_API int parley_start(parley_server *);
/* What the last failure was about, for people: "listen 127.0.0.1:80: Permission denied"; "" if
 * none. Valid until the next call on this server. NULL is fine. */
PARLEY_API const char *parley_why(const parley_server *);
/* The port of listener number `index` (from 0), after the start; 0: there is none. */
PARLEY_API uint16_t parley_port(const parley_server *, size_t index);

/* Serves until parley_stop, then says goodbye (1001) and waits for it, at most the configured
 * drain.deadline. 0, or why it could not start; PARLEY_ESTORE: the disk under a mounted chat
 * failed, nobody was told goodbye. A server runs once. */
PARLEY_API int parley_run(parley_server *);
/* [any thread], also from a signal handler. parley_run returns soon. Twice is fine. */
PARLEY_API void parley_stop(parley_server *);
/* After parley_run has returned, or parley_turn has said 0, or instead of both; not from a
 * callback. Breaks what is still open; every on_close comes before it returns, on this thread. NULL
 * is fine. */
PARLEY_API void parley_free(parley_server *);

/* Your own loop, instead of parley_run: when this descriptor is readable, call parley_turn(s, 0).
 * Timers are in it too. After parley_start; the server's, do not close it. -1: not started. */
PARLEY_API int parley_fd(const parley_server *);
/* One turn of the first worker, waiting at most timeout_ms (-1: until something happens). 1: goes
 * on; 0: it was stopped and has ended; negative: could not start, or as parley_run. From a
 * callback: PARLEY_ESTATE. */
PARLEY_API int parley_turn(parley_server *, int timeout_ms);
/* [any thread] Runs fn on the first worker's loop. PARLEY_ENOMEM; PARLEY_ELIMIT: a million wait
 * already; PARLEY_ESTATE: it has ended. What was taken before the end is run, at the latest by
 * parley_free. */
PARLEY_API int parley_post(parley_server *, void (*fn)(void *), void *arg);

/* Who a token is about. Slices live as long as the callback in which it was checked. */
struct parley_identity {
	struct parley_slice subject;               /* claim sub, else userId, else username */
	struct parley_slice username, name, email; /* at == NULL: the token does not say */
	uint64_t expires_s;                        /* Unix time; 0: never */
};
/* In a callback: checks a JSON Web Token (RFC 7519) with the configured keys (auth.*). 0,
 * PARLEY_EDENIED, PARLEY_EEXPIRED, PARLEY_ENOT_FOUND (no key is configured), PARLEY_ESTATE (not in
 * a callback), PARLEY_ENOMEM. */
PARLEY_API int parley_verify_token(parley_server *, struct parley_slice token,
				   struct parley_identity *out);

/* ---- a connection ---- */

/* A UUID in text, unique for ever; known to the client only if you tell. */
PARLEY_API struct parley_slice parley_conn_id(const parley_conn *);
PARLEY_API void *parley_conn_auth(const parley_conn *); /* from parley_accept; else NULL */
PARLEY_API void *parley_conn_user(const parley_conn *); /* the endpoint's user */
PARLEY_API void *parley_conn_data(const parley_conn *); /* yours, per connection; NULL at first */
PARLEY_API void parley_conn_set_data(parley_conn *, void *);
/* In on_connect; later NULL unless the endpoint has keep_request. */
PARLEY_API const parley_request *parley_conn_request(const parley_conn *);
/* The one that was agreed on; at == NULL: none. */
PARLEY_API struct parley_slice parley_conn_subprotocol(const parley_conn *);
PARLEY_API parley_server *parley_conn_server(const parley_conn *);
/* Not yet closing. */
PARLEY_API bool parley_conn_is_open(const parley_conn *);
/* Bytes that were sent and have not left. */
PARLEY_API size_t parley_conn_backlog(const parley_conn *);
/* In a callback: a connection of the same worker; NULL if it is gone, or another worker's. */
PARLEY_API parley_conn *parley_find(parley_server *, struct parley_slice id);

/*
 * Queue one message; it leaves at the end of the turn, in order. PARLEY_ECLOSED: it is closing;
 * PARLEY_EBUSY: the backlog is full: dropped, or the connection is being closed as too slow;
 * PARLEY_ENOMEM. Text must be UTF-8: it is sent as it is.
 */
PARLEY_API int parley_send(parley_conn *, struct parley_slice text);
PARLEY_API int parley_send_binary(parley_conn *, struct parley_slice);
/* Control frames; the payload is at most 125 bytes, else PARLEY_ETOO_BIG. PARLEY_ECLOSED;
 * PARLEY_EBUSY: the backlog is full, it is dropped. */
PARLEY_API int parley_ping(parley_conn *, struct parley_slice payload);
PARLEY_API int parley_pong(parley_conn *, struct parley_slice payload);
/*
 * Starts the close handshake after what was sent; on_close follows, never inside this call. Twice
 * is fine. code: 1000 to 1014 except 1004 to 1006, or 3000 to 4999; anything else counts as 1011.
 * The reason is cut at 123 bytes; NULL: none.
 */
PARLEY_API void parley_close(parley_conn *, uint16_t code, const char *reason);
/* For the words of an error that a callback returns: `return parley_fail(c, PARLEY_EINVAL, "no
 * room given")`. Returns err. detail is copied, cut at 255 bytes; good until the callback ends. */
PARLEY_API int parley_fail(parley_conn *, int err, const char *detail);

/* ---- JSON, written ---- */

/* One member of an object. Made by the functions below. */
struct parley_field {
	const char *key; /* NULL: the end of the list */
	uint8_t type;    /* private */
	struct parley_slice str;
	union {
		int64_t integer;
		double number;
		const struct parley_field *fields;
	} u;
};

enum { PARLEY_FIELDS_MAX = 32 };

/* A string; bytes that are not UTF-8 become U+FFFD. at == NULL: null. */
PARLEY_API struct parley_field parley_kstr(const char *key, struct parley_slice value);
PARLEY_API struct parley_field parley_kint(const char *key, int64_t value);
PARLEY_API struct parley_field parley_knum(const char *key, double value); /* not finite: null */
PARLEY_API struct parley_field parley_kbool(const char *key, bool value);
/* JSON as it is; at == NULL: null. It is yours to be valid. */
PARLEY_API struct parley_field parley_kraw(const char *key, struct parley_slice json);
/* Part of a message that came in, whatever it is. NULL: null. */
PARLEY_API struct parley_field parley_kjson(const char *key, const parley_json *value);
/* An object inside: parley_kobj("user", PARLEY_OBJ(...)), at most 8 in each other. The list is not
 * copied: it must live until the call that sends it, as one does that is written there. */
PARLEY_API struct parley_field parley_kobj(const char *key, const struct parley_field *fields);

/* {"key": value, ...} of at most PARLEY_FIELDS_MAX fields, for the *_object functions:
 * parley_send_object(c, PARLEY_OBJ(parley_kstr("type", PARLEY_S("hi")))). */
#ifdef __cplusplus
#define PARLEY_OBJ(...) (parley_fields{{__VA_ARGS__}}.list)
#else
#define PARLEY_OBJ(...) ((const struct parley_field[]){__VA_ARGS__, {.key = NULL}})
#endif

/* The same with a type, as most messages have: PARLEY_MSG("joined", parley_kstr("room", room)). */
#define PARLEY_MSG(name, ...) PARLEY_OBJ(parley_kstr("type", PARLEY_S(name)), __VA_ARGS__)

PARLEY_API int parley_send_object(parley_conn *, const struct parley_field *);

/* ---- rooms ---- */

/*
 * Rooms belong to an endpoint; a name is 1 to 255 bytes. Joining twice or leaving where one is not
 * is no error. PARLEY_EINVAL: a bad name; PARLEY_ELIMIT: max_rooms or max_rooms_each;
 * PARLEY_ECLOSED; PARLEY_ENOMEM. Both are O(1).
 */
PARLEY_API int parley_join(parley_conn *, struct parley_slice room);
PARLEY_API int parley_leave(parley_conn *, struct parley_slice room);
PARLEY_API bool parley_in_room(const parley_conn *, struct parley_slice room);
/* Writes up to cap names, in no order; returns how many there are. The slices live until the
 * connection leaves. */
PARLEY_API size_t parley_rooms(const parley_conn *, struct parley_slice *out, size_t cap);
/* Members of a room of this connection's endpoint, on this connection's worker. */
PARLEY_API size_t parley_room_size(const parley_conn *, struct parley_slice room);

struct parley_to {
	const struct parley_slice
		*rooms; /* their members, each once; nrooms 0: all of the endpoint */
	size_t nrooms;
	bool include_self; /* if the sender is among them */
	bool own_rooms;    /* the rooms that the sender is in, instead; in none: all */
	bool binary;
};
/* All of the endpoint; the members of one room, which must live as long as the result. */
static inline struct parley_to parley_to_all(bool include_self)
{
	struct parley_to to;
	memset(&to, 0, sizeof(to));
	to.include_self = include_self;
	return to;
}

static inline struct parley_to parley_to_room(const struct parley_slice *room, bool include_self)
{
	struct parley_to to = parley_to_all(include_self);
	to.rooms = room;
	to.nrooms = 1;
	return to;
}

/*
 * To the endpoint's connections on all workers. Whoever is a member now hears it; the sender need
 * not be one. to: NULL for all others. Also in on_close. A slow or closing listener is no error.
 * PARLEY_EINVAL: a bad name of a room; PARLEY_ELIMIT: over 4,096 rooms; PARLEY_ETOO_BIG: over 15
 * MiB; PARLEY_ENOMEM and PARLEY_EBUSY: other workers may not have been told.
 */
PARLEY_API int parley_broadcast(parley_conn *from, struct parley_slice data,
				const struct parley_to *to);
PARLEY_API int parley_broadcast_object(parley_conn *from, const struct parley_field *,
				       const struct parley_to *to);

/*
 * [any thread] To the members of a room of the endpoint with this pattern (as it was given to
 * parley_serve); room.len 0: to all of it. Publications of one thread arrive in their order.
 * PARLEY_ENOT_FOUND: no such endpoint; PARLEY_EINVAL: a bad name; PARLEY_ETOO_BIG: over 15 MiB;
 * PARLEY_EBUSY: over 64 MiB wait for a worker already: publish more slowly; PARLEY_ESTATE: not
 * running; PARLEY_ENOMEM.
 */
PARLEY_API int parley_publish(parley_server *, const char *pattern, struct parley_slice room,
			      struct parley_slice text);
PARLEY_API int parley_publish_binary(parley_server *, const char *pattern, struct parley_slice room,
				     struct parley_slice data);
PARLEY_API int parley_publish_object(parley_server *, const char *pattern, struct parley_slice room,
				     const struct parley_field *);
/* [any thread] To one connection, whichever worker has it; whoever is gone hears nothing. Errors as
 * of parley_publish. */
PARLEY_API int parley_send_to(parley_server *, struct parley_slice id, struct parley_slice text);
/* [any thread] Closes one connection, as parley_close. Errors as of parley_publish. */
PARLEY_API int parley_kick(parley_server *, struct parley_slice id, uint16_t code,
			   const char *reason);

/* ---- JSON, read ---- */

/*
 * All take NULL ("not there") and values of another type, and answer NULL, empty or false. Valid
 * until the callback returns. Objects with a key twice, numbers over 64 characters and nesting over
 * 64 levels do not parse: such a text comes as raw text.
 */
enum parley_json_type {
	PARLEY_JSON_NULL,
	PARLEY_JSON_BOOL,
	PARLEY_JSON_INT,    /* fits int64_t and was written without fraction and exponent */
	PARLEY_JSON_NUMBER, /* any other number */
	PARLEY_JSON_STRING,
	PARLEY_JSON_ARRAY,
	PARLEY_JSON_OBJECT
};
PARLEY_API enum parley_json_type parley_json_type(const parley_json *); /* NULL: PARLEY_JSON_NULL */
/* A member of an object. */
PARLEY_API const parley_json *parley_get(const parley_json *, const char *key);
/* The first child of an array or object; the next one of the same parent; NULL after the last. */
PARLEY_API const parley_json *parley_first(const parley_json *);
PARLEY_API const parley_json *parley_next(const parley_json *);
/* The name of a member; else at == NULL. */
PARLEY_API struct parley_slice parley_key(const parley_json *);
/* The value itself: its string, its text as it was written. Not a string: at == NULL. */
PARLEY_API struct parley_slice parley_text(const parley_json *);
PARLEY_API struct parley_slice parley_raw(const parley_json *);
/* Of a member: its string; whether it is a number of that kind; whether it is this string. */
PARLEY_API struct parley_slice parley_str(const parley_json *, const char *key);
PARLEY_API bool parley_i64(const parley_json *, const char *key, int64_t *out);
PARLEY_API bool parley_f64(const parley_json *, const char *key, double *out);
PARLEY_API bool parley_bool(const parley_json *, const char *key, bool otherwise);
PARLEY_API bool parley_is(const parley_json *, const char *key, const char *value);

/* ---- the structs may grow: their size tells which ones the caller knows ---- */

static inline int parley_create(parley_server **out, const struct parley_options *options)
{
	return parley_create_sized(out, options, sizeof(struct parley_options));
}

static inline int parley_serve(parley_server *server, const struct parley_endpoint *endpoint)
{
	return parley_serve_sized(server, endpoint, sizeof(struct parley_endpoint));
}

#ifdef __cplusplus
#pragma GCC diagnostic pop
}

inline parley_endpoint parley_endpoint_at(const char *pattern)
{
	parley_endpoint e{};
	e.pattern = pattern;
	return e;
}

inline parley_options parley_options_at(const char *listen)
{
	parley_options o{};
	o.listen = listen;
	return o;
}

struct parley_fields {
	parley_field list[PARLEY_FIELDS_MAX + 1];
};
#endif

#endif
