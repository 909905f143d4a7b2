/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch user add, passwd, del: accounts made, changed and removed. */
#include "cmd/command.h"
#include "cmd/user.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

static const char add_usage[] =
    "usage: vouch user add [options] NAME\n"
    "\n"
    "Makes an account with which a person or a program sends mail. NAME is a mailbox (anna@example.org),\n"
    "which it may send as, or a plain word. The password is asked for twice.\n"
    "\n"
    "  --send-as LIST        what else it may send as: addresses, @domain or *, with commas between\n"
    "  --generate            make a password and print it\n"
    USER_PASSWORD_USAGE
    "  --cram-md5            keep the password itself, too, as CRAM-MD5 needs it\n"
    "  --disabled            it cannot be used yet\n"
    USER_USAGE
    "\n"
    "A gateway that runs with the configuration is told to reload.\n"
    "\n"
    "examples:\n"
    "  vouch user add anna@example.org\n"
    "  vouch user add --send-as sales@example.org,@shop.example.org anna@example.org\n"
    "  vouch user add --generate --send-as printer@example.org printer\n"
    "\n"
    "exit status: 0 it is there now, 1 there was one already, the password will not do, or the file cannot\n"
    "be written, 2 usage or a fault in the file, 3 it could not be done now\n";

static const char passwd_usage[] =
    "usage: vouch user passwd [options] NAME\n"
    "\n"
    "Gives an account another password, which is asked for twice. All else about it stays.\n"
    "\n"
    "  --generate            make a password and print it\n"
    USER_PASSWORD_USAGE
    "  --cram-md5            keep the password itself, too, as CRAM-MD5 needs it (default: if it was so)\n"
    "  --no-cram-md5         do not keep it any longer\n"
    USER_USAGE
    "\n"
    "A gateway that runs with the configuration is told to reload.\n"
    "\n"
    "examples:\n"
    "  vouch user passwd anna@example.org\n"
    "  pwgen 20 1 | vouch user passwd --password-stdin anna@example.org\n"
    "\n"
    "exit status: 0 it is changed, 1 there is no such account, the password will not do, or the file cannot\n"
    "be written, 2 usage or a fault in the file, 3 it could not be done now\n";

static const char del_usage[] =
    "usage: vouch user del [options] NAME\n"
    "\n"
    "Removes an account. What it has submitted is still sent.\n"
    "\n"
    USER_USAGE
    "\n"
    "A gateway that runs with the configuration is told to reload.\n"
    "\n"
    "examples:\n"
    "  vouch user del anna@example.org\n"
    "\n"
    "exit status: 0 it is gone, 1 there was none, or the file cannot be written, 2 usage or a fault in the\n"
    "file, 3 it could not be done now\n";

static int complain(const struct user_scene *scene, int status, const struct error *error)
{
    fprintf(stderr, "vouch %s: %s\n", scene->arguments->command, error->text);
    return status;
}

static int read_send_as(struct user_scene *scene, struct account *account)
{
    struct bytes rest = bytes_of(scene->options->send_as), entry;
    struct bytes *entries = arena_alloc_array(scene->arena, ACCOUNT_SEND_AS_MAX, sizeof(*entries));
    struct error error;
    if (!scene->options->send_as || !entries)
        return -1;
    while (bytes_split(&rest, ',', &entry)) {
        entry = bytes_trim(entry);
        if (account->send_as_count == ACCOUNT_SEND_AS_MAX)
            return arguments_fail(scene->arguments, "--send-as has more than %d addresses", ACCOUNT_SEND_AS_MAX);
        if (account_check_send_as(entry, &error) != OK)
            return arguments_fail(scene->arguments, "--send-as: %s", error.text);
        entries[account->send_as_count++] = entry;
    }
    account->send_as = entries;
    return -1;
}

/* Asks for the password, makes the account's line, writes it. */
static int set_and_write(struct user_scene *scene, struct account *account, enum accounts_change change,
                         bool cram_md5)
{
    char password[ACCOUNT_PASSWORD_MAX + 2] = {0};
    struct error error;
    bool generated = false;
    int status = user_read_password(scene, USER_ASK_TWICE, password, &generated);
    if (status < 0) {
        enum result result =
            account_set_password(scene->arena, account, bytes_of(password), cram_md5, &error);
        if (result != OK)
            status = complain(scene, result == TEMP ? EXIT_TEMPORARY : EXIT_NEGATIVE, &error);
    }
    if (status < 0)
        status = user_edit(scene, change, account);
    if (status < 0)
        status = user_report_change(scene, change == ACCOUNTS_ADD ? "added" : "password changed", account->name,
                                    generated ? bytes_of(password) : (struct bytes){NULL, 0});
    if (account->cram_secret.len)
        OPENSSL_cleanse((void *)account->cram_secret.ptr, account->cram_secret.len);
    OPENSSL_cleanse(password, sizeof(password));
    OPENSSL_cleanse(account, sizeof(*account));
    return status;
}

