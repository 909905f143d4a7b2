/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/ascii.h"
#include "os/files.h"
#include "roles/auth.h"

#include <openssl/crypto.h>
#include <security/pam_appl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the client says */

bool auth_pam_knows(struct bytes mechanism)
{
    return bytes_is(mechanism, "PLAIN") || bytes_is(mechanism, "LOGIN");
}

void auth_pam_forget(struct auth_pam *pam)
{
    OPENSSL_cleanse(pam, sizeof(*pam));
}

static bool is_name_letter(uint8_t c, bool first)
{
    return ascii_is_alnum(c) || c == '_' ||
           (!first && bytes_find_byte(BYTES(".-@+"), c) != BYTES_NOT_FOUND);
}

/* Letters that accounts of systems have; modules make file names of them. */
static bool take_name(struct auth_pam *pam, struct bytes name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!is_name_letter(name.ptr[i], i == 0))
            return false;
    return name.len && bytes_to_cstring(name, pam->name, sizeof(pam->name));
}

static bool take_password(struct auth_pam *pam, struct bytes password)
{
    return password.len && bytes_to_cstring(password, pam->password, sizeof(pam->password));
}

/* rfc4616:2; nobody acts for another. */
static enum keys_sasl_status take_plain(struct auth_pam *pam, struct bytes data)
{
    struct bytes rest = data.ptr ? data : BYTES(""), other, name, password;
    if (!bytes_split(&rest, 0, &other) || !bytes_split(&rest, 0, &name) ||
        !bytes_split(&rest, 0, &password) || rest.ptr)
        return KEYS_SASL_MALFORMED;
    if (!name.len || !password.len)
        return KEYS_SASL_MALFORMED;
    if (!take_name(pam, name) || !take_password(pam, password))
        return KEYS_SASL_REFUSED;
    return !other.len || bytes_equal_nocase(other, name) ? KEYS_SASL_DONE : KEYS_SASL_REFUSED;
}

static enum keys_sasl_status take_login(struct auth_pam *pam, bool present, struct bytes data,
                                        struct bytes *challenge)
{
    if (!present) {
        *challenge = BYTES("Username:");
        return KEYS_SASL_CHALLENGE;
    }
    if (pam->named) /* a name that was no good is refused only now, as all are */
        return take_password(pam, data) && pam->name[0] ? KEYS_SASL_DONE : KEYS_SASL_REFUSED;
    if (!take_name(pam, data))
        pam->name[0] = 0;
    pam->named = true;
    *challenge = BYTES("Password:");
    return KEYS_SASL_CHALLENGE;
}

enum keys_sasl_status auth_pam_step(struct auth_pam *pam, bool present, struct bytes data,
                                    struct bytes *challenge)
{
    *challenge = BYTES("");
    if (pam->login)
        return take_login(pam, present, data, challenge);
    return present ? take_plain(pam, data) : KEYS_SASL_CHALLENGE;
}

/* What PAM asks */

static void free_replies(struct pam_response *replies, int count)
{
    for (int i = 0; i < count; i++) {
        if (replies[i].resp)
            OPENSSL_clear_free(replies[i].resp, strlen(replies[i].resp));
    }
    free(replies);
}

/* The replies become PAM's, which frees them with free(). */
static int converse(int count, const struct pam_message **messages, struct pam_response **out,
                    void *context)
{
    const struct auth_pam_check *check = context;
    if (count <= 0 || count > PAM_MAX_NUM_MSG)
        return PAM_CONV_ERR;
    struct pam_response *replies = calloc((size_t)count, sizeof(*replies));
    if (!replies)
        return PAM_BUF_ERR;
    for (int i = 0; i < count; i++) {
        const char *said = NULL;
        if (messages[i]->msg_style == PAM_PROMPT_ECHO_OFF)
            said = check->pam->password;
        else if (messages[i]->msg_style == PAM_PROMPT_ECHO_ON)
            said = check->pam->name;
        if (said && !(replies[i].resp = strdup(said))) {
            free_replies(replies, count);
            return PAM_BUF_ERR;
        }
    }
    *out = replies;
    return PAM_SUCCESS;
}

/* Who delays failures is the edge, without holding a thread. */
static void no_delay(int status, unsigned microseconds, void *context)
{
    (void)status;
    (void)microseconds;
    (void)context;
}

static enum keys_sasl_status status_of(int code)
{
    switch (code) {
    case PAM_SUCCESS:
        return KEYS_SASL_DONE;
    case PAM_AUTH_ERR:
    case PAM_USER_UNKNOWN:
    case PAM_MAXTRIES:
    case PAM_PERM_DENIED:
    case PAM_ACCT_EXPIRED:
    case PAM_CRED_INSUFFICIENT:
    case PAM_NEW_AUTHTOK_REQD:
    case PAM_AUTHTOK_EXPIRED:
        return KEYS_SASL_REFUSED;
    default: /* it could not be told */
        return KEYS_SASL_TEMPORARY;
    }
}

static int ask(pam_handle_t *handle, struct auth_pam_check *check)
{
    /* Empty passwords do not get this far, but accounts without one must not be open, either. */
    int code = pam_set_item(handle, PAM_FAIL_DELAY, (const void *)no_delay);
    if (code == PAM_SUCCESS && check->client && *check->client)
        code = pam_set_item(handle, PAM_RHOST, check->client);
    if (code == PAM_SUCCESS)
        code = pam_set_item(handle, PAM_TTY, "smtp");
    if (code == PAM_SUCCESS)
        code = pam_authenticate(handle, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
    if (code == PAM_SUCCESS)
        code = pam_acct_mgmt(handle, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
    return code;
}

static void take_user(pam_handle_t *handle, struct auth_pam_check *check)
{
    const void *user = NULL;
    if (pam_get_item(handle, PAM_USER, &user) == PAM_SUCCESS && user && *(const char *)user &&
        bytes_to_cstring(bytes_of(user), check->name, sizeof(check->name)))
        return;
    check->status = KEYS_SASL_TEMPORARY;
    snprintf(check->reason, sizeof(check->reason), "PAM does not say who it is");
}

void auth_pam_verify(struct auth_pam_check *check)
{
    const struct pam_conv conversation = {converse, check};
    pam_handle_t *handle = NULL;
    int code = pam_start_confdir(check->service, check->pam->name, &conversation, check->folder, &handle);
    if (code == PAM_SUCCESS)
        code = ask(handle, check);
    check->status = status_of(code);
    snprintf(check->reason, sizeof(check->reason), "PAM: %s",
             handle ? pam_strerror(handle, code) : "it does not start");
    if (check->status == KEYS_SASL_DONE)
        take_user(handle, check);
    if (handle)
        pam_end(handle, code);
}

enum result auth_pam_find_service(const char *service, struct error *error)
{
    static const char *const folders[] = {"/etc/pam.d", "/usr/lib/pam.d", "/usr/share/pam.d"};
    char path[512];
    if (strchr(service, '/'))
        return error_set(error, PERM, "accounts.pam is the name of a service, not a path: %s", service);
    for (size_t i = 0; i < countof(folders); i++) {
        snprintf(path, sizeof(path), "%s/%s", folders[i], service);
        if (access(path, R_OK) == 0)
            return OK;
    }
    return error_set(error, PERM, "accounts.pam: there is no service /etc/pam.d/%s", service);
}
