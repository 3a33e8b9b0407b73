/* fs_mount_flags.c - how / and the working folder are mounted. */
#include "attempt.h"

#include <sys/statvfs.h>

static const char *
fs_mount_flags_of(const char *path, char text[32])
{
	static const struct {
		unsigned long flag;
		const char *word;
	} words[] = {
		{ ST_RDONLY, "ro" }, { ST_NOSUID, "nosuid" }, { ST_NODEV, "nodev" }, { ST_NOEXEC, "noexec" }
	};
	struct statvfs st;
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; statvfs(path, &st) == 0 && i < sizeof words / sizeof *words; i++)
		if (st.f_flag & words[i].flag)
			used +=
			    (size_t)snprintf(text + used, 32 - used, "%s%s", used ? "," : "", words[i].word);
	return text;
}

int
main(void)
{
	char root[32], here[32];

	return contained("/ %s, . %s", fs_mount_flags_of("/", root), fs_mount_flags_of(".", here));
}
