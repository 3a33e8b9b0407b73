/* elf.c - whether bytes are a shared object that a worker may load.
 *
 * Only what the dynamic loader reads is read: program headers, the dynamic section, the GNU hash table.
 * Section headers could say anything.  Pages of two segments never overlap, so that an address means the
 * same bytes here and in the loader. */
#include "deploy-tool/elf.h"

#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/macros.h"
#include "base/words.h"

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#define LOADER  "ld-linux-x86-64.so.2"
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#define LOADER  "ld-linux-aarch64.so.1"
#else
#error "elf.c: name this machine and its loader here"
#endif

enum { PAGE = 4096, HASH_BLOOM_MAX = 1 << 20, NAME_SHOWN = 64 };

static const char *const allowed_libraries[] = {
	"libc.so.6", "libm.so.6", "libgcc_s.so.1", "libstdc++.so.6", "libcfn.so.1", LOADER,
};

static const struct {
	Elf64_Sxword tag;
	const char *what;
} forbidden_tags[] = {
	{ DT_TEXTREL, "has text relocations; compile it with -fPIC" },
	{ DT_RPATH, "has a run path" },
	{ DT_RUNPATH, "has a run path" },
	{ DT_AUDIT, "names an auditor" },
	{ DT_DEPAUDIT, "names an auditor" },
	{ DT_CONFIG, "names a loader configuration" },
	{ DT_FILTER, "is a filter of another library" },
	{ DT_AUXILIARY, "is a filter of another library" },
	{ DT_PREINIT_ARRAY, "has code that runs before all other" },
	{ DT_PREINIT_ARRAYSZ, "has code that runs before all other" },
};

struct image {
	const unsigned char *bytes;
	size_t n;
	const char *libraries;
	struct elf_report *report;
	size_t n_segments;
	Elf64_Phdr segments[ELF_SEGMENTS_MAX];
	const Elf64_Phdr *dynamic;
	uint64_t names, names_size; /* DT_STRTAB, DT_STRSZ */
	uint64_t symbols, hash;     /* DT_SYMTAB, DT_GNU_HASH */
	size_t n_needed;
	uint64_t needed[ELF_NEEDED_MAX]; /* offsets into the names */
};

static int PRINTF_LIKE(2, 3) refuse(struct image *m, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(m->report->reason, sizeof m->report->reason, fmt, ap);
	va_end(ap);
	return -EBADMSG;
}

static bool
read_offset(const struct image *m, uint64_t offset, void *to, size_t size)
{
	if (offset > m->n || size > m->n - offset)
		return false;
	memcpy(to, m->bytes + offset, size);
	return true;
}

/* The part of one segment that comes from the file; nothing else has a content before relocation. */
static const Elf64_Phdr *
segment_of(const struct image *m, uint64_t address, size_t size)
{
	for (size_t i = 0; i < m->n_segments; i++) {
		const Elf64_Phdr *s = &m->segments[i];

		if (s->p_type == PT_LOAD && address >= s->p_vaddr && address - s->p_vaddr <= s->p_filesz &&
		    size <= s->p_filesz - (address - s->p_vaddr))
			return s;
	}
	return NULL;
}

static bool
read_address(const struct image *m, uint64_t address, void *to, size_t size)
{
	const Elf64_Phdr *s = segment_of(m, address, size);

	return s != NULL && read_offset(m, s->p_offset + (address - s->p_vaddr), to, size);
}

/* The NUL-terminated name at an offset of the name table, NULL when it does not end within it. */
static const char *
name_at(const struct image *m, uint64_t offset)
{
	const Elf64_Phdr *s;
	const char *name;

	if (offset >= m->names_size)
		return NULL;
	s = segment_of(m, m->names, m->names_size);
	if (s == NULL)
		return NULL;
	name = (const char *)m->bytes + s->p_offset + (m->names - s->p_vaddr) + offset;
	return memchr(name, '\0', m->names_size - offset) == NULL ? NULL : name;
}

static int
check_header(struct image *m)
{
	Elf64_Ehdr h;

	if (!read_offset(m, 0, &h, sizeof h) || memcmp(h.e_ident, ELFMAG, SELFMAG) != 0)
		return refuse(m, "is not an ELF file");
	if (h.e_ident[EI_CLASS] != ELFCLASS64 || h.e_ident[EI_DATA] != ELFDATA2LSB ||
	    h.e_machine != MACHINE || h.e_ident[EI_VERSION] != EV_CURRENT || h.e_version != EV_CURRENT)
		return refuse(m, "is for another machine");
	if (h.e_ident[EI_OSABI] != ELFOSABI_SYSV && h.e_ident[EI_OSABI] != ELFOSABI_GNU)
		return refuse(m, "is for another system");
	if (h.e_type != ET_DYN)
		return refuse(m, "is not a shared object");
	if (h.e_phentsize != sizeof(Elf64_Phdr) || h.e_phnum == 0 || h.e_phnum > ELF_SEGMENTS_MAX)
		return refuse(m, "has a wrong number of segments");
	m->n_segments = h.e_phnum;
	if (!read_offset(m, h.e_phoff, m->segments, m->n_segments * sizeof m->segments[0]))
		return refuse(m, "is cut off in its program headers");
	return 0;
}

