/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/schema.h"

#include "base/clock.h"
#include "config/value.h"

#define KIB INT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

/* Members of the sections that lie in struct config itself. */
#define AT(member) .offset = offsetof(struct config, member)

static const struct config_key top_keys[] = {
    {"hostname", CONFIG_DOMAIN, AT(hostname), .required = true,
     .check = config_check_fully_qualified, .example = "mx.example.org",
     .meaning = "The full name of this server: in the greeting, in Received fields, and as the "
                "default of authserv-id. It should resolve to the listeners' addresses."},
    {"authserv-id", CONFIG_TEXT, AT(authserv_id), .check = config_check_token,
     .example = "mx.example.org",
     .meaning = "The name under which results are written to Authentication-Results (RFC 8601, "
                "2.5). Fields of incoming mail that bear it are removed. Unset: the hostname."},
    {"data-directory", CONFIG_PATH, AT(data_directory), .fallback = "/var/lib/vouch",
     .meaning = "Where the queue, the ledger, the counters and the retry spool lie."},
    {"run-directory", CONFIG_PATH, AT(run_directory), .fallback = "/run/vouch",
     .meaning = "Holds the control socket, vouch.pid, and the empty folder that processes are confined to while the "
                "gateway runs."},
    {"user", CONFIG_TEXT, AT(user), .fallback = "vouch", .check = config_check_account,
     .meaning = "The account that the roles become when the gateway is started as root."},
    {"edges", CONFIG_NUMBER, AT(edges), .fallback = "0", .most = 64,
     .meaning = "Processes that speak SMTP. 0: one for each processor core."},
    {"own-networks", CONFIG_NETWORKS, AT(own_networks), .most = 10000,
     .example = "[192.0.2.0/24, 2001:db8::/32]",
     .meaning = "Clients in these networks are ours: their mail is not judged, sloppy commands are taken "
                "and bare line ends mended. Loopback is not implied."},
    {"key-directory", CONFIG_PATH, AT(key_directory), .fallback = "/etc/vouch/keys",
     .meaning = "Where vouch dkim keygen puts signing keys, a folder for each domain. Only the process "
                "that signs reads them."},
    {"control-group", CONFIG_TEXT, AT(control_group), .check = config_check_account, .example = "vmail",
     .meaning = "A group whose members may use the control socket to train the filter and to report mail, and for "
                "nothing else: that of the mailboxes' owner. Unset: root and the account of the gateway alone."},
    {"postmaster", CONFIG_TEXT, AT(postmaster), .fallback = "postmaster",
     .check = config_check_mailbox,
     .meaning = "The mailbox that receives the mail of postmaster and abuse where no recipients or "
                "aliases file names them."},
};

static const struct config_key listener_keys[] = {
#undef AT
#define AT(member) .offset = offsetof(struct config_listener, member)
    {"address", CONFIG_ENDPOINTS, AT(addresses), .required = true, .most = 64,
     .example = "[0.0.0.0:25, \"[::]:25\"]",
     .meaning = "Addresses and ports to listen on. IPv6 addresses stand in brackets and quotes."},
    {"tls", CONFIG_CHOICE, AT(tls), .fallback = "starttls",
     .choices = {"none", "starttls", "implicit"},
     .meaning = "Whether TLS is not offered, offered by STARTTLS, or spoken from the first octet."},
    {"proxy-protocol", CONFIG_BOOL, AT(proxy_protocol), .fallback = "no",
     .meaning = "Connections must begin with a PROXY protocol header (version 1 or 2), which names "
                "the client."},
    {"proxy-from", CONFIG_NETWORKS, AT(proxy_from), .most = 1000, .example = "[192.0.2.7]",
     .meaning = "The proxies that are believed. Unset: only loopback."},
    {"lenient-syntax", CONFIG_BOOL, AT(lenient), .fallback = "no",
     .meaning = "Accept the sloppy forms of commands that some clients send, such as a blank "
                "after MAIL FROM: or a path without angle brackets."},
    {"submission", CONFIG_BOOL, AT(submission), .fallback = "no",
     .meaning = "For own users (RFC 6409): AUTH is offered where the connection is encrypted, and mail is "
                "taken only from who authenticated. Usual on ports 587 (tls = starttls) and 465 (implicit)."},
    {"nolisting", CONFIG_CHOICE, AT(nolisting), .fallback = "none", .choices = {"none", "refuse", "trap"},
     .meaning = "A listener that takes no mail, but remembers who came. refuse plays the best MX, which is down: "
                "whoever then tries the next as he should is believed more. trap plays the worst MX: whoever "
                "comes there first is believed less."},
    {"greeting", CONFIG_TEXT, AT(greeting), .example = "\"no unsolicited mail\"",
     .meaning = "Text behind the host name in the greeting."},
};

