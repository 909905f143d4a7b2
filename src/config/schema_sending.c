/* SPDX-License-Identifier: BSD-2-Clause */
/* The part of the schema that is about sending. */
#include "config/schema.h"

#include "base/clock.h"
#include "config/value.h"

#define MIB (INT64_C(1024) * 1024)
#define GIB (1024 * MIB)

#define AT(member) .offset = offsetof(struct config, accounts.member)
const struct config_key config_accounts_keys[CONFIG_ACCOUNTS_KEYS] = {
    {"file", CONFIG_PATH, AT(file), .example = "/etc/vouch/accounts",
     .meaning = "File of accounts, as vouch user makes it. Only the process that verifies passwords reads "
                "it. Unset: none."},
    {"dovecot", CONFIG_PATH, AT(dovecot), .example = "/run/dovecot/auth-client",
     .meaning = "Socket of Dovecot's auth service, which then knows the accounts; not asked where file is set."},
    {"pam", CONFIG_TEXT, AT(pam), .check = config_check_token, .example = "vouch",
     .meaning = "PAM service that verifies passwords; not asked where file or dovecot is set."},
    {"mechanisms", CONFIG_TOKENS, AT(mechanisms), .most = 10, .example = "[SCRAM-SHA-256, PLAIN]",
     .meaning = "SASL mechanisms offered, of SCRAM-SHA-256-PLUS, SCRAM-SHA-256, PLAIN, LOGIN, CRAM-MD5 and "
                "EXTERNAL. Unset: SCRAM, PLAIN and LOGIN, and EXTERNAL where client-authorities is set. "
                "CRAM-MD5 needs a stored secret (vouch user add --cram-md5)."},
    {"client-authorities", CONFIG_PATH, AT(client_authorities), .example = "/etc/vouch/clients.pem",
     .meaning = "PEM file of the authorities whose client certificates are believed; the mail address in "
                "one names the account. Unset: client certificates are not asked for."},
    {"failures", CONFIG_NUMBER, AT(failures), .fallback = "20", .least = 1, .most = 100000,
     .meaning = "Failed attempts to authenticate from one network, within failure-window, from which on it "
                "is refused. An account is never locked by failures in networks that it is not used from."},
    {"failure-window", CONFIG_DURATION, AT(failure_window), .fallback = "1h", .least = MINUTE, .most = DAY,
     .meaning = "How long a failure counts."},
    {"failure-delay", CONFIG_DURATION, AT(failure_delay), .fallback = "1s", .most = 30 * SECOND,
     .meaning = "How long the answer to a failed attempt waits; longer with each further one."},
};
#undef AT

#define AT(member) .offset = offsetof(struct config, submission.member)
#define COUNT_OF(key, member, preset, text)                                                        \
    {key, CONFIG_NUMBER, AT(member), .fallback = preset, .most = 100000000, .meaning = text}
const struct config_key config_submission_keys[CONFIG_SUBMISSION_KEYS] = {
    {"foreign-from", CONFIG_CHOICE, AT(foreign_from), .fallback = "refuse",
     .choices = {"refuse", "add-sender"},
     .meaning = "What follows when the From of a message is not an address of the account: it is refused, or "
                "a Sender field tells who sent it (RFC 5322, 3.6.2)."},
    {"hide-client", CONFIG_BOOL, AT(hide_client), .fallback = "no",
     .meaning = "Leave the user's address and HELO name out of the Received field."},
    {"seven-bit", CONFIG_BOOL, AT(seven_bit), .fallback = "no",
     .meaning = "Convert submitted mail to 7 bit before it is signed, so that no server on its way has to."},
    COUNT_OF("messages-per-hour", messages_hour, "300", "Messages of one account in an hour."),
    COUNT_OF("messages-per-day", messages_day, "2000", "Messages of one account in a day."),
    COUNT_OF("recipients-per-hour", recipients_hour, "1000", "Recipients of one account in an hour."),
    COUNT_OF("recipients-per-day", recipients_day, "5000", "Recipients of one account in a day."),
    COUNT_OF("connections", connections, "20", "Simultaneous connections of one account, counted by each "
                                               "edge process."),
    COUNT_OF("senders-per-day", senders_day, "10", "Different sender addresses of one account in a day."),
    COUNT_OF("domains-per-day", domains_day, "500", "Different recipient domains of one account in a day."),
    COUNT_OF("networks-per-day", networks_day, "20",
             "Different networks (/24, /48) that one account comes from in a day."),
    {"octets-per-day", CONFIG_SIZE, AT(octets_day), .fallback = "2G", .most = INT64_MAX,
     .meaning = "Octets of one account in a day, each message counted once for each recipient."},
    {"unknown-recipients", CONFIG_NUMBER, AT(unknown_percent), .fallback = "40", .most = 100,
     .meaning = "Percent of an account's recipients of a day that may be unknown to their servers, from the "
                "fiftieth recipient on."},
    {"soft-limit", CONFIG_NUMBER, AT(soft_percent), .fallback = "80", .least = 1, .most = 100,
     .meaning = "Percent of a limit from which on the account's mail is slowed down, before it is put off."},
    {"hold", CONFIG_BOOL, AT(hold), .fallback = "yes",
     .meaning = "Hold an account that looks stolen (too many networks or sender addresses, some that fail SPF, "
                "too many unknown recipients, or sudden volume: in a day more than half of recipients-per-day, "
                "and ten times its average of the seven days before): it cannot send, its mail in the queue "
                "waits, and postmaster is told; vouch user release ends it, and its counters begin anew. Else its "
                "mail is only put off (450)."},
};
#undef AT

