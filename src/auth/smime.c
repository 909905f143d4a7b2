/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/smime.h"

#include "auth/smime_verify.h"
#include "base/buf.h"

static bool is_signature_type(struct bytes type)
{
    return bytes_is_nocase(type, "application/pkcs7-signature") ||
           bytes_is_nocase(type, "application/x-pkcs7-signature");
}

static bool is_signature_part(const struct mime_part *part)
{
    return mime_is(part, "application", "pkcs7-signature") ||
           mime_is(part, "application", "x-pkcs7-signature");
}

/* multipart/signed (rfc1847:2.1), by its protocol parameter or, if that is missing, by its second part. */
static bool is_signed(const struct mime_part *part)
{
    if (!mime_is(part, "multipart", "signed"))
        return false;
    struct bytes protocol = mime_type_parameter(part, "protocol");
    if (protocol.len)
        return is_signature_type(bytes_trim(protocol));
    return part->first_child && part->first_child->next &&
           is_signature_part(part->first_child->next);
}

static bool is_opaque(const struct mime_part *part)
{
    return mime_is(part, "application", "pkcs7-mime") ||
           mime_is(part, "application", "x-pkcs7-mime");
}

static enum result permanent(struct smime_result *result, struct bytes problem)
{
    result->result = AUTH_PERMERROR;
    result->problem = problem;
    return OK;
}

/* The object is in `part`, base64 as a rule; verify it. */
static enum result check_object(struct smime_job *job, const struct mime_part *part,
                                struct smime_result *result)
{
    struct buf object;
    /* A detached signature larger than all its limits need not be decoded. */
    size_t max = job->opaque ? part->body.len : (size_t)2 * SMIME_OVERHEAD_MAX;
    buf_init(&object, max + 16);
    mime_part_decode(part, &object);
    job->object = buf_bytes(&object);
    enum result status = OK;
    if (object.failed && part->body.len > max) {
        result->result = AUTH_NEUTRAL;
        result->problem = BYTES("the signature has more in it than is looked into");
    } else {
        status = object.failed ? TEMP : smime_verify(job, result);
    }
    buf_free(&object);
    return status;
}

static enum result check_signed(struct smime_job *job, const struct mime_part *part,
                                struct smime_result *result)
{
    const struct mime_part *content = part->first_child;
    const struct mime_part *signature = content ? content->next : NULL;
    /* Exactly two, or a reader is shown what is not signed (rfc1847:2.1). */
    if (!signature || signature->next)
        return permanent(result, BYTES("a signed message has two parts, and this one has not"));
    if (!is_signature_part(signature))
        return permanent(result, BYTES("the second part is no S/MIME signature"));
    job->content = content->raw;
    return check_object(job, signature, result);
}

/* Whoever signed a part has not signed what stands beside it. */
static void judge_place(struct arena *arena, const struct mime_part *part,
                        struct smime_result *result)
{
    char space[MIME_NUMBER_MAX];
    if (!part->parent)
        return;
    result->part = arena_copy(arena, mime_part_number(part, space));
    if (result->result != AUTH_PASS)
        return;
    result->result = AUTH_POLICY;
    result->problem = BYTES("only a part of the message is signed");
}

enum result smime_check_parts(struct arena *arena, const struct mime *mime, struct bytes author,
                              const struct smime_authorities *authorities, int64_t now,
                              struct smime_result *result)
{
    *result = (struct smime_result){.result = AUTH_NONE};
    const struct mime_part *part = mime->root;
    while (part && !is_signed(part) && !is_opaque(part))
        part = mime_next_own(part);
    if (!part)
        return OK;
    result->opaque = is_opaque(part);
    struct smime_job job = {.arena = arena,
                            .authorities = authorities,
                            .author = author,
                            .now = now,
                            .opaque = result->opaque};
    enum result status = result->opaque ? check_object(&job, part, result)
                                        : check_signed(&job, part, result);
    if (status == OK)
        judge_place(arena, part, result);
    return status;
}

enum result smime_check(struct arena *arena, const struct message *message, struct bytes author,
                        const struct smime_authorities *authorities, int64_t now,
                        struct smime_result *result)
{
    struct mime mime;
    *result = (struct smime_result){.result = AUTH_NONE};
    if (mime_parse(arena, message, NULL, &mime, NULL) != OK)
        return TEMP;
    return smime_check_parts(arena, &mime, author, authorities, now, result);
}
