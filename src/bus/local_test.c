/*
 * local_test.c - proves that events of one publisher reach every worker in the order of publishing,
 * from any thread, once each, and that none is lost in memory when the loops stop early.
 */
#include "bus/bus.h"

#include "base/clock.h"
#include "base/mem.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

enum { NODES = 4, PUBLISHERS = 6, EACH = 2000 };

struct ear {
	struct pl_bus_node node;
	pthread_t thread;
	uint64_t last[PUBLISHERS];
	_Atomic uint64_t heard;
	bool is_out_of_order;
};

static void on_event(struct pl_bus_node *node, struct pl_event *e)
{
	struct ear *ear = PL_CONTAINER(node, struct ear, node);
	ear->is_out_of_order |= e->wall_ms != ear->last[e->origin] + 1;
	ear->last[e->origin] = e->wall_ms;
	atomic_fetch_add(&ear->heard, 1);
}

static void *run(void *loop)
{
	pl_loop_run(loop);
	return NULL;
}

static void start(struct pl_bus **bus, struct ear ears[NODES])
{
	struct pl_loop_options o = {.engine = PL_ENGINE_EPOLL};
	memset(ears, 0, NODES * sizeof(*ears));
	assert_int_equal(pl_bus_local_new(bus), 0);
	for (uint32_t i = 0; i < NODES; i++) {
		assert_int_equal(pl_loop_new(&o, &ears[i].node.loop), 0);
		ears[i].node.on_event = on_event;
		assert_int_equal(pl_bus_attach(*bus, &ears[i].node), 0);
		assert_int_equal(ears[i].node.index, i);
	}
	assert_int_equal(pl_bus_nodes(*bus), NODES);
	for (int i = 0; i < NODES; i++)
		assert_int_equal(pthread_create(&ears[i].thread, NULL, run, ears[i].node.loop), 0);
}

/* What is in the mailboxes is taken in before the loops are freed: that is the owner's part. */
static void stop(struct pl_bus *bus, struct ear ears[NODES])
{
	for (int i = 0; i < NODES; i++)
		pl_loop_stop(ears[i].node.loop);
	for (int i = 0; i < NODES; i++)
		pthread_join(ears[i].thread, NULL);
	for (int i = 0; i < NODES; i++)
		pl_loop_turn(ears[i].node.loop, 0);
	for (int i = 0; i < NODES; i++)
		pl_loop_free(ears[i].node.loop);
	pl_bus_free(bus);
}

struct publisher {
	struct pl_bus *bus;
	unsigned number;
	pthread_t thread;
};

static void *publish(void *arg)
{
	struct publisher *p = arg;
	for (uint64_t i = 1; i <= EACH; i++) {
		struct pl_event *e = pl_event_new(PL_EV_RAW);
		if (!e)
			return p; /* the main thread asserts */
		e->origin = p->number;
		e->wall_ms = i;
		if (pl_bus_publish(p->bus, e))
			return p;
	}
	return NULL;
}

static void publish_all(struct pl_bus *bus)
{
	struct publisher p[PUBLISHERS];
	for (unsigned i = 0; i < PUBLISHERS; i++) {
		p[i] = (struct publisher){.bus = bus, .number = i};
		assert_int_equal(pthread_create(&p[i].thread, NULL, publish, &p[i]), 0);
	}
	for (int i = 0; i < PUBLISHERS; i++) {
		void *failed;
		pthread_join(p[i].thread, &failed);
		assert_null(failed);
	}
}

static void each_publishers_order_is_kept_everywhere(void **state)
{
	struct pl_bus *bus;
	struct ear ears[NODES];
	(void)state;
	start(&bus, ears);
	publish_all(bus);
	stop(bus, ears);
	for (int i = 0; i < NODES; i++) {
		assert_int_equal(ears[i].heard, PUBLISHERS * EACH);
		assert_false(ears[i].is_out_of_order);
	}
}

static void loops_that_stop_early_leak_nothing(void **state)
{
	struct pl_bus *bus;
	struct ear ears[NODES];
	(void)state;
	start(&bus, ears);
	pl_loop_stop(ears[1].node.loop);
	pl_loop_stop(ears[3].node.loop);
	publish_all(bus);
	stop(bus, ears);
	for (int i = 0; i < NODES; i++)
		assert_false(ears[i].is_out_of_order);
}

static void one_node_alone_may_be_told(void **state)
{
	struct pl_bus *bus;
	struct ear ears[NODES];
	(void)state;
	start(&bus, ears);
	for (uint64_t i = 1; i <= 100; i++) {
		struct pl_event *e = pl_event_new(PL_EV_SESSION);
		assert_non_null(e);
		e->wall_ms = i;
		assert_int_equal(pl_bus_send(bus, 2, e), 0);
	}
	stop(bus, ears);
	for (int i = 0; i < NODES; i++) {
		assert_int_equal(ears[i].heard, i == 2 ? 100 : 0);
		assert_false(ears[i].is_out_of_order);
	}
}

static void all_nodes_agree_on_the_keeper_and_share_the_work(void **state)
{
	struct pl_bus *bus;
	struct ear ears[NODES];
	unsigned kept[NODES] = {0};
	(void)state;
	start(&bus, ears);
	for (uint32_t i = 0; i < 4000; i++) {
		uint32_t at = pl_bus_keeper(bus, pl_slice(&i, sizeof(i)));
		assert_true(at < NODES);
		assert_int_equal(at, pl_bus_keeper(bus, pl_slice(&i, sizeof(i))));
		kept[at]++;
	}
	for (int i = 0; i < NODES; i++)
		assert_in_range(kept[i], 800, 1200);
	stop(bus, ears);
}

static void without_memory_nobody_hears_and_nothing_leaks(void **state)
{
	struct pl_bus *bus;
	struct ear ears[NODES];
	(void)state;
	start(&bus, ears);
	struct pl_event *e = pl_event_new(PL_EV_RAW);
	assert_non_null(e);
	pl_mem_fail_at(1, false);
	assert_int_equal(pl_bus_publish(bus, e), PL_ENOMEM);
	pl_mem_fail_at(0, false);
	stop(bus, ears);
	for (int i = 0; i < NODES; i++)
		assert_int_equal(ears[i].heard, 0);
}

static void there_is_a_limit_of_nodes(void **state)
{
	static struct pl_bus_node nodes[PL_BUS_NODES_MAX + 1];
	struct pl_bus *bus;
	(void)state;
	assert_int_equal(pl_bus_local_new(&bus), 0);
	for (int i = 0; i < PL_BUS_NODES_MAX; i++)
		assert_int_equal(pl_bus_attach(bus, &nodes[i]), 0);
	assert_int_equal(pl_bus_attach(bus, &nodes[PL_BUS_NODES_MAX]), PL_ELIMIT);
	pl_bus_free(bus);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_publishers_order_is_kept_everywhere),
		cmocka_unit_test(loops_that_stop_early_leak_nothing),
		cmocka_unit_test(one_node_alone_may_be_told),
		cmocka_unit_test(all_nodes_agree_on_the_keeper_and_share_the_work),
		cmocka_unit_test(without_memory_nobody_hears_and_nothing_leaks),
		cmocka_unit_test(there_is_a_limit_of_nodes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