#define AT(member) .offset = offsetof(struct config_machine, member)
const struct config_key config_machine_keys[CONFIG_MACHINE_KEYS] = {
    {"networks", CONFIG_NETWORKS, AT(networks), .required = true, .most = 1000, .example = "[192.0.2.77]",
     .meaning = "Its addresses."},
    {"senders", CONFIG_ADDRESSES, AT(senders), .required = true, .most = 10000,
     .example = "[printer@example.org]",
     .meaning = "What it may send as: addresses, or @example.org for all of a domain."},
};
#undef AT

#define AT(member) .offset = offsetof(struct config, queue.member)
const struct config_key config_queue_keys[CONFIG_QUEUE_KEYS] = {
    {"lifetime", CONFIG_DURATION, AT(lifetime), .fallback = "5d", .least = MINUTE, .most = 30 * DAY,
     .meaning = "How long delivery is tried (RFC 5321, 4.5.4.1: four to five days at least)."},
    {"delay-warning", CONFIG_DURATION, AT(delay_warning), .fallback = "0", .most = 30 * DAY,
     .meaning = "Tell the sender once when a message has waited so long. 0: only if he asked (NOTIFY=DELAY), "
                "after four hours."},
    {"retry-first", CONFIG_DURATION, AT(retry_first), .fallback = "5m", .least = SECOND, .most = DAY,
     .meaning = "Pause after the first failure; the next ones are longer and longer."},
    {"retry-most", CONFIG_DURATION, AT(retry_most), .fallback = "4h", .least = SECOND, .most = DAY,
     .meaning = "The longest pause."},
    {"sessions", CONFIG_NUMBER, AT(sessions), .fallback = "200", .least = 1, .most = 5000,
     .meaning = "Simultaneous deliveries to all destinations."},
    {"concurrency", CONFIG_NUMBER, AT(concurrency), .fallback = "20", .least = 1, .most = 1000,
     .meaning = "Simultaneous deliveries to one destination, at most; it begins with few and finds out."},
    {"rate", CONFIG_NUMBER, AT(rate), .fallback = "0", .most = 1000000,
     .meaning = "Deliveries to one destination in a minute. 0: no limit."},
    {"fallback-relay", CONFIG_HOSTS, AT(fallback_relay), .most = 10, .port = 25,
     .example = "[\"relay.example.org:25\"]",
     .meaning = "Hosts that take what could not be delivered at the first attempt."},
    {"ipv6", CONFIG_BOOL, AT(ipv6), .fallback = "yes", .meaning = "Deliver over IPv6, too."},
    {"source", CONFIG_ENDPOINTS, AT(source), .most = 2, .port = 1, .example = "[192.0.2.25]",
     .meaning = "Addresses to send from, one of each family at most. Unset: as the system chooses."},
    {"dane", CONFIG_BOOL, AT(dane), .fallback = "yes",
     .meaning = "Honour DANE (RFC 7672). It needs a validating resolver (section dns)."},
    {"mta-sts", CONFIG_BOOL, AT(mta_sts), .fallback = "yes", .meaning = "Honour MTA-STS (RFC 8461)."},
    {"tls-reports", CONFIG_BOOL, AT(tls_reports), .fallback = "yes",
     .meaning = "Count what TLSRPT reports on (RFC 8460)."},
    {"authorities", CONFIG_PATH, AT(authorities), .example = "/etc/ssl/certs/ca-certificates.crt",
     .meaning = "PEM file of the authorities that servers' certificates are verified against. Unset: the "
                "system's."},
    {"mta-sts-port", CONFIG_NUMBER, AT(mta_sts_port), .fallback = "443", .least = 1, .most = 65535,
     .meaning = "Where MTA-STS policies are fetched. Another port than 443 is of use in tests only."},
    {"smtp-port", CONFIG_NUMBER, AT(smtp_port), .fallback = "25", .least = 1, .most = 65535,
     .meaning = "Where mail exchangers listen. Another port than 25 is of use in tests only."},
    {"copy-postmaster", CONFIG_BOOL, AT(copy_postmaster), .fallback = "no",
     .meaning = "Postmaster gets a copy of each notification about a failed delivery."},
};
#undef AT

