/* check.c - elf_check() of an artifact, in a box: bytes that a stranger's source made are parsed by nothing
 * that could do more than give a wrong answer. */
#include "deploy-tool/check.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "ipc/start.h"
#include "sandbox/box.h"

enum { CHECK_UID = 1001 };

struct work {
	const void *bytes;
	size_t n;
	const char *const *entries;
	const char *libraries;
};

static int
check_inside(int input, int output, void *context)
{
	const struct work *w = context;
	struct elf_report report;

	(void)input;
	elf_check(w->bytes, w->n, w->entries, w->libraries, &report);
	return fd_write_all(output, &report, sizeof report) < 0;
}

/* The report comes out of the box, so it is only believed in its form. */
static bool
read_report(const struct box_result *result, const char *const *entries, struct elf_report *report)
{
	unsigned char has_routes;
	int n = 0;

	if (result->ending.code != CLD_EXITED || result->ending.status != 0 ||
	    buf_used(&result->out) != sizeof *report)
		return false;
	memcpy(&has_routes, buf_head(&result->out) + offsetof(struct elf_report, has_routes), 1);
	if (has_routes > 1)
		return false;
	memcpy(report, buf_head(&result->out), sizeof *report);
	while (entries[n] != NULL)
		n++;
	return memchr(report->reason, '\0', sizeof report->reason) != NULL && report->entry >= -1 &&
	       report->entry < n;
}

int
check_artifact(const struct build_place *p, const struct build *b, const char *const *entries,
               struct elf_report *report, struct err *e)
{
	static const char *const nothing[] = { NULL };
	char libraries[LIBRARIES_TEXT_SIZE + sizeof SANITIZER_LIBRARIES + 1];
	struct work work = { b->artifact, b->artifact_size, entries, libraries };
	const struct box_plan plan = {
		.name = "check",
		.profile = BOX_CHECK,
		.env = nothing,
		.run = check_inside,
		.context = &work,
		.input = -1,
		.system = nothing,
		.collect = nothing,
		.uid_range = (uid_t)p->config->uid_range_start + CHECK_UID,
		.cgroup = p->cgroup,
		.base = p->base->filters != NULL ? p->base : NULL,
		.limits = { .memory = 256u << 20,
		            .cpu_ms = 5000,
		            .wall_ms = 10000,
		            .processes = 1,
		            .files = 16,
		            .disk = 1u << 20,
		            .output = 4096 },
	};
	struct box_result result = { 0 };
	int rc;
	bool ok;

	snprintf(libraries, sizeof libraries, "%s%s%s", b->libraries,
	         b->has_sanitizers && b->libraries[0] != '\0' ? " " : "",
	         b->has_sanitizers ? SANITIZER_LIBRARIES : "");
	rc = box_run(&plan, &result, e);

	if (rc < 0)
		return err_wrap(e, "check of the artifact");
	ok = read_report(&result, entries, report);
	box_result_done(&result);
	if (!ok)
		return err_set(e, -ENOEXEC, "the artifact could not be checked: it makes the checker fail");
	return report->reason[0] != '\0' ? err_set(e, -ENOEXEC, "the artifact %s", report->reason) : 0;
}
