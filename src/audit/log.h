/* log.h - an audit chain in files: appended to by the pools of one state folder, rotated, made good.
 *
 * audit.log holds the newest entries, audit.log.1 the ones before, and so on.  audit.head holds the last
 * entry that was signed (head.h); its lock is the chain's: pools write one after the other. */
#pragma once
#include <sys/types.h>

#include "audit/record.h"

enum {
	AUDIT_FILE_MAX = 8 << 20, /* bytes; a longer one is rotated */
	AUDIT_FILES = 8,          /* older ones that are kept */
	AUDIT_FILE_NAME_SIZE = 16,
};

#define AUDIT_LOG_NAME  "audit.log"
#define AUDIT_HEAD_NAME "audit.head"

struct audit_log {
	int folder; /* the caller's */
	int fd;     /* audit.log */
	int lock;   /* audit.head */
	off_t max_size;
	unsigned n_files;
	struct audit_head last; /* entry, as of our last look */
	uint64_t signed_number; /* of the last entry that is signed */
	off_t size;             /* of audit.log, as of our last look */
	dev_t device;
	ino_t inode;
};

/* Opens or makes the chain in a folder.  It has to go on from the entry that was signed last; what a crash or
 * somebody's hand has left is made good as far as it can be, and an entry says so: a torn last line is cut
 * off, a file that does not end with an entry is put aside by rotation.  -EAGAIN while another pool writes.
 */
int audit_log_open(struct audit_log *l, int folder, struct err *e);
void audit_log_close(struct audit_log *l);

/* Numbers and appends n entries: all of them or, on failure, none.  -EAGAIN as above. */
int audit_log_append(struct audit_log *l, struct audit_record *records, size_t n, struct err *e);

/* For head.c: the chain's lock.  -EAGAIN as above. */
int audit_log_lock(const struct audit_log *l, struct err *e);
void audit_log_unlock(const struct audit_log *l);

/* "audit.log" for 0, "audit.log.1" ... */
void audit_file_name(char name[AUDIT_FILE_NAME_SIZE], unsigned index);
