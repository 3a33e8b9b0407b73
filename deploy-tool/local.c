/* local.c - a worker of a spawner of our own. */
#include "deploy-tool/local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/words.h"
#include "ipc/message.h"

enum {
	LOCAL_SLOT = 7,  /* the last of the slots that no function has */
	FIRST_ID = 1000, /* of slot 0, behind the range's start */
	SANITIZER_FACTOR = 4,
};

/* Where the shared folders are.  Those of the pool when this user may use the function's: its owner
 * tells the slot.  Else nowhere, and the function sees an empty root. */
struct place {
	const char *shared_dir; /* NULL: nowhere */
	uint32_t slot;
};

static bool
find_shared(const struct config *c, const struct local_function *f, uint32_t *slot)
{
	char path[CONFIG_PATH_MAX + NAME_MAX_SIZE];
	uint64_t first = c->uid_range_start + FIRST_ID;
	struct stat st;

	snprintf(path, sizeof path, "%s/%s", c->shared_dir, f->policy->shared);
	if (f->policy->shared[0] == '\0' || lstat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		return false;
	if (geteuid() != 0)
		return st.st_uid == geteuid();
	*slot = (uint32_t)(st.st_uid - first);
	return st.st_uid > first && st.st_uid < c->uid_range_start + c->uid_range_size;
}

static struct place
find_place(const struct config *c, const struct local_function *f)
{
	struct place p = { .slot = LOCAL_SLOT };
	uint32_t slot = LOCAL_SLOT;

	if (f->shared_dir != NULL) {
		p.shared_dir = f->shared_dir;
	} else if (find_shared(c, f, &slot)) {
		p.shared_dir = c->shared_dir;
		p.slot = slot;
	}
	return p;
}

bool
local_sees_folder(const struct config *c, const struct local_function *f)
{
	return f->policy->shared[0] == '\0' || find_place(c, f).shared_dir != NULL;
}

/* Else it starts without, for its service may be there for the pool alone. */
static bool
sees_sockets(const char *sockets)
{
	char path[SOCKET_PATH_SIZE];
	const char *one;
	struct stat st;
	size_t n;

	while ((one = words_next(&sockets, &n)) != NULL) {
		snprintf(path, sizeof path, "%.*s", (int)n, one);
		if (lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode))
			return false;
	}
	return true;
}

static int
fill_start(const struct config *c, const struct local_function *f, const struct place *place,
           struct start_worker *start, struct err *e)
{
	struct function_policy p = *f->policy;

	start->id = LOCAL_ID;
	start->slot = place->slot;
	start->version = f->version;
	config_apply(c, f->function, &p);
	/* Shadows, red zones, and what was freed. */
	start->memory = start->has_sanitizers ? SANITIZER_FACTOR * p.memory : p.memory;
	start->tmp_size = p.tmp_size;
	start->file_size = p.file_size;
	start->tmp_inodes = (uint32_t)p.tmp_inodes;
	start->threads = (uint32_t)p.threads;
	start->cpu_share = p.cpu_share < CPU_SHARE_ANY ? (uint32_t)p.cpu_share : 0;
	start->files = (uint32_t)p.files;
	/* One that is invoked serves one request as it is. */
	start->is_fresh = start->is_trial && p.mode == MODE_FRESH;
	start->shared_read_only = (uint32_t)p.shared_read_only;
	if (place->shared_dir != NULL)
		snprintf(start->shared, sizeof start->shared, "%s", p.shared);
	snprintf(start->function, sizeof start->function, "%s", f->function);
	snprintf(start->entry, sizeof start->entry, "%s", f->entry);
	if (sees_sockets(p.sockets))
		snprintf(start->sockets, sizeof start->sockets, "%s", p.sockets);
	return config_check_sockets(c, p.sockets, e) < 0
	           ? -e->code
	           : libraries_resolve(&c->libraries, p.links, start->libraries, e);
}

/* requests, output: the worker's ends. */
static int
ask_start(const struct local_function *f, const struct start_worker *start, int channel, const int ends[2],
          struct err *e)
{
	AUTO_FD artifact = -1;
	AUTO_FD environment = -1;

	artifact = fd_sealed_memory("artifact", f->artifact, f->artifact_size, e);
	if (artifact < 0)
		return artifact;
	environment = fd_sealed_memory("environment", f->policy->env, f->policy->env_size, e);
	if (environment < 0)
		return environment;
	return message_send(channel, MSG_START_WORKER, start, sizeof *start,
	                    (const int[]){ artifact, environment, ends[0], ends[1] }, 4, e);
}

static int
begin_spawner(const struct config *c, const struct cgroup *cgroup, const struct place *p, struct spawner *s,
              struct err *e)
{
	const struct spawner_options options = {
		.libexec_dir = c->libexec_dir,
		.shared_dir = p->shared_dir,
		.uid_range = (uid_t)c->uid_range_start,
		.n_uids = (unsigned)c->uid_range_size,
		.cgroup = cgroup,
	};

	return spawner_begin(&options, s, e);
}

/* The worker alone holds its ends from then on. */
static int
start_worker(struct local *l, const struct local_function *f, const struct start_worker *start, struct err *e)
{
	int requests[2] = { -1, -1 }, output[2] = { -1, -1 }, rc = message_pair(requests, e);

	if (rc == 0 && pipe2(output, O_CLOEXEC) < 0)
		rc = err_set(e, errno, "pipe");
	if (rc == 0)
		rc = ask_start(f, start, l->spawner.channel, (int[]){ requests[1], output[1] }, e);
	l->requests = requests[0];
	l->output = output[0];
	fd_close(&requests[1]);
	fd_close(&output[1]);
	return rc;
}

int
local_begin(struct local *l, const struct config *c, const struct local_function *f, struct err *e)
{
	struct place place = find_place(c, f);

	*l = (struct local){ .spawner = { .channel = -1, .pidfd = -1 }, .requests = -1, .output = -1 };
	l->lacks_folder = place.shared_dir == NULL && f->policy->shared[0] != '\0';
	return begin_spawner(c, f->cgroup, &place, &l->spawner, e);
}

int
local_go_on(struct local *l, const struct config *c, const struct local_function *f,
            const struct start_worker *how, struct err *e)
{
	struct start_worker start = *how;
	struct place place = find_place(c, f);
	int rc = fill_start(c, f, &place, &start, e);

	if (rc == 0)
		rc = spawner_await(&l->spawner, e);
	return rc < 0 ? rc : start_worker(l, f, &start, e);
}

int
local_start(struct local *l, const struct config *c, const struct local_function *f,
            const struct start_worker *how, struct err *e)
{
	int rc = local_begin(l, c, f, e);

	return rc < 0 ? rc : local_go_on(l, c, f, how, e);
}

void
local_done(struct local *l)
{
	fd_close(&l->requests);
	fd_close(&l->output);
	spawner_stop(&l->spawner);
}
