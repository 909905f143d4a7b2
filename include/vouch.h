/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vouch: who a message is from: SPF, DKIM, DMARC and ARC for other programs.
 *
 *     cc program.c $(pkg-config --cflags --libs vouch)
 *
 * Everything is done with a few handles, of which this header shows no inside:
 *
 *     struct vouch_context       settings, the resolver, what was learnt from DNS
 *     struct vouch_message       one message
 *     struct vouch_result        what was found out about it
 *     struct vouch_signer        a private key and how to sign with it
 *     struct vouch_auth_results  what one Authentication-Results field says (RFC 8601)
 *
 * Calls are synchronous: they return when they are done, or at their time-out.
 *
 * Memory. What vouch_X_create() made, vouch_X_destroy() releases; a result, too, is the caller's. Strings
 * that come out of a handle end with NUL, hold no control characters (but the line ends of header
 * fields), belong to the handle and live as long as it does, unless it says otherwise. Handles do not
 * depend on each other: a result may outlive its context and its message. What is handed in is copied
 * before the call returns. All destroy functions take NULL; reading from NULL gives NULL, 0 or
 * VOUCH_RESULT_NONE.
 *
 * Threads. A handle is for one thread at a time; different handles may be used at the same time. A
 * finished message and a result do not change, so that any number of threads may read them at once.
 * There are no settings outside of handles. No thread is started, no signal disposition is changed,
 * nothing is printed, and between two calls no descriptor is open. Functions need 256 KiB of stack at most.
 * None may be left by longjmp() or an exception of C++ out of a callback. OpenSSL's queue of errors of the
 * thread may be emptied. Once loaded, the shared library stays until the process ends.
 *
 * fork(): the child may go on with all handles that no other thread was using at that moment, each
 * process with its own copy. Do not call fork() in a callback and go on with that call in both.
 *
 * What is asked of the network: DNS, as the context says; nothing else. Files that are read: what OpenSSL
 * and c-ares read (/etc/resolv.conf), and the system's public suffix list for VOUCH_DMARC_SUFFIX_LIST.
 */
#ifndef VOUCH_H
#define VOUCH_H

#include <stddef.h>
#include <stdint.h>

/* Rises when a program must be compiled again. It is the number in the name of the shared library. */
#define VOUCH_ABI_VERSION 1

#if defined(__GNUC__)
#define VOUCH_CHECKED __attribute__((__warn_unused_result__))
#else
#define VOUCH_CHECKED
#endif

