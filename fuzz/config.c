/* config.c - any bytes as a configuration file, as one flag and as one environment variable. */
#include "fuzz.h"

#include "server/options.h"

#include "base/mem.h"

static void check_loaded(const struct pl_config *c)
{
	struct pl_buf b;
	pl_buf_init(&b, 1 << 20);
	pl_config_print(c, &b);
	pl_buf_fini(&b);
}

/* The first byte says which option the flag sets; the environment takes the text up to a NUL. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct pl_option *o = &pl_options[size ? data[0] % pl_option_count : 0];
	struct pl_slice text = pl_slice(data, size);
	struct pl_config_flag flag = {
		.key = pl_slice_str(o->name), .value = text, .shown = "--set", .append = size % 2};
	struct pl_config_flag flags[] = {flag, flag};
	char *variable = pl_memdup0(data, size);
	const char *env[] = {variable, NULL};
	struct pl_config_input in = {.env = env, .flags = flags, .nflags = size % 3};
	struct pl_config *c = NULL;
	struct pl_findings f;
	pl_findings_init(&f);
	if (variable && !pl_config_load_text(&in, "fuzz", text, &f, &c))
		check_loaded(c);
	pl_config_free(c);
	pl_findings_fini(&f);
	pl_free(variable);
	return 0;
}
