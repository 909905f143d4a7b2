/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/lexer.h"

#include "base/ascii.h"
#include "base/utf8.h"

static int peek_at(const struct config_lexer *lexer, size_t ahead)
{
    size_t at = lexer->position + ahead;
    return at < lexer->text.len ? lexer->text.ptr[at] : -1;
}

static int peek(const struct config_lexer *lexer)
{
    return peek_at(lexer, 0);
}

/* Takes one octet. Continuation octets of UTF-8 do not count as columns. */
static void advance(struct config_lexer *lexer)
{
    uint8_t c = lexer->text.ptr[lexer->position++];
    if (c == '\n') {
        lexer->place.line++;
        lexer->place.column = 1;
    } else if (lexer->position == lexer->text.len ||
               (lexer->text.ptr[lexer->position] & 0xc0) != 0x80) {
        lexer->place.column++;
    }
}

/* Cuts the text at the first octet that is not UTF-8, and says where that is. */
static void check_encoding(struct config_lexer *lexer)
{
    struct config_lexer walker = *lexer;
    while (walker.position < walker.text.len) {
        size_t length = utf8_sequence(bytes_skip(walker.text, walker.position));
        if (length == 0) {
            config_fault_add(lexer->faults, walker.place,
                             "this is not UTF-8; nothing behind it was read");
            lexer->text.len = walker.position;
            return;
        }
        for (size_t i = 0; i < length; i++)
            advance(&walker);
    }
}

struct config_lexer config_lexer_over(struct arena *arena, struct config_faults *faults,
                                      const struct config_source *source)
{
    struct config_lexer lexer = {
        .arena = arena,
        .faults = faults,
        .text = source->text,
        .place = {.source = source, .line = 1, .column = 1},
    };
    if (bytes_starts_with(lexer.text, BYTES("\xef\xbb\xbf")))
        lexer.text = bytes_skip(lexer.text, 3);
    if (!utf8_is_valid(lexer.text))
        check_encoding(&lexer);
    return lexer;
}

static bool at_line_end(const struct config_lexer *lexer)
{
    int c = peek(lexer);
    return c == '\n' || c < 0 || (c == '\r' && peek_at(lexer, 1) == '\n');
}

/* Blanks, comments, and control characters, which are faults. */
static void skip_blanks(struct config_lexer *lexer)
{
    for (;;) {
        int c = peek(lexer);
        if (c == '#') {
            while (!at_line_end(lexer))
                advance(lexer);
        } else if (c == ' ' || c == '\t' || (c == '\r' && at_line_end(lexer))) {
            advance(lexer);
        } else if (c >= 0 && c != '\n' && ascii_is_control((uint8_t)c)) {
            config_fault_add(lexer->faults, lexer->place, "control character 0x%02x", (unsigned)c);
            advance(lexer);
        } else {
            return;
        }
    }
}

/* What ends a word in every mode. */
static bool ends_word(int c)
{
    return c <= ' ' || c == 0x7f || c == ',' || c == '"' || c == '#';
}

static struct config_token broken(struct config_lexer *lexer, struct config_place at,
                                  const char *message)
{
    config_fault_add(lexer->faults, at, "%s", message);
    return (struct config_token){.kind = CONFIG_BROKEN, .word.at = at};
}

/* After a word: only something that may follow one, else `a"b"` would be two words unseen. */
static struct config_token finished(struct config_lexer *lexer, struct config_token token)
{
    int c = peek(lexer);
    if (c == '#')
        return broken(
            lexer, lexer->place,
            "put a blank before a comment, or quotes around a value that has a '#' in it");
    if (c == '"' || (token.quoted && !ends_word(c) && c != '}' && c != ']' && c != '=' && c != '{'))
        return broken(lexer, lexer->place, "a blank or comma is missing here");
    return token;
}

static struct config_token take_bare(struct config_lexer *lexer, enum config_lexer_mode mode)
{
    struct config_token token = {.kind = CONFIG_WORD, .word.at = lexer->place};
    size_t start = lexer->position;
    unsigned open = 0;
    for (; !ends_word(peek(lexer)); advance(lexer)) {
        int c = peek(lexer);
        bool opens = c == '{' || c == '[', closes = c == '}' || c == ']';
        if (mode == CONFIG_NAMES && (opens || closes || c == '='))
            break;
        if (closes && open == 0)
            break;
        open += opens;
        open -= closes;
    }
    if (open)
        return broken(lexer, token.word.at,
                      "a bracket opened in this word is not closed in it; put quotes around it");
    token.word.text = bytes_slice(lexer->text, start, lexer->position);
    return finished(lexer, token);
}

static struct config_token take_quoted(struct config_lexer *lexer)
{
    struct config_token token = {.kind = CONFIG_WORD, .quoted = true, .word.at = lexer->place};
    advance(lexer);
    size_t start = lexer->position, escapes = 0;
    const struct config_lexer inside = *lexer;
    while (peek(lexer) != '"') {
        if (at_line_end(lexer)) {
            *lexer = inside; /* whoever recovers looks for braces on this line */
            return broken(lexer, token.word.at, "this string is not closed on its line");
        }
        int c = peek(lexer), next = peek_at(lexer, 1);
        if (ascii_is_control((uint8_t)c))
            return broken(lexer, lexer->place, "a string may not hold control characters");
        if (c == '\\') {
            if (next != '"' && next != '\\')
                return broken(lexer, lexer->place,
                              "unknown escape: a string knows \\\" and \\\\ only");
            escapes++;
            advance(lexer);
        }
        advance(lexer);
    }
    token.word.text = bytes_slice(lexer->text, start, lexer->position);
    advance(lexer);
    if (escapes) {
        uint8_t *plain = arena_alloc(lexer->arena, token.word.text.len - escapes);
        size_t length = 0;
        for (size_t i = 0; plain && i < token.word.text.len; i++) {
            if (token.word.text.ptr[i] == '\\')
                i++;
            plain[length++] = token.word.text.ptr[i];
        }
        token.word.text = bytes_from(plain, length);
    }
    return finished(lexer, token);
}

struct config_token config_lexer_next(struct config_lexer *lexer, enum config_lexer_mode mode)
{
    skip_blanks(lexer);
    struct config_token token = {.kind = CONFIG_END, .word.at = lexer->place};
    switch (peek(lexer)) {
    case -1:
        return token;
    case '"':
        return take_quoted(lexer);
    case '\n':
        token.kind = CONFIG_NEWLINE;
        break;
    case '=':
        token.kind = CONFIG_EQUALS;
        break;
    case '{':
        token.kind = CONFIG_OPEN;
        break;
    case '}':
        token.kind = CONFIG_CLOSE;
        break;
    case '[':
        token.kind = CONFIG_LIST;
        break;
    case ']':
        token.kind = CONFIG_UNLIST;
        break;
    case ',':
        token.kind = CONFIG_COMMA;
        break;
    default:
        return take_bare(lexer, mode);
    }
    token.word.text = bytes_slice(lexer->text, lexer->position, lexer->position + 1);
    advance(lexer);
    return token;
}

int config_lexer_skip_line(struct config_lexer *lexer)
{
    int balance = 0;
    bool comment = false, blank = false;
    for (; !at_line_end(lexer); advance(lexer)) {
        int c = peek(lexer);
        comment = comment || (c == '#' && blank);
        blank = c == ' ' || c == '\t';
        if (!comment)
            balance += (c == '{') - (c == '}');
    }
    return balance;
}
