/* test_config.c - the configuration file and the policy of a function. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "config/function_log.h"
#include "config/smoke.h"
#include "ipc/grants.h"

static void
write_file(char path[32], const char *text)
{
	int fd;

	strcpy(path, "/tmp/cfn-test-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static int
read_text(struct config *c, const char *text, struct err *e)
{
	char path[32];
	int rc;

	write_file(path, text);
	config_init(c);
	rc = config_read(c, path, e);
	unlink(path);
	return rc;
}

static void
a_file_is_read_over_the_defaults(void **state)
{
	static struct config c;
	struct function_policy p;
	struct err e;

	(void)state;
	assert_int_equal(
	    read_text(&c,
	              "[global]\nregistry = /srv/r.db\nlisten = unix:/run/x.sock\nlisten.mode = 0600\n"
	              "routers = 2\nmemory = 64M ; of each\nmax.memory = 256M\npm = dynamic\n"
	              "request_terminate_timeout = 7s\n[function slow]\nwall_time = 30s\n",
	              &e),
	    0);
	assert_string_equal(c.registry, "/srv/r.db");
	assert_int_equal(c.listen_mode, 0600);
	assert_int_equal(c.routers, 2);
	assert_int_equal(config_complete(&c, &e), 0);
	assert_string_equal(c.shared_dir, "/srv/shared");
	assert_string_equal(c.state_dir, "/srv/r.db.pool");

	policy_init(&p);
	config_apply(&c, "fast", &p);
	assert_int_equal(p.memory, 64u << 20);
	assert_int_equal(p.wall_ms, 7000);
	assert_int_equal(p.pm, PM_DYNAMIC);

	policy_init(&p);
	p.memory = 512u << 20;
	config_apply(&c, "slow", &p);
	assert_int_equal(p.memory, 256u << 20);
	assert_int_equal(p.wall_ms, 30000);
}

static void
a_wrong_line_is_named_with_its_number(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "[global]\nnonsense = 1\n", ":2: unknown key 'nonsense'" },
		{ "[global]\n\nrouters = 17\n", ":3: routers: '17'" },
		{ "[global]\nrouters = x\n", ":2: routers: 'x'" },
		{ "[global]\nlisten.mode = 999\n", ":2: listen.mode: '999'" },
		{ "[global]\nregistry = relative.db\n", "not an absolute path" },
		{ "[global]\nmemory = 1\n", "not within 4M and 64G" },
		{ "[global]\nmemory = lots\n", "not a size" },
		{ "[global]\nmax.nonsense = 1\n", "unknown key" },
		{ "[function Bad]\nmemory = 64M\n", "name 'Bad'" },
		{ "[function f]\nlisten = x\n", "unknown key 'listen'" },
		{ "[other]\na = b\n", "unknown section [other]" },
		{ "memory = 64M\n", ":1: key 'memory' stands before any section" },
		{ "[global]\nno equals sign\n", ":2: not a line" },
		{ "[global]\nlisten = 127.0.0.1:9000\n", "not unix:PATH or tcp:HOST:PORT" },
		{ "[global]\nrequire_isolation = none\n", "not full or strong" },
	};
	static struct config c;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err e;

		assert_int_equal(read_text(&c, cases[i].text, &e), -EINVAL);
		if (!strstr(e.text, cases[i].says))
			fail_msg("'%s' does not say '%s'", e.text, cases[i].says);
	}
}

static void
the_registry_is_looked_for_in_order(void **state)
{
	static struct config c;
	bool is_private;
	struct err e;

	(void)state;
	setenv("XDG_STATE_HOME", "/tmp/cfn-state", 1);
	setenv("CFN_REGISTRY", "/tmp/from-environment.db", 1);
	config_init(&c);
	assert_int_equal(config_find_registry(&c, "/tmp/option.db", &is_private, &e), 0);
	assert_string_equal(c.registry, "/tmp/option.db");
	assert_int_equal(config_find_registry(&c, NULL, &is_private, &e), 0);
	assert_string_equal(c.registry, "/tmp/from-environment.db");
	assert_false(is_private);
	unsetenv("CFN_REGISTRY");
	config_init(&c);
	if (access(CFN_LOCALSTATEDIR "/lib/cfn/registry/registry.db", W_OK) == 0)
		return;
	assert_int_equal(config_find_registry(&c, NULL, &is_private, &e), 0);
	assert_string_equal(c.registry, "/tmp/cfn-state/cfn/registry.db");
	assert_true(is_private);
}

static void
roots_registry_is_not_in_his_home(void **state)
{
	static struct config c;
	bool is_private;
	struct err e;

	(void)state;
	if (geteuid() != 0)
		skip();
	unsetenv("CFN_REGISTRY");
	unsetenv("XDG_STATE_HOME");
	config_init(&c);
	assert_int_equal(config_find_registry(&c, NULL, &is_private, &e), 0);
	assert_string_equal(c.registry, CFN_LOCALSTATEDIR "/lib/cfn/registry/registry.db");
	assert_false(is_private);
}

static void
a_registry_has_one_name_whatever_links_lead_to_it(void **state)
{
	char target[32], link_path[48];
	static struct config c;
	bool is_private;
	struct err e;

	(void)state;
	write_file(target, "");
	snprintf(link_path, sizeof link_path, "%s.link", target);
	assert_int_equal(symlink(target, link_path), 0);
	config_init(&c);
	assert_int_equal(config_find_registry(&c, link_path, &is_private, &e), 0);
	assert_string_equal(c.registry, target);
	unlink(link_path);
	unlink(target);
}

static void
every_row_takes_its_bounds_and_nothing_past_them(void **state)
{
	(void)state;
	for (size_t i = 0; i < policy_n_rows; i++) {
		const struct policy_row *row = &policy_rows[i];
		char text[OPTION_TEXT_SIZE];
		struct function_policy p;
		struct err e;

		policy_init(&p);
		assert_in_range(row->standard, row->minimum, row->maximum);
		policy_format(row, row->minimum, text);
		assert_int_equal(policy_set(&p, row, text, &e), 0);
		assert_int_equal(*policy_value(&p, row), row->minimum);
		policy_format(row, row->maximum, text);
		assert_int_equal(policy_set(&p, row, text, &e), 0);
		if (policy_is_word(row))
			continue;
		policy_format(row, row->maximum + 1, text);
		assert_int_equal(policy_set(&p, row, text, &e), -ERANGE);
		if (row->minimum == 0)
			continue;
		policy_format(row, row->minimum - 1, text);
		assert_int_equal(policy_set(&p, row, text, &e), -ERANGE);
		assert_int_equal(*policy_value(&p, row), row->maximum);
	}
}

static void
smoke_requests_are_checked_counted_and_packed(void **state)
{
	static const struct {
		const char *text;
		bool ok;
	} cases[] = {
		{ "GET /=200", true },
		{ "GET /x?a=1&b=%20=404", true },
		{ "DELETE /x=500", true },
		{ "", false },
		{ "GET /x", false },
		{ "GET /x=", false },
		{ "GET /x=20", false },
		{ "GET /x=2000", false },
		{ "GET /x=600", false },
		{ "GET /x=099", false },
		{ "GET x=200", false },
		{ "GET=200", false },
		{ "/x=200", false },
		{ " /x=200", false },
		{ "get /x=200", false },
		{ "GET  /x=200", false },
		{ "GET /a b=200", false },
		{ "GET /x#y=200", false },
		{ "GET /\x01=200", false },
		{ "GET /\xff=200", false },
		{ "G=200 /x", false },
		{ "ABCDEFGHIJKLMNO /=200", true },
		{ "ABCDEFGHIJKLMNOP /=200", false },
	};
	static struct function_policy p, back;
	char text[POLICY_TEXT_MAX], longest[SMOKE_SIZE + 1];
	struct smoke smoke;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(smoke_parse(cases[i].text, &smoke, &e), cases[i].ok ? 0 : -EINVAL);
	assert_int_equal(smoke_parse("POST /x?a=1=303", &smoke, &e), 0);
	assert_string_equal(smoke.method, "POST");
	assert_string_equal(smoke.target, "/x?a=1");
	assert_int_equal(smoke.status, 303);
	snprintf(longest, sizeof longest, "GET /%0*d=200", SMOKE_SIZE - 10, 0);
	assert_int_equal(strlen(longest), SMOKE_SIZE - 1);
	policy_init(&p);
	for (size_t i = 0; i < SMOKES_MAX; i++)
		assert_int_equal(policy_add_smoke(&p, longest, &e), 0);
	assert_int_equal(policy_add_smoke(&p, "GET /=200", &e), -E2BIG);
	assert_int_equal(policy_pack(&p, text, sizeof text, &e), 0);
	assert_int_equal(policy_unpack(&back, text, &e), 0);
	assert_int_equal(back.smokes_size, p.smokes_size);
	assert_memory_equal(back.smokes, p.smokes, p.smokes_size);
	snprintf(longest, sizeof longest, "GET /%0*d=200", SMOKE_SIZE - 9, 0);
	assert_int_equal(smoke_parse(longest, &smoke, &e), -EINVAL);
	assert_int_equal(policy_unpack(&back, "{\"smoke\":[1]}", &e), -EBADMSG);
}

static void
a_policy_survives_its_text(void **state)
{
	static struct function_policy p, back;
	static char text[POLICY_TEXT_MAX];
	struct err e;

	(void)state;
	policy_init(&p);
	assert_int_equal(policy_pack(&p, text, sizeof text, &e), 0);
	assert_string_equal(text, "{}");
	assert_int_equal(policy_set(&p, policy_find("memory"), "64M", &e), 0);
	assert_int_equal(policy_set(&p, policy_find("pm"), "static", &e), 0);
	assert_int_equal(policy_set_shared(&p, "books:ro", &e), 0);
	assert_int_equal(policy_set_links(&p, "m,jansson", &e), 0);
	assert_int_equal(policy_add_grant(&p, "unix:/run/x", &e), 0);
	assert_int_equal(policy_set_env(&p, "A=1", &e), 0);
	assert_int_equal(policy_set_env(&p, "B=x=y", &e), 0);
	assert_int_equal(policy_set_env(&p, "A=2", &e), 0);
	assert_int_equal(policy_pack(&p, text, sizeof text, &e), 0);
	assert_string_equal(text,
	                    "{\"env\":[\"B=x=y\",\"A=2\"],\"grant\":[\"unix:/run/x\"],\"link\":\"jansson "
	                    "m\",\"memory\":\"64M\",\"pm\":\"static\",\"shared\":\"books:ro\"}");
	assert_int_equal(policy_unpack(&back, text, &e), 0);
	assert_int_equal(back.memory, p.memory);
	assert_int_equal(back.shared_read_only, 1);
	assert_int_equal(back.env_size, p.env_size);
	assert_memory_equal(back.env, p.env, p.env_size);
	assert_string_equal(back.links, "jansson m");
	assert_string_equal(back.sockets, "/run/x");
}

static void
a_policy_from_elsewhere_is_checked(void **state)
{
	static const char *const texts[] = {
		"",
		"[]",
		"{\"memory\":1}",
		"{\"memory\":\"1\"}",
		"{\"unknown\":\"1\"}",
		"{\"shared\":\"../x\"}",
		"{\"env\":[1]}",
		"{\"env\":[\"=x\"]}",
		"{\"env\":[\"1A=x\"]}",
		"{\"memory\":\"64M\",\"memory\":\"65M\"}",
	};
	static struct function_policy p;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct err e;

		assert_true(policy_unpack(&p, texts[i], &e) < 0);
	}
}

static void
names_are_of_the_documented_form(void **state)
{
	static const struct {
		const char *name;
		int rc;
	} cases[] = {
		{ "a", 0 },
		{ "hello-world_2", 0 },
		{ "0", 0 },
		{ "", -EINVAL },
		{ "A", -EINVAL },
		{ "-a", -EINVAL },
		{ "a/b", -EINVAL },
		{ "..", -EINVAL },
		{ "a b", -EINVAL },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 0 },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err e;

		assert_int_equal(policy_check_name(cases[i].name, &e), cases[i].rc);
	}
}

static void
the_environment_is_bounded(void **state)
{
	static struct function_policy p;
	static char longer[POLICY_ENV_MAX + 8];
	struct err e;

	(void)state;
	policy_init(&p);
	memset(longer, 'x', sizeof longer - 1);
	memcpy(longer, "A=", 2);
	longer[POLICY_ENV_MAX] = '\0';
	assert_int_equal(policy_set_env(&p, longer, &e), -E2BIG);
	longer[POLICY_ENV_MAX - 1] = '\0';
	assert_int_equal(policy_set_env(&p, longer, &e), 0);
	assert_int_equal(policy_set_env(&p, "B=", &e), -E2BIG);
	assert_int_equal(policy_set_env(&p, "A=", &e), 0);
	assert_int_equal(policy_set_env(&p, "B=", &e), 0);
}

static void
a_policy_over_the_servers_maximum_is_refused(void **state)
{
	static struct config c;
	static struct function_policy p;
	struct err e;

	(void)state;
	assert_int_equal(read_text(&c, "[global]\nmax.memory = 256M\n", &e), 0);
	policy_init(&p);
	p.memory = 256u << 20;
	assert_int_equal(policy_check_below(&p, &c.maximum, &e), 0);
	p.memory++;
	assert_int_equal(policy_check_below(&p, &c.maximum, &e), -ERANGE);
	assert_non_null(strstr(e.text, "max.memory = 256M"));
}

static void
libraries_are_those_of_the_list(void **state)
{
	static const struct {
		const char *row, *name;
		const char *file; /* NULL: it is not on the list */
	} cases[] = {
		{ "", "jansson", "libjansson.so.4" },
		{ "jansson =\n", "jansson", NULL },
		{ "jansson = libjansson.so.5 libjansson5-dev\n", "jansson", "libjansson.so.5" },
		{ "pq = libpq.so.5\n", "pq", "libpq.so.5" },
		{ "pq = libpq.so.5\n", "p", NULL },
		{ "", "pq", NULL },
		{ "pq = libpq.so.5\n", "m pq z", "libm.so.6 libpq.so.5 libz.so.1" },
	};
	static struct config c;
	char text[256], files[LIBRARIES_TEXT_SIZE];
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(text, sizeof text, "[link]\n%s", cases[i].row);
		assert_int_equal(read_text(&c, text, &e), 0);
		if (!cases[i].file) {
			assert_int_equal(libraries_resolve(&c.libraries, cases[i].name, files, &e), -EPERM);
			assert_non_null(strstr(e.text, "crypto, "));
			continue;
		}
		assert_int_equal(libraries_resolve(&c.libraries, cases[i].name, files, &e), 0);
		assert_string_equal(files, cases[i].file);
	}
}

