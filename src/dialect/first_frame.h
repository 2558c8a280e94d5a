/*
 * first_frame.h - one address for clients of all dialects: what a client speaks shows in how it
 * comes or in its first frame. Nobody is greeted before; who brought a token is online.
 */
#ifndef PL_DIALECT_FIRST_FRAME_H
#define PL_DIALECT_FIRST_FRAME_H

#include "conn/endpoint.h"

/*
 * The endpoint's ctx must be the worker's struct pl_gateway. The second one also takes native
 * guests. Sockets for presence have an address of their own: they say what those for chat say.
 */
extern const struct pl_endpoint pl_first_frame_endpoint, pl_first_frame_guest_endpoint;

#endif
