/* SPDX-License-Identifier: BSD-2-Clause */
#include "filter/confusable.h"

#include "base/ascii.h"
#include "base/utf8.h"
#include "filter/confusable_table.h"

#include <string.h>

enum { LABEL_MAX = 63, WORD_LETTERS_MIN = 4 };

/* ---- one character ---- */

/* The tables are our own, so that the first octet says enough. */
static const char *find_twin(const struct confusable_twins *table, size_t count, struct bytes character)
{
    for (size_t i = 0; i < count; i++)
        for (const char *like = table[i].like; *like;) {
            uint8_t first = (uint8_t)*like;
            size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
            if (length == character.len && !memcmp(like, character.ptr, length))
                return table[i].plain;
            like += length;
        }
    return NULL;
}

/* Letters that Unicode has again in other forms: fullwidth, and the alphabets of mathematics, which are all 26
 * capitals and 26 small ones behind each other, and five sets of ten digits. */
static int plain_of_form(uint32_t point)
{
    if (point >= 0xff01 && point <= 0xff5e)
        return (int)(point - 0xff01 + '!');
    if (point >= 0x1d400 && point <= 0x1d6a3) {
        uint32_t letter = (point - 0x1d400) % 52;
        return (int)(letter < 26 ? letter + 'a' : letter - 26 + 'a');
    }
    if (point >= 0x1d7ce && point <= 0x1d7ff)
        return (int)((point - 0x1d7ce) % 10 + '0');
    if (point >= 0x24b6 && point <= 0x24e9) /* in circles */
        return (int)((point - 0x24b6) % 26 + 'a');
    return -1;
}

static bool is_unseen(uint32_t point)
{
    return point == 0xad || (point >= 0x200b && point <= 0x200f) || (point >= 0x202a && point <= 0x202e) ||
           (point >= 0x2060 && point <= 0x2064) || (point >= 0x300 && point <= 0x36f) || point == 0xfeff ||
           (point >= 0xfe00 && point <= 0xfe0f);
}

static uint8_t plain_ascii(uint8_t c)
{
    switch (c) {
    case '0':
        return 'o';
    case '1':
    case '|':
    case '!':
        return 'l';
    case '3':
        return 'e';
    case '5':
    case '$':
        return 's';
    case '@':
    case '4':
        return 'a';
    default:
        return ascii_lower(c);
    }
}

/* ---- skeletons ---- */

static void add(struct skeleton *out, uint8_t c)
{
    static const struct { char first, second, like; } pairs[] = {
        {'r', 'n', 'm'}, {'v', 'v', 'w'}, {'c', 'l', 'd'}, {'n', 'n', 'm'}};
    for (size_t i = 0; out->len && i < countof(pairs); i++)
        if (c == pairs[i].second && out->octets[out->len - 1] == pairs[i].first) {
            out->octets[out->len - 1] = (uint8_t)pairs[i].like;
            return;
        }
    if (out->len < CONFUSABLE_MAX)
        out->octets[out->len++] = c;
}

static void add_all(struct skeleton *out, struct bytes octets)
{
    for (size_t i = 0; i < octets.len; i++)
        add(out, octets.ptr[i]);
}

void confusable_skeleton(struct bytes text, struct skeleton *out)
{
    out->len = 0;
    while (text.len && out->len < CONFUSABLE_MAX) {
        size_t length = utf8_sequence(text);
        struct bytes character = bytes_first(text, length ? length : 1);
        text = bytes_skip(text, character.len);
        if (length < 2) {
            add(out, plain_ascii(character.ptr[0]));
            continue;
        }
        uint32_t point = utf8_code_point(character);
        int form = plain_of_form(point);
        const char *twin = NULL;
        if (form < 0 && !is_unseen(point))
            twin = find_twin(foreign_twins, countof(foreign_twins), character);
        if (form < 0 && !twin && !is_unseen(point))
            twin = find_twin(accented, countof(accented), character);
        if (form >= 0)
            add(out, plain_ascii((uint8_t)form));
        else if (twin)
            add_all(out, bytes_of(twin));
        else if (!is_unseen(point))
            add_all(out, character);
    }
}

/* ---- A-labels ---- */

