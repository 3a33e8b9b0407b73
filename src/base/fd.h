/* fd.h - descriptors: closing, whole reads and writes, sealed memory files. */
#pragma once
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

/* Closes *fd when it is open and makes it -1; errno stays. */
void fd_close(int *fd);
#define AUTO_FD __attribute__((cleanup(fd_close))) int

void free_pointer(void *pointer_to_pointer);
#define AUTO_FREE __attribute__((cleanup(free_pointer)))

/* Writes all n bytes, retrying EINTR; 0 or -errno.  For blocking descriptors. */
int fd_write_all(int fd, const void *data, size_t n);

/* Reads until n bytes or the end; the number read or -errno. */
ssize_t fd_read_all(int fd, void *data, size_t n);

/* Reads the whole regular file behind fd into memory that the caller frees, at most max bytes
 * (-EFBIG beyond), with a NUL behind it that *n does not count.  0 or -errno. */
int fd_read_file(int fd, size_t max, char **data, size_t *n, struct err *e);

/* A memory file with these bytes, sealed against any change.  A descriptor (CLOEXEC) or -errno. */
int fd_sealed_memory(const char *name, const void *data, size_t n, struct err *e);

/* The same in two steps, for what is made where it is to be: n zeros at *data, which are unmapped and sealed
 * by the second.  Closing the descriptor instead leaves *data to munmap(2). */
int fd_memory_open(const char *name, size_t n, void **data, struct err *e);
int fd_memory_seal(int fd, void *data, size_t n, struct err *e);

/* 0 when fd is a memory file sealed against writing, growing and shrinking; else -EPERM. */
int fd_check_sealed(int fd);

/* 0 when the folder belongs to this process's effective user and nobody else may write it; else -EPERM: what
 * is read in it later could be another's. */
int fd_check_own_folder(int folder, struct err *e);

int fd_set_blocking(int fd, int blocking);
int fd_set_cloexec(int fd, int cloexec);

/* Closes every descriptor from first on except one that is not below it.  0 or -errno. */
int fd_close_from(int first, int except);

/* Moves fds[i] to first + i for all i, whatever they were, and clears CLOEXEC there; -1 closes first + i.
 * Everything else from first on is left as it is.  0 or -errno. */
int fd_place(const int *fds, size_t n, int first);
