/* dev_place.c - where `cfn-deploy dev` works.
 *
 * The configurations are those of examples/, with the folder that they work in left relative and the port a
 * number: no name that somebody else chose gets into them. */
#include "deploy-tool/dev_place.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/options.h"
#include "deploy-tool/web_servers.h"

enum { PORT_FIRST = 8080, PORT_LAST = 8179, CONF_MAX = 1 << 20 };

static const struct web_change nginx_changes[] = {
	{ "127.0.0.1:8080", "127.0.0.1:{port}", NULL },
	{ "unix:/run/cfn/cfn.sock", "unix:relay.sock", NULL },
	{ "access_log access.log", "access_log off", NULL },
	{ "error_log error.log", "error_log stderr", NULL },
	{ "fastcgi_keep_conn on", "fastcgi_keep_conn off", NULL },
	{ "keepalive 32;", "", NULL },
	{ "pid nginx.pid", "pid tmp/nginx.pid", NULL },
	{ NULL, NULL, NULL },
};

static const struct web_change lighttpd_changes[] = {
	{ "= 8081", "= {port}", NULL },       { "/run/cfn/cfn.sock", "relay.sock", NULL },
	{ "/dev/stdout", "/dev/null", NULL }, { "/var/tmp", "tmp", NULL },
	{ "/var/empty", "empty", NULL },      { NULL, NULL, NULL },
};

/* Those that `dev` can start. */
static const struct dev_server {
	const char *name;
	const struct web_change *changes;
	const char *argv[10]; /* behind the program's name */
} servers[] = {
	{ "nginx",
	  nginx_changes,
	  { "-e", "stderr", "-p", ".", "-c", "web.conf", "-g", "daemon off; master_process off;", NULL } },
	{ "lighttpd", lighttpd_changes, { "-D", "-f", "web.conf", NULL } },
};

static const char *const web_users[] = { "www-data", "nginx", "nobody" };

/* ---- web server and port ---- */

static int
choose_server(struct place *p, const char *name)
{
	bool is_known = name == NULL;

	for (size_t i = 0; i < ARRAY_SIZE(servers); i++) {
		if (name != NULL && strcmp(servers[i].name, name) != 0)
			continue;
		is_known = true;
		p->server = &servers[i];
		if (web_server_program(web_server_find(p->server->name), p->program, sizeof p->program))
			return 0;
	}
	if (!is_known)
		return tool_fail_as(EX_USAGE, "--server '%.40s' is neither nginx nor lighttpd", name);
	return tool_fail_as(EX_UNAVAILABLE, "there is no %s here; install one (Debian: apt-get install %s)",
	                    name != NULL ? name : "nginx or lighttpd", name != NULL ? name : "nginx");
}

static struct sockaddr_in
address_of(unsigned port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
		                     .sin_port = htons((uint16_t)port),
		                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static bool
is_free(unsigned port)
{
	const struct sockaddr_in address = address_of(port);
	AUTO_FD fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	return fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
	       bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 1) == 0;
}

/* Two of us that look for a port at once: a name of the kernel's is had by one alone, until its keeper ends.
 */
static bool
take_port(struct place *p, unsigned port)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "cfn-dev-port-%u", port);
	if (fd < 0 || !is_free(port) || bind(fd, (const struct sockaddr *)&name, sizeof name) < 0)
		return false;
	p->port = port;
	p->port_lock = fd;
	fd = -1;
	return true;
}

static int
choose_port(struct place *p, const char *text)
{
	uint64_t number = 0;

	if (text != NULL) {
		if (option_parse_number(text, &number) < 0 || number < 1 || number > 65535)
			return tool_fail_as(EX_USAGE, "--port needs a number from 1 to 65535");
		if (take_port(p, (unsigned)number))
			return 0;
		return tool_fail_as(EX_UNAVAILABLE,
		                    "port %u of 127.0.0.1 cannot be had: it is in use, or root's",
		                    (unsigned)number);
	}
	for (unsigned port = PORT_FIRST; port <= PORT_LAST; port++)
		if (take_port(p, port))
			return 0;
	return tool_fail_as(EX_UNAVAILABLE,
	                    "no port from %d to %d of 127.0.0.1 is free; name one with --port", PORT_FIRST,
	                    PORT_LAST);
}

