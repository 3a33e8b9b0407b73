/* policy_lists.c - what a function gets by name: libraries that it is linked with. */
#include <errno.h>
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
