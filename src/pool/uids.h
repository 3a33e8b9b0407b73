/* uids.h - which host uid a function or a shared folder has: a text file in the state folder, shared by all
 * pools of a registry.
 *
 * What a function writes belongs to its uid, so a slot is given once and never to another name. */
#pragma once
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/table.h"
#include "ipc/protocol.h"

enum { UIDS_FIRST = 8 /* slots below are the router's and the boxes' */ };

enum uid_kind { UID_FUNCTION, UID_SHARED };

struct uids {
	int folder;         /* the state folder; locked while the file changes */
	uint32_t end;       /* slots are below it */
	uint32_t next;      /* the first that was never given */
	struct table names; /* of struct uid_row */
	ino_t inode;        /* of the file that was read last; 0: none */
	off_t size;         /* and its size, which only grows: inode numbers are used again */
};

/* Reads <state_dir>/uids; a missing one is empty.  n_slots: UIDS_FIRST up to it may be given.
 * -EBADMSG: the file is damaged (*e names the line).
 * -EPERM: the folder is another user's, or others may write it. */
int uids_open(struct uids *u, const char *state_dir, uint32_t n_slots, struct err *e);
void uids_close(struct uids *u);

/* The slot of a name, given now (and on the disk when this returns) if it has none.  -ENOSPC: the range is
 * used up. */
int uids_slot(struct uids *u, enum uid_kind kind, const char *name, uint32_t *slot, struct err *e);
