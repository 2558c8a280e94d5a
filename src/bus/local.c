/* local.c - the bus inside one process: a task in each worker's mailbox. */
#include "bus/bus.h"

#include "base/map.h"
#include "base/mem.h"

struct pl_bus {
	struct pl_bus_node *nodes[PL_BUS_NODES_MAX];
	uint32_t count;
};

struct delivery {
	struct pl_task task;
	struct pl_bus_node *node;
	struct pl_event *event; /* one reference; the delivery itself lies in the event's arena */
};

int pl_bus_local_new(struct pl_bus **out)
{
	*out = PL_NEW(struct pl_bus);
	return *out ? 0 : PL_ENOMEM;
}

void pl_bus_free(struct pl_bus *bus)
{
	pl_free(bus);
}

int pl_bus_attach(struct pl_bus *bus, struct pl_bus_node *node)
{
	if (bus->count == PL_BUS_NODES_MAX)
		return PL_ELIMIT;
	node->index = bus->count;
	bus->nodes[bus->count++] = node;
	return 0;
}

uint32_t pl_bus_nodes(const struct pl_bus *bus)
{
	return bus->count;
}

static void deliver(struct pl_task *t)
{
	struct delivery *d = PL_CONTAINER(t, struct delivery, task);
	struct pl_event *event = d->event;
	d->node->on_event(d->node, event);
	pl_event_release(event); /* and with the last one, d */
}

static int post(struct pl_bus *bus, uint32_t first, uint32_t count, struct pl_event *e)
{
	/* In the event's own arena: the deliveries live exactly as long as it does. */
	struct delivery *d = pl_arena_array(&e->arena, count, sizeof(*d));
	if (!d) {
		pl_event_release(e);
		return PL_ENOMEM;
	}
	for (uint32_t i = 0; i < count; i++)
		d[i] = (struct delivery){.task.run = deliver,
					 .node = bus->nodes[first + i],
					 .event = pl_event_retain(e)};
	for (uint32_t i = 0; i < count; i++)
		pl_loop_post(d[i].node->loop, &d[i].task);
	pl_event_release(e);
	return 0;
}

int pl_bus_publish(struct pl_bus *bus, struct pl_event *e)
{
	return post(bus, 0, bus->count, e);
}

int pl_bus_send(struct pl_bus *bus, uint32_t node, struct pl_event *e)
{
	return post(bus, node, 1, e);
}

uint32_t pl_bus_keeper(const struct pl_bus *bus, struct pl_slice key)
{
	/* Fixed, not secret: every node must come to the same answer. */
	static const uint64_t seed[2] = {0x7061726c65792d62, 0x75732d6b65657065};
	return (uint32_t)(pl_siphash(seed, key) % bus->count);
}
