/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vbr: Vouch By Reference (RFC 5518): does somebody whom we trust vouch for a domain that is
 * authenticated?
 *
 * Everything returned lives in the arena or points into the message. Waits for DNS.
 */
#ifndef VOUCH_AUTH_VBR_H
#define VOUCH_AUTH_VBR_H

#include "dns/dns.h"
#include "message/auth_results.h"
#include "message/message.h"

enum { VBR_CERTIFIERS_MAX = 5, VBR_FIELDS_MAX = 10 };

struct vbr_request {
    const struct bytes *certifiers;    /* trusted, lower case, in order of preference; those beyond
                                          VBR_CERTIFIERS_MAX are not asked */
    size_t certifier_count;
    const struct bytes *authenticated; /* domains that SPF or DKIM passed for */
    size_t authenticated_count;
    int64_t deadline;
};

/* One question that was asked of a certifier. */
struct vbr_question {
    struct bytes name;  /* <md>._vouch.<certifier> */
    struct bytes found; /* the record, or a sentence */
    bool vouches;
};

struct vbr_result {
    /* The best that one of the fields gives:
     * none       no VBR-Info field, or none of a domain that is authenticated
     * pass       a trusted certifier vouches for this kind of mail
     * fail       none of the trusted certifiers that were named does
     * neutral    only certifiers are named that we do not trust
     * permerror  no field is well-formed, or they differ in mc= (rfc5518:4)
     * temperror  DNS failed where the answer would have decided */
    enum auth_result result;
    struct bytes domain;    /* md= */
    struct bytes content;   /* mc= */
    struct bytes certifier; /* who vouches */
    struct bytes problem;   /* why not pass: a sentence; empty for pass */
    struct vbr_question *questions; /* VBR_CERTIFIERS_MAX * VBR_FIELDS_MAX at most */
    size_t question_count;
};

void vbr_check(struct dns *dns, struct arena *arena, const struct message *message,
               const struct vbr_request *request, struct vbr_result *result);

#endif
