/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/smime_address.h"

#include "message/idn.h"

#include <openssl/x509v3.h>

struct search {
    struct arena *arena;
    struct bytes author;
    struct bytes found;
    size_t seen;
    bool fits;
};

static bool same_address(struct bytes a, struct bytes b)
{
    size_t at_a = bytes_rfind_byte(a, '@'), at_b = bytes_rfind_byte(b, '@');
    if (at_a == BYTES_NOT_FOUND || at_b == BYTES_NOT_FOUND)
        return false;
    return bytes_equal_nocase(bytes_first(a, at_a), bytes_first(b, at_b)) &&
           idn_equal(bytes_skip(a, at_a + 1), bytes_skip(b, at_b + 1));
}

static void look_at(struct search *search, const ASN1_STRING *string)
{
    struct bytes address =
        bytes_from(ASN1_STRING_get0_data(string), (size_t)ASN1_STRING_length(string));
    /* A NUL hides what stands behind it from some readers. */
    if (search->fits || search->seen++ >= SMIME_ADDRESSES_MAX || address.len == 0 ||
        address.len > 1000 || bytes_find_byte(address, 0) != BYTES_NOT_FOUND)
        return;
    search->fits = same_address(address, search->author);
    if (search->fits || search->found.len == 0)
        search->found = arena_copy(search->arena, address);
}

static void look_at_alternative_names(struct search *search, X509 *certificate)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        ASN1_OBJECT *kind;
        ASN1_TYPE *value;
        if (name->type == GEN_EMAIL)
            look_at(search, name->d.rfc822Name);
        else if (GENERAL_NAME_get0_otherName(name, &kind, &value) &&
                 OBJ_obj2nid(kind) == NID_id_on_SmtpUTF8Mailbox && value->type == V_ASN1_UTF8STRING)
            look_at(search, value->value.utf8string);
    }
    GENERAL_NAMES_free(names);
}

static void look_at_subject(struct search *search, X509 *certificate)
{
    const X509_NAME *subject = X509_get_subject_name(certificate);
    int at = -1;
    while ((at = X509_NAME_get_index_by_NID(subject, NID_pkcs9_emailAddress, at)) >= 0)
        look_at(search, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
}

bool smime_address_of(struct arena *arena, X509 *certificate, struct bytes author,
                      struct bytes *found)
{
    struct search search = {.arena = arena, .author = author};
    look_at_alternative_names(&search, certificate);
    look_at_subject(&search, certificate);
    *found = search.found;
    return search.fits;
}
