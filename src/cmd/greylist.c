/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch greylist list, release: who was asked to come again, and who need not. */
#include "cmd/command.h"
#include "cmd/reputation_ask.h"
#include "cmd/world.h"

#include <stdio.h>

static const char list_usage[] =
    "usage: vouch greylist list [options] [TEXT]\n"
    "\n"
    "Shows who was put off and has not come again, who did, and which networks and domains are white. With TEXT:\n"
    "only what holds it.\n"
    "\n"
    REPUTATION_USAGE
    "\n"
    "examples:\n"
    "  vouch greylist list\n"
    "  vouch greylist list partner.example\n"
    "\n"
    "exit status: 0 there are some, 1 there are none, 2 usage, 3 the gateway does not run or answer\n";

static const char release_usage[] =
    "usage: vouch greylist release [options] WHO\n"
    "\n"
    "Lets somebody in at his next try. WHO is a client's address or network, or a domain that is authenticated: it is\n"
    "white from now on (as long as it goes on sending). Or the address of a sender or recipient: what waits of it\n"
    "passes when it comes again.\n"
    "\n"
    REPUTATION_USAGE
    "\n"
    "examples:\n"
    "  vouch greylist release 192.0.2.0/24\n"
    "  vouch greylist release partner.example\n"
    "  vouch greylist release carl@example.net\n"
    "\n"
    "exit status: 0 done, 1 nothing of it waits, 2 usage, 3 the gateway does not run or answer\n";

struct entry {
    struct bytes state, domain, sender, recipient;
    uint64_t passed, since, until;
};

static struct entry read_line(struct bytes line)
{
    struct entry out = {.state = reputation_word(&line)};
    out.domain = reputation_word(&line);
    out.sender = reputation_word(&line);
    out.recipient = reputation_word(&line);
    out.passed = reputation_number(&line);
    out.since = reputation_number(&line);
    out.until = reputation_number(&line);
    return out;
}

static void list_text(struct buf *out, const struct control_answer *answer)
{
    size_t width = 0;
    char since[32], until[32];
    for (size_t i = 0; i < answer->name_count; i++) {
        struct entry entry = read_line(answer->names[i]);
        width = entry.domain.len > width && entry.domain.len < 50 ? entry.domain.len : width;
    }
    for (size_t i = 0; i < answer->name_count; i++) {
        struct entry entry = read_line(answer->names[i]);
        reputation_column(out, entry.state, 7);
        reputation_column(out, entry.domain, width);
        if (entry.recipient.len)
            buf_printf(out, "<" BYTES_FMT "> to <" BYTES_FMT ">  ", BYTES_ARG(entry.sender),
                       BYTES_ARG(entry.recipient));
        if (entry.since)
            buf_printf(out, "since %s, ", reputation_moment(entry.since, since));
        else
            buf_printf(out, "messages %llu, ", (unsigned long long)entry.passed);
        buf_printf(out, "until %s\n", reputation_moment(entry.until, until));
    }
}

static void list_json(struct buf *out, const struct control_answer *answer)
{
    struct json json = json_into(out);
    json_begin_array(&json);
    for (size_t i = 0; i < answer->name_count; i++) {
        struct entry entry = read_line(answer->names[i]);
        json_begin_object(&json);
        json_member_bytes(&json, "state", entry.state);
        json_member_bytes(&json, "of", entry.domain);
        if (entry.recipient.len) {
            json_member_bytes(&json, "sender", entry.sender);
            json_member_bytes(&json, "recipient", entry.recipient);
        }
        json_member_integer(&json, "passed", (int64_t)entry.passed);
        reputation_member_moment(&json, "since", entry.since);
        reputation_member_moment(&json, "until", entry.until);
        json_end_object(&json);
    }
    json_end_array(&json);
    buf_add_byte(out, '\n');
}

int greylist_list_command(int argc, char **argv)
{
    const char *config = NULL;
    bool machine = false;
    const struct argument table[] = {{"--config", &config, NULL}, {"--json", NULL, &machine}};
    struct arguments arguments = {"greylist list", list_usage, table, countof(table), {NULL}, 0};
    struct reputation_ask ask = {.arguments = &arguments};
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    if (arguments.position_count > 1)
        return arguments_fail(&arguments, "wants one text to look for, or none");
    ask.config_file = config;
    status = reputation_ask(&ask, &(struct control_command){
                                      .verb = CONTROL_GREYLIST_LIST,
                                      .text = bytes_of(arguments.position_count ? arguments.positions[0] : "")});
    if (status < 0) {
        struct buf out;
        buf_init(&out, 256 << 20);
        if (machine)
            list_json(&out, &ask.answer);
        else
            list_text(&out, &ask.answer);
        if (out.len)
            world_print(&out);
        status = ask.answer.name_count ? EXIT_FINE : EXIT_NEGATIVE;
    }
    reputation_done(&ask);
    return status;
}

int greylist_release_command(int argc, char **argv)
{
    const char *config = NULL;
    bool machine = false;
    const struct argument table[] = {{"--config", &config, NULL}, {"--json", NULL, &machine}};
    struct arguments arguments = {"greylist release", release_usage, table, countof(table), {NULL}, 0};
    struct reputation_ask ask = {.arguments = &arguments};
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    if (arguments.position_count != 1)
        return arguments_fail(&arguments, "wants an address, a network or a domain");
    ask.config_file = config;
    status = reputation_ask(&ask, &(struct control_command){.verb = CONTROL_GREYLIST_RELEASE,
                                                            .text = bytes_of(arguments.positions[0])});
    if (status < 0) {
        struct buf out;
        buf_init(&out, 4096);
        if (machine)
            buf_printf(&out, "{\"released\":%llu}\n", (unsigned long long)ask.answer.count);
        else
            buf_printf(&out, "%llu released\n", (unsigned long long)ask.answer.count);
        world_print(&out);
        status = EXIT_FINE;
    }
    reputation_done(&ask);
    return status;
}
