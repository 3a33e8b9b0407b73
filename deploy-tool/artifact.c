/* artifact.c - the way from a file to a checked artifact. */
#include "deploy-tool/artifact.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "deploy-tool/build_line.h"
#include "deploy-tool/check.h"
#include "deploy-tool/diagnostics.h"
#include "deploy-tool/links.h"

enum { DIAGNOSTICS_MAX = 8 << 20 };

bool
artifact_is_symbol(const char *text)
{
	static const char digits[] = "0123456789";
	static const char all[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
	size_t n = strspn(text, all);

	return n > 0 && n < SYMBOL_MAX_SIZE && text[n] == '\0' && strchr(digits, text[0]) == NULL;
}

void
artifact_set_entries(struct artifact *a, const char *wanted, const char *previous)
{
	size_t n = 0;

	if (wanted == NULL && previous != NULL && previous[0] != '\0')
		a->entries[n++] = previous;
	a->entries[n++] = wanted != NULL ? wanted : a->source.symbol;
	if (wanted == NULL)
		a->entries[n++] = "handle";
	a->entries[n] = NULL;
}

static void
show_diagnostics(const struct tool *t, const struct artifact *a)
{
	enum { OWN = 2 };
	struct diagnostics_name rows[OWN + SOURCE_FILES_MAX] = { { BUILD_HEADER, "cfn.h" },
		                                                 { BUILD_JSON, "cfn_json.h" } };
	const struct diagnostics_names names = { OWN + a->source.n, rows };
	const struct buf *raw = &a->build.diagnostics;
	struct buf shown;

	if (buf_used(raw) == 0)
		return;
	for (size_t i = 0; i < a->source.n; i++)
		rows[OWN + i] = (struct diagnostics_name){ a->source.files[i].name, a->source.files[i].path };
	buf_init(&shown, DIAGNOSTICS_MAX);
	diagnostics_format(&shown, buf_head(raw), buf_used(raw), &names, t->is_colored);
	/* In the place of what it is at. */
	if (t->is_terminal)
		fputs("\033[K", stderr);
	if (buf_used(&shown) > 0)
		fd_write_all(STDERR_FILENO, buf_head(&shown), buf_used(&shown));
	buf_done(&shown);
	if (a->build.is_cut)
		fprintf(stderr, "cfn-deploy: the compiler said more than fits here\n");
}

const char *
artifact_entry(const struct artifact *a, const struct elf_report *report)
{
	bool is_wanted = a->entries[1] == NULL;

	if ((report->has_routes && !is_wanted) || report->entry < 0)
		return "";
	return a->entries[report->entry];
}

static int
choose_entry(struct artifact *a)
{
	bool is_wanted = a->entries[1] == NULL;

	if (is_wanted && a->report.entry < 0)
		return tool_fail_as(EX_DATAERR,
		                    "%.200s: there is no function '%s' with external linkage in it",
		                    a->source.path, a->entries[0]);
	a->entry = artifact_entry(a, &a->report);
	return 0;
}

int
artifact_compile(struct tool *t, struct artifact *a)
{
	const char *links = a->links != NULL ? a->links : "";
	struct err e;
	int rc;

	if (links_resolve(&t->config, links, a->build.libraries, &e) < 0)
		return tool_fail(&e);
	tool_open_boxes(t);
	rc = build_run(&t->boxes, &a->source, &a->build, &e);
	show_diagnostics(t, a);
	if (rc < 0) {
		rc = tool_fail(&e);
		links_advise(&t->config, links, &a->build);
	}
	return rc;
}

int
artifact_check(struct tool *t, struct artifact *a)
{
	struct err e;

	if (check_artifact(&t->boxes, &a->build, a->entries, &a->report, &e) < 0) {
		err_wrap(&e, "%.100s", a->source.path);
		return tool_fail(&e);
	}
	return choose_entry(a);
}

int
artifact_make(struct tool *t, struct artifact *a)
{
	int rc = artifact_compile(t, a);

	return rc != 0 ? rc : artifact_check(t, a);
}

void
artifact_done(struct artifact *a)
{
	source_done(&a->source);
	build_done(&a->build);
}

/* As the worker's preload.c looks for what needs a library. */
bool
artifact_uses_session(const struct artifact *a)
{
	static const char *const signs[] = { "cfn_session", "cfn_csrf" };

	for (size_t i = 0; i < ARRAY_SIZE(signs); i++)
		if (memmem(a->build.artifact, a->build.artifact_size, signs[i], strlen(signs[i])) != NULL)
			return true;
	return false;
}
