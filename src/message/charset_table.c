/* SPDX-License-Identifier: BSD-2-Clause */
/* charset_table: which charsets there are, under which names, and their tables. */
#include "base/ascii.h"
#include "message/charset_private.h"

#include <iconv.h>
#include <string.h>
#include <wchar.h>

enum { HIGH = 128, NAME_MAX_OCTETS = 24 };

/* What is at 0x80 to 0x9f; the five that are not assigned are the controls of ISO 8859-1. */
static uint16_t high_windows1252[HIGH] = {
    0x20ac, 0x81,   0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x8d,   0x017d, 0x8f,   0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x9d,   0x017e, 0x0178,
    0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf,
    0xb0, 0xb1, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xbb, 0xbc, 0xbd, 0xbe, 0xbf,
    0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xcb, 0xcc, 0xcd, 0xce, 0xcf,
    0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf,
    0xe0, 0xe1, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xeb, 0xec, 0xed, 0xee, 0xef,
    0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff,
};

#define PAIRS(variable, name, lead1, lead2, trail1, trail2, digits)                                               \
    static uint16_t variable##_points[((lead2) - (lead1) + 1) * ((trail2) - (trail1) + 1)];                  \
    static struct charset_pairs variable = {name, variable##_points, lead1, lead2, trail1, trail2, false, digits}
PAIRS(gbk, "GB18030", 0x81, 0xfe, 0x40, 0xfe, true);
PAIRS(big5, "BIG5-HKSCS", 0x87, 0xfe, 0x40, 0xfe, false);
PAIRS(sjis, "CP932", 0x81, 0xfc, 0x40, 0xfc, false);
PAIRS(euc_jp, "EUC-JP-MS", 0xa1, 0xfe, 0xa1, 0xfe, false);
PAIRS(euc_kr, "CP949", 0x81, 0xfe, 0x41, 0xfe, false);
#undef PAIRS

enum {
    UTF8, WINDOWS1252, UTF16_LE, UTF16_BE, UTF7,
    GB18030, BIG5, SHIFT_JIS, EUC_JP, EUC_KR, ISO2022_JP, ISO2022_KR, HZ_GB2312,
    LATIN2, LATIN3, LATIN4, CYRILLIC, ARABIC, GREEK, HEBREW, LATIN6, LATIN7, LATIN8, LATIN9, LATIN10,
    WINDOWS874, WINDOWS1250, WINDOWS1251, WINDOWS1253, WINDOWS1254, WINDOWS1255, WINDOWS1256, WINDOWS1257,
    WINDOWS1258, KOI8_R, KOI8_U, MACINTOSH, MAC_CYRILLIC, IBM437, IBM850, IBM852, IBM855, IBM866, VISCII,
    CHARSETS
};
enum { FIRST_OF_TABLES = LATIN2 };

static uint16_t high[CHARSETS - FIRST_OF_TABLES][HIGH];

#define SINGLE(index, name) [index] = {name, CHARSET_SINGLE, NULL, high[(index) - FIRST_OF_TABLES], false}
static struct charset charsets[CHARSETS] = {
    [UTF8] = {"UTF-8", CHARSET_UTF8, NULL, NULL, true},
    [WINDOWS1252] = {"windows-1252", CHARSET_SINGLE, NULL, high_windows1252, true},
    [UTF16_LE] = {"UTF-16LE", CHARSET_UTF16_LE, NULL, NULL, true},
    [UTF16_BE] = {"UTF-16BE", CHARSET_UTF16_BE, NULL, NULL, true},
    [UTF7] = {"UTF-7", CHARSET_UTF7, NULL, NULL, true},
    [GB18030] = {"GB18030", CHARSET_DOUBLE, &gbk, NULL, false},
    [BIG5] = {"Big5", CHARSET_DOUBLE, &big5, NULL, false},
    [SHIFT_JIS] = {"Shift_JIS", CHARSET_DOUBLE, &sjis, NULL, false},
    [EUC_JP] = {"EUC-JP", CHARSET_DOUBLE, &euc_jp, NULL, false},
    [EUC_KR] = {"EUC-KR", CHARSET_DOUBLE, &euc_kr, NULL, false},
    [ISO2022_JP] = {"ISO-2022-JP", CHARSET_ISO2022_JP, &euc_jp, NULL, false},
    [ISO2022_KR] = {"ISO-2022-KR", CHARSET_ISO2022_KR, &euc_kr, NULL, false},
    [HZ_GB2312] = {"HZ-GB-2312", CHARSET_HZ, &gbk, NULL, false},
    SINGLE(LATIN2, "ISO-8859-2"), SINGLE(LATIN3, "ISO-8859-3"), SINGLE(LATIN4, "ISO-8859-4"),
    SINGLE(CYRILLIC, "ISO-8859-5"), SINGLE(ARABIC, "ISO-8859-6"), SINGLE(GREEK, "ISO-8859-7"),
    SINGLE(HEBREW, "ISO-8859-8"), SINGLE(LATIN6, "ISO-8859-10"), SINGLE(LATIN7, "ISO-8859-13"),
    SINGLE(LATIN8, "ISO-8859-14"), SINGLE(LATIN9, "ISO-8859-15"), SINGLE(LATIN10, "ISO-8859-16"),
    SINGLE(WINDOWS874, "CP874"), SINGLE(WINDOWS1250, "windows-1250"),
    SINGLE(WINDOWS1251, "windows-1251"), SINGLE(WINDOWS1253, "windows-1253"),
    SINGLE(WINDOWS1254, "windows-1254"), SINGLE(WINDOWS1255, "windows-1255"),
    SINGLE(WINDOWS1256, "windows-1256"), SINGLE(WINDOWS1257, "windows-1257"),
    SINGLE(WINDOWS1258, "windows-1258"), SINGLE(KOI8_R, "KOI8-R"), SINGLE(KOI8_U, "KOI8-U"),
    SINGLE(MACINTOSH, "MACINTOSH"), SINGLE(MAC_CYRILLIC, "MAC-CYRILLIC"), SINGLE(IBM437, "IBM437"),
    SINGLE(IBM850, "IBM850"), SINGLE(IBM852, "IBM852"), SINGLE(IBM855, "IBM855"), SINGLE(IBM866, "IBM866"),
    SINGLE(VISCII, "VISCII"),
};
#undef SINGLE

/* Names without anything that is neither letter nor digit, the usual ones first. */
static const struct {
    char name[NAME_MAX_OCTETS];
    uint8_t charset;
} names[] = {
    {"utf8", UTF8}, {"usascii", WINDOWS1252}, {"iso88591", WINDOWS1252}, {"windows1252", WINDOWS1252},
    {"ascii", WINDOWS1252}, {"cp1252", WINDOWS1252}, {"xcp1252", WINDOWS1252}, {"latin1", WINDOWS1252},
    {"l1", WINDOWS1252}, {"isolatin1", WINDOWS1252}, {"ansix341968", WINDOWS1252}, {"iso646us", WINDOWS1252},
    {"ibm819", WINDOWS1252}, {"cp819", WINDOWS1252}, {"isoir100", WINDOWS1252}, {"iso885911987", WINDOWS1252},
    {"unicode11utf8", UTF8}, {"unicode20utf8", UTF8}, {"xunicode20utf8", UTF8},
    {"utf16", UTF16_LE}, {"utf16le", UTF16_LE}, {"utf16be", UTF16_BE}, {"ucs2", UTF16_BE},
    {"iso10646ucs2", UTF16_BE}, {"unicode", UTF16_LE}, {"unicodefffe", UTF16_BE},
    {"utf7", UTF7}, {"unicode11utf7", UTF7}, {"unicode20utf7", UTF7}, {"xunicode20utf7", UTF7},
    {"gb18030", GB18030}, {"gb2312", GB18030}, {"gbk", GB18030}, {"xgbk", GB18030}, {"cp936", GB18030},
    {"ms936", GB18030}, {"windows936", GB18030}, {"euccn", GB18030}, {"chinese", GB18030}, {"csgb2312", GB18030},
    {"gb231280", GB18030}, {"isoir58", GB18030}, {"gb2312charset", GB18030}, {"csiso58gb231280", GB18030},
    {"big5", BIG5}, {"big5hkscs", BIG5}, {"xxbig5", BIG5}, {"cnbig5", BIG5}, {"csbig5", BIG5}, {"cp950", BIG5},
    {"big5eten", BIG5}, {"windows950", BIG5},
    {"shiftjis", SHIFT_JIS}, {"sjis", SHIFT_JIS}, {"xsjis", SHIFT_JIS}, {"mskanji", SHIFT_JIS},
    {"windows31j", SHIFT_JIS}, {"cp932", SHIFT_JIS}, {"ms932", SHIFT_JIS}, {"csshiftjis", SHIFT_JIS},
    {"eucjp", EUC_JP}, {"xeucjp", EUC_JP}, {"ujis", EUC_JP}, {"xeuc", EUC_JP}, {"cp51932", EUC_JP},
    {"cseucpkdfmtjapanese", EUC_JP},
    {"euckr", EUC_KR}, {"ksc56011987", EUC_KR}, {"ksc5601", EUC_KR}, {"ksx1001", EUC_KR}, {"korean", EUC_KR},
    {"windows949", EUC_KR}, {"cp949", EUC_KR}, {"uhc", EUC_KR}, {"cseuckr", EUC_KR}, {"isoir149", EUC_KR},
    {"ksc56011989", EUC_KR}, {"5601", EUC_KR},
    {"iso2022jp", ISO2022_JP}, {"csiso2022jp", ISO2022_JP}, {"iso2022jpms", ISO2022_JP}, {"cp50220", ISO2022_JP},
    {"cp50221", ISO2022_JP}, {"cp50222", ISO2022_JP}, {"iso2022jp1", ISO2022_JP}, {"iso2022jp2", ISO2022_JP},
    {"iso2022kr", ISO2022_KR}, {"csiso2022kr", ISO2022_KR}, {"hzgb2312", HZ_GB2312}, {"hz", HZ_GB2312},
    {"iso88592", LATIN2}, {"latin2", LATIN2}, {"l2", LATIN2}, {"isolatin2", LATIN2}, {"csisolatin2", LATIN2},
    {"iso88593", LATIN3}, {"latin3", LATIN3}, {"iso88594", LATIN4}, {"latin4", LATIN4},
    {"iso88595", CYRILLIC}, {"cyrillic", CYRILLIC}, {"isoir111", KOI8_R},
    {"iso88596", ARABIC}, {"arabic", ARABIC}, {"asmo708", ARABIC}, {"iso88596i", ARABIC}, {"iso88596e", ARABIC},
    {"iso88597", GREEK}, {"greek", GREEK}, {"greek8", GREEK}, {"ecma118", GREEK}, {"elot928", GREEK},
    {"iso88598", HEBREW}, {"iso88598i", HEBREW}, {"iso88598e", HEBREW}, {"hebrew", HEBREW}, {"logical", HEBREW},
    {"visual", HEBREW},
    {"iso88599", WINDOWS1254}, {"latin5", WINDOWS1254}, {"turkish", WINDOWS1254}, {"l5", WINDOWS1254},
    {"iso885910", LATIN6}, {"latin6", LATIN6}, {"iso885913", LATIN7}, {"latin7", LATIN7},
    {"iso885914", LATIN8}, {"latin8", LATIN8}, {"iso885915", LATIN9}, {"latin9", LATIN9}, {"l9", LATIN9},
    {"latin0", LATIN9}, {"iso885916", LATIN10}, {"latin10", LATIN10},
    {"iso885911", WINDOWS874}, {"tis620", WINDOWS874}, {"windows874", WINDOWS874}, {"cp874", WINDOWS874},
    {"dos874", WINDOWS874}, {"tis62025331", WINDOWS874},
    {"windows1250", WINDOWS1250}, {"cp1250", WINDOWS1250}, {"xcp1250", WINDOWS1250},
    {"windows1251", WINDOWS1251}, {"cp1251", WINDOWS1251}, {"xcp1251", WINDOWS1251}, {"win1251", WINDOWS1251},
    {"windows1253", WINDOWS1253}, {"cp1253", WINDOWS1253}, {"windows1254", WINDOWS1254},
    {"cp1254", WINDOWS1254}, {"windows1255", WINDOWS1255}, {"cp1255", WINDOWS1255},
    {"windows1256", WINDOWS1256}, {"cp1256", WINDOWS1256}, {"windows1257", WINDOWS1257},
    {"cp1257", WINDOWS1257}, {"windows1258", WINDOWS1258}, {"cp1258", WINDOWS1258},
    {"koi8r", KOI8_R}, {"koi8", KOI8_R}, {"koi", KOI8_R}, {"cskoi8r", KOI8_R}, {"koi8u", KOI8_U}, {"koi8ru", KOI8_U},
    {"macintosh", MACINTOSH}, {"mac", MACINTOSH}, {"macroman", MACINTOSH}, {"xmacroman", MACINTOSH},
    {"xmaccyrillic", MAC_CYRILLIC}, {"maccyrillic", MAC_CYRILLIC},
    {"ibm437", IBM437}, {"cp437", IBM437}, {"437", IBM437}, {"ibm850", IBM850}, {"cp850", IBM850}, {"850", IBM850},
    {"ibm852", IBM852}, {"cp852", IBM852}, {"ibm855", IBM855}, {"cp855", IBM855}, {"ibm866", IBM866},
    {"cp866", IBM866}, {"866", IBM866}, {"viscii", VISCII},
};

struct charset *charset_all(size_t *count)
{
    *count = CHARSETS;
    return charsets;
}

struct charset *charset_windows1252(void)
{
    return &charsets[WINDOWS1252];
}

struct charset *charset_utf8(void)
{
    return &charsets[UTF8];
}

const struct charset *charset_find(struct bytes name)
{
    char plain[NAME_MAX_OCTETS] = {0};
    size_t length = 0;
    for (size_t i = 0; i < name.len; i++) {
        if (!ascii_is_alnum(name.ptr[i]))
            continue;
        if (length == sizeof(plain) - 1)
            return NULL;
        plain[length++] = (char)ascii_lower(name.ptr[i]);
    }
    for (size_t i = 0; i < countof(names); i++)
        if (plain[0] == names[i].name[0] && memcmp(plain, names[i].name, sizeof(plain)) == 0)
            return charsets[names[i].charset].ready ? &charsets[names[i].charset] : NULL;
    return NULL;
}

/* --- Drawing the tables ----------------------------------------------------------------------- */

enum { COMBINING_FIRST = 0x300, COMBINING_LAST = 0x36f, ROW_MAX = 256 };

/* The one character that the octets are; CHARSET_NO_CHARACTER if they are none, or two. */
static uint16_t draw(iconv_t converter, const uint8_t *octets, size_t count)
{
    char in[2] = {(char)octets[0], count > 1 ? (char)octets[1] : 0}, *from = in;
    wchar_t out[4] = {0};
    char *to = (char *)out;
    size_t in_left = count, out_left = sizeof(out);
    iconv(converter, NULL, NULL, NULL, NULL);
    if (iconv(converter, &from, &in_left, &to, &out_left) == (size_t)-1 || in_left)
        return CHARSET_NO_CHARACTER;
    iconv(converter, NULL, NULL, &to, &out_left); /* what waits for a combining character */
    size_t characters = (sizeof(out) - out_left) / sizeof(wchar_t);
    if (characters == 0 || out[0] == 0)
        return CHARSET_NO_CHARACTER;
    if (characters > 1 && (out[1] < COMBINING_FIRST || out[1] > COMBINING_LAST))
        return CHARSET_NO_CHARACTER;
    return characters > 1 || out[0] > 0xffff ? CHARSET_REPLACEMENT : (uint16_t)out[0];
}

static void draw_single(struct charset *charset)
{
    iconv_t converter = iconv_open("WCHAR_T", charset->name);
    if (converter == (iconv_t)-1) /* NOLINT(performance-no-int-to-ptr): POSIX says so */
        return;
    for (unsigned i = 0; i < HIGH; i++)
        charset->high[i] = draw(converter, &(uint8_t){(uint8_t)(HIGH + i)}, 1);
    iconv_close(converter);
    charset->ready = true;
}

/* All pairs with that lead in as few calls as there are gaps. False where not each pair gave one character. */
static bool draw_row(iconv_t converter, const struct charset_pairs *pairs, uint8_t lead, uint16_t *points)
{
    size_t count = (size_t)pairs->last_trail - pairs->first_trail + 1;
    char in[2 * ROW_MAX];
    wchar_t out[2 * ROW_MAX];
    for (size_t i = 0; i < count; i++) {
        in[2 * i] = (char)lead;
        in[2 * i + 1] = (char)(pairs->first_trail + i);
        points[i] = CHARSET_NO_CHARACTER;
    }
    for (size_t i = 0; i < count; i++) { /* past the pair that is none */
        char *from = in + 2 * i, *to = (char *)out;
        size_t in_left = 2 * (count - i), out_left = sizeof(out);
        iconv(converter, NULL, NULL, NULL, NULL);
        iconv(converter, &from, &in_left, &to, &out_left);
        iconv(converter, NULL, NULL, &to, &out_left);
        size_t taken = count - i - in_left / 2, characters = (sizeof(out) - out_left) / sizeof(wchar_t);
        if (in_left % 2 || characters != taken)
            return false;
        for (size_t at = 0; at < taken; at++, i++)
            points[i] = out[at] > 0xffff ? CHARSET_REPLACEMENT : (uint16_t)out[at];
    }
    return true;
}

static void draw_pairs(struct charset_pairs *pairs)
{
    iconv_t converter = iconv_open("WCHAR_T", pairs->source);
    size_t count = (size_t)pairs->last_trail - pairs->first_trail + 1;
    uint16_t *row = pairs->points;
    if (converter == (iconv_t)-1) /* NOLINT(performance-no-int-to-ptr): POSIX says so */
        return;
    for (unsigned lead = pairs->first_lead; lead <= pairs->last_lead; lead++, row += count)
        for (size_t i = draw_row(converter, pairs, (uint8_t)lead, row) ? count : 0; i < count; i++)
            row[i] = draw(converter, (uint8_t[]){(uint8_t)lead, (uint8_t)(pairs->first_trail + i)}, 2);
    iconv_close(converter);
    pairs->ready = true;
}

void charset_prepare(void)
{
    for (size_t i = 0; i < CHARSETS; i++) {
        struct charset *charset = &charsets[i];
        if (charset->ready)
            continue;
        if (charset->pairs && !charset->pairs->ready)
            draw_pairs(charset->pairs);
        if (charset->pairs)
            charset->ready = charset->pairs->ready;
        else
            draw_single(charset);
    }
}
