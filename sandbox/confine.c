/* confine.c - sandboxes that are entered by their own processes. */
#include "sandbox/confine.h"

#include <errno.h>
#include <linux/securebits.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "sandbox/profile.h"

/* The spawner cloned and released it, and it came here by an exec with its own descriptors alone: nothing is
 * open that it may not have. */
int
confine_router(struct err *e)
{
	AUTO_FD program = sandbox_filters_seal(FILTER_BIT(FILTER_ROUTER), e);
	struct sandbox s;
	int rc;

	if (program < 0)
		return program;
	sandbox_init(&s, &sandbox_router, "router");
	rc = sandbox_filters_map(program, &s.filters, e);
	if (rc == 0)
		rc = sandbox_enter(&s, SANDBOX_ROOT, e);
	if (rc == 0)
		rc = sandbox_enter(&s, SANDBOX_PAYLOAD, e);
	return rc;
}

enum { RUNNER_TMP_SIZE = 4 << 20, RUNNER_TMP_INODES = 64, RUNNER_FILE_SIZE = 1 << 30 };

static int
runner_enter(struct sandbox *s, struct err *e)
{
	int rc = sandbox_enter(s, SANDBOX_PREPARE | SANDBOX_IDENTITY, e);

	if (rc == 0)
		rc = sandbox_enter(s, SANDBOX_ROOT, e);
	if (rc == 0 && chdir("/") < 0)
		rc = err_set(e, errno, "chdir '/'");
	return rc == 0 ? sandbox_enter(s, SANDBOX_PAYLOAD, e) : rc;
}

int
confine_runner(const struct confine_runner *c, struct err *e)
{
	AUTO_FD program = sandbox_filters_seal(FILTER_BIT(FILTER_RUNNER), e);
	struct sandbox s;
	int rc;

	if (program < 0)
		return program;
	sandbox_init(&s, &sandbox_runner, "runner");
	s.folder = c->folder;
	s.keep = c->keep;
	s.n_keep = c->n_keep;
	s.limits = (struct sandbox_limits){ .memory = c->memory,
		                            .tmp_size = RUNNER_TMP_SIZE,
		                            .tmp_inodes = RUNNER_TMP_INODES,
		                            .file_size = RUNNER_FILE_SIZE,
		                            .files = c->files };
	rc = sandbox_filters_map(program, &s.filters, e);
	if (rc == 0)
		rc = runner_enter(&s, e);
	return rc;
}

enum { MANAGE_FILES = 1024 };
#define MANAGE_MEMORY (2ULL << 30) /* bytes: bodies and answers have bounds of their own below it */

int
confine_manage(const int *keep, size_t n_keep, struct err *e)
{
	AUTO_FD program = sandbox_filters_seal(FILTER_BIT(FILTER_MANAGE), e);
	struct sandbox s;
	int rc;

	if (program < 0)
		return program;
	sandbox_init(&s, &sandbox_manage, "management");
	s.keep = keep;
	s.n_keep = n_keep;
	s.limits = (struct sandbox_limits){ .memory = MANAGE_MEMORY,
		                            .file_size = RUNNER_FILE_SIZE,
		                            .files = MANAGE_FILES };
	rc = sandbox_filters_map(program, &s.filters, e);
	return rc == 0 ? runner_enter(&s, e) : rc;
}

/* user_namespaces(7): to map another id than its own into a box, or its own, when that is the only one and so
 * 0. */
static const cap_value_t to_map_others[] = { CAP_SETUID, CAP_SETGID }, to_map_own[] = { CAP_SETFCAP };

static bool
is_in(const cap_value_t *list, size_t n, unsigned long cap)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned long)list[i] == cap)
			return true;
	return false;
}

/* Up to the first number that the kernel does not know. */
static int
bounding_set_reduce(const cap_value_t *kept, size_t n)
{
	unsigned long cap = 0;

	for (; is_in(kept, n, cap) || prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0; cap++)
		;
	return errno == EINVAL ? 0 : -1;
}

static int
capabilities_reduce(const cap_value_t *kept, int n)
{
	cap_t caps = cap_init();
	int rc = !caps || cap_set_flag(caps, CAP_PERMITTED, n, kept, CAP_SET) < 0 ||
	                 cap_set_flag(caps, CAP_EFFECTIVE, n, kept, CAP_SET) < 0 || cap_set_proc(caps) < 0
	             ? -1
	             : 0;

	cap_free(caps);
	return rc;
}

/* For good. */
static int
privileges_reduce(const cap_value_t *kept, size_t n, struct err *e)
{
	if (bounding_set_reduce(kept, n) < 0)
		return err_set(e, errno, "bounding set");
	if (cap_set_secbits(SECURE_ALL_BITS | SECURE_ALL_LOCKS) < 0)
		return err_set(e, errno, "securebits");
	if (capabilities_reduce(kept, (int)n) < 0)
		return err_set(e, errno, "capabilities");
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? err_set(e, errno, "no_new_privs") : 0;
}

int
confine_maker(bool has_one_id, struct err *e)
{
	return has_one_id ? privileges_reduce(to_map_own, ARRAY_SIZE(to_map_own), e)
	                  : privileges_reduce(to_map_others, ARRAY_SIZE(to_map_others), e);
}

enum { TRACER_MEMORY = 1 << 20, TRACER_CPU_S = 1 };

/* No Landlock: it would be allowed to trace nobody. */
int
confine_tracer(const struct confine_tracer *c, struct err *e)
{
	static const cap_value_t to_trace[] = { CAP_SYS_PTRACE };
	struct sandbox s;

	sandbox_init(&s, &sandbox_tracer, "tracer");
	s.keep = c->keep;
	s.n_keep = c->n_keep;
	s.limits = (struct sandbox_limits){ .memory = TRACER_MEMORY, .cpu_s = TRACER_CPU_S };
	if (address_space_enter(&s, e) < 0)
		return -e->code;
	if (fchdir(c->folder) < 0 || chroot(".") < 0)
		return err_set(e, errno, "chroot");
	if (descriptors_enter(&s, e) < 0 || payload_limits_enter(&s, e) < 0 ||
	    privileges_reduce(to_trace, ARRAY_SIZE(to_trace), e) < 0 || not_dumpable_enter(&s, e) < 0)
		return -e->code;
	return sandbox_filter_load_tracer(c->filters, c->pids, c->n_pids, e);
}
