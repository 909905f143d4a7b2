/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch reputation show, forget, complain: what the gateway remembers of a domain or network. */
#include "auth/organization.h"
#include "base/domain.h"
#include "cmd/command.h"
#include "cmd/reputation_arf.h"
#include "cmd/reputation_ask.h"
#include "cmd/world.h"
#include "message/mailbox.h"
#include "reputation/history.h"

#include <stdio.h>

static const char show_usage[] =
    "usage: vouch reputation show [options] DOMAIN|ADDRESS\n"
    "\n"
    "Shows what is remembered of an organization that was authenticated (by DKIM, by SPF), or of a client's network.\n"
    "Numbers are messages, and fade: each half-life halves them.\n"
    "\n"
    REPUTATION_USAGE
    "\n"
    "examples:\n"
    "  vouch reputation show example.net\n"
    "  vouch reputation show 192.0.2.25\n"
    "  vouch reputation show --json example.net | jq '.[].reports.junk'\n"
    "\n"
    "exit status: 0 something is known, 1 nothing, 2 usage, 3 the gateway does not run or answer\n";

static const char forget_usage[] =
    "usage: vouch reputation forget [options] DOMAIN|ADDRESS\n"
    "\n"
    "Forgets all that is remembered of an organization or a network: it is unknown again.\n"
    "\n"
    REPUTATION_USAGE
    "\n"
    "examples:\n"
    "  vouch reputation forget example.net\n"
    "\n"
    "exit status: 0 done, 2 usage, 3 the gateway does not run or answer\n";

static const char complain_usage[] =
    "usage: vouch reputation complain [options] DOMAIN|ADDRESS\n"
    "       vouch reputation complain [options] --arf FILE\n"
    "\n"
    "Counts a complaint about an organization or a network. Who complains counts up to five times for each. With\n"
    "--arf it is in a report of abuse (rfc5965), and about whoever was authenticated for the message that came back\n"
    "with it, if we delivered that.\n"
    "\n"
    "  --arf FILE            the report; - is standard input\n"
    "  --source NAME         who complains (default: admin; the reporting domain)\n"
    REPUTATION_USAGE
    "\n"
    "examples:\n"
    "  vouch reputation complain --source isp.example spammer.example\n"
    "  vouch reputation complain --arf - < report.eml\n"
    "\n"
    "exit status: 0 counted, 1 it has complained often enough, 2 usage, 3 the gateway does not run or answer\n";

struct line {
    struct bytes kind, name;
    uint64_t reset, trapped;
    struct history history;
};

static struct line read_line(struct bytes text)
{
    struct line out = {.kind = reputation_word(&text)};
    out.name = reputation_word(&text);
    out.history.first = (int64_t)reputation_number(&text);
    out.history.last = (int64_t)reputation_number(&text);
    out.reset = reputation_number(&text);
    out.trapped = reputation_number(&text);
    for (size_t i = 0; i < HISTORY_COUNTS; i++) {
        uint64_t number = reputation_number(&text);
        /* So that sums cannot overflow, whatever is said. */
        out.history.counts[i] = number < UINT64_MAX >> 16 ? number : UINT64_MAX >> 16;
    }
    return out;
}

static struct bytes number(struct arena *arena, const struct history *history, enum history_count count)
{
    return history_number(arena, history->counts[count]);
}

static void show_text(struct arena *arena, struct buf *out, const struct line *line)
{
    const struct history *history = &line->history;
    char first[32], last[32];
    uint64_t ham, spam;
    history_verdicts(history, &ham, &spam);
    buf_printf(out, BYTES_FMT " " BYTES_FMT "\n", BYTES_ARG(line->kind), BYTES_ARG(line->name));
    buf_printf(out, "  seen        first %s, last %s%s\n", reputation_moment((uint64_t)history->first, first),
               reputation_moment((uint64_t)history->last, last), line->reset ? "; begun anew lately" : "");
    buf_printf(out, "  messages    " BYTES_FMT "\n", BYTES_ARG(number(arena, history, HISTORY_MESSAGES)));
    buf_printf(out, "  verdicts    ham " BYTES_FMT ", spam " BYTES_FMT,
               BYTES_ARG(number(arena, history, HISTORY_HAM)), BYTES_ARG(number(arena, history, HISTORY_SPAM)));
    buf_printf(out, " (weigh " BYTES_FMT " and " BYTES_FMT ")\n", BYTES_ARG(history_number(arena, ham)),
               BYTES_ARG(history_number(arena, spam)));
    buf_printf(out, "  reports     junk " BYTES_FMT " by " BYTES_FMT " users (weighs " BYTES_FMT ")",
               BYTES_ARG(number(arena, history, HISTORY_JUNK)),
               BYTES_ARG(number(arena, history, HISTORY_JUNK_REPORTERS)),
               BYTES_ARG(history_number(arena, history_reports(history, HISTORY_JUNK))));
    buf_printf(out, ", not junk " BYTES_FMT " by " BYTES_FMT " (weighs " BYTES_FMT ")\n",
               BYTES_ARG(number(arena, history, HISTORY_NOTJUNK)),
               BYTES_ARG(number(arena, history, HISTORY_NOTJUNK_REPORTERS)),
               BYTES_ARG(history_number(arena, history_reports(history, HISTORY_NOTJUNK))));
    buf_printf(out, "  complaints  " BYTES_FMT "\n", BYTES_ARG(number(arena, history, HISTORY_COMPLAINTS)));
    buf_printf(out, "  traps       " BYTES_FMT "%s\n", BYTES_ARG(number(arena, history, HISTORY_TRAPS)),
               line->trapped ? ", listed for it" : "");
    buf_printf(out, "  unknown     " BYTES_FMT " recipients\n", BYTES_ARG(number(arena, history, HISTORY_UNKNOWN)));
}