static void
a_library_is_a_file_without_a_folder(void **state)
{
	static const char *const wrong[] = {
		"pq = /usr/lib/libpq.so.5",
		"pq = ../libpq.so.5",
		"pq = libpq",
		"pq = .so",
		"pq = libpq.so.5 libpq-dev more",
		"Pq = libpq.so.5",
		"none = libpq.so.5",
		"p,q = libpq.so.5",
		"pq = lib0123456789012345678901234567890123456789abc.so",
		"a23456789012345678901234567890123 = libpq.so.5",
	};
	static struct config c;
	char text[256];
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		snprintf(text, sizeof text, "[link]\n%s\n", wrong[i]);
		assert_int_equal(read_text(&c, text, &e), -EINVAL);
		assert_non_null(strstr(e.text, ":2: "));
	}
	assert_int_equal(read_text(&c,
	                           "[link]\na2345678901234567890123456789012 ="
	                           " lib0123456789012345678901234567890123456789ab.so\n",
	                           &e),
	                 0);
}

static void
the_list_of_libraries_has_an_end(void **state)
{
	struct libraries l;
	struct err e;
	char name[16];
	int n = 0;

	(void)state;
	libraries_init(&l);
	for (; l.n < LIBRARIES_MAX; n++) {
		snprintf(name, sizeof name, "x%d", n);
		assert_int_equal(libraries_set(&l, name, "libx.so", &e), 0);
	}
	assert_int_equal(libraries_set(&l, "x0", "liby.so", &e), 0);
	assert_int_equal(libraries_set(&l, "more", "libx.so", &e), -E2BIG);
}

