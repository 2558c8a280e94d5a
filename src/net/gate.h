/* gate.h - how many connections may be open, in all and per caller. One for all listeners and
 * workers. */
#ifndef PL_NET_GATE_H
#define PL_NET_GATE_H

#include "base/limiter.h"
#include "net/address.h"

struct pl_gate;

struct pl_gate_options {
	uint32_t total;          /* 0: no limit but 2^31 */
	uint32_t per_site;       /* an IPv4 address, an IPv6 /64; 0: no limit. Unix sockets are not
				    counted */
	uint32_t new_per_second; /* per site; 0: no limit */
};

int pl_gate_new(const struct pl_gate_options *, struct pl_gate **out) PL_MUST_CHECK;
void pl_gate_free(struct pl_gate *);
/* [any thread] From now on. Who is inside stays. PL_ENOMEM: nothing changed. */
int pl_gate_set(struct pl_gate *, const struct pl_gate_options *) PL_MUST_CHECK;
/* [any thread] 0, PL_ELIMIT or PL_ENOMEM. What entered must leave once. */
int pl_gate_enter(struct pl_gate *, const struct pl_ip *, uint64_t now_ms) PL_MUST_CHECK;
/* [any thread] Who is inside turns out to be somebody else. On an error nothing has changed. */
int pl_gate_move(struct pl_gate *, const struct pl_ip *from, const struct pl_ip *to,
		 uint64_t now_ms) PL_MUST_CHECK;
/* [any thread] Who entered is no new arrival after all: it belongs to one that was counted. */
void pl_gate_excuse(struct pl_gate *, const struct pl_ip *, uint64_t now_ms);
void pl_gate_leave(struct pl_gate *, const struct pl_ip *);

#endif