static const struct config_key domain_keys[] = {
#undef AT
#define AT(member) .offset = offsetof(struct config_domain, member)
    {"recipients", CONFIG_PATH, AT(recipients), .example = "users.txt",
     .meaning = "File of users, one a line: user [quota=1G] [policy=NAME] [maildir=/path]. "
                "Read again at a reload (SIGHUP)."},
    {"aliases", CONFIG_PATH, AT(aliases), .example = "aliases.txt",
     .meaning = "File of aliases, one a line: alias: target, target."},
    {"catch-all", CONFIG_TEXT, AT(catch_all), .check = config_check_mailbox, .example = "info",
     .meaning = "Mailbox for recipients that no file names. Unset: they are refused."},
    {"recipient-delimiter", CONFIG_TEXT, AT(delimiter), .fallback = "+",
     .check = config_check_delimiter,
     .meaning = "Separates user and detail in user+detail; several characters mean any of them. "
                "Empty: no details."},
    {"deliver", CONFIG_TEXT, AT(deliver), .fallback = "maildir:/var/mail/{domain}/{user}",
     .check = config_check_deliver,
     .meaning = "Where the mail goes: maildir:PATH, in which {domain} and {user} are replaced, "
                "lmtp:unix:PATH, lmtp:192.0.2.1:24 or \"lmtp:[2001:db8::1]:24\"."},
    {"quota", CONFIG_SIZE, AT(quota), .fallback = "0", .most = INT64_MAX,
     .meaning = "Octets that the mailbox of one user may hold; the recipients file may say "
                "otherwise for a user. 0: no limit."},
    {"policy", CONFIG_TEXT, AT(policy), .fallback = "default",
     .meaning = "The policy section that judges this domain's mail."},
    {"arc-seal", CONFIG_TEXT, AT(arc_seal), .example = "example.org",
     .meaning = "A signing section's domain that adds an ARC set (RFC 8617) to this domain's mail, for the "
                "mail server that it is handed to. Unset: none is added."},
};

static const struct config_key forwarder_keys[] = {
#undef AT
#define AT(member) .offset = offsetof(struct config_forwarder, member)
    {"networks", CONFIG_NETWORKS, AT(networks), .most = 10000, .example = "[192.0.2.25]",
     .meaning = "Addresses of its hosts."},
    {"names", CONFIG_NAMES, AT(names), .most = 1000, .example = "[mx.example.org, .example.net]",
     .meaning = "What its hosts say in HELO, if it resolves to them. A dot in front: all names below, too."},
    {"spf-include", CONFIG_TEXT, AT(include), .example = "forwarders.example.org",
     .meaning = "A domain whose SPF record lists its hosts, as include: in a record would. Whoever may send "
                "by that record is believed: not one that ends in +all, nor that of a provider with many "
                "customers."},
    {"filters", CONFIG_BOOL, AT(filters), .fallback = "no",
     .meaning = "It has filtered what it forwards: what fails DMARC only because it was forwarded is "
                "delivered to the inbox rather than filed as junk."},
};

static const struct config_key upstream_keys[] = {
#undef AT
#define AT(member) .offset = offsetof(struct config_upstream, member)
    {"networks", CONFIG_NETWORKS, AT(networks), .required = true, .most = 1000,
     .example = "[192.0.2.7]",
     .meaning = "Addresses of relays of ours that hand mail on to this one."},
    {"authserv-ids", CONFIG_TOKENS, AT(authserv_ids), .most = 100, .example = "[mx.example.org]",
     .meaning = "Whose Authentication-Results fields are believed, where the relay can have put them: above "
                "the Received field of the host before it (RFC 8601, 4)."},
    {"hops", CONFIG_NUMBER, AT(hops), .fallback = "1", .most = 20,
     .meaning = "Which Received field, from the top, names the client that the mail came from: SPF and "
                "the other checks of the client are made for that one. The fields above it must name "
                "addresses of networks; the first that does not names the client. 0: none does."},
};

static const struct config_key signing_keys[] = {
#undef AT
#define AT(member) .offset = offsetof(struct config_signing, member)
    {"expire", CONFIG_DURATION, AT(expire), .fallback = "14d", .least = 7 * DAY, .most = 365 * DAY,
     .meaning = "How long signatures hold (x=). Longer than any queue keeps mail."},
    {"headers", CONFIG_TOKENS, AT(headers), .most = 50, .example = "[X-Ticket]",
     .meaning = "Header fields to sign beyond the usual ones."},
};

