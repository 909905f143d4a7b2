/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What leaves us, at the edge: forwards, relayed domains, lists, the return paths that they bear and the
 * reports that come back to them.
 */
#include "edge_world.h"

static const char anna[] = "anna@vouch.example";
static const char hello[] = "From: anna@vouch.example\r\nSubject: hello\r\n\r\nhi\r\n";
static const char good[] = "From: a@good.example\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n"
                           "Message-ID: <1@good.example>\r\nSubject: hello\r\n\r\nhi\r\n";

/* Whose author's domain says nothing. */
static const char plain[] = "From: a@nothing.example\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n"
                            "Message-ID: <1@nothing.example>\r\nSubject: hello\r\n\r\nhi\r\n";

/* With more sections. */
static void begin(const char *sections)
{
    static char text[4096];
    snprintf(text, sizeof(text),
             "accounts { file = /etc/vouch/accounts }\n"
             "host printer { networks = [192.0.2.77] senders = [anna@vouch.example, @other.example] }\n"
             "relay backup.example { primary = [\"192.0.2.200:25\"] }\n"
             "list announce { address = announce@vouch.example members = /etc/vouch/announce\n"
             "                owner = anna@vouch.example description = \"News\" }\n%s",
             sections);
    world.more = text;
    world_start();
}

static unsigned recipient(struct client *client, const char *address)
{
    char line[1024];
    snprintf(line, sizeof(line), "RCPT TO:<%s>\r\n", address);
    return talk(client, line);
}

/* The first reply that is not positive, or the last. */
static unsigned submit(struct client *client, const char *sender, const char *recipients, const char *text)
{
    char line[1024], address[512];
    struct bytes rest = bytes_of(recipients), word;
    snprintf(line, sizeof(line), "MAIL FROM:<%s>\r\n", sender);
    unsigned code = talk(client, line);
    while (code == 250 && rest.len && bytes_split(&rest, ' ', &word)) {
        check(bytes_to_cstring(word, address, sizeof(address)));
        code = recipient(client, address);
    }
    if (code == 250)
        code = talk(client, "DATA\r\n");
    if (code != 354) {
        struct client ignored = *client;
        put(client, "RSET\r\n");
        check(reply(&ignored) == 250);
        return code;
    }
    put(client, text);
    return talk(client, ".\r\n");
}

/* A message of one connection, with these sections. */
static unsigned one(const char *ip, const char *sender, const char *recipients, const char *text)
{
    struct client client;
    greet(&client, ip);
    unsigned code = submit(&client, sender, recipients, text);
    hang_up(&client);
    return code;
}

static const struct delivery_request *last(void)
{
    return &world.script.request;
}

static bool ends(struct bytes text, const char *with)
{
    return bytes_ends_with(text, bytes_of(with));
}

/* Signed with the key of "s" in that domain. */
static const char *signed_by(const char *domain, const char *text)
{
    struct message message;
    struct dkim_signing signing;
    struct error error;
    struct buf out;
    dkim_signing_init(&signing, bytes_of(domain), BYTES("s"));
    signing.algorithm = DKIM_RSA_SHA256;
    signing.time = loop_epoch();
    check(message_parse(world.arena, bytes_of(text), &message, &error) == OK);
    buf_init(&out, 65536);
    check(dkim_sign(world.arena, &message, &signing, dkim_sign_with_key, the_key, &out, &error) == OK);
    buf_add_string(&out, text);
    struct bytes copy = arena_copy(world.arena, buf_bytes(&out));
    buf_free(&out);
    return arena_string(world.arena, copy);
}

/* ---- how far the return path is known ---- */

STORY(spf_for_the_return_path_verifies_it)
{
    begin("");
    check(one("192.0.2.1", "a@good.example", "forward@vouch.example", good) == 250);
    check(last()->origin == ORIGIN_VERIFIED && !last()->account.len);
    check(last()->folder == FOLDER_INBOX && !last()->recipients[0].elsewhere);
    check(one("192.0.2.1", "a@soft.example", "forward@vouch.example", plain) == 250);
    check(last()->origin == ORIGIN_STRANGER);
    check(one("192.0.2.1", "a@nothing.example", "forward@vouch.example", plain) == 250);
    check(last()->origin == ORIGIN_STRANGER);
    world_end();
}

