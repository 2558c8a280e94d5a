/*
 * ws.h - WebSocket (RFC 6455) without I/O, for both ends: handshake values, frames out, and bytes
 * in to whole messages. Pure state, no locks: an object belongs to one thread at a time.
 */
#ifndef PL_WIRE_WS_H
#define PL_WIRE_WS_H

#include "base/buf.h"
#include "base/frame.h"
#include "wire/deflate.h"

enum pl_ws_op {
	PL_WS_CONT = 0,
	PL_WS_TEXT = 1,
	PL_WS_BINARY = 2,
	PL_WS_CLOSE = 8,
	PL_WS_PING = 9,
	PL_WS_PONG = 10,
};

/* --- handshake ---------------------------------------------------------------------------- */

enum { PL_WS_KEY_LEN = 24, PL_WS_ACCEPT_LEN = 28 };

/*
 * Values of header fields; at == NULL when absent. Fields that may be lists and came on several
 * lines are joined by a comma. The key and the version must have come once: that, the method (GET)
 * and the version of HTTP (1.1) are the caller's to check.
 */
struct pl_ws_request {
	struct pl_slice upgrade, connection, key, version;
};

/* The HTTP status to answer: 101, 400, or 426 (also send "Sec-WebSocket-Version: 13"). */
int pl_ws_request_check(const struct pl_ws_request *);
/* Is `token` in the comma-separated list, whatever its case? */
bool pl_ws_has_token(struct pl_slice list, struct pl_slice token);
/* Sec-WebSocket-Accept for a key of 24 characters. 0, PL_EINVAL, or PL_EIO (no SHA-1).  */
int pl_ws_accept_key(struct pl_slice key, char out[PL_WS_ACCEPT_LEN]) PL_MUST_CHECK;
/*
 * The first protocol of the client's list (Sec-WebSocket-Protocol) that is one of ours; compared
 * byte by byte. False, *out untouched: none.
 */
bool pl_ws_pick_protocol(struct pl_slice offered, const struct pl_slice *ours, size_t count,
			 struct pl_slice *out);
/*
 * The whole 101 head. protocol and extensions: at == NULL leaves the field out; both come from our
 * own tables, never from the peer. 0, PL_EIO, or the buffer's error.
 */
int pl_ws_answer(struct pl_buf *, struct pl_slice key, struct pl_slice protocol,
		 struct pl_slice extensions) PL_MUST_CHECK;

/* Client: a fresh random Sec-WebSocket-Key. */
void pl_ws_new_key(char out[PL_WS_KEY_LEN]);
/* Client: does the server's 101 fit the key? 0 or PL_EPROTO. */
int pl_ws_answer_check(struct pl_slice key, struct pl_slice upgrade, struct pl_slice connection,
		       struct pl_slice accept) PL_MUST_CHECK;

/* --- frames out --------------------------------------------------------------------------- */

enum { PL_WS_HEADER_MAX = 14, PL_WS_CONTROL_MAX = 125 };

/* Writes the header of a final frame with len payload bytes; returns its length (2..14). mask may
 * be NULL. */
size_t pl_ws_header(char out[PL_WS_HEADER_MAX], enum pl_ws_op, size_t len, bool rsv1,
		    const uint8_t mask[4]);
/*
 * XORs n bytes with the mask, from -> to (the same place, or apart). Returns whether a byte of the
 * result is not ASCII.
 */
bool pl_ws_mask(char *to, const char *from, size_t n, const uint8_t mask[4]);
/* The mask as it stands n bytes later. */
void pl_ws_mask_turn(uint8_t mask[4], size_t n);

