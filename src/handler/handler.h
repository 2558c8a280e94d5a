/*
 * handler.h - endpoints whose words a C program speaks: the engine under the public API.
 *
 * struct pl_handlers is what all workers share: the endpoints, immutable once a site was made.
 * struct pl_handler_site is a worker's share: its connections, their rooms, its ear on the bus.
 * Requests, connections and JSON are the public ones (parley.h).
 */
#ifndef PL_HANDLER_HANDLER_H
#define PL_HANDLER_HANDLER_H

#include "auth/auth.h"
#include "bus/bus.h"
#include "conn/conn.h"

#include "parley/parley.h"

struct pl_handlers;
struct pl_handler_site;

/* prefix: of all patterns, or NULL. server: what parley_conn_server answers. */
int pl_handlers_new(parley_server *server, const char *prefix,
		    struct pl_handlers **out) PL_MUST_CHECK;
/* After the sites. Requests that nobody has answered yet keep what they need of it. NULL is fine.
 */
void pl_handlers_free(struct pl_handlers *);
/* Before the first site. size: of the caller's struct; members behind it are zero. PL_EINVAL and
 * *why (a literal): what is wrong with it. */
int pl_handlers_add(struct pl_handlers *, const struct parley_endpoint *, size_t size,
		    const char **why) PL_MUST_CHECK;
size_t pl_handlers_count(const struct pl_handlers *);
/* So that a site's deflater and JSON parser are large enough. */
size_t pl_handlers_max_message(const struct pl_handlers *);

/* A worker's share, before its thread starts. worker: its index. */
int pl_handler_site_new(struct pl_handlers *, uint32_t worker, struct pl_loop *,
			struct pl_handler_site **out) PL_MUST_CHECK;
/* After its connections are gone. NULL is fine. */
void pl_handler_site_free(struct pl_handler_site *);
/* For pl_router.find: the endpoint for this path; NULL: none. *status is set to 404 when the path
 * lies under the prefix, so that nobody else takes it. */
const struct pl_endpoint *pl_handler_find(void *site, const struct pl_http_request *,
					  unsigned *status);
/* The verifier of tokens for parley_verify_token; takes the reference; NULL: none. On the worker's
 * loop, or before it runs. */
void pl_handler_site_set_auth(struct pl_handler_site *, struct pl_auth *);

/*
 * [any thread] The public functions of the same names, once the server knows that it runs.
 * pl_handlers_publish: kind as in parley.h; room.len 0: all of the endpoint.
 */
int pl_handlers_publish(struct pl_handlers *, const char *pattern, struct pl_slice room,
			enum parley_kind, struct pl_slice data) PL_MUST_CHECK;
int pl_handlers_publish_object(struct pl_handlers *, const char *pattern, struct pl_slice room,
			       const struct parley_field *) PL_MUST_CHECK;
int pl_handlers_send_to(struct pl_handlers *, struct pl_slice id,
			struct pl_slice text) PL_MUST_CHECK;
int pl_handlers_kick(struct pl_handlers *, struct pl_slice id, uint16_t code,
		     const char *reason) PL_MUST_CHECK;
/* In a callback: the site whose worker runs it; of several, the one of the calling thread. NULL:
 * none. */
struct pl_handler_site *pl_handlers_here(struct pl_handlers *);
/* Around each callback, and around what else of the embedder's runs on this worker; enter returns
 * what leave wants. */
uintptr_t pl_handler_enter(struct pl_handler_site *);
void pl_handler_leave(struct pl_handler_site *, uintptr_t before);
/* On the site's worker: the connection, or NULL. */
parley_conn *pl_handler_site_conn(struct pl_handler_site *, struct pl_slice id);
int pl_handler_site_verify(struct pl_handler_site *, struct pl_slice token,
			   struct parley_identity *out) PL_MUST_CHECK;

/*
 * A request that is not an endpoint's, for a layer that shows it to a program: parley_request_*
 * answer about `seen`, which must live as long as this does; it has no params. server: what
 * parley_request_server reads; NULL when it is gone. from, seen: NULL where nobody knows. NULL: no
 * memory.
 */
parley_request *pl_request_show(const _Atomic(parley_server *) *server, void *user,
				const struct pl_ip *from, const struct pl_request *seen);
void pl_request_hide(parley_request *); /* NULL is fine */

#endif
