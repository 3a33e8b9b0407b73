/* exposition.c - metrics as text. */
#include "scoreboard/exposition.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const struct metric_scale metric_seconds = { score_time_bounds_us, 1e6 };
const struct metric_scale metric_bytes = { score_memory_bounds_kb, 1.0 / 1024 };

static const char *const type_words[] = {
	[METRIC_COUNTER] = "counter",
	[METRIC_GAUGE] = "gauge",
	[METRIC_HISTOGRAM] = "histogram",
};

static void
note(struct exposition *x, int rc)
{
	x->is_too_long |= rc < 0;
}

static const char *
suffix_of(const struct exposition *x, enum metric_type type)
{
	return type == METRIC_COUNTER && !x->is_openmetrics ? "_total" : "";
}

void
exposition_family(struct exposition *x, const char *name, enum metric_type type, const char *help)
{
	const char *suffix = suffix_of(x, type);

	note(x, buf_printf(x->text, "# HELP %s%s %s\n# TYPE %s%s %s\n", name, suffix, help, name, suffix,
	                   type_words[type]));
}

/* Backslash, quote and newline are all that has to be escaped; other control bytes and what is no ASCII are
 * shown as '?': the text has to be UTF-8 whatever a label was. */
static void
put_value(struct exposition *x, const char *value)
{
	for (; *value != '\0'; value++) {
		unsigned char c = (unsigned char)*value;

		if (c == '\n')
			note(x, buf_append(x->text, "\\n", 2));
		else if (c == '"' || c == '\\')
			note(x, buf_printf(x->text, "\\%c", c));
		else
			note(x, buf_append(x->text, c < 0x20 || c >= 0x7f ? "?" : value, 1));
	}
}

static void
put_name(struct exposition *x, const char *name, const char *suffix, const struct metric_label *labels)
{
	char next = '{';

	note(x, buf_printf(x->text, "%s%s", name, suffix));
	for (; labels && labels->name; labels++) {
		note(x, buf_printf(x->text, "%c%s=\"", next, labels->name));
		put_value(x, labels->value);
		note(x, buf_append(x->text, "\"", 1));
		next = ',';
	}
	if (next == ',')
		note(x, buf_append(x->text, "}", 1));
}

void
exposition_counter(struct exposition *x, const char *name, const struct metric_label *labels, uint64_t n)
{
	put_name(x, name, "_total", labels);
	note(x, buf_printf(x->text, " %llu\n", (unsigned long long)n));
}

void
exposition_gauge(struct exposition *x, const char *name, const struct metric_label *labels, double n)
{
	put_name(x, name, "", labels);
	note(x, buf_printf(x->text, " %.15g\n", n));
}

static void
put_bucket(struct exposition *x, const char *name, const char *function, const char *bound, uint64_t n)
{
	put_name(x, name, "_bucket",
	         (const struct metric_label[]){ { "function", function }, { "le", bound }, { NULL, NULL } });
	note(x, buf_printf(x->text, " %llu\n", (unsigned long long)n));
}

/* "1.0" and not "1": OpenMetrics has bounds be floats. */
static const char *
bound_text(char text[32], double bound)
{
	snprintf(text, 32, "%.10g", bound);
	if (!strpbrk(text, ".e"))
		strcat(text, ".0");
	return text;
}

void
exposition_histogram(struct exposition *x, const char *name, const char *function,
                     const struct score_histogram *h, const struct metric_scale *scale)
{
	const struct metric_label labels[] = { { "function", function }, { NULL, NULL } };
	uint64_t below = 0;
	char text[32];

	for (size_t i = 0; i < SCORE_BOUNDS; i++) {
		below += h->n[i];
		put_bucket(x, name, function, bound_text(text, (double)scale->bounds[i] / scale->unit),
		           below);
	}
	below += h->n[SCORE_BOUNDS];
	put_bucket(x, name, function, "+Inf", below);
	put_name(x, name, "_sum", labels);
	note(x, buf_printf(x->text, " %.15g\n", (double)h->sum / scale->unit));
	put_name(x, name, "_count", labels);
	note(x, buf_printf(x->text, " %llu\n", (unsigned long long)below));
}

int
exposition_end(struct exposition *x)
{
	if (x->is_openmetrics)
		note(x, buf_append(x->text, "# EOF\n", 6));
	return x->is_too_long ? -ENOSPC : 0;
}
