/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config: the configuration file as plain structs.
 *
 * One file is the only truth. `config_parse()` reads text into a fully defaulted struct, reporting all
 * errors at once as "file:line:column: message". The schema (config/schema.c) is one table of keys
 * with type, default, bounds and meaning: parser, checker and `vouch config describe` all read it.
 * All memory is in the arena given. A string is never NULL: what is not set and has no default is
 * "". Relative paths of files and sockets are taken from the folder of the file that names them, so the
 * strings here are ready to open.
 *
 *   hostname = mx.example.org
 *   listener smtp { address = [0.0.0.0:25, "[::]:25"] }
 *   domain example.org { recipients = users.txt   deliver = maildir:/var/mail/{domain}/{user} }
 */
#ifndef VOUCH_CONFIG_CONFIG_H
#define VOUCH_CONFIG_CONFIG_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/ip.h"

struct config_strings { char **items; size_t count; };
struct config_networks { struct ip_network *items; size_t count; };

/* An endpoint: address and port, or a path (unix:/run/x). */
struct config_endpoint {
    struct ip ip;
    uint16_t port;
    char *path; /* NULL for TCP */
};
struct config_endpoints { struct config_endpoint *items; size_t count; };


/* A host by name or by address, with a port. */
struct config_host {
    char *name;                    /* "" when it is an address */
    struct ip ip;
    uint16_t port;
};
struct config_hosts { struct config_host *items; size_t count; };

/* A listener that takes no mail, to see how clients choose among MX hosts: `refuse` plays the best one,
 * which is down; `trap` the worst one, that nobody needs. */
enum config_nolisting { CONFIG_NOLISTING_NONE, CONFIG_NOLISTING_REFUSE, CONFIG_NOLISTING_TRAP };

enum config_listener_tls { CONFIG_TLS_NONE, CONFIG_TLS_STARTTLS, CONFIG_TLS_IMPLICIT };

struct config_listener {           /* section "listener NAME" */
    char *name;
    struct config_endpoints addresses; /* address */
    int tls;                       /* none | starttls | implicit; default starttls */
    bool proxy_protocol;           /* proxy-protocol: PROXY v1/v2 required */
    struct config_networks proxy_from; /* proxy-from: peers that may send it; empty: loopback */
    bool lenient;                  /* lenient-syntax */
    bool submission;               /* for own users: AUTH is offered, and nothing goes without it */
    int nolisting;                 /* none | refuse | trap */
    char *greeting;
};

struct config_certificate {        /* section "certificate NAME" */
    char *name;
    char *chain, *key;             /* PEM files */
};

/* The last is no value of `deliver`: an alias that leads to another site. */
enum config_deliver { CONFIG_DELIVER_MAILDIR, CONFIG_DELIVER_LMTP, CONFIG_DELIVER_REMOTE };

struct config_domain {             /* section "domain NAME [NAME ...]" */
    struct config_strings names;
    char *recipients;              /* file: one user a line, "user [quota=1G] [policy=NAME]" */
    char *aliases;                 /* file: "alias: target, target" */
    char *catch_all;               /* catch-all: mailbox, empty for none */
    char *delimiter;               /* recipient-delimiter: "+" */
    char *deliver;                 /* "maildir:/path/{domain}/{user}", "lmtp:unix:/path",
                                    * "lmtp:127.0.0.1:24" */
    enum config_deliver method;    /* `deliver` taken apart */
    char *maildir;                 /* the path with its {domain} and {user}; "" for LMTP */
    struct config_endpoint lmtp;   /* family 0 and path NULL for Maildir */
    uint64_t quota;                /* octets, 0: none */
    char *policy;                  /* name of a policy section; default "default" */
    char *arc_seal;                /* arc-seal: signing domain that seals what is handed on; "": none */
};

