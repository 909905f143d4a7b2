/* SPDX-License-Identifier: BSD-2-Clause */
/* builtin_tests_subject: tests of Subject, and of words that are not what they look like. */
#include "filter/builtin_tests_private.h"
#include "filter/confusable.h"

#include "base/ascii.h"
#include "base/utf8.h"

enum {
    SUBJECT_MAX = 1000,
    CAPITALS_MIN = 12,   /* letters of a Subject that can shout */
    GAP_MIN = 8,         /* blanks that hide what is behind them */
    MARKS_MIN = 3,
    SPACED_MIN = 5,      /* single letters, one blank between any two */
    MIXED_WORDS_MIN = 2  /* of a text; one may be a slip of the keyboard */
};

static struct bytes subject(const struct builtin_look *look)
{
    return bytes_first(look->readable->subject, SUBJECT_MAX);
}

bool builtin_subject_missing(struct builtin_look *look)
{
    return !look->counts[BUILTIN_SUBJECT];
}

bool builtin_subject_empty(struct builtin_look *look)
{
    return look->counts[BUILTIN_SUBJECT] && !bytes_trim(subject(look)).len;
}

/* Letters of ASCII: other scripts have no capitals, or their own customs. Several words, since one may be a name. */
bool builtin_subject_capitals(struct builtin_look *look)
{
    struct bytes text = subject(look);
    size_t upper = 0, lower = 0, words = 0;
    for (size_t i = 0; i < text.len; i++) {
        bool letter = ascii_is_alpha(text.ptr[i]);
        upper += ascii_is_upper(text.ptr[i]);
        lower += ascii_is_lower(text.ptr[i]) || text.ptr[i] >= 0x80;
        words += letter && (i == 0 || !ascii_is_alpha(text.ptr[i - 1]));
    }
    look->seen = text;
    return upper >= CAPITALS_MIN && words >= 3 && upper > 9 * lower;
}

bool builtin_subject_padding(struct builtin_look *look)
{
    struct bytes text = bytes_trim(subject(look));
    size_t blanks = 0;
    look->seen = text;
    for (size_t i = 0; i < text.len; i++) {
        blanks = ascii_is_space(text.ptr[i]) ? blanks + 1 : 0;
        if (blanks == GAP_MIN)
            return true;
    }
    return false;
}

bool builtin_subject_fake_reply(struct builtin_look *look)
{
    /* What programs write before a Subject when they answer, in several languages. */
    static const char *const marks[] = {"re:", "aw:", "sv:", "antw:", "odp:", "vs:", "rif:", "re[2]:"};
    struct bytes text = bytes_trim(subject(look));
    look->seen = text;
    /* Some servers keep the thread in a field of their own. */
    if (look->counts[BUILTIN_REFERENCES] || look->counts[BUILTIN_IN_REPLY_TO] ||
        message_field(look->message, "Thread-Index", 0))
        return false;
    for (size_t i = 0; i < countof(marks); i++)
        if (bytes_starts_with_nocase(text, bytes_of(marks[i])))
            return true;
    return false;
}

bool builtin_subject_marks(struct builtin_look *look)
{
    struct bytes text = subject(look);
    size_t row = 0;
    look->seen = text;
    for (size_t i = 0; i < text.len; i++) {
        row = text.ptr[i] == '!' || text.ptr[i] == '$' ? row + 1 : 0;
        if (row == MARKS_MIN)
            return true;
    }
    return false;
}

/* "V I A G R A", "f.r.e.e" is left: abbreviations look so. */
bool builtin_subject_spaced(struct builtin_look *look)
{
    struct bytes text = subject(look);
    size_t row = 0;
    look->seen = text;
    for (size_t i = 0; i < text.len; i++) {
        bool alone = ascii_is_alpha(text.ptr[i]) && (i == 0 || text.ptr[i - 1] == ' ') &&
                     (i + 1 == text.len || text.ptr[i + 1] == ' ');
        if (alone)
            row++;
        else if (text.ptr[i] != ' ' || (i > 0 && text.ptr[i - 1] == ' '))
            row = 0;
        if (row == SPACED_MIN)
            return true;
    }
    return false;
}

/* ---- words of several scripts ---- */

static bool has_mixed(struct builtin_look *look, struct bytes text, size_t least)
{
    size_t position = 0, found = 0;
    struct bytes word;
    while (found < least && confusable_mixed_word(text, &position, &word)) {
        look->seen = word;
        found++;
    }
    return found == least;
}

bool builtin_subject_mixed_scripts(struct builtin_look *look)
{
    return has_mixed(look, subject(look), 1);
}

bool builtin_from_name_mixed_scripts(struct builtin_look *look)
{
    return has_mixed(look, bytes_first(look->readable->from_name, SUBJECT_MAX), 1);
}

bool builtin_text_mixed_scripts(struct builtin_look *look)
{
    return !utf8_is_ascii(look->text) && has_mixed(look, look->text, MIXED_WORDS_MIN);
}
