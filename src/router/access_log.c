/* access_log.c - a line for each request: JSON, or php-fpm's letters. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "router/log_line.h"
#include "sandbox/filter.h"

enum { WORD_MAX = 256 }; /* bytes of a method or an address: with the longest path a line holds them */

/* The web server's words have no bound but that of all params. */
static struct span
word_of(struct span s)
{
	return (struct span){ s.p, s.n < WORD_MAX ? s.n : WORD_MAX };
}

static bool
is_word(struct span s, const char *word)
{
	return s.n == strlen(word) && memcmp(s.p, word, s.n) == 0;
}

/* Its own process's, when that has ended, is the kernel's word; else its worker's, where that was asked for;
 * else the highest that is known of its function's. */
static uint64_t
memory_kb(const struct request *q)
{
	uint64_t own = ending_memory_kb(&q->ending);

	if (own == 0)
		own = q->memory_kb;
	return own > 0 || !q->pool ? own : q->pool->memory_kb;
}

static void
put_json(struct router *r, struct line *l, const struct request *q)
{
	char ending[ENDING_TEXT_SIZE], syscall[SYSCALL_NAME_SIZE];

	line_put_string(l, "time", line_time(r));
	line_put_string(l, "request_id", span_of(q->id));
	line_put_string(l, "method", word_of(q->method_text));
	line_put_string(l, "path", q->path);
	line_put_count(l, "status", (unsigned)q->status);
	if (q->cause != CAUSE_NONE)
		line_put_string(l, "cause", span_of(cause_word(q->cause)));
	if (q->cause == CAUSE_SYSCALL_DENIED && q->denials.n > 0) {
		sandbox_syscall_name(q->denials.last, syscall);
		line_put_string(l, "syscall", span_of(syscall));
	}
	if (q->ending.code != 0) {
		ending_format(&q->ending, ending);
		line_put_string(l, "ending", span_of(ending));
	}
	if (q->pool) {
		line_put_string(l, "function", span_of(q->pool->function.name));
		line_put_count(l, "version", q->pool->function.version);
	}
	if (q->cache != CACHE_NONE)
		line_put_string(l, "cache", span_of(q->cache == CACHE_HIT ? "hit" : "miss"));
	if (q->user[0] != '\0')
		line_put_string(l, "user", span_of(q->user));
	line_put_count(l, "bytes_in", q->received);
	line_put_count(l, "bytes_out", q->answered_bytes);
	line_put_count(l, "duration_us", r->now_us - q->begun_us);
	line_put_count(l, "queue_us", request_queue_us(r, q));
	if (q->cpu_us >= 0)
		line_put_count(l, "cpu_us", (uint64_t)q->cpu_us);
	if (memory_kb(q) > 0)
		line_put_count(l, "memory_kb", memory_kb(q));
	line_put_string(l, "remote_addr", word_of(q->remote));
	line_put_text(l, "}");
}

static void
put_or_dash(struct line *l, struct span s)
{
	if (s.n > 0)
		line_put_escaped(l, s);
	else
		line_put_text(l, "-");
}

/* Seconds with six places, or what php-fpm's modifier says. */
static void
put_duration(struct line *l, uint64_t us, struct span modifier)
{
	char text[32];

	if (is_word(modifier, "microseconds") || is_word(modifier, "micro"))
		line_put_number(l, us);
	else if (is_word(modifier, "milliseconds") || is_word(modifier, "milli") || is_word(modifier, "mili"))
		line_put_number(l, us / 1000);
	else
		line_put(l, text,
		         (size_t)snprintf(text, sizeof text, "%llu.%06llu", us / 1000000ULL,
		                          us % 1000000ULL));
}

/* Bytes, or what php-fpm's modifier says. */
static void
put_memory(struct line *l, uint64_t kb, struct span modifier)
{
	if (is_word(modifier, "kilobytes") || is_word(modifier, "kilo"))
		line_put_number(l, kb);
	else if (is_word(modifier, "megabytes") || is_word(modifier, "mega"))
		line_put_number(l, kb / 1024);
	else
		line_put_number(l, kb * 1024);
}

