/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/arc_seal.h"

#include "auth/arc_chain.h"
#include "auth/dkim_key.h"
#include "base/domain.h"
#include "base/encode.h"
#include "message/header.h"

#include <inttypes.h>
#include <string.h>

enum { FIELD_TEXT_MAX = 100 * 1024, CHUNK = 64 };

/* A set under way. */
struct sealer {
    struct arena *arena;
    const struct message *message;
    const struct arc_sealing *sealing;
    dkim_signer *signer;
    void *context;
    struct arc_chain chain;
    enum auth_result cv;
    unsigned instance;
    struct bytes *names; /* h= */
    size_t name_count;
    struct bytes body_hash; /* bh=, as text */
    struct header_field fields[ARC_KINDS];
};

/* Writing. The tags stand in the order of the alphabet, which the suite that other implementations
 * are tested with expects. Spaces stand at fixed places, folded or not: relaxed canonicalization
 * sees the field without its signature just as the one with it. */

static void put_tag(struct header_writer *w, const char *name, struct bytes value)
{
    if (*name != 'a')
        header_put(w, BYTES(";"));
    header_word(w, bytes_of(name));
    header_put(w, BYTES("="));
    header_put(w, value);
}

static void put_signature(struct header_writer *w, const struct sealer *s, struct bytes signature)
{
    size_t chunk = s->sealing->unfolded ? signature.len : CHUNK;
    put_tag(w, "b", bytes_first(signature, chunk));
    while ((signature = bytes_skip(signature, chunk)).len)
        header_word(w, bytes_first(signature, chunk));
}

static void put_number(struct header_writer *w, const char *name, int64_t number)
{
    char digits[24];
    int length = snprintf(digits, sizeof(digits), "%" PRId64, number);
    put_tag(w, name, bytes_from(digits, (size_t)length));
}

static void put_names(struct header_writer *w, const struct sealer *s)
{
    size_t column = 0;
    put_tag(w, "h", BYTES(""));
    for (size_t i = 0; i < s->name_count; i++) {
        if (i > 0)
            header_put(w, BYTES(":"));
        if (column > 0 && column + s->names[i].len > CHUNK) {
            header_space(w);
            column = 0;
        }
        header_put(w, s->names[i]);
        column += s->names[i].len + 1;
    }
}

static void write_message_signature(struct buf *out, const struct sealer *s, struct bytes signature)
{
    const struct arc_sealing *sealing = s->sealing;
    struct header_writer w;
    header_begin(&w, out, arc_kind_name(ARC_MESSAGE_SIGNATURE));
    put_tag(&w, "a", bytes_of(dkim_algorithm_name(sealing->algorithm)));
    put_signature(&w, s, signature);
    put_tag(&w, "bh", s->body_hash);
    put_tag(&w, "c", BYTES("relaxed/relaxed"));
    put_tag(&w, "d", sealing->domain);
    put_names(&w, s);
    put_number(&w, "i", s->instance);
    put_tag(&w, "s", sealing->selector);
    if (sealing->time > 0)
        put_number(&w, "t", sealing->time);
    header_end(&w);
}

static void write_seal(struct buf *out, const struct sealer *s, struct bytes signature)
{
    const struct arc_sealing *sealing = s->sealing;
    struct header_writer w;
    header_begin(&w, out, arc_kind_name(ARC_SEAL));
    put_tag(&w, "a", bytes_of(dkim_algorithm_name(sealing->algorithm)));
    put_signature(&w, s, signature);
    put_tag(&w, "cv", bytes_of(auth_result_name(s->cv)));
    put_tag(&w, "d", sealing->domain);
    put_number(&w, "i", s->instance);
    put_tag(&w, "s", sealing->selector);
    if (sealing->time > 0)
        put_number(&w, "t", sealing->time);
    header_end(&w);
}

static void write_results(struct buf *out, const struct sealer *s, struct bytes signature)
{
    (void)signature;
    auth_results_write_arc(out, s->sealing->auth_results, s->instance);
}

/* Writes a field into s->fields; false if memory is out. */
static bool make_field(struct sealer *s, enum arc_kind kind, struct bytes signature)
{
    static void (*const write[])(struct buf *, const struct sealer *, struct bytes) = {
        write_results, write_message_signature, write_seal};
    struct buf text;
    buf_init(&text, FIELD_TEXT_MAX);
    write[kind](&text, s, signature);
    struct bytes raw =
        text.failed ? (struct bytes){NULL, 0} : arena_copy(s->arena, buf_bytes(&text));
    buf_free(&text);
    if (!raw.ptr)
        return false;
    size_t colon = strlen(arc_kind_name(kind));
    s->fields[kind] = (struct header_field){.raw = raw,
                                            .name = bytes_first(raw, colon),
                                            .value = bytes_slice(raw, colon + 1, raw.len - 2)};
    return true;
}

/* Which fields are signed */