/* SPF for HELO is not about anybody who could be told (rfc7208:2.3). */
STORY(a_null_sender_is_never_verified)
{
    struct client client;
    begin("");
    connect_from(&client, "192.0.2.1");
    check(reply(&client) == 220 && talk(&client, "EHLO helo.example\r\n") == 250);
    check(submit(&client, "", "forward@vouch.example", "From: x@helo.example\r\n\r\nhi\r\n") == 250);
    check(holds(last()->prefix, "spf=pass"));
    check(last()->origin == ORIGIN_STRANGER && !last()->remote_sender.len);
    hang_up(&client);
    world_end();
}

STORY(a_signature_of_the_return_paths_domain_verifies_it)
{
    begin("");
    check(one("198.51.100.7", "a@good.example", "forward@vouch.example", signed_by("good.example", good)) ==
          250);
    check(holds(last()->prefix, "dkim=pass") && holds(last()->prefix, "spf=fail"));
    check(last()->origin == ORIGIN_VERIFIED);
    /* A parent of the return path's domain speaks for it, another domain does not. */
    check(one("198.51.100.7", "a@sub.good.example", "forward@vouch.example",
              signed_by("good.example", good)) == 250);
    check(last()->origin == ORIGIN_VERIFIED);
    check(one("198.51.100.7", "a@nothing.example", "forward@vouch.example",
              signed_by("good.example", good)) == 250);
    check(holds(last()->prefix, "dkim=pass"));
    check(last()->origin == ORIGIN_STRANGER);
    world_end();
}

STORY(own_networks_are_believed_for_our_domains_only)
{
    begin("");
    check(one("10.0.0.5", "alice@vouch.example", "forward@vouch.example", hello) == 250);
    check(last()->origin == ORIGIN_OURS);
    check(one("10.0.0.5", "a@good.example", "forward@vouch.example", good) == 250);
    check(last()->origin == ORIGIN_STRANGER);
    world_end();
}

STORY(junk_is_told_to_the_store_as_such)
{
    begin("");
    check(one("198.51.100.7", "a@junk.example", "forward@vouch.example",
              "From: a@junk.example\r\n\r\nbuy\r\n") == 250);
    check(last()->folder == FOLDER_JUNK && last()->origin == ORIGIN_STRANGER);
    world_end();
}

/* ---- the return path of forwarded mail ---- */

#define SRS "srs { domain = srs.vouch.example secrets = /etc/vouch/srs }\n"

STORY(the_return_path_is_rewritten_where_spf_would_break)
{
    begin(SRS);
    check(one("192.0.2.1", "a@good.example", "forward@vouch.example", good) == 250);
    check(bytes_starts_with(last()->remote_sender, BYTES("SRS0=")));
    check(ends(last()->remote_sender, "=good.example=a@srs.vouch.example"));
    check(bytes_is(last()->sender, "a@good.example"));
    check(one("192.0.2.1", "a@nothing.example", "forward@vouch.example", plain) == 250);
    check(bytes_is(last()->remote_sender, "a@nothing.example"));
    /* Who stays here needs none; nor does the primary, which knows us. */
    unsigned asked = world.keys_script.addresses;
    check(one("192.0.2.1", "a@good.example", "alice@vouch.example", good) == 250);
    check(bytes_is(last()->remote_sender, "a@good.example"));
    check(one("192.0.2.1", "a@good.example", "x@backup.example", good) == 250);
    check(bytes_is(last()->remote_sender, "a@good.example"));
    check(one("192.0.2.1", "", "forward@vouch.example", plain) == 250);
    check(!last()->remote_sender.len);
    check(world.keys_script.addresses == asked);
    world_end();
}