static const struct config_key certificate_keys[] = {
#undef AT
#define AT(member) .offset = offsetof(struct config_certificate, member)
    {"chain", CONFIG_PATH, AT(chain), .required = true, .example = "/etc/vouch/fullchain.pem",
     .meaning = "File of the certificate and its intermediates (PEM, leaf first). Read again "
                "at a reload (SIGHUP)."},
    {"key", CONFIG_PATH, AT(key), .required = true, .example = "/etc/vouch/privkey.pem",
     .meaning = "File of the private key that belongs to it (PEM)."},
};

static const struct config_key policy_keys[] = {
#undef AT
#define AT(member) .offset = offsetof(struct config_policy, member)
    {"dmarc", CONFIG_CHOICE, AT(dmarc), .fallback = "on",
     .choices = {"off", "mark", "on", "strict"},
     .meaning = "What follows from DMARC. off: not consulted. mark: only written down. on: a fail "
                "under p=reject is refused when the other evidence agrees, and goes to the junk "
                "folder when something trusted says otherwise (RFC 9989, 7.4). strict: always "
                "refused."},
    {"spf-fail", CONFIG_CHOICE, AT(spf_fail), .fallback = "mark", .choices = {"mark", "reject"},
     .meaning = "What follows from an SPF fail where DMARC decides nothing."},
    {"reject-bad-from", CONFIG_BOOL, AT(reject_bad_from), .fallback = "yes",
     .meaning = "Refuse mail with no From field, several, or several domains in it: nobody could "
                "be held to account for it."},
    {"junk-folder", CONFIG_BOOL, AT(junk_folder), .fallback = "yes",
     .meaning = "File junk to the folder .Junk of the Maildir; else it is only marked."},
    {"temporary-attempts", CONFIG_NUMBER, AT(temporary_attempts), .fallback = "3", .most = 1000,
     .meaning = "How often mail is put off (451) when a temporary DNS failure stands in the way of "
                "the decision, before it is accepted and marked (filed as junk where the domain asked for "
                "quarantine or reject)."},
    {"temporary-window", CONFIG_DURATION, AT(temporary_window), .fallback = "4h", .least = MINUTE,
     .most = 7 * DAY, .meaning = "Attempts count as one within this time of the first."},
    {"trusted-forwarders", CONFIG_NETWORKS, AT(trusted_forwarders), .most = 10000,
     .example = "[192.0.2.25]",
     .meaning = "Hosts that forward mail to us: from them a DMARC fail alone is no forgery."},
    {"trusted-sealers", CONFIG_DOMAINS, AT(trusted_sealers), .most = 10000,
     .example = "[lists.example.org]", .meaning = "Domains (d=) whose ARC seals are believed."},
    {"trusted-lists", CONFIG_DOMAINS, AT(trusted_lists), .most = 10000,
     .example = "[lists.example.org]",
     .meaning = "Domains, authenticated by DKIM or SPF, that are known as mailing lists."},
    {"sender-id-fail", CONFIG_CHOICE, AT(sender_id_fail), .fallback = "mark",
     .choices = {"mark", "reject"},
     .meaning = "What follows from a Sender ID fail where DMARC decides nothing."},
    {"submitter-mismatch", CONFIG_CHOICE, AT(submitter_mismatch), .fallback = "reject",
     .choices = {"mark", "reject"},
     .meaning = "What follows when the SUBMITTER of the envelope is not the responsible address of the "
                "message (RFC 4405, 4.2)."},
    {"bad-helo", CONFIG_CHOICE, AT(bad_helo), .fallback = "mark", .choices = {"mark", "reject"},
     .meaning = "What follows when a client calls itself by our name or address, by somebody else's "
                "address, or by nothing that is a name. That a name does not resolve to the client is "
                "never a reason to refuse (RFC 5321, 4.1.4)."},
    {"junk-score", CONFIG_POINTS, AT(junk_score), .fallback = "5", .least = -10000, .most = 10000,
     .meaning = "The score from which on a message is filed as junk. 5 points are a factor of ten in the odds: "
                "at 5 a message is junk with 91 per cent, at 10 with 99."},
    {"quarantine-score", CONFIG_POINTS, AT(quarantine_score), .fallback = "0", .most = 10000,
     .meaning = "The score from which on a message goes to quarantine. 0: never."},
    {"reject-score", CONFIG_POINTS, AT(reject_score), .fallback = "15", .most = 10000,
     .meaning = "The score from which on a message is refused, with its reasons. 0: never."},
    {"generic-name", CONFIG_CHOICE, AT(generic_name), .fallback = "mark", .choices = {"mark", "reject"},
     .meaning = "What follows when nobody answers for a message (neither SPF nor DKIM passes) and its client has a "
                "name as providers give their customers, or none."},
    {"greylist", CONFIG_CHOICE, AT(greylist), .fallback = "off", .choices = {"off", "auto", "on"},
     .meaning = "Put off the first attempt (RFC 6647). auto: of clients that nothing good is known of; on: of "
                "all whose mail is not first-class."},
    {"greylist-delay", CONFIG_DURATION, AT(greylist_delay), .fallback = "5m", .least = SECOND, .most = DAY,
     .meaning = "How long the retry has to wait."},
    {"default-reject", CONFIG_BOOL, AT(default_reject), .fallback = "no",
     .meaning = "Take only first-class mail and mail of known contacts, and refuse the rest."},
    {"class-folders", CONFIG_CHOICE, AT(class_folders), .fallback = "no", .choices = {"no", "not-junk", "each"},
     .meaning = "Where in a Maildir mail goes that is not junk. no: to the inbox. not-junk: first-class mail to the "
                "folder .Not Junk. each: to .First-Class, .Business-Class and .Third-Class."},
    {"skip-filter", CONFIG_BOOL, AT(skip_filter), .fallback = "yes",
     .meaning = "First-class mail skips the content filter."},
    {"virus", CONFIG_CHOICE, AT(virus), .fallback = "reject", .choices = {"mark", "junk", "quarantine", "reject"},
     .meaning = "What follows when a virus was found."},
    {"attachments", CONFIG_TEXTS, AT(attachments), .most = 200, .check = config_check_token,
     .example = "[executable, disguised, iso]",
     .meaning = "Attachments that are not wanted: extensions without the dot, and the words executable, disguised, "
                "macro and encrypted. Names within ZIP archives count, too."},
    {"attachment", CONFIG_CHOICE, AT(attachment), .fallback = "reject",
     .choices = {"mark", "junk", "quarantine", "reject"}, .meaning = "What follows when there is one of them."},
    {"size", CONFIG_SIZE, AT(message_size), .fallback = "0", .most = 2 * GIB - 1,
     .meaning = "The largest message for these recipients. 0: as in section limits."},
    {"shadow", CONFIG_TEXT, AT(shadow), .check = config_check_token, .example = "\"\"",
     .meaning = "Another policy that judges the same mail without consequence; where it would have acted "
                "otherwise, the log says so."},
};

