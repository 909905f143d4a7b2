/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The grammar, which is small enough to stand here:
 *
 *   file      = *statement
 *   statement = key "=" value  /  name *argument "{" *statement "}"  /  "include" string
 *   value     = word  /  "[" [ word *( "," word ) [ "," ] ] "]"
 *
 * A value begins on the line of its "=", a "{" stands on the line of its name; inside brackets
 * lines may end anywhere. Blocks are kept on a list of parents rather than on the C stack; only
 * includes recurse, and their depth is bounded.
 */
#include "config/lexer.h"

struct parser {
    struct arena *arena;
    struct config_faults *faults;
    struct config_lexer lexer;
    struct config_block *base, *block; /* where this file began, and where it is */
    struct config_token kept;
    bool has_kept;
    struct config_source *source;
    unsigned *sources; /* opened so far, over all files */
};

static struct config_token take(struct parser *p, enum config_lexer_mode mode)
{
    if (p->has_kept) {
        p->has_kept = false;
        return p->kept;
    }
    return config_lexer_next(&p->lexer, mode);
}

static void give_back(struct parser *p, struct config_token token)
{
    p->kept = token;
    p->has_kept = true;
}

static bool ends_statement(struct config_token token)
{
    return token.kind == CONFIG_NEWLINE || token.kind == CONFIG_END || token.kind == CONFIG_CLOSE;
}

static struct config_block *open_block(struct parser *p, struct config_word name)
{
    struct config_block *block = arena_new(p->arena, struct config_block);
    if (!block)
        return NULL;
    block->name = name;
    block->entries_end = &block->entries;
    block->blocks_end = &block->blocks;
    if (p->block) {
        block->parent = p->block;
        block->depth = p->block->depth + 1;
        *p->block->blocks_end = block;
        p->block->blocks_end = &block->next;
    }
    p->block = block;
    return block;
}

/* After a fault: drops the rest of the line, and follows the braces on it. */
static void recover(struct parser *p, struct config_token at)
{
    if (ends_statement(at)) {
        give_back(p, at);
        return;
    }
    int balance = config_lexer_skip_line(&p->lexer) + (at.kind == CONFIG_OPEN);
    for (; balance < 0 && p->block != p->base; balance++)
        p->block = p->block->parent;
    for (; balance > 0 && p->block->depth < CONFIG_BLOCK_DEPTH; balance--)
        if (!open_block(p, (struct config_word){.at = at.word.at}))
            return;
}

static bool append_word(struct parser *p, struct config_word **end, struct config_word word)
{
    struct config_word *copy = arena_new(p->arena, struct config_word);
    if (!copy)
        return false;
    *copy = word;
    *end = copy;
    return true;
}

static bool read_list(struct parser *p, struct config_value *value)
{
    struct config_word **end = &value->words;
    struct config_token suspect = {.kind = CONFIG_END};
    bool word_may_follow = true, complained = false;
    value->list = true;
    for (;;) {
        struct config_token token = take(p, CONFIG_VALUES);
        /* Before '=' or '{' a word without a comma is the next statement: the list is not closed.
         */
        if (suspect.kind == CONFIG_WORD && !complained && token.kind != CONFIG_EQUALS &&
            token.kind != CONFIG_OPEN) {
            config_fault_add(p->faults, suspect.word.at, "expected ',' or ']' before %s",
                             config_quote(p->arena, suspect.word.text));
            complained = true;
        }
        switch (token.kind) {
        case CONFIG_NEWLINE:
            continue;
        case CONFIG_UNLIST:
            return true;
        case CONFIG_COMMA:
            if (word_may_follow)
                config_fault_add(p->faults, token.word.at, "a value is missing before ','");
            word_may_follow = true;
            continue;
        case CONFIG_WORD:
            if (!word_may_follow)
                suspect = token;
            word_may_follow = false;
            if (!append_word(p, end, token.word))
                return false;
            end = &(*end)->next;
            value->count++;
            continue;
        case CONFIG_LIST:
            config_fault_add(p->faults, token.word.at,
                             "a list inside a list; an IPv6 address with a port needs quotes: "
                             "\"[::1]:25\"");
            recover(p, token);
            return false;
        case CONFIG_BROKEN:
            recover(p, token);
            return false;
        default:
            config_fault_add(p->faults, value->at, "this list is not closed with ']'");
            recover(p, token);
            return false;
        }
    }
}

static void read_entry(struct parser *p, struct config_word key)
{
    struct config_token token = take(p, CONFIG_VALUES);
    struct config_value value = {.at = token.word.at};
    if (token.kind == CONFIG_LIST) {
        if (!read_list(p, &value))
            return;
    } else if (token.kind == CONFIG_WORD) {
        if (!append_word(p, &value.words, token.word))
            return;
        value.count = 1;
    } else {
        if (token.kind == CONFIG_OPEN && p->block->depth < CONFIG_BLOCK_DEPTH) {
            config_fault_add(p->faults, token.word.at, "section %s is written without '='",
                             config_quote(p->arena, key.text));
            open_block(p, key);
            return;
        }
        if (token.kind != CONFIG_BROKEN)
            config_fault_add(p->faults, token.word.at, "expected a value for %s%s",
                             config_quote(p->arena, key.text),
                             ends_statement(token) ? "" : "; put quotes around it");
        recover(p, token);
        return;
    }
    struct config_entry *entry = arena_new(p->arena, struct config_entry);
    if (!entry)
        return;
    entry->key = key;
    entry->value = value;
    *p->block->entries_end = entry;
    p->block->entries_end = &entry->next;
}

