/* apparmor.c - the AppArmor profile that lets the programs of this installation make user namespaces. */
#include "deploy-tool/apparmor.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/macros.h"

/* The programs that make user namespaces; cfn-worker stays in the profile of cfn-spawn. */
struct programs {
	char deploy[PATH_MAX], pool[PATH_MAX], spawn[PATH_MAX];
};

static int
resolve(const char *folder, const char *name, char path[PATH_MAX], struct err *e)
{
	char given[PATH_MAX];

	if (snprintf(given, sizeof given, "%s%s%s", folder, *name ? "/" : "", name) >= (int)sizeof given)
		return err_set(e, ENAMETOOLONG, "%s", name);
	if (!realpath(given, path))
		return err_set(e, errno, "%s", given);
	/* In a profile these would be variables, patterns, quotes or comments. */
	if (path[strcspn(path, " \t\r\n\"\\#,@{}[]*?^$!")] != '\0')
		return err_set(e, -ENOTSUP, "%s: no AppArmor profile for a path with such characters", path);
	return 0;
}

/* A build tree has all programs in one folder. */
static int
find_programs(const struct config *c, struct programs *p, struct err *e)
{
	if (resolve("/proc/self/exe", "", p->deploy, e) < 0 ||
	    resolve(c->libexec_dir, "cfn-spawn", p->spawn, e) < 0)
		return -e->code;
	if (resolve(c->libexec_dir, "cfn-pool", p->pool, e) == 0)
		return 0;
	return e->code == ENOENT ? resolve(CFN_SBINDIR, "cfn-pool", p->pool, e) : -e->code;
}

int
apparmor_print(const struct config *c, struct err *e)
{
	struct programs p;
	const char *const paths[] = { p.pool, p.deploy, p.spawn };

	if (find_programs(c, &p, e) < 0)
		return -e->code;
	printf("# c-web-functions: user namespaces for its programs, on Ubuntu 23.10 and later.\n"
	       "# As root: cfn-deploy doctor --apparmor >/etc/apparmor.d/cfn && apparmor_parser -r "
	       "/etc/apparmor.d/cfn\n"
	       "abi <abi/4.0>,\n"
	       "include <tunables/global>\n");
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		printf("\nprofile %s flags=(unconfined) {\n  userns,\n}\n", paths[i]);
	return 0;
}