static const struct config_key limits_keys[] = {
#undef AT
#define AT(member) .offset = offsetof(struct config, limits.member)
    {"message-size", CONFIG_SIZE, AT(message_size), .fallback = "50M", .least = 64 * KIB,
     .most = 2 * GIB - 1, .meaning = "The largest message accepted; announced by SIZE."},
    {"recipients", CONFIG_NUMBER, AT(recipients), .fallback = "1000", .least = 100, .most = 1000,
     .meaning = "Recipients of one message; a hundred must be accepted (RFC 5321, 4.5.3.1.8)."},
    {"command-line", CONFIG_SIZE, AT(command_line), .fallback = "4K", .least = 1024,
     .most = 64 * KIB, .meaning = "The longest command line, CRLF included."},
    {"text-line", CONFIG_SIZE, AT(text_line), .fallback = "64K", .least = 1000, .most = 16 * MIB,
     .meaning = "The longest line of a message. What we send keeps to the standard's 1000."},
    {"sessions", CONFIG_NUMBER, AT(sessions), .fallback = "10000", .least = 1, .most = 16000,
     .meaning = "Simultaneous sessions of one edge process; more are answered 421."},
    {"sessions-per-client", CONFIG_NUMBER, AT(sessions_per_client), .fallback = "50", .least = 1,
     .most = 16000, .meaning = "Simultaneous sessions of one address with one edge process."},
    {"bad-commands", CONFIG_NUMBER, AT(bad_commands), .fallback = "20", .least = 1, .most = 10000,
     .meaning = "Refused commands in a session before it is ended (421)."},
    {"junk-commands", CONFIG_NUMBER, AT(junk_commands), .fallback = "100", .least = 1,
     .most = 10000,
     .meaning = "Commands that lead nowhere (NOOP, RSET, VRFY, HELP, refused RCPT) in a row without "
                "a message before the session is ended."},
    {"received-fields", CONFIG_NUMBER, AT(received_fields), .fallback = "100", .least = 20,
     .most = 1000, .meaning = "Received fields in a message; more mean a loop (554 5.4.6)."},
    {"greeting-delay", CONFIG_DURATION, AT(greeting_delay), .fallback = "0", .most = MINUTE,
     .meaning = "How long strangers wait for the greeting. Who speaks before it gives evidence "
                "against himself."},
    {"command-timeout", CONFIG_DURATION, AT(command_timeout), .fallback = "5m", .least = SECOND,
     .most = HOUR,
     .meaning = "Wait for the next command; five minutes are the standard's least (RFC 5321, "
                "4.5.3.2.7)."},
    {"data-timeout", CONFIG_DURATION, AT(data_timeout), .fallback = "5m", .least = SECOND,
     .most = HOUR, .meaning = "Wait for the next piece of a message."},
    {"session-timeout", CONFIG_DURATION, AT(session_timeout), .fallback = "1h", .least = SECOND,
     .most = DAY, .meaning = "The whole session, however busy."},
    {"finish-timeout", CONFIG_DURATION, AT(finish_timeout), .fallback = "60s", .least = SECOND,
     .most = 10 * MINUTE,
     .meaning = "From the end of the data to the reply: checks, judgement and delivery. Then 451."},
    {"session-memory", CONFIG_SIZE, AT(session_memory), .fallback = "8M", .least = 256 * KIB,
     .most = GIB,
     .meaning = "Memory of one session without the message; beyond it commands get 452."},
    {"content-in-memory", CONFIG_SIZE, AT(content_in_memory), .fallback = "128K", .least = KIB,
     .most = 64 * MIB,
     .meaning = "Messages up to this size are held in the session's process, larger ones in a "
                "memory file that is passed on."},
    {"content-total", CONFIG_SIZE, AT(content_total), .fallback = "1G", .least = MIB,
     .most = 1024 * GIB,
     .meaning = "What the larger messages that one edge process receives may hold together; beyond "
                "it they are answered 452."},
};

