/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/attachment.h"

#include "base/ascii.h"
#include "message/readable_private.h"
#include "message/zip_names.h"

#include <string.h>

enum {
    HEAD_WANTED = 4096,          /* octets that are decoded of each */
    ZIP_HEAD_WANTED = 64 * 1024, /* of an archive without directory */
    PIECE = 48 * 1024,           /* of the encoded text, decoded at a time */
    OVERLAP = 64,                /* a name can be cut by the end of a piece */
    TYPE_MAX = 128,              /* octets of a type that are kept */
    OTHER_NAMES_MAX = 4,
    MEMBERS_LEAST = 16           /* that are listed whatever other archives hold */
};

bool attachment_is_program(struct bytes head)
{
    static const struct bytes marks[] = {BYTES_INIT("MZ"),
                                         BYTES_INIT("\177ELF"),
                                         BYTES_INIT("#!"),
                                         BYTES_INIT("\xca\xfe\xba\xbe"),
                                         BYTES_INIT("\xfe\xed\xfa\xce"),
                                         BYTES_INIT("\xfe\xed\xfa\xcf"),
                                         BYTES_INIT("\xcf\xfa\xed\xfe"),
                                         BYTES_INIT("\xce\xfa\xed\xfe"),
                                         BYTES_INIT("dex\n"),
                                         BYTES_INIT("ITSF"),
                                         BYTES_INIT("L\0\0\0\001\024\002\0")}; /* the last: a link of Windows */
    for (size_t i = 0; i < countof(marks); i++)
        if (bytes_starts_with(head, marks[i]))
            return true;
    return false;
}

static bool is_ole(struct bytes head)
{
    return bytes_starts_with(head, BYTES("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"));
}

/* --- Decoding as little as will do --------------------------------------------------------------- */

/* Appends the first octets of a leaf, about `wanted` of them. */
static void decode_head(const struct mime_part *part, size_t wanted, struct buf *out, bool *malformed)
{
    struct mime_decoder decoder = mime_decoder_for(part->encoding);
    struct bytes body = bytes_first(part->body, wanted / 2 * 3);
    mime_decode(&decoder, body, out);
    if (body.len == part->body.len)
        mime_decode_end(&decoder, out);
    *malformed |= decoder.malformed && part->encoding == MIME_BASE64;
}

/* Octets of base64, from the length of the first line, as all but the last have it. */
static uint64_t base64_size(struct bytes body)
{
    body = bytes_trim_end(body);
    size_t lf = bytes_find_byte(body, '\n');
    size_t line = lf == BYTES_NOT_FOUND ? body.len : lf + 1, lines = line ? (body.len + line - 1) / line : 0;
    uint64_t digits = body.len - (lines ? lines - 1 : 0) * (uint64_t)(lf == BYTES_NOT_FOUND ? 0 : 2);
    while (body.len && body.ptr[body.len - 1] == '=') {
        body.len--;
        digits--;
    }
    return digits * 3 / 4;
}

static uint64_t quoted_printable_size(struct bytes body)
{
    uint64_t size = body.len;
    for (const uint8_t *at = body.ptr, *end = at + body.len; at < end; at++) {
        at = memchr(at, '=', (size_t)(end - at));
        if (!at)
            break;
        size -= end - at > 2 && at[1] == '\r' ? 3 : 2;
    }
    return size;
}

static uint64_t size_of(const struct mime_part *part)
{
    if (part->encoding == MIME_BASE64)
        return base64_size(part->body);
    return part->encoding == MIME_QUOTED_PRINTABLE ? quoted_printable_size(part->body) : part->body.len;
}

/* The last octets: decoded from the beginning of a line, which encoders fill with whole groups; *before becomes how
 * many there are before them. False where that cannot be. */