STORY(srs_can_be_had_never_or_always_but_not_for_local_senders)
{
    begin(SRS "forwarding { srs = never }\n");
    check(one("192.0.2.1", "a@good.example", "forward@vouch.example", good) == 250);
    check(bytes_is(last()->remote_sender, "a@good.example"));
    world_end();
    begin(SRS "forwarding { srs = always }\n");
    check(one("192.0.2.1", "a@nothing.example", "forward@vouch.example", plain) == 250);
    check(bytes_starts_with(last()->remote_sender, BYTES("SRS0=")));
    check(one("192.0.2.1", "alice@vouch.example", "forward@vouch.example", plain) == 250);
    check(bytes_is(last()->remote_sender, "alice@vouch.example"));
    check(one("10.0.0.5", "alice@vouch.example", "forward@vouch.example", hello) == 250);
    check(bytes_is(last()->remote_sender, "alice@vouch.example"));
    check(one("192.0.2.77", anna, "forward@vouch.example", hello) == 250);
    check(bytes_is(last()->remote_sender, anna));
    world_end();
}

STORY(a_return_path_that_cannot_be_made_now_puts_mail_off)
{
    begin(SRS);
    world.keys_script.no_address = true;
    check(one("192.0.2.1", "a@good.example", "forward@vouch.example", good) == 451);
    check(world.script.deliveries == 0);
    world_end();
}

/* Section 3: "SRS and BATV addresses take only <> reports back". */
STORY(reports_to_a_rewritten_return_path_go_on_to_the_sender)
{
    struct client client;
    char address[256], changed[256];
    begin(SRS);
    check(one("192.0.2.1", "a@good.example", "forward@vouch.example", good) == 250);
    check(bytes_to_cstring(last()->remote_sender, address, sizeof(address)));
    greet(&client, "192.0.2.50");
    check(submit(&client, "", address, "From: mailer-daemon@far.example\r\n\r\nno\r\n") == 250);
    check(bytes_is(last()->recipients[0].mailbox, "a@good.example") && last()->recipients[0].elsewhere);
    check(!last()->remote_sender.len && last()->origin == ORIGIN_STRANGER);
    check(submit(&client, "x@far.example", address, plain) == 550);
    check(said(&client, "5.7.1"));
    /* The one after it is not let through with it. */
    check(talk(&client, "MAIL FROM:<>\r\n") == 250);
    check(recipient(&client, address) == 250);
    check(recipient(&client, "bob@far.example") == 550);
    check(talk(&client, "RSET\r\n") == 250);
    /* Forged, expired, or none at all. */
    snprintf(changed, sizeof(changed), "SRS0=AAAA%s", address + 9);
    check(submit(&client, "", changed, plain) == 550);
    check(submit(&client, "", "alice@srs.vouch.example", plain) == 550);
    hang_up(&client);
    fiber_sleep(30 * DAY);
    check(one("192.0.2.50", "", address, plain) == 550);
    world_end();
}

/* ---- BATV ---- */

#define BATV "batv { domains = [vouch.example] secrets = /etc/vouch/batv }\n"

static const char report[] =
    "From: mailer-daemon@far.example\r\nTo: anna@vouch.example\r\nMIME-Version: 1.0\r\n"
    "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
    "--b\r\n\r\nNo.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
    "Reporting-MTA: dns; far.example\r\n\r\nFinal-Recipient: rfc822; bob@far.example\r\n"
    "Action: failed\r\nStatus: 5.1.1\r\n\r\n--b--\r\n";
static const char read_report[] =
    "From: bob@far.example\r\nTo: anna@vouch.example\r\nMIME-Version: 1.0\r\n"
    "Content-Type: multipart/report; report-type=disposition-notification; boundary=b\r\n\r\n"
    "--b\r\n\r\nSeen.\r\n--b\r\nContent-Type: message/disposition-notification\r\n\r\n"
    "Final-Recipient: rfc822; bob@far.example\r\n"
    "Disposition: manual-action/MDN-sent-manually; displayed\r\n\r\n--b--\r\n";

