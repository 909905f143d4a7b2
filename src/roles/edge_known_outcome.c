/* SPDX-License-Identifier: BSD-2-Clause */
/* What is to be remembered of a message that was judged. */
#include "roles/edge_known.h"

#include "message/mime.h"
#include "roles/edge_rates.h"

/* A message to more than this is a mailing, and tells nothing of whom its author knows. */
enum { LETTER_RECIPIENTS_MOST = 50 };
/* Points (hundredths): what counts as spam (91 %), what is too much for ham (72 %), and from where on the filter
 * says ham. */
enum { SPAM_POINTS = 500, HAM_POINTS = 200, FILTER_CLEAR = -100 };

/* What speaks about the content, or about the sender by others' knowledge. What history itself decided would be
 * learned again and again; and a rule of the site, or a forgery, says nothing about the identity that was
 * authenticated. */
static bool teaches(enum check check)
{
    switch (check) {
    case CHECK_DNSBL:
    case CHECK_RHSBL:
    case CHECK_URIBL:
    case CHECK_RATING:
    case CHECK_FILTER:
    case CHECK_RULE:
    case CHECK_VIRUS:
    case CHECK_PHISHING:
    case CHECK_TRAP:
        return true;
    default:
        return false;
    }
}

/* The score without what is remembered: learned from itself, a reputation would only ever grow. */
static int independent_points(const struct verdict *verdict)
{
    int sum = 0;
    for (size_t i = 0; i < verdict->contribution_count; i++) {
        enum check check = verdict->contributions[i].check;
        if (check != CHECK_HISTORY && check != CHECK_CONTACT && check != CHECK_TRAP && check != CHECK_GREYLIST &&
            check != CHECK_NAMESERVERS)
            sum += verdict->contributions[i].points;
    }
    return sum;
}

static bool is_convicted(const struct verdict *verdict)
{
    for (size_t i = 0; i < verdict->reason_count; i++)
        if (verdict->reasons[i].effect == REASON_DECIDES && verdict->reasons[i].check == CHECK_VIRUS)
            return verdict->action != ACTION_ACCEPT;
    return false;
}

/* What taught, together: which single check was the strongest is chance. */
static int taught_points(const struct verdict *verdict)
{
    int sum = 0;
    for (size_t i = 0; i < verdict->contribution_count; i++)
        if (teaches(verdict->contributions[i].check) && verdict->contributions[i].check != CHECK_TRAP)
            sum += verdict->contributions[i].points;
    return sum;
}

static bool is_junk_by_score(const struct verdict *verdict)
{
    return verdict->contribution_count && verdict->junk_score && verdict->score >= verdict->junk_score &&
           verdict->trust != TRUST_FORGED;
}

/* By the reasons: something that teaches speaks against it, and nothing else decided. */
static bool is_blamed(const struct verdict *verdict)
{
    bool against = false;
    for (size_t i = 0; i < verdict->reason_count; i++) {
        const struct reason *reason = &verdict->reasons[i];
        if (reason->effect == REASON_DECIDES && !teaches(reason->check))
            return false;
        if (reason->effect == REASON_DECIDES || reason->effect == REASON_AGAINST)
            against |= teaches(reason->check);
    }
    return against;
}

static bool filter_likes(const struct verdict *verdict)
{
    for (size_t i = 0; i < verdict->contribution_count; i++)
        if (verdict->contributions[i].check == CHECK_FILTER && verdict->contributions[i].points <= FILTER_CLEAR)
            return true;
    return false;
}

/* Where the mailbox wants no junk folder, junk is accepted. */
static bool is_accepted(const struct verdict *verdict)
{
    return verdict->action == ACTION_ACCEPT && (!verdict->junk_score || verdict->score < verdict->junk_score);
}

static enum known_class class_of(const struct verdict *verdict)
{
    int points = independent_points(verdict);
    if (is_convicted(verdict))
        return KNOWN_SPAM;
    if (!verdict->scored)
        return KNOWN_PLAIN;
    if (points >= SPAM_POINTS)
        return KNOWN_SPAM;
    /* What is trusted for its history nobody reads: that says nothing new. In time the trust fades, and then it is
     * read again. */
    if (is_accepted(verdict))
        return filter_likes(verdict) && points < HAM_POINTS ? KNOWN_HAM : KNOWN_PLAIN;
    if (is_junk_by_score(verdict))
        return points >= HAM_POINTS && taught_points(verdict) >= HAM_POINTS ? KNOWN_SPAM : KNOWN_PLAIN;
    return is_blamed(verdict) && (points >= HAM_POINTS || !verdict->contribution_count) ? KNOWN_SPAM : KNOWN_PLAIN;
}

