/*
 * metrics.c - GET /metrics: the table of base/metrics.h, and what is read at the moment of asking
 * rather than counted.
 */
#include "rest/internal.h"

#include "base/clock.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_MAX = 256 * 1024, FDS_MAX = 16384 };

static bool read_uptime(const struct pl_rest_shared *s, int64_t *out)
{
	*out = (int64_t)((pl_now_ms() - s->born_ms) / 1000);
	return true;
}

static bool read_ready(const struct pl_rest_shared *s, int64_t *out)
{
	*out = !s->why_not_ready(s->ctx);
	return true;
}

static bool read_workers(const struct pl_rest_shared *s, int64_t *out)
{
	*out = (int64_t)s->nhubs;
	return true;
}

static bool read_certificate(const struct pl_rest_shared *s, int64_t *out)
{
	return s->certificate_days && s->certificate_days(s->ctx, out);
}

/* The second number of /proc/self/statm, in pages. */
static bool read_memory(const struct pl_rest_shared *s, int64_t *out)
{
	char text[256];
	struct pl_slice rest;
	uint64_t pages;
	(void)s;
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, text, sizeof(text));
	close(fd);
	if (n <= 0)
		return false;
	pl_slice_cut(pl_slice(text, (size_t)n), ' ', &rest);
	if (pl_slice_u64(pl_slice_cut(rest, ' ', &rest), UINT32_MAX, &pages))
		return false;
	*out = (int64_t)pages * sysconf(_SC_PAGESIZE);
	return true;
}

static int64_t count_entries(DIR *dir)
{
	int64_t n = 0;
	for (struct dirent *e = readdir(dir); e && n <= FDS_MAX; e = readdir(dir))
		n += e->d_name[0] != '.';
	return n;
}

/*
 * Linux 6.2 tells the number as the size of the directory. Before that it has to be listed, which
 * would keep a busy worker from its clients: past a number of entries there is no answer.
 */
static bool read_files(const struct pl_rest_shared *s, int64_t *out)
{
	struct stat st;
	(void)s;
	if (!stat("/proc/self/fd", &st) && st.st_size > 0) {
		*out = st.st_size;
		return true;
	}
	DIR *dir = opendir("/proc/self/fd");
	if (!dir)
		return false;
	int64_t n = count_entries(dir) - 1; /* without the one that lists them */
	closedir(dir);
	if (n >= FDS_MAX)
		return false;
	*out = n;
	return true;
}

/* False from read: there is nothing to tell, and the metric is left out. */
static const struct {
	const char *name, *help;
	bool (*read)(const struct pl_rest_shared *, int64_t *out);
} gauges[] = {
	{"parley_uptime_seconds", "Seconds since the start", read_uptime},
	{"parley_ready", "1 when new traffic is welcome, as /ready tells", read_ready},
	{"parley_workers", "Threads that serve connections", read_workers},
	{"parley_certificate_days_left",
	 "Days until the TLS certificate expires; left out without one", read_certificate},
	{"process_resident_memory_bytes", "Resident memory of the process", read_memory},
	{"process_open_fds",
	 "Open descriptors; left out past 16384 of them on kernels before Linux 6.2", read_files},
};

static void put_gauges(struct pl_buf *b, const struct pl_rest_shared *s)
{
	for (size_t i = 0; i < sizeof(gauges) / sizeof(*gauges); i++) {
		int64_t value;
		if (!gauges[i].read(s, &value))
			continue;
		pl_buf_printf(b, "# HELP %s %s\n# TYPE %s gauge\n%s ", gauges[i].name,
			      gauges[i].help, gauges[i].name, gauges[i].name);
		pl_buf_put_i64(b, value);
		pl_buf_putc(b, '\n');
	}
}

void pl_rest_metrics(struct pl_rest *r, struct pl_conn *c, const struct pl_request *q)
{
	struct pl_buf b;
	(void)q;
	pl_buf_init(&b, TEXT_MAX);
	pl_metrics_write(&b, r->shared->sets, r->shared->nsets);
	put_gauges(&b, r->shared);
	pl_rest_reply_buf(c, 200, PL_S("text/plain; version=0.0.4; charset=utf-8"), &b);
}

void pl_rest_metrics_markdown(struct pl_buf *b)
{
	PL_PUT(b, "# Metrics\n"
		  "\n"
		  "<!-- Printed from the tables in src/base/metrics.h and src/rest/metrics.c by\n"
		  "`parley docs metrics`. -->\n"
		  "\n"
		  "`GET /metrics` answers in the Prometheus text format 0.0.4; it needs the admin "
		  "key\n"
		  "(see [operations](operations.md)). Numbers are sums over all workers.\n"
		  "\n"
		  "| Metric | Type | Meaning |\n"
		  "| --- | --- | --- |\n");
	pl_metrics_markdown(b);
	for (size_t i = 0; i < sizeof(gauges) / sizeof(*gauges); i++)
		pl_buf_printf(b, "| `%s` | gauge | %s |\n", gauges[i].name, gauges[i].help);
}