STORY(a_return_path_of_ours_is_tagged_when_it_leaves_us)
{
    char address[256];
    begin(BATV);
    check(one("192.0.2.77", anna, "alice@vouch.example", hello) == 250);
    check(bytes_is(last()->remote_sender, anna) && world.keys_script.addresses == 0);
    check(one("192.0.2.77", anna, "alice@vouch.example bob@far.example", hello) == 250);
    check(bytes_starts_with(last()->remote_sender, BYTES("prvs=")));
    check(ends(last()->remote_sender, "=anna@vouch.example"));
    /* For those who are here it is what it was. */
    check(bytes_is(last()->sender, anna));
    check(bytes_to_cstring(last()->remote_sender, address, sizeof(address)));
    check(one("192.0.2.77", "x@other.example", "bob@far.example", "From: x@other.example\r\n\r\nhi\r\n") ==
          250);
    check(bytes_is(last()->remote_sender, "x@other.example"));
    /* What strangers send on through us is not ours. */
    check(one("192.0.2.1", "alice@vouch.example", "forward@vouch.example", plain) == 250);
    check(bytes_is(last()->remote_sender, "alice@vouch.example"));
    /* A report finds back. */
    check(one("192.0.2.50", "", address, report) == 250);
    check(bytes_is(last()->recipients[0].mailbox, anna) && !last()->recipients[0].elsewhere);
    /* Refused after the data, not at RCPT: some servers ask first whether an address exists. */
    struct client client;
    greet(&client, "192.0.2.1");
    check(talk(&client, "MAIL FROM:<a@good.example>\r\n") == 250);
    check(recipient(&client, address) == 250);
    check(talk(&client, "DATA\r\n") == 354);
    put(&client, good);
    unsigned deliveries = world.script.deliveries;
    check(talk(&client, ".\r\n") == 550 && said(&client, "5.7.1"));
    check(world.script.deliveries == deliveries);
    check(submit(&client, "", "prvs=0999abcdef=anna@vouch.example", report) == 550);
    hang_up(&client);
    fiber_sleep(9 * DAY);
    check(one("192.0.2.50", "", address, report) == 550);
    world_end();
}

STORY(forged_reports_are_refused_a_week_after_tagging_began)
{
    static const char old_report[] = "From: MAILER-DAEMON@far.example\r\nSubject: failure\r\n\r\nno\r\n";
    begin(BATV);
    /* Nobody has sent anything yet. */
    check(one("192.0.2.50", "", anna, report) == 250);
    check(one("192.0.2.77", anna, "bob@far.example", hello) == 250);
    fiber_sleep(6 * DAY);
    check(one("192.0.2.50", "", anna, report) == 250);
    check(one("192.0.2.77", anna, "bob@far.example", hello) == 250);
    fiber_sleep(DAY + HOUR);
    check(one("192.0.2.50", "", anna, report) == 550);
    check(one("192.0.2.50", "", anna, old_report) == 550);
    /* Only a report of delivery, only with the null sender, only to these domains. */
    check(one("192.0.2.50", "", anna, read_report) == 250);
    check(one("192.0.2.50", "", anna, "From: bob@far.example\r\n\r\nseen\r\n") == 250);
    check(one("192.0.2.50", "x@nothing.example", anna, report) == 250);
    check(one("192.0.2.50", "", "x@backup.example", report) == 250);
    /* Without the store nobody can say since when: then it is let through. */
    world.script.cannot_count = true;
    check(one("192.0.2.50", "", anna, report) == 250);
    world_end();
}

/* ---- seals and Resent fields ---- */

STORY(forwarded_mail_is_sealed_where_there_is_a_key)
{
    begin("authentication { arc = yes }\nsigning vouch.example { }\n");
    check(one("192.0.2.1", "a@good.example", "forward@vouch.example", good) == 250);
    check(!holds(last()->remote_prefix, "ARC-Seal:"));
    world_end();
    begin("authentication { arc = yes }\nsigning vouch.example { }\n");
    world.keys_script.signs_for[0] = "vouch.example";
    check(one("192.0.2.1", "a@good.example", "forward@vouch.example", good) == 250);
    check(holds(last()->remote_prefix, "ARC-Seal: ") && holds(last()->remote_prefix, "cv=none"));
    check(holds(last()->remote_prefix, "ARC-Authentication-Results: i=1;"));
    /* Not signed: it is not ours. Nor sealed where it stays. */
    check(!holds(last()->remote_prefix, "DKIM-Signature:"));
    check(one("192.0.2.1", "a@good.example", "alice@vouch.example", good) == 250);
    check(!holds(last()->prefix, "ARC-Seal:"));
    world_end();
}

