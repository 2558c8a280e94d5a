/*
 * deflate.h - permessage-deflate (RFC 7692) without context takeover: one compressor and one
 * decompressor serve all connections of a worker, and a connection owns neither.
 *
 * Every message is compressed for itself, so a frame is compressed once and sent to a whole room.
 * Not thread-safe: one pl_deflater and one pl_inflater per worker.
 */
#ifndef PL_WIRE_DEFLATE_H
#define PL_WIRE_DEFLATE_H

#include "base/buf.h"

struct pl_deflate_options {
	int level;        /* zlib's, 1..9 */
	int window_bits;  /* 9..15; offers that ask us for a smaller window are declined */
	int mem_level;    /* zlib's, 1..9; the hash cleared before each message is 2^(8+it) bytes */
	size_t threshold; /* shorter messages go out as they are */
};

/* Level 1, a window of 4 KiB, memory level 5, threshold 1024. */
struct pl_deflate_options pl_deflate_defaults(void);

/* --- negotiation ------------------------------------------------------------------------- */

/*
 * Server: looks through the value of Sec-WebSocket-Extensions for the first permessage-deflate
 * offer that we can meet (of the first 8 extensions named; one pass). 1: *response holds the value
 * of the answering header; 0: no such offer, do not answer; PL_EINVAL: the value breaks the
 * grammar (refuse the handshake); PL_ENOMEM or PL_ETOOBIG from the buffer.
 *
 * The answer always says server_no_context_takeover and client_no_context_takeover. An offer with
 * server_max_window_bits below our window is declined, as the compressor is shared.
 * client_max_window_bits is never asked for: the decompressor takes every window.
 */
int pl_deflate_pick(struct pl_slice value, const struct pl_deflate_options *,
		    struct pl_buf *response) PL_MUST_CHECK;

/* Client: what to send as Sec-WebSocket-Extensions. */
#define PL_DEFLATE_OFFER \
	PL_S("permessage-deflate; server_no_context_takeover; client_no_context_takeover")
/*
 * Client: is the server's answer to PL_DEFLATE_OFFER right? 1: deflate is on; 0: no extension (an
 * absent value); PL_EPROTO: fail the connection.
 */
int pl_deflate_answered(struct pl_slice value) PL_MUST_CHECK;

/* --- compression ------------------------------------------------------------------------- */

struct pl_deflater;
/* Options out of range: PL_EINVAL. */
int pl_deflater_new(const struct pl_deflate_options *, struct pl_deflater **out) PL_MUST_CHECK;
void pl_deflater_free(struct pl_deflater *);
/*
 * One whole message. 1: *out is the payload of a frame with RSV1, shorter than the message, valid
 * until the next call with this deflater; 0: below the threshold or not smaller, send the message
 * as it is; PL_ENOMEM. Memory beyond 64 KiB is given back by the next call.
 */
int pl_deflate(struct pl_deflater *, struct pl_slice message, struct pl_slice *out) PL_MUST_CHECK;

struct pl_inflater;
int pl_inflater_new(struct pl_inflater **out) PL_MUST_CHECK;
void pl_inflater_free(struct pl_inflater *);
/*
 * One whole payload of frames that had RSV1. 0: *out is the message, valid until the next call
 * with this inflater. PL_ETOOBIG: it would be longer than max (found after at most max + 1 bytes);
 * PL_EPROTO: not a complete sequence of DEFLATE blocks; PL_ENOMEM. Memory beyond 64 KiB is given
 * back by the next call.
 */
int pl_inflate(struct pl_inflater *, struct pl_slice payload, size_t max,
	       struct pl_slice *out) PL_MUST_CHECK;

#endif