#define AT(member) .offset = offsetof(struct config_route, member)
const struct config_key config_route_keys[CONFIG_ROUTE_KEYS] = {
    {"domains", CONFIG_NAMES, AT(domains), .most = 100000, .example = "[example.com, .example.com]",
     .meaning = "Recipient domains; with a dot in front, all below. Unset: all that no other route names."},
    {"hosts", CONFIG_HOSTS, AT(hosts), .most = 10, .port = 25, .example = "[\"smtp.example.net:587\"]",
     .meaning = "Hosts to hand the mail to, tried in this order. Unset: as the DNS says."},
    {"tls", CONFIG_CHOICE, AT(tls), .fallback = "may", .choices = {"none", "may", "encrypt", "verify"},
     .meaning = "Whether TLS is not used, used where offered, demanded, or demanded with a certificate that is "
                "valid for the host. DANE and MTA-STS are not asked where hosts is set."},
    {"tls-name", CONFIG_TEXT, AT(tls_name), .check = config_check_token, .example = "smtp.example.net",
     .meaning = "The name that the certificate must bear. Unset: the host's."},
    {"user", CONFIG_TEXT, AT(user), .example = "gateway",
     .meaning = "Authenticate as this user; the certificate must be valid then, as with tls = verify."},
    {"password-file", CONFIG_PATH, AT(password_file), .example = "/etc/vouch/smarthost.password",
     .meaning = "File whose first line is the password."},
    {"concurrency", CONFIG_NUMBER, AT(concurrency), .fallback = "0", .most = 1000,
     .meaning = "As in section queue, for this route. 0: as there."},
    {"rate", CONFIG_NUMBER, AT(rate), .fallback = "0", .most = 1000000,
     .meaning = "As in section queue, for this route. 0: as there."},
};
#undef AT

#define AT(member) .offset = offsetof(struct config_relay, member)
const struct config_key config_relay_keys[CONFIG_RELAY_KEYS] = {
    {"primary", CONFIG_HOSTS, AT(primary), .required = true, .most = 10, .port = 25,
     .example = "[\"192.0.2.1:25\"]", .meaning = "The server or servers that the mail is for."},
    {"recipients", CONFIG_PATH, AT(recipients), .example = "relay-recipients.txt",
     .meaning = "File of its recipients, one a line: user, or user@domain. Unset: the primary is asked, and its "
                "answers are remembered; who is not known while it is down is put off (450)."},
    {"remember", CONFIG_DURATION, AT(remember), .fallback = "7d", .least = MINUTE, .most = 90 * DAY,
     .meaning = "How long a recipient that the primary took is believed to exist."},
    {"policy", CONFIG_TEXT, AT(policy), .fallback = "default",
     .meaning = "The policy section that judges this domain's mail."},
};
#undef AT

#define AT(member) .offset = offsetof(struct config_list, member)
const struct config_key config_list_keys[CONFIG_LIST_KEYS] = {
    {"address", CONFIG_TEXT, AT(address), .required = true, .check = config_check_mailbox,
     .example = "announce@example.org", .meaning = "Where one writes to; in a domain of ours."},
    {"members", CONFIG_PATH, AT(members), .required = true, .example = "announce.txt",
     .meaning = "File of the members' addresses, one a line. Read again at a reload (SIGHUP)."},
    {"owner", CONFIG_TEXT, AT(owner), .required = true, .check = config_check_mailbox,
     .example = "anna@example.org",
     .meaning = "Who answers for the list, and gets what cannot be delivered. Mail to NAME-owner goes there."},
    {"post", CONFIG_CHOICE, AT(post), .fallback = "members", .choices = {"anyone", "members", "owner"},
     .meaning = "Who may write to it. Members and owner must be authenticated (DMARC, DKIM or SPF, or AUTH)."},
    {"description", CONFIG_TEXT, AT(description), .example = "\"News of the house\"",
     .meaning = "For people, in List-Id."},
    {"archive", CONFIG_TEXT, AT(archive), .example = "\"https://example.org/announce\"",
     .meaning = "URL for List-Archive."},
    {"unsubscribe", CONFIG_TEXT, AT(unsubscribe), .example = "\"https://example.org/leave\"",
     .meaning = "URL for List-Unsubscribe. Unset: a mail to the owner."},
};
#undef AT

#define AT(member) .offset = offsetof(struct config, forwarding.member)
const struct config_key config_forwarding_keys[CONFIG_FORWARDING_KEYS] = {
    {"srs", CONFIG_CHOICE, AT(srs), .fallback = "auto", .choices = {"auto", "always", "never"},
     .meaning = "Whether the return path of forwarded mail is rewritten (section srs): where the sender's domain "
                "has an SPF record, which would fail at the next host; always; or never."},
    {"resent", CONFIG_BOOL, AT(resent), .fallback = "no",
     .meaning = "Add Resent fields, where no signature forbids it."},
};
