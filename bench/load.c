/*
 * load.c - the load generator: options, the phases of a run, the loop.
 *
 *     bench-load echo --port 9001 --conns 100 --size 20 --depth 1 --seconds 5 --json
 */
#include "load.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

enum { EVENTS_PER_TURN = 512, RATE_BURST = 4096 };

#define CONNECT_LIMIT (120 * LOAD_SECOND)
#define SETTLE        (LOAD_SECOND / 5)
#define TURN_MAX      (LOAD_SECOND / 50)

enum option_kind { COUNT, SECONDS, TEXT, FLAG };

struct option {
	const char *name;
	enum option_kind kind;
	size_t at;
	double min, max;
	const char *doc;
};

#define AT(field) .at = offsetof(struct load_options, field)
static const struct option options[] = {
	{"--port", COUNT, AT(port), 1, 65535, "the server's port on 127.0.0.1"},
	{"--path", TEXT, AT(path), .doc = "where clients connect"},
	{"--publish-path", TEXT, AT(publish_path), .doc = "where publishers connect"},
	{"--conns", COUNT, AT(conns), 1, 500000, "connections; in fanout the listeners"},
	{"--publishers", COUNT, AT(publishers), 1, 10000, "connections that publish (fanout)"},
	{"--size", COUNT, AT(size), 1, 1 << 20, "bytes of a message"},
	{"--depth", COUNT, AT(depth), 0, 4096, "messages under way on a connection (echo, qrypt)"},
	{"--window", COUNT, AT(window), 1, 4096, "messages under way in all (fanout)"},
	{"--opening", COUNT, AT(opening), 1, 4096, "handshakes at once"},
	{"--rate", COUNT, AT(rate), 1, 1e7, "messages a second in all, whether answered or not"},
	{"--seconds", SECONDS, AT(seconds), 0.1, 120, "how long is measured"},
	{"--warm", SECONDS, AT(warm), 0, 60, "how long the load runs before that"},
	{"--raw", FLAG, AT(raw), .doc = "bare TCP: no upgrade, no frames"},
	{"--rooms", COUNT, AT(rooms), 1, 500000, "conversations (qrypt); default: one each"},
	{"--token-file", TEXT, AT(token_file), .doc = "tokens, one a line (qrypt, bridge)"},
	{"--dialects", TEXT, AT(dialects),
	 .doc = "qrypt, native, realtime-d, realtime-r, with commas (bridge); default: all"},
	{"--server-pid", COUNT, AT(server_pid), 1, 1e9, "whose time and memory is reported"},
	{"--server-core", COUNT, AT(server_core), 0, 1023, "whose busy time is reported"},
	{"--cpu", COUNT, AT(cpu), 0, 1023, "the core for the generator itself"},
	{"--json", FLAG, AT(json), .doc = "one JSON object"},
};
enum { OPTION_COUNT = sizeof options / sizeof *options };

/* Those with a file of their own. */
static const struct load_mode *const alone[] = {&load_qrypt_mode, &load_bridge_mode,
						&load_poll_mode};
enum { ALONE_COUNT = sizeof alone / sizeof *alone };

