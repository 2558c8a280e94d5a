/* session_conn.h - the line of most sessions: a WebSocket of their own. */
#ifndef PL_DIALECT_SESSION_CONN_H
#define PL_DIALECT_SESSION_CONN_H

#include "dialect/session.h"

extern const struct pl_line_ops pl_session_conn_line;

#endif