/* end: one past the last page of the segments before. */
static int
check_load(struct image *m, const Elf64_Phdr *s, uint64_t *end)
{
	if (s->p_offset > m->n || s->p_filesz > m->n - s->p_offset || s->p_filesz > s->p_memsz)
		return refuse(m, "has a segment outside of the file");
	if (s->p_vaddr > ELF_ADDRESS_MAX || s->p_memsz > ELF_ADDRESS_MAX)
		return refuse(m, "wants more than 1 GiB of memory");
	if (s->p_align % PAGE != 0 || s->p_offset % PAGE != s->p_vaddr % PAGE ||
	    s->p_vaddr - s->p_vaddr % PAGE < *end)
		return refuse(m, "has overlapping segments");
	if ((s->p_flags & PF_W) != 0 && (s->p_flags & PF_X) != 0)
		return refuse(m, "has memory that is both writable and executable");
	*end = (s->p_vaddr + s->p_memsz + PAGE - 1) / PAGE * PAGE;
	return 0;
}

static int
check_segment(struct image *m, const Elf64_Phdr *s, uint64_t *end)
{
	switch (s->p_type) {
	case PT_LOAD:
		return check_load(m, s, end);
	case PT_INTERP:
		return refuse(m, "is a program: it names an interpreter");
	case PT_GNU_STACK:
		return (s->p_flags & PF_X) == 0 ? 0 : refuse(m, "wants an executable stack");
	case PT_DYNAMIC:
		if (m->dynamic != NULL)
			return refuse(m, "has two dynamic sections");
		m->dynamic = s;
		return 0;
	default:
		return 0;
	}
}

static int
check_segments(struct image *m)
{
	bool has_stack = false;
	uint64_t end = 0;

	for (size_t i = 0; i < m->n_segments; i++) {
		int rc = check_segment(m, &m->segments[i], &end);

		if (rc < 0)
			return rc;
		has_stack = has_stack || m->segments[i].p_type == PT_GNU_STACK;
	}
	if (!has_stack)
		return refuse(m, "does not say that its stack is not executable");
	if (m->dynamic == NULL)
		return refuse(m, "has no dynamic section");
	return 0;
}

static int
read_dynamic_entry(struct image *m, const Elf64_Dyn *d)
{
	for (size_t i = 0; i < ARRAY_SIZE(forbidden_tags); i++)
		if (d->d_tag == forbidden_tags[i].tag)
			return refuse(m, "%s", forbidden_tags[i].what);
	switch (d->d_tag) {
	case DT_NEEDED:
		if (m->n_needed == ELF_NEEDED_MAX)
			return refuse(m, "needs more than %d libraries", ELF_NEEDED_MAX);
		m->needed[m->n_needed++] = d->d_un.d_val;
		return 0;
	case DT_FLAGS:
		return (d->d_un.d_val & DF_TEXTREL) == 0 ? 0 : refuse(m, "has text relocations");
	case DT_FLAGS_1:
		return (d->d_un.d_val & DF_1_PIE) == 0 ? 0 : refuse(m, "is a program, not a shared object");
	case DT_STRTAB:
		m->names = d->d_un.d_ptr;
		return 0;
	case DT_STRSZ:
		m->names_size = d->d_un.d_val;
		return 0;
	case DT_SYMTAB:
		m->symbols = d->d_un.d_ptr;
		return 0;
	case DT_GNU_HASH:
		m->hash = d->d_un.d_ptr;
		return 0;
	case DT_SYMENT:
		return d->d_un.d_val == sizeof(Elf64_Sym) ? 0 : refuse(m, "has symbols of a wrong size");
	default:
		return 0;
	}
}

/* By its address, as the loader does; the segment's offset may say something else. */
static int
check_dynamic(struct image *m)
{
	Elf64_Dyn d;
	int rc;

	for (uint64_t i = 0; i < ELF_DYNAMIC_MAX; i++) {
		if (!read_address(m, m->dynamic->p_vaddr + i * sizeof d, &d, sizeof d))
			return refuse(m, "is cut off in its dynamic section");
		if (d.d_tag == DT_NULL)
			return 0;
		rc = read_dynamic_entry(m, &d);
		if (rc < 0)
			return rc;
	}
	return refuse(m, "has more than %d dynamic entries", ELF_DYNAMIC_MAX);
}

static bool
is_allowed_library(const char *name, const char *linked)
{
	for (size_t i = 0; i < ARRAY_SIZE(allowed_libraries); i++)
		if (strcmp(name, allowed_libraries[i]) == 0)
			return true;
	return words_have(linked, name, strlen(name));
}

