/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/domainkeys.h"

#include "auth/dkim_key.h"
#include "auth/dkim_record.h"
#include "auth/dkim_tags.h"
#include "auth/domainkeys_hash.h"
#include "base/domain.h"
#include "fiber/fiber.h"
#include "fiber/offload.h"
#include "message/address.h"
#include "message/idn.h"

#include <string.h>

enum {
    RECORDS_MAX = 8,              /* looked at, of those at one name */
    OFFLOAD_BODY_MIN = 512 * 1024 /* as for DKIM: hashing less does not hold the loop up for long */
};

/* Who sends: a field with a mailbox in it. */
struct sender {
    const struct header_field *field;
    struct mailbox mailbox;
    struct bytes domain; /* A-labels, lower case */
};

struct check {
    struct dns *dns;
    struct arena *arena;
    const struct message *message;
    int64_t deadline;
    struct domainkeys_result *result;
    struct sender sender;
    bool sender_set_aside; /* there is a Sender field that has no address */
    const struct header_field *field; /* the signature that is verified */
    struct domainkeys_signature signature;
};

static bool conclude(struct check *check, enum auth_result result, const char *problem)
{
    check->result->result = result;
    check->result->problem = arena_copy(check->arena, bytes_of(problem));
    return false;
}

/* 1. The sender (rfc4870:3.1, 3.7.3 rule 1) */

/* From: the first of its addresses; Sender holds one only. */
static bool read_sender(struct check *check, const struct header_field *field, bool one)
{
    struct address_list list;
    struct error error;
    struct bytes domain;
    if (address_list_parse(check->arena, field->value, &list, &error) != OK || list.count == 0 ||
        (one && list.count > 1) ||
        idn_to_ascii(check->arena, list.mailboxes[0].domain, &domain, NULL) != OK ||
        !domain_is_valid(domain))
        return false;
    check->sender = (struct sender){field, list.mailboxes[0], domain};
    return true;
}

static void describe_sender(struct check *check, const char *field)
{
    struct buf text;
    buf_init(&text, PATH_MAX_OCTETS);
    mailbox_write(&text, check->sender.mailbox.local, check->sender.mailbox.domain);
    check->result->sender = arena_copy(check->arena, buf_bytes(&text));
    check->result->sender_field = bytes_of(field);
    buf_free(&text);
}

/*
 * A message must have one From field, and may have one Sender. A Sender without an address makes
 * the message unverifiable (rule 1); only where the signature lists its fields and leaves this one
 * out is it set aside, since lines that are not signed may be disregarded (rfc4870:3.3, h=).
 */
static bool find_sender(struct check *check)
{
    const struct message *message = check->message;
    const struct header_field *from = message_field(message, "From", 0);
    const struct header_field *sender = message_field(message, "Sender", 0);
    if (message_field_count(message, "From") != 1)
        return conclude(check, AUTH_PERMERROR, "the message has not one From field");
    if (sender && message_field_count(message, "Sender") > 1)
        return conclude(check, AUTH_PERMERROR, "the message has several Sender fields");
    if (!read_sender(check, from, false))
        return conclude(check, AUTH_PERMERROR, "the From field has no address with a domain");
    check->sender_set_aside = sender && !read_sender(check, sender, true);
    describe_sender(check, sender && !check->sender_set_aside ? "Sender" : "From");
    return true;
}

/* 2. The signature (rfc4870:3.7.3) */

static void describe(struct check *check)
{
    check->result->domain = check->signature.domain;
    check->result->selector = check->signature.selector;
    check->result->signature = check->signature.signature_text;
}

/* Rules 2 and 3. What is wrong, or NULL. */
static const char *why_not_fitting(const struct check *check, const struct header_field *field)
{
    bool is_sender = bytes_is(check->result->sender_field, "Sender");
    if (!domain_is_within(check->sender.domain, check->signature.domain))
        return "the sender is not in the signing domain (d=)";
    if (!domainkeys_signature_covers(&check->signature, is_sender ? "sender" : "from"))
        return is_sender ? "the Sender field is not signed (h=)"
                         : "the From field is not signed (h=)";
    if (check->sender.field < field)
        return "the field that names the sender stands above the signature and is not signed";
    if (check->sender_set_aside && domainkeys_signature_covers(&check->signature, "sender"))
        return "the Sender field has no address with a domain";
    return NULL;
}

