/* good_tmpfile.c - writes, renames, reads, lists and removes files in /tmp. */
#include "attempt.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

static int
good_tmpfile_write(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	return file && fputs(text, file) >= 0 && fclose(file) == 0;
}

static int
good_tmpfile_entries(const char *path)
{
	DIR *folder = opendir(path);
	int n = 0;

	while (folder && readdir(folder))
		n++;
	if (folder)
		closedir(folder);
	return n;
}

int
main(void)
{
	struct stat st;

	if (mkdir("/tmp/cfn_good", 0700) < 0 || !good_tmpfile_write("/tmp/cfn_good/a", "hello\n") ||
	    rename("/tmp/cfn_good/a", "/tmp/cfn_good/b") < 0 || stat("/tmp/cfn_good/b", &st) < 0 ||
	    st.st_size != 6 || good_tmpfile_entries("/tmp/cfn_good") != 3)
		return broken("%s", attempt_error());
	if (unlink("/tmp/cfn_good/b") < 0 || rmdir("/tmp/cfn_good") < 0 || !tmpfile())
		return broken("%s", attempt_error());
	return works("all of it");
}
