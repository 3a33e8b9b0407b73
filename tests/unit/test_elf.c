/* test_elf.c - what may be loaded: objects of the real compiler, and damaged ones. */
#include "unit.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "deploy-tool/elf.h"

#define GOOD                                                                                                 \
	"const int cfn_abi = 1; int hello(void *a, void *b); int hello(void *a, void *b) { return a == b; }"

static char folder[] = "/tmp/cfn-test-elf.XXXXXX";
static const char *const hello[] = { "hello", "handle", NULL };

struct object {
	char *bytes;
	size_t n;
};

/* Words separated by single spaces; the exit status. */
static int
run(char *command)
{
	char *words[32], *rest = NULL;
	size_t n = 0;
	int status = -1;
	pid_t pid;

	words[n++] = strtok_r(command, " ", &rest);
	while ((words[n] = strtok_r(NULL, " ", &rest)) != NULL)
		n++;
	pid = fork();
	if (pid == 0) {
		execvp(words[0], words);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Compiles source with these flags beside -shared; the test's own trusted text. */
static struct object
build(const char *source, const char *flags)
{
	char path[128], command[512];
	struct object o = { 0 };
	struct err e;
	FILE *file;
	int fd;

	snprintf(path, sizeof path, "%s/t.c", folder);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(source, file);
	assert_int_equal(fclose(file), 0);
	snprintf(command, sizeof command, "gcc -w -Wl,--hash-style=gnu %s -o %s/t.so %s/t.c", flags, folder,
	         folder);
	assert_int_equal(run(command), 0);
	snprintf(path, sizeof path, "%s/t.so", folder);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(fd_read_file(fd, 64 << 20, &o.bytes, &o.n, &e), 0);
	close(fd);
	return o;
}

static void
what_may_not_be_loaded_is_refused_with_its_reason(void **state)
{
	static const struct {
		const char *source, *flags, *reason; /* reason NULL: it may be loaded */
	} cases[] = {
		{ GOOD, "-shared -fPIC -O2", NULL },
		{ GOOD, "-shared -fPIC -O2 -g -Wl,-z,now,-z,relro", NULL },
		{ GOOD, "-shared -fPIC -Wl,-z,noseparate-code", NULL },
		{ GOOD, "-shared -fPIC -Wl,--no-as-needed -shared-libgcc -lm -lstdc++", NULL },
		{ GOOD, "-shared -fPIC -Wl,-z,execstack", "executable stack" },
		{ GOOD, "-shared -fPIC -Wl,-rpath,/tmp", "run path" },
		{ GOOD, "-shared -fPIC -Wl,--disable-new-dtags,-rpath,/tmp", "run path" },
		{ GOOD, "-shared -fPIC -Wl,-f,libm.so.6", "filter" },
		{ GOOD, "-shared -fPIC -Wl,-F,libm.so.6", "filter" },
		{ GOOD, "-shared -fPIC -Wl,--audit=libm.so.6", "auditor" },
		{ GOOD, "-shared -fPIC -Wl,--depaudit=libm.so.6", "auditor" },
		{ GOOD, "-shared -fPIC -Wl,--no-as-needed -lcrypto", "needs the library 'libcrypto" },
		{ GOOD " __asm__(\".section .both,\\\"awx\\\"; .quad 0\");",
		  "-shared -fPIC -Wl,--no-warn-rwx-segments", "writable and executable" },
		{ GOOD, "-shared -fPIC -Wl,--hash-style=sysv", "no GNU hash" },
		{ GOOD, "-c", "not a shared object" },
		{ GOOD " int main(void) { return 0; }", "-pie -fPIE -rdynamic", "interpreter" },
		{ GOOD " int main(void) { return 0; }", "-static-pie -fPIE", "is a program" },
		{ GOOD " int main(void) { return 0; }", "-no-pie", "not a shared object" },
		{ GOOD " extern int there; int *where(void); __asm__(\".text; .quad errno_that_is_not\");",
		  "-shared -fPIC -Wl,-z,notext", "text relocations" },
		{ GOOD " __asm__(\".section .interp,\\\"a\\\"; .string \\\"/x\\\"\");", "-shared -fPIC",
		  "interpreter" },
		{ "const int cfn_abi = 1; int other(void) { return 0; }", "-shared -fPIC",
		  "no function 'hello' or 'handle'" },
		{ "const int cfn_abi = 1; static int hello(void) { return 0; }", "-shared -fPIC",
		  "defines no handler" },
		{ "const int cfn_abi = 1; int hello;", "-shared -fPIC", "defines no handler" },
		{ "const int cfn_abi = 1; extern int hello(void); int (*p)(void) = hello;", "-shared -fPIC",
		  "defines no handler" },
		{ "const int cfn_abi = 1; __attribute__((visibility(\"hidden\"))) int hello(void) { return "
		  "0; }",
		  "-shared -fPIC", "defines no handler" },
		{ "const int cfn_abi = 1; int handle(void) { return 0; }", "-shared -fPIC", NULL },
		{ "const int cfn_abi = 1; const long cfn_routes[4] = { 1 };", "-shared -fPIC", NULL },
		{ "int hello(void) { return 0; }", "-shared -fPIC", "does not include <cfn.h>" },
		{ GOOD " char big[1u << 30]; char more[4096];", "-shared -fPIC", "1 GiB" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct object o = build(cases[i].source, cases[i].flags);
		struct elf_report report;
		int rc = elf_check(o.bytes, o.n, hello, "", &report);

		if (cases[i].reason == NULL) {
			assert_string_equal(report.reason, "");
			assert_int_equal(rc, 0);
		} else {
			if (strstr(report.reason, cases[i].reason) == NULL)
				print_error("case %zu (%s): '%s'\n", i, cases[i].flags, report.reason);
			assert_non_null(strstr(report.reason, cases[i].reason));
			assert_int_equal(rc, -EBADMSG);
		}
		free(o.bytes);
	}
}

static void
what_is_linked_is_needed_and_nothing_else(void **state)
{
	static const struct {
		const char *libraries, *reason; /* reason: NULL: it may be loaded */
	} cases[] = {
		{ "", "'libjansson.so.4', which functions do not get" },
		{ "libjansson.so.4", "'libz.so.1', which functions do not get" },
		{ "libz.so.1", "'libjansson.so.4'" },
		{ "libjansson.so.4 libz.so", "'libz.so.1'" },
		{ "libjansson.so.4 libz.so.1", NULL },
		{ "libc.so.6 libjansson.so.4 libz.so.1", NULL },
	};
	struct object o = build(GOOD, "-shared -fPIC -Wl,--no-as-needed -l:libjansson.so.4 -l:libz.so.1");
	struct elf_report report;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int rc = elf_check(o.bytes, o.n, hello, cases[i].libraries, &report);

		assert_int_equal(rc, cases[i].reason ? -EBADMSG : 0);
		if (cases[i].reason)
			assert_non_null(strstr(report.reason, cases[i].reason));
	}
	free(o.bytes);
}

static void
the_first_entry_that_is_defined_is_named(void **state)
{
	static const char *const entries[] = { "absent", "second", "hello", NULL };
	struct object o =
	    build(GOOD " int second(void) { return 0; } const long cfn_routes[4] = { 1 };", "-shared -fPIC");
	struct elf_report report;

	(void)state;
	assert_int_equal(elf_check(o.bytes, o.n, entries, "", &report), 0);
	assert_int_equal(report.entry, 1);
	assert_true(report.has_routes);
	free(o.bytes);
}

/* A file cut at any place is refused or, behind what the loader reads, still whole. */
static void
a_file_that_is_cut_off_never_leads_outside(void **state)
{
	struct object o = build(GOOD, "-shared -fPIC");
	struct elf_report report;

	(void)state;
	for (size_t n = 0; n < o.n; n++) {
		char *exact = malloc(n + 1); /* so that a sanitizer sees one byte too many */

		memcpy(exact, o.bytes, n);
		exact = realloc(exact, n > 0 ? n : 1);
		if (n < sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr))
			assert_int_equal(elf_check(exact, n, hello, "", &report), -EBADMSG);
		else
			elf_check(exact, n, hello, "", &report);
		free(exact);
	}
	free(o.bytes);
}

static Elf64_Phdr *
segment(struct object *o, uint32_t type)
{
	Elf64_Ehdr *h = (void *)o->bytes;
	Elf64_Phdr *p = (void *)(o->bytes + h->e_phoff);

	for (int i = 0; i < h->e_phnum; i++)
		if (p[i].p_type == type)
			return &p[i];
	return NULL;
}

static Elf64_Dyn *
dynamic(struct object *o, Elf64_Sxword tag)
{
	Elf64_Dyn *d = (void *)(o->bytes + segment(o, PT_DYNAMIC)->p_offset);

	while (d->d_tag != tag && d->d_tag != DT_NULL)
		d++;
	return d;
}

static void
damage_class(struct object *o)
{
	o->bytes[EI_CLASS] = ELFCLASS32;
}

static void
damage_machine(struct object *o)
{
	((Elf64_Ehdr *)(void *)o->bytes)->e_machine = EM_SPARC;
}

static void
damage_system(struct object *o)
{
	o->bytes[EI_OSABI] = ELFOSABI_FREEBSD;
}

static void
damage_segment_count(struct object *o)
{
	((Elf64_Ehdr *)(void *)o->bytes)->e_phnum = ELF_SEGMENTS_MAX + 1;
}

static void
damage_segment_table(struct object *o)
{
	((Elf64_Ehdr *)(void *)o->bytes)->e_phoff = UINT64_MAX - 8;
}

static void
damage_segment_size(struct object *o)
{
	segment(o, PT_LOAD)->p_filesz = UINT64_MAX;
}

static void
damage_overlap(struct object *o)
{
	segment(o, PT_LOAD)[1].p_vaddr = segment(o, PT_LOAD)->p_vaddr;
	segment(o, PT_LOAD)[1].p_offset = segment(o, PT_LOAD)->p_offset;
}

static void
damage_stack(struct object *o)
{
	segment(o, PT_GNU_STACK)->p_type = PT_NULL;
}

static void
damage_dynamic(struct object *o)
{
	segment(o, PT_DYNAMIC)->p_type = PT_NULL;
}

static void
damage_dynamic_place(struct object *o)
{
	segment(o, PT_DYNAMIC)->p_vaddr = UINT64_MAX - 15;
}

static void
damage_dynamic_end(struct object *o)
{
	Elf64_Phdr *last = segment(o, PT_LOAD) + 3;

	last->p_filesz = segment(o, PT_DYNAMIC)->p_vaddr + 16 - last->p_vaddr;
}

static void
damage_needed(struct object *o)
{
	dynamic(o, DT_NEEDED)->d_un.d_val = UINT64_MAX;
}

static void
damage_name_end(struct object *o)
{
	Elf64_Dyn *needed = dynamic(o, DT_NEEDED);
	uint64_t last = 0;

	for (; needed->d_tag == DT_NEEDED; needed++)
		if (needed->d_un.d_val > last)
			last = needed->d_un.d_val;
	dynamic(o, DT_STRSZ)->d_un.d_val = last + 3;
}

/* Symbols and their names are in the first segment, where an address is an offset. */
static Elf64_Sym *
symbol(struct object *o, const char *name)
{
	Elf64_Sym *s = (void *)(o->bytes + dynamic(o, DT_SYMTAB)->d_un.d_ptr);

	while (strcmp(o->bytes + dynamic(o, DT_STRTAB)->d_un.d_ptr + s->st_name, name) != 0)
		s++;
	return s;
}

static void
undefine_handler(struct object *o)
{
	symbol(o, "hello")->st_shndx = SHN_UNDEF;
}

static void
hide_handler(struct object *o)
{
	symbol(o, "hello")->st_other = STV_HIDDEN;
}

static void
make_handler_local(struct object *o)
{
	symbol(o, "hello")->st_info = ELF64_ST_INFO(STB_LOCAL, STT_FUNC);
}

static void
damage_names(struct object *o)
{
	dynamic(o, DT_STRSZ)->d_un.d_val = UINT64_MAX;
}

static void
damage_symbols(struct object *o)
{
	dynamic(o, DT_SYMTAB)->d_un.d_ptr = UINT64_MAX - 100;
}

static void
damage_hash(struct object *o)
{
	dynamic(o, DT_GNU_HASH)->d_un.d_ptr = UINT64_MAX - 3;
}

static void
damage_buckets(struct object *o)
{
	uint32_t *table = (void *)(o->bytes + dynamic(o, DT_GNU_HASH)->d_un.d_ptr);

	table[0] = 0;
}

static void
damage_bloom(struct object *o)
{
	uint32_t *table = (void *)(o->bytes + dynamic(o, DT_GNU_HASH)->d_un.d_ptr);

	table[2] = UINT32_MAX;
}

static void
set_text_relocation_flag(struct object *o)
{
	Elf64_Dyn *d = dynamic(o, DT_NULL);

	*d = (Elf64_Dyn){ .d_tag = DT_FLAGS, .d_un.d_val = DF_TEXTREL };
}

static void
set_preinit(struct object *o)
{
	dynamic(o, DT_NULL)->d_tag = DT_PREINIT_ARRAY;
}

static void
every_damage_is_found(void **state)
{
	static const struct {
		void (*damage)(struct object *);
		const char *reason;
	} cases[] = {
		{ damage_class, "another machine" },
		{ damage_machine, "another machine" },
		{ damage_system, "another system" },
		{ damage_segment_count, "number of segments" },
		{ damage_segment_table, "cut off in its program headers" },
		{ damage_segment_size, "outside of the file" },
		{ damage_overlap, "overlapping" },
		{ damage_stack, "stack" },
		{ damage_dynamic, "no dynamic section" },
		{ damage_dynamic_place, "cut off in its dynamic section" },
		{ damage_dynamic_end, "cut off in its dynamic section" },
		{ damage_needed, "library name outside" },
		{ damage_names, "library name outside" },
		{ damage_name_end, "library name outside" },
		{ undefine_handler, "defines no handler" },
		{ hide_handler, "defines no handler" },
		{ make_handler_local, "defines no handler" },
		{ damage_symbols, "does not include <cfn.h>" },
		{ damage_hash, "does not include <cfn.h>" },
		{ damage_buckets, "does not include <cfn.h>" },
		{ damage_bloom, "does not include <cfn.h>" },
		{ set_text_relocation_flag, "text relocations" },
		{ set_preinit, "before all other" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct object o = build(GOOD, "-shared -fPIC -Wl,--no-as-needed -lm");
		struct elf_report report;

		cases[i].damage(&o);
		assert_int_equal(elf_check(o.bytes, o.n, hello, "", &report), -EBADMSG);
		if (strstr(report.reason, cases[i].reason) == NULL)
			print_error("case %zu: '%s'\n", i, report.reason);
		assert_non_null(strstr(report.reason, cases[i].reason));
		free(o.bytes);
	}
}

/* The same sequence each time: a failure can be repeated. */
static void
random_damage_never_crashes(void **state)
{
	struct object o = build(GOOD, "-shared -fPIC");
	char *copy = malloc(o.n);
	struct elf_report report;
	uint32_t x = 1;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		memcpy(copy, o.bytes, o.n);
		for (int i = 0; i < 4; i++) {
			x = x * 1664525u + 1013904223u;
			copy[(x >> 8) % 0x1000 % o.n] = (char)(x >> 24);
		}
		elf_check(copy, o.n, hello, "", &report);
		assert_non_null(memchr(report.reason, '\0', sizeof report.reason));
	}
	free(copy);
	free(o.bytes);
}

static int
make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) == NULL;
}

static int
remove_folder(void **state)
{
	char path[128];

	(void)state;
	snprintf(path, sizeof path, "%s/t.c", folder);
	unlink(path);
	snprintf(path, sizeof path, "%s/t.so", folder);
	unlink(path);
	return rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_may_not_be_loaded_is_refused_with_its_reason),
		cmocka_unit_test(what_is_linked_is_needed_and_nothing_else),
		cmocka_unit_test(the_first_entry_that_is_defined_is_named),
		cmocka_unit_test(a_file_that_is_cut_off_never_leads_outside),
		cmocka_unit_test(every_damage_is_found),
		cmocka_unit_test(random_damage_never_crashes),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
