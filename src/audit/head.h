/* head.h - the signed head of an audit chain: that the chain has this entry, with this hash, is what the key
 * says.  Without the key nobody makes one for a chain of his own. */
#pragma once
#include "audit/log.h"
#include "base/signature.h"

#define AUDIT_KEY_NAME    "audit.key"
#define AUDIT_PUBLIC_NAME "audit.pub"

struct audit_signed_head {
	struct audit_head head;
	int64_t time_ms;
	struct digest digest; /* what is signed */
	struct signature signature;
};

/* Of audit.head.  -ENOENT: it is empty, nothing has been signed yet; -EBADMSG: it is no head. */
int audit_head_read(int fd, struct audit_signed_head *h, struct err *e);

/* -EBADMSG: another key has signed it, or nobody. */
int audit_head_check(const struct audit_signed_head *h, const struct public_key *k, struct err *e);

/* Signs where the chain of l ends now, all of it on the disk before, so that a signed entry is never lost to
 * a power failure.  Nothing is done when that is signed already.  -EAGAIN while another pool holds the lock.
 */
int audit_head_sign(struct audit_log *l, const struct private_key *k, struct err *e);

/* The key pair in a state folder, made when there is none; the public half is written beside it whenever it
 * lacks. */
int audit_key_open(const char *folder, struct private_key *k, struct err *e);

/* A public key from a file of PEM. */
int audit_key_read_public(const char *path, struct public_key *k, struct err *e);
