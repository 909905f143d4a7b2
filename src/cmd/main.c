/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch: one program with subcommands. */
#include "cmd/command.h"

#include <stdio.h>
#include <string.h>

static const struct command commands[] = {
    {NULL, "The gateway", NULL, false},
    {"serve", "run the gateway", serve_command, false},
    {"demo", "the gateway at work, with nothing to prepare", demo_command, false},
    {"explain", "the whole story of a message that came in", explain_command, false},
    {"log", "what came in, by sender, recipient, time, action", log_command, false},
    {"replay", "what another policy would have done with mail that came", replay_command, false},
    {"config check", "what is wrong with a configuration", config_check_command, false},
    {"config describe", "every key with its default and meaning", config_describe_command, false},
    {NULL, "The queue: mail that waits to be sent", NULL, false},
    {"queue list", "what waits, and what for", queue_list_command, false},
    {"queue show", "one message, its recipients and last replies", queue_show_command, false},
    {"queue stats", "how much waits, and for which destinations", queue_stats_command, false},
    {"queue hold", "let messages wait until they are released", queue_hold_command, false},
    {"queue release", "let held messages go on", queue_release_command, false},
    {"queue retry", "try messages now", queue_retry_command, false},
    {"queue drop", "delete messages, telling nobody", queue_drop_command, false},
    {"queue bounce", "give messages up, telling the sender", queue_bounce_command, false},
    {"mailq", "the queue as other mail systems list it", mailq_command, false},
    {"sendmail", "hand a message in, as programs expect it of sendmail", sendmail_command, false},
    {"newaliases", "does nothing: aliases are read at a reload", newaliases_command, true},
    {NULL, "Quarantine: mail that nobody gets until it is released", NULL, false},
    {"quarantine list", "what is there, and why", quarantine_list_command, false},
    {"quarantine show", "one message, safe to look at", quarantine_show_command, false},
    {"quarantine release", "deliver messages after all", quarantine_release_command, false},
    {"quarantine train", "teach the filter what messages are", quarantine_train_command, false},
    {"quarantine purge", "delete messages, telling nobody", quarantine_purge_command, false},
    {NULL, "Senders: what is known of them", NULL, false},
    {"reputation show", "what is remembered of a domain or network", reputation_show_command, false},
    {"reputation forget", "make a domain or network unknown again", reputation_forget_command, false},
    {"reputation complain", "count a complaint about a domain or network", reputation_complain_command, false},
    {"contacts list", "whom accounts write to, and who answers", contacts_list_command, false},
    {"contacts add", "make an address a contact", contacts_add_command, false},
    {"contacts remove", "forget contacts", contacts_remove_command, false},
    {"greylist list", "who was asked to come again, and who did", greylist_list_command, false},
    {"greylist release", "let somebody in at his next try", greylist_release_command, false},
    {NULL, "Mail: who is really sending", NULL, false},
    {"check", "judge a message file and explain the verdict", check_command, false},
    {"spf check", "one SPF check, step by step", spf_check_command, false},
    {"dkim verify", "the DKIM signatures of a message file", dkim_verify_command, false},
    {"dmarc check", "the DMARC result of a message, or a domain's policy", dmarc_check_command, false},
    {"arc verify", "the chain of seals of a message file", arc_verify_command, false},
    {"senderid check", "the PRA of a message and one Sender ID check", senderid_check_command, false},
    {"domainkeys verify", "the DomainKeys signature of a message file", domainkeys_verify_command, false},
    {"adsp check", "what a domain says about its signatures (historic)", adsp_check_command, false},
    {"helo check", "what a client's HELO name is worth", helo_check_command, false},
    {"vbr check", "whether a certifier vouches for a message file", vbr_check_command, false},
    {"dnslist check", "what lists in DNS say of an address or a name", dnslist_check_command, false},
    {"dnslist test", "whether the configured lists in DNS work", dnslist_test_command, false},
    {"smime check", "the S/MIME signature of a message file", smime_check_command, false},
    {"openpgp check", "what a message file claims with OpenPGP", openpgp_check_command, false},
    {"hashcash check", "whether hashcash stamps hold", hashcash_check_command, false},
    {"ar parse", "what Authentication-Results fields say", ar_parse_command, false},
    {NULL, "Domains: what to publish", NULL, false},
    {"lint", "what a domain publishes, and what is wrong with it", lint_command, false},
    {"spf wizard", "an SPF record from what sends, and a test of it", spf_wizard_command, false},
    {"spf simulate", "what another SPF record would do to mail that came", spf_simulate_command, false},
    {"dmarc simulate", "what another DMARC record would do to mail that came", dmarc_simulate_command, false},
    {"report show", "what other operators report about mail in our name", report_show_command, false},
    {NULL, "Accounts", NULL, false},
    {"user add", "make an account that may send mail", user_add_command, false},
    {"user passwd", "give an account another password", user_passwd_command, false},
    {"user del", "remove an account", user_del_command, false},
    {"user list", "the accounts", user_list_command, false},
    {"user check", "whether a password is right", user_check_command, false},
    {"train", "teach the statistical filter what is junk", train_command, false},
    {"rule test", "which rules and built-in tests match a message file", rule_test_command, false},
    {"rule list", "the rules and built-in tests, and what they count", rule_list_command, false},
    {"user release", "let an account send again that was held", user_release_command, false},
    {NULL, "Signing", NULL, false},
    {"dkim sign", "sign a message file", dkim_sign_command, false},
    {"dkim keygen", "make signing keys and their DNS records", dkim_keygen_command, false},
    {"dkim rotate", "replace signing keys without a gap", dkim_rotate_command, false},
    {"dkim check-key", "what is published for a signing key", dkim_check_key_command, false},
    {"arc seal", "add a seal to the chain of a message file", arc_seal_command, false},
    {"hashcash mint", "make hashcash stamps on all cores", hashcash_mint_command, false},
    {NULL, "Return paths", NULL, false},
    {"srs encode", "the sender under which mail is forwarded", srs_encode_command, false},
    {"srs decode", "to whom a rewritten sender belongs", srs_decode_command, false},
    {"batv encode", "tag an envelope sender (prvs=)", batv_encode_command, false},
    {"batv decode", "check and take off such a tag", batv_decode_command, false},
    {"ses encode", "sign an envelope sender (SES=)", ses_encode_command, false},
    {"ses decode", "check and take off such a signature", ses_decode_command, false},
    {"role", "a process of the gateway (internal)", role_command, true},
};