/* `token` is what follows the name: an argument or '{'. */
static void read_section(struct parser *p, struct config_word name, struct config_token token)
{
    struct config_word *arguments = NULL, **end = &arguments;
    size_t count = 0;
    for (; token.kind == CONFIG_WORD; token = take(p, CONFIG_NAMES)) {
        if (!append_word(p, end, token.word))
            return;
        end = &(*end)->next;
        count++;
    }
    if (token.kind != CONFIG_OPEN) {
        if (token.kind != CONFIG_BROKEN)
            config_fault_add(p->faults, ends_statement(token) && !count ? name.at : token.word.at,
                             "expected '=' or '{' after %s", config_quote(p->arena, name.text));
        recover(p, token);
        return;
    }
    if (p->block->depth == CONFIG_BLOCK_DEPTH) {
        config_fault_add(p->faults, name.at, "sections are nested too deeply");
        return;
    }
    struct config_block *block = open_block(p, name);
    if (block) {
        block->arguments = arguments;
        block->argument_count = count;
    }
}

static void read_source(struct arena *arena, struct config_source *source,
                        struct config_faults *faults, struct config_block *block,
                        unsigned *sources);

static void open_include(struct parser *p, struct config_word word)
{
    unsigned depth = 1;
    for (const struct config_source *s = p->source; s->parent; s = s->parent)
        depth++;
    if (depth > CONFIG_INCLUDE_DEPTH || *p->sources >= CONFIG_INCLUDES) {
        config_fault_add(p->faults, word.at, "too many files include one another");
        return;
    }
    char *path = config_source_path(p->arena, p->source, word.text);
    struct config_source *source = arena_new(p->arena, struct config_source);
    if (!path || !source)
        return;
    if (config_source_is_open(p->source, path)) {
        config_fault_add(p->faults, word.at, "%s includes itself",
                         config_quote(p->arena, word.text));
        return;
    }
    struct error error;
    source->name = path;
    source->order = ++*p->sources;
    source->parent = p->source;
    enum result result = config_source_read(p->arena, path, &source->text, &error);
    if (result == OK)
        read_source(p->arena, source, p->faults, p->block, p->sources);
    else if (result == PERM)
        config_fault_add(p->faults, word.at, "%s", error.text);
}

static void read_include(struct parser *p, struct config_token token)
{
    if (token.kind != CONFIG_WORD) {
        if (token.kind != CONFIG_BROKEN)
            config_fault_add(p->faults, token.word.at, "expected a file name: include \"file\"");
        recover(p, token);
    } else if (p->source->nameless) {
        config_fault_add(p->faults, token.word.at, "include works only in a file");
    } else {
        open_include(p, token.word);
    }
}

static void read_statement(struct parser *p, struct config_word name)
{
    struct config_token token = take(p, CONFIG_NAMES);
    if (bytes_is(name.text, "include"))
        read_include(p, token);
    else if (token.kind == CONFIG_EQUALS)
        read_entry(p, name);
    else
        read_section(p, name, token);
}

static void read_statements(struct parser *p)
{
    while (!arena_exhausted(p->arena)) {
        struct config_token token = take(p, CONFIG_NAMES);
        switch (token.kind) {
        case CONFIG_NEWLINE:
            break;
        case CONFIG_END:
            return;
        case CONFIG_WORD:
            if (token.quoted)
                config_fault_add(p->faults, token.word.at, "names are written without quotes");
            read_statement(p, token.word);
            break;
        case CONFIG_CLOSE:
            if (p->block == p->base)
                config_fault_add(p->faults, token.word.at, "this '}' closes nothing");
            else
                p->block = p->block->parent;
            break;
        case CONFIG_BROKEN:
            recover(p, token);
            break;
        default:
            config_fault_add(p->faults, token.word.at, "expected a key or a section, not '%c'",
                             token.word.text.ptr[0]);
            recover(p, token);
        }
    }
}

static void read_source(struct arena *arena, struct config_source *source,
                        struct config_faults *faults, struct config_block *block, unsigned *sources)
{
    struct parser p = {
        .arena = arena,
        .faults = faults,
        .lexer = config_lexer_over(arena, faults, source),
        .base = block,
        .block = block,
        .source = source,
        .sources = sources,
    };
    read_statements(&p);
    for (; p.block != p.base; p.block = p.block->parent)
        if (p.block->name.text.len)
            config_fault_add(faults, p.block->name.at,
                             "section %s is opened here and never closed: the file ends in it",
                             config_quote(arena, p.block->name.text));
}

struct config_block *config_read_tree(struct arena *arena, struct config_source *source,
                                      struct config_faults *faults)
{
    unsigned sources = 0;
    struct parser root = {.arena = arena};
    if (!open_block(&root, (struct config_word){.at = {source, 1, 1}}))
        return NULL;
    read_source(arena, source, faults, root.block, &sources);
    return root.block;
}

const struct config_entry *config_block_find(const struct config_block *block, const char *key)
{
    const struct config_entry *entry = block->entries;
    while (entry && !bytes_is(entry->key.text, key))
        entry = entry->next;
    return entry;
}
