/* preload.c - the shared libraries that an artifact may need, loaded while there is a file system. */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/words.h"
#include "ipc/protocol.h"
#include "ipc/start.h"
#include "worker/worker.h"

/* A library, and what an artifact that needs it has in its bytes; NULL: loaded for all. */
static const struct {
	const char *name, *sign;
} libraries[] = {
	{ "libm.so.6", "libm.so.6" },
	/* pthread_exit and pthread_cancel load it by themselves, whoever calls them. */
	{ "libgcc_s.so.1", NULL },
	{ "libstdc++.so.6", "libstdc++.so.6" },
	/* Behind functions of cfn.h. */
	{ "libcrypto.so.3", "cfn_password_hash" },
	{ "libcrypto.so.3", "cfn_password_ok" },
	{ "libcrypto.so.3", "cfn_hmac_ok" },
};

/* A name in the bytes stands for a DT_NEEDED or an import: too much is loaded at worst. */
static bool
is_named(const char *bytes, size_t n, const char *name)
{
	return memmem(bytes, n, name, strlen(name) + 1) != NULL;
}

static int
preload_one(const char *name, struct err *e)
{
	if (!dlopen(name, RTLD_NOW | RTLD_GLOBAL))
		return err_set(e, -ENOEXEC, "%s", dlerror());
	return 0;
}

/* bytes are NULL before there is an artifact: then those for all. */
static int
preload_named(const char *bytes, size_t n, struct err *e)
{
	for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
		const char *sign = libraries[i].sign;
		bool is_wanted = bytes ? sign && is_named(bytes, n, sign) : !sign;

		if (is_wanted && preload_one(libraries[i].name, e) < 0)
			return -e->code;
	}
	return 0;
}

/* What the artifact is linked with.  Its own list of what it needs finds them by these names when it is
 * loaded, in a sandbox where there is no file of them; local, so that nothing but the artifact sees their
 * symbols. */
static int
preload_linked(const char *linked, struct err *e)
{
	char name[LIBRARY_FILE_SIZE];
	const char *one;
	size_t n;

	while ((one = words_next(&linked, &n))) {
		snprintf(name, sizeof name, "%.*s", (int)n, one);
		if (!dlopen(name, RTLD_NOW | RTLD_LOCAL))
			return err_set(e, -ENOEXEC, "it is linked with a library that is not here: %s",
			               dlerror());
	}
	return 0;
}

int
preload_common(struct err *e)
{
	char path[32];

	if (preload_named(NULL, 0, e) < 0)
		return -e->code;
	snprintf(path, sizeof path, "/proc/self/fd/%d", WORKER_FD_LIBRARY);
	return preload_one(path, e);
}

int
preload(int artifact, const char *linked, struct err *e)
{
	struct stat st;
	char *bytes;
	int rc;

	if (fstat(artifact, &st) < 0)
		return err_set(e, errno, "artifact");
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, artifact, 0);
	if (bytes == MAP_FAILED)
		return err_set(e, errno, "artifact");
	rc = preload_named(bytes, (size_t)st.st_size, e);
	munmap(bytes, (size_t)st.st_size);
	return rc < 0 ? rc : preload_linked(linked, e);
}