static bool decode_tail(const struct mime_part *part, struct buf *out, uint64_t *before)
{
    size_t wanted = (ZIP_TAIL_WANTED + 1024) / 3 * 4 / 76 * 78, start = 0;
    if (part->body.len > wanted) {
        size_t lf = bytes_find_byte(bytes_slice(part->body, part->body.len - wanted, part->body.len), '\n');
        if (lf == BYTES_NOT_FOUND)
            return false;
        start = part->body.len - wanted + lf + 1;
    }
    struct mime_decoder decoder = mime_decoder_for(part->encoding);
    mime_decode(&decoder, bytes_skip(part->body, start), out);
    mime_decode_end(&decoder, out);
    uint64_t size = size_of(part);
    *before = start && size > out->len ? size - out->len : 0;
    return true;
}

/* All of it piece by piece; `look` sees each with the end of the one before. False if the budget does not allow it. */
static bool decode_all(struct attachments *list, const struct mime_part *part,
                       void (*look)(void *context, struct buf *octets), void *context)
{
    struct mime_decoder decoder = mime_decoder_for(part->encoding);
    struct buf octets;
    if (part->body.len > list->budget) {
        list->cut = list->unseen = true;
        return false;
    }
    list->budget -= part->body.len;
    buf_init(&octets, ZIP_TAIL_WANTED + 2 * PIECE);
    for (size_t at = 0; at < part->body.len; at += PIECE) {
        mime_decode(&decoder, bytes_slice(part->body, at, at + PIECE), &octets);
        if (at + PIECE >= part->body.len)
            mime_decode_end(&decoder, &octets);
        look(context, &octets);
    }
    bool failed = octets.failed;
    buf_free(&octets);
    return !failed;
}

/* --- Old Office files ---------------------------------------------------------------------------- */

struct ole {
    bool macros, encrypted;
};

/* Names of streams are UTF-16 (MS-CFB 2.6.1). */
static void look_for_streams(void *context, struct buf *octets)
{
    static const struct bytes project = BYTES_INIT("_\0V\0B\0A\0_\0P\0R\0O\0J\0E\0C\0T\0");
    static const struct bytes package = BYTES_INIT("E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e\0");
    struct ole *ole = context;
    struct bytes text = buf_bytes(octets);
    ole->macros |= bytes_find(text, project) != BYTES_NOT_FOUND;
    ole->encrypted |= bytes_find(text, package) != BYTES_NOT_FOUND;
    if (octets->len > OVERLAP)
        buf_consume(octets, octets->len - OVERLAP);
}

static void look_at_ole(struct attachments *list, const struct mime_part *part, struct readable_attachment *item)
{
    struct ole ole = {0};
    decode_all(list, part, look_for_streams, &ole);
    item->macros |= ole.macros;
    list->encrypted |= ole.encrypted;
}

/* --- Archives ------------------------------------------------------------------------------------ */

struct tail {
    struct buf *octets;
    uint64_t consumed, before; /* octets of the file */
};

static void keep_tail(void *context, struct buf *octets)
{
    struct tail *tail = context;
    if (octets->len > ZIP_TAIL_WANTED + PIECE) {
        tail->consumed += octets->len - ZIP_TAIL_WANTED;
        buf_consume(octets, octets->len - ZIP_TAIL_WANTED);
    }
    size_t from = octets->len > ZIP_TAIL_WANTED ? octets->len - ZIP_TAIL_WANTED : 0;
    tail->before = tail->consumed + from;
    buf_clear(tail->octets);
    buf_add(tail->octets, bytes_slice(buf_bytes(octets), from, octets->len));
}

int attachment_rank(const struct readable_attachment *attachment)
{
    if (attachment->executable || attachment->disguised || attachment->macros)
        return 2;
    bool picture = !attachment->name.len && bytes_starts_with(attachment->type, BYTES("image/"));
    bool harmless = attachment_is_harmless_name(attachment->name) && !zip_names_is_archive(attachment->name);
    return picture || harmless ? 0 : 1;
}

