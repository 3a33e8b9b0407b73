/* state_mem_canary.c - looks through all of its memory for the word that stands in the environment, the
 * command line and the configuration of who started it. */
#include "attempt.h"

#include <link.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

enum { STATE_MEM_PAGE = 4096, STATE_MEM_STACK = 16 << 20, STATE_MEM_AROUND = 64 << 20 };

struct state_mem {
	uintptr_t low, high; /* of the libraries */
	char word[24];       /* made here, so that this program does not hold it */
	int pages, found;
};

static int
state_mem_library(struct dl_phdr_info *library, size_t size, void *context)
{
	struct state_mem *m = context;
	uintptr_t at = library->dlpi_addr;

	(void)size;
	/* Without the program itself, whose name is empty, and the kernel's page: both may be far away. */
	if (library->dlpi_name[0] == '\0' || strstr(library->dlpi_name, "vdso"))
		return 0;
	m->low = at < m->low ? at : m->low;
	m->high = at > m->high ? at : m->high;
	return 0;
}

/* The word, but not this program's own copy of it. */
static int
state_mem_is_word(const struct state_mem *m, const char *p, size_t n, uintptr_t at)
{
	return n >= strlen(m->word) && memcmp(p, m->word, strlen(m->word)) == 0 && at != (uintptr_t)m->word;
}

/* Pages that are not mapped, or cannot be read, are passed over: the pipe says which. */
static void
state_mem_search(struct state_mem *m, const int pipe_ends[2], uintptr_t from, uintptr_t to)
{
	static char page[STATE_MEM_PAGE];
	unsigned char present;

	for (uintptr_t at = from & ~(uintptr_t)(STATE_MEM_PAGE - 1); at < to; at += STATE_MEM_PAGE) {
		if (mincore((void *)at, STATE_MEM_PAGE, &present) < 0 ||
		    write(pipe_ends[1], (void *)at, STATE_MEM_PAGE) != STATE_MEM_PAGE)
			continue;
		if (read(pipe_ends[0], page, sizeof page) != (ssize_t)sizeof page)
			continue;
		m->pages++;
		for (char *p = page; (p = memchr(p, 'C', (size_t)(page + sizeof page - p))) != NULL; p++)
			m->found += state_mem_is_word(m, p, (size_t)(page + sizeof page - p),
			                              at + (uintptr_t)(p - page));
	}
}

int
main(void)
{
	struct state_mem m = { .low = UINTPTR_MAX };
	uintptr_t heap_end = (uintptr_t)sbrk(0), stack = (uintptr_t)&m;
	int pipe_ends[2];

	if (pipe(pipe_ends) < 0)
		return broken("%s", attempt_error());
	snprintf(m.word, sizeof m.word, "C%s-CANARY-0%d", "FN", 123456);
	dl_iterate_phdr(state_mem_library, &m);
	state_mem_search(&m, pipe_ends, heap_end - STATE_MEM_AROUND, heap_end);
	state_mem_search(&m, pipe_ends, m.low - STATE_MEM_AROUND, m.high + (STATE_MEM_AROUND >> 2));
	state_mem_search(&m, pipe_ends, stack, stack + STATE_MEM_STACK);
	if (m.pages < 100)
		return broken("only %d pages were found", m.pages);
	return m.found > 0 ? escaped("%d times", m.found) : contained("none");
}