static bool may_be_signed(struct bytes name)
{
    enum arc_kind kind;
    return !arc_kind_of(name, &kind) && !bytes_is_nocase(name, "Authentication-Results");
}

static bool is_listed(const struct sealer *s, struct bytes name)
{
    for (size_t i = 0; i < s->name_count; i++)
        if (bytes_equal_nocase(s->names[i], name))
            return true;
    return false;
}

static bool is_sealed(const char *name)
{
    for (const char *const *sealed = dkim_default_sealed; *sealed; sealed++)
        if (bytes_is_nocase(bytes_of(name), *sealed))
            return true;
    return false;
}

static void list_name(struct sealer *s, const char *name, bool once_more)
{
    struct bytes word = bytes_of(name);
    if (!may_be_signed(word) || is_listed(s, word))
        return;
    size_t times = message_field_count(s->message, name) + once_more;
    while (times-- && s->names)
        s->names[s->name_count++] = word;
}

static enum result list_names(struct sealer *s, struct error *error)
{
    const char *const *headers = s->sealing->headers;
    size_t most = s->message->field_count + 1;
    for (size_t i = 0; dkim_default_sealed[i]; i++)
        most++;
    for (size_t i = 0; headers && headers[i]; i++)
        if (!header_name_is_valid(bytes_of(headers[i])) || strchr(headers[i], ';'))
            return error_set(error, PERM, "the list of fields to sign holds an invalid name");
    s->names = arena_alloc_array(s->arena, most, sizeof(*s->names));
    if (!s->names)
        return error_set(error, TEMP, "out of memory for a seal");
    for (size_t i = 0; headers && headers[i]; i++)
        list_name(s, headers[i], false);
    if (headers) {
        list_name(s, "From", false);
        return OK;
    }
    for (size_t i = 0; dkim_default_headers[i]; i++)
        list_name(s, dkim_default_headers[i], is_sealed(dkim_default_headers[i]));
    list_name(s, "DKIM-Signature", false);
    return OK;
}

/* The steps of rfc8617:5.1 */

static enum result check(const struct arc_sealing *sealing, const struct message *message,
                         struct error *error)
{
    if (sealing->algorithm == DKIM_RSA_SHA1)
        return error_set(error, PERM, "rsa-sha1 must not be used for signing (RFC 8301)");
    if (!domain_is_valid(sealing->domain) || !domain_is_valid(sealing->selector) ||
        bytes_find_byte(sealing->domain, '.') == BYTES_NOT_FOUND)
        return error_set(error, PERM, "the sealing domain or selector is no valid name");
    if (!sealing->auth_results->authserv_id.len)
        return error_set(error, PERM, "the results to be sealed have no authserv-id");
    if (!message_field_count(message, "From"))
        return error_set(error, PERM, "a message without From cannot be sealed");
    return OK;
}

/* Where the chain stands, and how it goes on. */
static enum result continue_chain(struct sealer *s, const struct arc_results *chain,
                                  struct error *error)
{
    enum result collected = arc_chain_collect(s->arena, s->message, &s->chain);
    if (collected == TEMP)
        return error_set(error, TEMP, "out of memory for a seal");
    bool sound = collected == OK && s->chain.count == chain->count && !s->chain.problem.len;
    if ((chain->result == AUTH_NONE) != (collected == NONE) ||
        (chain->result == AUTH_PASS && !sound))
        return error_set(error, PERM, "the ARC sets are not those that were verified");
    if (s->chain.exhausted)
        return error_set(error, NONE, "the chain had failed and must not go on (rfc8617:5.1)");
    if (s->chain.overfull || s->chain.count >= ARC_SETS_MAX)
        return error_set(error, NONE, "there is no room for another set behind %d", ARC_SETS_MAX);
    s->instance = (unsigned)s->chain.count + 1;
    s->cv = chain->result == AUTH_NONE || chain->result == AUTH_PASS ? chain->result : AUTH_FAIL;
    return OK;
}

static struct bytes to_base64(struct arena *arena, struct bytes octets)
{
    struct buf text;
    buf_init(&text, FIELD_TEXT_MAX);
    base64_encode(&text, octets);
    struct bytes copy = arena_copy(arena, buf_bytes(&text));
    buf_free(&text);
    return copy;
}

static bool hash_body(struct sealer *s)
{
    struct arc_body_hashes body = {.wanted = {[DKIM_RELAXED] = true}};
    arc_hash_body(s->message->body, &body);
    const struct dkim_body_hash *hash = &body.hashes[DKIM_RELAXED];
    if (!hash->failed)
        s->body_hash = to_base64(s->arena, bytes_from(hash->hash.octets, hash->hash.len));
    return s->body_hash.len > 0;
}

