/*
 * native.h - the native dialect: flat JSON {type, ...} over one WebSocket, rooms by name.
 */
#ifndef PL_DIALECT_NATIVE_H
#define PL_DIALECT_NATIVE_H

#include "conn/endpoint.h"
#include "dialect/session.h"

/*
 * The endpoint's ctx must be the worker's struct pl_gateway. The second one also takes those who
 * bring no token, as guests; a token that is bad is refused by both.
 */
extern const struct pl_endpoint pl_native_endpoint, pl_native_guest_endpoint;

/*
 * A message type of the application's own. The gateway's table (native_handlers) ends with {0},
 * must outlive it, and wins over the types of the dialect. `message` is valid for the length of the
 * call.
 */
struct pl_custom_message {
	const char *type;
	void (*handle)(struct pl_session *, const struct pl_json *message, void *ctx);
	void *ctx;
};

/* docs/dialects/native.md, from the tables. */
void pl_native_document(struct pl_buf *);

#endif
