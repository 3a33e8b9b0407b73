/* landlock.h - Landlock's rights as far as we know them, newer than the distribution's headers. */
#pragma once
#include <stdint.h>

/* linux/landlock.h of ABI 7; bit numbers are the kernel's for good. */
#define LL_EXECUTE             (1ULL << 0)
#define LL_WRITE_FILE          (1ULL << 1)
#define LL_READ_FILE           (1ULL << 2)
#define LL_READ_DIR            (1ULL << 3)
#define LL_REMOVE_DIR          (1ULL << 4)
#define LL_REMOVE_FILE         (1ULL << 5)
#define LL_MAKE_CHAR           (1ULL << 6)
#define LL_MAKE_DIR            (1ULL << 7)
#define LL_MAKE_REG            (1ULL << 8)
#define LL_MAKE_SOCK           (1ULL << 9)
#define LL_MAKE_FIFO           (1ULL << 10)
#define LL_MAKE_BLOCK          (1ULL << 11)
#define LL_MAKE_SYM            (1ULL << 12)
#define LL_REFER               (1ULL << 13) /* ABI 2 */
#define LL_TRUNCATE            (1ULL << 14) /* ABI 3 */
#define LL_IOCTL_DEV           (1ULL << 15) /* ABI 5 */

#define LL_NET_BIND_TCP        (1ULL << 0) /* ABI 4 */
#define LL_NET_CONNECT_TCP     (1ULL << 1)

#define LL_SCOPE_ABSTRACT_UNIX (1ULL << 0) /* ABI 6 */
#define LL_SCOPE_SIGNAL        (1ULL << 1)

/* What profiles name. */
#define RIGHTS_READ    (LL_READ_FILE | LL_READ_DIR)
#define RIGHTS_EXECUTE LL_EXECUTE
#define RIGHTS_WRITE                                                                                         \
	(LL_WRITE_FILE | LL_REMOVE_DIR | LL_REMOVE_FILE | LL_MAKE_DIR | LL_MAKE_REG | LL_MAKE_SYM |          \
	 LL_REFER | LL_TRUNCATE)
