/* box_base.c - what the boxes of one process share: seccomp programs, and a network namespace without a
 * network. */
#include "sandbox/box_parts.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macros.h"
#include "sandbox/profile.h"

#define OF_ALL (FILTER_BIT(FILTER_BOX_INIT) | FILTER_BIT(FILTER_UNCOUNTED))
static const unsigned filters_of[] = {
	[BOX_COMPILER] = OF_ALL | FILTER_BIT(FILTER_COMPILER),
	[BOX_CHECK] = OF_ALL | FILTER_BIT(FILTER_CHECK),
	[BOX_RUN] = OF_ALL | FILTER_BIT(FILTER_RUN),
};

static int
filters_open(unsigned kinds, const struct sandbox_filters **filters, struct err *e)
{
	AUTO_FD programs = sandbox_filters_seal(kinds, e);

	return programs < 0 ? programs : sandbox_filters_map(programs, filters, e);
}

static int
interface_is_up(int any_socket, const char *name, bool *is_up, struct err *e)
{
	struct ifreq asked = { 0 };

	memcpy(asked.ifr_name, name, strnlen(name, sizeof asked.ifr_name - 1));
	if (ioctl(any_socket, SIOCGIFFLAGS, &asked) < 0)
		return err_set(e, errno, "network interface %s", name);
	*is_up = asked.ifr_flags & IFF_UP;
	return 0;
}

/* Not even a loopback that works: who shares this namespace reaches nobody. */
static int
network_check_down(struct err *e)
{
	AUTO_FD any_socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct if_nameindex *interfaces = any_socket < 0 ? NULL : if_nameindex();
	bool is_up = false;
	int rc = 0;

	if (!interfaces)
		return err_set(e, errno, "network interfaces");
	for (const struct if_nameindex *i = interfaces; rc == 0 && i->if_name; i++) {
		rc = interface_is_up(any_socket, i->if_name, &is_up, e);
		if (rc == 0 && is_up)
			rc = err_set(e, -EINVAL, "network interface %s is up", i->if_name);
	}
	if_freenameindex(interfaces);
	return rc;
}

int
box_base_open(struct box_base *base, bool is_offline, struct err *e)
{
	int rc = is_offline ? network_check_down(e) : 0;

	if (rc == 0)
		rc = box_base_open_for(base, ~0U, e);
	if (rc == 0)
		base->is_offline = is_offline;
	return rc;
}

int
box_base_open_for(struct box_base *base, unsigned profiles, struct err *e)
{
	struct box_base made = { 0 };
	unsigned kinds = 0;
	int rc;

	for (size_t i = 0; i < ARRAY_SIZE(filters_of); i++)
		if (profiles & BOX_PROFILE_BIT(i))
			kinds |= filters_of[i];
	rc = filters_open(kinds, &made.filters, e);
	if (rc == 0)
		*base = made;
	return rc;
}

void
box_base_close(struct box_base *base)
{
	if (base->filters)
		sandbox_filters_unmap(base->filters);
	*base = (struct box_base){ 0 };
}

bool
box_has_landlock(void)
{
	return landlock_abi() > 0;
}
