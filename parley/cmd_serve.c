/*
 * cmd_serve.c - parley serve: runs the server until a signal ends it.
 *
 * SIGTERM, SIGINT: drain and exit 0 (a second one: at once). SIGHUP: reload. Exit codes: 0 fine, 1
 * could not start, 2 usage, 74 the disk can no longer be trusted.
 */
#include "cmd.h"
#include "samples.h"

#include "base/clock.h"
#include "server/server.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_IO = 74, WHY_MAX = 1 << 16 };

struct running {
	const struct args *args;
	struct pl_config *config;
	struct parley_server *server;
	struct pl_log *log;
	sigset_t signals;
};

/* The one thing a store thread may do to the process. Set before the store starts. */
static atomic_int is_fatal;

static void on_fatal(void *ctx, const char *why)
{
	struct pl_log *log = ctx;
	pl_log(log, PL_ERROR, "store", "%s: stopping, because nothing more can be promised", why);
	atomic_store(&is_fatal, 1);
	kill(getpid(), SIGTERM);
}

static void log_lines(struct pl_log *log, enum pl_log_level level, const struct pl_buf *b)
{
	struct pl_slice rest = pl_buf_slice(b);
	while (rest.len) {
		struct pl_slice line = pl_slice_cut(rest, '\n', &rest);
		if (line.len)
			pl_log(log, level, "config", "%.*s", PL_FMT(line));
	}
}

static void raise_file_limit(void)
{
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files))
		return;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

static int open_log(const struct pl_config *c, struct pl_log **out)
{
	bool is_text = c->log_format == PL_LOG_TEXT ||
		       (c->log_format == PL_LOG_AUTO && isatty(STDERR_FILENO));
	struct pl_log_options o = {.fd = STDERR_FILENO, .level = c->log_level, .readable = is_text};
	return pl_log_new(&o, out);
}

static void say_ready(const struct running *r)
{
	struct pl_buf b;
	pl_buf_init(&b, WHY_MAX);
	pl_server_describe(r->server, &b);
	struct pl_slice rest = pl_buf_slice(&b);
	while (rest.len) {
		struct pl_slice line = pl_slice_cut(rest, '\n', &rest);
		if (line.len)
			pl_log(r->log, PL_INFO, "server", "listening on %.*s", PL_FMT(line));
	}
	pl_log(r->log, PL_ALWAYS, "server", "ready: parley " PARLEY_VERSION ", %u workers, %s",
	       pl_server_workers(r->server), pl_server_engine(r->server));
	pl_buf_fini(&b);
}

static void reload(struct running *r)
{
	struct pl_config *next = NULL;
	struct pl_findings f;
	struct pl_buf why;
	pl_buf_init(&why, WHY_MAX);
	pl_findings_init(&f);
	int err = args_load(r->args, true, &f, &next);
	if (!err)
		err = pl_config_reload_check(r->config, next, &f);
	log_lines(r->log, err ? PL_ERROR : PL_WARN, &f.text);
	if (!err)
		err = pl_server_reload(r->server, next, &why);
	log_lines(r->log, PL_ERROR, &why);
	if (err) {
		pl_log(r->log, PL_ERROR, "server", "reload failed: everything stays as it was");
		pl_config_free(next);
	} else {
		pl_log_set_level(r->log, next->log_level);
		pl_log(r->log, PL_INFO, "server", "reloaded");
		pl_config_free(r->config);
		r->config = next;
	}
	pl_findings_fini(&f);
	pl_buf_fini(&why);
}

/* Until everybody has left, the deadline is over, or a second signal says that it is urgent. */
static void wait_until_empty(const struct running *r)
{
	const struct timespec step = {.tv_nsec = 10000000};
	uint64_t until = pl_now_ms() + r->config->drain_deadline_ms;
	pl_server_drain(r->server);
	/* The workers must have heard of it before nobody being there means anything. */
	do {
		int sig = sigtimedwait(&r->signals, NULL, &step);
		if (sig == SIGTERM || sig == SIGINT)
			return;
	} while (pl_now_ms() < until && !pl_server_is_empty(r->server));
}

static int serve(struct running *r)
{
	int sig;
	say_ready(r);
	while (!sigwait(&r->signals, &sig) && sig == SIGHUP)
		reload(r);
	if (atomic_load(&is_fatal)) {
		pl_log(r->log, PL_ERROR, "server", "exit %d", EXIT_IO);
		pl_log_free(r->log);
		_exit(EXIT_IO); /* no goodbye: whatever we would still say could be wrong */
	}
	pl_log(r->log, PL_INFO, "server", "draining, at most %llu ms",
	       (unsigned long long)r->config->drain_deadline_ms);
	wait_until_empty(r);
	pl_server_free(r->server);
	pl_log(r->log, PL_INFO, "server", "stopped");
	return atomic_load(&is_fatal) ? EXIT_IO : EXIT_FINE;
}

static int add_samples(struct running *r, struct pl_buf *why)
{
	const struct parley_endpoint samples[] = {sample_chat(), sample_game(), sample_private()};
	const char *fault = NULL;
	int err = 0;
	for (size_t i = 0; !err && i < sizeof(samples) / sizeof(*samples); i++)
		err = pl_server_serve(r->server, &samples[i], sizeof(samples[i]), &fault);
	if (err)
		pl_buf_printf(why, "handler.samples: %s\n", fault ? fault : pl_strerror(err));
	return err;
}

static int start(struct running *r)
{
	struct pl_buf why;
	struct pl_server_options o = {.config = r->config,
				      .log = r->log,
				      .events = {.on_fatal = on_fatal, .ctx = r->log},
				      .prefix = r->config->handler_samples ? "/api" : NULL,
				      .is_chat = true};
	pl_buf_init(&why, WHY_MAX);
	int err = pl_server_new(&o, &r->server);
	if (err)
		pl_buf_printf(&why, "%s\n", pl_strerror(err));
	if (!err && r->config->handler_samples)
		err = add_samples(r, &why);
	if (!err)
		err = pl_server_start(r->server, &why);
	log_lines(r->log, err ? PL_ERROR : PL_WARN, &why);
	pl_buf_fini(&why);
	if (err)
		pl_server_free(r->server);
	return err;
}

/* Before any thread starts: signals are waited for by this one and land nowhere else. */
static void block_signals(struct running *r)
{
	sigset_t all;
	sigemptyset(&r->signals);
	sigaddset(&r->signals, SIGTERM);
	sigaddset(&r->signals, SIGINT);
	sigaddset(&r->signals, SIGHUP);
	all = r->signals;
	sigaddset(&all, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
}

static int run(const struct args *a)
{
	struct running r = {.args = a};
	struct pl_findings f;
	block_signals(&r);
	pl_findings_init(&f);
	int err = args_load(a, true, &f, &r.config);
	if (!err)
		err = open_log(r.config, &r.log);
	if (err) {
		fwrite(f.text.at, 1, f.text.len, stderr);
		pl_findings_fini(&f);
		pl_config_free(r.config);
		return EXIT_FAILED;
	}
	log_lines(r.log, PL_WARN, &f.text);
	pl_findings_fini(&f);
	umask(077);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	raise_file_limit();
	int code = start(&r) ? EXIT_FAILED : serve(&r);
	pl_log_free(r.log);
	pl_config_free(r.config);
	return code;
}

const struct command cmd_serve = {
	.name = "serve",
	.args = "[--config FILE] [--data DIR] [--listen ADDR:PORT[=DIALECT]]... [--set "
		"KEY=VALUE]...",
	.doc = "Run the server.",
	.takes_config = true,
	.run = run,
};
