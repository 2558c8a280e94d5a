/* Proves that what was not acknowledged is kept in order, bounded, and sent again under its id. */
#include "chat_outbox.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void it_is_bounded(void **state)
{
	struct outbox o;
	(void)state;
	outbox_init(&o);
	assert_null(outbox_first(&o));
	for (int i = 0; i < OUTBOX_MAX; i++)
		assert_int_equal(outbox_add(&o, "c", PL_S("x")), 0);
	assert_true(outbox_is_full(&o));
	assert_int_equal(outbox_add(&o, "c", PL_S("x")), PL_ELIMIT);
	outbox_fini(&o);
	assert_int_equal(o.count, 0);
}

static void a_lost_connection_keeps_order_and_id(void **state)
{
	struct outbox o;
	char id[PL_UUID_TEXT];
	(void)state;
	outbox_init(&o);
	assert_int_equal(outbox_add(&o, "c", PL_S("first")), 0);
	assert_int_equal(outbox_add(&o, "c", PL_S("second")), 0);
	struct outbox_message *m = outbox_first(&o);
	memcpy(id, m->id, sizeof(id));
	assert_null(outbox_on_its_way(&o, pl_slice(id, sizeof(id)))); /* not sent yet */
	m->is_sent = m->was_sent = true;
	assert_ptr_equal(outbox_on_its_way(&o, pl_slice(id, sizeof(id))), m);
	assert_null(outbox_on_its_way(&o, pl_slice(id, sizeof(id) - 1)));
	o.hold_ms = 5;
	outbox_rewind(&o);
	assert_int_equal(o.hold_ms, 0);
	assert_false(m->is_sent);
	assert_true(m->was_sent);
	assert_ptr_equal(outbox_first(&o), m);
	assert_memory_equal(m->id, id, sizeof(id));
	outbox_remove(&o, m);
	assert_memory_equal(outbox_first(&o)->text, "second", 6);
	assert_memory_not_equal(outbox_first(&o)->id, id, sizeof(id));
	outbox_fini(&o);
}

static void only_messages_without_an_address_get_one(void **state)
{
	struct outbox o;
	(void)state;
	outbox_init(&o);
	assert_int_equal(outbox_add(&o, "", PL_S("a")), 0);
	assert_int_equal(outbox_add(&o, "there", PL_S("b")), 0);
	outbox_address(&o, "here");
	assert_string_equal(outbox_first(&o)->conversation, "here");
	outbox_remove(&o, outbox_first(&o));
	assert_string_equal(outbox_first(&o)->conversation, "there");
	outbox_fini(&o);
}

static void no_memory_is_an_error_and_changes_nothing(void **state)
{
	struct outbox o;
	(void)state;
	outbox_init(&o);
	pl_mem_fail_at(1, false);
	assert_int_equal(outbox_add(&o, "c", PL_S("x")), PL_ENOMEM);
	pl_mem_fail_at(0, false);
	assert_int_equal(o.count, 0);
	assert_null(outbox_first(&o));
	outbox_fini(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_bounded),
		cmocka_unit_test(a_lost_connection_keeps_order_and_id),
		cmocka_unit_test(only_messages_without_an_address_get_one),
		cmocka_unit_test(no_memory_is_an_error_and_changes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
