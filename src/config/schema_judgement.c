/* SPDX-License-Identifier: BSD-2-Clause */
/* The part of the schema that is about judgement: reputation, behaviour, content. */
#include "config/schema.h"

#include "base/clock.h"
#include "config/value.h"
#include "filter/pattern.h"

#define KIB INT64_C(1024)
#define MIB (KIB * 1024)
#define GIB (MIB * 1024)
#define POINTS_MOST 10000

#define AT(member) .offset = offsetof(struct config_dnslist, member)
const struct config_key config_dnslist_keys[CONFIG_DNSLIST_KEYS] = {
    {"zone", CONFIG_TEXT, AT(zone), .required = true, .check = config_check_fully_qualified,
     .example = "bl.example.net", .meaning = "The zone that is asked."},
    {"use", CONFIG_TEXTS, AT(use), .required = true, .most = 8, .check = config_check_dnslist_use,
     .example = "[client]",
     .meaning = "What is asked about: client (the client's address), name (its confirmed name), helo, sender (the "
                "domain of MAIL FROM), from (that of From), dkim (the domains of good signatures), url (hosts in "
                "the body), url-address (addresses in the body, and those that its hosts have)."},
    {"weight", CONFIG_POINTS, AT(weight), .fallback = "3", .least = -POINTS_MOST, .most = POINTS_MOST,
     .meaning = "Points of an answer that codes does not name. Below 0 the list speaks for a message."},
    {"codes", CONFIG_TEXTS, AT(codes), .most = 50, .check = config_check_dnslist_code,
     .example = "[\"127.0.0.2=4\", \"127.0.0.4/30=2.5\", \"127.0.0.0/24&8=3\", \"127.0.0.10=off\"]",
     .meaning = "Points for single answers: an address or network, with & a bit of the last octet, then = and the "
                "points, or off. The first that fits counts; of several answers the strongest. 127.255.255.0/24 is "
                "an error of the list and never counts."},
    {"ipv6", CONFIG_BOOL, AT(ipv6), .fallback = "yes", .meaning = "Ask about IPv6 addresses, too."},
    {"registrable", CONFIG_BOOL, AT(registrable), .fallback = "yes",
     .meaning = "Ask about the registrable part of names (example.org for a.example.org); else about the whole "
                "name, too."},
    {"early", CONFIG_CHOICE_BOOL, AT(early), .fallback = "no", .choices = {"no", "reject"},
     .meaning = "reject: a client that is listed with points above 0 is refused at RCPT, before its message comes."},
    {"self-test", CONFIG_BOOL, AT(test), .fallback = "yes",
     .meaning = "Test the list now and then (RFC 5782, 5): one that lists everything, or nothing, is switched off "
                "until it works again, and reported."},
};
#undef AT

#define AT(member) .offset = offsetof(struct config_rating, member)
const struct config_key config_rating_keys[CONFIG_RATING_KEYS] = {
    {"zone", CONFIG_TEXT, AT(zone), .required = true, .check = config_check_fully_qualified,
     .example = "ratings.example.net",
     .meaning = "The zone: DOMAIN.zone has a TXT record such as \"Status: good Rating: 80\"."},
    {"good", CONFIG_POINTS, AT(good), .fallback = "-3", .least = -POINTS_MOST, .most = 0,
     .meaning = "Points of the best rating."},
    {"bad", CONFIG_POINTS, AT(bad), .fallback = "4", .least = 0, .most = POINTS_MOST,
     .meaning = "Points of the worst rating."},
};
#undef AT

#define AT(member) .offset = offsetof(struct config_rule, member)
const struct config_key config_rule_keys[CONFIG_RULE_KEYS] = {
    {"where", CONFIG_CHOICE, AT(where), .fallback = "header",
     .choices = {"header", "body", "html", "url", "subject", "attachment", "raw"},
     .meaning = "Where the pattern is looked for: in header fields (see field), in the text that people see, in the "
                "HTML as it was written, in URLs, in the decoded Subject, in the names of attachments, or in the "
                "octets of the message."},
    {"field", CONFIG_TEXT, AT(field), .check = config_check_token, .example = "X-Mailer",
     .meaning = "With where = header: the field. Unset: all of the header."},
    {"pattern", CONFIG_TEXT, AT(pattern), .check = rule_pattern_fault, .example = "\"(?i)you have won\"",
     .meaning = "A Perl-compatible regular expression, over UTF-8. In quotes a backslash is written twice."},
    {"weight", CONFIG_POINTS, AT(weight), .fallback = "1", .least = -POINTS_MOST, .most = POINTS_MOST,
     .meaning = "Points if it matches."},
    {"negate", CONFIG_BOOL, AT(negate), .fallback = "no", .meaning = "It counts if the pattern does not match."},
    {"action", CONFIG_CHOICE, AT(action), .fallback = "none",
     .choices = {"none", "junk", "quarantine", "reject", "discard"},
     .meaning = "What follows from a match by itself. discard is logged, and the sender never hears of it."},
    {"text", CONFIG_TEXT, AT(text), .example = "\"We do not take part in lotteries.\"",
     .meaning = "What it means, for people: the reason in vouch explain, and the reply to a message that it rejects."},
};
#undef AT

