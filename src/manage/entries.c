/* entries.c - requests that wait for the executor, or that it has. */
#include "manage/entries.h"

#include <stdlib.h>
#include <string.h>

void
entry_free(struct entry *entry)
{
	form_done(&entry->form);
	explicit_bzero(&entry->job, sizeof entry->job);
	free(entry);
}

struct entry *
entries_find(const struct entries *list, uint32_t number)
{
	struct entry *entry;

	TAILQ_FOREACH (entry, list, link)
		if (entry->job.number == number)
			return entry;
	return NULL;
}

size_t
entries_count(const struct entries *list, const char *token)
{
	const struct entry *entry;
	size_t n = 0;

	TAILQ_FOREACH (entry, list, link)
		n += memcmp(entry->job.token, token, TOKEN_TEXT_SIZE) == 0;
	return n;
}

struct entry *
entries_next(const struct entries *waiting, const struct entries *running)
{
	struct entry *entry, *found = NULL;
	size_t least = 0;

	TAILQ_FOREACH (entry, waiting, link) {
		size_t n = entries_count(running, entry->job.token);

		if (!found || n < least) {
			found = entry;
			least = n;
		}
	}
	return found;
}
