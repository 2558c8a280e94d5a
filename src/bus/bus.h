/*
 * bus.h - the port by which events reach every node. Publishing is the only way to reach a room.
 *
 * A node is a worker of this process; with a cluster behind the port other processes' workers hear
 * the same events. Events of one publisher arrive everywhere in the order of publishing.
 */
#ifndef PL_BUS_BUS_H
#define PL_BUS_BUS_H

#include "loop/loop.h"
#include "model/event.h"

struct pl_bus;

/* A worker's ear. on_event runs on its loop; the event is the bus's, valid for the length of the
 * call. */
struct pl_bus_node {
	struct pl_loop *loop;
	void (*on_event)(struct pl_bus_node *, struct pl_event *);
	uint32_t index; /* set by the bus, from 0 */
};

enum { PL_BUS_NODES_MAX = 256 };

/* The bus between the workers of one process. */
int pl_bus_local_new(struct pl_bus **out) PL_MUST_CHECK;
/* After the loops have stopped, and each was turned once more: what lies in a mailbox then is not
 * reached from here. NULL is fine. */
void pl_bus_free(struct pl_bus *);

/* Before the first event is published. PL_ELIMIT: too many nodes. */
int pl_bus_attach(struct pl_bus *, struct pl_bus_node *) PL_MUST_CHECK;
uint32_t pl_bus_nodes(const struct pl_bus *);

/* [any thread] To all nodes. Takes the reference, also on failure (PL_ENOMEM: nobody hears it). */
int pl_bus_publish(struct pl_bus *, struct pl_event *) PL_MUST_CHECK;
/* [any thread] To one node only. Takes the reference. */
int pl_bus_send(struct pl_bus *, uint32_t node, struct pl_event *) PL_MUST_CHECK;
/* The node that keeps what there must be one truth about for this key (a user's presence). */
uint32_t pl_bus_keeper(const struct pl_bus *, struct pl_slice key);

#endif
