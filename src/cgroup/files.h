/* files.h - inside of the module: the files of a cgroup, by the descriptor of its folder. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

enum { FILE_TEXT_SIZE = 4096 };

/* Opens a cgroup below another one, following nothing; "." is itself again.  A descriptor or -errno. */
int files_open(int folder, const char *path);

/* All of it as text; what does not fit in is cut off.  0 or -errno. */
int files_read(int folder, const char *name, char text[FILE_TEXT_SIZE]);

/* One write(2), as cgroupfs wants it.  0 or -errno. */
int files_write(int folder, const char *name, const char *text);

/* What a cgroup gives on to those in it. */
#define CGROUP_CONTROLLERS "+memory +pids +cpu"

/* Removes the folders in it that hold no process and no folder. */
void files_remove_folders(int folder);