/* rfc3492:5 and 6.1 */
enum { BASE = 36, TMIN = 1, TMAX = 26, SKEW = 38, DAMP = 700, INITIAL_BIAS = 72, INITIAL_N = 128 };

static uint32_t adapt(uint32_t delta, uint32_t points, bool first)
{
    uint32_t k = 0;
    delta = first ? delta / DAMP : delta / 2;
    delta += delta / points;
    for (; delta > (BASE - TMIN) * TMAX / 2; k += BASE)
        delta /= BASE - TMIN;
    return k + (BASE - TMIN + 1) * delta / (delta + SKEW);
}

static int digit_of(uint8_t c)
{
    return ascii_is_digit(c) ? c - '0' + 26 : ascii_is_alpha(c) ? ascii_lower(c) - 'a' : -1;
}

/* The generalized integer at *at, or UINT32_MAX. */
static uint32_t read_delta(struct bytes label, size_t *at, uint32_t bias)
{
    uint32_t delta = 0, weight = 1;
    for (uint32_t k = BASE;; k += BASE) {
        int digit = *at < label.len ? digit_of(label.ptr[(*at)++]) : -1;
        uint32_t threshold = k <= bias ? TMIN : k >= bias + TMAX ? TMAX : k - bias;
        if (digit < 0 || (uint32_t)digit > (UINT32_MAX / 2 - delta) / weight)
            return UINT32_MAX;
        delta += (uint32_t)digit * weight;
        if ((uint32_t)digit < threshold)
            return delta;
        if (weight > UINT32_MAX / 2 / (BASE - threshold))
            return UINT32_MAX;
        weight *= BASE - threshold;
    }
}

/* rfc3492:6.2; `label` without "xn--". How many characters, 0 if it is none. */
static size_t decode_label(struct bytes label, uint32_t points[LABEL_MAX])
{
    size_t dash = bytes_rfind_byte(label, '-'), count = 0, at = 0;
    uint32_t n = INITIAL_N, i = 0, bias = INITIAL_BIAS;
    if (label.len > LABEL_MAX)
        return 0;
    for (; dash != BYTES_NOT_FOUND && count < dash; count++)
        points[count] = ascii_lower(label.ptr[count]);
    at = dash == BYTES_NOT_FOUND ? 0 : dash + 1;
    while (at < label.len) {
        uint32_t delta = read_delta(label, &at, bias), places = (uint32_t)count + 1;
        if (delta == UINT32_MAX || count == LABEL_MAX || delta > UINT32_MAX - i)
            return 0;
        bias = adapt(delta, places, i == 0 && count == (dash == BYTES_NOT_FOUND ? 0 : dash));
        i += delta;
        if (i / places > 0x10ffff - n)
            return 0;
        n += i / places;
        i %= places;
        if (n >= 0xd800 && n <= 0xdfff)
            return 0;
        memmove(&points[i + 1], &points[i], (count - i) * sizeof(*points));
        points[i++] = n;
        count++;
    }
    return count;
}

bool confusable_to_unicode(struct arena *arena, struct bytes domain, struct bytes *out)
{
    struct bytes rest = domain, label;
    *out = domain;
    if (bytes_find_nocase(domain, BYTES("xn--")) == BYTES_NOT_FOUND)
        return true;
    uint8_t *text = arena_alloc(arena, 4 * domain.len + 1);
    size_t used = 0;
    if (!text)
        return false;
    while (bytes_split(&rest, '.', &label)) {
        uint32_t points[LABEL_MAX];
        size_t count = bytes_starts_with_nocase(label, BYTES("xn--")) ? decode_label(bytes_skip(label, 4), points) : 0;
        if (used)
            text[used++] = '.';
        for (size_t i = 0; i < count; i++)
            used += utf8_encode(points[i], text + used);
        if (!count && label.len)
            memcpy(text + used, label.ptr, label.len);
        used += count ? 0 : label.len;
    }
    *out = bytes_from(text, used);
    return true;
}

/* ---- nearness ---- */