static int add(struct user_scene *scene)
{
    struct account account = {.name = bytes_of(scene->arguments->positions[0]),
                              .disabled = scene->options->disabled};
    struct error error;
    if (account_check_name(account.name, &error) != OK)
        return arguments_fail(scene->arguments, "%s", error.text);
    bool there;
    int status = read_send_as(scene, &account);
    if (status < 0)
        status = user_find(scene, account.name, &there);
    if (status >= 0)
        return status;
    if (there) {
        error_set(&error, PERM, "there is an account '%s' already", scene->arguments->positions[0]);
        return complain(scene, EXIT_NEGATIVE, &error);
    }
    if (bytes_find_byte(account.name, '@') == BYTES_NOT_FOUND && !account.send_as_count)
        fprintf(stderr, "vouch user add: warning: %s is no mailbox, and without --send-as it may send as "
                        "nobody\n", scene->arguments->positions[0]);
    return set_and_write(scene, &account, ACCOUNTS_ADD, scene->options->cram_md5);
}

static int change(struct user_scene *scene)
{
    int status;
    struct accounts *accounts = user_load(scene, &status);
    if (!accounts)
        return status;
    const struct account *found = accounts_find(accounts, bytes_of(scene->arguments->positions[0]));
    if (!found) {
        fprintf(stderr, "vouch user passwd: there is no account '%s'\n", scene->arguments->positions[0]);
        accounts_free(accounts);
        return EXIT_NEGATIVE;
    }
    struct account account = *found;
    bool cram_md5 = (found->cram_secret.len || scene->options->cram_md5) && !scene->options->no_cram_md5;
    status = set_and_write(scene, &account, ACCOUNTS_REPLACE, cram_md5);
    accounts_free(accounts);
    return status;
}

static int delete(struct user_scene *scene)
{
    struct account account = {.name = bytes_of(scene->arguments->positions[0])};
    bool there;
    int status = user_find(scene, account.name, &there);
    if (status < 0)
        status = user_edit(scene, ACCOUNTS_REMOVE, &account);
    return status >= 0 ? status : user_report_change(scene, "removed", account.name, (struct bytes){NULL, 0});
}

static int run(struct arguments *arguments, const struct user_options *options, int argc, char **argv,
               int (*work)(struct user_scene *scene))
{
    struct user_scene scene;
    int status = arguments_read(arguments, argc, argv);
    if (status >= 0)
        return status;
    if (arguments->position_count != 1)
        return arguments_fail(arguments, "wants the name of one account");
    status = user_scene_open_accounts(&scene, arguments, options);
    if (status < 0)
        status = work(&scene);
    user_scene_close(&scene);
    return status;
}

int user_add_command(int argc, char **argv)
{
    struct user_options options = {0};
    const struct argument table[] = {USER_ARGUMENTS(options), USER_PASSWORD_ARGUMENTS(options),
                                     {"--send-as", &options.send_as, NULL},
                                     {"--generate", NULL, &options.generate},
                                     {"--cram-md5", NULL, &options.cram_md5},
                                     {"--disabled", NULL, &options.disabled}};
    struct arguments arguments = {"user add", add_usage, table, countof(table), {NULL}, 0};
    return run(&arguments, &options, argc, argv, add);
}

int user_passwd_command(int argc, char **argv)
{
    struct user_options options = {0};
    const struct argument table[] = {USER_ARGUMENTS(options), USER_PASSWORD_ARGUMENTS(options),
                                     {"--generate", NULL, &options.generate},
                                     {"--cram-md5", NULL, &options.cram_md5},
                                     {"--no-cram-md5", NULL, &options.no_cram_md5}};
    struct arguments arguments = {"user passwd", passwd_usage, table, countof(table), {NULL}, 0};
    return run(&arguments, &options, argc, argv, change);
}

int user_del_command(int argc, char **argv)
{
    struct user_options options = {0};
    const struct argument table[] = {USER_ARGUMENTS(options)};
    struct arguments arguments = {"user del", del_usage, table, countof(table), {NULL}, 0};
    return run(&arguments, &options, argc, argv, delete);
}