static const struct config_key dns_keys[] = {
#undef AT
#define AT(member) .offset = offsetof(struct config, dns.member)
    {"servers", CONFIG_ENDPOINTS, AT(servers), .most = 16, .port = 53,
     .example = "[127.0.0.1, \"[2001:db8::53]:53\"]",
     .meaning = "Resolvers to ask. Unset: those of /etc/resolv.conf. A validating resolver on "
                "this machine is best."},
    {"timeout", CONFIG_DURATION, AT(timeout), .fallback = "2s", .least = 50 * MILLISECOND,
     .most = MINUTE, .meaning = "Wait for one answer."},
    {"attempts", CONFIG_NUMBER, AT(attempts), .fallback = "3", .least = 1, .most = 10,
     .meaning = "How often a question is asked before the look-up fails."},
    {"cache-entries", CONFIG_COUNT, AT(cache_entries), .fallback = "100000", .most = 100000000,
     .meaning = "Answers kept by each edge for as long as their TTL allows. 0: none."},
    {"trust-ad", CONFIG_BOOL, AT(trust_ad), .fallback = "no",
     .meaning = "Believe the resolvers' word that an answer was validated by DNSSEC, although "
                "they are reached over a network. Resolvers on loopback are always believed."},
};

static const struct config_key tls_keys[] = {
#undef AT
#define AT(member) .offset = offsetof(struct config, tls.member)
    {"minimum-version", CONFIG_CHOICE_TEXT, AT(minimum_version), .fallback = "1.2",
     .choices = {"1.2", "1.3"}, .meaning = "The oldest version of TLS spoken."},
};

static const struct config_key authentication_keys[] = {
#undef AT
#define AT(member) .offset = offsetof(struct config, authentication.member)
    {"spf", CONFIG_BOOL, AT(spf), .fallback = "yes",
     .meaning = "Check SPF (RFC 7208) for HELO and MAIL FROM."},
    {"dkim", CONFIG_BOOL, AT(dkim), .fallback = "yes",
     .meaning = "Verify DKIM signatures (RFC 6376)."},
    {"dmarc", CONFIG_BOOL, AT(dmarc), .fallback = "yes",
     .meaning = "Evaluate DMARC (RFC 9989). What follows from it is the policy's business."},
    {"iprev", CONFIG_BOOL, AT(iprev), .fallback = "yes",
     .meaning = "Look up the client's name and confirm it forward (RFC 8601, 3)."},
    {"dmarc-discovery", CONFIG_CHOICE, AT(dmarc_discovery), .fallback = "tree-walk",
     .choices = {"tree-walk", "suffix-list"},
     .meaning = "How the Organizational Domain is found: by the walk of RFC 9989, or by the public "
                "suffix list as under RFC 7489."},
    {"suffix-list", CONFIG_PATH, AT(suffix_list),
     .example = "/usr/share/publicsuffix/public_suffix_list.dafsa",
     .meaning = "File of the public suffix list. Unset: the system's."},
    {"timeout", CONFIG_DURATION, AT(timeout), .fallback = "20s", .least = SECOND,
     .most = 5 * MINUTE, .meaning = "For all checks of one message."},
    {"helo", CONFIG_BOOL, AT(helo), .fallback = "yes",
     .meaning = "Look whether the name in HELO resolves to the client, or pretends to be ours."},
    {"spf-guess", CONFIG_BOOL, AT(spf_guess), .fallback = "no",
     .meaning = "Where a domain has no SPF record, note what v=spf1 a/24 mx/24 ptr would say. A hint for "
                "people; nothing follows from it."},
    {"sender-id", CONFIG_BOOL, AT(sender_id), .fallback = "no",
     .meaning = "Check Sender ID (RFC 4406) for the purported responsible address, and offer SUBMITTER "
                "(RFC 4405)."},
    {"domainkeys", CONFIG_BOOL, AT(domainkeys), .fallback = "no",
     .meaning = "Verify DomainKeys signatures (RFC 4870). Reported; nothing follows from it."},
    {"adsp", CONFIG_BOOL, AT(adsp), .fallback = "no",
     .meaning = "Look up Author Domain Signing Practices (RFC 5617). Reported; nothing follows from it."},
    {"arc", CONFIG_BOOL, AT(arc), .fallback = "yes",
     .meaning = "Verify ARC chains (RFC 8617). Only those of a policy's trusted-sealers count."},
    {"vbr-certifiers", CONFIG_DOMAINS, AT(vbr_certifiers), .most = 5, .example = "[certifier.example]",
     .meaning = "Who is believed when he vouches for a sender (RFC 5518). Unset: VBR is not looked at."},
    {"hashcash", CONFIG_NUMBER, AT(hashcash), .fallback = "0", .most = 64,
     .meaning = "Zero bits that a hashcash stamp must have to count in favour of a message. 0: stamps are "
                "not looked at."},
    {"smime", CONFIG_BOOL, AT(smime), .fallback = "no",
     .meaning = "Verify S/MIME signatures against the system's authorities. Reported (RFC 7281)."},
    {"smime-authorities", CONFIG_PATH, AT(smime_authorities), .example = "/etc/ssl/certs/ca-certificates.crt",
     .meaning = "PEM file of the authorities that S/MIME certificates are verified against. Unset: the "
                "system's."},
    {"openpgp", CONFIG_BOOL, AT(openpgp), .fallback = "no",
     .meaning = "Note who claims to have signed with OpenPGP. Reported."},
    {"replays", CONFIG_BOOL, AT(replays), .fallback = "yes",
     .meaning = "Count how often each good DKIM signature was seen, and say so in the evidence."},
};

