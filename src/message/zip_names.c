/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/zip_names.h"

#include "base/buf.h"
#include "base/utf8.h"
#include "message/attachment.h"
#include "message/charset.h"

#include <string.h>

/* Sizes of the fixed parts of the records (APPNOTE 4.3.7, 4.3.12, 4.3.16). */
enum { LOCAL_SIZE = 30, DIRECTORY_SIZE = 46, END_SIZE = 22, NAME_MAX_OCTETS = 1024 };
enum { FLAG_ENCRYPTED = 1 << 0, FLAG_SIZES_BEHIND = 1 << 3 };

static const struct bytes local_mark = BYTES_INIT("PK\003\004");
static const struct bytes directory_mark = BYTES_INIT("PK\001\002");
static const struct bytes end_mark = BYTES_INIT("PK\005\006");

static uint32_t u16(struct bytes text, size_t at)
{
    return text.ptr[at] | (uint32_t)text.ptr[at + 1] << 8;
}

static uint32_t u32(struct bytes text, size_t at)
{
    return u16(text, at) | u16(text, at + 2) << 16;
}

bool zip_names_is_zip(struct bytes head)
{
    return bytes_starts_with(head, local_mark) || bytes_starts_with(head, end_mark);
}

/* Names are UTF-8 or of the code page of the machine, which is 437 where nothing else is said (APPNOTE D.1). */
static struct bytes name_of(struct arena *arena, struct bytes name)
{
    if (name.len > NAME_MAX_OCTETS) /* its end says what it is */
        name = bytes_skip(name, name.len - NAME_MAX_OCTETS);
    if (utf8_is_valid(name))
        return arena_copy(arena, name);
    const struct charset *charset = charset_find(BYTES("cp437"));
    if (!charset) /* charset_prepare() was not called */
        charset = charset_find(BYTES("windows-1252"));
    struct buf decoded;
    buf_init(&decoded, 4 * NAME_MAX_OCTETS);
    charset_decode(charset, name, &decoded);
    struct bytes copy = arena_copy(arena, buf_bytes(&decoded));
    buf_free(&decoded);
    return copy;
}

bool zip_names_is_archive(struct bytes name)
{
    static const char *const ends[] = {".zip", ".rar", ".7z",  ".tar", ".gz",  ".tgz", ".bz2",  ".xz", ".cab",
                                       ".arj", ".ace", ".lzh", ".iso", ".img", ".vhd", ".vhdx", ".jar"};
    for (size_t i = 0; i < countof(ends); i++)
        if (bytes_ends_with_nocase(name, bytes_of(ends[i])))
            return true;
    return false;
}

static void look_at_name(struct zip_names *out, struct bytes name)
{
    if (bytes_is(name, "[Content_Types].xml") || bytes_is(name, "META-INF/manifest.xml"))
        out->office = true;
    if (bytes_ends_with_nocase(name, BYTES("vbaProject.bin")) || bytes_starts_with(name, BYTES("Basic/")) ||
        bytes_starts_with(name, BYTES("Scripts/")) || bytes_find_nocase(name, BYTES("xl/macrosheets/")) == 0)
        out->macros = true;
}

struct zip {
    struct arena *arena;
    struct zip_names *out;
    size_t room, max;
};

/* False at the arena's cap. */
static bool grow(struct zip *zip)
{
    struct zip_names *out = zip->out;
    size_t room = zip->room ? 4 * zip->room : 8;
    struct zip_member *members = arena_alloc_array(zip->arena, room, sizeof(*members));
    if (!members)
        return false;
    if (out->count)
        memcpy(members, out->members, out->count * sizeof(*members));
    out->members = members;
    zip->room = room;
    return true;
}

static int rank(const struct zip_member *member)
{
    return member->program ? 2 : member->archive;
}

/* Where a member goes that finds no room: to the place of one that matters less. NULL if there is none. */
static struct zip_member *displace(struct zip *zip, const struct zip_member *member)
{
    struct zip_names *out = zip->out;
    struct zip_member *least = NULL;
    out->cut = true;
    for (size_t i = out->count; i-- && rank(member) && !(least && rank(least) == 0);)
        if (rank(&out->members[i]) < rank(least ? least : member))
            least = &out->members[i];
    out->unseen |= (least ? rank(least) : rank(member)) > 0;
    return least;
}

/* False at the arena's cap. */
static bool add(struct zip *zip, struct bytes name, uint32_t flags, uint64_t size)
{
    struct zip_names *out = zip->out;
    out->encrypted |= (flags & FLAG_ENCRYPTED) != 0;
    look_at_name(out, name);
    if (bytes_ends_with(name, BYTES("/")) && size == 0)
        return true; /* a folder */
    struct zip_member member = {.size = size,
                                .encrypted = (flags & FLAG_ENCRYPTED) != 0,
                                .archive = zip_names_is_archive(name),
                                .program = attachment_is_executable(name) || attachment_is_disguised(name)};
    out->nested |= member.archive;
    struct zip_member *place = NULL;
    if (out->count == zip->max) {
        place = displace(zip, &member);
        if (!place)
            return true;
    }
    member.name = name_of(zip->arena, name);
    if (!member.name.ptr || (!place && out->count == zip->room && !grow(zip)))
        return false;
    if (!place)
        place = &out->members[out->count++];
    *place = member;
    return true;
}