enum config_dmarc { CONFIG_DMARC_OFF, CONFIG_DMARC_MARK, CONFIG_DMARC_ON, CONFIG_DMARC_STRICT };
enum config_dmarc_discovery { CONFIG_DMARC_TREE_WALK, CONFIG_DMARC_SUFFIX_LIST };
enum config_foreign_from { CONFIG_FROM_REFUSE, CONFIG_FROM_ADD_SENDER };
enum config_forward_srs { CONFIG_SRS_AUTO, CONFIG_SRS_ALWAYS, CONFIG_SRS_NEVER };
enum config_spf_fail { CONFIG_SPF_MARK, CONFIG_SPF_REJECT }; /* also sender-id-fail, bad-helo, … */

struct config_forwarder {          /* section "forwarder NAME" */
    char *name;
    struct config_networks networks;
    struct config_strings names;   /* HELO names; ".example.org": and all below */
    char *include;                 /* spf-include: a domain whose SPF record lists its hosts; "" */
    bool filters;                  /* it has filtered what it forwards */
};

struct config_upstream {           /* section "upstream NAME": a relay of ours before this one */
    char *name;
    struct config_networks networks;
    struct config_strings authserv_ids; /* whose Authentication-Results are read */
    unsigned hops;                 /* Received fields down to the one that names the client; 0: none does */
};

struct config_signing {            /* section "signing DOMAIN [DOMAIN ...]" */
    struct config_strings domains; /* d=; keys lie in key-directory/DOMAIN */
    int64_t expire;                /* x=, microseconds; 14d */
    struct config_strings headers; /* further fields to sign */
};

struct config_machine {            /* section "host NAME": an own machine that sends without AUTH */
    char *name;
    struct config_networks networks;
    struct config_strings senders; /* "app@example.org", "@example.org": what it may send as */
};

enum config_route_tls { CONFIG_ROUTE_NONE, CONFIG_ROUTE_MAY, CONFIG_ROUTE_ENCRYPT, CONFIG_ROUTE_VERIFY };

struct config_route {              /* section "route NAME" */
    char *name;
    struct config_strings domains; /* ".example.org": all below; none: every other (smart host) */
    struct config_hosts hosts;     /* in this order; none: by MX */
    int tls;                       /* none | may | encrypt | verify; default may */
    char *tls_name;                /* in the certificate; "": the host's name */
    char *user;                    /* for AUTH; "": none */
    char *password_file;           /* read by the keys role only */
    unsigned concurrency, rate;    /* 0: as in section queue; rate: messages a minute */
};

struct config_relay {              /* section "relay DOMAIN [DOMAIN ...]": backup MX */
    struct config_strings domains;
    struct config_hosts primary;   /* where it goes; never by MX */
    char *recipients;              /* file of addresses; "": the primary is asked and remembered */
    int64_t remember;              /* how long a recipient that the primary knows is believed; 7d */
    char *policy;                  /* default "default" */
};

enum config_list_post { CONFIG_LIST_ANYONE, CONFIG_LIST_MEMBERS, CONFIG_LIST_OWNER };

struct config_list {               /* section "list NAME" */
    char *name;
    char *address;                 /* announce@example.org, in a domain of ours */
    char *members;                 /* file of addresses, one a line */
    char *owner;                   /* gets what comes back; a mailbox of ours or another address */
    int post;                      /* who may: anyone | members | owner; default members */
    char *description;
    char *archive, *unsubscribe;   /* URLs; "": none */
};

