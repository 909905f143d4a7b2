/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch contacts list, add, remove: whom our users know. */
#include "cmd/command.h"
#include "cmd/reputation_ask.h"
#include "cmd/world.h"

#include <stdio.h>

static const char list_usage[] =
    "usage: vouch contacts list [options] [TEXT]\n"
    "\n"
    "Shows whom accounts write to, how often, and who wrote back; mail from a contact that is authenticated is\n"
    "trusted. * is the whole site: what some account here knows. With TEXT: only what holds it.\n"
    "\n"
    "  --account NAME        of this account only; '*': of the site\n"
    REPUTATION_USAGE
    "\n"
    "examples:\n"
    "  vouch contacts list --account anna@example.org\n"
    "  vouch contacts list partner.example\n"
    "\n"
    "exit status: 0 there are some, 1 there are none, 2 usage, 3 the gateway does not run or answer\n";

static const char add_usage[] =
    "usage: vouch contacts add [options] ADDRESS\n"
    "\n"
    "Makes an address a contact, until it is removed.\n"
    "\n"
    "  --account NAME        of this account (default: '*', the whole site)\n"
    REPUTATION_USAGE
    "\n"
    "examples:\n"
    "  vouch contacts add billing@partner.example\n"
    "  vouch contacts add --account anna@example.org carl@example.net\n"
    "\n"
    "exit status: 0 it is one now, 2 usage, 3 the gateway does not run or answer\n";

static const char remove_usage[] =
    "usage: vouch contacts remove [options] --account NAME [ADDRESS]\n"
    "\n"
    "Forgets a contact; it is learned again when the account writes to it. Without an address, and with --all: all\n"
    "of the account, which is wise when it was stolen.\n"
    "\n"
    "  --account NAME        whose; '*': the site's\n"
    "  --all                 all contacts of the account\n"
    REPUTATION_USAGE
    "\n"
    "examples:\n"
    "  vouch contacts remove --account anna@example.org carl@example.net\n"
    "  vouch contacts remove --account anna@example.org --all\n"
    "\n"
    "exit status: 0 it is gone, 1 there was none, 2 usage, 3 the gateway does not run or answer\n";

struct contact_line {
    struct bytes owner, address;
    uint64_t count, answers, manual, until;
};

static struct contact_line read_line(struct bytes line)
{
    struct contact_line out = {.owner = reputation_word(&line)};
    out.address = reputation_word(&line);
    out.count = reputation_number(&line);
    out.answers = reputation_number(&line);
    out.manual = reputation_number(&line);
    out.until = reputation_number(&line);
    return out;
}

static void list_text(struct buf *out, const struct control_answer *answer)
{
    size_t owners = 0, addresses = 0;
    char until[32];
    for (size_t i = 0; i < answer->name_count; i++) {
        struct contact_line line = read_line(answer->names[i]);
        owners = line.owner.len > owners ? line.owner.len : owners;
        addresses = line.address.len > addresses && line.address.len < 60 ? line.address.len : addresses;
    }
    for (size_t i = 0; i < answer->name_count; i++) {
        struct contact_line line = read_line(answer->names[i]);
        bool site = bytes_is(line.owner, "*");
        reputation_column(out, line.owner, owners);
        reputation_column(out, line.address, addresses);
        if (line.manual)
            buf_add_string(out, "written by hand\n");
        else
            buf_printf(out, "%s %llu, answered %llu, until %s\n", site ? "accounts" : "written",
                       (unsigned long long)line.count, (unsigned long long)line.answers,
                       reputation_moment(line.until, until));
    }
}

static void list_json(struct buf *out, const struct control_answer *answer)
{
    struct json json = json_into(out);
    json_begin_array(&json);
    for (size_t i = 0; i < answer->name_count; i++) {
        struct contact_line line = read_line(answer->names[i]);
        bool site = bytes_is(line.owner, "*");
        json_begin_object(&json);
        json_member_bytes(&json, "account", line.owner);
        json_member_bytes(&json, "address", line.address);
        json_member_bool(&json, "manual", line.manual);
        json_member_integer(&json, site ? "accounts" : "written", (int64_t)line.count);
        json_member_integer(&json, "answered", (int64_t)line.answers);
        reputation_member_moment(&json, "until", line.until);
        json_end_object(&json);
    }
    json_end_array(&json);
    buf_add_byte(out, '\n');
}

struct options {
    const char *config, *account;
    bool json, all;
};

#define CONTACTS_ARGUMENTS(options)                                                                                   \
    {"--config", &(options).config, NULL}, {"--account", &(options).account, NULL}, {"--json", NULL, &(options).json}

int contacts_list_command(int argc, char **argv)
{
    struct options options = {0};
    const struct argument table[] = {CONTACTS_ARGUMENTS(options)};
    struct arguments arguments = {"contacts list", list_usage, table, countof(table), {NULL}, 0};
    struct reputation_ask ask = {.arguments = &arguments};
    struct control_command command = {.verb = CONTROL_CONTACT_LIST};
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    if (arguments.position_count > 1)
        return arguments_fail(&arguments, "wants one text to look for, or none");
    command.text = bytes_of(arguments.position_count ? arguments.positions[0] : "");
    command.account = bytes_of(options.account);
    ask.config_file = options.config;
    status = reputation_ask(&ask, &command);
    if (status < 0) {
        struct buf out;
        buf_init(&out, 256 << 20);
        if (options.json)
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

static int change(struct reputation_ask *ask, const struct control_command *command, bool json_wanted,
                  const char *what)
{
    int status = reputation_ask(ask, command);
    if (status < 0 && json_wanted) {
        struct buf out;
        buf_init(&out, 64 * 1024);
        struct json json = json_into(&out);
        json_begin_object(&json);
        json_member_integer(&json, what, (int64_t)ask->answer.count);
        json_end_object(&json);
        buf_add_byte(&out, '\n');
        world_print(&out);
    }
    reputation_done(ask);
    return status < 0 ? EXIT_FINE : status;
}

int contacts_add_command(int argc, char **argv)
{
    struct options options = {.account = "*"};
    const struct argument table[] = {CONTACTS_ARGUMENTS(options)};
    struct arguments arguments = {"contacts add", add_usage, table, countof(table), {NULL}, 0};
    struct reputation_ask ask = {.arguments = &arguments};
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    if (arguments.position_count != 1)
        return arguments_fail(&arguments, "wants one address");
    ask.config_file = options.config;
    return change(&ask,
                  &(struct control_command){.verb = CONTROL_CONTACT_ADD,
                                            .account = bytes_of(options.account),
                                            .text = bytes_of(arguments.positions[0])},
                  options.json, "added");
}

int contacts_remove_command(int argc, char **argv)
{
    struct options options = {0};
    const struct argument table[] = {CONTACTS_ARGUMENTS(options), {"--all", NULL, &options.all}};
    struct arguments arguments = {"contacts remove", remove_usage, table, countof(table), {NULL}, 0};
    struct reputation_ask ask = {.arguments = &arguments};
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    if (!options.account)
        return arguments_fail(&arguments, "wants --account NAME");
    if (arguments.position_count > 1 || (arguments.position_count == 1) == options.all)
        return arguments_fail(&arguments, "wants one address, or --all");
    ask.config_file = options.config;
    return change(&ask,
                  &(struct control_command){.verb = CONTROL_CONTACT_REMOVE,
                                            .account = bytes_of(options.account),
                                            .text = bytes_of(options.all ? "" : arguments.positions[0])},
                  options.json, "removed");
}
