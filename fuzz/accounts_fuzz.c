/* SPDX-License-Identifier: BSD-2-Clause */
/* The file of accounts: what is taken is within its bounds, and stays the same when written and read again. */
#include "auth/accounts.h"
#include "base/domain.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_account(const struct accounts *accounts, const struct account *account)
{
    struct error error;
    require(account_check_name(account->name, &error) == OK);
    require(accounts_find(accounts, account->name) == account);
    require(account->send_as_count <= ACCOUNT_SEND_AS_MAX);
    for (size_t i = 0; i < account->send_as_count; i++)
        require(account_check_send_as(account->send_as[i], &error) == OK);
    require(!account->password.len || account->password.ptr[0] == '$');
    require(account->password.len <= ACCOUNT_HASH_MAX);
    require(account->cram_secret.len <= ACCOUNT_PASSWORD_MAX);
    if (account->scram.iterations) {
        require(account->scram.iterations >= SCRAM_ITERATIONS_MIN);
        require(account->scram.iterations <= SCRAM_ITERATIONS_MAX);
        require(account->scram.salt.len && account->scram.salt.len <= ACCOUNT_SALT_MAX);
    }
}

static void write_all(struct buf *out, const struct accounts *accounts)
{
    for (size_t i = 0; i < accounts_count(accounts); i++) {
        check_account(accounts, accounts_at(accounts, i));
        account_write(out, accounts_at(accounts, i));
        buf_add_byte(out, '\n');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct accounts *accounts = NULL, *again = NULL;
    struct buf faults, once, twice;
    struct bytes text = bytes_from(size ? data : (const uint8_t *)"", size);
    buf_init(&faults, 1 << 20);
    buf_init(&once, 1 << 24);
    buf_init(&twice, 1 << 24);
    if (accounts_parse(text, "fuzz", &accounts, &faults) != OK) {
        require(!accounts && faults.len && !bytes_find(buf_bytes(&faults), BYTES("fuzz:")));
    } else {
        require(!faults.len);
        write_all(&once, accounts);
        require(accounts_parse(buf_bytes(&once), "again", &again, &faults) == OK);
        require(accounts_count(again) == accounts_count(accounts));
        write_all(&twice, again);
        require(bytes_equal(buf_bytes(&once), buf_bytes(&twice)));
        struct account_scram decoy;
        uint8_t salt[ACCOUNT_SALT_MAX];
        accounts_scram_decoy(accounts, text, salt, &decoy);
        require(decoy.iterations >= SCRAM_ITERATIONS_MIN && decoy.salt.len);
    }
    accounts_free(accounts);
    accounts_free(again);
    buf_free(&faults);
    buf_free(&once);
    buf_free(&twice);
    return 0;
}