/* Strangers' mail */

static void set_greylist(const struct edge_mail *mail, const struct edge_known *known, const struct verdict *verdict,
                         struct known_outcome *outcome)
{
    const struct evidence *evidence = &mail->gather.evidence;
    const struct evidence_item *item = evidence_find(evidence, CHECK_GREYLIST, 0);
    if (!known->greylist_counts || !item || item->result != AUTH_NEUTRAL)
        return;
    struct bytes state = evidence_value(item, "vouch", "state");
    bool came_again = bytes_is(state, "passed") || bytes_is(state, "white");
    if (verdict->action == ACTION_TEMPFAIL)
        outcome->greylist = bytes_is(state, "new") ? KNOWN_GREYLIST_TRY : KNOWN_GREYLIST_NONE;
    else if (came_again && verdict->action == ACTION_ACCEPT)
        outcome->greylist = KNOWN_GREYLIST_PASS;
    else if (came_again && (verdict->action == ACTION_JUNK || verdict->action == ACTION_QUARANTINE))
        outcome->greylist = KNOWN_GREYLIST_JUNK;
    if (outcome->greylist == KNOWN_GREYLIST_NONE)
        return;
    outcome->client = evidence->client;
    if (evidence->mail_from.len <= KNOWN_ADDRESS_MAX)
        outcome->mail_from = evidence->mail_from;
    if (evidence->recipient_count && evidence->recipients[0].len <= KNOWN_ADDRESS_MAX)
        outcome->recipient = evidence->recipients[0];
    if (outcome->identity_count && outcome->identities[0].kind != HISTORY_NETWORK)
        outcome->greylist_domain = outcome->identities[0].name;
}

static void set_answered(const struct edge_mail *mail, const struct verdict *verdict, struct known_outcome *outcome)
{
    const struct evidence *evidence = &mail->gather.evidence;
    struct bytes author = edge_author(mail);
    if (!author.len || author.len > KNOWN_ADDRESS_MAX || verdict->action != ACTION_ACCEPT)
        return;
    for (size_t i = 0; i < evidence->item_count && outcome->answered_count < KNOWN_CONTACTS_MAX; i++) {
        struct bytes recipient = evidence_value(&evidence->items[i], "vouch", "recipient");
        if (evidence->items[i].check == CHECK_CONTACT && recipient.len && recipient.len <= KNOWN_ADDRESS_MAX &&
            !bytes_is(recipient, "*"))
            outcome->answered[outcome->answered_count++] = recipient;
    }
    if (outcome->answered_count)
        outcome->author = author;
}

/* Who chose the recipients: anybody can send again what somebody else signed. */
static bool has_sender(const struct known_outcome *outcome)
{
    for (size_t i = 0; i < outcome->identity_count; i++)
        if (outcome->identities[i].kind != HISTORY_DKIM)
            return true;
    return false;
}

static void of_stranger(struct edge_mail *mail, const struct edge_known *known, const struct verdict *verdict,
                        struct known_outcome *outcome)
{
    const struct gather *gather = &mail->gather;
    outcome->identity_count = edge_known_identities(gather, outcome->identities);
    set_greylist(mail, known, verdict, outcome);
    set_answered(mail, verdict, outcome);
    /* What was put off comes again, and counts then. */
    if (verdict->action == ACTION_TEMPFAIL) {
        outcome->identity_count = 0;
        return;
    }
    edge_known_nameservers(gather, &outcome->nameservers);
    outcome->trap = known->trap_count && edge_known_trap_teaches(mail);
    outcome->class = outcome->trap ? KNOWN_SPAM : known->trap_count ? KNOWN_PLAIN : class_of(verdict);
    outcome->unknown = known->unknown < KNOWN_RECIPIENTS_MAX ? known->unknown : KNOWN_RECIPIENTS_MAX;
    if ((outcome->trap || outcome->unknown) && !has_sender(outcome))
        outcome->identity_count = edge_known_network(gather, outcome->identities, outcome->identity_count);
}

static bool field_says(const struct message *message, const char *name, const char *const *words)
{
    const struct header_field *field = message_field(message, name, 0);
    if (!field)
        return false;
    struct bytes value = bytes_trim(field->value);
    for (size_t i = 0; words[i]; i++)
        if (bytes_starts_with_nocase(value, bytes_of(words[i])))
            return true;
    return false;
}

