/* json_out_nested_test.c - proves that objects in each other are written, and how deep they go. */
#include "handler/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void expect(const struct parley_field *f, const char *json)
{
	struct pl_buf b;
	pl_buf_init(&b, 4096);
	assert_int_equal(pl_fields_write(&b, f), 0);
	pl_buf_putc(&b, '\0');
	assert_string_equal(b.at, json);
	pl_buf_fini(&b);
}

static void inside(void **state)
{
	(void)state;
	expect(PARLEY_MSG("authenticated",
			  parley_kobj("user", PARLEY_OBJ(parley_kstr("id", PARLEY_S("a\"b")),
							 parley_kint("age", 7))),
			  parley_kbool("ok", true)),
	       "{\"type\":\"authenticated\",\"user\":{\"id\":\"a\\\"b\",\"age\":7},\"ok\":true}");
	const struct parley_field none[] = {{.key = NULL}};
	expect(PARLEY_OBJ(parley_kobj("none", none)), "{\"none\":{}}");
}

/* fields[0] is the outermost object; each holds the next. */
static int nested(struct pl_buf *b, size_t depth)
{
	struct parley_field fields[16][2] = {{{.key = NULL}}};
	for (size_t i = 0; i < depth; i++)
		fields[i][0] =
			i + 1 == depth ? parley_kint("n", 1) : parley_kobj("o", fields[i + 1]);
	pl_buf_clear(b);
	return pl_fields_write(b, fields[0]);
}

static void eight_deep_and_no_more(void **state)
{
	struct pl_buf b;
	struct parley_field itself[2] = {{.key = NULL}};
	(void)state;
	pl_buf_init(&b, 4096);
	assert_int_equal(nested(&b, 8), 0);
	assert_int_equal(nested(&b, 9), PL_EINVAL);
	itself[0] = parley_kobj("me", itself);
	assert_int_equal(pl_fields_write(&b, itself), PL_EINVAL);
	itself[0] = parley_kobj("nothing", NULL);
	assert_int_equal(pl_fields_write(&b, itself), PL_EINVAL);
	pl_buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inside),
		cmocka_unit_test(eight_deep_and_no_more),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
