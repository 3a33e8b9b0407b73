/* replay.c - runs a fuzz target without a fuzzer: over the files given, or over its corpus, each file whole
 * and cut at every length, as bytes arrive. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "fuzz.h"

enum { FILE_MAX = 1 << 20, CUTS_MAX = 2048 };

static int
replay(int directory, const char *name)
{
	AUTO_FD fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
	AUTO_FREE char *data = NULL;
	AUTO_FREE uint8_t *copy = NULL;
	struct err e;
	size_t size;

	if (fd < 0 || fd_read_file(fd, FILE_MAX, &data, &size, &e) < 0) {
		fprintf(stderr, "%s: cannot be read\n", name);
		return -1;
	}
	for (size_t n = size; n > 0 && n + CUTS_MAX > size; n--) {
		/* Each in memory of its own size: a sanitizer sees a read beyond. */
		free(copy);
		copy = malloc(n);
		if (!copy)
			return -1;
		memcpy(copy, data, n);
		LLVMFuzzerTestOneInput(copy, n);
	}
	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	return 0;
}

/* replay_NAME of corpus/NAME, below the source folder that `make check` names. */
static int
replay_corpus(void)
{
	const char *srcdir = getenv("srcdir"), *name = program_invocation_short_name;
	char path[PATH_MAX];
	struct dirent *entry;
	int n = 0, rc = 0;
	DIR *dir;

	snprintf(path, sizeof path, "%s/tests/fuzz/corpus/%s", srcdir ? srcdir : ".",
	         name + strcspn(name, "_") + 1);
	dir = opendir(path);
	if (!dir) {
		perror(path);
		return 1;
	}
	while (rc == 0 && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		rc = replay(dirfd(dir), entry->d_name);
		n++;
	}
	closedir(dir);
	printf("%d inputs of %s\n", n, path);
	return rc < 0 || n == 0;
}

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (replay(AT_FDCWD, argv[i]) < 0)
			return 1;
	return argc > 1 ? 0 : replay_corpus();
}