void load_die(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("bench-load: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(2);
}

void *load_alloc(size_t count, size_t size)
{
	void *at = calloc(count ? count : 1, size);
	if (!at)
		load_die("out of memory");
	return at;
}

/* ---- options ---- */

static void usage(void)
{
	puts("bench-load MODE [options]\n\nModes");
	for (const struct load_mode *m = load_modes; m->name; m++)
		printf("  %-14s %s\n", m->name, m->doc);
	for (size_t i = 0; i < ALONE_COUNT; i++)
		printf("  %-14s %s\n", alone[i]->name, alone[i]->doc);
	puts("\nOptions");
	for (size_t i = 0; i < OPTION_COUNT; i++)
		printf("  %-14s %s\n", options[i].name, options[i].doc);
	exit(0);
}

static const struct load_mode *mode_named(const char *name)
{
	for (size_t i = 0; i < ALONE_COUNT; i++)
		if (strcmp(name, alone[i]->name) == 0)
			return alone[i];
	for (const struct load_mode *m = load_modes; m->name; m++)
		if (strcmp(name, m->name) == 0)
			return m;
	load_die("no mode %s; see --help", name);
}

static const struct option *option_named(const char *name)
{
	for (size_t i = 0; i < OPTION_COUNT; i++)
		if (strcmp(name, options[i].name) == 0)
			return &options[i];
	load_die("no option %s; see --help", name);
}

static double bounded(const struct option *o, const char *text)
{
	char *end = NULL;
	double value = strtod(text, &end);
	if (end == text || *end || !(value >= o->min && value <= o->max))
		load_die("%s %s: not a number between %g and %g", o->name, text, o->min, o->max);
	return value;
}

static void set_option(struct load_options *to, const struct option *o, const char *text)
{
	void *field = (char *)to + o->at;
	switch (o->kind) {
	case COUNT: *(uint64_t *)field = (uint64_t)bounded(o, text); break;
	case SECONDS: *(double *)field = bounded(o, text); break;
	case TEXT: *(const char **)field = text; break;
	case FLAG: *(bool *)field = true; break;
	}
}

static void read_options(struct load *l, int count, char **words)
{
	if (count < 2 || strcmp(words[1], "--help") == 0)
		usage();
	l->mode = mode_named(words[1]);
	l->o = (struct load_options){.conns = 100,
				     .publishers = 1,
				     .size = 20,
				     .depth = 1,
				     .window = 1,
				     .opening = 128,
				     .seconds = 5,
				     .warm = 1,
				     .rooms = LOAD_NONE,
				     .rate = LOAD_NONE,
				     .cpu = LOAD_NONE,
				     .server_pid = LOAD_NONE,
				     .server_core = LOAD_NONE,
				     .path = l->mode->path,
				     .publish_path = l->mode->publish_path};
	for (int i = 2; i < count; i++) {
		const struct option *o = option_named(words[i]);
		if (o->kind != FLAG && i + 1 == count)
			load_die("%s needs a value", o->name);
		set_option(&l->o, o, o->kind == FLAG ? "" : words[++i]);
	}
	if (!l->o.port)
		load_die("--port is needed");
}

/* ---- preparation ---- */

static void pin(uint64_t core)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET((size_t)core, &set);
	if (sched_setaffinity(0, sizeof set, &set))
		load_die("core %llu: %m", (unsigned long long)core);
}

static void raise_file_limit(rlim_t wanted)
{
	struct rlimit limit;
	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = wanted;
	limit.rlim_max = limit.rlim_max > wanted ? limit.rlim_max : wanted;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		load_die("%llu open files are not allowed", (unsigned long long)wanted);
}

static void prepare(struct load *l)
{
	l->total = (uint32_t)(l->o.conns * (l->mode->each ? l->mode->each : 1) +
			      (l->mode->publish_path ? l->o.publishers : 0));
	if (l->o.cpu != LOAD_NONE)
		pin(l->o.cpu);
	raise_file_limit(l->total + 64);
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll < 0)
		load_die("epoll: %m");
	l->hot = load_alloc(LOAD_HOT_BYTES, 1);
	l->conns = load_alloc(l->total, sizeof *l->conns);
	for (uint32_t i = 0; i < l->total; i++)
		l->conns[i] = (struct load_conn){.load = l, .fd = -1, .id = i};
	if (l->mode->prepare)
		l->mode->prepare(l);
}

/* ---- the loop ---- */

static bool is_loading(const struct load *l)
{
	return l->phase == LOAD_WARM || l->phase == LOAD_MEASURE;
}

static void open_more(struct load *l)
{
	bool all = l->mode->is_reopening;
	while (l->next < l->total && (all || l->opening < l->o.opening))
		load_conn_open(&l->conns[l->next++]);
}