static void
links_are_a_list_of_eight_names(void **state)
{
	static const struct {
		const char *given;
		int rc;
		const char *links;
	} cases[] = {
		{ "z,jansson,m", 0, "jansson m z" },
		{ "m,m,,m", 0, "m" },
		{ "none", 0, "" },
		{ "", 0, "" },
		{ "a,b,c,d,e,f,g,h", 0, "a b c d e f g h" },
		{ "a,b,c,d,e,f,g,h,i", -E2BIG, "m" },
		{ "../x", -EINVAL, "m" },
		{ "libz.so.1", -EINVAL, "m" },
		{ "a23456789012345678901234567890123", -EINVAL, "m" },
	};
	static struct function_policy p;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		policy_init(&p);
		assert_int_equal(policy_set_links(&p, "m", &e), 0);
		assert_int_equal(policy_set_links(&p, cases[i].given, &e), cases[i].rc);
		assert_string_equal(p.links, cases[i].links);
	}
}

static void
grants_are_whole_paths_of_sockets(void **state)
{
	char longest[5 + SOCKET_PATH_SIZE + 1] = "unix:/run/";
	static const struct {
		const char *text;
		int rc;
	} cases[] = {
		{ "unix:/run/redis/redis.sock", 0 },
		{ "unix:/run/postgresql/.s.PGSQL.5432", 0 },
		{ "unix:/x", 0 },
		{ "unix:/", -EINVAL },
		{ "unix:", -EINVAL },
		{ "unix:run/x", -EINVAL },
		{ "unix:@abstract", -EINVAL },
		{ "unix:/run/x/", -EINVAL },
		{ "unix:/run//x", -EINVAL },
		{ "unix:/run/./x", -EINVAL },
		{ "unix:/run/../x", -EINVAL },
		{ "unix:/run/..", -EINVAL },
		{ "unix:/run/a b", -EINVAL },
		{ "unix:/run/a\nb", -EINVAL },
		{ "/run/x", -EINVAL },
		{ "tcp:127.0.0.1:80", -EINVAL },
	};
	static struct function_policy p;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		policy_init(&p);
		assert_int_equal(policy_add_grant(&p, cases[i].text, &e), cases[i].rc);
		assert_string_equal(p.sockets, cases[i].rc == 0 ? cases[i].text + 5 : "");
	}
	memset(longest + 10, 'x', SOCKET_PATH_SIZE - 6);
	longest[5 + SOCKET_PATH_SIZE - 1] = '\0';
	assert_int_equal(policy_add_grant(&p, longest, &e), 0);
	longest[5 + SOCKET_PATH_SIZE - 1] = 'x';
	longest[5 + SOCKET_PATH_SIZE] = '\0';
	assert_int_equal(policy_add_grant(&p, longest, &e), -EINVAL);
}