static const struct config_key srs_keys[] = {
#undef AT
#define AT(member) .offset = offsetof(struct config, srs.member)
    {"domain", CONFIG_TEXT, AT(domain), .example = "srs.example.org",
     .meaning = "The domain of our rewritten return paths (SRS). Mail to it is for nobody else. Unset: off."},
    {"secrets", CONFIG_PATH, AT(secrets), .example = "/etc/vouch/srs.secrets",
     .meaning = "File of secrets, one a line: the first makes addresses, all are accepted."},
    {"age", CONFIG_DURATION, AT(age), .fallback = "21d", .least = DAY, .most = 365 * DAY,
     .meaning = "How long an address takes reports back."},
};

static const struct config_key batv_keys[] = {
#undef AT
#define AT(member) .offset = offsetof(struct config, batv.member)
    {"domains", CONFIG_DOMAINS, AT(domains), .most = 10000, .example = "[example.org]",
     .meaning = "Domains whose return paths carry tags (prvs=); mail to a tagged address goes to the "
                "address in it if the tag is ours and in time, and is refused otherwise."},
    {"secrets", CONFIG_PATH, AT(secrets), .example = "/etc/vouch/batv.secrets",
     .meaning = "File of secrets, one a line: the first makes tags, all are accepted."},
};

static const struct config_key ses_keys[] = {
#undef AT
#define AT(member) .offset = offsetof(struct config, ses.member)
    {"domains", CONFIG_DOMAINS, AT(domains), .most = 10000, .example = "[example.org]",
     .meaning = "Domains whose return paths are signed envelope senders (SES=)."},
    {"secrets", CONFIG_PATH, AT(secrets), .example = "/etc/vouch/ses.secrets",
     .meaning = "File of secrets, one a line: the first signs, all are accepted."},
};

static const struct config_key ledger_keys[] = {
#undef AT
#define AT(member) .offset = offsetof(struct config, ledger.member)
    {"keep", CONFIG_DURATION, AT(keep), .fallback = "30d", .least = HOUR, .most = 3650 * DAY,
     .meaning = "How long verdicts and their evidence are kept for vouch explain and vouch log."},
};

static const struct config_key log_keys[] = {
#undef AT
#define AT(member) .offset = offsetof(struct config, log.member)
    {"format", CONFIG_CHOICE_BOOL, AT(json), .fallback = "plain", .choices = {"plain", "json"},
     .meaning = "Lines of key=value, or of JSON."},
    {"level", CONFIG_CHOICE_TEXT, AT(level), .fallback = "info",
     .choices = {"debug", "info", "warning", "error"}, .meaning = "The least that is written."},
    {"filter", CONFIG_TEXT, AT(filter), .example = "\"spf,dkim\"",
     .meaning = "Debug lines of these subjects only, separated by commas. Unset: of all."},
    {"file", CONFIG_PATH, AT(file), .example = "/var/log/vouch.log",
     .meaning = "File that lines are appended to. Unset: standard error, which is the journal "
                "under systemd."},
};
#undef AT