/* Everything that is due by now, each message counted from the moment it was due. */
static uint64_t fire_due(struct load *l, uint64_t now)
{
	double gap = 1e9 / (double)l->o.rate;
	for (int i = 0; i < RATE_BURST; i++) {
		uint64_t due = l->started_ns + (uint64_t)((double)l->scheduled * gap);
		if (due > now)
			return due - now < TURN_MAX ? due - now : TURN_MAX;
		l->mode->fire(l, due);
		l->scheduled++;
	}
	return 0;
}

/* Gives the load of this turn; returns how long the turn may wait. */
static uint64_t give_load(struct load *l)
{
	if (!is_loading(l))
		return TURN_MAX;
	if (l->o.rate != LOAD_NONE && l->mode->fire)
		return fire_due(l, load_now());
	if (l->mode->on_turn)
		l->mode->on_turn(l);
	return TURN_MAX;
}

static void turn(struct load *l)
{
	struct epoll_event events[EVENTS_PER_TURN];
	open_more(l);
	struct timespec wait = {.tv_nsec = (long)give_load(l)};
	int n = epoll_pwait2(l->epoll, events, EVENTS_PER_TURN, &wait, NULL);
	if (n < 0 && errno != EINTR)
		load_die("epoll: %m");
	for (int i = 0; i < n; i++)
		load_conn_event(events[i].data.ptr, events[i].events);
	if (!l->mode->is_reopening && l->closed == l->total)
		load_die("every connection is closed");
}

/* ---- phases ---- */

static void run_for(struct load *l, enum load_phase phase, uint64_t ns)
{
	uint64_t end = load_now() + ns;
	l->phase = phase;
	while (load_now() < end)
		turn(l);
}

static void connect_all(struct load *l)
{
	uint64_t end = load_now() + CONNECT_LIMIT;
	l->phase = LOAD_CONNECT;
	while (l->ready + l->closed < l->total) {
		if (load_now() > end)
			load_die("%u of %u connections are ready", l->ready, l->total);
		turn(l);
	}
	if (l->closed * 10ull > l->total)
		load_die("%u of %u connections failed", l->closed, l->total);
}

static void start_load(struct load *l)
{
	l->started_ns = l->progress_ns = load_now();
	if (l->mode->on_start && l->o.rate == LOAD_NONE)
		l->mode->on_start(l);
}

static void forget_counts(struct load *l)
{
	memset(&l->latency, 0, sizeof l->latency);
	memset(&l->n, 0, sizeof l->n);
}

static uint64_t nanoseconds(double seconds)
{
	return (uint64_t)(seconds * (double)LOAD_SECOND);
}

static void measure(struct load *l)
{
	struct load_sample before = load_sample_take(&l->o), from = before;
	if (!l->mode->is_reopening) {
		connect_all(l);
		run_for(l, LOAD_SETTLE, l->mode->is_still ? nanoseconds(l->o.warm) : SETTLE);
	}
	if (!l->mode->is_still) {
		start_load(l);
		run_for(l, LOAD_WARM, nanoseconds(l->o.warm));
		forget_counts(l);
		from = load_sample_take(&l->o);
		run_for(l, LOAD_MEASURE, nanoseconds(l->o.seconds));
	}
	struct load_sample to = load_sample_take(&l->o);
	l->phase = LOAD_END;
	load_report(l, &before, &from, &to);
}

static void finish(struct load *l)
{
	for (uint32_t i = 0; i < l->total; i++) {
		load_conn_close(&l->conns[i]);
		free(l->conns[i].times);
	}
	if (l->mode->finish)
		l->mode->finish(l);
	close(l->epoll);
	free(l->own);
	free(l->frames);
	free(l->conns);
	free(l->hot);
}

int main(int count, char **words)
{
	struct load *l = load_alloc(1, sizeof *l);
	read_options(l, count, words);
	prepare(l);
	measure(l);
	finish(l);
	int status = l->n.errors && !l->mode->is_reopening;
	free(l);
	return status;
}
