/*
 * load_report.c - the figures of a run, a line each for people or one JSON object.
 */
#include "load.h"

#include <stdarg.h>
#include <stdio.h>

struct report {
	bool is_json, has_field;
};

static void name(struct report *r, const char *name)
{
	if (r->is_json)
		printf("%s\"%s\": ", r->has_field ? ", " : "{", name);
	else
		printf("%-26s ", name);
	r->has_field = true;
}

static void text(struct report *r, const char *field, const char *value)
{
	name(r, field);
	printf("\"%s\"%s", value, r->is_json ? "" : "\n");
}

static void number(struct report *r, const char *field, double value, int decimals)
{
	name(r, field);
	printf("%.*f%s", decimals, value, r->is_json ? "" : "\n");
}

static void truth(struct report *r, const char *field, bool value)
{
	name(r, field);
	printf("%s%s", value ? "true" : "false", r->is_json ? "" : "\n");
}

static double rate(double count, double seconds)
{
	return seconds > 0 ? count / seconds : 0;
}

static void settings(struct report *r, const struct load *l)
{
	text(r, "mode", l->mode->name);
	truth(r, "raw", l->o.raw);
	number(r, "connections", (double)l->total, 0);
	number(r, "size", (double)l->o.size, 0);
	number(r, "depth", (double)l->o.depth, 0);
	number(r, "window", (double)l->o.window, 0);
	number(r, "publishers", (double)l->o.publishers, 0);
	if (l->o.rate != LOAD_NONE)
		number(r, "rate", (double)l->o.rate, 0);
}

static void latencies(struct report *r, const struct load_latency *t)
{
	number(r, "p50_us", load_latency_us(t, 0.5), 1);
	number(r, "p99_us", load_latency_us(t, 0.99), 1);
	number(r, "p999_us", load_latency_us(t, 0.999), 1);
	number(r, "max_us", (double)t->max / 1e3, 1);
}

/*
 * load_bound: the generator was the busier side. The figures per second then say nothing about
 * the server; those per processor second still do.
 */
static void costs(struct report *r, const struct load *l, const struct load_sample *a,
		  const struct load_sample *b)
{
	double seconds = (double)(b->at_ns - a->at_ns) / 1e9;
	double server = b->server_cpu - a->server_cpu, own = b->own_cpu - a->own_cpu;
	double steal = b->core_steal - a->core_steal;
	double busy = seconds - (b->core_idle - a->core_idle) - steal;
	if (l->o.server_pid != LOAD_NONE) {
		number(r, "server_cpu_s", server, 2);
		number(r, "server_cpu_pct", 100 * rate(server, seconds), 1);
		number(r, "per_server_cpu_s", rate((double)l->n.done, server), 0);
	}
	if (l->o.server_core != LOAD_NONE) {
		number(r, "core_busy_pct", 100 * rate(busy, seconds), 1);
		number(r, "core_steal_pct", 100 * rate(steal, seconds), 1);
		number(r, "per_core_s", rate((double)l->n.done, busy), 0);
	}
	number(r, "load_cpu_pct", 100 * rate(own, seconds), 1);
	truth(r, "load_bound", own > 0.97 * seconds && server < 0.97 * seconds);
}

static void memory(struct report *r, const struct load *l, const struct load_sample *before,
		   const struct load_sample *after)
{
	double ready = l->ready ? l->ready : 1;
	number(r, "server_rss_before", before->rss, 0);
	number(r, "rss_per_connection", (after->rss - before->rss) / ready, 0);
	number(r, "pss_per_connection", (after->pss - before->pss) / ready, 0);
	number(r, "private_per_connection", (after->private - before->private) / ready, 0);
}

void load_report(const struct load *l, const struct load_sample *before,
		 const struct load_sample *from, const struct load_sample *to)
{
	struct report r = {.is_json = l->o.json};
	double seconds = (double)(to->at_ns - from->at_ns) / 1e9;
	settings(&r, l);
	number(&r, "ready", (double)l->ready, 0);
	if (!l->mode->is_still) {
		number(&r, "seconds", seconds, 3);
		text(&r, "unit", l->mode->unit);
		number(&r, "count", (double)l->n.done, 0);
		number(&r, "per_s", rate((double)l->n.done, seconds), 0);
		costs(&r, l, from, to);
	}
	latencies(&r, &l->latency);
	if (l->o.server_pid != LOAD_NONE && !l->mode->is_reopening)
		memory(&r, l, before, to);
	number(&r, "sent", (double)l->n.sent, 0);
	number(&r, "received", (double)l->n.received, 0);
	number(&r, "lost", (double)l->n.lost, 0);
	number(&r, "bad", (double)l->n.bad, 0);
	number(&r, "errors", (double)l->n.errors, 0);
	number(&r, "closed", (double)l->closed, 0);
	if (l->o.json)
		puts("}");
	fflush(stdout);
}
