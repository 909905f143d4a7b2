/* SPDX-License-Identifier: BSD-2-Clause */
/* builtin_tests_private: what the files of builtin_tests share. */
#ifndef VOUCH_FILTER_BUILTIN_TESTS_PRIVATE_H
#define VOUCH_FILTER_BUILTIN_TESTS_PRIVATE_H

#include "filter/builtin_tests.h"
#include "message/address.h"
#include "message/date.h"

/* Fields of which a message has one at most, and which are read once for all tests. */
enum builtin_field {
    BUILTIN_DATE, BUILTIN_MESSAGE_ID, BUILTIN_SUBJECT, BUILTIN_TO, BUILTIN_CC, BUILTIN_FROM, BUILTIN_SENDER,
    BUILTIN_REPLY_TO, BUILTIN_IN_REPLY_TO, BUILTIN_REFERENCES, BUILTIN_LIST_ID, BUILTIN_LIST_UNSUBSCRIBE,
    BUILTIN_FIELDS
};

enum { BUILTIN_TEXT_MAX = 16 * 1024, BUILTIN_SEEN_MAX = 80 };

struct builtin_look {
    struct arena *arena;
    const struct message *message;
    const struct readable *readable;
    const struct builtin_facts *facts;
    struct bytes fields[BUILTIN_FIELDS]; /* unfolded, cut off; ptr NULL: absent */
    unsigned counts[BUILTIN_FIELDS];
    struct address_list to, cc;          /* empty if they cannot be read */
    bool to_malformed;
    bool has_date, date_malformed;
    struct date date;
    struct bytes text;                   /* the beginning of the visible text */
    size_t own_links;                    /* links that one can follow: to hosts, not images, not forms */
    struct bytes seen;                   /* set by a test that matches and has something to show */
};

typedef bool builtin_test_function(struct builtin_look *look);

/* builtin_tests_header.c */
builtin_test_function builtin_no_date, builtin_date_malformed, builtin_date_future, builtin_date_past,
    builtin_date_zone, builtin_no_message_id, builtin_message_id_malformed, builtin_message_id_ours,
    builtin_no_recipient, builtin_recipient_malformed, builtin_recipient_not_named, builtin_from_is_to,
    builtin_from_digits, builtin_duplicate_field, builtin_header_octets, builtin_header_malformed,
    builtin_received_forged, builtin_received_future, builtin_list_unsubscribe, builtin_reply_to_ours,
    builtin_reply_to_many;
/* builtin_tests_subject.c */
builtin_test_function builtin_subject_missing, builtin_subject_empty, builtin_subject_capitals,
    builtin_subject_padding, builtin_subject_fake_reply, builtin_subject_marks, builtin_subject_spaced,
    builtin_subject_mixed_scripts, builtin_from_name_mixed_scripts, builtin_text_mixed_scripts;
/* builtin_tests_content.c */
builtin_test_function builtin_html_only, builtin_images_only, builtin_hidden_text, builtin_mime_broken,
    builtin_mime_malformed, builtin_cut_short,
    builtin_base64_text, builtin_bad_charset, builtin_confusable, builtin_parts_differ,
    builtin_html_form, builtin_html_script, builtin_meta_refresh, builtin_html_comments, builtin_empty,
    builtin_attachment_executable, builtin_attachment_disguised, builtin_attachment_macros,
    builtin_attachment_encrypted, builtin_attachment_html, builtin_attachment_only, builtin_bitcoin;
/* builtin_tests_links.c */
builtin_test_function builtin_link_short_text, builtin_link_obfuscated, builtin_link_address,
    builtin_link_shortener, builtin_link_punycode, builtin_link_port, builtin_link_data, builtin_link_many_hosts;

#endif
