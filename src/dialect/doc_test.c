/* doc_test.c - proves that the pages of docs/dialects say what the tables say. */
#include "dialect/native.h"
#include "dialect/qrypt.h"
#include "dialect/realtime.h"
#include "dialect/socketio.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static const struct page {
	const char *path;
	void (*print)(struct pl_buf *out);
} pages[] = {
	{PL_SOURCE_DIR "/docs/dialects/native.md", pl_native_document},
	{PL_SOURCE_DIR "/docs/dialects/qryptchat.md", pl_qrypt_document},
	{PL_SOURCE_DIR "/docs/dialects/realtime.md", pl_realtime_document},
	{PL_SOURCE_DIR "/docs/dialects/socketio.md", pl_socketio_document},
};

static void is_what_is_printed(const struct page *p)
{
	static char kept[1 << 18];
	struct pl_buf b;
	FILE *f = fopen(p->path, "r");
	if (!f)
		fail_msg("cannot open %s", p->path);
	size_t n = fread(kept, 1, sizeof(kept), f);
	fclose(f);
	pl_buf_init(&b, sizeof(kept));
	p->print(&b);
	assert_int_equal(b.err, 0);
	if (n != b.len || memcmp(kept, b.at, n) != 0)
		fail_msg("%s is not what the tables print: make docs", p->path);
	pl_buf_fini(&b);
}

static void the_pages_are_what_the_tables_print(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(pages) / sizeof(*pages); i++)
		is_what_is_printed(&pages[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(the_pages_are_what_the_tables_print)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
