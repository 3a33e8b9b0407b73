/* key_file.h - small texts of the state folder that are the pool's alone, and that several pools share. */
#pragma once
#include "base/err.h"

enum { KEY_FILE_SIZE = 512 }; /* bytes of a text and its NUL; what is longer is cut */

/* The state folder, locked against other pools until it is closed.  -EPERM: others may write it. */
int key_file_lock(const char *state_dir, struct err *e);

/* -ENOENT; -EPERM: it is somebody else's, or others may read it. */
int key_file_read(int folder, const char *name, char text[KEY_FILE_SIZE], struct err *e);

/* In the place of an earlier one, on the disk when this returns; whoever reads sees one or the other. */
int key_file_write(int folder, const char *name, const char *text, struct err *e);