/* Names of parameters that are mostly secrets: a part of one, in small letters. */
static bool
is_secret_name(struct span name)
{
	static const char *const parts[] = { "token", "pass", "secret", "key",    "auth", "sess",
		                             "sig",   "cred", "code",   "bearer", "jwt",  "%" };
	char small[WORD_MAX];
	size_t n = name.n < sizeof small ? name.n : sizeof small;

	for (size_t i = 0; i < n; i++)
		small[i] = (char)tolower((unsigned char)name.p[i]);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (n > 0 && memmem(small, n, parts[i], strlen(parts[i])))
			return true;
	return name.n > sizeof small;
}

/* A name with an encoded letter could be any. */
static void
put_query(struct line *l, struct span query)
{
	while (query.n > 0) {
		const char *and = memchr(query.p, '&', query.n);
		size_t n = and? (size_t)(and-query.p) : query.n;
		const char *equals = memchr(query.p, '=', n);
		struct span name = { query.p, equals ? (size_t)(equals - query.p) : n };
		bool is_hidden = equals && is_secret_name(name);

		line_put_escaped(l, (struct span){ query.p, is_hidden ? name.n + 1 : n });
		if (is_hidden)
			line_put_text(l, "***");
		if (and)
			line_put_text(l, "&");
		query.p += n + (and != NULL);
		query.n -= n + (and != NULL);
	}
}

static void
put_letter(struct router *r, struct line *l, const struct request *q, char letter, struct span modifier)
{
	char text[16];

	switch (letter) {
	case '%':
		line_put_text(l, "%");
		break;
	case 'C': /* percent of a processor */
		line_put_number(l, q->cpu_us > 0 ? (uint64_t)q->cpu_us * 100 / (r->now_us - q->begun_us + 1)
		                                 : 0);
		break;
	case 'd':
		put_duration(l, r->now_us - q->begun_us, modifier);
		break;
	case 'f':
	case 'n':
		put_or_dash(l, span_of(q->pool ? q->pool->function.name : ""));
		break;
	case 'l':
		line_put_number(l, q->received);
		break;
	case 'M':
		put_memory(l, memory_kb(q), modifier);
		break;
	case 'm':
		put_or_dash(l, q->method_text);
		break;
	case 'p':
		line_put_number(l, q->worker ? (uint64_t)q->worker->pid : 0);
		break;
	case 'q':
		put_query(l, q->query);
		break;
	case 'Q':
		line_put_text(l, q->query.n > 0 ? "?" : "");
		break;
	case 'r':
		put_or_dash(l, q->path);
		break;
	case 'R':
		put_or_dash(l, q->remote);
		break;
	case 's':
		line_put(l, text, (size_t)snprintf(text, sizeof text, "%03d", q->status));
		break;
	case 't':
	case 'T':
		line_put(l, r->log_time, line_time(r).n);
		break;
	case 'u':
		put_or_dash(l, span_of(q->user));
		break;
	default:
		line_put_text(l, "-");
	}
}

/* The next letter of a format, with its modifier; '\0' at the end.  What is none is written. */
static char
next_letter(const char **at, struct span *modifier, struct line *l)
{
	for (; **at != '\0' && **at != '%'; (*at)++)
		if (l)
			line_put(l, *at, 1);
	if (**at == '\0')
		return '\0';
	(*at)++;
	*modifier = (struct span){ *at, 0 };
	if (**at == '{') {
		modifier->p = ++*at;
		modifier->n = strcspn(*at, "}");
		*at += modifier->n;
		*at += **at == '}';
	}
	return **at == '\0' ? '\0' : *(*at)++;
}

bool
access_log_asks(const char *format, char letter)
{
	struct span modifier;
	char c;

	while ((c = next_letter(&format, &modifier, NULL)) != '\0')
		if (c == letter)
			return true;
	return false;
}

static void
put_format(struct router *r, struct line *l, const struct request *q)
{
	const char *at = r->start.access_format;
	struct span modifier;
	char letter;

	while ((letter = next_letter(&at, &modifier, l)) != '\0')
		put_letter(r, l, q, letter, modifier);
}

void
logs_request(struct router *r, const struct request *q)
{
	struct line l;

	l.n = 0;
	score_request(r, q);
	if (r->is_json)
		put_json(r, &l, q);
	else
		put_format(r, &l, q);
	log_add(r, &r->access, &l,
	        &(struct log_message){ .level = LOG_INFO,
	                               .function = q->pool ? q->pool->function.name : NULL,
	                               .request_id = q->id });
}
