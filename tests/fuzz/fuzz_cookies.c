/* fuzz_cookies.c - what answers set: bounded, and what is sent back is nothing but what was set.
 *
 * The input is lines: the path of a request, then the value of a Set-Cookie field. */
#include <stdlib.h>
#include <string.h>

#include "deploy-tool/cookies.h"
#include "fuzz.h"

enum { NOW = 1000000000, SENT_MAX = COOKIES_MAX * (COOKIE_SIZE_MAX + 2) };

static void
kept_holds(const struct cookies *c)
{
	struct buf sent;

	REQUIRE(c->n <= COOKIES_MAX);
	for (size_t i = 0; i < c->n; i++) {
		const char *equals = strchr(c->of[i].text, '=');

		REQUIRE(strlen(c->of[i].text) <= COOKIE_SIZE_MAX && equals != NULL && equals > c->of[i].text);
		REQUIRE(strchr(c->of[i].text, ';') == NULL && c->of[i].path[0] == '/');
	}
	buf_init(&sent, SENT_MAX);
	REQUIRE(cookies_get(c, "/a/b", NOW, &sent) == 0);
	buf_done(&sent);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct cookies *c = calloc(1, sizeof *c);
	char path[256] = "/";

	REQUIRE(c != NULL);
	for (size_t at = 0, line = 0; at < n; line++) {
		const uint8_t *newline = memchr(data + at, '\n', n - at);
		size_t length = newline != NULL ? (size_t)(newline - data) - at : n - at;

		if (line % 2 == 0)
			snprintf(path, sizeof path, "/%.*s", (int)(length < 200 ? length : 200), data + at);
		else
			cookies_set(c, (const char *)data + at, length, path, NOW);
		at += length + 1;
	}
	kept_holds(c);
	free(c);
	return 0;
}
