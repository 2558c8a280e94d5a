/*
 * socketio.h - the Socket.IO dialect: a chat in the namespace "/", for stock clients, on the engine
 * of socketio/. A socket is the line of a session.
 */
#ifndef PL_DIALECT_SOCKETIO_H
#define PL_DIALECT_SOCKETIO_H

#include "dialect/session.h"
#include "socketio/socketio.h"

/* Before the first site. What pl_sio_site_set_ctx says of "/" must be the worker's struct
 * pl_gateway. */
int pl_socketio_add(struct pl_sio *, const char **why) PL_MUST_CHECK;

/* docs/dialects/socketio.md, from the tables. */
void pl_socketio_document(struct pl_buf *);

#endif