STORY(resent_fields_are_added_unless_a_signature_names_them)
{
    char text[2048];
    begin("forwarding { resent = yes }\n");
    check(one("192.0.2.1", "a@good.example", "forward@vouch.example", good) == 250);
    check(holds(last()->remote_prefix, "Resent-From: "));
    check(holds(last()->remote_prefix, "forward@vouch.example"));
    check(!holds(last()->prefix, "Resent-From"));
    snprintf(text, sizeof(text),
             "DKIM-Signature: v=1; a=rsa-sha256; d=far.example; s=s; h=From:Resent-From; bh=AAAA; b=AAAA\r\n%s",
             good);
    check(one("192.0.2.1", "a@good.example", "forward@vouch.example", text) == 250);
    check(!holds(last()->remote_prefix, "Resent-From: "));
    check(one("192.0.2.1", "a@good.example", "x@backup.example", good) == 250);
    check(!holds(last()->remote_prefix, "Resent-From: "));
    world_end();
    begin("");
    check(one("192.0.2.1", "a@good.example", "forward@vouch.example", good) == 250);
    check(!holds(last()->remote_prefix, "Resent-From: "));
    world_end();
}

/* ---- lists ---- */

STORY(a_strangers_mail_to_a_list_goes_alone)
{
    struct client client;
    begin("signing vouch.example { }\n");
    world.keys_script.signs_for[0] = "vouch.example";
    greet(&client, "192.0.2.1");
    check(talk(&client, "MAIL FROM:<a@good.example>\r\n") == 250);
    check(recipient(&client, "announce@vouch.example") == 250);
    check(recipient(&client, "alice@vouch.example") == 452 && said(&client, "4.5.3"));
    check(talk(&client, "RSET\r\n") == 250);
    check(talk(&client, "MAIL FROM:<a@good.example>\r\n") == 250);
    check(recipient(&client, "alice@vouch.example") == 250);
    check(recipient(&client, "announce@vouch.example") == 452);
    check(recipient(&client, "x@backup.example") == 452);
    check(talk(&client, "RSET\r\n") == 250);
    check(submit(&client, "a@good.example", "announce@vouch.example", good) == 250);
    check(bytes_is(last()->list, "announce") && bytes_is(last()->author, "a@good.example"));
    check(bytes_is(last()->remote_sender, "announce-bounces@vouch.example"));
    check(holds(last()->content, "List-Id: ") && holds(last()->content, "announce.vouch.example"));
    check(holds(last()->content, "List-Post: <mailto:announce@vouch.example>"));
    check(holds(last()->remote_prefix, "DKIM-Signature:"));
    /* From and Subject stay (rfc5321:3.9). */
    check(holds(last()->content, "From: a@good.example\r\n"));
    check(holds(last()->content, "Subject: hello\r\n"));
    hang_up(&client);
    world_end();
}

STORY(who_posts_is_told_to_the_store_only_if_it_was_authenticated)
{
    begin("");
    check(one("192.0.2.1", "a@nothing.example", "announce@vouch.example",
              "From: a@nothing.example\r\n\r\nhi\r\n") == 250);
    check(!last()->author.len);
    /* SPF passes for the return path, but From is another's. */
    check(one("192.0.2.1", "a@good.example", "announce@vouch.example", plain) == 250);
    check(!last()->author.len);
    /* The list would sign what a stranger says in the name of one of us. Nor does it take reports. */
    check(one("192.0.2.1", "a@good.example", "announce@vouch.example",
              "From: anna@vouch.example\r\n\r\nhi\r\n") == 550);
    check(one("192.0.2.1", "", "announce@vouch.example", plain) == 550);
    check(one("198.51.100.7", "b@nothing.example", "announce@vouch.example",
              signed_by("good.example", good)) == 250);
    check(bytes_is(last()->author, "a@good.example"));
    check(one("192.0.2.77", anna, "announce@vouch.example", hello) == 250);
    check(bytes_is(last()->author, anna));
    world_end();
}

