/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch_check(): the checks side by side, then DMARC, which needs what they found. */
#include "library/library.h"

#include "fiber/group.h"
#include "message/from_field.h"

enum { POLICY_SHARE = 4 /* of the time for all checks, that part is DMARC's alone */ };

static void check_spf(void *argument)
{
    struct library_check *check = argument;
    spf_check_mail_from(check->context->cache, check->arena, &check->request, &check->spf);
}

static void check_spf_helo(void *argument)
{
    struct library_check *check = argument;
    spf_check_helo(check->context->cache, check->arena, &check->request, &check->spf_helo);
}

static void check_dkim(void *argument)
{
    struct library_check *check = argument;
    struct dkim_options options = {.now = check->now, .deadline = check->deadline};
    dkim_verify(check->context->cache, check->arena, check->message, &options, &check->dkim);
}

static void check_arc(void *argument)
{
    struct library_check *check = argument;
    struct arc_options options = {.now = check->now, .deadline = check->deadline};
    arc_verify(check->context->cache, check->arena, check->message, &options, &check->arc);
}

static void check_dmarc(struct library_check *check, int64_t deadline)
{
    struct from_field from;
    struct error error;
    struct dmarc_result *dmarc = &check->dmarc;
    if (from_field_read(check->arena, check->message, &from, &error) != OK) {
        *dmarc = (struct dmarc_result){.result = AUTH_TEMPERROR, .problem = BYTES("out of memory")};
        return;
    }
    if (from.status != FROM_OK) {
        *dmarc = (struct dmarc_result){.result = AUTH_PERMERROR, .problem = from.problem};
        return;
    }
    struct dmarc_request request = {.author_domain = from.domain,
                                    .spf = check->methods & VOUCH_SPF ? &check->spf : NULL,
                                    .dkim = &check->dkim,
                                    .mode = check->context->dmarc_mode,
                                    .deadline = deadline};
    dmarc_check(check->context->cache, check->arena, &request, dmarc);
}

static void run(void *argument)
{
    static const struct {
        unsigned method;
        const char *name;
        void (*function)(void *);
    } checks[] = {{VOUCH_SPF, "spf", check_spf},
                  {VOUCH_SPF_HELO, "spf-helo", check_spf_helo},
                  {VOUCH_DKIM, "dkim", check_dkim},
                  {VOUCH_ARC, "arc", check_arc}};
    struct library_check *check = argument;
    int64_t timeout = check->context->timeout, end = loop_deadline(timeout);
    /* What a stranger's slow servers cost must leave DMARC its time, or a forger had a temporary error at
     * will. */
    check->deadline = check->methods & VOUCH_DMARC ? end - timeout / POLICY_SHARE : end;
    check->request.deadline = check->deadline;
    struct fiber_group group;
    fiber_group_open(&group);
    for (size_t i = 0; i < countof(checks); i++) {
        if (!(check->methods & checks[i].method))
            continue;
        if (!fiber_current() ||
            !fiber_group_start(&group, checks[i].name, checks[i].function, check))
            checks[i].function(check);
    }
    /* Their last questions end at the deadline; that must be seen, too. */
    if (fiber_current())
        fiber_group_wait(&group, end + SECOND);
    fiber_group_close(&group);
    if (check->methods & VOUCH_DMARC)
        check_dmarc(check, end);
}

/* rfc7208:4.3: a sender without a local part is postmaster. */
static struct bytes sender_of(struct arena *arena, const char *mail_from)
{
    struct bytes sender = bytes_of(mail_from);
    if (bytes_starts_with(sender, BYTES("<")) && bytes_ends_with(sender, BYTES(">")))
        sender = bytes_slice(sender, 1, sender.len - 1);
    if (sender.len && bytes_find_byte(sender, '@') == BYTES_NOT_FOUND)
        return arena_printf(arena, "postmaster@" BYTES_FMT, BYTES_ARG(sender));
    return sender;
}