#define KEYS(table) .keys = table, .key_count = countof(table)
#define ARRAY(type, items, length)                                                                 \
    .size = sizeof(type), .array = offsetof(struct config, items),                                 \
    .count = offsetof(struct config, length)

const struct config_section config_sections[] = {
    {"", .meaning = "Keys outside any section.", KEYS(top_keys)},
    {"listener", "NAME", .example = "smtp",
     ARRAY(struct config_listener, listeners, listener_count),
     .argument = offsetof(struct config_listener, name),
     .meaning = "Where SMTP is spoken. May stand several times.", KEYS(listener_keys)},
    {"domain", "NAME ...", .many_arguments = true, .example = "example.org",
     ARRAY(struct config_domain, domains, domain_count),
     .argument = offsetof(struct config_domain, names),
     .meaning = "Domains that mail is received for. Several names are one domain with several "
                "spellings. May stand several times.",
     KEYS(domain_keys)},
    {"certificate", "NAME", .example = "mx",
     ARRAY(struct config_certificate, tls.certificates, tls.certificate_count),
     .argument = offsetof(struct config_certificate, name),
     .meaning = "A certificate for TLS; the client's SNI chooses among several by the names in "
                "them, and the first is the default.",
     KEYS(certificate_keys)},
    {"policy", "NAME", .example = "default", ARRAY(struct config_policy, policies, policy_count),
     .argument = offsetof(struct config_policy, name),
     .meaning = "How mail is judged. The policy called default always exists; another one takes "
                "what it does not set from the defaults written here.",
     KEYS(policy_keys)},
    {"forwarder", "NAME", .example = "alumni",
     ARRAY(struct config_forwarder, forwarders, forwarder_count),
     .argument = offsetof(struct config_forwarder, name),
     .meaning = "Hosts that forward mail to our users, and so break its SPF. From them a fail of SPF or "
                "DMARC alone is no forgery.",
     KEYS(forwarder_keys)},
    {"upstream", "NAME", .example = "relay",
     ARRAY(struct config_upstream, upstreams, upstream_count),
     .argument = offsetof(struct config_upstream, name),
     .meaning = "A relay of ours that the mail comes through before it comes here.",
     KEYS(upstream_keys)},
    {"signing", "DOMAIN ...", .many_arguments = true, .example = "example.org",
     ARRAY(struct config_signing, signings, signing_count),
     .argument = offsetof(struct config_signing, domains),
     .meaning = "Domains whose mail is signed with DKIM, by the active keys in key-directory: what accounts and "
                "hosts (section host) send, and what own-networks send to users here.",
     KEYS(signing_keys)},
    {"accounts", .meaning = "Who may submit mail, and how it is verified.", KEYS(config_accounts_keys)},
    {"submission", .meaning = "Mail of own users and machines: what is asked of it, and how much there may "
                "be of one account. A limit of 0 is none.",
     KEYS(config_submission_keys)},
    {"host", "NAME", .example = "printer", ARRAY(struct config_machine, machines, machine_count),
     .argument = offsetof(struct config_machine, name),
     .meaning = "A machine of ours that sends without AUTH, and the addresses that it may send as.",
     KEYS(config_machine_keys)},
    {"queue", .meaning = "Mail that leaves: retries, notifications, security.", KEYS(config_queue_keys)},
    {"route", "NAME", .example = "smarthost", ARRAY(struct config_route, routes, route_count),
     .argument = offsetof(struct config_route, name),
     .meaning = "Where mail for some domains goes, or all other mail (a smart host), if not where the DNS "
                "says.",
     KEYS(config_route_keys)},
    {"relay", "DOMAIN ...", .many_arguments = true, .example = "example.net",
     ARRAY(struct config_relay, relays, relay_count),
     .argument = offsetof(struct config_relay, domains),
     .meaning = "Domains that this server is a backup MX for. Mail is passed through to the primary server "
                "while that is up, and held while it is not.",
     KEYS(config_relay_keys)},
    {"list", "NAME", .example = "announce", ARRAY(struct config_list, lists, list_count),
     .argument = offsetof(struct config_list, name),
     .meaning = "A mailing list: mail to its address goes to its members, with a return path of its own.",
     KEYS(config_list_keys)},
    {"forwarding", .meaning = "Mail to aliases that lead elsewhere.", KEYS(config_forwarding_keys)},
    {"dnslist", "NAME", .example = "zen", ARRAY(struct config_dnslist, dnslists, dnslist_count),
     .argument = offsetof(struct config_dnslist, name),
     .meaning = "A list in DNS of addresses or names that are known for good or bad (RFC 5782).",
     KEYS(config_dnslist_keys)},
    {"rating", "NAME", .example = "ratings", ARRAY(struct config_rating, ratings, rating_count),
     .argument = offsetof(struct config_rating, name),
     .meaning = "A zone of TXT records that rate domains (Status: and Rating:).", KEYS(config_rating_keys)},
    {"rule", "NAME", .example = "lottery", ARRAY(struct config_rule, rules, rule_count),
     .argument = offsetof(struct config_rule, name),
     .meaning = "A test of the content with a weight; or, with the name of a built-in test and no pattern, "
                "another weight for that.",
     KEYS(config_rule_keys)},
    {"reputation", .meaning = "What is known of senders.", KEYS(config_reputation_keys)},
    {"rates", .meaning = "How much strangers may send. A limit of 0 is none.", KEYS(config_rates_keys)},
    {"greylist", .meaning = "First attempts that are put off; the policy says whose.", KEYS(config_greylist_keys)},
    {"filter", .meaning = "The statistical filter, which learns from users.", KEYS(config_filter_keys)},
    {"quarantine", .meaning = "Mail that nobody gets until somebody releases it.", KEYS(config_quarantine_keys)},
    {"clamd", .meaning = "Viruses, looked for by clamd.", KEYS(config_clamd_keys)},
    {"phishing", .meaning = "Mail that pretends to be from somebody else.", KEYS(config_phishing_keys)},
    {"state", .meaning = "Where counters and history are kept.", KEYS(config_state_keys)},
    {"limits", .meaning = "What one client may ask of us.", KEYS(limits_keys)},
    {"dns", .meaning = "Look-ups.", KEYS(dns_keys)},
    {"tls", .meaning = "Encryption on listeners.", KEYS(tls_keys)},
    {"authentication", .meaning = "Which checks are made.", KEYS(authentication_keys)},
    {"srs", .meaning = "Rewritten return paths of mail that we forward.", KEYS(srs_keys)},
    {"batv", .meaning = "Tagged return paths (bounce address tag validation).", KEYS(batv_keys)},
    {"ses", .meaning = "Signed return paths (signed envelope sender).", KEYS(ses_keys)},
    {"ledger", .meaning = "The record of what was decided and why.", KEYS(ledger_keys)},
    {"log", .meaning = "The log.", KEYS(log_keys)},
};
const size_t config_section_count = countof(config_sections);

