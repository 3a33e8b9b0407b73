/* method.c - request methods and sets of them. */
#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "http/http.h"

static const struct {
	unsigned bit;
	const char *name;
	size_t length;
} methods_known[] = {
	{ HTTP_GET, "GET", 3 },         { HTTP_HEAD, "HEAD", 4 },   { HTTP_POST, "POST", 4 },
	{ HTTP_PUT, "PUT", 3 },         { HTTP_PATCH, "PATCH", 5 }, { HTTP_DELETE, "DELETE", 6 },
	{ HTTP_OPTIONS, "OPTIONS", 7 },
};

unsigned
http_method_parse(const char *text, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(methods_known); i++)
		if (n == methods_known[i].length && memcmp(text, methods_known[i].name, n) == 0)
			return methods_known[i].bit;
	return 0;
}

void
http_methods_format(unsigned methods, char text[HTTP_METHODS_TEXT_SIZE])
{
	char *to = text;

	for (size_t i = 0; i < ARRAY_SIZE(methods_known); i++) {
		if (!(methods & methods_known[i].bit))
			continue;
		if (to != text)
			to = stpcpy(to, ", ");
		to = stpcpy(to, methods_known[i].name);
	}
	*to = '\0';
}

int
http_methods_parse(const char *text, unsigned *methods)
{
	static const char separators[] = " ,";
	unsigned all = 0;

	for (text += strspn(text, separators); *text; text += strspn(text, separators)) {
		size_t n = strcspn(text, separators);
		unsigned method = http_method_parse(text, n);

		if (!method)
			return -EINVAL;
		all |= method;
		text += n;
	}
	if (!all)
		return -EINVAL;
	*methods = all;
	return 0;
}
