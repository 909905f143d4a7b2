/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/xml.h"

#include "base/ascii.h"
#include "base/buf.h"
#include "base/utf8.h"

#include <expat.h>
#include <string.h>

/* Stands between namespace and name; no URI can hold it. */
static const XML_Char separator = '\n';

struct reader {
    XML_Parser parser;
    const struct xml_handler *handler;
    void *context;
    struct bytes document;
    unsigned depth;
    struct buf text;   /* since the last tag */
    bool cut;
    bool leaf;         /* the last tag was a start */
    enum result result;
    struct error error;
};

static void stop(struct reader *reader, enum result result)
{
    if (reader->result != OK)
        return;
    reader->result = result;
    XML_StopParser(reader->parser, XML_FALSE);
}

static void refuse(struct reader *reader, const char *why)
{
    if (reader->result == OK)
        stop(reader, error_set(&reader->error, PERM, "%s", why));
}

static void begin_text(struct reader *reader, bool leaf)
{
    buf_clear(&reader->text);
    reader->cut = false;
    reader->leaf = leaf;
}

static void XMLCALL on_start(void *context, const XML_Char *name, const XML_Char **attributes)
{
    struct reader *reader = context;
    struct bytes whole = bytes_of(name), space = {(const uint8_t *)"", 0};
    size_t at = bytes_rfind_byte(whole, (uint8_t)separator);
    if (reader->result != OK)
        return;
    if (++reader->depth > XML_DEPTH_MAX) {
        refuse(reader, "elements are nested too deeply");
        return;
    }
    if (at != BYTES_NOT_FOUND) {
        space = bytes_first(whole, at);
        whole = bytes_skip(whole, at + 1);
    }
    begin_text(reader, true);
    enum result result = reader->handler->start(reader->context, space, whole, &reader->error);
    if (result != OK)
        stop(reader, result);
}

static void XMLCALL on_end(void *context, const XML_Char *name)
{
    struct reader *reader = context;
    if (reader->result != OK)
        return;
    struct bytes text = {(const uint8_t *)"", 0};
    if (reader->leaf && reader->text.len)
        text = bytes_trim(buf_bytes(&reader->text));
    enum result result =
        reader->handler->end(reader->context, text, reader->leaf && reader->cut, &reader->error);
    reader->depth--;
    begin_text(reader, false);
    if (result != OK)
        stop(reader, result);
}

/* Expat gives whole characters, so cutting between its pieces would do, but they can be long. */
static struct bytes whole_characters(struct bytes text, size_t most)
{
    while (most > 0 && most < text.len && (text.ptr[most] & 0xc0) == 0x80)
        most--;
    return bytes_first(text, most);
}

static void XMLCALL on_text(void *context, const XML_Char *characters, int length)
{
    struct reader *reader = context;
    struct bytes text = bytes_from(characters, (size_t)length);
    if (reader->result != OK || !reader->leaf || reader->cut)
        return;
    if (reader->text.len == 0)
        text = bytes_trim_start(text);
    size_t room = XML_TEXT_MAX - reader->text.len;
    if (text.len > room) {
        /* White space at the end does not count. */
        reader->cut = bytes_trim(bytes_skip(text, room)).len != 0;
        text = whole_characters(text, room);
    }
    buf_add(&reader->text, text);
    if (reader->text.failed)
        stop(reader, error_set(&reader->error, TEMP, "no memory"));
}

static void XMLCALL on_doctype(void *context, const XML_Char *name, const XML_Char *system,
                               const XML_Char *public, int internal)
{
    refuse(context, "document type declarations are not allowed in reports");
}

static bool agrees_with_ascii(struct bytes encoding)
{
    return bytes_starts_with_nocase(encoding, BYTES("windows-125")) ||
           bytes_starts_with_nocase(encoding, BYTES("iso-8859-")) ||
           bytes_is_nocase(encoding, "us-ascii") || bytes_is_nocase(encoding, "ascii");
}

static void XMLCALL on_declaration(void *context, const XML_Char *version, const XML_Char *encoding,
                                   int standalone)
{
    struct reader *reader = context;
    struct bytes name = bytes_of(encoding);
    if (!encoding || bytes_is_nocase(name, "utf-8") || bytes_is_nocase(name, "utf8") ||
        (agrees_with_ascii(name) && utf8_is_ascii(reader->document)))
        return;
    if (reader->result == OK)
        stop(reader, error_set(&reader->error, PERM, "the encoding is " BYTES_FMT ", not UTF-8",
                               BYTES_ARG(bytes_first(name, 40))));
}

static enum result parse(struct reader *reader, struct error *error)
{
    XML_SetUserData(reader->parser, reader);
    XML_SetElementHandler(reader->parser, on_start, on_end);
    XML_SetCharacterDataHandler(reader->parser, on_text);
    XML_SetStartDoctypeDeclHandler(reader->parser, on_doctype);
    XML_SetXmlDeclHandler(reader->parser, on_declaration);
    enum XML_Status status = XML_Parse(reader->parser, (const char *)reader->document.ptr,
                                       (int)reader->document.len, 1);
    unsigned long line = XML_GetCurrentLineNumber(reader->parser);
    if (reader->result != OK)
        return error_set(error, reader->result, "line %lu: %s", line, reader->error.text);
    if (status == XML_STATUS_OK)
        return OK;
    enum XML_Error code = XML_GetErrorCode(reader->parser);
    return error_set(error, code == XML_ERROR_NO_MEMORY ? TEMP : PERM, "line %lu: not well-formed XML: %s",
                     line, XML_ErrorString(code));
}

enum result xml_read(struct bytes document, const struct xml_handler *handler, void *context,
                     struct error *error)
{
    struct reader reader = {.handler = handler, .context = context, .document = document};
    if (document.len > XML_SIZE_MAX)
        return error_set(error, PERM, "more than %d octets of XML", XML_SIZE_MAX);
    /* The name given here outranks what the document says, so that expat tries no other. */
    reader.parser = XML_ParserCreateNS("UTF-8", separator);
    if (!reader.parser)
        return error_set(error, TEMP, "no memory");
    buf_init(&reader.text, XML_TEXT_MAX);
    enum result result = parse(&reader, error);
    buf_free(&reader.text);
    XML_ParserFree(reader.parser);
    return result;
}
