/* stages.c - the order in which a sandbox is entered. */
#include "sandbox/profile.h"

#include <string.h>

#include "base/macros.h"

void
sandbox_init(struct sandbox *s, const struct sandbox_profile *profile, const char *name)
{
	memset(s, 0, sizeof *s);
	s->profile = profile;
	s->name = name;
	s->folder = s->artifact = s->artifact_folder = s->listener = -1;
}

/* The order is the design: what a stage needs has not been taken by one above it.  Capabilities go before
 * no_new_privs, or both prctl calls of that stage are EPERM; the filter is last of its part. */
static const struct {
	const char *name;
	unsigned parts;
	int (*enter)(struct sandbox *, struct err *);
} stages[] = {
	{ "session", SANDBOX_PREPARE, session_enter },
	{ "oom_score_adj", SANDBOX_PREPARE, oom_score_enter },
	{ "nested user namespaces", SANDBOX_PREPARE, nested_namespaces_enter },
	{ "inherited capabilities", SANDBOX_PREPARE, inherited_capabilities_enter },

	{ "ids", SANDBOX_IDENTITY, identity_enter },

	{ "address space", SANDBOX_ROOT, address_space_enter },
	{ "mount propagation", SANDBOX_ROOT, propagation_enter },
	{ "artifact", SANDBOX_ROOT, artifact_enter },
	{ "root", SANDBOX_ROOT, root_enter },
	{ "host name", SANDBOX_ROOT, host_name_enter },
	{ "environment", SANDBOX_ROOT, environment_enter },

	{ "size of the root", SANDBOX_SIZE, root_size_enter },

	{ "limits", SANDBOX_PAYLOAD, payload_limits_enter },
	{ "limits", SANDBOX_CLOSE, close_limits_enter },
	{ "descriptors", SANDBOX_INIT | SANDBOX_PAYLOAD | SANDBOX_WAIT, descriptors_enter },
	{ "capabilities", SANDBOX_INIT | SANDBOX_PAYLOAD, capabilities_enter },
	{ "no new privileges", SANDBOX_INIT | SANDBOX_PAYLOAD, no_new_privileges_enter },
	{ "not dumpable", SANDBOX_INIT | SANDBOX_PAYLOAD, not_dumpable_enter },
	{ "landlock", SANDBOX_PAYLOAD, landlock_enter },
	{ "executable memory", SANDBOX_PAYLOAD, executable_memory_enter },
	{ "seccomp", SANDBOX_INIT, init_filter_enter },
	{ "seccomp", SANDBOX_PAYLOAD, payload_filter_enter },

	{ "artifact folder", SANDBOX_CLOSE, artifact_folder_enter },
	{ "seccomp", SANDBOX_CLOSE, close_filter_enter },
	{ "artifact folder", SANDBOX_SERVE, artifact_folder_leave },
	{ "seccomp", SANDBOX_SERVE, serve_filter_enter },

	{ "seccomp", SANDBOX_REQUEST, request_filter_enter },

	{ "limits", SANDBOX_RUN, run_limits_enter },
};

int
sandbox_enter(struct sandbox *s, unsigned parts, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(stages); i++)
		if ((stages[i].parts & parts) && stages[i].enter(s, e) < 0)
			return err_wrap(e, "sandbox '%s' (%s): %s", s->name, s->profile->name,
			                stages[i].name);
	return 0;
}
