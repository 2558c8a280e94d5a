/*
 * qrypt.h - the QryptChat dialect: JSON {type, payload, requestId, timestamp} over one WebSocket.
 */
#ifndef PL_DIALECT_QRYPT_H
#define PL_DIALECT_QRYPT_H

#include "conn/endpoint.h"
#include "dialect/session.h"

/* The endpoint's ctx must be the worker's struct pl_gateway. */
extern const struct pl_endpoint pl_qrypt_endpoint;
extern const struct pl_dialect pl_qrypt_dialect;

/* docs/dialects/qryptchat.md, from the tables. */
void pl_qrypt_document(struct pl_buf *);

#endif
