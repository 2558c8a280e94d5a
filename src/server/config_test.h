/* config_test.h - one load of a configuration, for the tests of this folder. */
#ifndef PL_SERVER_CONFIG_TEST_H
#define PL_SERVER_CONFIG_TEST_H

#include "server/options.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define SECRET_32 "0123456789abcdefghijklmnopqrstuv"
#define COUNT(a)  (sizeof(a) / sizeof(*(a)))

static inline struct pl_config_flag set(const char *key, const char *value)
{
	return (struct pl_config_flag){
		.key = pl_slice_str(key), .value = pl_slice_str(value), .shown = "--set"};
}

static inline struct pl_config_flag listen_flag(const char *value)
{
	return (struct pl_config_flag){.key = PL_S("listen"),
				       .value = pl_slice_str(value),
				       .shown = "--listen",
				       .append = true};
}

/* The result of one load; must be freed. */
struct loaded {
	struct pl_config *config; /* NULL: refused */
	struct pl_findings findings;
	int err;
};

static inline struct loaded load(const char *const *env, const struct pl_config_flag *flags,
				 size_t n)
{
	struct pl_config_input in = {.env = env, .flags = flags, .nflags = n};
	struct loaded l = {.config = NULL};
	pl_findings_init(&l.findings);
	l.err = pl_config_load(&in, &l.findings, &l.config);
	return l;
}

static inline void unload(struct loaded *l)
{
	pl_config_free(l->config);
	pl_findings_fini(&l->findings);
}

static inline bool says(const struct loaded *l, const char *words)
{
	const struct pl_buf *b = &l->findings.text;
	return b->len && memmem(b->at, b->len, words, strlen(words));
}

static inline void assert_value(const struct pl_config *c, const char *name, const char *want)
{
	struct pl_buf b;
	pl_buf_init(&b, 1 << 16);
	pl_option_print(c, pl_option_find(pl_slice_str(name)), &b);
	pl_buf_putc(&b, '\0');
	assert_string_equal(b.at, want);
	pl_buf_fini(&b);
}

#endif