struct config_policy {             /* section "policy NAME"; "default" always exists */
    char *name;
    int dmarc;                     /* off | mark | on | strict; default on */
    int spf_fail;                  /* spf-fail: mark | reject; default mark */
    bool reject_bad_from;          /* reject-bad-from: no From, several From; default yes */
    bool junk_folder;              /* junk-folder: file junk to .Junk (else only marked); default yes */
    unsigned temporary_attempts;   /* temporary-attempts: 451s for a DNS failure before accepting; 3 */
    int64_t temporary_window;      /* temporary-window: microseconds; default 4h */
    struct config_networks trusted_forwarders; /* trusted-forwarders */
    struct config_strings trusted_sealers;     /* trusted-sealers: ARC d= domains */
    struct config_strings trusted_lists;       /* trusted-lists: DKIM or SPF domains with a history as list */
    int sender_id_fail;            /* sender-id-fail: mark | reject; default mark */
    int submitter_mismatch;        /* submitter-mismatch: mark | reject; default reject (rfc4405:4.2) */
    int bad_helo;                  /* bad-helo: mark | reject; default mark */
    /* Points are in hundredths: 5 points are a factor of ten in the odds. */
    int junk_score, quarantine_score, reject_score; /* the last two 0: never */
    int generic_name;              /* mark | reject: a consumer's name with neither SPF nor DKIM */
    int greylist;                  /* off | auto | on */
    int64_t greylist_delay;        /* microseconds */
    bool default_reject;           /* only first-class mail and known contacts */
    int class_folders;             /* no | not-junk | each */
    bool skip_filter;              /* first-class mail skips the content filter */
    int virus;                     /* mark | junk | quarantine | reject; default reject */
    int attachment;                /* the same, for attachments that are not wanted; default mark */
    struct config_strings attachments; /* extensions: "exe"; "executable", "macro", "encrypted", "disguised" */
    uint64_t message_size;         /* 0: limits.message-size alone */
    char *shadow;                  /* a policy whose disagreement is logged; "": none */
};

/* What a list in DNS is asked about. */
enum config_dnslist_use {
    CONFIG_DNSLIST_CLIENT = 1 << 0,  /* the client's address (RFC 5782) */
    CONFIG_DNSLIST_NAME = 1 << 1,    /* its confirmed name */
    CONFIG_DNSLIST_HELO = 1 << 2,
    CONFIG_DNSLIST_SENDER = 1 << 3,  /* domain of MAIL FROM */
    CONFIG_DNSLIST_FROM = 1 << 4,    /* domain of From */
    CONFIG_DNSLIST_DKIM = 1 << 5,    /* d= of good signatures */
    CONFIG_DNSLIST_URL = 1 << 6,     /* names of hosts in the body */
    CONFIG_DNSLIST_URL_ADDRESS = 1 << 7 /* addresses in the body, and those that the names resolve to */
};

struct config_dnslist {            /* section "dnslist NAME" */
    char *name;
    char *zone;                    /* zen.example.net */
    struct config_strings use;     /* client, name, helo, sender, from, dkim, url, url-address */
    unsigned uses;                 /* `use` taken apart: of enum config_dnslist_use */
    int weight;                    /* points (hundredths) of an answer that no code names; below 0: it speaks for */
    struct config_strings codes;   /* "127.0.0.2=4", "127.0.0.8/29=2.5", "127.0.0.0/24&4=3" (a bit of the last octet) */
    bool ipv6;                     /* addresses of IPv6 are asked, too */
    bool registrable;              /* names are asked by their registrable part only; else whole, too */
    int early;                     /* no | reject: decides at RCPT, by itself, before the message */
    bool test;                     /* the self-test of rfc5782:5 is made */
};

struct config_rating {             /* section "rating NAME": domain ratings by TXT */
    char *name;
    char *zone;
    int good, bad;                 /* points for Status: good and bad, scaled by Rating */
};

struct config_rule {               /* section "rule NAME" */
    char *name;
    int where;                     /* header | body | html | url | subject | attachment | raw */
    char *field;                   /* of header; "": any */
    char *pattern;                 /* PCRE2; "": weight of a built-in test is changed */
    int weight;                    /* points, hundredths */
    bool negate;                   /* matches if the pattern does not */
    int action;                    /* none | junk | quarantine | reject | discard */
    char *text;                    /* of the reply */
};
enum config_rule_where { CONFIG_RULE_HEADER, CONFIG_RULE_BODY, CONFIG_RULE_HTML, CONFIG_RULE_URL, CONFIG_RULE_SUBJECT,
                         CONFIG_RULE_ATTACHMENT, CONFIG_RULE_RAW };
