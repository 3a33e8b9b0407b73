/* entries.h - requests that wait for the executor, or that it has. */
#pragma once
#include <sys/queue.h>

#include "lane/lane.h"
#include "manage/form.h"
#include "manage/job.h"

struct entry {
	TAILQ_ENTRY(entry) link;
	struct lane *lane; /* NULL: its client has gone */
	bool wants_json;
	struct form form;
	const struct form_part *files[JOB_FILES_MAX];
	struct job job;
};

TAILQ_HEAD(entries, entry);

/* It is in no list. */
void entry_free(struct entry *entry);

/* How many are this token's. */
size_t entries_count(const struct entries *list, const char *token);

/* NULL: there is none. */
struct entry *entries_find(const struct entries *list, uint32_t number);

/* Of the token that has the fewest running, the one that waits longest: who asks for much holds up himself.
 * NULL: nothing waits. */
struct entry *entries_next(const struct entries *waiting, const struct entries *running);
