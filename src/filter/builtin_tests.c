/* SPDX-License-Identifier: BSD-2-Clause */
#include "filter/builtin_tests_private.h"
#include "filter/rules.h"

enum { FIELD_MAX = 8 * 1024 };

static const struct {
    struct builtin_test shown;
    builtin_test_function *test;
} table[] = {
    {{"no-date", 100, "there is no Date"}, builtin_no_date},
    {{"date-malformed", 120, "Date is no date"}, builtin_date_malformed},
    {{"date-future", 150, "Date lies more than six hours ahead"}, builtin_date_future},
    {{"date-past", 60, "Date is more than two weeks old"}, builtin_date_past},
    {{"date-zone", 150, "Date is of a time zone that does not exist"}, builtin_date_zone},
    {{"no-message-id", 100, "there is no Message-ID"}, builtin_no_message_id},
    {{"message-id-malformed", 100, "Message-ID has not the form of one"}, builtin_message_id_malformed},
    {{"message-id-ours", 150, "Message-ID names a domain of ours, but the message does not come from it"},
     builtin_message_id_ours},
    {{"no-recipient", 30, "there is neither To nor Cc, nor is it of a list"}, builtin_no_recipient},
    {{"recipient-malformed", 80, "To or Cc cannot be read"}, builtin_recipient_malformed},
    {{"recipient-not-named", 30, "no recipient of the envelope stands in To or Cc"}, builtin_recipient_not_named},
    {{"from-is-to", 180, "the author is the recipient, and nobody vouches for that"}, builtin_from_is_to},
    {{"from-digits", 60, "the author's address is mostly digits"}, builtin_from_digits},
    {{"reply-to-many", 60, "Reply-To has addresses of several free mailbox providers"}, builtin_reply_to_many},
    {{"duplicate-field", 100, "a field that may stand once stands twice"}, builtin_duplicate_field},
    {{"header-octets", 60, "the header has octets that are neither ASCII nor UTF-8"}, builtin_header_octets},
    {{"header-malformed", 80, "a line of the header is no field"}, builtin_header_malformed},
    {{"received-forged", 200, "a Received field claims to be of a host of ours, and is not"}, builtin_received_forged},
    {{"received-future", 40, "a Received field lies more than two hours ahead"}, builtin_received_future},
    {{"list-unsubscribe", -40, "one can unsubscribe by a header field"}, builtin_list_unsubscribe},
    {{"reply-to-ours", -80, "it answers a message of ours"}, builtin_reply_to_ours},
    {{"subject-missing", 20, "there is no Subject"}, builtin_subject_missing},
    {{"subject-empty", 40, "Subject is empty"}, builtin_subject_empty},
    {{"subject-capitals", 100, "Subject is in capital letters"}, builtin_subject_capitals},
    {{"subject-padding", 120, "Subject has a long gap, behind which something stands"}, builtin_subject_padding},
    {{"subject-fake-reply", 40, "Subject says that it is an answer, but it answers nothing"},
     builtin_subject_fake_reply},
    {{"subject-marks", 50, "Subject has marks of exclamation or currency in a row"}, builtin_subject_marks},
    {{"subject-spaced", 120, "Subject has a word with its letters spaced out"}, builtin_subject_spaced},
    {{"subject-mixed-scripts", 200, "a word of Subject has letters of several scripts that look alike"},
     builtin_subject_mixed_scripts},
    {{"from-name-mixed-scripts", 200, "a word of the author's name has letters of several scripts that look alike"},
     builtin_from_name_mixed_scripts},
    {{"text-mixed-scripts", 150, "words of the text have letters of several scripts that look alike"},
     builtin_text_mixed_scripts},
    {{"confusable-characters", 120, "words have characters within that nobody sees"}, builtin_confusable},
    {{"html-only", 30, "there is HTML, and no plain text beside it"}, builtin_html_only},
    {{"images-only", 120, "it says what it says in images"}, builtin_images_only},
    {{"hidden-text", 100, "more text is hidden than shown"}, builtin_hidden_text},
    {{"parts-differ", 100, "the plain text is another than that of the HTML"}, builtin_parts_differ},
    {{"html-form", 30, "the HTML has a form"}, builtin_html_form},
    {{"html-script", 50, "the HTML has a script"}, builtin_html_script},
    {{"meta-refresh", 200, "the HTML leads to another page by itself"}, builtin_meta_refresh},
    {{"html-comments", 120, "comments of HTML split words"}, builtin_html_comments},
    {{"empty", 50, "there is neither text nor attachment"}, builtin_empty},
    {{"mime-broken", 100, "encodings or structure are broken as no program does by accident"}, builtin_mime_broken},
    {{"mime-malformed", 40, "the MIME structure breaks the rules"}, builtin_mime_malformed},
    {{"cut-short", 100, "there is more in it than is looked into"}, builtin_cut_short},
    {{"base64-text", 100, "plain ASCII text is hidden in base64"}, builtin_base64_text},
    {{"bad-charset", 40, "the charset is unknown, or has not the octets that are used"}, builtin_bad_charset},
    {{"bitcoin-address", 80, "the text has an address for payments in Bitcoin"}, builtin_bitcoin},
    {{"link-short-text", 30, "next to nothing but a link"}, builtin_link_short_text},
    {{"link-obfuscated", 180, "the host of a link is written so that people cannot read it"}, builtin_link_obfuscated},
    {{"link-address", 150, "a link leads to an address instead of a name"}, builtin_link_address},
    {{"link-shortener", 80, "all links are shortened ones"}, builtin_link_shortener},
    {{"link-punycode", 40, "a link leads to a name in other than ASCII letters"}, builtin_link_punycode},
    {{"link-port", 60, "a link leads to an unusual port"}, builtin_link_port},
    {{"link-data", 150, "a link carries its page, or a program, in itself"}, builtin_link_data},
    {{"link-many-hosts", 60, "little text with links to many hosts"}, builtin_link_many_hosts},
    {{"attachment-executable", 300, "a program is attached"}, builtin_attachment_executable},
    {{"attachment-disguised", 300, "an attachment is something else than it says"}, builtin_attachment_disguised},
    {{"attachment-macros", 150, "an attached document has macros"}, builtin_attachment_macros},
    {{"attachment-encrypted", 60, "an attachment is encrypted, so that nobody can look into it"},
     builtin_attachment_encrypted},
    {{"attachment-html", 80, "an HTML page is attached"}, builtin_attachment_html},
    {{"attachment-only", 40, "an attachment with next to no text"}, builtin_attachment_only},
};

