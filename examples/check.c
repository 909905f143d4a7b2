/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check: reads a message from standard input and says who it is from.
 *
 *     cc check.c $(pkg-config --cflags --libs vouch) -lresolv -o check
 *     ./check --ip 192.0.2.1 --helo mx.example.org --from anne@example.org < message.eml
 *
 *     --server ADDRESS   ask this name server instead of those of /etc/resolv.conf
 *     --own              ask through a resolver of our own (here: the C library's res_nquery())
 *     --now SECONDS      judge as if it were then
 *
 * Exit status: 0 DMARC passed, 1 it did not, 2 usage or trouble.
 */
#include <vouch.h>

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <resolv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    const char *ip, *helo, *from, *server, *now;
    int own;
};

/* A resolver of our own: whatever it is, it asks one question and hands the reply over. */
static enum vouch_dns ask_libresolv(void *argument, const char *name, int type, int milliseconds,
                                    struct vouch_dns_answer *answer)
{
    static const size_t size = 64 * 1024;
    struct __res_state *state = argument;
    unsigned char *reply = malloc(size);
    enum vouch_dns result = VOUCH_DNS_FAILED;
    (void)milliseconds;
    if (!reply)
        return result;
    int length = res_nquery(state, name, ns_c_in, type, reply, (int)size);
    if (length >= 0)
        result = vouch_dns_answer_set_packet(answer, reply, (size_t)length);
    else if (state->res_h_errno == HOST_NOT_FOUND)
        result = VOUCH_DNS_NO_NAME;
    else if (state->res_h_errno == NO_DATA)
        result = VOUCH_DNS_NO_DATA;
    free(reply);
    return result;
}

static int trouble(const char *what, const char *why)
{
    fprintf(stderr, "check: %s: %s\n", what, why);
    return 2;
}

/* Piece by piece, as a mail filter gets it. */
static enum vouch_status read_message(struct vouch_message *message)
{
    char piece[4096];
    size_t count;
    while ((count = fread(piece, 1, sizeof(piece), stdin)) > 0) {
        enum vouch_status status = vouch_message_add(message, piece, count);
        if (status != VOUCH_OK)
            return status;
    }
    return vouch_message_finish(message);
}

static void print_method(const struct vouch_result *result, enum vouch_method method,
                         const char *name)
{
    if (!(vouch_result_methods(result) & (unsigned)method))
        return;
    const char *reason = vouch_result_reason(result, method);
    printf("%s: %s%s%s\n", name, vouch_answer_name(vouch_result_answer(result, method)),
           *reason ? ": " : "", reason);
}

static void print_result(const struct vouch_result *result)
{
    print_method(result, VOUCH_SPF, "SPF");
    print_method(result, VOUCH_DKIM, "DKIM");
    for (size_t i = 0; i < vouch_dkim_count(result); i++)
        printf("  %s: d=%s s=%s a=%s\n", vouch_answer_name(vouch_dkim_answer(result, i)),
               vouch_dkim_domain(result, i), vouch_dkim_selector(result, i),
               vouch_dkim_algorithm(result, i));
    print_method(result, VOUCH_ARC, "ARC");
    print_method(result, VOUCH_DMARC, "DMARC");
    if (vouch_result_answer(result, VOUCH_DMARC) == VOUCH_RESULT_FAIL)
        printf("  %s asks for: %s\n", vouch_dmarc_policy_domain(result),
               vouch_policy_name(vouch_dmarc_policy(result)));
    printf("%s", vouch_result_field(result));
}

static int check(struct vouch_context *context, struct vouch_message *message,
                 const struct options *options)
{
    struct vouch_result *result;
    if (options->server && vouch_context_add_server(context, options->server) != VOUCH_OK)
        return trouble(options->server, vouch_context_error(context));
    if (options->now)
        vouch_context_set_now(context, strtoll(options->now, NULL, 10));
    if (vouch_context_set_authserv_id(context, "mx.here.example") != VOUCH_OK)
        return trouble("authserv-id", vouch_context_error(context));
    if (read_message(message) != VOUCH_OK)
        return trouble("message", vouch_message_error(message));
    if (vouch_check(context, VOUCH_ALL, message, options->ip, options->helo, options->from,
                    &result) != VOUCH_OK)
        return trouble("check", vouch_context_error(context));
    print_result(result);
    int status = vouch_result_answer(result, VOUCH_DMARC) == VOUCH_RESULT_PASS ? 0 : 1;
    vouch_result_destroy(result);
    return status;
}

static int read_options(int argc, char **argv, struct options *options)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        const char **to = strcmp(argv[i], "--ip") == 0       ? &options->ip
                          : strcmp(argv[i], "--helo") == 0   ? &options->helo
                          : strcmp(argv[i], "--from") == 0   ? &options->from
                          : strcmp(argv[i], "--server") == 0 ? &options->server
                          : strcmp(argv[i], "--now") == 0    ? &options->now
                                                             : NULL;
        if (strcmp(argv[i], "--own") == 0)
            options->own = 1;
        else if (!to || !value)
            return 0;
        else
            *to = argv[++i];
    }
    return 1;
}

/* Where the C library's resolver asks: "127.0.0.1:5300" as above. */
static int point_libresolv(struct __res_state *state, const char *server)
{
    char address[64];
    const char *colon = strrchr(server, ':');
    if (!colon || (size_t)(colon - server) >= sizeof(address))
        return 0;
    memcpy(address, server, (size_t)(colon - server));
    address[colon - server] = '\0';
    state->nscount = 1;
    state->nsaddr_list[0].sin_family = AF_INET;
    state->nsaddr_list[0].sin_port = htons((unsigned short)strtoul(colon + 1, NULL, 10));
    return inet_pton(AF_INET, address, &state->nsaddr_list[0].sin_addr) == 1;
}

int main(int argc, char **argv)
{
    struct options options = {0};
    struct __res_state state = {0};
    if (!read_options(argc, argv, &options))
        return trouble("usage", "check [--ip A] [--helo H] [--from F] [--server S] [--own] "
                                "[--now T] < MESSAGE");
    struct vouch_context *context = vouch_context_create();
    struct vouch_message *message = vouch_message_create();
    if (!context || !message)
        return trouble("start", "out of memory");
    if (options.own) {
        res_ninit(&state);
        if (options.server && !point_libresolv(&state, options.server))
            return trouble(options.server, "not HOST:PORT");
        vouch_context_set_resolver(context, ask_libresolv, &state);
        options.server = NULL;
    }
    int status = check(context, message, &options);
    if (options.own)
        res_nclose(&state);
    vouch_message_destroy(message);
    vouch_context_destroy(context);
    return status;
}