/* Root's web server needs nothing of root. */
static void
choose_user(struct place *p)
{
	p->uid = geteuid();
	p->gid = getegid();
	for (size_t i = 0; p->uid == 0 && i < ARRAY_SIZE(web_users); i++) {
		const struct passwd *user = getpwnam(web_users[i]);

		if (user == NULL)
			continue;
		p->uid = user->pw_uid;
		p->gid = user->pw_gid;
	}
}

int
place_choose(struct place *p, const char *server, const char *port)
{
	int rc = choose_server(p, server);

	choose_user(p);
	return rc != 0 ? rc : choose_port(p, port);
}

/* ---- the folder ---- */

/* XDG_RUNTIME_DIR is of this user alone, and gone after a reboot.  Root's web server could not reach it, and
 * a name that is long or odd is no good for sockets and configurations. */
static const char *
base_folder(void)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-";
	const char *folder = getenv("XDG_RUNTIME_DIR");

	if (geteuid() != 0 && folder != NULL && folder[0] == '/' && strlen(folder) < PLACE_PATH_SIZE / 2 &&
	    folder[strspn(folder, plain)] == '\0' && access(folder, W_OK | X_OK) == 0)
		return folder;
	return "/tmp";
}

static int
make_folders(struct place *p, struct err *e)
{
	static const char *const below[] = { "/tmp", "/empty" };
	bool is_other = p->uid != geteuid();
	char path[PLACE_PATH_SIZE + 64];

	snprintf(p->folder, sizeof p->folder, "%s/cfn-dev.XXXXXX", base_folder());
	if (mkdtemp(p->folder) == NULL) {
		int rc = err_set(e, errno, "make the folder %s", p->folder);

		p->folder[0] = '\0';
		return rc;
	}
	snprintf(p->registry, sizeof p->registry, "%s/registry.db", p->folder);
	snprintf(p->config, sizeof p->config, "%s/cfn.conf", p->folder);
	snprintf(p->pool, sizeof p->pool, "%s/pool.sock", p->folder);
	snprintf(p->listen, sizeof p->listen, "unix:%s", p->pool);
	snprintf(p->web, sizeof p->web, "%s/web", p->folder);
	snprintf(p->relay, sizeof p->relay, "%s/web/relay.sock", p->folder);
	if (mkdir(p->web, 0700) < 0)
		return err_set(e, errno, "make the folder %s", p->web);
	for (size_t i = 0; i < ARRAY_SIZE(below); i++) {
		snprintf(path, sizeof path, "%s%s", p->web, below[i]);
		if (mkdir(path, 0700) < 0 || (is_other && chown(path, p->uid, p->gid) < 0))
			return err_set(e, errno, "make the folder %s", path);
	}
	/* Another user's web server has to get through them.  What lies in them stays ours: by a name that
	 * its user may change, root would give him any file. */
	if (is_other && (chmod(p->web, 0711) < 0 || chmod(p->folder, 0711) < 0))
		return err_set(e, errno, "%s", p->folder);
	return 0;
}

static int
write_file(const char *path, const struct buf *text, mode_t mode, struct err *e)
{
	AUTO_FD fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	int rc = fd < 0 ? -errno : fd_write_all(fd, buf_head(text), buf_used(text));

	return rc < 0 ? err_set(e, rc, "%s", path) : 0;
}

