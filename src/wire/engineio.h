/*
 * engineio.h - Engine.IO protocol 4 without I/O: packets, the payload of a polling request, the
 * query of a request, the words of its errors.
 *
 * On a WebSocket one frame is one packet: a text frame is the type's digit and the data, a binary
 * frame is a binary message without any prefix. A polling payload is packets joined by 0x1E; a
 * binary message in it is 'b' and base64.
 */
#ifndef PL_WIRE_ENGINEIO_H
#define PL_WIRE_ENGINEIO_H

#include "base/buf.h"

enum pl_eio_type {
	PL_EIO_OPEN,
	PL_EIO_CLOSE,
	PL_EIO_PING,
	PL_EIO_PONG,
	PL_EIO_MESSAGE,
	PL_EIO_UPGRADE,
	PL_EIO_NOOP,
};

struct pl_eio_packet {
	enum pl_eio_type type;
	bool is_binary; /* a binary message */
	struct pl_slice data;
};

enum { PL_EIO_PACKETS_MAX = 10000 /* of one payload */, PL_EIO_SEPARATOR = 0x1e };

/* A text frame. PL_EPROTO: empty, or its first character is no type. */
int pl_eio_read(struct pl_slice frame, struct pl_eio_packet *out) PL_MUST_CHECK;

/* The packets of a polling payload, one after the other. Zeroed with `rest` set to the payload. */
struct pl_eio_payload {
	struct pl_slice rest;
	uint32_t count; /* packets so far */
	bool is_over;
};
/*
 * The next packet. Base64 is decoded in place: the payload's bytes are changed. PL_ENOTFOUND: there
 * is none; PL_EPROTO: not a payload (an empty one, a bad type, text that is not UTF-8, bad base64:
 * stricter than the Node server, which decodes what it can); PL_ELIMIT: over PL_EIO_PACKETS_MAX.
 * After an error there is none. Linear in the payload's length.
 */
int pl_eio_next(struct pl_eio_payload *, struct pl_eio_packet *out) PL_MUST_CHECK;

/* Appends a packet as it stands in a payload, with a separator before it unless it is the first. */
void pl_eio_put(struct pl_buf *, const struct pl_eio_packet *);
/* Bytes that this would append, separator included. */
size_t pl_eio_size(const struct pl_eio_packet *);

struct pl_eio_hello {
	struct pl_slice sid;
	bool may_upgrade; /* to a WebSocket */
	uint32_t ping_interval_ms, ping_timeout_ms, max_payload;
};
/* The open packet, as a frame: 0{"sid":...}. */
void pl_eio_put_open(struct pl_buf *, const struct pl_eio_hello *);

enum pl_eio_transport { PL_EIO_NO_TRANSPORT, PL_EIO_POLLING, PL_EIO_WEBSOCKET };

/* What a request says in its query. */
struct pl_eio_query {
	enum pl_eio_transport transport; /* NO_TRANSPORT: missing or unknown */
	uint32_t version;                /* EIO; 3: missing, or anything but 4 */
	struct pl_slice sid;             /* as written; at == NULL: none */
	bool is_base64;                  /* b64: the client takes no binary frames */
	bool is_jsonp;                   /* j */
};
/*
 * Never fails: what is malformed is not there. Slices point into the query. What is given twice is
 * as if its value were empty: a transport that is none, a sid that no session has, revision 3.
 */
void pl_eio_read_query(struct pl_slice query, struct pl_eio_query *out);

/* Numbers and texts that clients know. */
enum pl_eio_error {
	PL_EIO_UNKNOWN_TRANSPORT,
	PL_EIO_UNKNOWN_SID,
	PL_EIO_BAD_HANDSHAKE_METHOD,
	PL_EIO_BAD_REQUEST,
	PL_EIO_FORBIDDEN,
	PL_EIO_UNSUPPORTED_PROTOCOL,
	PL_EIO__ERRORS
};
const char *pl_eio_error_text(enum pl_eio_error);
/* {"code":N,"message":"..."}; text.at == NULL: the error's own. */
void pl_eio_put_error(struct pl_buf *, enum pl_eio_error, struct pl_slice text);

#endif