static int
check_needed(struct image *m)
{
	char shown[NAME_SHOWN];

	for (size_t i = 0; i < m->n_needed; i++) {
		const char *name = name_at(m, m->needed[i]);

		if (name == NULL)
			return refuse(m, "has a library name outside of its name table");
		if (is_allowed_library(name, m->libraries))
			continue;
		log_escape(shown, sizeof shown, name, strlen(name));
		return refuse(m, "needs the library '%s', which functions do not get", shown);
	}
	return 0;
}

static uint32_t
gnu_hash(const char *name)
{
	uint32_t h = 5381;

	for (; *name != '\0'; name++)
		h = h * 33 + (unsigned char)*name;
	return h;
}

/* Follows one chain of the hash table; a chain's last value has its lowest bit set.  values: where that of
 * symbol 0 would be.  It ends because each step moves on in one segment. */
static bool
find_in_chain(const struct image *m, uint64_t values, uint32_t index, const char *name, Elf64_Sym *symbol)
{
	uint32_t want = gnu_hash(name), value;

	for (;; index++) {
		const char *found;

		if (!read_address(m, values + 4 * (uint64_t)index, &value, sizeof value))
			return false;
		if ((value | 1) == (want | 1)) {
			if (!read_address(m, m->symbols + sizeof *symbol * (uint64_t)index, symbol,
			                  sizeof *symbol))
				return false;
			found = name_at(m, symbol->st_name);
			if (found != NULL && strcmp(found, name) == 0)
				return true;
		}
		if ((value & 1) != 0)
			return false;
	}
}

static bool
find_symbol(const struct image *m, const char *name, Elf64_Sym *symbol)
{
	struct {
		uint32_t n_buckets, first, n_bloom, shift;
	} head;
	uint64_t buckets;
	uint32_t index;

	if (!read_address(m, m->hash, &head, sizeof head) || head.n_buckets == 0 ||
	    head.n_bloom > HASH_BLOOM_MAX)
		return false;
	buckets = m->hash + sizeof head + 8 * (uint64_t)head.n_bloom;
	if (!read_address(m, buckets + 4 * (uint64_t)(gnu_hash(name) % head.n_buckets), &index,
	                  sizeof index) ||
	    index < head.first)
		return false;
	return find_in_chain(m, buckets + 4 * (uint64_t)head.n_buckets - 4 * (uint64_t)head.first, index,
	                     name, symbol);
}

/* Defined here, visible, and of this kind. */
static bool
defines(const struct image *m, const char *name, unsigned type)
{
	Elf64_Sym symbol;

	return find_symbol(m, name, &symbol) && symbol.st_shndx != SHN_UNDEF &&
	       ELF64_ST_VISIBILITY(symbol.st_other) == STV_DEFAULT &&
	       (ELF64_ST_BIND(symbol.st_info) == STB_GLOBAL || ELF64_ST_BIND(symbol.st_info) == STB_WEAK) &&
	       ELF64_ST_TYPE(symbol.st_info) == type;
}

static int
refuse_entries(struct image *m, const char *const *entries)
{
	char names[ELF_REASON_SIZE / 2] = "", shown[NAME_SHOWN];
	size_t at = 0;

	for (size_t i = 0; entries[i] != NULL && at < sizeof names; i++) {
		log_escape(shown, sizeof shown, entries[i], strlen(entries[i]));
		at += (size_t)snprintf(names + at, sizeof names - at, "%s'%s'", i > 0 ? " or " : "", shown);
	}
	return refuse(m,
	              "defines no handler: no function %s with external linkage (in C++: extern \"C\"), no "
	              "CFN_ROUTES",
	              names);
}

static int
check_symbols(struct image *m, const char *const *entries)
{
	if (m->hash == 0 || m->symbols == 0)
		return refuse(m, "has no GNU hash table");
	if (!defines(m, "cfn_abi", STT_OBJECT))
		return refuse(m, "does not include <cfn.h>");
	m->report->has_routes = defines(m, "cfn_routes", STT_OBJECT);
	for (int i = 0; entries[i] != NULL && m->report->entry < 0; i++)
		if (defines(m, entries[i], STT_FUNC))
			m->report->entry = i;
	if (m->report->entry >= 0 || m->report->has_routes)
		return 0;
	return refuse_entries(m, entries);
}

int
elf_check(const void *bytes, size_t n, const char *const *entries, const char *libraries,
          struct elf_report *report)
{
	struct image m = { .bytes = bytes, .n = n, .libraries = libraries, .report = report };
	int rc;

	*report = (struct elf_report){ .entry = -1 };
	rc = check_header(&m);
	if (rc == 0)
		rc = check_segments(&m);
	if (rc == 0)
		rc = check_dynamic(&m);
	if (rc == 0)
		rc = check_needed(&m);
	if (rc == 0)
		rc = check_symbols(&m, entries);
	return rc;
}
