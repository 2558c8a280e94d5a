/* http_fields.h - between http_parse.c and http_fields.c: what the header fields say about the
 * message. */
#ifndef PL_WIRE_HTTP_FIELDS_H
#define PL_WIRE_HTTP_FIELDS_H

#include "wire/http.h"

/* Sets has_length, is_chunked, keep_alive, has_upgrade from headers[] and minor. 0, or the status
 * to answer. */
unsigned pl_http_fields_frame(struct pl_http_head *);
/* Sets host (unless the target named it) and expects_continue. 0, or the status to answer. */
unsigned pl_http_fields_request(struct pl_http_request *);

#endif