static void
origins_are_what_browsers_say(void **state)
{
	static const struct {
		const char *text;
		int rc;
	} cases[] = {
		{ "https://a.example", 0 },
		{ "http://localhost:5173", 0 },
		{ "http://127.0.0.1:8080", 0 },
		{ "http://[::1]:8080", 0 },
		{ "https://xn--bcher-kva.example:65535", 0 },
		{ "*", 0 },
		{ "null", -EINVAL },
		{ "", -EINVAL },
		{ "a.example", -EINVAL },
		{ "ftp://a.example", -EINVAL },
		{ "https://", -EINVAL },
		{ "https://A.example", -EINVAL },
		{ "HTTPS://a.example", -EINVAL },
		{ "https://a.example/", -EINVAL },
		{ "https://a.example/x", -EINVAL },
		{ "https://a.example?x", -EINVAL },
		{ "https://u@a.example", -EINVAL },
		{ "https://*.example", -EINVAL },
		{ "https://.example", -EINVAL },
		{ "https://a..example", -EINVAL },
		{ "https://a.example.", -EINVAL },
		{ "https://a.example:", -EINVAL },
		{ "https://a.example:0", -EINVAL },
		{ "https://a.example:080", -EINVAL },
		{ "https://a.example:65536", -EINVAL },
		{ "https://a.example:123456", -EINVAL },
		{ "https://a.example:443", -EINVAL },
		{ "http://a.example:80", -EINVAL },
		{ "http://a.example:443", 0 },
		{ "https://a.example https://b.example", -EINVAL },
		{ "https://a.example\r\nx", -EINVAL },
		{ "http://[::1", -EINVAL },
		{ "http://[]", -EINVAL },
		{ "http://[::1]x", -EINVAL },
	};
	static struct function_policy p;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		policy_init(&p);
		if (policy_add_origin(&p, cases[i].text, &e) != cases[i].rc)
			fail_msg("'%s'", cases[i].text);
		assert_string_equal(p.origins, cases[i].rc == 0 ? cases[i].text : "");
	}
}

