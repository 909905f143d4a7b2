/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch user list, check: who there is, and whether a password is right. */
#include "base/json.h"
#include "cmd/command.h"
#include "cmd/user.h"
#include "cmd/world.h"

#include <openssl/crypto.h>
#include <stdio.h>

static const char list_usage[] =
    "usage: vouch user list [options]\n"
    "\n"
    "Shows the accounts: name, what they can be verified by, and what they may send as.\n"
    "\n"
    USER_USAGE
    "\n"
    "examples:\n"
    "  vouch user list\n"
    "  vouch user list --json | jq -r '.[] | select(.disabled) | .account'\n"
    "\n"
    "exit status: 0, 1 there is no file of accounts, 2 usage or a fault in the file\n";

static const char check_usage[] =
    "usage: vouch user check [options] NAME\n"
    "\n"
    "Asks for a password and says whether it is that of the account, as the gateway would.\n"
    "\n"
    USER_PASSWORD_USAGE
    USER_USAGE
    "\n"
    "examples:\n"
    "  vouch user check anna@example.org\n"
    "  vouch user check --password-stdin anna@example.org <password && echo right\n"
    "\n"
    "exit status: 0 it is right and the account may be used, 1 not, 2 usage or a fault in the file\n";

static void add_send_as(struct buf *out, const struct account *account)
{
    bool is_mailbox = bytes_find_byte(account->name, '@') != BYTES_NOT_FOUND;
    if (!account->send_as_count)
        buf_add_string(out, is_mailbox ? "itself" : "nobody");
    for (size_t i = 0; i < account->send_as_count; i++) {
        buf_add_string(out, i ? ", " : is_mailbox ? "itself, " : "");
        buf_add(out, account->send_as[i]);
    }
}

static void list_text(struct buf *out, const struct accounts *accounts)
{
    size_t width = 0;
    for (size_t i = 0; i < accounts_count(accounts); i++)
        if (accounts_at(accounts, i)->name.len > width)
            width = accounts_at(accounts, i)->name.len;
    for (size_t i = 0; i < accounts_count(accounts); i++) {
        const struct account *account = accounts_at(accounts, i);
        buf_printf(out, BYTES_FMT "%*s  %-8s  %-5s  %-8s  %-8s  ", BYTES_ARG(account->name),
                   (int)(width - account->name.len), "", account->password.len ? "password" : "-",
                   account->scram.iterations ? "scram" : "-", account->cram_secret.len ? "cram-md5" : "-",
                   account->disabled ? "disabled" : "");
        add_send_as(out, account);
        buf_add_byte(out, '\n');
    }
}

static void list_json(struct buf *out, const struct accounts *accounts)
{
    struct json json = json_into(out);
    json_begin_array(&json);
    for (size_t i = 0; i < accounts_count(accounts); i++) {
        const struct account *account = accounts_at(accounts, i);
        json_begin_object(&json);
        json_member_bytes(&json, "account", account->name);
        json_member_bool(&json, "password", account->password.len > 0);
        json_member_bool(&json, "scram", account->scram.iterations > 0);
        json_member_bool(&json, "cram_md5", account->cram_secret.len > 0);
        json_member_bool(&json, "disabled", account->disabled);
        json_key(&json, "send_as");
        json_begin_array(&json);
        for (size_t k = 0; k < account->send_as_count; k++)
            json_add_bytes(&json, account->send_as[k]);
        json_end_array(&json);
        json_end_object(&json);
    }
    json_end_array(&json);
    buf_add_byte(out, '\n');
}

int user_list_command(int argc, char **argv)
{
    struct user_options options = {0};
    const struct argument table[] = {USER_ARGUMENTS(options)};
    struct arguments arguments = {"user list", list_usage, table, countof(table), {NULL}, 0};
    struct user_scene scene;
    struct buf out;
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    if (arguments.position_count)
        return arguments_fail(&arguments, "takes no argument");
    status = user_scene_open_accounts(&scene, &arguments, &options);
    struct accounts *accounts = status < 0 ? user_load(&scene, &status) : NULL;
    if (accounts) {
        buf_init(&out, (size_t)1 << 30);
        if (options.json)
            list_json(&out, accounts);
        else
            list_text(&out, accounts);
        if (out.len)
            world_print(&out);
        status = EXIT_FINE;
    }
    accounts_free(accounts);
    user_scene_close(&scene);
    return status;
}

static int check(struct user_scene *scene)
{
    char password[ACCOUNT_PASSWORD_MAX + 2] = {0};
    struct bytes name = bytes_of(scene->arguments->positions[0]);
    bool generated;
    int status;
    struct accounts *accounts = user_load(scene, &status);
    if (!accounts)
        return status;
    const struct account *account = accounts_find(accounts, name);
    status = user_read_password(scene, USER_ASK_ONCE, password, &generated);
    if (status < 0) {
        bool right = accounts_verify_password(accounts, account, name, bytes_of(password));
        const char *said = !account ? "there is no such account"
                           : right ? "the password is right"
                           : account->disabled ? "the account is disabled"
                           : !account->password.len ? "the account has no password"
                                                    : "the password is wrong";
        if (scene->options->json) {
            struct buf out;
            buf_init(&out, 4096);
            struct json json = json_into(&out);
            json_begin_object(&json);
            json_member_bytes(&json, "account", name);
            json_member_bool(&json, "right", right);
            json_member(&json, "said", said);
            json_end_object(&json);
            buf_add_byte(&out, '\n');
            world_print(&out);
        } else {
            fprintf(stderr, "vouch user check: %s: %s\n", scene->arguments->positions[0], said);
        }
        status = right ? EXIT_FINE : EXIT_NEGATIVE;
    }
    OPENSSL_cleanse(password, sizeof(password));
    accounts_free(accounts);
    return status;
}

int user_check_command(int argc, char **argv)
{
    struct user_options options = {0};
    const struct argument table[] = {USER_ARGUMENTS(options), USER_PASSWORD_ARGUMENTS(options)};
    struct arguments arguments = {"user check", check_usage, table, countof(table), {NULL}, 0};
    struct user_scene scene;
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    if (arguments.position_count != 1)
        return arguments_fail(&arguments, "wants the name of one account");
    status = user_scene_open_accounts(&scene, &arguments, &options);
    if (status < 0)
        status = check(&scene);
    user_scene_close(&scene);
    return status;
}
