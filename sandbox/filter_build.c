/* filter_build.c - seccomp programs from the tables of calls, by libseccomp. */
#include "sandbox/filter_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "base/words.h"

static uint32_t
verdict_action(enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_ALLOW:
		return SCMP_ACT_ALLOW;
	case VERDICT_REFUSE:
		return SCMP_ACT_ERRNO(EPERM);
	case VERDICT_REPORT:
		return SCMP_ACT_NOTIFY;
	case VERDICT_NO_SOCKET:
		return SCMP_ACT_ERRNO(EACCES);
	case VERDICT_UNKNOWN:
		return SCMP_ACT_ERRNO(ENOSYS);
	case VERDICT_NONE:
		break;
	}
	return SCMP_ACT_KILL_PROCESS;
}

/* Whoever reports what is not named reports all refusals. */
static bool
is_standard(const struct filter_calls *calls, enum verdict verdict)
{
	return verdict == calls->standard || (calls->standard == VERDICT_REPORT && verdict != VERDICT_ALLOW);
}

/* A name that this architecture or this libseccomp lacks needs no rule: it stays unknown. */
static int
rule_add(scmp_filter_ctx ctx, const struct filter_calls *calls, const struct call_rule *rule, struct err *e)
{
	int nr = seccomp_syscall_resolve_name(rule->name), rc;

	if (nr < 0 || is_standard(calls, rule->verdict))
		return 0;
	rc = seccomp_rule_add_array(ctx, verdict_action(rule->verdict), nr, rule->n, rule->conditions);
	return rc < 0 ? err_set(e, -rc, "%s: %s", calls->name, rule->name) : 0;
}

static int
names_add(scmp_filter_ctx ctx, const struct filter_calls *calls, const char *names, enum verdict verdict,
          struct err *e)
{
	char name[SYSCALL_NAME_SIZE];
	int rc = 0;

	while (*names && rc == 0) {
		size_t n = strcspn(names, " ");
		const struct call_rule rule = { name, verdict };

		snprintf(name, sizeof name, "%.*s", (int)n, names);
		if (verdict == VERDICT_REPORT || !calls->reported || !words_have(calls->reported, names, n))
			rc = rule_add(ctx, calls, &rule, e);
		names += n + strspn(names + n, " ");
	}
	return rc;
}

static int
never_add(scmp_filter_ctx ctx, const struct filter_calls *calls, struct err *e)
{
	int rc;

	if (calls->of_never == VERDICT_NONE)
		return 0;
	rc = names_add(ctx, calls, filter_never, calls->of_never, e);
	if (rc == 0 && calls->of_never == VERDICT_REPORT)
		rc = names_add(ctx, calls, filter_never_code, VERDICT_REPORT, e);
	if (rc == 0 && calls->reported)
		rc = names_add(ctx, calls, calls->reported, VERDICT_REPORT, e);
	return rc;
}

static int
calls_add(scmp_filter_ctx ctx, const struct filter_calls *calls, struct err *e)
{
	int rc = never_add(ctx, calls, e);

	for (size_t i = 0; i < CALL_SETS_MAX && calls->allowed[i] && rc == 0; i++)
		rc = names_add(ctx, calls, calls->allowed[i], VERDICT_ALLOW, e);
	for (size_t i = 0; i < CALL_SETS_MAX && calls->rules[i] && rc == 0; i++)
		for (const struct call_rule *r = calls->rules[i]; r->name && rc == 0; r++)
			rc = rule_add(ctx, calls, r, e);
	return rc;
}