static void
sixteen_origins_are_kept_and_packed(void **state)
{
	static struct function_policy p, back;
	char text[POLICY_TEXT_MAX], origin[300];
	struct err e;

	(void)state;
	policy_init(&p);
	for (int i = 10; i < 10 + ORIGINS_MAX; i++) {
		snprintf(origin, sizeof origin, "https://%d.example", i);
		assert_int_equal(policy_add_origin(&p, origin, &e), 0);
		assert_int_equal(policy_add_origin(&p, origin, &e), 0);
	}
	assert_int_equal(policy_add_origin(&p, "https://z.example", &e), -E2BIG);
	assert_int_equal(policy_add_origin(&p, "*", &e), -EINVAL);
	assert_int_equal(policy_pack(&p, text, sizeof text, &e), 0);
	assert_int_equal(policy_unpack(&back, text, &e), 0);
	assert_string_equal(back.origins, p.origins);
	assert_int_equal(policy_add_origin(&p, "none", &e), 0);
	assert_string_equal(p.origins, "");
	assert_int_equal(policy_add_origin(&p, "*", &e), 0);
	assert_int_equal(policy_add_origin(&p, "https://a.example", &e), -EINVAL);
	assert_int_equal(policy_add_origin(&p, "none", &e), 0);
	/* And so many bytes: 251 and 259 with a space and a NUL are the most. */
	snprintf(origin, sizeof origin, "https://%0243d", 1);
	assert_int_equal(policy_add_origin(&p, origin, &e), 0);
	snprintf(origin, sizeof origin, "https://%0252d", 2);
	assert_int_equal(policy_add_origin(&p, origin, &e), -E2BIG);
	snprintf(origin, sizeof origin, "https://%0251d", 2);
	assert_int_equal(policy_add_origin(&p, origin, &e), 0);
	assert_int_equal(policy_unpack(&back, "{\"cors\":[1]}", &e), -EBADMSG);
}

