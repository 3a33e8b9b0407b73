/* box_ahead.c - a box that is made before its plan is there: its shape, and the memory that the plan is laid
 * in when it comes. */
#include "sandbox/box_keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "ipc/message.h"

enum {
	SHAPE_MAX = 64 << 10,
	PLAN_MAX = 16 << 20, /* addresses; only what is written is memory */
	INPUT_MAX = 1 << 20,
	ALIGNMENT = 16,
};

/* Memory that is taken from its beginning, and given back at once. */
struct room {
	char *at, *end;
	bool is_full;
};

struct box_ahead {
	struct keeper keeper; /* process.pid -1: it is used, or was never made */
	struct box_plan shape;
	void *shape_text;
	void *plan; /* shared with the box; only written here, because it may write there too */
	int input;
};

/* ---- a plan, copied whole ---- */

static void *
room_take(struct room *r, size_t n)
{
	char *taken = r->at;

	n = (n + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	if (r->is_full || n > (size_t)(r->end - r->at)) {
		r->is_full = true;
		return NULL;
	}
	r->at += n;
	return taken;
}

static void *
bytes_lay(struct room *r, const void *data, size_t n)
{
	void *to = data ? room_take(r, n) : NULL;

	return to ? memcpy(to, data, n) : NULL;
}

static const char *
text_lay(struct room *r, const char *text)
{
	return text ? bytes_lay(r, text, strlen(text) + 1) : NULL;
}

static const char *const *
words_lay(struct room *r, const char *const *words)
{
	const char **to;
	size_t n = 0;

	while (words && words[n])
		n++;
	to = words ? room_take(r, (n + 1) * sizeof *to) : NULL;
	for (size_t i = 0; to && i < n; i++)
		to[i] = text_lay(r, words[i]);
	if (to)
		to[n] = NULL;
	return to;
}

static const struct box_file *
files_lay(struct room *r, const struct box_file *files, size_t n)
{
	struct box_file *to = n > 0 ? room_take(r, n * sizeof *to) : NULL;

	for (size_t i = 0; to && i < n; i++)
		to[i] = (struct box_file){ text_lay(r, files[i].path),
			                   bytes_lay(r, files[i].data, files[i].size), files[i].size };
	return to;
}

/* What a box needs of it; false: there is too little room. */
static bool
plan_lay(struct room *r, const struct box_plan *plan, struct box_plan *to)
{
	*to = *plan;
	to->name = text_lay(r, plan->name);
	to->argv = words_lay(r, plan->argv);
	to->env = words_lay(r, plan->env);
	to->system = words_lay(r, plan->system);
	to->system_root = text_lay(r, plan->system_root);
	to->files = files_lay(r, plan->files, plan->n_files);
	to->program = files_lay(r, plan->program, plan->n_program);
	to->collect = words_lay(r, plan->collect);
	to->patterns = words_lay(r, plan->patterns);
	to->watcher = NULL;
	to->ahead = NULL;
	return !r->is_full;
}

/* ---- which plans it is for ---- */

static bool
texts_equal(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool
words_equal(const char *const *a, const char *const *b)
{
	for (; a && b && *a && *b; a++, b++)
		if (strcmp(*a, *b) != 0)
			return false;
	return (a ? *a : NULL) == (b ? *b : NULL);
}

static bool
input_fits(int input)
{
	struct stat st;

	return input < 0 ||
	       (fd_check_sealed(input) == 0 && fstat(input, &st) == 0 && st.st_size <= INPUT_MAX);
}

static bool
plan_fits(const struct box_plan *shape, const struct box_plan *plan)
{
	return plan->profile == shape->profile && plan->has_proc_self_exe == shape->has_proc_self_exe &&
	       (!plan->has_proc_self_exe || texts_equal(plan->argv[0], shape->argv[0])) &&
	       (plan->n_program > 0) == (shape->n_program > 0) && plan->uid_range == shape->uid_range &&
	       plan->cgroup == shape->cgroup && plan->base == shape->base &&
	       texts_equal(plan->system_root, shape->system_root) &&
	       words_equal(plan->system, shape->system) && input_fits(plan->input);
}

/* ---- its life ---- */

static int
ahead_start(struct box_ahead *a, struct err *e)
{
	const struct box_wait wait = { .plan = a->plan, .input = a->input };

	box_keeper_init(&a->keeper, &a->shape);
	return box_start(&a->keeper, &wait, e);
}

static int
ahead_fill(struct box_ahead *a, const struct box_plan *shape, struct err *e)
{
	struct room room = { a->shape_text, (char *)a->shape_text + SHAPE_MAX, false };

	if (!a->shape_text || !plan_lay(&room, shape, &a->shape))
		return err_set(e, E2BIG, "box '%s': no room for its shape", shape->name);
	a->shape.limits.cpu_share = 0; /* one that was written stays where a plan has none */
	a->plan =
	    mmap(NULL, PLAN_MAX, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (a->plan == MAP_FAILED)
		return err_set(e, errno, "box '%s': room for its plan", shape->name);
	a->input = memfd_create("cfn-input", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return a->input < 0 ? err_set(e, errno, "box '%s': its input", shape->name) : 0;
}

int
box_ahead_open(struct box_ahead **ahead, const struct box_plan *shape, struct err *e)
{
	struct box_ahead *a = calloc(1, sizeof *a);
	int rc;

	if (!a)
		return err_set(e, ENOMEM, "box '%s'", shape->name);
	a->plan = MAP_FAILED;
	a->input = -1;
	box_keeper_init(&a->keeper, &a->shape);
	a->shape_text = malloc(SHAPE_MAX);
	rc = shape->profile == BOX_RUN && shape->base
	         ? ahead_fill(a, shape, e)
	         : err_set(e, EINVAL, "box '%s': not one of programs", shape->name);
	if (rc == 0)
		rc = ahead_start(a, e);
	if (rc < 0)
		box_ahead_close(a);
	else
		*ahead = a;
	return rc;
}

void
box_ahead_close(struct box_ahead *a)
{
	if (!a)
		return;
	box_keeper_done(&a->keeper);
	if (a->plan != MAP_FAILED)
		munmap(a->plan, PLAN_MAX);
	fd_close(&a->input);
	free(a->shape_text);
	free(a);
}

/* Descriptor and place in the file are the payload's too. */
static int
input_give(const struct box_ahead *a, int input)
{
	const int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
	off_t at = 0;
	ssize_t n = 0;

	do
		n = input < 0 ? 0 : sendfile(a->input, input, &at, INPUT_MAX);
	while (n > 0 || (n < 0 && errno == EINTR));
	if (n < 0)
		return -1;
	return fcntl(a->input, F_ADD_SEALS, seals) < 0 || lseek(a->input, 0, SEEK_SET) < 0 ? -1 : 0;
}

static bool
is_alive(const struct keeper *k)
{
	struct pollfd polled = { k->process.pidfd, POLLIN, 0 };

	return k->process.pid > 0 && poll(&polled, 1, 0) == 0;
}

/* All that the box gets of the plan; then it runs. */
static int
plan_give(struct box_ahead *a, const struct box_plan *plan)
{
	const struct cgroup_limits limits = box_leaf_limits(plan);
	struct room room = { a->plan, (char *)a->plan + PLAN_MAX, false };
	struct box_plan *to = room_take(&room, sizeof *to);
	struct err ignored;

	if (!plan_lay(&room, plan, to) || input_give(a, plan->input) < 0)
		return -1;
	if (a->keeper.leaf.fd >= 0 && cgroup_leaf_limit(&a->keeper.leaf, &limits, &ignored) < 0)
		return -1;
	return message_send(a->keeper.ends.report, BOX_GO, "", 0, NULL, 0, &ignored);
}

bool
box_ahead_take(struct keeper *k)
{
	struct box_ahead *a = k->plan->ahead;

	if (!is_alive(&a->keeper) || !plan_fits(&a->shape, k->plan) || plan_give(a, k->plan) < 0)
		return false;
	k->process = a->keeper.process;
	k->ends = a->keeper.ends;
	k->leaf = a->keeper.leaf;
	k->is_ahead = true;
	box_keeper_init(&a->keeper, &a->shape);
	return true;
}