static enum auth_result result_of_parse(enum result result)
{
    return result == PERM ? AUTH_PERMERROR : result == TEMP ? AUTH_TEMPERROR : AUTH_NEUTRAL;
}

/* The first one that fits. If none does, the result tells about the first one. */
static bool find_signature(struct check *check)
{
    const struct message *message = check->message;
    const struct header_field *field = message_field(message, "DomainKey-Signature", 0);
    for (int i = 0; field && i < DOMAINKEYS_SIGNATURES_MAX; i++) {
        struct error error;
        enum result result =
            domainkeys_signature_parse(check->arena, field->value, &check->signature, &error);
        const char *problem = result == OK ? why_not_fitting(check, field) : error.text;
        if (!problem) {
            check->field = field;
            describe(check);
            return true;
        }
        if (i == 0) {
            describe(check);
            conclude(check, result == OK ? AUTH_PERMERROR : result_of_parse(result), problem);
        }
        size_t next = (size_t)(field - message->fields) + 1;
        field = message_field(message, "DomainKey-Signature", next);
    }
    return false;
}

/* 3. The key (rfc4870:3.7.4) */

/* Of a v=DKIM1 record one "*" stands for anything (rfc4871:3.6.1). */
static bool granularity_matches(struct bytes pattern, struct bytes local, bool wildcard)
{
    size_t star = wildcard ? bytes_find_byte(pattern, '*') : BYTES_NOT_FOUND;
    if (star == BYTES_NOT_FOUND)
        return bytes_equal(pattern, local);
    return local.len + 1 >= pattern.len && bytes_starts_with(local, bytes_first(pattern, star)) &&
           bytes_ends_with(local, bytes_skip(pattern, star + 1));
}

/* An empty g= is as good as none (rfc4870:3.2.3). */
static bool key_is_for_sender(const struct check *check, struct bytes record)
{
    struct dkim_tags tags;
    struct error error;
    if (dkim_tags_parse(record, &tags, &error) != OK)
        return false;
    const struct dkim_tag *granularity = dkim_tags_find(&tags, "g");
    return !granularity || !granularity->value.len ||
           granularity_matches(granularity->value, check->sender.mailbox.local,
                               dkim_tags_find(&tags, "v") != NULL);
}

static const struct dns_answer *fetch_key(struct check *check)
{
    const struct domainkeys_signature *signature = &check->signature;
    struct bytes name = dkim_record_name(check->arena, signature->selector, signature->domain);
    if (!name.ptr) {
        conclude(check, AUTH_TEMPERROR, "out of memory for this message");
        return NULL;
    }
    const struct dns_answer *answer =
        dns_query(check->dns, check->arena, name, DNS_TXT, check->deadline);
    if (answer->status == DNS_FAILED)
        conclude(check, AUTH_TEMPERROR, "the key could not be fetched");
    else if (answer->status != DNS_FOUND || answer->count == 0)
        conclude(check, AUTH_PERMERROR, "there is no key record in DNS");
    else
        return answer;
    return NULL;
}

/* The first record that holds a key; any may be picked (rfc4870:9). It is the cache's: nothing may
 * wait before it is used. */
static const struct dkim_key *pick_key(struct check *check, const struct dns_answer *answer)
{
    for (size_t i = 0; i < answer->count && i < RECORDS_MAX; i++) {
        const struct dkim_key *key;
        struct error error;
        enum result result = dkim_key_find(answer->records[i].text, &key, &error);
        const char *problem = result != OK ? error.text : NULL;
        if (!problem && (!dkim_key_fits(key, DKIM_RSA_SHA1) || !dkim_key_record(key)->sha1))
            problem = "the key is not for rsa-sha1";
        else if (!problem && !key_is_for_sender(check, answer->records[i].text))
            problem = "the key is not for this sender (g=)";
        if (!problem)
            return key;
        if (i == 0)
            conclude(check, result == TEMP ? AUTH_TEMPERROR : AUTH_PERMERROR, problem);
    }
    return NULL;
}

/* 4. Verification (rfc4870:3.7.5) */

struct hash_job {
    const struct check *check;
    const struct domainkeys_fields *fields;
    struct dkim_hash hash;
    bool good;
};

static void run_hash_job(void *argument)
{
    struct hash_job *job = argument;
    job->good = domainkeys_hash(job->check->signature.canonicalization, job->fields,
                                job->check->message->body, dkim_digest(DKIM_RSA_SHA1), &job->hash);
}