static void
four_sockets_are_granted_each_at_a_place_of_its_own(void **state)
{
	static const struct {
		const char *path, *place;
	} cases[] = {
		{ "/run/redis/redis.sock", "run/redis/redis.sock" },
		{ "/var/lib/x/y.sock", "run/y.sock" },
		{ "/runx/y", "run/y" },
		{ "/run", "run/run" },
	};
	char place[GRANT_PLACE_SIZE];
	static struct function_policy p;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		grant_place(cases[i].path, strlen(cases[i].path), place);
		assert_string_equal(place, cases[i].place);
	}
	policy_init(&p);
	assert_int_equal(policy_add_grant(&p, "unix:/run/a", &e), 0);
	assert_int_equal(policy_add_grant(&p, "unix:/run/a", &e), 0);
	assert_int_equal(policy_add_grant(&p, "unix:/tmp/a", &e), -EINVAL);
	assert_int_equal(policy_add_grant(&p, "unix:/tmp/b", &e), 0);
	assert_int_equal(policy_add_grant(&p, "unix:/tmp/c", &e), 0);
	assert_int_equal(policy_add_grant(&p, "unix:/tmp/d", &e), 0);
	assert_int_equal(policy_add_grant(&p, "unix:/tmp/e", &e), -E2BIG);
	assert_true(grant_are_sockets(p.sockets, sizeof p.sockets));
	assert_false(grant_are_sockets("/a /b /c /d /e", SOCKETS_TEXT_SIZE));
	assert_false(grant_are_sockets("/a /../b", SOCKETS_TEXT_SIZE));
	assert_int_equal(policy_add_grant(&p, "none", &e), 0);
	assert_string_equal(p.sockets, "");
}

