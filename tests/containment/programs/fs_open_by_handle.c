/* fs_open_by_handle.c - opens / by its handle, past every mount point. */
#include "attempt.h"

#include <fcntl.h>

int
main(void)
{
	union {
		struct file_handle head;
		char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} handle = { .head.handle_bytes = MAX_HANDLE_SZ };
	int mount_id;

	if (name_to_handle_at(AT_FDCWD, "/", &handle.head, &mount_id, 0) < 0)
		return contained("name_to_handle_at %s", attempt_error());
	if (open_by_handle_at(open("/", O_RDONLY | O_CLOEXEC), &handle.head, O_RDONLY | O_CLOEXEC) < 0)
		return contained("open_by_handle_at %s", attempt_error());
	return escaped("opened");
}
