/*
 * socketio.h - a Socket.IO server in a C program: stock clients (socket.io-client 3 and 4) connect
 * by long-polling or WebSocket to namespaces, join rooms, emit events with binary attachments and
 * acknowledge them.
 *
 * The same rules as in parley.h. Threads: a socket belongs to one worker for life, its callbacks
 * run there, one at a time; [any thread] is marked. Ownership: you never free what a callback hands
 * you; a socket is valid until its on_disconnect returns, everything else until the callback
 * returns, unless it says more. Errors: negative `enum parley_err`.
 *
 * Engine.IO protocol 4, Socket.IO protocol 5 (github.com/socketio/engine.io-protocol and
 * socketio/socket.io-protocol).
 */
#ifndef PARLEY_SOCKETIO_H
#define PARLEY_SOCKETIO_H

#include <parley/parley.h>

#ifdef __cplusplus
extern "C" {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#endif

typedef struct parley_socket parley_socket;       /* a client in a namespace  */
typedef struct parley_handshake parley_handshake; /* one that asks to come in */
typedef struct parley_packet parley_packet;       /* an event or an answer    */
typedef struct parley_reply parley_reply;         /* an acknowledgement owed  */

/* ---- what is sent: arguments ---- */

/*
 * The arguments of an event, made as fields are, without a key:
 * parley_emit(s, PARLEY_S("news"), PARLEY_ARGS(parley_astr(text), parley_aint(7))).
 * Binary values may stand anywhere, in objects too (parley_kbin): they travel as attachments.
 * At most PARLEY_FIELDS_MAX arguments, else PARLEY_ELIMIT.
 */
#define parley_astr(v)  parley_kstr("", (v))
#define parley_aint(v)  parley_kint("", (v))
#define parley_anum(v)  parley_knum("", (v))
#define parley_abool(v) parley_kbool("", (v))
#define parley_araw(v)  parley_kraw("", (v))
#define parley_ajson(v) parley_kjson("", (v))
#define parley_aobj(v)  parley_kobj("", (v))
#define parley_abin(v)  parley_kbin("", (v))
/* Bytes; at == NULL: null. Only in what is emitted: anywhere else it is PARLEY_EINVAL. At most 64
 * in one packet, else PARLEY_ELIMIT. They must live until the call that sends them. */
PARLEY_API struct parley_field parley_kbin(const char *key, struct parley_slice bytes);
/*
 * All arguments of a packet that came in, from number `first` on, with their attachments: to hand
 * them on as they are. In a list of arguments it stands for as many as there are. A packet without
 * attachments may hold objects that look like placeholders of some: beside bytes they are
 * PARLEY_EINVAL, here and in parley_ajson, so that no client takes the bytes for them.
 */
PARLEY_API struct parley_field parley_apacket(const parley_packet *, size_t first);
#define PARLEY_ARGS(...) PARLEY_OBJ(__VA_ARGS__)
#ifdef __cplusplus
#define PARLEY_NO_ARGS (parley_fields{}.list)
#else
#define PARLEY_NO_ARGS ((const struct parley_field[]){{.key = NULL}})
#endif

/* ---- what came in ---- */

/* The name of the event; of an answer: empty. An event whose name is a number: its text. */
PARLEY_API struct parley_slice parley_packet_event(const parley_packet *);
/* How many arguments follow the name; number i of them, NULL: there is none. */
PARLEY_API size_t parley_nargs(const parley_packet *);
PARLEY_API const parley_json *parley_arg(const parley_packet *, size_t i);
/* The string that argument i is; not one: at == NULL. */
PARLEY_API struct parley_slice parley_arg_str(const parley_packet *, size_t i);
/* The bytes that a value (an argument, or anything inside one) stands for; not binary: at == NULL.
 */
PARLEY_API struct parley_slice parley_binary(const parley_packet *, const parley_json *value);
/* Whether the client waits for an acknowledgement. */
PARLEY_API bool parley_wants_ack(const parley_packet *);
/*
 * Acknowledges the event. The first one counts: again, or where nobody waits, is PARLEY_ESTATE.
 * After PARLEY_EINVAL, PARLEY_ETOO_BIG or PARLEY_ELIMIT, which are about the arguments, the client
 * still waits.
 */
PARLEY_API int parley_ack(const parley_packet *, const struct parley_field *args);
/*
 * For an acknowledgement after the callback. NULL: nobody waits, no memory, or 16,384 answers are
 * owed on this worker. Exactly one parley_reply_send must follow, on any thread; args NULL, or an
 * error: none is sent.
 */
PARLEY_API parley_reply *parley_ack_later(const parley_packet *);
PARLEY_API int parley_reply_send(parley_reply *,
				 const struct parley_field *args); /* [any thread] */

/* ---- who wants to come in ---- */

/* The Engine.IO request that the connection began with. */
PARLEY_API const parley_request *parley_handshake_request(const parley_handshake *);
/* What the client said of itself (`auth` of the client's options), an object; NULL: nothing. */
PARLEY_API const parley_json *parley_handshake_auth(const parley_handshake *);
/* The namespace's name. For a pattern: the one that was asked for. */
PARLEY_API struct parley_slice parley_handshake_namespace(const parley_handshake *);
/*
 * Exactly one of these answers `authorize`, before it returns or later, from any thread. Until then
 * the handshake is valid, even if the client left.
 *
 * admit     `data` is what parley_socket_data returns; free_data, if not NULL, is called with it
 *           once when the socket is gone, also if it never came to on_connect.
 * deny      The client gets connect_error with this message and, if given, data.
 */
PARLEY_API void parley_admit(parley_handshake *, void *data,
			     void (*free_data)(void *)); /* [any thread] */
PARLEY_API void parley_deny(parley_handshake *, const char *message,
			    const struct parley_field *data); /* [any thread] */
/*
 * Before parley_admit, in a namespace with recovery_ms: who it is, any bytes. One that lost its
 * line comes back as the same socket only if it is the same one. [any thread]
 */
PARLEY_API void parley_identify(parley_handshake *, struct parley_slice who);

/* ---- a namespace ---- */

/* What happens on an event of this name. Return 0 or an error, which goes to on_error. */
struct parley_on {
	const char *event; /* NULL: the end of the table */
	int (*handle)(parley_socket *, const parley_packet *);
};

struct parley_namespace {
	const char *name;      /* "/", "/orders", or a pattern as of endpoints: "/tenant-*" */
	void *user;            /* yours */
	uint32_t authorize_ms; /* 0: 30 s for `authorize` to answer; then denied */
	size_t max_rooms;      /* 0: 1,000,000 rooms with a member, per worker */
	size_t max_rooms_each; /* 0: 1,000 of one socket */
	/*
	 * 0: none. So long after a line broke its client may come back as the same socket, in the
	 * same rooms, and gets what it missed (events without an acknowledgement that are not
	 * volatile); at most recovery_events of the namespace are kept (0: 10,000). It is
	 * authorized anew, see parley_identify. Its data is what that brought; if it brought none,
	 * what there was, unless free_data is NULL. It may come back on another worker.
	 */
	uint32_t recovery_ms, recovery_events;
	bool keep_request; /* parley_socket_request works after on_connect too; costs memory */

	void (*authorize)(parley_handshake *, void *user); /* NULL: everybody */
	int (*on_connect)(parley_socket *);                /* an error: disconnected */
	const struct parley_on *events;                    /* ends with {NULL}; may be NULL */
	/* Events that stand in no table. NULL: they are ignored, without an acknowledgement. */
	int (*on_any)(parley_socket *, const parley_packet *);
	void (*on_error)(parley_socket *, int err, const char *event);
	/* Once, last. reason as clients know them: "transport close", "client namespace
	 * disconnect", ... The socket is still in its rooms, and hears nothing itself. */
	void (*on_disconnect)(parley_socket *, const char *reason);
};

/* The server at a path, all zero: the defaults of the Node server but for connect_timeout_ms. */
struct parley_socketio {
	const char *path;            /* NULL: "/socket.io/"; options.prefix is not put before it */
	uint32_t ping_interval_ms;   /* 0: 25 s */
	uint32_t ping_timeout_ms;    /* 0: 20 s */
	uint32_t upgrade_timeout_ms; /* 0: 10 s */
	uint32_t connect_timeout_ms; /* 0: 10 s to enter a namespace (the Node server: 45 s) */
	size_t max_payload;          /* 0: 1,000,000 bytes of a POST or a message */
	uint32_t max_attachments;    /* 0: 10 of a packet; at most 64 */
	size_t max_backlog;          /* 0: 4 MiB unsent; then disconnected */
	bool no_polling, no_websocket, no_upgrade, compress;
	const char *const *origins; /* NULL-terminated: pages that may come; {"*", NULL}: any */
	bool no_client;             /* do not serve PATH/socket.io.js */
	const char *client_dir;     /* where socket.io-client/dist lies; NULL: the usual places */
};

/* Before the start, once. options: NULL for the defaults; without this call the first namespace
 * makes a server with the defaults. */
PARLEY_API int parley_socketio_sized(parley_server *, const struct parley_socketio *, size_t size);
PARLEY_API int parley_namespace_sized(parley_server *, const struct parley_namespace *,
				      size_t size);

/* ---- a socket ---- */

PARLEY_API struct parley_slice parley_socket_id(const parley_socket *); /* also a room of its own */
PARLEY_API struct parley_slice parley_socket_namespace(const parley_socket *);
PARLEY_API void *parley_socket_data(const parley_socket *);
PARLEY_API void parley_socket_set_data(parley_socket *, void *, void (*free_data)(void *));
PARLEY_API void *parley_socket_user(const parley_socket *); /* the namespace's */
PARLEY_API parley_server *parley_socket_server(const parley_socket *);
PARLEY_API bool parley_socket_is_connected(const parley_socket *);
PARLEY_API bool parley_socket_recovered(const parley_socket *);
PARLEY_API bool parley_socket_is_websocket(const parley_socket *);
/* That the connection began with: in on_connect; later with keep_request. NULL: not kept - of one
 * that was in a namespace before too, if none has authorize or keep_request. */
PARLEY_API const parley_request *parley_socket_request(const parley_socket *);
/* Of the same worker, in a callback; NULL: gone, or another worker's. */
PARLEY_API parley_socket *parley_socket_find(parley_server *, const char *nsp,
					     struct parley_slice id);

/* Leaves at the end of the turn. PARLEY_ECLOSED; PARLEY_EBUSY: too slow, it is being closed;
 * PARLEY_ETOO_BIG: over 16 MiB of text; PARLEY_ELIMIT: too many arguments or attachments;
 * PARLEY_EINVAL: a reserved name, or arguments that no function made; PARLEY_ENOMEM. */
PARLEY_API int parley_emit(parley_socket *, struct parley_slice event,
			   const struct parley_field *args);
/* Dropped if it cannot leave now. */
PARLEY_API int parley_emit_volatile(parley_socket *, struct parley_slice event,
				    const struct parley_field *args);
/*
 * With an acknowledgement: on_ack is called once: err 0 and the answer; PARLEY_EEXPIRED after
 * timeout_ms (0: 30 s); PARLEY_ECLOSED when the socket went. It is not called when this returns an
 * error; PARLEY_ELIMIT is also that 1,000 answers of the socket are awaited.
 */
typedef void parley_on_ack(parley_socket *, int err, const parley_packet *answer, void *ctx);
PARLEY_API int parley_emit_with_ack(parley_socket *, struct parley_slice event,
				    const struct parley_field *args, uint32_t timeout_ms,
				    parley_on_ack *on_ack, void *ctx);
/* close: the whole connection, with its other namespaces. on_disconnect follows, never inside. */
PARLEY_API void parley_disconnect(parley_socket *, bool close);

/* As of connections (parley.h). A socket's own id is a room that it cannot leave, and the first
 * one that parley_socket_rooms tells. */
PARLEY_API int parley_socket_join(parley_socket *, struct parley_slice room);
PARLEY_API int parley_socket_leave(parley_socket *, struct parley_slice room);
PARLEY_API bool parley_socket_in(const parley_socket *, struct parley_slice room);
PARLEY_API size_t parley_socket_rooms(const parley_socket *, struct parley_slice *out, size_t cap);

/* ---- to many ---- */

/* Members of any of `rooms` (none: all of the namespace) that are in none of `except`, each once.
 */
struct parley_target {
	const struct parley_slice *rooms;
	size_t nrooms;
	const struct parley_slice *except;
	size_t nexcept;
	const parley_socket *but; /* not to this one: socket.to(), socket.broadcast */
	bool is_volatile;
	bool local; /* this worker only */
};
/*
 * [any thread] On all workers. target NULL: everybody in the namespace; of a pattern, name the one
 * that was asked for. PARLEY_ENOT_FOUND: no such namespace; PARLEY_EINVAL: a bad name;
 * PARLEY_ETOO_BIG: over 15 MiB; PARLEY_EBUSY: over 64 MiB wait for a worker already; PARLEY_ESTATE:
 * not running, or `local` on a thread that is no worker's; PARLEY_ELIMIT: over 2,000 rooms;
 * PARLEY_ENOMEM.
 */
PARLEY_API int parley_emit_to(parley_server *, const char *nsp, const struct parley_target *,
			      struct parley_slice event, const struct parley_field *args);
/* io.to(room).socketsJoin(), socketsLeave(), disconnectSockets(). [any thread] */
PARLEY_API int parley_sockets_join(parley_server *, const char *nsp, const struct parley_target *,
				   struct parley_slice room);
PARLEY_API int parley_sockets_leave(parley_server *, const char *nsp, const struct parley_target *,
				    struct parley_slice room);
PARLEY_API int parley_sockets_disconnect(parley_server *, const char *nsp,
					 const struct parley_target *, bool close);
/* fetchSockets(): calls visit for each that fits, on this worker only. In a callback. Returns how
 * many. */
PARLEY_API size_t parley_sockets_each(parley_server *, const char *nsp,
				      const struct parley_target *,
				      void (*visit)(parley_socket *, void *ctx), void *ctx);

/* ---- bare Engine.IO ---- */

typedef struct parley_engine parley_engine; /* a session: on_open .. on_close */

/* The defaults are those of struct parley_socketio. on_open: an error refuses it; the request is
 * valid until it returns. on_close comes once, last. */
struct parley_engineio {
	const char *path; /* NULL: "/engine.io/" */
	uint32_t ping_interval_ms, ping_timeout_ms, upgrade_timeout_ms;
	size_t max_payload, max_backlog;
	const char *const *origins;
	void *user;
	int (*on_open)(parley_engine *, const parley_request *);
	void (*on_message)(parley_engine *, enum parley_kind, struct parley_slice);
	void (*on_close)(parley_engine *, const char *reason);
};
PARLEY_API int parley_engineio_sized(parley_server *, const struct parley_engineio *, size_t size);
/* In a callback of its worker. PARLEY_ECLOSED; PARLEY_EBUSY: too slow, it is being closed. */
PARLEY_API int parley_engine_send(parley_engine *, enum parley_kind, struct parley_slice);
PARLEY_API void parley_engine_close(parley_engine *);
PARLEY_API void *parley_engine_data(const parley_engine *);
PARLEY_API void parley_engine_set_data(parley_engine *, void *);
PARLEY_API void *parley_engine_user(const parley_engine *);

/* ---- the structs may grow: their size tells which ones the caller knows ---- */

static inline int parley_socketio(parley_server *server, const struct parley_socketio *options)
{
	return parley_socketio_sized(server, options, sizeof(struct parley_socketio));
}

static inline int parley_namespace(parley_server *server, const struct parley_namespace *nsp)
{
	return parley_namespace_sized(server, nsp, sizeof(struct parley_namespace));
}

static inline int parley_engineio(parley_server *server, const struct parley_engineio *options)
{
	return parley_engineio_sized(server, options, sizeof(struct parley_engineio));
}

#ifdef __cplusplus
#pragma GCC diagnostic pop
}
#endif

#endif