enum config_rule_action { CONFIG_RULE_NONE, CONFIG_RULE_JUNK, CONFIG_RULE_QUARANTINE, CONFIG_RULE_REJECT,
                          CONFIG_RULE_DISCARD };
enum config_folders { CONFIG_FOLDERS_NONE, CONFIG_FOLDERS_NOT_JUNK, CONFIG_FOLDERS_EACH };
enum config_content_action { CONFIG_CONTENT_MARK, CONFIG_CONTENT_JUNK, CONFIG_CONTENT_QUARANTINE,
                             CONFIG_CONTENT_REJECT };
enum config_greylist { CONFIG_GREYLIST_OFF, CONFIG_GREYLIST_AUTO, CONFIG_GREYLIST_ON };

struct config {
    /* top level */
    char *hostname;                /* required; FQDN */
    char *authserv_id;             /* authserv-id; default hostname */
    char *data_directory;          /* /var/lib/vouch */
    char *run_directory;           /* /run/vouch */
    char *user;                    /* account of the roles; "vouch" */
    unsigned edges;                /* 0: one a core */
    struct config_networks own_networks; /* own-networks; loopback is not implied */
    char *key_directory;           /* key-directory: of vouch dkim keygen; /etc/vouch/keys */
    char *postmaster;              /* mailbox that postmaster and abuse resolve to when no file names them */

