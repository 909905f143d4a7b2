/* SPDX-License-Identifier: BSD-2-Clause */
#include "smtp/command.h"

#include "base/ascii.h"
#include "base/cursor.h"
#include "base/domain.h"
#include "base/ip.h"
#include "base/utf8.h"

static const struct {
    const char *name;
    enum smtp_verb verb;
} verbs[] = {
    {"HELO", SMTP_HELO},         {"EHLO", SMTP_EHLO},       {"MAIL", SMTP_MAIL},
    {"RCPT", SMTP_RCPT},         {"DATA", SMTP_DATA},       {"BDAT", SMTP_BDAT},
    {"RSET", SMTP_RSET},         {"NOOP", SMTP_NOOP},       {"QUIT", SMTP_QUIT},
    {"HELP", SMTP_HELP},         {"VRFY", SMTP_VRFY},       {"EXPN", SMTP_EXPN},
    {"STARTTLS", SMTP_STARTTLS}, {"AUTH", SMTP_AUTH},       {"GET", SMTP_FOREIGN},
    {"POST", SMTP_FOREIGN},      {"PUT", SMTP_FOREIGN},     {"HEAD", SMTP_FOREIGN},
    {"CONNECT", SMTP_FOREIGN},   {"OPTIONS", SMTP_FOREIGN}, {"DELETE", SMTP_FOREIGN},
    {"Host:", SMTP_FOREIGN},
};

/* What is being read, so that the small functions below have few arguments. */
struct reading {
    struct arena *arena;
    bool lenient;
    struct smtp_command *command;
    struct error *error;
};

static enum smtp_syntax wrong(struct reading *r, enum smtp_syntax syntax, const char *what)
{
    error_set(r->error, syntax == SMTP_SYNTAX_MEMORY ? TEMP : PERM, "%s", what);
    return syntax;
}

/* Something that only the lenient switch accepts. */
static bool tolerate(struct reading *r)
{
    if (r->lenient)
        r->command->lenient_used = true;
    return r->lenient;
}

static enum smtp_verb find_verb(struct bytes word)
{
    for (size_t i = 0; i < countof(verbs); i++)
        if (bytes_is_nocase(word, verbs[i].name))
            return verbs[i].verb;
    return SMTP_UNKNOWN;
}

static enum smtp_syntax strip_line_end(struct reading *r, struct bytes *line)
{
    if (bytes_ends_with(*line, BYTES("\r\n"))) {
        line->len -= 2;
        return SMTP_SYNTAX_GOOD;
    }
    if (!bytes_ends_with(*line, BYTES("\n")) || !tolerate(r))
        return wrong(r, SMTP_SYNTAX_LINE, "the command line must end in CRLF");
    line->len -= 1;
    return SMTP_SYNTAX_GOOD;
}

/* Invalid octets in a command that is known are a fault of its argument (rfc5321:4.1.2). */
static enum smtp_syntax check_octets(struct reading *r, struct bytes line)
{
    enum smtp_syntax syntax =
        r->command->verb == SMTP_UNKNOWN ? SMTP_SYNTAX_LINE : SMTP_SYNTAX_ARGUMENT;
    for (size_t i = 0; i < line.len; i++)
        if (ascii_is_control(line.ptr[i]) && line.ptr[i] != '\t')
            return wrong(r, syntax, "control character in the command line");
    if (!utf8_is_valid(line))
        return wrong(r, syntax, "the command line is not UTF-8");
    return SMTP_SYNTAX_GOOD;
}

static bool is_host_octet(uint8_t c)
{
    return ascii_is_graph(c);
}

static bool is_literal(struct bytes text)
{
    struct ip ip;
    if (text.len < 2 || text.ptr[0] != '[' || text.ptr[text.len - 1] != ']')
        return false;
    struct bytes inside = bytes_slice(text, 1, text.len - 1);
    if (bytes_starts_with_nocase(inside, BYTES("IPv6:")))
        return ip_parse_v6(bytes_skip(inside, 5), &ip);
    return ip_parse_v4(inside, &ip);
}

/* Domain or address literal (rfc5321:4.1.1.1). An underscore is no syntax error here: there are
 * many, and the name is evidence, not a key. */
