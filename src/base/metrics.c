/* metrics.c - sums and the Prometheus text form. */
#include "base/metrics.h"

static const struct {
	const char *name, *kind, *help;
} rows[] = {
#define X(id, kind, name, help) {name, #kind, help},
	PL_METRICS_MAP(X)
#undef X
};

int64_t pl_metric_sum(const struct pl_metrics *const *sets, size_t n, enum pl_metric id)
{
	int64_t sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += atomic_load_explicit(&sets[i]->v[id], memory_order_relaxed);
	return sum;
}

void pl_metrics_write(struct pl_buf *out, const struct pl_metrics *const *sets, size_t n)
{
	for (int id = 0; id < PL_M__COUNT; id++) {
		pl_buf_printf(out, "# HELP parley_%s %s\n# TYPE parley_%s %s\nparley_%s ",
			      rows[id].name, rows[id].help, rows[id].name, rows[id].kind,
			      rows[id].name);
		pl_buf_put_i64(out, pl_metric_sum(sets, n, (enum pl_metric)id));
		pl_buf_putc(out, '\n');
	}
}

void pl_metrics_markdown(struct pl_buf *out)
{
	for (int id = 0; id < PL_M__COUNT; id++)
		pl_buf_printf(out, "| `parley_%s` | %s | %s |\n", rows[id].name, rows[id].kind,
			      rows[id].help);
}
