/* ws_header.h - the header of a frame that comes in, and what can be wrong with it. Used by the
 * reader alone. */
#ifndef PL_WIRE_WS_HEADER_H
#define PL_WIRE_WS_HEADER_H

#include "wire/ws.h"

enum pl_ws_fault {
	PL_WS_FINE,
	PL_WS_BAD_RSV,
	PL_WS_BAD_OPCODE,
	PL_WS_SPLIT_CONTROL,
	PL_WS_LONG_CONTROL,
	PL_WS_NO_START,
	PL_WS_NO_END,
	PL_WS_NO_MASK,
	PL_WS_HAS_MASK,
	PL_WS_BAD_LENGTH,
	PL_WS_BAD_CLOSE,
	PL_WS_BAD_TEXT,
	PL_WS_BAD_DEFLATE,
	PL_WS_TOO_BIG,
	PL_WS_TOO_MANY,
	PL_WS_NO_MEMORY,
};

struct pl_ws_fault_row {
	int err;
	uint16_t close_code;
	struct pl_slice reason;
};

/* fault is not PL_WS_FINE. */
const struct pl_ws_fault_row *pl_ws_fault_row(enum pl_ws_fault fault);

/* What the header is judged against. */
struct pl_ws_place {
	const struct pl_ws_limits *limits;
	bool can_inflate;
	bool in_message; /* one is open */
	uint32_t have;   /* its bytes so far, <= max_message */
};

struct pl_ws_head {
	enum pl_ws_op op;
	bool fin, rsv1;
	uint8_t size; /* of the header; 0: not all of it is here */
	uint8_t mask[4];
	uint64_t len; /* of the payload: <= 125 or <= max_message - have */
};

static inline bool pl_ws_is_control(enum pl_ws_op op)
{
	return op & 8;
}

/* Judges the header at at[0..n), n > 0, as far as it goes; *h is filled when h->size is not 0. */
enum pl_ws_fault pl_ws_decode(const struct pl_ws_place *, const uint8_t *at, size_t n,
			      struct pl_ws_head *h);
/* The code of a close frame, 1005 for an empty payload; *reason is what follows. */
enum pl_ws_fault pl_ws_decode_close(struct pl_slice payload, uint16_t *code,
				    struct pl_slice *reason);

#endif
