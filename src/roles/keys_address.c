/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/batv.h"
#include "auth/ses.h"
#include "auth/srs.h"
#include "message/mailbox.h"
#include "roles/keys.h"

#include <string.h>
#include <sys/random.h>

enum { SECRET_LEAST = 8, SECRETS_FILE_MAX = 64 * 1024 };

/* Before the sandbox closes */

static enum result load(struct keys *keys, enum keys_codec codec, const char *section,
                        const char *path, struct error *error)
{
    struct bytes text;
    struct error why;
    struct secrets *secrets = &keys->secrets[codec];
    if (!*path)
        return error_set(error, PERM, "the section '%s' names no file of secrets", section);
    enum result result = key_file_read(keys->role->arena, path, SECRETS_FILE_MAX, &text, error);
    if (result != OK)
        return result == NONE ? PERM : result;
    result = secrets_parse(keys->role->arena, text, secrets, &why);
    key_cleanse(text);
    if (result != OK)
        return error_set(error, result, "%s: %s", path, why.text);
    for (size_t i = 0; i < secrets->count; i++)
        if (secrets->items[i].len < SECRET_LEAST)
            return error_set(error, PERM, "%s: a secret has %d octets at least", path, SECRET_LEAST);
    return OK;
}

static enum result list_local_domains(struct keys *keys, struct error *error)
{
    const struct config *config = &keys->role->config;
    size_t count = 0;
    for (size_t i = 0; i < config->domain_count; i++)
        count += config->domains[i].names.count;
    keys->local_domains = arena_alloc_array(keys->role->arena, count, sizeof(*keys->local_domains));
    if (!keys->local_domains)
        return error_set(error, TEMP, "out of memory for keys");
    for (size_t i = 0; i < config->domain_count; i++)
        for (size_t j = 0; j < config->domains[i].names.count; j++)
            keys->local_domains[keys->local_domain_count++] =
                bytes_of(config->domains[i].names.items[j]);
    return OK;
}

static struct srs_options srs_of(const struct keys *keys, int64_t now)
{
    const struct config *config = &keys->role->config;
    return (struct srs_options){.secrets = keys->secrets[KEYS_SRS],
                                .domain = bytes_of(config->srs.domain),
                                .local_domains = keys->local_domains,
                                .local_domain_count = keys->local_domain_count,
                                .age_limit = (unsigned)(config->srs.age / DAY),
                                .now = now};
}

static struct batv_options batv_of(const struct keys *keys, int64_t now)
{
    return (struct batv_options){.secrets = keys->secrets[KEYS_BATV], .now = now};
}

enum result keys_address_load(struct keys *keys, struct error *error)
{
    const struct config *config = &keys->role->config;
    struct srs_options srs;
    struct batv_options batv;
    enum result result = list_local_domains(keys, error);
    if (result == OK && *config->srs.domain) {
        result = load(keys, KEYS_SRS, "srs", config->srs.secrets, error);
        srs = srs_of(keys, 0);
        if (result == OK)
            result = srs_check_options(&srs, error);
    }
    if (result == OK && config->batv.domains.count) {
        result = load(keys, KEYS_BATV, "batv", config->batv.secrets, error);
        batv = batv_of(keys, 0);
        if (result == OK)
            result = batv_check_options(&batv, error);
    }
    if (result == OK && config->ses.domains.count)
        result = load(keys, KEYS_SES, "ses", config->ses.secrets, error);
    return result;
}

void keys_address_unload(struct keys *keys)
{
    for (size_t i = 0; i < KEYS_CODECS; i++) {
        for (size_t j = 0; j < keys->secrets[i].count; j++)
            key_cleanse(keys->secrets[i].items[j]);
        keys->secrets[i].count = 0;
    }
}

/* Requests */

static bool lists(const struct config_strings *domains, struct bytes address)
{
    return config_strings_contain(domains, mailbox_domain(address));
}

static enum result use_ses(struct keys *keys, struct arena *arena,
                           const struct keys_address_request *asked, struct bytes *out,
                           struct error *error)
{
    struct ses_options options = {.secrets = keys->secrets[KEYS_SES], .now = asked->now};
    struct ses_address found;
    if (asked->decode) {
        enum result result = ses_decode(arena, &options, asked->address, &found, error);
        *out = result == OK ? found.address : BYTES("");
        return result;
    }
    /* Not used twice in a tick, by old and new processes together: so drawn, and short, because it
     * takes room in the local part. */
    uint32_t id;
    if (getrandom(&id, sizeof(id), 0) != sizeof(id))
        return error_set(error, TEMP, "no random number for a message id");
    options.message_id = id;
    return ses_encode(arena, &options, asked->address, out, error);
}

enum result keys_address_answer(struct keys *keys, struct arena *arena,
                                const struct keys_address_request *asked, struct bytes *out,
                                struct error *error)
{
    const struct config *config = &keys->role->config;
    *out = BYTES("");
    if (keys->secrets[asked->codec].count == 0)
        return error_set(error, NONE, "it is not switched on");
    if (asked->codec == KEYS_SRS) {
        struct srs_options options = srs_of(keys, asked->now);
        return (asked->decode ? srs_decode : srs_encode)(arena, &options, asked->address, out, error);
    }
    if (!lists(asked->codec == KEYS_BATV ? &config->batv.domains : &config->ses.domains, asked->address))
        return error_set(error, NONE, "it is an address of another domain");
    if (asked->codec == KEYS_SES)
        return use_ses(keys, arena, asked, out, error);
    struct batv_options options = batv_of(keys, asked->now);
    return (asked->decode ? batv_decode : batv_encode)(arena, &options, asked->address, out, error);
}