/* Where all places are taken: the last one of those that matter least takes that of none that matters more. */
static void displace(struct attachments *list, const struct readable_attachment *item)
{
    int rank = attachment_rank(item), least = rank;
    size_t place = list->count;
    for (size_t i = list->count; i-- && least > 0;)
        if (attachment_rank(&list->items[i]) < least) {
            least = attachment_rank(&list->items[i]);
            place = i;
        }
    list->cut = true;
    list->unseen |= least > 0;
    if (place < list->count)
        list->items[place] = *item;
}

static enum result add_item(struct attachments *list, struct readable_attachment item)
{
    if (list->count == READABLE_ATTACHMENTS_MAX) {
        displace(list, &item);
        return OK;
    }
    if (list->count == list->room) {
        size_t room = list->room ? 4 * list->room : 4;
        if (room > READABLE_ATTACHMENTS_MAX)
            room = READABLE_ATTACHMENTS_MAX;
        struct readable_attachment *items = arena_alloc_array(list->arena, room, sizeof(*items));
        if (!items)
            return TEMP;
        if (list->count)
            memcpy(items, list->items, list->count * sizeof(*items));
        list->items = items;
        list->room = room;
    }
    list->items[list->count++] = item;
    return OK;
}

static enum result add_members(struct attachments *list, const struct zip_names *zip)
{
    for (size_t i = 0; i < zip->count; i++) {
        const struct zip_member *member = &zip->members[i];
        /* The parts of a document are nobody's attachments, unless there should be none such in it. */
        if (zip->office && !member->program && !member->archive)
            continue;
        struct readable_attachment item = {.name = member->name,
                                           .size = member->size,
                                           .member = true,
                                           .executable = attachment_is_executable(member->name),
                                           .disguised = attachment_is_disguised(member->name)};
        if (add_item(list, item) != OK)
            return TEMP;
    }
    return OK;
}

/* Reads the directory; the archive is read as a whole only where its end alone does not hold it. */
static enum result read_zip(struct attachments *list, const struct mime_part *part, struct zip_names *zip)
{
    struct buf head, tail;
    struct tail exact = {.octets = &tail};
    bool malformed = false;
    uint64_t before = 0;
    size_t most = list->members_left > MEMBERS_LEAST ? list->members_left : MEMBERS_LEAST;
    buf_init(&head, 2 * ZIP_HEAD_WANTED);
    buf_init(&tail, 4 * ZIP_TAIL_WANTED);
    decode_head(part, ZIP_HEAD_WANTED, &head, &malformed);
    bool whole = !decode_tail(part, &tail, &before);
    enum result result = zip_names_read(list->arena, buf_bytes(&head), buf_bytes(&tail), before, most, zip);
    if (result == OK && (whole || (before > 0 && (zip->broken || zip->astray)))) {
        buf_clear(&tail);
        if (decode_all(list, part, keep_tail, &exact))
            result = zip_names_read(list->arena, buf_bytes(&head), buf_bytes(&tail), exact.before, most, zip);
    }
    buf_free(&head);
    buf_free(&tail);
    return result;
}

static enum result look_at_zip(struct attachments *list, const struct mime_part *part, struct zip_names *zip)
{
    if (read_zip(list, part, zip) != OK)
        return TEMP;
    list->members_left -= zip->count < list->members_left ? zip->count : list->members_left;
    list->encrypted |= zip->encrypted;
    list->cut |= zip->cut;
    list->unseen |= zip->unseen;
    list->broken |= zip->ambiguous;
    return OK;
}

/* Programs find an archive by its end, whatever stands before it. */
static bool may_be_zip(const struct mime_part *part, struct bytes name, struct bytes head)
{
    return zip_names_is_zip(head) || mime_is(part, "application", "octet-stream") ||
           bytes_find(part->subtype, BYTES("zip")) != BYTES_NOT_FOUND || mime_is(part, "application", "java-archive") ||
           bytes_is_nocase(attachment_extension(name), "zip") || bytes_is_nocase(attachment_extension(name), "jar");
}

/* --- One part ------------------------------------------------------------------------------------ */