static int
write_web_config(const struct place *p, struct err *e)
{
	char port[16], path[PLACE_PATH_SIZE + 64];
	const struct web_word words[] = { { "port", port } };
	struct buf to;
	int rc;

	buf_init(&to, CONF_MAX);
	snprintf(port, sizeof port, "%u", p->port);
	snprintf(path, sizeof path, "%s/web.conf", p->web);
	rc = web_server_write(&to, web_server_find(p->server->name), p->server->changes, words,
	                      ARRAY_SIZE(words), true);
	rc = rc < 0 ? err_set(e, rc, "%s", path) : write_file(path, &to, 0644, e);
	buf_done(&to);
	return rc;
}

static int
append_file(struct buf *to, const char *path, struct err *e)
{
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	AUTO_FREE char *text = NULL;
	size_t n;
	int rc = fd < 0 ? err_set(e, errno, "%s", path) : fd_read_file(fd, CONF_MAX / 2, &text, &n, e);

	return rc < 0 ? rc : buf_append(to, text, n);
}

/* The user's own limits hold; where it works, and with which keys, is ours. */
static int
write_pool_config(const struct place *p, const char *config, struct err *e)
{
	struct buf to;
	int rc = 0;

	buf_init(&to, CONF_MAX);
	if (config != NULL)
		rc = append_file(&to, config, e);
	if (rc == 0)
		rc = buf_printf(&to,
		                "\n[global]\nregistry = %s\nlisten = %s\nlisten.mode = 0600\nlisten.owner =\n"
		                "listen.group =\nmount_prefix =\nshared_dir = %s/shared\nkeys_dir = %s/keys\n"
		                "state_dir = %s/state\naccess.format = json\naccess.log =\nerror_log =\n"
		                "function_log =\nrouters = 1\n",
		                p->registry, p->listen, p->folder, p->folder, p->folder);
	rc = rc < 0 ? err_set(e, rc, "%s", p->config) : write_file(p->config, &to, 0600, e);
	buf_done(&to);
	return rc;
}

static int
make_commands(struct place *p, struct err *e)
{
	const char *const pool[] = { p->pool_program, "-F",       "-c",      p->config, "--registry",
		                     p->registry,     "--listen", p->listen, NULL };
	const char *beside = getenv("CFN_LIBEXECDIR"); /* a build tree has all programs in one folder */

	snprintf(p->pool_program, sizeof p->pool_program, "%s/cfn-pool",
	         beside != NULL ? beside : CFN_SBINDIR);
	if (access(p->pool_program, X_OK) < 0)
		snprintf(p->pool_program, sizeof p->pool_program, "%s/cfn-pool", CFN_SBINDIR);
	if (access(p->pool_program, X_OK) < 0)
		return err_set(e, errno, "%s (is cfn installed completely?)", p->pool_program);
	memcpy(p->pool_argv, pool, sizeof pool);
	p->web_argv[0] = p->program;
	memcpy(p->web_argv + 1, p->server->argv, sizeof p->server->argv);
	return 0;
}

int
place_make(struct place *p, const char *config, struct err *e)
{
	char keys[PLACE_PATH_SIZE + 32];
	int rc = make_folders(p, e);

	snprintf(keys, sizeof keys, "%s/keys", p->folder);
	if (rc == 0 && mkdir(keys, 0700) < 0)
		rc = err_set(e, errno, "make the folder %s", keys);
	if (rc == 0)
		rc = write_web_config(p, e);
	if (rc == 0)
		rc = write_pool_config(p, config, e);
	return rc == 0 ? make_commands(p, e) : rc;
}

int
place_admit(const struct place *p, struct err *e)
{
	if (chmod(p->relay, 0600) < 0 || (p->uid != geteuid() && chown(p->relay, p->uid, p->gid) < 0))
		return err_set(e, errno, "%s", p->relay);
	return 0;
}

bool
place_answers(const struct place *p)
{
	const struct sockaddr_in address = address_of(p->port);
	AUTO_FD fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0;
}

const char *
place_server_name(const struct place *p)
{
	return p->server->name;
}
