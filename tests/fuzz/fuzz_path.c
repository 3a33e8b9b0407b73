/* fuzz_path.c - paths: decoded, normalised, normalised again. */
#include <errno.h>
#include <string.h>

#include "base/utf8.h"
#include "fuzz.h"
#include "http/http.h"

static void
normal_path_holds(const char *path, size_t n, size_t n_given)
{
	char again[HTTP_PATH_MAX];

	REQUIRE(n > 0 && n <= n_given && path[0] == '/' && strlen(path) == n);
	REQUIRE(!strstr(path, "//") && !strstr(path, "/./") && !strstr(path, "/../"));
	REQUIRE(n < 2 || strcmp(path + n - 2, "/.") != 0);
	REQUIRE(n < 3 || strcmp(path + n - 3, "/..") != 0);
	REQUIRE(http_is_field_value(path, n) && utf8_is_valid(path, n));
	REQUIRE(http_path_normalise(path, n, again) == (int)n && strcmp(path, again) == 0);
	REQUIRE(*http_path_below(path, "/a") == '/' && *http_path_below(path, "") == '/');
}

static void
path_try(const char *text, size_t n)
{
	char path[HTTP_PATH_MAX];
	int rc = http_path_normalise(text, n, path);

	REQUIRE(rc > 0 || rc == -EINVAL || rc == -ENAMETOOLONG);
	if (rc > 0)
		normal_path_holds(path, (size_t)rc, n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *decoded = malloc(n + 1);
	int rc;

	REQUIRE(decoded);
	path_try((const char *)data, n);
	rc = http_percent_decode((const char *)data, n, decoded);
	REQUIRE(rc == -EINVAL || (rc >= 0 && (size_t)rc <= n && decoded[rc] == '\0'));
	if (rc >= 0)
		path_try(decoded, (size_t)rc);
	free(decoded);
	return 0;
}
