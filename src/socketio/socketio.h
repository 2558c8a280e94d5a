/*
 * socketio.h - namespaces, sockets, rooms, events and acknowledgements of Socket.IO over Engine.IO
 * sessions: the engine under parley/socketio.h, and under the chat's own dialect.
 *
 * struct pl_sio is what all workers share: paths, options and namespaces, immutable once a site was
 * made. struct pl_sio_site is a worker's share: its sessions, sockets, rooms, its ear on the bus.
 * Sockets, handshakes, packets and replies are the public ones.
 */
#ifndef PL_SOCKETIO_SOCKETIO_H
#define PL_SOCKETIO_SOCKETIO_H

#include "bus/bus.h"
#include "conn/engineio.h"
#include "handler/handler.h"

#include "parley/socketio.h"

struct pl_sio;
struct pl_sio_site;

/* handlers: whose callbacks run on the workers, see pl_handler_enter. They must outlive the sites.
 */
int pl_sio_new(parley_server *, struct pl_handlers *, struct pl_sio **out) PL_MUST_CHECK;
void pl_sio_free(struct pl_sio *); /* after the sites; NULL is fine */

/* Before the first site. PL_EINVAL and *why (a literal); PL_EEXISTS. */
int pl_sio_set_options(struct pl_sio *, const struct parley_socketio *, size_t size,
		       const char **why) PL_MUST_CHECK;
int pl_sio_add_namespace(struct pl_sio *, const struct parley_namespace *, size_t size,
			 const char **why) PL_MUST_CHECK;
int pl_sio_add_engine(struct pl_sio *, const struct parley_engineio *, size_t size,
		      const char **why) PL_MUST_CHECK;

/*
 * A namespace of the house (the chat's, the admin's): as a public one, and what the public has not.
 * `ctx` is per worker, see pl_sio_site_set_ctx; callbacks find it with pl_sio_ctx.
 */
struct pl_sio_house {
	struct parley_namespace nsp;
	/*
	 * Recovery of its own instead of the engine's: a CONNECT with `pid` is given to `authorize`
	 * as any other, which looks at pl_handshake_pid and pl_handshake_offset and calls
	 * pl_handshake_restore before it admits. The CONNECT reply then says this pid.
	 */
	bool has_own_recovery;
	/* All that was sent before the last ping has arrived. May be NULL. */
	void (*on_pong)(parley_socket *);
};
int pl_sio_add_house(struct pl_sio *, const struct pl_sio_house *, const char **why) PL_MUST_CHECK;
size_t pl_sio_count(const struct pl_sio *); /* namespaces and bare engines */

/* A worker's share, before its thread starts. callbacks: the endpoints' share of the same worker,
 * which outlives it. */
int pl_sio_site_new(struct pl_sio *, uint32_t worker, struct pl_loop *, struct pl_conns *,
		    struct pl_handler_site *callbacks, struct pl_sio_site **out) PL_MUST_CHECK;
/* conns: of all workers by number; the array must outlive the site. Before the threads start. */
void pl_sio_site_set_siblings(struct pl_sio_site *, struct pl_conns *const *conns, uint32_t n);
/* Everybody is told goodbye; nobody comes in any more. */
void pl_sio_site_drain(struct pl_sio_site *);
/* Ends what is still open: every on_disconnect has been called then. After the connections were
 * freed. NULL is fine. */
void pl_sio_site_close(struct pl_sio_site *);
/* After that, before the loop is freed. NULL is fine. */
void pl_sio_site_free(struct pl_sio_site *);
/* For the router: the endpoint of this path, of any method and for upgrades; NULL: none. */
const struct pl_endpoint *pl_sio_find(struct pl_sio_site *, const struct pl_http_request *);
/* What pl_sio_ctx of this namespace's sockets and handshakes answers on this worker. */
void pl_sio_site_set_ctx(struct pl_sio_site *, const char *nsp, void *ctx);

/*
 * The public functions of the same names, once the server knows that it runs. PL_ENOTFOUND: no such
 * namespace; PL_EINVAL: a bad name of a room, or bad arguments; PL_ELIMIT: over 2,000 rooms, or as
 * many exceptions; PL_ETOOBIG: over 15 MiB; PL_ESTATE: no site, or `local` and not in a callback;
 * PL_ENOMEM and PL_EBUSY: other workers may not have been told.
 */
int pl_sio_emit_to(struct pl_sio *, const char *nsp, const struct parley_target *,
		   struct pl_slice event, const struct parley_field *args) PL_MUST_CHECK;
int pl_sio_sockets_join(struct pl_sio *, const char *nsp, const struct parley_target *,
			struct pl_slice room) PL_MUST_CHECK;
