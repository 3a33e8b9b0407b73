/* filter_make.c - writes C at build time: seccomp programs from the tables of calls, by libseccomp, and the
 * names of system calls. */
#include "sandbox/filter_calls.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "base/words.h"

enum { CALLS_MAX = 1024 }; /* numbers of system calls end below */

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

/* In the order of filter_programs.h. */
static const struct {
	const char *name;
	const struct filter_calls *tables;
} sets[] = {
	{ "plain", filter_calls },
	{ "explaining", filter_calls_explaining },
	{ "granted", filter_calls_granted },
	{ "explaining_granted", filter_calls_explaining_granted },
};

/* The code of each program of a set. */
static int
write_codes(const char *set, const struct filter_calls *tables, uint32_t lengths[FILTER_COUNT], struct err *e)
{
	for (unsigned kind = 0; kind < FILTER_COUNT; kind++) {
		struct sandbox_filter f;

		lengths[kind] = 0;
		if (!tables[kind].name)
			continue;
		if (filter_build(&tables[kind], &f, e) < 0)
			return -e->code;
		lengths[kind] = f.n;
		printf("\n/* %s */\nstatic const struct sock_filter %s_%u[] = {\n", tables[kind].name, set,
		       kind);
		for (uint32_t i = 0; i < f.n; i++)
			printf("\t{ 0x%02x, %u, %u, 0x%08x },\n", f.code[i].code, f.code[i].jt, f.code[i].jf,
			       f.code[i].k);
		puts("};");
	}
	return 0;
}

static int
write_programs(struct err *e)
{
	static uint32_t lengths[ARRAY_SIZE(sets)][FILTER_COUNT];

	puts("#include \"sandbox/filter_programs.h\"");
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		if (write_codes(sets[i].name, sets[i].tables, lengths[i], e) < 0)
			return -e->code;
	puts("\nconst struct filter_program filter_programs[FILTER_SETS][FILTER_COUNT] = {");
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		for (unsigned kind = 0; kind < FILTER_COUNT; kind++)
			if (lengths[i][kind] > 0)
				printf("\t[%zu][%u] = { %u, %s_%u },\n", i, kind, lengths[i][kind],
				       sets[i].name, kind);
	puts("};");
	return 0;
}

/* Of this architecture. */
static int
write_names(struct err *e)
{
	puts("#include \"sandbox/filter_programs.h\"\n");
	puts("const char syscall_names[][SYSCALL_NAME_SIZE] = {");
	for (int nr = 0; nr < CALLS_MAX; nr++) {
		AUTO_FREE char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, nr);

		if (!name)
			continue;
		if (strlen(name) >= SYSCALL_NAME_SIZE)
			return err_set(e, -E2BIG, "%s: over %d bytes", name, SYSCALL_NAME_SIZE - 1);
		printf("\t[%d] = \"%s\",\n", nr, name);
	}
	puts("};\n");
	puts("const size_t n_syscall_names = sizeof syscall_names / sizeof syscall_names[0];");
	return 0;
}

int
main(int argc, char **argv)
{
	struct err e;
	int rc;

	if (argc != 2 || (strcmp(argv[1], "programs") != 0 && strcmp(argv[1], "names") != 0)) {
		fputs("usage: filter_make programs|names\n", stderr);
		return EX_USAGE;
	}
	puts("/* Written by filter_make.c. */");
	rc = argv[1][0] == 'p' ? write_programs(&e) : write_names(&e);
	if (rc == 0 && fflush(stdout) != 0)
		rc = err_set(&e, errno, "standard output");
	if (rc < 0)
		fprintf(stderr, "filter_make: %s\n", e.text);
	return rc < 0 ? EX_SOFTWARE : EX_OK;
}
