/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signatures of our own: DKIM for mail of own accounts and hosts in the name of a domain that we sign for
 * and that they own, and for mail of our lists; an ARC set for mail of strangers that another server will
 * read.
 */
#include "roles/edge_mail.h"

#include "auth/arc_seal.h"
#include "base/log.h"
#include "message/mailbox.h"
#include "roles/keys_client.h"
#include "verdict/explain.h"

enum { SIGN_TIMEOUT_SECONDS = 30 };

static enum result put_off(struct edge_mail *mail, struct smtp_reply *reply, const char *why)
{
    log_warning("sign", BYTES_FMT ": %s", BYTES_ARG(mail->gather.evidence.id), why);
    smtp_reply_set(reply, mail->gather.arena, 451, "4.3.0",
                   "This message cannot be signed now. Please try again later.");
    return TEMP;
}

/* What cannot be signed goes as it is; what can must not go without. */
static enum result settle(struct edge_mail *mail, struct smtp_reply *reply, enum result result,
                          const struct error *error, const char *what, struct bytes domain)
{
    if (result == TEMP)
        return put_off(mail, reply, error->text);
    if (result == NONE)
        log_warning("sign", BYTES_FMT ": no %s, as there is no active key of " BYTES_FMT,
                    BYTES_ARG(mail->gather.evidence.id), what, BYTES_ARG(domain));
    else if (result == PERM)
        log_warning("sign", BYTES_FMT ": no %s: %s", BYTES_ARG(mail->gather.evidence.id), what,
                    error->text);
    return OK;
}

/* Whose signature a message of ours bears: the author's, if he is who submits it; for a list's its own. */
static const struct config_signing *signer_of(const struct edge_mail *mail, struct bytes *domain)
{
    const struct gather *gather = &mail->gather;
    const struct config_signing *section = NULL;
    if (mail->list) {
        static const struct identity nobody;
        struct bytes address = bytes_of(mail->list->address);
        section = keys_signing_find(gather->config, mailbox_domain_or_all(address), domain);
        /* Not under the name of one of ours who is not known to have written it. */
        bool known = edge_author(mail).len > 0;
        return known || (section && identity_may_sign(&nobody, &gather->from, *domain)) ? section : NULL;
    }
    if (gather->from.status == FROM_OK)
        section = keys_signing_find(gather->config, gather->from.domain, domain);
    if (section && mail->account && !identity_may_sign(&mail->identity, &gather->from, *domain))
        section = NULL;
    return section;
}

static enum result sign(struct edge_mail *mail, struct buf *out, struct smtp_reply *reply)
{
    struct gather *gather = &mail->gather;
    struct bytes domain;
    struct error error = {{0}};
    const struct config_signing *section = signer_of(mail, &domain);
    if (!section)
        return OK;
    struct keys_signing signing;
    int64_t deadline = loop_deadline(SIGN_TIMEOUT_SECONDS * SECOND);
    struct ipc_channel *keys = edge_keys(mail->edge, deadline);
    if (!keys)
        return put_off(mail, reply, "the keys role does not answer");
    enum result result =
        keys_signing_from(gather->arena, section, domain, gather->now, &signing, &error);
    signing.cache = mail->edge->keys_cache;
    signing.deadline = deadline;
    if (result == OK)
        result = keys_sign_message(keys, gather->arena, &gather->message, &signing, out, &error);
    return settle(mail, reply, result, &error, "DKIM signature", domain);
}

static enum result seal(struct edge_mail *mail, struct buf *out, struct smtp_reply *reply)
{
    struct gather *gather = &mail->gather;
    struct error error = {{0}};
    struct keys_selectors selectors;
    struct auth_results results;
    /* To seal now would mark the chain as broken for good (rfc8617:5.2.1); without another set it stays
     * what it is. */
    if (gather->arc.result == AUTH_TEMPERROR)
        return OK;
    int64_t deadline = loop_deadline(SIGN_TIMEOUT_SECONDS * SECOND);
    struct ipc_channel *keys = edge_keys(mail->edge, deadline);
    if (!keys)
        return put_off(mail, reply, "the keys role does not answer");
    enum result result = keys_ask_selectors(keys, gather->arena, mail->edge->keys_cache,
                                            mail->seal_domain, deadline, &selectors, &error);
    if (result == OK)
        result = explain_sealed_results(gather->arena, &gather->evidence,
                                        bytes_of(gather->config->authserv_id), &results);
    struct keys_signer signer = {keys, mail->seal_domain, BYTES(""), deadline};
    /* rfc8617:4.1.2 leaves the algorithms to DKIM, but verifiers of chains know RSA only. */
    for (size_t i = 0; result == OK && i < selectors.count && !signer.selector.len; i++)
        if (selectors.items[i].algorithm == DKIM_RSA_SHA256)
            signer.selector = selectors.items[i].selector;
    if (result == OK && !signer.selector.len)
        result = NONE;
    struct arc_sealing sealing = {.algorithm = DKIM_RSA_SHA256,
                                  .domain = mail->seal_domain,
                                  .selector = signer.selector,
                                  .time = gather->now,
                                  .auth_results = &results};
    if (result != OK)
        return settle(mail, reply, result, &error, "ARC seal", mail->seal_domain);
    result = arc_seal(gather->arena, &gather->message, &sealing, &gather->arc, keys_signer_sign, &signer,
                      out, &error);
    /* NONE: this chain must not be sealed any more. */
    return result == NONE ? OK : settle(mail, reply, result, &error, "ARC seal", mail->seal_domain);
}

enum result edge_sign(struct edge_mail *mail, struct buf *out, struct smtp_reply *reply)
{
    /* A host in own-networks may say that it is anybody, so its mail is signed for readers here alone; host
     * sections name what one may be. */
    if (mail->account || (mail->gather.evidence.own_network && !mail->leaves))
        return sign(mail, out, reply);
    if (mail->list && sign(mail, out, reply) != OK)
        return TEMP;
    return mail->seal && mail->gather.config->authentication.arc ? seal(mail, out, reply) : OK;
}
