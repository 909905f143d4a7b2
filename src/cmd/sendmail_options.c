/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/sendmail_options.h"

#include "smtp/server.h"

#include <string.h>

/* Letters that take a value, in the same argument or the next; and those whose value, if any, must stand
 * in the same one. All others are single. */
static const char with_value[] = "ABCDFLMNOPQRVXbefhopr";
static const char with_own_value[] = "dq";
/* Known and without meaning here: -G and -U (who submits what is the server's to say), -n (aliases are its
 * own), -m, -s, -x. */
static const char ignored[] = "GImnsxU";

static bool refuse(struct error *error, const char *text, const char *value)
{
    (void)error_set(error, PERM, "%s%s", text, value);
    return false;
}

static bool read_mode(struct sendmail_options *out, const char *value, struct error *error)
{
    static const char letters[] = "mspi";
    static const enum sendmail_mode modes[] = {SENDMAIL_DELIVER, SENDMAIL_SMTP, SENDMAIL_LIST,
                                               SENDMAIL_ALIASES};
    const char *at = *value ? strchr(letters, *value) : NULL;
    if (at && !value[1]) {
        out->mode = modes[at - letters];
        return true;
    }
    if (strcmp(value, "d") == 0 || strcmp(value, "D") == 0)
        return refuse(error, "-b", "d: the server is `vouch serve`, which the system starts");
    return refuse(error, "there is no mode -b", value);
}

static bool read_notify(struct sendmail_options *out, const char *value, struct error *error)
{
    static const struct {
        const char *name;
        unsigned flag;
    } names[] = {{"success", SMTP_NOTIFY_SUCCESS},
                 {"failure", SMTP_NOTIFY_FAILURE},
                 {"delay", SMTP_NOTIFY_DELAY},
                 {"never", SMTP_NOTIFY_NEVER}};
    struct bytes rest = bytes_of(value), word;
    unsigned notify = 0;
    while (bytes_split(&rest, ',', &word)) {
        size_t i = 0;
        while (i < countof(names) && !bytes_is_nocase(bytes_trim(word), names[i].name))
            i++;
        if (i == countof(names))
            return refuse(error, "-N wants never, or some of success, failure and delay, not ", value);
        notify |= names[i].flag;
    }
    /* rfc3461:4.1 */
    if ((notify & SMTP_NOTIFY_NEVER) && notify != SMTP_NOTIFY_NEVER)
        return refuse(error, "-N: never goes with nothing else: ", value);
    out->notify = notify;
    return true;
}

static bool read_return(struct sendmail_options *out, const char *value, struct error *error)
{
    out->return_full = bytes_is_nocase(bytes_of(value), "full");
    out->return_headers = bytes_is_nocase(bytes_of(value), "hdrs");
    if (out->return_full || out->return_headers)
        return true;
    return refuse(error, "-R wants full or hdrs, not ", value);
}

static bool read_body(const char *value, struct error *error)
{
    /* What it is we see for ourselves. */
    if (bytes_is_nocase(bytes_of(value), "8bitmime") || bytes_is_nocase(bytes_of(value), "7bit"))
        return true;
    return refuse(error, "-B wants 8BITMIME or 7BIT, not ", value);
}

static bool read_value(struct sendmail_options *out, char letter, const char *value,
                       struct error *error)
{
    switch (letter) {
    case 'b':
        return read_mode(out, value, error);
    case 'f':
    case 'r':
        out->sender = value;
        return true;
    case 'F':
        out->full_name = value;
        return true;
    case 'N':
        return read_notify(out, value, error);
    case 'R':
        return read_return(out, value, error);
    case 'V':
        out->envelope_id = value;
        return true;
    case 'B':
        return read_body(value, error);
    case 'o':
        /* -oi; the others (-oem, -odb …) tell an MTA of its own what this one does in any case. */
        if (strcmp(value, "i") == 0)
            out->dot_is_text = true;
        return true;
    case 'q':
        out->mode = SENDMAIL_NOTHING;
        return true;
    default:
        return true;
    }
}

static bool read_letter(struct sendmail_options *out, char letter, struct error *error)
{
    char text[] = {'-', letter, 0};
    switch (letter) {
    case 't':
        out->take_recipients = true;
        return true;
    case 'i':
        out->dot_is_text = true;
        return true;
    case 'v':
        out->verbose = true;
        return true;
    default:
        return strchr(ignored, letter) ? true : refuse(error, "there is no option ", text);
    }
}

/* One argument, "-ti" or "-fsender"; `next` is the one behind it, and *used becomes true where it was its
 * value. */
static bool read_letters(struct sendmail_options *out, const char *word, const char *next, bool *used,
                         struct error *error)
{
    for (const char *at = word + 1; *at; at++) {
        char text[] = {'-', *at, 0};
        if (strchr(with_own_value, *at))
            return read_value(out, *at, at + 1, error);
        if (strchr(with_value, *at)) {
            *used = !at[1];
            if (*used && !next)
                return refuse(error, text, " wants a value");
            return read_value(out, *at, *used ? next : at + 1, error);
        }
        if (!read_letter(out, *at, error))
            return false;
    }
    return true;
}

static bool read_long(struct sendmail_options *out, const char *word, const char *next, bool *used,
                      struct error *error)
{
    struct bytes name = bytes_of(word);
    size_t equals = bytes_find_byte(name, '=');
    const char *value = equals == BYTES_NOT_FOUND ? next : word + equals + 1;
    name = bytes_first(name, equals);
    if (bytes_is(name, "--help")) {
        out->mode = SENDMAIL_HELP;
        return true;
    }
    const char **field = bytes_is(name, "--config")     ? &out->config
                         : bytes_is(name, "--resolver") ? &out->resolver
                                                        : NULL;
    if (!field)
        return refuse(error, "there is no option ", word);
    if (!value)
        return refuse(error, word, " wants a value");
    *used = equals == BYTES_NOT_FOUND;
    *field = value;
    return true;
}

bool sendmail_options_read(int argc, char **argv, struct sendmail_options *out, struct error *error)
{
    int i = 1;
    *out = (struct sendmail_options){.mode = SENDMAIL_DELIVER};
    for (; i < argc; i++) {
        const char *word = argv[i], *next = i + 1 < argc ? argv[i + 1] : NULL;
        bool used = false;
        if (word[0] != '-' || !word[1])
            break;
        if (strcmp(word, "--") == 0) {
            out->recipients = argv + i + 1;
            out->recipient_count = argc - i - 1;
            return true;
        }
        if (word[1] == '-' ? !read_long(out, word, next, &used, error)
                           : !read_letters(out, word, next, &used, error))
            return false;
        i += used;
    }
    out->recipients = argv + i;
    out->recipient_count = argc - i;
    for (; i < argc; i++)
        if (argv[i][0] == '-')
            return refuse(error, "options stand before recipients, and -- before those that begin with "
                                 "a hyphen: ", argv[i]);
    return true;
}