static bool make_hash(struct check *check, struct dkim_hash *out)
{
    struct domainkeys_fields fields;
    struct hash_job job = {.check = check, .fields = &fields};
    if (!dkim_digest(DKIM_RSA_SHA1))
        return conclude(check, AUTH_NEUTRAL, "SHA-1 is not to be had on this machine");
    if (!domainkeys_fields_list(check->arena, check->message, check->field, &check->signature,
                                &fields))
        return conclude(check, AUTH_TEMPERROR, "out of memory for this message");
    if (check->message->body.len >= OFFLOAD_BODY_MIN && fiber_current())
        offload(run_hash_job, &job);
    else
        run_hash_job(&job);
    *out = job.hash;
    return job.good || conclude(check, AUTH_TEMPERROR, "the message could not be hashed");
}

static void judge_good(struct check *check)
{
    if (check->result->key_testing)
        conclude(check, AUTH_POLICY, "the signature fits, but its key is in testing (t=y)");
    else if (check->result->key_bits < DKIM_RSA_BITS_MIN)
        conclude(check, AUTH_POLICY, "the signature fits, but its key is shorter than 1024 bits");
    else
        conclude(check, AUTH_PASS, "");
}

static void verify(struct check *check)
{
    struct dkim_hash hash;
    const struct dns_answer *answer = fetch_key(check);
    if (!answer || !make_hash(check, &hash))
        return;
    const struct dkim_key *key = pick_key(check, answer);
    if (!key)
        return;
    check->result->key_bits = dkim_key_bits(key);
    check->result->key_testing = dkim_key_record(key)->testing;
    if (dkim_key_verify(key, DKIM_RSA_SHA1, bytes_from(hash.octets, hash.len),
                        check->signature.signature))
        judge_good(check);
    else if (check->result->key_testing)
        conclude(check, AUTH_NEUTRAL, "the signature does not fit; its key is in testing (t=y)");
    else
        conclude(check, AUTH_FAIL, "the signature does not fit header, body and key");
}

/* 5. The sending domain's policy (rfc4870:3.7.6) */

static void read_policy(struct check *check, const struct dns_answer *answer)
{
    for (size_t i = 0; i < answer->count && i < RECORDS_MAX; i++) {
        struct error error;
        if (domainkeys_policy_parse(check->arena, answer->records[i].text, &check->result->policy,
                                    &error) == OK)
            return;
    }
    check->result->policy = (struct domainkeys_policy){0};
}

/* Asked for only where the message is not verified (rfc4870:3.6); without a record that can be had
 * the defaults hold, which ask for nothing. */
static void apply_policy(struct check *check)
{
    struct domainkeys_result *result = check->result;
    struct bytes name = arena_printf(check->arena, "_domainkey." BYTES_FMT,
                                     BYTES_ARG(check->sender.domain));
    if (!name.ptr)
        return;
    read_policy(check, dns_query(check->dns, check->arena, name, DNS_TXT, check->deadline));
    if (result->policy.testing && result->result == AUTH_FAIL)
        conclude(check, AUTH_NEUTRAL, "the signature does not fit; the domain is testing (t=y)");
    else if (result->policy.signs_all && !result->policy.testing && result->result == AUTH_NONE)
        conclude(check, AUTH_FAIL, "the message has no signature, but its domain signs all (o=-)");
}

void domainkeys_verify(struct dns *dns, struct arena *arena, const struct message *message,
                       int64_t deadline, struct domainkeys_result *result)
{
    struct check check = {.dns = dns, .arena = arena, .message = message, .deadline = deadline,
                          .result = result};
    *result = (struct domainkeys_result){0};
    result->signatures = message_field_count(message, "DomainKey-Signature");
    bool sender = find_sender(&check);
    if (result->signatures == 0)
        conclude(&check, AUTH_NONE, "the message has no DomainKeys signature");
    else if (sender && find_signature(&check))
        verify(&check);
    bool verified = result->result == AUTH_PASS || result->result == AUTH_POLICY;
    if (sender && !verified && result->result != AUTH_TEMPERROR)
        apply_policy(&check);
    /* What was cut off for want of memory must not decide. */
    if (arena_exhausted(arena) && !verified)
        conclude(&check, AUTH_TEMPERROR, "out of memory for this message");
}