/* Has the hash signed and writes the field again, with its signature. */
static enum result sign_field(struct sealer *s, enum arc_kind kind, const struct dkim_hash *hash,
                              struct error *error)
{
    struct bytes octets;
    enum result result = s->signer(s->context, s->arena, s->sealing->algorithm,
                                   bytes_from(hash->octets, hash->len), &octets, error);
    if (result != OK)
        return result;
    struct bytes text = to_base64(s->arena, octets);
    if (!text.len || !make_field(s, kind, text))
        return error_set(error, TEMP, "out of memory for a seal");
    return OK;
}

static enum result sign_message(struct sealer *s, struct error *error)
{
    struct dkim_signature signature = {.header_names = s->names,
                                       .header_name_count = s->name_count,
                                       .header_canonicalization = DKIM_RELAXED};
    struct dkim_hash hash;
    const struct dkim_header_index *index = dkim_header_index(s->arena, s->message);
    if (!index || !make_field(s, ARC_MESSAGE_SIGNATURE, BYTES("")) ||
        !dkim_hash_header(s->arena, index, &signature, &s->fields[ARC_MESSAGE_SIGNATURE],
                          dkim_digest(s->sealing->algorithm), &hash))
        return error_set(error, TEMP, "out of memory for a seal");
    return sign_field(s, ARC_MESSAGE_SIGNATURE, &hash, error);
}

/* All sets before this one, unless the chain failed: then this one alone (rfc8617:5.1.2). */
static bool hash_seal(struct sealer *s, struct dkim_hash *hash)
{
    struct arc_scope scope;
    arc_scope_open(&scope);
    for (size_t i = 0; s->cv != AUTH_FAIL && i < s->chain.count; i++)
        for (int kind = 0; kind < ARC_KINDS; kind++)
            arc_scope_add(&scope, s->chain.links[i].fields[kind]);
    arc_scope_add(&scope, &s->fields[ARC_AUTHENTICATION_RESULTS]);
    arc_scope_add(&scope, &s->fields[ARC_MESSAGE_SIGNATURE]);
    bool good = arc_scope_hash(&scope, &s->fields[ARC_SEAL], (struct bytes){NULL, 0}, hash);
    arc_scope_close(&scope);
    return good;
}

static enum result sign_seal(struct sealer *s, struct error *error)
{
    struct dkim_hash hash;
    if (!make_field(s, ARC_SEAL, BYTES("")) || !hash_seal(s, &hash))
        return error_set(error, TEMP, "out of memory for a seal");
    return sign_field(s, ARC_SEAL, &hash, error);
}

enum result arc_seal(struct arena *arena, const struct message *message,
                     const struct arc_sealing *sealing, const struct arc_results *chain,
                     dkim_signer *signer, void *context, struct buf *out, struct error *error)
{
    struct sealer s = {.arena = arena,
                       .message = message,
                       .sealing = sealing,
                       .signer = signer,
                       .context = context};
    enum result result;
    if ((result = check(sealing, message, error)) != OK ||
        (result = continue_chain(&s, chain, error)) != OK || (result = list_names(&s, error)) != OK)
        return result;
    if (!make_field(&s, ARC_AUTHENTICATION_RESULTS, BYTES("")) || !hash_body(&s))
        return error_set(error, TEMP, "out of memory for a seal");
    if ((result = sign_message(&s, error)) != OK || (result = sign_seal(&s, error)) != OK)
        return result;
    for (int kind = ARC_KINDS; kind-- > 0;)
        buf_add(out, s.fields[kind].raw);
    return out->failed ? error_set(error, TEMP, "out of memory for a seal") : OK;
}

/* What was found before */

static bool append(struct arena *arena, struct auth_results *out, const struct auth_results *more)
{
    size_t room = AUTH_STATEMENTS_MAX - out->statement_count;
    size_t count = more->statement_count < room ? more->statement_count : room;
    if (!out->statements)
        out->statements = arena_alloc_array(arena, AUTH_STATEMENTS_MAX, sizeof(*out->statements));
    if (!out->statements)
        return false;
    if (count)
        memcpy(out->statements + out->statement_count, more->statements,
               count * sizeof(*more->statements));
    out->statement_count += count;
    return true;
}

enum result arc_seal_collect_results(struct arena *arena, const struct message *message,
                                     struct bytes authserv_id, struct auth_results *out)
{
    *out = (struct auth_results){.authserv_id = authserv_id, .version = 1};
    bool found = false;
    for (size_t i = 0; i < message->field_count; i++) {
        struct auth_results read;
        if (!bytes_is_nocase(message->fields[i].name, "Authentication-Results"))
            continue;
        enum result result = auth_results_parse(arena, message->fields[i].value, &read, NULL);
        if (result == TEMP)
            return TEMP;
        if (result != OK || read.version != 1 || !bytes_equal_nocase(read.authserv_id, authserv_id))
            continue;
        if (!append(arena, out, &read))
            return TEMP;
        found = true;
    }
    return found ? OK : NONE;
}