static enum smtp_syntax parse_hello(struct reading *r)
{
    struct bytes name = r->command->argument;
    struct cursor c = cursor_over(name);
    if (name.len == 0)
        return wrong(r, SMTP_SYNTAX_ARGUMENT, "your host name is missing");
    if (name.len > MAILBOX_DOMAIN_MAX)
        return wrong(r, SMTP_SYNTAX_ARGUMENT, "your host name is too long");
    cursor_take_while(&c, is_host_octet);
    if (!cursor_at_end(&c))
        return wrong(r, SMTP_SYNTAX_ARGUMENT, "this is not a host name");
    if (domain_is_valid(name) || is_literal(name) || tolerate(r))
        return SMTP_SYNTAX_GOOD;
    return wrong(r, SMTP_SYNTAX_ARGUMENT, "this is not a host name or address literal");
}

static bool is_keyword_octet(uint8_t c)
{
    return ascii_is_alnum(c) || c == '-';
}

/* esmtp-value: no "=", blank or control character; UTF-8 may occur (rfc6531:3.3). */
static bool is_value_octet(uint8_t c)
{
    return (ascii_is_graph(c) && c != '=') || c >= 0x80;
}

static enum smtp_syntax parse_parameter(struct reading *r, struct cursor *c)
{
    struct smtp_command *command = r->command;
    struct smtp_parameter parameter = {.keyword = cursor_take_while(c, is_keyword_octet)};
    if (parameter.keyword.len == 0 || parameter.keyword.ptr[0] == '-')
        return wrong(r, SMTP_SYNTAX_ARGUMENT, "malformed parameter");
    if (cursor_accept(c, '=')) {
        parameter.value = cursor_take_while(c, is_value_octet);
        if (parameter.value.len == 0)
            return wrong(r, SMTP_SYNTAX_ARGUMENT, "parameter without a value");
    }
    if (cursor_peek(c) >= 0 && !ascii_is_wsp((uint8_t)cursor_peek(c)))
        return wrong(r, SMTP_SYNTAX_ARGUMENT, "malformed parameter");
    for (size_t i = 0; i < command->parameter_count; i++)
        if (bytes_equal_nocase(command->parameters[i].keyword, parameter.keyword))
            return wrong(r, SMTP_SYNTAX_ARGUMENT, "parameter given twice");
    if (command->parameter_count == SMTP_PARAMETERS_MAX)
        return wrong(r, SMTP_SYNTAX_ARGUMENT, "too many parameters");
    command->parameters[command->parameter_count++] = parameter;
    return SMTP_SYNTAX_GOOD;
}

/* `rest` is what stands behind the path; its end has been trimmed (rfc5321:4.1.1: trailing white
 * space is tolerated). */
static enum smtp_syntax parse_parameters(struct reading *r, struct bytes rest)
{
    struct cursor c = cursor_over(rest);
    while (!cursor_at_end(&c)) {
        struct bytes blanks = cursor_take_while(&c, ascii_is_wsp);
        if ((blanks.len != 1 || blanks.ptr[0] != ' ') && !tolerate(r))
            return wrong(r, SMTP_SYNTAX_ARGUMENT, "one space must stand between parameters");
        enum smtp_syntax syntax = parse_parameter(r, &c);
        if (syntax != SMTP_SYNTAX_GOOD)
            return syntax;
    }
    return SMTP_SYNTAX_GOOD;
}

/* "FROM:" or "TO:", then a path. */
static enum smtp_syntax parse_path(struct reading *r, struct bytes word)
{
    struct smtp_command *command = r->command;
    struct cursor c = cursor_over(command->argument);
    if (!cursor_accept_nocase(&c, word))
        return wrong(r, SMTP_SYNTAX_ARGUMENT,
                     command->verb == SMTP_MAIL ? "MAIL needs FROM:<address>"
                                                : "RCPT needs TO:<address>");
    if (cursor_peek(&c) == ' ' && r->lenient)
        cursor_take_while(&c, ascii_is_wsp);
    if (!cursor_accept(&c, ':'))
        return wrong(r, SMTP_SYNTAX_ARGUMENT, "a colon must stand before the address");
    struct bytes text = cursor_rest(&c), rest;
    struct path *path = &command->path;
    /* Strictly first, so that it shows who needs the lenient forms. */
    enum result result = path_parse(r->arena, text, MAILBOX_UTF8, path, &rest, r->error);
    if (result == PERM && r->lenient) {
        result = path_parse(r->arena, text, MAILBOX_UTF8 | MAILBOX_LENIENT, path, &rest, r->error);
        command->lenient_used = true;
    }
    if (result != OK)
        return result == TEMP ? SMTP_SYNTAX_MEMORY : SMTP_SYNTAX_PATH;
    if (path->null && command->verb == SMTP_RCPT)
        return wrong(r, SMTP_SYNTAX_PATH, "an empty address cannot receive mail");
    if (!path->null && path->mailbox.domain.len == 0 && command->verb == SMTP_MAIL)
        return wrong(r, SMTP_SYNTAX_PATH, "no domain in the address");
    return parse_parameters(r, rest);
}