bool confusable_within_one(struct bytes a, struct bytes b)
{
    if (a.len > b.len) {
        struct bytes longer = a;
        a = b;
        b = longer;
    }
    if (b.len - a.len > 1)
        return false;
    size_t head = 0, tail = 0;
    while (head < a.len && a.ptr[head] == b.ptr[head])
        head++;
    while (tail < a.len - head && a.ptr[a.len - 1 - tail] == b.ptr[b.len - 1 - tail])
        tail++;
    size_t differ = a.len - head - tail; /* of the shorter one */
    if (a.len != b.len)
        return differ == 0;
    return differ < 2 ||
           (differ == 2 && a.ptr[head] == b.ptr[head + 1] && a.ptr[head + 1] == b.ptr[head]);
}

/* ---- scripts ---- */

enum script { SCRIPT_NONE = 0, SCRIPT_LATIN = 1, SCRIPT_CYRILLIC = 2, SCRIPT_GREEK = 4, SCRIPT_ARMENIAN = 8,
              SCRIPT_OTHER = 16 };

static enum script script_of(uint32_t point)
{
    if (point < 0x80)
        return ascii_is_alpha((uint8_t)point) ? SCRIPT_LATIN : SCRIPT_NONE;
    if (point == 0xb5 || point == 0x2126 || point == 0xd7 || point == 0xf7) /* micro, ohm and signs of sums */
        return SCRIPT_NONE;
    if ((point >= 0xc0 && point <= 0x24f) || (point >= 0x1e00 && point <= 0x1eff))
        return SCRIPT_LATIN;
    if (point >= 0x370 && point <= 0x3ff)
        return SCRIPT_GREEK;
    if (point >= 0x400 && point <= 0x52f)
        return SCRIPT_CYRILLIC;
    if (point >= 0x531 && point <= 0x58f)
        return SCRIPT_ARMENIAN;
    /* What follows up to the general punctuation, and most of what is beyond the symbols, are letters. */
    return (point >= 0x590 && point < 0x2000) || (point >= 0x2e80 && point < 0xfe00) ? SCRIPT_OTHER : SCRIPT_NONE;
}

struct word_letters {
    size_t length; /* octets */
    size_t letters;
    unsigned scripts;
};

/* The word at the start of the text: letters, and the unseen characters among them. */
static struct word_letters read_letters(struct bytes text)
{
    struct word_letters word = {.length = 0};
    while (word.length < text.len) {
        struct bytes rest = bytes_skip(text, word.length);
        size_t length = utf8_sequence(rest);
        uint32_t point = length ? utf8_code_point(bytes_first(rest, length)) : 0;
        enum script script = length ? script_of(point) : SCRIPT_NONE;
        if (script == SCRIPT_NONE && !is_unseen(point))
            break;
        word.scripts |= script;
        word.letters += script != SCRIPT_NONE;
        word.length += length;
    }
    return word;
}

/* Whether all that is not Latin in a word looks it. */
static bool looks_latin(struct bytes word)
{
    while (word.len) {
        size_t length = utf8_sequence(word);
        struct bytes character = bytes_first(word, length);
        enum script script = script_of(utf8_code_point(character));
        if (script != SCRIPT_LATIN && script != SCRIPT_NONE &&
            !find_twin(foreign_twins, countof(foreign_twins), character))
            return false;
        word = bytes_skip(word, length);
    }
    return true;
}

bool confusable_mixed_word(struct bytes text, size_t *position, struct bytes *word)
{
    while (*position < text.len) {
        struct bytes rest = bytes_skip(text, *position);
        struct word_letters letters = read_letters(rest);
        if (!letters.length) {
            size_t length = utf8_sequence(rest);
            *position += length ? length : 1;
            continue;
        }
        *position += letters.length;
        bool mixed = (letters.scripts & SCRIPT_LATIN) && (letters.scripts & ~SCRIPT_LATIN & ~SCRIPT_OTHER);
        *word = bytes_first(rest, letters.length);
        if (mixed && letters.letters >= WORD_LETTERS_MIN && looks_latin(*word))
            return true;
    }
    return false;
}

bool confusable_mixes_scripts(struct bytes label)
{
    unsigned seen = 0;
    while (label.len) {
        size_t length = utf8_sequence(label);
        if (length)
            seen |= script_of(utf8_code_point(bytes_first(label, length)));
        label = bytes_skip(label, length ? length : 1);
    }
    seen &= SCRIPT_LATIN | SCRIPT_CYRILLIC | SCRIPT_GREEK | SCRIPT_ARMENIAN;
    return seen & (seen - 1);
}