#ifdef __cplusplus
extern "C" {
#endif

struct vouch_context;
struct vouch_message;
struct vouch_result;
struct vouch_signer;
struct vouch_auth_results;

/* VOUCH_ABI_VERSION of the library that is loaded. */
int vouch_abi_version(void);
/* The version of the whole project, "1.2.3". */
const char *vouch_version(void);

/* How a call went. It does not tell whether a message is good: that is in the result. */
enum vouch_status {
    VOUCH_OK = 0,
    VOUCH_TEMPORARY = 1, /* out of memory or of descriptors: may work later */
    VOUCH_INVALID = 2,   /* what was handed in cannot be used, now or later */
    VOUCH_REFUSED = 3    /* it must not be done (an ARC chain that must not go on) */
};

/* What a check says (rfc8601:2.7). Take values that you do not know for VOUCH_RESULT_NONE. */
enum vouch_answer {
    VOUCH_RESULT_NONE = 0, /* nothing to check, or not checked */
    VOUCH_RESULT_PASS = 1,
    VOUCH_RESULT_FAIL = 2,
    VOUCH_RESULT_SOFTFAIL = 3,
    VOUCH_RESULT_NEUTRAL = 4,
    VOUCH_RESULT_POLICY = 5, /* good, but something about it is not acceptable: gets no credit */
    VOUCH_RESULT_TEMPERROR = 6,
    VOUCH_RESULT_PERMERROR = 7
};
/* "none", "pass", … */
const char *vouch_answer_name(enum vouch_answer answer);

/* To be or-ed. */
enum vouch_method {
    VOUCH_SPF = 1,      /* of MAIL FROM */
    VOUCH_SPF_HELO = 2, /* of the HELO name */
    VOUCH_DKIM = 4,
    VOUCH_DMARC = 8,    /* has SPF and DKIM checked, too */
    VOUCH_ARC = 16,
    VOUCH_ALL = 31
};

/* --- context ------------------------------------------------------------------------------- */

/*
 * A new context asks the name servers of /etc/resolv.conf, judges by the clock, and gives each call 20
 * seconds. It remembers answers of DNS for as long as their TTL says (5 seconds at least, failures 5 to 30
 * seconds), at most 16 MiB of them: keep a context, and have one for each thread. NULL: out of memory, or
 * OpenSSL lacks SHA-256.
 */
struct vouch_context *vouch_context_create(void) VOUCH_CHECKED;
void vouch_context_destroy(struct vouch_context *context);

/* Why the last call with this context that did not return VOUCH_OK failed: a sentence, never NULL. Lives
 * until the next call with it. */
const char *vouch_context_error(const struct vouch_context *context);

/* Adds a name server to ask instead of those of /etc/resolv.conf: "192.0.2.53", "192.0.2.53:5300",
 * "[2001:db8::53]:53". They are asked in their order; at most 8. */
enum vouch_status vouch_context_add_server(struct vouch_context *context, const char *server)
    VOUCH_CHECKED;

/* What a question of DNS came to. */
enum vouch_dns {
    VOUCH_DNS_FOUND = 0,
    VOUCH_DNS_NO_DATA = 1, /* the name exists, but has no such record */
    VOUCH_DNS_NO_NAME = 2, /* the name does not exist (NXDOMAIN) */
    VOUCH_DNS_FAILED = 3   /* nobody knows: time-out, SERVFAIL, … */
};
/* The types that are asked for. */
enum vouch_dns_type {
    VOUCH_DNS_A = 1,
    VOUCH_DNS_PTR = 12,
    VOUCH_DNS_MX = 15,
    VOUCH_DNS_TXT = 16,
    VOUCH_DNS_AAAA = 28
};
/* An answer under way; it exists while the callback runs. */
struct vouch_dns_answer;

/*
 * A resolver of the caller's. `name` has no dot at its end; where it holds unusual octets they are
 * written \DDD. `milliseconds` are left for the whole call. It adds records to `answer` with the functions
 * below and returns VOUCH_DNS_FOUND; or another value. VOUCH_DNS_FOUND without a record of the type counts as
 * VOUCH_DNS_NO_DATA, an unknown value as VOUCH_DNS_FAILED.
 *
 * It is called on the thread and the stack of the call that needs it, one question after the other. It may
 * use other handles, but not those of that call.
 */
typedef enum vouch_dns vouch_resolve(void *argument, const char *name, int type, int milliseconds,
                                     struct vouch_dns_answer *answer);
/* `resolve` NULL: the built-in resolver again. Forgets what was learnt. */
void vouch_context_set_resolver(struct vouch_context *context, vouch_resolve *resolve,
                                void *argument);

/* One TXT record: all its character strings joined without spaces. 0, or -1 if it was not taken (out of
 * memory, or not of the type that was asked for); the call then counts the look-up as failed. The same for
 * the others. */
int vouch_dns_answer_add_text(struct vouch_dns_answer *answer, const void *text, size_t length);
/* A or AAAA: 4 or 16 octets in network order. */
int vouch_dns_answer_add_address(struct vouch_dns_answer *answer, const void *octets,
                                 size_t length);
/* MX or PTR: the name in presentation form; "" or "." is the root. */
int vouch_dns_answer_add_name(struct vouch_dns_answer *answer, const char *name,
                              unsigned preference);
/* Seconds; without it 60. */
void vouch_dns_answer_set_ttl(struct vouch_dns_answer *answer, uint32_t seconds);
/* Instead of all these: a whole reply as it came over the network, which res_nquery() and others give.
 * Returns what it says, which is what the callback should return. */
enum vouch_dns vouch_dns_answer_set_packet(struct vouch_dns_answer *answer, const void *packet,
                                           size_t length);

/* Forgets what was learnt from DNS. */
void vouch_context_clear_cache(struct vouch_context *context);

/* For each call, DNS and all; 1 to 600,000. When it is over, what is still open is a temperror. A resolver
 * of the caller's is not interrupted. */
enum vouch_status vouch_context_set_timeout(struct vouch_context *context, unsigned milliseconds)
    VOUCH_CHECKED;
/* Judges as if it were then: seconds since 1970. 0: by the clock. */
void vouch_context_set_now(struct vouch_context *context, int64_t seconds);
/* Who speaks in Authentication-Results (rfc8601:2.5). Default: "localhost". */
enum vouch_status vouch_context_set_authserv_id(struct vouch_context *context,
                                                const char *authserv_id) VOUCH_CHECKED;
/* The name of the receiving host, for %{r} of SPF and for Received-SPF. Default: the authserv-id. */
enum vouch_status vouch_context_set_hostname(struct vouch_context *context, const char *hostname)
    VOUCH_CHECKED;

/* How DMARC finds an organizational domain. */
enum vouch_dmarc_mode {
    VOUCH_DMARC_TREE_WALK = 0,  /* RFC 9989, the default */
    VOUCH_DMARC_SUFFIX_LIST = 1 /* RFC 7489 */
};
enum vouch_status vouch_context_set_dmarc_mode(struct vouch_context *context,
                                               enum vouch_dmarc_mode mode) VOUCH_CHECKED;

/* --- message ------------------------------------------------------------------------------- */

/*
 * A message is created empty, is given its text in as many pieces as it comes in, and is finished; then it
 * does not change any more. If its first line ends in CRLF, the text is taken as it is; otherwise it is
 * taken for a file: lines that end in LF (or CR) get CRLF, and a first line "From " of an mbox is dropped.
 */
struct vouch_message *vouch_message_create(void) VOUCH_CHECKED; /* NULL: out of memory */
void vouch_message_destroy(struct vouch_message *message);
/* Most octets of a message; VOUCH_INVALID later. Default: 128 MiB. Before the first piece. */
void vouch_message_set_limit(struct vouch_message *message, size_t octets);
enum vouch_status vouch_message_add(struct vouch_message *message, const void *text, size_t length)
    VOUCH_CHECKED;
/* For milters, which get fields in halves: one header field. LF in the value becomes CRLF; a space is put
 * before it unless it begins with one (see SMFIP_HDR_LEADSPC). */
enum vouch_status vouch_message_add_field(struct vouch_message *message, const char *name,
                                          const char *value) VOUCH_CHECKED;
/* The empty line between the fields and the body, which is added with vouch_message_add(). */
enum vouch_status vouch_message_end_fields(struct vouch_message *message) VOUCH_CHECKED;
/* VOUCH_INVALID: a header of more than 1 MiB, 1000 fields, or 100 KiB in one of them. */
enum vouch_status vouch_message_finish(struct vouch_message *message) VOUCH_CHECKED;
/* Why the last call failed. */
const char *vouch_message_error(const struct vouch_message *message);
/* The finished message in CRLF form; not NUL-terminated. */
const void *vouch_message_text(const struct vouch_message *message, size_t *length);

/* --- checks -------------------------------------------------------------------------------- */

/*
 * Does the checks of `methods` (or-ed). `ip` is the client's address as text, `helo` its HELO or EHLO name,
 * `mail_from` the mailbox of MAIL FROM without its brackets, "" for <>. `ip` NULL: nobody knows who the
 * client was, so that SPF is not checked. `message` may be NULL for SPF alone. On VOUCH_OK *result is a new
 * result; otherwise NULL. That DNS does not answer is no failure of the call: it is a temperror.
 */
enum vouch_status vouch_check(struct vouch_context *context, unsigned methods,
                              const struct vouch_message *message, const char *ip,
                              const char *helo, const char *mail_from,
                              struct vouch_result **result) VOUCH_CHECKED;
/* The same for one method; SPF of MAIL FROM. */
enum vouch_status vouch_check_spf(struct vouch_context *context, const char *ip, const char *helo,
                                  const char *mail_from, struct vouch_result **result)
    VOUCH_CHECKED;
enum vouch_status vouch_check_dkim(struct vouch_context *context,
                                   const struct vouch_message *message,
                                   struct vouch_result **result) VOUCH_CHECKED;
enum vouch_status vouch_check_arc(struct vouch_context *context,
                                  const struct vouch_message *message,
                                  struct vouch_result **result) VOUCH_CHECKED;

void vouch_result_destroy(struct vouch_result *result);

/* The methods that were checked, or-ed. */
unsigned vouch_result_methods(const struct vouch_result *result);
/* What one method says. VOUCH_DKIM: pass if any signature passes; else temperror if one could not be
 * checked; else what the first says. */
enum vouch_answer vouch_result_answer(const struct vouch_result *result, enum vouch_method method);
/* Why it is not a pass: a sentence; "" where there is nothing to say. */
const char *vouch_result_reason(const struct vouch_result *result, enum vouch_method method);

/* The whole field, "Authentication-Results: …" with its line ends: to be put before the message. First
 * remove those that came with the message and bear your authserv-id (rfc8601:5). */
const char *vouch_result_field(const struct vouch_result *result);
/* Its value alone, for smfi_insheader() and its like: without name, and without the last line end; inner
 * lines end in CRLF. */
const char *vouch_result_field_value(const struct vouch_result *result);
/* The same to be read piece by piece; belongs to the result. */
const struct vouch_auth_results *vouch_result_auth_results(const struct vouch_result *result);

/* SPF: `method` is VOUCH_SPF or VOUCH_SPF_HELO. "" where there is none. */
const char *vouch_spf_domain(const struct vouch_result *result, enum vouch_method method);
const char *vouch_spf_record(const struct vouch_result *result, enum vouch_method method);
/* The term that decided ("-all"); "default" if none matched. */
const char *vouch_spf_mechanism(const struct vouch_result *result, enum vouch_method method);
/* What the domain has to say about a fail (exp=). A stranger's text. */
const char *vouch_spf_explanation(const struct vouch_result *result, enum vouch_method method);
/* Of 10 look-ups, and of 2 void ones (rfc7208:4.6.4). */
unsigned vouch_spf_lookups(const struct vouch_result *result, enum vouch_method method);
unsigned vouch_spf_void_lookups(const struct vouch_result *result, enum vouch_method method);
/* The whole field "Received-SPF: …" with its line ends. */
const char *vouch_spf_field(const struct vouch_result *result, enum vouch_method method);

/* DKIM: signatures by their order in the header; `index` begins at 0. At most 10 are looked at. */
size_t vouch_dkim_count(const struct vouch_result *result);
enum vouch_answer vouch_dkim_answer(const struct vouch_result *result, size_t index);
const char *vouch_dkim_reason(const struct vouch_result *result, size_t index);
const char *vouch_dkim_domain(const struct vouch_result *result, size_t index);    /* d= */
const char *vouch_dkim_selector(const struct vouch_result *result, size_t index);  /* s= */
const char *vouch_dkim_identity(const struct vouch_result *result, size_t index);  /* i= */
const char *vouch_dkim_algorithm(const struct vouch_result *result, size_t index); /* a= */
const char *vouch_dkim_headers(const struct vouch_result *result, size_t index);   /* h= */
unsigned vouch_dkim_key_bits(const struct vouch_result *result, size_t index);     /* 0: no key */
int64_t vouch_dkim_time(const struct vouch_result *result, size_t index);          /* t=, or 0 */
int64_t vouch_dkim_expiry(const struct vouch_result *result, size_t index);        /* x=, or 0 */
/* 1: its key is in testing (t=y), and so it counts for nothing; else 0. */
int vouch_dkim_is_testing(const struct vouch_result *result, size_t index);

enum vouch_policy { VOUCH_POLICY_NONE = 0, VOUCH_POLICY_QUARANTINE = 1, VOUCH_POLICY_REJECT = 2 };
/* "none", "quarantine", "reject" */
const char *vouch_policy_name(enum vouch_policy policy);

/* DMARC. A message that has no single usable author is a permerror. */
const char *vouch_dmarc_author_domain(const struct vouch_result *result);
const char *vouch_dmarc_policy_domain(const struct vouch_result *result); /* has the record */
const char *vouch_dmarc_organizational_domain(const struct vouch_result *result); /* may be "" */
const char *vouch_dmarc_record(const struct vouch_result *result);
/* What the domain asks to be done with messages that fail, after sp=, np= and t=. */
enum vouch_policy vouch_dmarc_policy(const struct vouch_result *result);
/* pct= under VOUCH_DMARC_SUFFIX_LIST; else 100. Drawing lots is the caller's (rfc7489:6.6.4). */
unsigned vouch_dmarc_percent(const struct vouch_result *result);
/* 1 if it passed and is aligned with the author's domain; else 0. */
int vouch_dmarc_spf_aligned(const struct vouch_result *result);
/* The index of a signature that passed and is aligned, or -1. */
int vouch_dmarc_dkim_aligned(const struct vouch_result *result);

/* ARC: sets by their instance, which is `index` + 1. */
size_t vouch_arc_count(const struct vouch_result *result);
unsigned vouch_arc_oldest_pass(const struct vouch_result *result); /* rfc8617:5.2 */
const char *vouch_arc_domain(const struct vouch_result *result, size_t index); /* of the seal */
const char *vouch_arc_selector(const struct vouch_result *result, size_t index);
const char *vouch_arc_authserv_id(const struct vouch_result *result, size_t index);
/* cv= of the seal: none, pass or fail. */
enum vouch_answer vouch_arc_chain_value(const struct vouch_result *result, size_t index);
enum vouch_answer vouch_arc_seal(const struct vouch_result *result, size_t index);
/* Of the newest set, and of those that were looked at for oldest_pass. */
enum vouch_answer vouch_arc_message_signature(const struct vouch_result *result, size_t index);
int64_t vouch_arc_time(const struct vouch_result *result, size_t index); /* t= of the seal, or 0 */
/* What that relay had found; NULL if it cannot be read. Belongs to the result. */
const struct vouch_auth_results *vouch_arc_auth_results(const struct vouch_result *result,
                                                        size_t index);

/* --- signing ------------------------------------------------------------------------------- */

/*
 * Signatures are relaxed/relaxed and cover the whole body; the usual fields are signed, and those that a
 * forger would add are closed to additions. RSA keys (2048 bits or more, please; under 1024 are refused)
 * sign rsa-sha256, Ed25519 keys ed25519-sha256.
 */
struct vouch_signer *vouch_signer_create(void) VOUCH_CHECKED; /* NULL: out of memory */
/* The private key is wiped from memory. */
void vouch_signer_destroy(struct vouch_signer *signer);
/* `pem` holds a private key without passphrase (PKCS #8 or the traditional form). Domain and selector
 * are A-labels. Replaces a key set before. */
enum vouch_status vouch_signer_set_key(struct vouch_signer *signer, const void *pem, size_t length,
                                       const char *domain, const char *selector) VOUCH_CHECKED;
/* i= of DKIM: "user@example.org" or "@example.org"; "": not written (the default). */
enum vouch_status vouch_signer_set_identity(struct vouch_signer *signer, const char *identity)
    VOUCH_CHECKED;
/* How long DKIM signatures hold, in seconds: x=. 0, the default: for ever. */
enum vouch_status vouch_signer_set_lifetime(struct vouch_signer *signer, int64_t seconds)
    VOUCH_CHECKED;
/* t=, seconds since 1970. 0, the default: by the clock. */
void vouch_signer_set_now(struct vouch_signer *signer, int64_t seconds);
/* A further field that DKIM is to sign; at most 50. */
enum vouch_status vouch_signer_add_header(struct vouch_signer *signer, const char *name)
    VOUCH_CHECKED;
/* Why the last call with this signer failed. */
const char *vouch_signer_error(const struct vouch_signer *signer);

/* On VOUCH_OK *field is a whole "DKIM-Signature: …" with its line ends, to be put before the message.
 * It lives until the next call with the signer. */
enum vouch_status vouch_sign_dkim(struct vouch_signer *signer, const struct vouch_message *message,
                                  const char **field) VOUCH_CHECKED;
/* The same for an ARC set: three fields in one string. `result` is what vouch_check() found on this
 * message as it came in, with VOUCH_ARC among its methods; its Authentication-Results are sealed.
 * VOUCH_REFUSED: the chain must not go on (rfc8617:5.1.2), or it has 50 sets. */
enum vouch_status vouch_seal_arc(struct vouch_signer *signer, const struct vouch_message *message,
                                 const struct vouch_result *result, const char **fields)
    VOUCH_CHECKED;

/* --- Authentication-Results ---------------------------------------------------------------- */

/* Empty, to be read into or written. NULL: out of memory. */
struct vouch_auth_results *vouch_auth_results_create(void) VOUCH_CHECKED;
void vouch_auth_results_destroy(struct vouch_auth_results *results);
const char *vouch_auth_results_error(const struct vouch_auth_results *results);

/* Reads the value of a field, folded or not; what was there before is gone. VOUCH_INVALID: it is not RFC
 * 8601, and the handle is empty. */
enum vouch_status vouch_auth_results_parse(struct vouch_auth_results *results, const void *value,
                                           size_t length) VOUCH_CHECKED;
/* Begins a new field: what was there before is gone. */
enum vouch_status vouch_auth_results_begin(struct vouch_auth_results *results,
                                           const char *authserv_id) VOUCH_CHECKED;
/* Adds "method=answer"; `reason` may be NULL. At most 100. */
enum vouch_status vouch_auth_results_add(struct vouch_auth_results *results, const char *method,
                                         const char *answer, const char *reason) VOUCH_CHECKED;
/* Adds "type.name=value" to the statement added last ("header", "d", "example.org"). At most 100. */
enum vouch_status vouch_auth_results_add_property(struct vouch_auth_results *results,
                                                  const char *type, const char *name,
                                                  const char *value) VOUCH_CHECKED;
/* The whole field, folded and quoted where it must be, with its line ends; what could break out of it is
 * replaced. NULL: out of memory, or there is no authserv-id. Lives until the next call with the handle that
 * takes it without const. */
const char *vouch_auth_results_write(struct vouch_auth_results *results);

const char *vouch_auth_results_authserv_id(const struct vouch_auth_results *results);
unsigned vouch_auth_results_version(const struct vouch_auth_results *results);
/* Statements; `index` begins at 0. */
size_t vouch_auth_results_count(const struct vouch_auth_results *results);
const char *vouch_auth_results_method(const struct vouch_auth_results *results, size_t index);
/* The result as written: "pass", or whatever a method calls it. */
const char *vouch_auth_results_answer(const struct vouch_auth_results *results, size_t index);
const char *vouch_auth_results_reason(const struct vouch_auth_results *results, size_t index);
const char *vouch_auth_results_comment(const struct vouch_auth_results *results, size_t index);
size_t vouch_auth_results_property_count(const struct vouch_auth_results *results, size_t index);
const char *vouch_auth_results_property_type(const struct vouch_auth_results *results, size_t index,
                                             size_t property);
const char *vouch_auth_results_property_name(const struct vouch_auth_results *results, size_t index,
                                             size_t property);
const char *vouch_auth_results_property_value(const struct vouch_auth_results *results,
                                              size_t index, size_t property);
/* The value of the first property of that type and name; NULL if there is none. */
const char *vouch_auth_results_property(const struct vouch_auth_results *results, size_t index,
                                        const char *type, const char *name);

#ifdef __cplusplus
}
#endif

#endif