/* chunk-size [SP "LAST"] (rfc3030:2). */
static enum smtp_syntax parse_chunk(struct reading *r)
{
    struct smtp_command *command = r->command;
    struct cursor c = cursor_over(command->argument);
    struct bytes size = cursor_take_until(&c, ' ');
    struct bytes marker = bytes_trim(cursor_rest(&c));
    if (size.len == 0 || size.len > 18 || !bytes_to_uint(size, INT64_MAX, &command->chunk_size))
        return wrong(r, SMTP_SYNTAX_ARGUMENT, "BDAT needs the size of the chunk");
    command->last = bytes_is_nocase(marker, "LAST");
    if (marker.len && !command->last)
        return wrong(r, SMTP_SYNTAX_ARGUMENT, "only LAST may stand behind the size of the chunk");
    return SMTP_SYNTAX_GOOD;
}

static enum smtp_syntax parse_argument(struct reading *r)
{
    struct smtp_command *command = r->command;
    switch (command->verb) {
    case SMTP_HELO:
    case SMTP_EHLO:
        return parse_hello(r);
    case SMTP_MAIL:
        return parse_path(r, BYTES("FROM"));
    case SMTP_RCPT:
        return parse_path(r, BYTES("TO"));
    case SMTP_BDAT:
        return parse_chunk(r);
    case SMTP_DATA:
    case SMTP_RSET:
    case SMTP_QUIT:
    case SMTP_STARTTLS:
        if (command->argument.len)
            return wrong(r, SMTP_SYNTAX_ARGUMENT, "this command takes no argument");
        return SMTP_SYNTAX_GOOD;
    case SMTP_VRFY:
    case SMTP_EXPN:
        if (command->argument.len == 0)
            return wrong(r, SMTP_SYNTAX_ARGUMENT, "an argument is missing");
        return SMTP_SYNTAX_GOOD;
    case SMTP_NOOP:
    case SMTP_HELP:
    case SMTP_AUTH:
    case SMTP_FOREIGN:
        return SMTP_SYNTAX_GOOD;
    case SMTP_UNKNOWN:
        break;
    }
    return wrong(r, SMTP_SYNTAX_VERB, "unknown command");
}

enum smtp_syntax smtp_command_parse(struct arena *arena, struct bytes line, bool lenient,
                                    struct smtp_command *out, struct error *error)
{
    struct reading r = {.arena = arena, .lenient = lenient, .command = out, .error = error};
    *out = (struct smtp_command){.verb = SMTP_UNKNOWN};
    enum smtp_syntax syntax = strip_line_end(&r, &line);
    if (syntax != SMTP_SYNTAX_GOOD)
        return syntax;
    struct bytes trimmed = bytes_trim_end(line);
    if (trimmed.len && ascii_is_wsp(trimmed.ptr[0]) && tolerate(&r))
        trimmed = bytes_trim_start(trimmed);
    struct cursor c = cursor_over(trimmed);
    out->verb = find_verb(cursor_take_until(&c, ' '));
    syntax = check_octets(&r, line);
    if (syntax != SMTP_SYNTAX_GOOD)
        return syntax;
    struct bytes blanks = cursor_take_while(&c, ascii_is_wsp);
    out->argument = cursor_rest(&c);
    if (blanks.len > 1 && out->verb != SMTP_UNKNOWN && !tolerate(&r))
        return wrong(&r, SMTP_SYNTAX_ARGUMENT, "one space must stand behind the command");
    return parse_argument(&r);
}
