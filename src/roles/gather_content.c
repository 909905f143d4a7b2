/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is told from a message's structure: S/MIME and OpenPGP. Both are only reported, so whatever they
 * cost must not fall on the mail: they have memory of their own, and a thread of the pool with a stack larger
 * than a fiber's, since libraries for certificates take what a stranger makes them take.
 */
#include "roles/gather_parts.h"

#include "fiber/offload.h"

enum { CONTENT_MEMORY = 32 * 1024 * 1024, OFFLOAD_MIN = 64 * 1024 };

struct content_job {
    struct gather *gather;
    struct arena *arena;
    const struct mime *mime;
    bool smime, openpgp; /* wanted, and done */
};

static void examine(void *argument)
{
    struct content_job *job = argument;
    struct gather *gather = job->gather;
    if (job->smime)
        job->smime = smime_check_parts(job->arena, job->mime, gather->from.address,
                                       gather->envelope.authorities, gather->now,
                                       &gather->smime) == OK;
    if (job->openpgp)
        job->openpgp = openpgp_check_parts(job->arena, job->mime, &gather->openpgp) == OK;
}

static struct bytes keep(struct gather *gather, struct bytes text)
{
    return text.len ? arena_copy(gather->arena, text) : BYTES("");
}

static void keep_results(struct gather *gather)
{
    struct smime_result *smime = &gather->smime;
    struct openpgp_result *openpgp = &gather->openpgp;
    smime->identifier = keep(gather, smime->identifier);
    smime->part = keep(gather, smime->part);
    smime->serial = keep(gather, smime->serial);
    smime->issuer = keep(gather, smime->issuer);
    smime->problem = keep(gather, smime->problem);
    openpgp->key_id = keep(gather, openpgp->key_id);
    openpgp->signer = keep(gather, openpgp->signer);
    openpgp->hash = keep(gather, openpgp->hash);
    openpgp->problem = keep(gather, openpgp->problem);
}

/* What a fiber's stack and a moment of the loop are enough for: short text, in which nothing but the
 * armor of OpenPGP is looked for. */
static bool is_simple(const struct message *message)
{
    const struct header_field *type = message_field(message, "Content-Type", 0);
    return message->raw.len < OFFLOAD_MIN &&
           (!type || bytes_starts_with_nocase(bytes_trim(type->value), BYTES("text/")));
}

void gather_check_content(struct gather *gather)
{
    static const struct bytes too_much = BYTES_INIT("the message has more in it than is looked into");
    const struct config *config = gather->config;
    bool smime = config->authentication.smime, openpgp = config->authentication.openpgp;
    struct content_job job = {.gather = gather, .smime = smime, .openpgp = openpgp};
    if (!smime && !openpgp)
        return;
    const struct gather_structure *structure = gather_structure(gather);
    job.arena = structure ? arena_create(CONTENT_MEMORY) : NULL;
    if (structure)
        job.mime = &structure->mime;
    if (!job.arena)
        job.smime = job.openpgp = false;
    else if (fiber_current() && !is_simple(&gather->message))
        offload(examine, &job);
    else
        examine(&job);
    if (smime && !job.smime)
        gather->smime = (struct smime_result){.result = AUTH_NEUTRAL, .problem = too_much};
    if (openpgp && !job.openpgp)
        gather->openpgp = (struct openpgp_result){.result = AUTH_NEUTRAL, .problem = too_much};
    keep_results(gather);
    arena_destroy(job.arena);
}