/* libseccomp writes the program to a descriptor only. */
static int
program_export(scmp_filter_ctx ctx, struct sandbox_filter *f, struct err *e)
{
	AUTO_FD file = memfd_create("cfn-filter", MFD_CLOEXEC);
	off_t size;
	int rc;

	if (file < 0)
		return err_set(e, errno, "memfd_create");
	rc = seccomp_export_bpf(ctx, file);
	if (rc < 0)
		return err_set(e, -rc, "export");
	size = lseek(file, 0, SEEK_CUR);
	if (size < 0)
		return err_set(e, errno, "size");
	if (size > (off_t)sizeof f->code)
		return err_set(e, -E2BIG, "longer than %d instructions", FILTER_CODE_MAX);
	if (pread(file, f->code, sizeof f->code, 0) != size)
		return err_set(e, EIO, "read");
	f->n = (uint32_t)((size_t)size / sizeof f->code[0]);
	return 0;
}

static int
filter_build(const struct filter_calls *calls, struct sandbox_filter *f, struct err *e)
{
	scmp_filter_ctx ctx = seccomp_init(verdict_action(calls->standard));
	int rc;

	if (!ctx)
		return err_set(e, ENOMEM, "seccomp_init");
	rc = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (rc == 0) /* a binary tree: what is near the end of a list costs no more */
		rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (rc < 0)
		rc = err_set(e, -rc, "attributes");
	if (rc == 0)
		rc = calls_add(ctx, calls, e);
	if (rc == 0)
		rc = program_export(ctx, f, e);
	seccomp_release(ctx);
	return rc;
}

static int
filters_build(const struct filter_calls *tables, unsigned kinds, struct sandbox_filters *filters,
              struct err *e)
{
	for (unsigned kind = 0; kind < FILTER_COUNT; kind++)
		if ((kinds & FILTER_BIT(kind)) && filter_build(&tables[kind], &filters->of[kind], e) < 0)
			return err_wrap(e, "seccomp program");
	return 0;
}

/* Which kinds are made of which tables. */
struct filter_source {
	const struct filter_calls *tables;
	unsigned kinds;
};

enum {
	LOAD_KINDS = FILTER_BIT(FILTER_FUNCTION_LOAD) | FILTER_BIT(FILTER_FRESH_LOAD),
	EXPLAINED_KINDS = FILTER_BIT(FILTER_FUNCTION_LOAD) | FILTER_BIT(FILTER_FUNCTION_CLOSE) |
	                  FILTER_BIT(FILTER_FUNCTION_SERVE),
};

static int
seal_from(const struct filter_source *sources, size_t n, struct err *e)
{
	AUTO_FREE struct sandbox_filters *filters = calloc(1, sizeof *filters);

	if (!filters)
		return err_set(e, ENOMEM, "seccomp programs");
	for (size_t i = 0; i < n; i++)
		if (filters_build(sources[i].tables, sources[i].kinds, filters, e) < 0)
			return -e->code;
	return fd_sealed_memory("cfn-filters", filters, sizeof *filters, e);
}

int
sandbox_filters_seal(unsigned kinds, struct err *e)
{
	return seal_from(&(const struct filter_source){ filter_calls, kinds }, 1, e);
}

int
sandbox_filters_seal_explaining(struct err *e)
{
	const struct filter_source sources[] = {
		{ filter_calls_explaining, EXPLAINED_KINDS },
		{ filter_calls, FILTER_BIT(FILTER_INIT) },
	};

	return seal_from(sources, ARRAY_SIZE(sources), e);
}

int
sandbox_filters_seal_granted(bool is_explaining, struct err *e)
{
	const struct filter_source plain[] = {
		{ filter_calls_granted, LOAD_KINDS },
		{ filter_calls, FILTERS_OF_SPAWNER & ~(unsigned)LOAD_KINDS },
	};
	const struct filter_source explaining[] = {
		{ filter_calls_explaining_granted, FILTER_BIT(FILTER_FUNCTION_LOAD) },
		{ filter_calls_explaining, EXPLAINED_KINDS & ~FILTER_BIT(FILTER_FUNCTION_LOAD) },
		{ filter_calls, FILTER_BIT(FILTER_INIT) },
	};

	return is_explaining ? seal_from(explaining, ARRAY_SIZE(explaining), e)
	                     : seal_from(plain, ARRAY_SIZE(plain), e);
}