static bool set_request(struct library_check *check, const char *ip, const char *helo,
                        const char *mail_from)
{
    const struct vouch_context *context = check->context;
    check->now = context->now ? context->now : loop_epoch();
    check->request = (struct spf_request){
        .helo = bytes_of(helo),
        .sender = sender_of(check->arena, mail_from),
        .receiver = bytes_of(context->hostname[0] ? context->hostname : context->authserv_id),
        .now = check->now};
    return !ip || ip_parse(bytes_of(ip), &check->request.ip);
}

static struct vouch_result *make_result(const struct library_check *check)
{
    struct arena *arena = arena_create(LIBRARY_RESULT_MAX);
    struct vouch_result *result = arena ? arena_new(arena, struct vouch_result) : NULL;
    if (result) {
        *result = (struct vouch_result){.arena = arena, .methods = check->methods};
        if (library_copy(result, check))
            return result;
    }
    arena_destroy(arena);
    return NULL;
}

static enum vouch_status run_check(struct library_check *check, struct vouch_result **result)
{
    struct vouch_context *context = check->context;
    enum result ran = library_run(context, run, check, &context->error);
    if (ran != OK)
        return library_status(ran);
    if (!arena_exhausted(check->arena))
        *result = make_result(check);
    return *result ? VOUCH_OK
                   : library_status(error_set(&context->error, TEMP, "out of memory"));
}

static enum vouch_status invalid(struct vouch_context *context, const char *sentence)
{
    return library_status(error_set(&context->error, PERM, "%s", sentence));
}

EXPORTED enum vouch_status vouch_check(struct vouch_context *context, unsigned methods,
                                       const struct vouch_message *message, const char *ip,
                                       const char *helo, const char *mail_from,
                                       struct vouch_result **result)
{
    const unsigned of_message = VOUCH_DKIM | VOUCH_DMARC | VOUCH_ARC;
    if (result)
        *result = NULL;
    if (!context || !result)
        return VOUCH_INVALID;
    if (!methods || methods & ~(unsigned)VOUCH_ALL)
        return invalid(context, "there is no such method");
    if (methods & of_message && (!message || message->state != MESSAGE_FINISHED))
        return invalid(context, "there is no finished message");
    if (methods & VOUCH_DMARC)
        methods |= VOUCH_DKIM | VOUCH_SPF;
    if (!ip)
        methods &= ~(unsigned)(VOUCH_SPF | VOUCH_SPF_HELO);
    struct arena *arena = arena_create(LIBRARY_SCRATCH_MAX);
    if (!context->cache)
        vouch_context_clear_cache(context);
    struct library_check check = {.context = context,
                                  .arena = arena,
                                  .methods = methods,
                                  .message = message ? &message->message : NULL};
    enum vouch_status status;
    if (!arena || !context->cache)
        status = library_status(error_set(&context->error, TEMP, "out of memory"));
    else if (!set_request(&check, ip, helo, mail_from))
        status = invalid(context, "the client's address is no IP address");
    else
        status = run_check(&check, result);
    arena_destroy(arena);
    return status;
}

EXPORTED enum vouch_status vouch_check_spf(struct vouch_context *context, const char *ip,
                                           const char *helo, const char *mail_from,
                                           struct vouch_result **result)
{
    if (ip)
        return vouch_check(context, VOUCH_SPF, NULL, ip, helo, mail_from, result);
    if (result)
        *result = NULL;
    return context ? invalid(context, "SPF needs the client's address") : VOUCH_INVALID;
}

EXPORTED enum vouch_status vouch_check_dkim(struct vouch_context *context,
                                            const struct vouch_message *message,
                                            struct vouch_result **result)
{
    return vouch_check(context, VOUCH_DKIM, message, NULL, NULL, NULL, result);
}

EXPORTED enum vouch_status vouch_check_arc(struct vouch_context *context,
                                           const struct vouch_message *message,
                                           struct vouch_result **result)
{
    return vouch_check(context, VOUCH_ARC, message, NULL, NULL, NULL, result);
}