STORY(an_accounts_message_to_a_list_and_others_makes_copies_of_their_own)
{
    begin("signing vouch.example { }\n");
    world.keys_script.signs_for[0] = "vouch.example";
    check(one("192.0.2.77", anna, "announce@vouch.example bob@far.example alice@vouch.example", hello) == 250);
    check(world.script.deliveries == 2);
    const struct delivery_request *others = &world.script.requests[0], *list = &world.script.requests[1];
    check(others->recipient_count == 2 && !others->list.len);
    check(bytes_is(others->remote_sender, anna) && !holds(others->content, "List-Id"));
    check(holds(others->prefix, "DKIM-Signature:"));
    check(list->recipient_count == 1 && bytes_is(list->list, "announce"));
    check(bytes_is(list->recipients[0].mailbox, "announce@vouch.example"));
    check(bytes_is(list->remote_sender, "announce-bounces@vouch.example"));
    check(holds(list->content, "List-Id") && holds(list->remote_prefix, "DKIM-Signature:"));
    /* The same Message-ID: it is one message. */
    size_t at = bytes_find(others->content, BYTES("Message-ID: "));
    check(at != BYTES_NOT_FOUND);
    struct bytes id = bytes_first(bytes_skip(others->content, at), 40);
    check(bytes_find(list->content, id) != BYTES_NOT_FOUND);
    world_end();
}

/* rfc2919:3, rfc3834:2 */
STORY(what_comes_back_to_a_list_is_refused)
{
    struct client client;
    char text[4096];
    begin("");
    greet(&client, "192.0.2.1");
    check(submit(&client, "a@good.example", "announce@vouch.example", good) == 250);
    check(bytes_to_cstring(last()->content, text, sizeof(text)));
    check(submit(&client, "a@good.example", "announce@vouch.example", text) == 554);
    check(said(&client, "5.4.6"));
    snprintf(text, sizeof(text), "Auto-Submitted: auto-replied\r\n%s", good);
    check(submit(&client, "a@good.example", "announce@vouch.example", text) == 550);
    check(world.script.deliveries == 1);
    hang_up(&client);
    /* A refusal is true for all recipients (rfc5321:4.2.5). */
    greet(&client, "192.0.2.77");
    snprintf(text, sizeof(text), "Auto-Submitted: auto-replied\r\n%s", hello);
    check(submit(&client, anna, "bob@far.example announce@vouch.example", text) == 550);
    world.script.closed_list = true;
    check(submit(&client, anna, "announce@vouch.example bob@far.example", hello) == 550);
    check(said(&client, "5.7.2"));
    world.script.knows_nobody = true;
    check(submit(&client, anna, "announce@vouch.example bob@far.example", hello) == 451);
    check(world.script.deliveries == 1);
    hang_up(&client);
    world_end();
}

/* ---- parameters ---- */

/* rfc3461:4, 5.2.2: strangers get no notifications from us, so none are promised to them. */
STORY(wishes_for_notifications_reach_the_store_for_own_users_only)
{
    struct client client;
    begin("");
    greet(&client, "192.0.2.77");
    check(said(&client, "DSN"));
    check(talk(&client, "MAIL FROM:<anna@vouch.example> RET=HDRS ENVID=abc+2Bd\r\n") == 250);
    check(talk(&client, "RCPT TO:<bob@far.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;bob+2Bx@far.example\r\n") ==
          250);
    check(talk(&client, "RCPT TO:<cy@far.example> NOTIFY=NEVER\r\n") == 250);
    check(talk(&client, "DATA\r\n") == 354);
    put(&client, hello);
    check(talk(&client, ".\r\n") == 250);
    check(bytes_is(last()->envelope_id, "abc+d") && last()->return_headers && !last()->return_full);
    check(last()->recipients[0].notify == (SMTP_NOTIFY_SUCCESS | SMTP_NOTIFY_DELAY));
    check(bytes_is(last()->recipients[0].original, "rfc822;bob+x@far.example"));
    check(last()->recipients[1].notify == SMTP_NOTIFY_NEVER);
    hang_up(&client);
    greet(&client, "192.0.2.1");
    check(!said(&client, "DSN"));
    check(talk(&client, "MAIL FROM:<a@good.example> RET=HDRS\r\n") == 555);
    check(talk(&client, "MAIL FROM:<a@good.example>\r\n") == 250);
    check(talk(&client, "RCPT TO:<forward@vouch.example> NOTIFY=SUCCESS\r\n") == 555);
    hang_up(&client);
    world_end();
}