/* The end record: the last one whose comment fits behind it. BYTES_NOT_FOUND if there is none. */
static size_t find_end(struct bytes tail)
{
    for (size_t i = tail.len < END_SIZE ? 0 : tail.len - END_SIZE + 1; i--;)
        if (tail.ptr[i] == 'P' && bytes_starts_with(bytes_skip(tail, i), end_mark) &&
            i + END_SIZE + u16(tail, i + 20) <= tail.len)
            return i;
    return BYTES_NOT_FOUND;
}

/* The directory lies before its end; where its beginning does not, or nobody knows (ZIP64), from the first record. */
static size_t find_directory(struct bytes tail, size_t end, struct zip_names *out)
{
    size_t size = u32(tail, end + 12);
    if (size <= end && (size == 0 || bytes_starts_with(bytes_skip(tail, end - size), directory_mark)))
        return end - size;
    out->cut = out->unseen = true;
    size_t first = bytes_find(bytes_first(tail, end), directory_mark);
    return first == BYTES_NOT_FOUND ? end : first;
}

/* The directory that begins where the end says, if that is not the one before it: some programs go by the one, some
 * by the other. Empty if there is none. What stands before an archive moves it, but then there is none there. */
static struct bytes other_directory(struct bytes head, struct bytes tail, uint64_t before, size_t end, size_t first,
                                    struct zip_names *out)
{
    uint64_t offset = u32(tail, end + 16);
    struct bytes other = {NULL, 0};
    if (offset == before + first || offset == UINT32_MAX)
        return other;
    out->astray = true;
    if (offset >= before && offset - before < end)
        other = bytes_slice(tail, (size_t)(offset - before), offset - before < first ? first : end);
    else if (offset < head.len)
        other = bytes_skip(head, (size_t)offset);
    else
        out->unseen |= !attachment_is_program(head); /* programs that unpack themselves may count otherwise */
    return bytes_starts_with(other, directory_mark) ? other : (struct bytes){NULL, 0};
}

static bool read_directory(struct zip *zip, struct bytes directory)
{
    size_t at = 0;
    while (directory.len - at >= DIRECTORY_SIZE && bytes_starts_with(bytes_skip(directory, at), directory_mark)) {
        size_t name = u16(directory, at + 28), extra = u16(directory, at + 30), comment = u16(directory, at + 32);
        if (name > directory.len - at - DIRECTORY_SIZE)
            break;
        struct bytes text = bytes_slice(directory, at + DIRECTORY_SIZE, at + DIRECTORY_SIZE + name);
        if (!add(zip, text, u16(directory, at + 8), u32(directory, at + 24)))
            return false;
        at += DIRECTORY_SIZE + name + extra + comment;
        if (at > directory.len)
            at = directory.len;
    }
    zip->out->broken |= at != directory.len;
    return true;
}

/* Member by member; where a header does not say how long its member is, the next is looked for. */
static bool read_members(struct zip *zip, struct bytes head)
{
    size_t at = 0;
    while (head.len - at >= LOCAL_SIZE && bytes_starts_with(bytes_skip(head, at), local_mark)) {
        size_t flags = u16(head, at + 6), packed = u32(head, at + 18), name = u16(head, at + 26);
        size_t behind = at + LOCAL_SIZE + name + u16(head, at + 28);
        if (name > head.len - at - LOCAL_SIZE)
            break;
        struct bytes text = bytes_slice(head, at + LOCAL_SIZE, at + LOCAL_SIZE + name);
        if (!add(zip, text, (uint32_t)flags, u32(head, at + 22)))
            return false;
        at = behind + packed;
        if (((flags & FLAG_SIZES_BEHIND) && packed == 0) ||
            (at < head.len && !bytes_starts_with(bytes_skip(head, at), local_mark))) {
            size_t next = bytes_find(bytes_skip(head, behind), local_mark);
            at = next == BYTES_NOT_FOUND ? head.len : behind + next;
        }
        if (at > head.len)
            at = head.len;
    }
    return true;
}

enum result zip_names_read(struct arena *arena, struct bytes head, struct bytes tail, uint64_t before, size_t max,
                           struct zip_names *out)
{
    struct zip zip = {.arena = arena, .out = out, .max = max};
    *out = (struct zip_names){0};
    size_t end = find_end(tail), first = 0;
    if (end != BYTES_NOT_FOUND) {
        first = find_directory(tail, end, out);
        struct bytes other = other_directory(head, tail, before, end, first, out);
        out->ambiguous = other.len > 0;
        if (!read_directory(&zip, bytes_slice(tail, first, end)) || !read_directory(&zip, other))
            return TEMP;
        out->broken |= out->ambiguous;
    }
    if ((end == BYTES_NOT_FOUND || first == end) && bytes_starts_with(head, local_mark)) {
        out->broken = true;
        if (!read_members(&zip, head))
            return TEMP;
    }
    return OK;
}