int pl_sio_sockets_leave(struct pl_sio *, const char *nsp, const struct parley_target *,
			 struct pl_slice room) PL_MUST_CHECK;
int pl_sio_sockets_disconnect(struct pl_sio *, const char *nsp, const struct parley_target *,
			      bool close) PL_MUST_CHECK;
/* In a callback. */
size_t pl_sio_sockets_each(struct pl_sio *, const char *nsp, const struct parley_target *,
			   void (*visit)(parley_socket *, void *ctx), void *ctx);
parley_socket *pl_sio_socket(struct pl_sio *, const char *nsp, struct pl_slice id);

/* ---- for the dialect and the admin namespace, on the socket's worker ---- */

void *pl_socket_ctx(const parley_socket *);
void *pl_handshake_ctx(const parley_handshake *);
struct pl_eio *pl_socket_engine(const parley_socket *);
struct pl_eio *pl_handshake_engine(const parley_handshake *); /* NULL: the client has left */
struct pl_slice pl_handshake_pid(const parley_handshake *);   /* at == NULL: none */
struct pl_slice pl_handshake_offset(const parley_handshake *);
/*
 * The socket is to have this id (at == NULL: a new one) and its CONNECT reply this pid (at == NULL:
 * none). is_recovered: what parley_socket_recovered answers. Before parley_admit. Copied.
 */
int pl_handshake_restore(parley_handshake *, struct pl_slice id, struct pl_slice pid,
			 bool is_recovered) PL_MUST_CHECK;
/*
 * Inside on_connect the CONNECT reply has been sent, unless the namespace holds it: emits before
 * pl_socket_hello come first, as recovered events must, and the admin's `session`.
 */
void pl_handshake_hold(parley_handshake *);
/*
 * The connection ends without a word of this layer, as if the line had broken: clients come again
 * by themselves, which they do not after parley_disconnect or parley_deny. A handshake is to be
 * answered all the same; nobody hears that.
 */
void pl_handshake_break(parley_handshake *);
void pl_socket_break(parley_socket *);
void pl_socket_hello(parley_socket *);

/* A packet for many sockets, attachments included; encoded once per kind of transport. */
struct pl_sio_shared {
	struct pl_eio_shared text;
	struct pl_eio_shared *attachments;
	uint32_t nattachments;
	bool is_volatile;
	struct pl_slice json;
};
/* json: the whole array, ["event",...], placeholders included. Bytes must live as long. */
int pl_sio_shared_event(struct pl_sio_shared *, struct pl_slice nsp, struct pl_slice json,
			const struct pl_slice *attachments, uint32_t n, bool is_volatile,
			struct pl_buf *text) PL_MUST_CHECK;
void pl_sio_shared_fini(struct pl_sio_shared *);
void pl_sio_push(parley_socket *, struct pl_sio_shared *);
/* One event to one socket; json as above. */
int pl_sio_emit_json(parley_socket *, struct pl_slice json);
/* As parley_emit_with_ack, with JSON and attachments as above. */
int pl_sio_ask_json(parley_socket *, struct pl_slice json, const struct pl_slice *attachments,
		    uint32_t n, uint32_t timeout_ms, parley_on_ack *, void *ctx);
/*
 * The acknowledgement that the event asks for, to be given by the caller; false: none, or somebody
 * took it already. It is a number, which may outlive the packet; json: the array of the answer.
 */
bool pl_packet_take_ack(const parley_packet *, uint64_t *id);
int pl_sio_ack_json(parley_socket *, uint64_t id, struct pl_slice json,
		    const struct pl_slice *attachments, uint32_t n);

/* ---- what an observer of all sockets of a worker hears (the admin namespace) ---- */

struct pl_sio_watch {
	void *ctx;
	void (*on_engine)(void *ctx, struct pl_eio *, bool opened, const char *reason);
	void (*on_socket)(void *ctx, parley_socket *, bool connected, const char *reason);
	void (*on_room)(void *ctx, parley_socket *, struct pl_slice room, bool joined);
	void (*on_transport)(void *ctx, parley_socket *);
	/* json: the array of the event. */
	void (*on_event)(void *ctx, parley_socket *, struct pl_slice json, bool is_received);
	/* Packets and bytes in and out since the last look are counted by the site. */
};
/* NULL: nobody watches, and nothing is spent on it. At most one. */
void pl_sio_site_watch(struct pl_sio_site *, const struct pl_sio_watch *);
struct pl_sio_counts {
	uint64_t packets_in, packets_out, bytes_in, bytes_out;
};
struct pl_sio_counts pl_sio_site_counts(const struct pl_sio_site *);
size_t pl_sio_site_clients(const struct pl_sio_site *, size_t *polling);
void pl_sio_site_each(struct pl_sio_site *, void (*visit)(parley_socket *, void *ctx), void *ctx);

#endif
