/* cmd_docs.c - parley docs PAGE: the pages of docs/ that are printed from tables. */
#include "cmd.h"

#include "dialect/native.h"
#include "dialect/qrypt.h"
#include "dialect/realtime.h"
#include "dialect/socketio.h"
#include "rest/rest.h"

#include <string.h>

struct page {
	const char *name;
	void (*print)(struct pl_buf *);
};

static const struct page pages[] = {
	{"configuration", pl_config_markdown}, {"qryptchat", pl_qrypt_document},
	{"native", pl_native_document},        {"realtime", pl_realtime_document},
	{"socketio", pl_socketio_document},    {"metrics", pl_rest_metrics_markdown},
};

static int print(const struct page *p)
{
	struct pl_buf b;
	pl_buf_init(&b, 1 << 20);
	p->print(&b);
	int code = put_buf(stdout, &b);
	pl_buf_fini(&b);
	return code;
}

static int run(const struct args *a)
{
	for (size_t i = 0; i < sizeof(pages) / sizeof(*pages); i++)
		if (!strcmp(a->words[0], pages[i].name))
			return print(&pages[i]);
	return fail_usage(a->command, "no page \"%s\"", a->words[0]);
}

const struct command cmd_docs = {
	.name = "docs",
	.args = "PAGE",
	.doc = "Print a page of the documentation that comes from a table.",
	.is_hidden = true,
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