/* rfc8689:3, 5 */
STORY(tls_can_be_required_over_tls_only_and_be_declared_unimportant)
{
    struct client client;
    char text[1024];
    begin("");
    greet(&client, "192.0.2.77");
    check(!said(&client, "REQUIRETLS"));
    check(talk(&client, "MAIL FROM:<anna@vouch.example> REQUIRETLS\r\n") / 100 == 5);
    check(submit(&client, anna, "bob@far.example", hello) == 250);
    check(!last()->require_tls && !last()->tls_optional);
    snprintf(text, sizeof(text), "TLS-Required: No\r\n%s", hello);
    check(submit(&client, anna, "bob@far.example", text) == 250);
    check(last()->tls_optional);
    snprintf(text, sizeof(text), "TLS-Required: yes\r\n%s", hello);
    check(submit(&client, anna, "bob@far.example", text) == 250);
    check(!last()->tls_optional);
    hang_up(&client);
    world_end();
}

/* rfc4405:4.1: on all messages, the address that RFC 4407 finds in what is sent. */
STORY(the_responsible_address_is_handed_on)
{
    begin("authentication { sender-id = yes }\n" SRS);
    check(one("192.0.2.1", "a@good.example", "forward@vouch.example", good) == 250);
    check(bytes_is(last()->submitter, "a@good.example"));
    check(one("192.0.2.1", "", "forward@vouch.example", plain) == 250);
    check(bytes_is(last()->submitter, "a@nothing.example"));
    check(one("192.0.2.77", anna, "bob@far.example",
              "Sender: x@other.example\r\nFrom: anna@vouch.example\r\n\r\nhi\r\n") == 250);
    check(bytes_is(last()->submitter, "x@other.example"));
    check(one("192.0.2.1", "a@good.example", "alice@vouch.example", good) == 250);
    check(!last()->submitter.len);
    world_end();
    /* Fields of ours name another. */
    begin("authentication { sender-id = yes }\nforwarding { resent = yes }\n");
    check(one("192.0.2.1", "a@good.example", "forward@vouch.example", good) == 250);
    check(holds(last()->remote_prefix, "Resent-From: "));
    check(bytes_is(last()->submitter, "forward@vouch.example"));
    world_end();
    begin("");
    check(one("192.0.2.77", anna, "bob@far.example", hello) == 250);
    check(!last()->submitter.len);
    world_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spf_for_the_return_path_verifies_it),
        cmocka_unit_test(a_null_sender_is_never_verified),
        cmocka_unit_test(a_signature_of_the_return_paths_domain_verifies_it),
        cmocka_unit_test(own_networks_are_believed_for_our_domains_only),
        cmocka_unit_test(junk_is_told_to_the_store_as_such),
        cmocka_unit_test(the_return_path_is_rewritten_where_spf_would_break),
        cmocka_unit_test(srs_can_be_had_never_or_always_but_not_for_local_senders),
        cmocka_unit_test(a_return_path_that_cannot_be_made_now_puts_mail_off),
        cmocka_unit_test(reports_to_a_rewritten_return_path_go_on_to_the_sender),
        cmocka_unit_test(a_return_path_of_ours_is_tagged_when_it_leaves_us),
        cmocka_unit_test(forged_reports_are_refused_a_week_after_tagging_began),
        cmocka_unit_test(forwarded_mail_is_sealed_where_there_is_a_key),
        cmocka_unit_test(resent_fields_are_added_unless_a_signature_names_them),
        cmocka_unit_test(a_strangers_mail_to_a_list_goes_alone),
        cmocka_unit_test(who_posts_is_told_to_the_store_only_if_it_was_authenticated),
        cmocka_unit_test(an_accounts_message_to_a_list_and_others_makes_copies_of_their_own),
        cmocka_unit_test(what_comes_back_to_a_list_is_refused),
        cmocka_unit_test(wishes_for_notifications_reach_the_store_for_own_users_only),
        cmocka_unit_test(tls_can_be_required_over_tls_only_and_be_declared_unimportant),
        cmocka_unit_test(the_responsible_address_is_handed_on),
    };
    signal(SIGPIPE, SIG_IGN);
    alarm(300);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