_Static_assert(countof(limits_keys) <= CONFIG_KEYS && countof(authentication_keys) <= CONFIG_KEYS,
               "CONFIG_KEYS is too small");
_Static_assert(CONFIG_TLS_STARTTLS == 1 && CONFIG_TLS_IMPLICIT == 2, "choices of tls");
_Static_assert(CONFIG_DMARC_MARK == 1 && CONFIG_DMARC_ON == 2 && CONFIG_DMARC_STRICT == 3,
               "choices of dmarc");
_Static_assert(CONFIG_SPF_REJECT == 1 && CONFIG_DMARC_SUFFIX_LIST == 1, "choices");

const struct config_section *config_section_find(struct bytes name)
{
    for (size_t i = 1; i < config_section_count; i++)
        if (bytes_is(name, config_sections[i].name))
            return &config_sections[i];
    return NULL;
}

const struct config_key *config_key_find(const struct config_section *section, struct bytes name)
{
    for (size_t i = 0; i < section->key_count; i++)
        if (bytes_is(name, section->keys[i].name))
            return &section->keys[i];
    return NULL;
}

const char *config_type_name(enum config_type type)
{
    static const char *const names[] = {
        [CONFIG_BOOL] = "yes or no",
        [CONFIG_NUMBER] = "number",
        [CONFIG_COUNT] = "number",
        [CONFIG_SIZE] = "size",
        [CONFIG_DURATION] = "duration",
        [CONFIG_CHOICE] = "choice",
        [CONFIG_CHOICE_BOOL] = "choice",
        [CONFIG_CHOICE_TEXT] = "choice",
        [CONFIG_TEXT] = "text",
        [CONFIG_PATH] = "file",
        [CONFIG_DOMAIN] = "host name",
        [CONFIG_DOMAINS] = "list of domains",
        [CONFIG_NAMES] = "list of names",
        [CONFIG_TOKENS] = "list of words",
        [CONFIG_NETWORKS] = "list of networks",
        [CONFIG_ENDPOINTS] = "list of addresses with ports",
        [CONFIG_HOSTS] = "list of hosts",
        [CONFIG_ADDRESSES] = "list of mail addresses",
        [CONFIG_POINTS] = "points",
        [CONFIG_TEXTS] = "list of texts",
    };
    return names[type];
}