/* A server's frame, header and payload, to be shared. NULL: no memory, or too long. */
struct pl_frame *pl_ws_frame(enum pl_ws_op, struct pl_slice payload);
/* The same, compressed where that makes it shorter. For connections that negotiated deflate. */
struct pl_frame *pl_ws_frame_deflated(struct pl_deflater *, enum pl_ws_op, struct pl_slice payload);
/* Appends a frame; mask NULL: a server's. The buffer keeps the error. */
void pl_ws_put(struct pl_buf *, enum pl_ws_op, struct pl_slice payload, const uint8_t mask[4]);
/* The same, compressed where that makes it shorter. */
void pl_ws_put_deflated(struct pl_buf *, struct pl_deflater *, enum pl_ws_op,
			struct pl_slice payload, const uint8_t mask[4]);
/*
 * Payload of a close frame; returns its length. The reason (valid UTF-8) is cut at a character to
 * fit. Codes that must not be sent (1005, 1006, 1015, 0) give an empty payload.
 */
size_t pl_ws_close_payload(char out[PL_WS_CONTROL_MAX], uint16_t code, struct pl_slice reason);

/* --- bytes in ----------------------------------------------------------------------------- */

struct pl_ws_limits {
	uint32_t max_message; /* bytes of a message, compressed and not */
	uint32_t max_frames;  /* >= 1: frames of an unfinished message, control frames too */
	bool from_client;     /* frames must be masked (we are the server), else must not */
	bool deflate;         /* negotiated */
};

struct pl_ws_part;

/*
 * Zeroed at birth. Invariant: part is NULL unless a frame or a message is unfinished (or the last
 * event still points into it), so an idle connection owns these 16 bytes and nothing else.
 */
struct pl_ws_reader {
	struct pl_ws_part *part;
	uint8_t fault;  /* once set, every read fails the same way */
	bool delivered; /* the last event points into part; the next call frees it */
	bool closed;    /* a close frame was delivered; what follows is swallowed */
};

struct pl_ws_event {
	enum pl_ws_op op;       /* TEXT, BINARY, CLOSE, PING, PONG */
	uint16_t close_code;    /* CLOSE: the peer's, 1005 when it gave none. Fault: to send */
	struct pl_slice data;   /* the message, or the control frame's payload */
	struct pl_slice reason; /* CLOSE: the peer's, valid UTF-8. Fault: a literal, to send */
};

/*
 * Takes bytes from *at (advancing *at and *n; they are unmasked in place). Call it until it gives
 * 0.
 *
 * 1: *ev is a whole message or a control frame; its data lie in the caller's bytes, in the reader,
 *    or in the inflater, and are valid until the next call with the same reader or inflater.
 * 0: more bytes are needed; all of the input was used and the caller's buffer is free again.
 * <0: the peer broke the protocol (PL_EPROTO; 1002, 1007), a limit (PL_ETOOBIG; 1009), or there is
 *    no memory (PL_ENOMEM; 1011): ev->close_code and ev->reason say how to close. Sticky.
 *
 * All events before a fault are delivered first. The inflater may be NULL when deflate is off.
 */
int pl_ws_read(struct pl_ws_reader *, const struct pl_ws_limits *, struct pl_inflater *, char **at,
	       size_t *n, struct pl_ws_event *ev) PL_MUST_CHECK;

/*
 * In the middle of a large payload: a span of at least 4 KiB that the caller can receive into, so
 * that the bytes need not be copied; never longer than what is missing of the frame. False: there
 * is none (or no memory), receive elsewhere and use pl_ws_read. (With recvmsg the span can come
 * first and the worker's own buffer second.)
 */
bool pl_ws_want(struct pl_ws_reader *, const struct pl_ws_limits *, char **at, size_t *n);
/* n bytes (at most the span) were received there. Then call pl_ws_read, with *n == 0 or more. */
void pl_ws_filled(struct pl_ws_reader *, size_t n);

/* Is a message or a frame unfinished? */
static inline bool pl_ws_unfinished(const struct pl_ws_reader *r)
{
	return r->part && !r->delivered;
}

/* Frees what an unfinished message holds; the reader is as new. */
void pl_ws_reader_fini(struct pl_ws_reader *);

#endif
