/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/dkim_judge.h"

#include "auth/dkim_tags.h"

const char *dkim_severity_name(enum dkim_severity severity)
{
    static const char *const names[] = {"note", "warning", "error"};
    return names[severity];
}

void dkim_judge_add(struct dkim_judgement *out, enum dkim_severity severity, struct bytes text)
{
    if (out->count < DKIM_FINDINGS_MAX && text.ptr)
        out->findings[out->count++] = (struct dkim_finding){severity, text};
}

enum dkim_severity dkim_judge_worst(const struct dkim_judgement *judgement)
{
    enum dkim_severity worst = DKIM_NOTE;
    for (size_t i = 0; i < judgement->count; i++)
        if (judgement->findings[i].severity > worst)
            worst = judgement->findings[i].severity;
    return worst;
}

/* Tags that are not of rfc6376:3.6.1, or are best left out. */
static void judge_tags(struct arena *arena, const struct dkim_tags *tags,
                       struct dkim_judgement *out)
{
    static const char *const known[] = {"v", "h", "k", "n", "p", "s", "t", "g"};
    const struct dkim_tag *tag = dkim_tags_find(tags, "v");
    if (!tag)
        dkim_judge_add(out, DKIM_NOTE,
                       BYTES("v=DKIM1 is left out. It may be, but it tells the record apart."));
    tag = dkim_tags_find(tags, "g");
    if (tag && tag->value.len == 0)
        dkim_judge_add(out, DKIM_WARNING,
                       BYTES("g= is empty. It is obsolete; old verifiers take it to match nobody."));
    else if (tag)
        dkim_judge_add(out, DKIM_WARNING,
                       BYTES("g= is obsolete (RFC 6376 dropped it); old verifiers may refuse mail of "
                             "other local parts."));
    tag = dkim_tags_find(tags, "h");
    if (tag && !dkim_tags_lists(tag->value, "sha256"))
        dkim_judge_add(out, DKIM_ERROR,
                       BYTES("h= does not name sha256, so no signature of today can use the key."));
    tag = dkim_tags_find(tags, "t");
    if (tag && dkim_tags_lists(tag->value, "y"))
        dkim_judge_add(out, DKIM_WARNING,
                       BYTES("t=y says that the domain is only testing: receivers treat its mail as "
                             "unsigned."));
    if (tag && dkim_tags_lists(tag->value, "s"))
        dkim_judge_add(out, DKIM_NOTE,
                       BYTES("t=s: signatures may not name a subdomain in i=."));
    for (size_t i = 0; i < tags->count; i++) {
        bool found = false;
        for (size_t j = 0; j < countof(known); j++)
            found |= bytes_is(tags->list[i].name, known[j]);
        if (!found)
            dkim_judge_add(out, DKIM_NOTE,
                           arena_printf(arena, "the tag " BYTES_FMT "= is not known; it is ignored.",
                                        BYTES_ARG(bytes_first(tags->list[i].name, 32))));
    }
}

static void judge_length(struct arena *arena, struct dkim_judgement *out)
{
    if (out->type != DKIM_KEY_RSA)
        return;
    if (out->bits < DKIM_RSA_BITS_MIN)
        dkim_judge_add(out, DKIM_ERROR,
                       arena_printf(arena, "the RSA key has %u bits; under %d no receiver may accept it "
                                    "(RFC 8301).", out->bits, DKIM_RSA_BITS_MIN));
    else if (out->bits < DKIM_SIGNING_BITS_MIN)
        dkim_judge_add(out, DKIM_WARNING,
                       arena_printf(arena, "the RSA key has %u bits; %d are the least to be used today "
                                    "(RFC 8301).", out->bits, DKIM_SIGNING_BITS_MIN));
    else if (out->bits > 2048)
        dkim_judge_add(out, DKIM_NOTE,
                       arena_printf(arena, "the RSA key has %u bits; receivers need not accept more than "
                                    "2048 (RFC 6376, 3.3.3).", out->bits));
}

static void judge_key(struct arena *arena, struct bytes text, EVP_PKEY *private_key,
                      struct dkim_judgement *out)
{
    const struct dkim_key *key;
    struct error error;
    if (dkim_key_find(text, &key, &error) != OK) {
        dkim_judge_add(out, DKIM_ERROR, arena_printf(arena, "%s.", error.text));
        return;
    }
    out->readable = true;
    out->type = dkim_key_record(key)->type;
    out->bits = dkim_key_bits(key);
    judge_length(arena, out);
    if (private_key && !dkim_private_key_fits_record(arena, private_key, text))
        dkim_judge_add(out, DKIM_ERROR,
                       BYTES("it is not the public half of our private key: what we sign fails."));
}

void dkim_judge_record(struct arena *arena, struct bytes text, EVP_PKEY *private_key,
                       struct dkim_judgement *out)
{
    struct dkim_tags tags;
    struct error error;
    *out = (struct dkim_judgement){.count = 0};
    if (dkim_tags_parse(text, &tags, &error) != OK) {
        dkim_judge_add(out, DKIM_ERROR, arena_printf(arena, "the record is malformed: %s.", error.text));
        return;
    }
    const struct dkim_tag *data = dkim_tags_find(&tags, "p");
    out->revoked = data && data->value.len == 0;
    if (out->revoked)
        dkim_judge_add(out, DKIM_ERROR, BYTES("p= is empty: the key is revoked."));
    else
        judge_key(arena, text, private_key, out);
    judge_tags(arena, &tags, out);
}