static void
sockets_are_granted_by_the_operators_patterns(void **state)
{
	static const struct {
		const char *sockets;
		int rc;
	} cases[] = {
		{ "", 0 },
		{ "/run/redis/redis.sock", 0 },
		{ "/run/redis/.hidden", 0 },
		{ "/run/pg/.s.PGSQL.5432", 0 },
		{ "/run/pg/.s.PGSQL.5432 /run/redis/a", 0 },
		{ "/run/redis/more/redis.sock", -EPERM },
		{ "/run/pg/.s.PGSQL.54321", -EPERM },
		{ "/run/redis/a /run/docker.sock", -EPERM },
	};
	static struct config c;
	struct err e;

	(void)state;
	assert_int_equal(read_text(&c, "[global]\n", &e), 0);
	assert_int_equal(config_check_sockets(&c, "/run/x", &e), -EPERM);
	assert_int_equal(read_text(&c,
	                           "[global]\ngrant.allow = /run/redis/*\n"
	                           "grant.allow = /run/pg/.s.PGSQL.5432 /run/more/x\n",
	                           &e),
	                 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(config_check_sockets(&c, cases[i].sockets, &e), cases[i].rc);
	assert_int_equal(read_text(&c, "[global]\ngrant.allow = run/x\n", &e), -EINVAL);
}

static void
a_functions_log_is_named_by_a_functions_name(void **state)
{
	static const char *const no_names[] = { "", "../x", "a/b", "..", "_other", "a.b" };
	char path[FUNCTION_LOG_PATH_SIZE];
	static struct config c;
	struct err e;

	(void)state;
	assert_int_equal(read_text(&c, "[global]\nfunction_log = /l/%n.log\n", &e), 0);
	assert_true(function_log_is_each(&c));
	assert_int_equal(function_log_check(&c, &e), 0);
	assert_int_equal(function_log_path(&c, "a-1_b", path, &e), 0);
	assert_string_equal(path, "/l/a-1_b.log");
	for (size_t i = 0; i < ARRAY_SIZE(no_names); i++)
		assert_int_equal(function_log_path(&c, no_names[i], path, &e), -EINVAL);
	assert_int_equal(read_text(&c, "[global]\nfunction_log = /l/100%.log\n", &e), 0);
	assert_false(function_log_is_each(&c));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_read_over_the_defaults),
		cmocka_unit_test(a_wrong_line_is_named_with_its_number),
		cmocka_unit_test(the_registry_is_looked_for_in_order),
		cmocka_unit_test(roots_registry_is_not_in_his_home),
		cmocka_unit_test(a_registry_has_one_name_whatever_links_lead_to_it),
		cmocka_unit_test(every_row_takes_its_bounds_and_nothing_past_them),
		cmocka_unit_test(a_policy_survives_its_text),
		cmocka_unit_test(a_policy_from_elsewhere_is_checked),
		cmocka_unit_test(names_are_of_the_documented_form),
		cmocka_unit_test(the_environment_is_bounded),
		cmocka_unit_test(a_policy_over_the_servers_maximum_is_refused),
		cmocka_unit_test(libraries_are_those_of_the_list),
		cmocka_unit_test(a_library_is_a_file_without_a_folder),
		cmocka_unit_test(the_list_of_libraries_has_an_end),
		cmocka_unit_test(links_are_a_list_of_eight_names),
		cmocka_unit_test(smoke_requests_are_checked_counted_and_packed),
		cmocka_unit_test(origins_are_what_browsers_say),
		cmocka_unit_test(sixteen_origins_are_kept_and_packed),
		cmocka_unit_test(grants_are_whole_paths_of_sockets),
		cmocka_unit_test(four_sockets_are_granted_each_at_a_place_of_its_own),
		cmocka_unit_test(sockets_are_granted_by_the_operators_patterns),
		cmocka_unit_test(a_functions_log_is_named_by_a_functions_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
