/* main.c - cfn-runner: prepares what boxes need, parts with its front, and stays as the maker. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "ipc/message.h"
#include "ipc/start.h"
#include "runner/maker.h"
#include "runner/service.h"
#include "sandbox/confine.h"
#include "sandbox/sandbox.h"

struct runner {
	struct start_runner start;
	struct run_languages languages;
	struct box_base base;
	struct run_cache cache;
	struct cgroup cgroup;
	int folder;       /* of what is kept, in our mount namespace */
	int store;        /* mount of the front's part of it */
	int front, maker; /* the two ends of their channel */
	struct maker keeping;
};

static int
start_read(struct runner *r, struct err *e)
{
	AUTO_FD fd = RUNNER_FD_START;
	ssize_t n = pread(fd, &r->start, sizeof r->start, 0);

	if (n != sizeof r->start || fd_check_sealed(fd) < 0)
		return err_set(e, -EBADMSG, "what to run is not said; cfn-runner is started by cfn-spawn");
	r->start.languages_dir[sizeof r->start.languages_dir - 1] = '\0';
	r->start.path[sizeof r->start.path - 1] = '\0';
	r->start.location[sizeof r->start.location - 1] = '\0';
	r->start.client[sizeof r->start.client - 1] = '\0';
	return 0;
}

/* Nothing of it may reach a box by an exec. */
static int
keep_apart(const struct runner *r, struct err *e)
{
	const int end = r->start.has_cgroup ? RUNNER_FD_END : RUNNER_FD_CGROUP;

	for (int fd = RUNNER_FD_MASTER; fd < end; fd++)
		if (fd != RUNNER_FD_START && fd_set_cloexec(fd, 1) < 0)
			return err_set(e, errno, "descriptor %d", fd);
	return 0;
}

/* Keepers look their boxes up in it. */
static int
proc_mount(struct err *e)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ||
	    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return err_set(e, errno, "mount /proc of the runner");
	return 0;
}

/* What was opened in another mount namespace cannot be mounted in this one, so it is opened here by its path:
 * the same folder, or none. */
static int
folder_open(struct runner *r, struct err *e)
{
	char link[32], path[RUN_FOLDER_SIZE];
	struct stat given, found;
	ssize_t n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", RUNNER_FD_FOLDER);
	n = readlink(link, path, sizeof path - 1);
	if (n < 0 || fstat(RUNNER_FD_FOLDER, &given) < 0)
		return err_set(e, errno, "folder of the runs");
	path[n] = '\0';
	r->folder = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (r->folder < 0 || fstat(r->folder, &found) < 0)
		return err_set(
		    e, errno,
		    "open folder '%s' by its path (may the spawner's uid pass all folders above it?)", path);
	if (given.st_dev != found.st_dev || given.st_ino != found.st_ino)
		return err_set(e, -ESTALE, "folder '%s' is another one now", path);
	return 0;
}

/* The front's: a folder below ours, so that it reaches nothing else of ours. */
static int
store_open(struct runner *r, struct err *e)
{
	const uid_t uid = r->start.front_uid;
	AUTO_FD folder = -1;

	if (mkdirat(r->folder, "store", 0700) < 0 && errno != EEXIST)
		return err_set(e, errno, "make the folder of the store");
	folder = openat(r->folder, "store", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder < 0 || (mkdirat(folder, "tmp", 0700) < 0 && errno != EEXIST))
		return err_set(e, errno, "open the folder of the store");
	if (fchown(folder, uid, uid) < 0)
		return err_set(e, errno, "give the folder of the store to the front");
	r->store = sandbox_folder_open(r->folder, "store", false, e);
	return r->store < 0 ? r->store : 0;
}

static int
cache_open(struct runner *r, struct err *e)
{
	r->cache.folder = -1;
	return r->start.cache_size == 0
	           ? 0
	           : run_cache_open(&r->cache, r->folder, "cache", r->start.cache_size, e);
}

static int
channel_open(struct runner *r, struct err *e)
{
	int pair[2], rc = message_pair(pair, e);

	if (rc < 0)
		return rc;
	r->front = pair[0];
	r->maker = pair[1];
	return 0;
}

static int
prepare(struct runner *r, struct err *e)
{
	if (start_read(r, e) < 0 || keep_apart(r, e) < 0 || proc_mount(e) < 0 ||
	    run_languages_read(&r->languages, r->start.languages_dir, e) < 0 ||
	    box_base_open(&r->base, true, e) < 0 || folder_open(r, e) < 0 || cache_open(r, e) < 0 ||
	    store_open(r, e) < 0)
		return -e->code;
	cgroup_none(&r->cgroup, "none was given");
	if (r->start.has_cgroup)
		r->cgroup.folder = RUNNER_FD_CGROUP;
	return channel_open(r, e);
}

static _Noreturn void
front_main(struct runner *r, struct sandbox_process *p)
{
	const struct service_start start = { .start = &r->start,
		                             .languages = &r->languages,
		                             .folder = r->store,
		                             .master = RUNNER_FD_MASTER,
		                             .maker = r->front,
		                             .report = RUNNER_FD_REPORT };
	struct err e;

	if (sandbox_await(p, &e) < 0)
		_exit(EXIT_FAILURE);
	_exit(service_run(&start));
}

/* Its pid. */
static pid_t
front_start(struct runner *r, struct err *e)
{
	struct sandbox_process p;
	pid_t pid = sandbox_clone(&sandbox_runner, -1, &p, e);
	int rc;

	if (pid == 0)
		front_main(r, &p);
	if (pid < 0)
		return pid;
	rc = sandbox_release(&p, -1, r->start.front_uid, r->start.front_uid, e);
	sandbox_process_done(&p);
	return rc < 0 ? rc : pid;
}

/* What is the front's alone. */
static void
front_leave(struct runner *r)
{
	close(RUNNER_FD_MASTER);
	close(RUNNER_FD_FOLDER);
	fd_close(&r->folder);
	fd_close(&r->store);
	fd_close(&r->front);
}

static int
make(struct runner *r, pid_t front, struct err *e)
{
	struct keeper_place *place = &r->keeping.place;

	front_leave(r);
	place->languages = &r->languages;
	place->run = (struct run_place){
		.uid = r->start.box_uid, .cgroup = &r->cgroup, .base = &r->base, .cache = &r->cache
	};
	if (confine_maker(r->start.front_uid == 0, e) < 0)
		return -e->code;
	return maker_open(&r->keeping, &r->start, r->maker, front, e);
}

static void
say_failed(const struct err *failure)
{
	struct err e;

	message_send(RUNNER_FD_REPORT, REPORT_FAILED, failure->text, strlen(failure->text), NULL, 0, &e);
}

int
main(void)
{
	/* Too large for the stack. */
	static struct runner runner;
	struct runner *r = &runner;
	struct err e = { 0 };
	pid_t front = -1;

	log_init("cfn-runner", STDERR_FILENO);
	log_to_starter();
	signal(SIGPIPE, SIG_IGN);
	if (prepare(r, &e) == 0)
		front = front_start(r, &e);
	if (front < 0 || make(r, front, &e) < 0) {
		say_failed(&e);
		return EXIT_FAILURE;
	}
	close(RUNNER_FD_REPORT);
	/* With this process everything below it ends. */
	if (maker_run(&r->keeping, &e) < 0) {
		log_line(LOG_ERR, "%s", e.text);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