#define AT(member) .offset = offsetof(struct config, reputation.member)
const struct config_key config_reputation_keys[CONFIG_REPUTATION_KEYS] = {
    {"timeout", CONFIG_DURATION, AT(timeout), .fallback = "5s", .least = 100 * MILLISECOND, .most = MINUTE,
     .meaning = "For all lists and ratings of one message; what has not answered by then does not count."},
    {"urls", CONFIG_NUMBER, AT(urls), .fallback = "20", .most = 200,
     .meaning = "Different hosts of a body that lists are asked about."},
    {"history", CONFIG_BOOL, AT(history), .fallback = "yes",
     .meaning = "Remember what authenticated domains, else networks, have sent, and let it count."},
    {"half-life", CONFIG_DURATION, AT(half_life), .fallback = "60d", .least = DAY, .most = 3650 * DAY,
     .meaning = "After this time what is remembered counts half."},
    {"silence", CONFIG_DURATION, AT(silence), .fallback = "180d", .least = DAY, .most = 3650 * DAY,
     .meaning = "A sender that was silent for so long begins anew, and so does a domain whose name servers have all "
                "changed."},
    {"probation", CONFIG_DURATION, AT(probation), .fallback = "7d", .most = 365 * DAY,
     .meaning = "A sender first seen less than this ago is unknown, whatever it sends."},
    {"least-messages", CONFIG_NUMBER, AT(least), .fallback = "10", .least = 1, .most = 100000,
     .meaning = "A sender of fewer messages is unknown."},
    {"contacts", CONFIG_BOOL, AT(contacts), .fallback = "yes",
     .meaning = "Learn whom our users write to. Mail of an authenticated contact is first-class."},
    {"contacts-keep", CONFIG_DURATION, AT(contacts_keep), .fallback = "730d", .least = DAY, .most = 3650 * DAY,
     .meaning = "A contact that was not written to for so long is forgotten."},
    {"traps", CONFIG_BOOL, AT(traps_list), .fallback = "yes",
     .meaning = "Whoever writes to a trap (trap in the recipients file) is listed for a while, with all of his "
                "identities."},
};
#undef AT

#define AT(member) .offset = offsetof(struct config, rates.member)
#define LIMIT(key, member, preset, text)                                                           \
    {key, CONFIG_NUMBER, AT(member), .fallback = preset, .most = 100000000, .meaning = text}
const struct config_key config_rates_keys[CONFIG_RATES_KEYS] = {
    {"window", CONFIG_DURATION, AT(window), .fallback = "10m", .least = 10 * SECOND, .most = DAY,
     .meaning = "The time in which is counted."},
    LIMIT("connections", connections, "50", "Simultaneous connections of an address, with all processes."),
    LIMIT("network-connections", connections_network, "200", "The same of a network (/24, /64)."),
    LIMIT("connections-per-window", connections_window, "0", "Connections of an address."),
    LIMIT("messages", messages, "0", "Messages of an address."),
    LIMIT("recipients", recipients, "0", "Recipients of an address."),
    {"octets", CONFIG_SIZE, AT(octets), .fallback = "0", .most = INT64_MAX, .meaning = "Octets of an address."},
    LIMIT("errors", errors, "200", "Refusals of an address; then it is turned away for the rest of the window."),
    LIMIT("network-messages", network_messages, "0", "Messages of a network."),
    LIMIT("helo-messages", helo_messages, "0", "Messages of a HELO name that is not the client's."),
    LIMIT("domain-messages", domain_messages, "0", "Messages of an authenticated domain."),
    LIMIT("recipient-messages", recipient_messages, "0", "Messages of strangers to one recipient."),
    LIMIT("unknown-recipients", unknown, "20",
          "Unknown recipients of an address; more of them, and the session is closed (421) as harvesting."),
    {"tarpit", CONFIG_DURATION, AT(tarpit), .fallback = "1s", .most = MINUTE,
     .meaning = "For each unknown recipient the greeting of this client's next connection waits so long."},
    {"tarpit-most", CONFIG_DURATION, AT(tarpit_most), .fallback = "20s", .most = 4 * MINUTE,
     .meaning = "But not longer than this."},
};
#undef AT

