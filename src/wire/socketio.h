/*
 * socketio.h - Socket.IO protocol 5 without I/O: the text of a packet, and the attachments that
 * follow it.
 *
 * <type>[<attachments>-][<namespace>,][<ack id>][JSON], in an Engine.IO message; then as many
 * binary messages as were announced. {"_placeholder":true,"num":i} in the JSON stands for
 * attachment i.
 */
#ifndef PL_WIRE_SOCKETIO_H
#define PL_WIRE_SOCKETIO_H

#include "base/buf.h"
#include "wire/json.h"

enum pl_sio_type {
	PL_SIO_CONNECT,
	PL_SIO_DISCONNECT,
	PL_SIO_EVENT,
	PL_SIO_ACK,
	PL_SIO_CONNECT_ERROR,
	PL_SIO_BINARY_EVENT,
	PL_SIO_BINARY_ACK,
};

enum {
	PL_SIO_ATTACHMENTS_MAX = 64, /* whatever an option says; the default of servers is 10 */
	PL_SIO_NAMESPACE_MAX = 255,
	PL_SIO_ID_DIGITS = 15, /* of an ack id: below 2^53, as JavaScript counts */
};

/* The head of a packet; slices point into its text. */
struct pl_sio_head {
	enum pl_sio_type type; /* as it was written: 5 and 6 too */
	uint32_t attachments;
	struct pl_slice nsp; /* "/" where none was written */
	bool has_id;
	uint64_t id;
	struct pl_slice json; /* what is left; empty: none */
};

/*
 * PL_EPROTO: not a head, or one that may not be: attachments of another type than 5 and 6, none of
 * those, a name or an id too long. PL_ELIMIT: attachments over max_attachments. An ack without an
 * id is not refused here.
 */
int pl_sio_read_head(struct pl_slice text, uint32_t max_attachments,
		     struct pl_sio_head *out) PL_MUST_CHECK;
/*
 * Whether the JSON of a packet is what its type asks for: CONNECT nothing or an object, DISCONNECT
 * nothing, EVENT an array that begins with a string that is not reserved or with a number, ACK an
 * array, CONNECT_ERROR never (a server's word). json NULL: there was none. All from a client.
 */
bool pl_sio_payload_fits(const struct pl_sio_head *, const struct pl_json *json);
/* connect, connect_error, disconnect, disconnecting, newListener, removeListener */
bool pl_sio_is_reserved(struct pl_slice event);
/*
 * Which attachment this value stands for; PL_ENOTFOUND: it is no placeholder; PL_EPROTO: one that
 * is malformed or has a number of `attachments` or more.
 */
int pl_sio_placeholder(const struct pl_json *, uint32_t attachments, uint32_t *num) PL_MUST_CHECK;
/*
 * Visits the placeholders in the value, depth first, in the order of the text. A visit that returns
 * an error ends it. PL_EPROTO: one of them is malformed. Linear.
 */
int pl_sio_each_placeholder(const struct pl_json *, uint32_t attachments,
			    int (*visit)(void *ctx, const struct pl_json *, uint32_t num),
			    void *ctx) PL_MUST_CHECK;
/* Whether all placeholders anywhere in the value are good. Linear. Only types 5 and 6 have any: in
 * another packet such an object is what it looks like. */
bool pl_sio_placeholders_fit(const struct pl_json *, uint32_t attachments);

/* Appends a head: nsp "/" is left out, as are attachments of 0 and an id that is not there. The
 * JSON follows. */
void pl_sio_put_head(struct pl_buf *, const struct pl_sio_head *);
/* {"_placeholder":true,"num":i} */
void pl_sio_put_placeholder(struct pl_buf *, uint32_t num);

#endif