/* A type that opens harmlessly, whatever is in it. */
static bool is_harmless_type(const struct mime_part *part)
{
    return bytes_is(part->type, "image") || bytes_is(part->type, "audio") || bytes_is(part->type, "video") ||
           mime_is(part, "application", "pdf") || mime_is(part, "text", "plain") || mime_is(part, "text", "html");
}

/* Programs come with text/plain, and scripts that are text rightly so. */
static bool contradicts(const struct mime_part *part, const struct readable_attachment *item, struct bytes head)
{
    bool script = bytes_starts_with(head, BYTES("#!")), text = bytes_is(part->type, "text");
    bool program = attachment_is_program(head) && !(script && text);
    if (program && (is_harmless_type(part) || attachment_is_harmless_name(item->name)))
        return true;
    if (item->executable && !text && is_harmless_type(part))
        return true;
    bool picture = bytes_is(part->type, "image") || mime_is(part, "application", "pdf");
    return picture && (zip_names_is_zip(head) || is_ole(head));
}

static struct bytes type_of(struct arena *arena, const struct mime_part *part)
{
    struct bytes pieces[] = {bytes_first(part->type, TYPE_MAX), BYTES("/"), bytes_first(part->subtype, TYPE_MAX)};
    return arena_concat(arena, pieces, countof(pieces));
}

void attachments_init(struct attachments *list, struct arena *arena)
{
    *list =
        (struct attachments){.arena = arena, .budget = ATTACHMENT_BUDGET, .members_left = ATTACHMENT_MEMBERS_MAX};
}

/* The same file under the names that other programs take it by. */
static enum result add_other_names(struct attachments *list, struct readable_attachment item)
{
    struct bytes extension = attachment_extension(item.name), name;
    size_t position = 0;
    for (size_t i = 0; i < OTHER_NAMES_MAX && attachment_other_name(list->arena, item.part, &position, &name); i++) {
        if (!name.ptr)
            return TEMP;
        if (bytes_equal_nocase(attachment_extension(name), extension))
            continue;
        item.name = name;
        item.executable |= attachment_is_executable(name);
        item.disguised |= attachment_is_disguised(name);
        if (add_item(list, item) != OK)
            return TEMP;
    }
    return OK;
}

enum result attachments_add(struct attachments *list, const struct mime_part *part)
{
    struct readable_attachment item = {.name = attachment_name(list->arena, part),
                                       .type = type_of(list->arena, part),
                                       .size = size_of(part),
                                       .part = part,
                                       .shown = readable_kind_of(part) != READABLE_NO_TEXT};
    struct zip_names zip = {0};
    struct buf space;
    if (!item.name.ptr || !item.type.ptr)
        return TEMP;
    buf_init(&space, 2 * HEAD_WANTED);
    decode_head(part, HEAD_WANTED, &space, &list->broken);
    struct bytes head = buf_bytes(&space);
    item.executable = attachment_is_executable(item.name);
    item.disguised = attachment_is_disguised(item.name) || contradicts(part, &item, head);
    item.executable |= attachment_is_program(head);
    bool may_be = may_be_zip(part, item.name, head), ole = is_ole(head);
    buf_free(&space);
    if (ole)
        look_at_ole(list, part, &item);
    else if (may_be && look_at_zip(list, part, &zip) != OK)
        return TEMP;
    item.macros |= zip.macros && zip.office;
    if (add_item(list, item) != OK || add_other_names(list, item) != OK)
        return TEMP;
    return add_members(list, &zip);
}

enum result attachments_add_named(struct attachments *list, const struct mime_part *part, struct bytes name)
{
    struct readable_attachment item = {.name = arena_copy(list->arena, name),
                                       .type = BYTES("application/octet-stream"),
                                       .part = part,
                                       .shown = true,
                                       .executable = attachment_is_executable(name),
                                       .disguised = attachment_is_disguised(name)};
    return item.name.ptr ? add_item(list, item) : TEMP;
}
