/* policy_lists.c - what a function gets by name: libraries that it is linked with, sockets of the host. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/words.h"
#include "config/libraries.h"
#include "config/policy.h"
#include "ipc/grants.h"

static int
add_link(char links[POLICY_LINKS_SIZE], const char *name, size_t n, struct err *e)
{
	if (n >= LIBRARY_NAME_SIZE)
		return err_set(e, -EINVAL, "link: '%.*s' is not the name of a library",
		               (int)(n < 64 ? n : 64), name);
	if (words_add(links, POLICY_LINKS_SIZE, name, n) < 0 || words_count(links) > LINKS_MAX)
		return err_set(e, -E2BIG, "link: more than %d libraries", LINKS_MAX);
	return 0;
}

int
policy_set_links(struct function_policy *p, const char *text, struct err *e)
{
	char links[POLICY_LINKS_SIZE] = "";
	int rc = 0;

	if (strcmp(text, GRANT_NONE) == 0)
		text = "";
	if (strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_+-, ") != strlen(text))
		return err_set(e, -EINVAL, "link: '%.64s' is neither NAME,NAME... nor " GRANT_NONE, text);
	for (text += strspn(text, ", "); rc == 0 && *text; text += strspn(text, ", ")) {
		size_t n = strcspn(text, ", ");

		rc = add_link(links, text, n, e);
		text += n;
	}
	if (rc == 0)
		memcpy(p->links, links, sizeof links);
	return rc;
}

/* Two sockets of one name would be in one place. */
static bool
has_place(const char *sockets, const char *place)
{
	char other[GRANT_PLACE_SIZE];
	const char *one;
	size_t n;

	while ((one = words_next(&sockets, &n))) {
		grant_place(one, n, other);
		if (strcmp(other, place) == 0)
			return true;
	}
	return false;
}

int
policy_add_grant(struct function_policy *p, const char *text, struct err *e)
{
	const char *path = strncmp(text, "unix:", 5) == 0 ? text + 5 : "";
	char place[GRANT_PLACE_SIZE];
	size_t n = strlen(path);

	if (strcmp(text, GRANT_NONE) == 0) {
		p->sockets[0] = '\0';
		return 0;
	}
	if (!grant_is_socket(path, n))
		return err_set(e, -EINVAL, "grant: '%.120s' is not unix:PATH with the whole path of a socket",
		               text);
	if (words_have(p->sockets, path, n))
		return 0;
	grant_place(path, n, place);
	if (has_place(p->sockets, place))
		return err_set(e, -EINVAL, "grant: two sockets would be /%s", place);
	if (words_count(p->sockets) == SOCKETS_MAX || words_add(p->sockets, sizeof p->sockets, path, n) < 0)
		return err_set(e, -E2BIG, "grant: more than %d sockets", SOCKETS_MAX);
	return 0;
}