static void member_number(struct json *json, const char *key, uint64_t hundredths)
{
    json_key(json, key);
    json_add_number(json, (double)hundredths / HISTORY_ONE);
}

static void json_reports(struct json *json, const struct history *history, const char *key, enum history_count what,
                         enum history_count reporters)
{
    json_key(json, key);
    json_begin_object(json);
    member_number(json, "reported", history->counts[what]);
    member_number(json, "reporters", history->counts[reporters]);
    member_number(json, "weight", history_reports(history, what));
    json_end_object(json);
}

static void show_json(struct json *json, const struct line *line)
{
    const struct history *history = &line->history;
    uint64_t ham, spam;
    history_verdicts(history, &ham, &spam);
    json_begin_object(json);
    json_member_bytes(json, "kind", line->kind);
    json_member_bytes(json, "identity", line->name);
    reputation_member_moment(json, "first", (uint64_t)history->first);
    reputation_member_moment(json, "last", (uint64_t)history->last);
    json_member_bool(json, "reset", line->reset);
    json_member_bool(json, "trapped", line->trapped);
    member_number(json, "messages", history->counts[HISTORY_MESSAGES]);
    json_key(json, "verdicts");
    json_begin_object(json);
    member_number(json, "ham", history->counts[HISTORY_HAM]);
    member_number(json, "spam", history->counts[HISTORY_SPAM]);
    member_number(json, "ham_weight", ham);
    member_number(json, "spam_weight", spam);
    json_end_object(json);
    json_key(json, "reports");
    json_begin_object(json);
    json_reports(json, history, "junk", HISTORY_JUNK, HISTORY_JUNK_REPORTERS);
    json_reports(json, history, "notjunk", HISTORY_NOTJUNK, HISTORY_NOTJUNK_REPORTERS);
    json_end_object(json);
    member_number(json, "complaints", history->counts[HISTORY_COMPLAINTS]);
    member_number(json, "traps", history->counts[HISTORY_TRAPS]);
    member_number(json, "unknown", history->counts[HISTORY_UNKNOWN]);
    json_end_object(json);
}

static void show(struct reputation_ask *ask, bool machine)
{
    const struct control_answer *answer = &ask->answer;
    struct buf out;
    buf_init(&out, 1 << 20);
    struct json json = json_into(&out);
    if (machine)
        json_begin_array(&json);
    for (size_t i = 0; i < answer->name_count; i++) {
        struct line line = read_line(answer->names[i]);
        if (machine)
            show_json(&json, &line);
        else
            show_text(ask->arena, &out, &line);
    }
    if (machine) {
        json_end_array(&json);
        buf_add_byte(&out, '\n');
    }
    if (out.len)
        world_print(&out);
}

/* History is kept of organizations: "mail.example.co.uk" is asked for as "example.co.uk", and so is the domain of an
 * address. */
static struct bytes subject_of(const char *text)
{
    struct bytes given = bytes_of(text), name = domain_strip_dot(mailbox_domain_or_all(given)), found;
    struct ip_network network;
    if (ip_network_parse(given, &network) || organization_domain(name, &found) != OK)
        return ip_network_parse(given, &network) ? given : name;
    if (found.len != name.len)
        fprintf(stderr, "(its organization: " BYTES_FMT ")\n", BYTES_ARG(found));
    return found;
}

static int run(int argc, char **argv, const char *name, const char *usage, enum control_verb verb)
{
    const char *config = NULL, *source = "", *arf = NULL;
    bool machine = false;
    bool complains = verb == CONTROL_REPUTATION_COMPLAIN;
    const struct argument table[] = {
        {"--config", &config, NULL}, {"--json", NULL, &machine}, {"--source", &source, NULL}, {"--arf", &arf, NULL}};
    struct arguments arguments = {name, usage, table, complains ? countof(table) : 2, {NULL}, 0};
    struct reputation_ask ask = {.arguments = &arguments};
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    if (arf && !arguments.position_count)
        return reputation_arf_complain(&arguments, config, arf, bytes_of(source), machine);
    if (arf || arguments.position_count != 1)
        return arguments_fail(&arguments, "wants a domain or an address%s", complains ? ", or a report" : "");
    ask.config_file = config;
    status = reputation_ask(&ask, &(struct control_command){.verb = verb,
                                                            .text = subject_of(arguments.positions[0]),
                                                            .account = bytes_of(source)});
    if (status < 0) {
        if (verb == CONTROL_REPUTATION_SHOW)
            show(&ask, machine);
        else if (machine)
            printf("{\"identities\":%llu}\n", (unsigned long long)ask.answer.count);
        status = EXIT_FINE;
    }
    reputation_done(&ask);
    return status;
}

int reputation_show_command(int argc, char **argv)
{
    return run(argc, argv, "reputation show", show_usage, CONTROL_REPUTATION_SHOW);
}

int reputation_forget_command(int argc, char **argv)
{
    return run(argc, argv, "reputation forget", forget_usage, CONTROL_REPUTATION_FORGET);
}

int reputation_complain_command(int argc, char **argv)
{
    return run(argc, argv, "reputation complain", complain_usage, CONTROL_REPUTATION_COMPLAIN);
}
