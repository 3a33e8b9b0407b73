/* path.c - the path of a request: decoding and normalising.  RFC 3986 section 5.2.4. */
#include <errno.h>
#include <string.h>

#include "base/utf8.h"
#include "http/http.h"

static bool
is_control(unsigned char c)
{
	return c < 0x20 || c == 0x7f;
}

static bool
path_is_clean(const char *p, size_t n)
{
	while (n > 0) {
		size_t length = 1;

		if (is_control((unsigned char)*p))
			return false;
		if ((unsigned char)*p >= 0x80)
			length = utf8_sequence(p, n);
		if (length == 0)
			return false;
		p += length;
		n -= length;
	}
	return true;
}

/* Puts one segment, "/" before it, behind the used bytes at to; how many there are then.  ".." takes the
 * segment before it away.  is_last: a "." or ".." at the end leaves its slash. */
static int
segment_append(char *to, size_t used, const char *segment, size_t n, bool is_last)
{
	bool is_parent = n == 2 && segment[0] == '.' && segment[1] == '.';
	bool is_same = n == 0 || (n == 1 && segment[0] == '.');

	if (is_parent) {
		const char *slash = memrchr(to, '/', used);

		if (!slash)
			return -EINVAL;
		used = (size_t)(slash - to);
	}
	if ((is_parent || is_same) && !is_last)
		return (int)used;
	to[used++] = '/';
	if (is_parent || is_same)
		return (int)used;
	memcpy(to + used, segment, n);
	return (int)(used + n);
}

int
http_path_normalise(const char *from, size_t n, char to[HTTP_PATH_MAX])
{
	const char *end = from + n;
	int used = 0;

	if (n >= HTTP_PATH_MAX)
		return -ENAMETOOLONG;
	if (n == 0 || *from != '/' || !path_is_clean(from, n))
		return -EINVAL;
	/* Normalising only shortens: what was read always has room. */
	while (from < end && used >= 0) {
		const char *segment = from + 1, *slash = memchr(segment, '/', (size_t)(end - segment));

		from = slash ? slash : end;
		used = segment_append(to, (size_t)used, segment, (size_t)(from - segment), from == end);
	}
	if (used >= 0)
		to[used] = '\0';
	return used;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int
http_percent_decode(const char *from, size_t n, char *to)
{
	char *start = to;

	for (size_t i = 0; i < n; i++) {
		int high, low;

		if (from[i] != '%') {
			*to++ = from[i];
			continue;
		}
		if (n - i < 3)
			return -EINVAL;
		high = hex_digit(from[i + 1]);
		low = hex_digit(from[i + 2]);
		if (high < 0 || low < 0 || high + low == 0)
			return -EINVAL;
		*to++ = (char)(high << 4 | low);
		i += 2;
	}
	*to = '\0';
	return (int)(to - start);
}

const char *
http_path_below(const char *path, const char *prefix)
{
	size_t n = strlen(prefix);

	if (n == 0 || strncmp(path, prefix, n) != 0)
		return path;
	if (path[n] == '/')
		return path + n;
	return path[n] ? path : "/";
}