    struct {                       /* section "limits" */
        uint64_t message_size;     /* 50M */
        unsigned recipients;       /* 1000 */
        uint64_t command_line, text_line;
        unsigned sessions;         /* a process, 10000 */
        unsigned sessions_per_client; /* 50 */
        unsigned bad_commands, junk_commands, received_fields;
        int64_t greeting_delay, command_timeout, data_timeout, session_timeout, finish_timeout;
        uint64_t session_memory, content_in_memory, content_total;
    } limits;
    struct {                       /* section "dns" */
        struct config_endpoints servers; /* empty: /etc/resolv.conf */
        int64_t timeout;           /* one attempt */
        unsigned attempts;
        uint64_t cache_entries;
        bool trust_ad;             /* of every server; the default, false: only of loopback servers */
    } dns;
    struct {                       /* section "tls" */
        char *minimum_version;     /* "1.2" */
        struct config_certificate *certificates;
        size_t certificate_count;
    } tls;
    struct {                       /* section "authentication" */
        bool spf, dkim, dmarc, iprev;
        int dmarc_discovery;       /* tree-walk | suffix-list */
        char *suffix_list;         /* file */
        int64_t timeout;           /* all checks of one message */
        bool helo, spf_guess, sender_id, domainkeys, adsp, arc, smime, openpgp, replays;
        char *smime_authorities;   /* PEM file; "": the system's */
        unsigned hashcash;         /* zero bits demanded; 0: not looked at */
        struct config_strings vbr_certifiers; /* empty: VBR is not looked at */
    } authentication;
    struct {                       /* section "srs" */
        char *domain;              /* of our SRS addresses; "": off */
        char *secrets;             /* file, one a line, the first signs; read by the keys role only */
        int64_t age;               /* 21d */
    } srs;
    struct {                       /* section "batv" */
        struct config_strings domains; /* whose return paths are tagged; empty: off */
        char *secrets;
    } batv;
    struct {                       /* section "ses" */
        struct config_strings domains;
        char *secrets;
    } ses;
    struct {                       /* section "accounts": who may submit */
        char *file;                /* of vouch user; "": none */
        char *dovecot;             /* socket of Dovecot's auth service; "": none */
        char *pam;                 /* PAM service; "": none */
        struct config_strings mechanisms; /* allowed; empty: SCRAM-SHA-256(-PLUS), PLAIN, LOGIN (and EXTERNAL
                                           * with client-authorities) */
        char *client_authorities;  /* PEM file: client certificates that EXTERNAL believes; "": none */
        unsigned failures;         /* of one address within the window before it is refused; 20 */
        int64_t failure_window;    /* 1h */
        int64_t failure_delay;     /* of the reply to the first failure; doubles; 1s */
    } accounts;
    struct {                       /* section "submission" */
        int foreign_from;          /* refuse | add-sender */
        bool hide_client;          /* no address of the user in Received */
        bool seven_bit;            /* convert to 7 bit before signing */
        unsigned messages_hour, messages_day, recipients_hour, recipients_day; /* 0: no limit */
        unsigned connections;      /* simultaneous, of one account with one edge */
        unsigned senders_day, domains_day, networks_day; /* distinct */
        uint64_t octets_day;
        unsigned unknown_percent;  /* of recipients refused as unknown */
        unsigned soft_percent;     /* of a limit from which on replies are delayed */
        bool hold;                 /* hold accounts that look stolen */
    } submission;
    struct {                       /* section "queue" */
        int64_t lifetime;          /* 5d */
        int64_t delay_warning;     /* 0: only if asked for */
        int64_t retry_first, retry_most; /* 5m, 4h */
        unsigned sessions;         /* simultaneous, all destinations */
        unsigned concurrency;      /* for one destination, at most */
        unsigned rate;             /* messages a minute for one destination; 0: no limit */
        struct config_hosts fallback_relay; /* what failed once goes here */
        bool ipv6;
        struct config_endpoints source; /* addresses to send from; port unused */
        bool dane, mta_sts, tls_reports;
        char *authorities;         /* PEM file; "": the system's */
        unsigned mta_sts_port;     /* 443; others for tests */
        unsigned smtp_port;        /* 25; others for tests */
        bool copy_postmaster;      /* postmaster gets a copy of each notification */
    } queue;
    struct {                       /* section "forwarding" */
        int srs;                   /* auto | always | never */
        bool resent;               /* add Resent fields */
    } forwarding;
    struct {                       /* section "reputation" */
        int64_t timeout;           /* for all lists of one message; 5s */
        unsigned urls;             /* different hosts of a body that are asked about; 20 */
        bool history;              /* remember and use what identities sent; yes */
        int64_t half_life;         /* of what is remembered; 60d */
        int64_t silence;           /* an identity silent for so long begins anew; 180d */
        int64_t probation;         /* an identity younger than this is unknown; 7d */
        unsigned least;            /* messages before it is more than unknown; 10 */
        bool contacts;             /* learn whom our users write to; yes */
        int64_t contacts_keep;     /* 730d */
        bool traps_list;           /* clients that wrote to trap recipients count against themselves; yes */
    } reputation;
    struct {                       /* section "rates": of strangers' clients; 0: no limit */
        int64_t window;            /* 10m */
        unsigned connections, connections_network; /* simultaneous, of an address, of its network */
        unsigned connections_window, messages, recipients; /* of an address within the window */
        unsigned network_messages; /* of a /24 or /64 */
        unsigned helo_messages;    /* of a HELO name that is not confirmed */
        unsigned domain_messages;  /* of an authenticated domain */
        unsigned recipient_messages; /* to one recipient */
        uint64_t octets;           /* of an address */
        unsigned errors;           /* replies 4xx/5xx of an address */
        unsigned unknown;          /* unknown recipients of an address: more close the session (421) */
        int64_t tarpit, tarpit_most; /* delay of the next connection for each unknown recipient; 1s, 30s */
    } rates;
    struct {                       /* section "greylist"; policies say who is greylisted */
        int64_t window;            /* within which the retry must come; 2d */
        int64_t keep;              /* a client that passed is white-listed for so long; 36d */
        unsigned pass;             /* messages that passed before the client's network itself is white; 5 */
    } greylist;
    struct {                       /* section "filter" */
        bool on;                   /* enabled = yes */
        uint64_t size;             /* of a model, octets; 32M */
        bool per_domain;           /* models of domains besides the shared one */
        unsigned least;            /* messages of each kind before the filter has an opinion; 50 */
        bool watch;                /* learn from mail that users move into and out of .Junk (Maildir) */
        uint64_t limit;            /* octets of a message that are read */
    } filter;
    struct {                       /* section "quarantine" */
        int64_t keep;              /* 30d */
    } quarantine;
    struct {                       /* section "clamd" */
        struct config_endpoints server; /* one; empty: off */
        int64_t timeout;           /* 30s */
        uint64_t size;             /* larger messages are not scanned; 25M */
        int failure;               /* accept | tempfail; default tempfail */
    } clamd;
    struct {                       /* section "phishing" */
        bool on;                   /* enabled = yes */
        struct config_strings protect; /* domains whose look-alikes are looked for, besides our own */
        int weight;                /* points of a finding; some count double or half; 3 */
    } phishing;
    struct {                       /* section "state" */
        struct config_endpoints redis; /* empty: LMDB alone */
        char *password_file;       /* of Redis; "": none */
        char *prefix;              /* of keys; "vouch:" */
        int64_t timeout;           /* 250ms */
    } state;
    char *control_group;           /* whose members may train and report; "": root and the account alone */
    struct {                       /* section "ledger" */
        int64_t keep;              /* 30d */
    } ledger;
    struct {                       /* section "log" */
        bool json;                 /* format = plain | json */
        char *level;               /* debug | info | warning | error */
        char *filter;              /* debug subjects */
        char *file;                /* empty: standard error (journal) */
    } log;

