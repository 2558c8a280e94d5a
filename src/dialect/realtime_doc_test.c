/* realtime_doc_test.c - proves that docs/dialects/realtime.md says what the tables say. */
#include "dialect/realtime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static void the_page_is_what_the_tables_print(void **state)
{
	(void)state;
	static char page[1 << 18];
	struct pl_buf b;
	FILE *f = fopen(PL_SOURCE_DIR "/docs/dialects/realtime.md", "r");
	assert_non_null(f);
	size_t n = fread(page, 1, sizeof(page), f);
	fclose(f);
	pl_buf_init(&b, sizeof(page));
	pl_realtime_document(&b);
	assert_int_equal(b.err, 0);
	assert_int_equal(n, b.len);
	assert_memory_equal(page, b.at, n); /* else: make docs */
	pl_buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(the_page_is_what_the_tables_print)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