bool edge_known_trap_teaches(const struct edge_mail *mail)
{
    static const char *const automatic[] = {"auto-", NULL};
    const struct evidence *evidence = &mail->gather.evidence;
    return !mail->account && !evidence->own_network && evidence->mail_from.len &&
           !rates_is_trusted(mail->gather.config, &evidence->client) &&
           !field_says(&mail->gather.message, "Auto-Submitted", automatic);
}

/* Mail of accounts */

/* The first field of that name is there, and does not say that a person wrote it (rfc3834:5). */
static bool is_automatic(const struct message *message)
{
    static const char *const person[] = {"no", NULL};
    return message_field(message, "Auto-Submitted", 0) && !field_says(message, "Auto-Submitted", person);
}

/* Receipts, reports, and answers to invitations: a program writes them to whoever asked for one. */
static bool is_receipt(const struct edge_mail *mail)
{
    struct mime mime;
    if (!message_field(&mail->gather.message, "Content-Type", 0))
        return false;
    if (mime_parse(mail->gather.arena, &mail->gather.message, NULL, &mime, NULL) != OK)
        return true;
    for (const struct mime_part *part = mime.root; part; part = mime_next_own(part))
        if (mime_is(part, "multipart", "report") || mime_is(part, "message", "disposition-notification") ||
            mime_is(part, "message", "delivery-status") ||
            (mime_is(part, "text", "calendar") &&
             bytes_equal_nocase(bytes_trim(mime_type_parameter(part, "method")), BYTES("REPLY"))))
            return true;
    return false;
}

/* What a mail program sends at a click to leave a list (rfc2369:3.2). */
static bool is_sign_off(const struct message *message)
{
    const struct header_field *subject = message_field(message, "Subject", 0);
    if (!subject || !bytes_equal_nocase(bytes_trim(subject->value), BYTES("unsubscribe")))
        return false;
    for (size_t i = 0; i < message->body.len; i++)
        if (message->body.ptr[i] > ' ')
            return false;
    return true;
}

/* A person wrote it to persons: an answer of a machine to whoever wrote to it (rfc3834:5), or a mailing, says
 * nothing about whom we know. */
static bool is_letter(const struct edge_mail *mail)
{
    static const char *const bulk[] = {"bulk", "list", "junk", "auto_reply", NULL};
    const struct message *message = &mail->gather.message;
    return !is_automatic(message) && !field_says(message, "Precedence", bulk) && !is_sign_off(message) &&
           !message_field(message, "List-Id", 0) && !message_field(message, "List-Unsubscribe", 0) &&
           mail->gather.evidence.mail_from.len > 0 &&
           mail->gather.evidence.recipient_count <= LETTER_RECIPIENTS_MOST && !is_receipt(mail);
}

static void of_account(struct edge_mail *mail, const struct verdict *verdict, struct known_outcome *outcome)
{
    const struct evidence *evidence = &mail->gather.evidence;
    struct bytes owner = mail->account->name;
    if (bytes_find_byte(owner, '@') == BYTES_NOT_FOUND)
        owner = evidence->mail_from;
    if (mail->account->machine || verdict->action != ACTION_ACCEPT || owner.len > KNOWN_ADDRESS_MAX ||
        !is_letter(mail))
        return;
    for (size_t i = 0; i < evidence->recipient_count && outcome->learned_count < KNOWN_LEARNED_MAX; i++) {
        struct bytes address = evidence->recipients[i];
        if (address.len <= KNOWN_ADDRESS_MAX && !bytes_equal_nocase(address, owner))
            outcome->learned[outcome->learned_count++] = address;
    }
    if (outcome->learned_count)
        outcome->owner = owner;
}

bool edge_known_outcome(struct edge_mail *mail, const struct edge_known *known, const struct verdict *verdict,
                        struct bytes *out)
{
    struct arena *arena = mail->gather.arena;
    const struct config *config = mail->gather.config;
    struct known_outcome *outcome = arena_new(arena, struct known_outcome);
    struct buf text;
    *out = BYTES("");
    if (!outcome)
        return false;
    if (mail->account && config->reputation.contacts)
        of_account(mail, verdict, outcome);
    else if (!mail->account && !mail->gather.evidence.own_network)
        of_stranger(mail, known, verdict, outcome);
    if (!outcome->identity_count && !outcome->learned_count && !outcome->answered_count &&
        outcome->greylist == KNOWN_GREYLIST_NONE)
        return !arena_exhausted(arena);
    buf_init(&text, KNOWN_OUTCOME_MAX);
    known_outcome_write(&text, outcome);
    if (!text.failed)
        *out = arena_copy(arena, buf_bytes(&text));
    buf_free(&text);
    return out->len > 0;
}
