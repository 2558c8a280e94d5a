/*
 * realtime.h - the chat+presence dialect: flat JSON {type, ...} in capitals, one WebSocket to talk
 * and another one to hear who is online.
 *
 * It has two families of clients. Those that bring their token with the handshake hear the older
 * words (MESSAGE, STATUS_CHANGE); those that say AUTH first hear the documented ones
 * (ONE_TO_ONE_CHAT, PRESENCE_UPDATE). What they may say is one table.
 */
#ifndef PL_DIALECT_REALTIME_H
#define PL_DIALECT_REALTIME_H

#include "conn/endpoint.h"
#include "dialect/session.h"

/* The endpoint's ctx must be the worker's struct pl_gateway. */
extern const struct pl_endpoint pl_realtime_chat_endpoint, pl_realtime_presence_endpoint;

/* docs/dialects/realtime.md, from the tables. */
void pl_realtime_document(struct pl_buf *);

#endif