static void help(FILE *out)
{
    fprintf(out, "vouch %s: a mail gateway that works out who is really sending\n\n"
                 "usage: vouch COMMAND [arguments]\n\n",
            VOUCH_VERSION);
    for (size_t i = 0; i < countof(commands); i++) {
        if (!commands[i].name)
            fprintf(out, "%s%s\n", i ? "\n" : "", commands[i].summary);
        else if (!commands[i].internal)
            fprintf(out, "  %-18s %s\n", commands[i].name, commands[i].summary);
    }
    fprintf(out, "\n`vouch COMMAND --help` explains one. Manual: vouch(1), vouch.conf(5).\n");
}

/* How many of the arguments the command's name takes; 0 if it is another command. */
static int match(const struct command *command, int argc, char **argv)
{
    struct bytes rest = bytes_of(command->name), word;
    int used = 0;
    if (!command->name)
        return 0; /* a heading of the list */
    while (bytes_split(&rest, ' ', &word)) {
        if (used >= argc || !bytes_is(word, argv[used]))
            return 0;
        used++;
    }
    return used;
}

/* What could not be written was not said, whatever the command thinks (a full disk, a closed pipe). */
static int finish(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    perror("vouch: standard output");
    return status == EXIT_FINE ? EXIT_TEMPORARY : status;
}

/* "spf" alone, or with a second word that does not go with it: say what there is of it. */
static int unknown_command(const char *name, const char *second)
{
    bool found = false;
    struct bytes prefix = bytes_of(name);
    for (size_t i = 0; i < countof(commands); i++) {
        struct bytes command = bytes_of(commands[i].name);
        if (!bytes_starts_with(command, prefix) || command.len <= prefix.len ||
            command.ptr[prefix.len] != ' ')
            continue;
        if (!found && second && second[0] != '-')
            fprintf(stderr, "vouch: there is no command '%s %s'; those that begin with '%s':\n", name,
                    second, name);
        else if (!found)
            fprintf(stderr, "vouch: '%s' wants a second word:\n", name);
        found = true;
        fprintf(stderr, "  %-18s %s\n", commands[i].name, commands[i].summary);
    }
    if (!found)
        fprintf(stderr, "vouch: there is no command '%s'; `vouch help` lists them\n", name);
    return EXIT_USAGE;
}

/* As what we were called: sendmail, mailq and newaliases are links to us. NULL: as ourselves. */
static const struct command *called_as(const char *path)
{
    static const char *const names[] = {"sendmail", "mailq", "newaliases"};
    const char *slash = path ? strrchr(path, '/') : NULL;
    const char *name = slash ? slash + 1 : path;
    for (size_t i = 0; name && i < countof(names); i++)
        if (strcmp(name, names[i]) == 0)
            for (size_t k = 0; k < countof(commands); k++)
                if (commands[k].name && strcmp(commands[k].name, name) == 0)
                    return &commands[k];
    return NULL;
}

int main(int argc, char **argv)
{
    const struct command *alias = called_as(argc > 0 ? argv[0] : NULL);
    if (alias)
        return finish(alias->run(argc, argv));
    if (argc < 2 || strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0 ||
        strcmp(argv[1], "-h") == 0) {
        help(argc < 2 ? stderr : stdout);
        return finish(argc < 2 ? EXIT_USAGE : EXIT_FINE);
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0) {
        printf("vouch %s\n", VOUCH_VERSION);
        return finish(EXIT_FINE);
    }
    for (size_t i = 0; i < countof(commands); i++) {
        int used = match(&commands[i], argc - 1, argv + 1);
        if (used)
            return finish(commands[i].run(argc - used, argv + used));
    }
    return unknown_command(argv[1], argc > 2 ? argv[2] : NULL);
}