#define AT(member) .offset = offsetof(struct config, greylist.member)
const struct config_key config_greylist_keys[CONFIG_GREYLIST_KEYS] = {
    {"window", CONFIG_DURATION, AT(window), .fallback = "2d", .least = HOUR, .most = 30 * DAY,
     .meaning = "The time within which the retry must come; later it is a first attempt again."},
    {"keep", CONFIG_DURATION, AT(keep), .fallback = "36d", .least = DAY, .most = 365 * DAY,
     .meaning = "Who has passed is not put off again for so long since his last mail."},
    {"white-after", CONFIG_NUMBER, AT(pass), .fallback = "5", .least = 1, .most = 10000,
     .meaning = "When so many different mails of a network have passed, the network is not put off any more."},
};
#undef AT

#define AT(member) .offset = offsetof(struct config, filter.member)
const struct config_key config_filter_keys[CONFIG_FILTER_KEYS] = {
    {"enabled", CONFIG_BOOL, AT(on), .fallback = "yes",
     .meaning = "Ask the statistical filter. It has no opinion before it was trained (vouch train)."},
    {"size", CONFIG_SIZE, AT(size), .fallback = "32M", .least = MIB, .most = 4 * GIB,
     .meaning = "Of a model, on disk and in memory. Changing it means to train anew."},
    {"per-domain", CONFIG_BOOL, AT(per_domain), .fallback = "no",
     .meaning = "Keep a model for each domain of ours besides the shared one."},
    {"least-messages", CONFIG_NUMBER, AT(least), .fallback = "50", .least = 1, .most = 100000,
     .meaning = "Messages of each kind that must have been learned before the filter has an opinion."},
    {"watch", CONFIG_BOOL, AT(watch), .fallback = "no",
     .meaning = "Learn from users who move mail into or out of the folder .Junk of their Maildir."},
    {"octets", CONFIG_SIZE, AT(limit), .fallback = "1M", .least = 64 * KIB, .most = 64 * MIB,
     .meaning = "Messages larger than this are not given to the filter."},
};
#undef AT

#define AT(member) .offset = offsetof(struct config, quarantine.member)
const struct config_key config_quarantine_keys[CONFIG_QUARANTINE_KEYS] = {
    {"keep", CONFIG_DURATION, AT(keep), .fallback = "30d", .least = HOUR, .most = 3650 * DAY,
     .meaning = "How long a message lies in quarantine before it is thrown away."},
};
#undef AT

#define AT(member) .offset = offsetof(struct config, clamd.member)
const struct config_key config_clamd_keys[CONFIG_CLAMD_KEYS] = {
    {"server", CONFIG_ENDPOINTS, AT(server), .most = 1, .port = 3310, .example = "127.0.0.1:3310",
     .meaning = "Address of clamd. Unset: nobody looks for viruses."},
    {"timeout", CONFIG_DURATION, AT(timeout), .fallback = "30s", .least = SECOND, .most = 5 * MINUTE,
     .meaning = "For one message."},
    {"size", CONFIG_SIZE, AT(size), .fallback = "25M", .least = MIB, .most = 2 * GIB - 1,
     .meaning = "Of a larger message this much is scanned. Not more than clamd's StreamMaxLength."},
    {"failure", CONFIG_CHOICE, AT(failure), .fallback = "tempfail", .choices = {"accept", "tempfail"},
     .meaning = "What follows when clamd does not answer: mail is accepted and marked, or put off (451)."},
};
#undef AT

#define AT(member) .offset = offsetof(struct config, phishing.member)
const struct config_key config_phishing_keys[CONFIG_PHISHING_KEYS] = {
    {"enabled", CONFIG_BOOL, AT(on), .fallback = "yes",
     .meaning = "Look for display names, look-alike domains, links and reply addresses that pretend."},
    {"protect", CONFIG_DOMAINS, AT(protect), .most = 10000, .example = "[bank.example]",
     .meaning = "Domains whose look-alikes are looked for, besides our own."},
    {"weight", CONFIG_POINTS, AT(weight), .fallback = "3", .least = 0, .most = POINTS_MOST,
     .meaning = "Points of a finding."},
};
#undef AT

#define AT(member) .offset = offsetof(struct config, state.member)
const struct config_key config_state_keys[CONFIG_STATE_KEYS] = {
    {"redis", CONFIG_ENDPOINTS, AT(redis), .most = 1, .port = 6379, .example = "127.0.0.1:6379",
     .meaning = "Redis server that several gateways share their counters and history by. While it is away each goes "
                "on with what it knows, and what it counted is added afterwards. Unset: the counters are this "
                "machine's alone."},
    {"password-file", CONFIG_PATH, AT(password_file), .example = "/etc/vouch/redis.password",
     .meaning = "File whose first line is the password for Redis, or \"USER PASSWORD\". Read before the process gives "
                "up its rights, so it may be root's alone."},
    {"prefix", CONFIG_TEXT, AT(prefix), .fallback = "vouch:", .meaning = "Of all keys in Redis."},
    {"timeout", CONFIG_DURATION, AT(timeout), .fallback = "250ms", .least = 10 * MILLISECOND, .most = 10 * SECOND,
     .meaning = "What Redis has not answered by then is answered by what this machine knows."},
};
#undef AT
