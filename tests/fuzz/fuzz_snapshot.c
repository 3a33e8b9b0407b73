/* fuzz_snapshot.c - damaged snapshots: refused, or harmless to use.
 *
 * The first byte says how: odd: the rest is the whole image; even: edits of a sound one, three bytes each,
 * where (16 bits, little endian, round the end) and what.  So that inputs keep their meaning when the format
 * changes. */
#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "fuzz.h"
#include "http/http.h"
#include "route/snapshot.h"

enum { IMAGE_MAX = 1 << 16 };

static size_t
sound_image(char image[IMAGE_MAX])
{
	static const struct snapshot_function functions[] = { { .name = "a" }, { .name = "b" } };
	static const struct snapshot_route routes[] = {
		{ "/", HTTP_GET, 0, 0 },
		{ "/a/:b/:c", HTTP_GET, 1, 1 },
		{ "/a/b/*", HTTP_POST, 0, 2 },
		{ "/:x/b/c", HTTP_GET | HTTP_PUT, 1, 3 },
		{ "/:x/:y/:z/:u/:v/:w/:s/:t/*", HTTP_GET, 1, 4 },
		{ "/a/b/c", HTTP_DELETE, 0, 5 },
	};
	AUTO_FREE char *data = NULL;
	struct err e;
	AUTO_FD fd = snapshot_build(1, functions, 2, routes, 6, &e);
	size_t n;

	REQUIRE(fd >= 0 && fd_read_file(fd, IMAGE_MAX, &data, &n, &e) == 0);
	memcpy(image, data, n);
	return n;
}

static void
match_holds(const struct snapshot *s, const char *path, const struct route_match *m)
{
	size_t n = strlen(path), known = 0;

	REQUIRE(m->n_params <= ROUTE_PARAMS_MAX + 1);
	for (size_t i = 0; i < m->n_params; i++) {
		const struct route_param *p = &m->params[i];

		REQUIRE(strlen(p->name) <= 32 && p->value >= path && p->value + p->value_length <= path + n);
	}
	if (!m->function)
		return;
	while (snapshot_function_at(s, known) != m->function)
		REQUIRE(++known < snapshot_n_functions(s));
	REQUIRE(strlen(m->function->name) < sizeof m->function->name);
}

static void
image_try(const char *image, size_t n)
{
	static const char *const paths[] = { "/",     "/a/b/c", "/a/x/y", "/a/b/", "/1/2/3/4/5/6/7/8/9",
		                             "/a//b", "" };
	struct snapshot *s = NULL;
	struct err e;
	AUTO_FD fd = fd_sealed_memory("fuzz", image, n, &e);
	int rc = snapshot_map(fd, &s, &e);

	REQUIRE(rc == -EBADMSG || rc == 0);
	if (rc < 0)
		return;
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		for (unsigned method = 1; method <= HTTP_OPTIONS; method <<= 1) {
			struct route_match m;

			snapshot_match(s, paths[i], method, &m);
			match_holds(s, paths[i], &m);
		}
	snapshot_unmap(s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static char sound[IMAGE_MAX];
	static size_t size;
	char image[IMAGE_MAX];

	if (n == 0)
		return 0;
	if (data[0] & 1) {
		image_try((const char *)data + 1, n - 1);
		return 0;
	}
	/* The seed of its hash is random, but once a run: an input that ends badly does so again. */
	if (size == 0)
		size = sound_image(sound);
	memcpy(image, sound, size);
	for (size_t i = 1; i + 2 < n; i += 3)
		image[(data[i] | (size_t)data[i + 1] << 8) % size] = (char)data[i + 2];
	image_try(image, size);
	return 0;
}