size_t builtin_test_count(void)
{
    return countof(table);
}

const struct builtin_test *builtin_test_at(size_t index)
{
    require(index < countof(table));
    return &table[index].shown;
}

const struct builtin_test *builtin_test_find(struct bytes name)
{
    for (size_t i = 0; i < countof(table); i++)
        if (bytes_is(name, table[i].shown.name))
            return &table[i].shown;
    return NULL;
}

/* ---- what all tests look at ---- */

static const char *const field_names[BUILTIN_FIELDS] = {
    "Date", "Message-ID", "Subject", "To", "Cc", "From", "Sender", "Reply-To", "In-Reply-To", "References", "List-Id",
    "List-Unsubscribe",
};

static bool read_fields(struct builtin_look *look)
{
    const struct message *message = look->message;
    for (size_t i = 0; i < message->field_count; i++)
        for (size_t j = 0; j < BUILTIN_FIELDS; j++) {
            if (!bytes_is_nocase(message->fields[i].name, field_names[j]))
                continue;
            if (look->counts[j]++ == 0)
                look->fields[j] = header_unfold(look->arena, bytes_first(message->fields[i].value, FIELD_MAX));
            if (!look->fields[j].ptr)
                look->fields[j] = BYTES(""); /* there, and empty */
        }
    return !arena_exhausted(look->arena);
}

/* False at the arena's cap; what cannot be read is none. */
static bool read_addresses(struct builtin_look *look, struct bytes field, struct address_list *out)
{
    if (!field.ptr)
        return true;
    enum result result = address_list_parse(look->arena, field, out, NULL);
    if (result == PERM)
        *out = (struct address_list){.count = 0};
    look->to_malformed |= result == PERM && bytes_trim(field).len;
    return result != TEMP;
}

static bool prepare(struct builtin_look *look)
{
    const struct readable *readable = look->readable;
    if (!read_fields(look) || !read_addresses(look, look->fields[BUILTIN_TO], &look->to) ||
        !read_addresses(look, look->fields[BUILTIN_CC], &look->cc))
        return false;
    if (look->fields[BUILTIN_DATE].ptr) {
        look->has_date = date_parse(look->fields[BUILTIN_DATE], &look->date, NULL) == OK;
        look->date_malformed = !look->has_date;
    }
    look->text = bytes_first(bytes_trim(readable->text), BUILTIN_TEXT_MAX);
    for (size_t i = 0; i < readable->link_count; i++)
        look->own_links += readable->links[i].host.len && !readable->links[i].image && !readable->links[i].form;
    return true;
}

enum result builtin_tests_examine(struct arena *arena, const struct message *message,
                                  const struct readable *readable, const struct builtin_facts *facts,
                                  struct builtin_findings *out, struct error *error)
{
    struct builtin_look look = {.arena = arena, .message = message, .readable = readable, .facts = facts};
    *out = (struct builtin_findings){.count = 0};
    out->list = arena_alloc_array(arena, countof(table), sizeof(*out->list));
    if (!out->list || !prepare(&look))
        return error_set(error, TEMP, "no memory for the built-in tests");
    for (size_t i = 0; i < countof(table); i++) {
        look.seen = BYTES("");
        if (!table[i].test(&look))
            continue;
        struct builtin_finding *finding = &out->list[out->count++];
        finding->test = &table[i].shown;
        finding->seen = rules_shown(arena, look.seen, BUILTIN_SEEN_MAX);
    }
    return arena_exhausted(arena) ? error_set(error, TEMP, "no memory for the built-in tests") : OK;
}