    struct config_listener *listeners;
    size_t listener_count;
    struct config_domain *domains;
    size_t domain_count;
    struct config_forwarder *forwarders;
    size_t forwarder_count;
    struct config_upstream *upstreams;
    size_t upstream_count;
    struct config_signing *signings;
    size_t signing_count;
    struct config_machine *machines;
    size_t machine_count;
    struct config_route *routes;
    size_t route_count;
    struct config_relay *relays;
    size_t relay_count;
    struct config_dnslist *dnslists;
    size_t dnslist_count;
    struct config_rating *ratings;
    size_t rating_count;
    struct config_rule *rules;
    size_t rule_count;
    struct config_list *lists;
    size_t list_count;
    struct config_policy *policies; /* the first is "default" */
    size_t policy_count;
    char *file;                    /* where it came from */
};

/* Reads the file and its includes. PERM: `errors` (may be NULL) holds one line a fault, in
 * the order of the text. TEMP: the arena is full. Only OK touches *out. */
enum result config_load(struct arena *arena, const char *file, struct config *out,
                        struct buf *errors) must_check;
/* The same from text; includes are relative to `file`'s folder, and refused when file is NULL. */
enum result config_parse(struct arena *arena, struct bytes text, const char *file,
                         struct config *out, struct buf *errors) must_check;
/* Every key with its type, default and meaning, as a commented file that config_parse() accepts. */
void config_describe(struct buf *out);

/* Whether the address lies in one of the networks. */
bool config_networks_contain(const struct config_networks *networks, const struct ip *ip);
/* Whether the name is one of them, ASCII case-insensitive; dots and patterns mean nothing here. */
bool config_strings_contain(const struct config_strings *strings, struct bytes name);
/* Whether a section "domain" has the name. */
bool config_is_our_domain(const struct config *config, struct bytes domain);
/* The section "relay" that has the domain, or NULL. */
const struct config_relay *config_relay_find(const struct config *config, struct bytes domain);

/* The policy of that name, or the default one. Never NULL. */
const struct config_policy *config_policy_find(const struct config *config, const char *name);

#endif
