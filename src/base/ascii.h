/* SPDX-License-Identifier: BSD-2-Clause */
/* ascii: character classes that do not depend on the locale. Octets above 127 are in none. */
#ifndef VOUCH_BASE_ASCII_H
#define VOUCH_BASE_ASCII_H

#include <stdbool.h>
#include <stdint.h>

static inline bool ascii_is_digit(uint8_t c) { return c >= '0' && c <= '9'; }
static inline bool ascii_is_upper(uint8_t c) { return c >= 'A' && c <= 'Z'; }
static inline bool ascii_is_lower(uint8_t c) { return c >= 'a' && c <= 'z'; }
static inline bool ascii_is_alpha(uint8_t c) { return ascii_is_lower(c | 0x20) && c < 0x80; }
static inline bool ascii_is_alnum(uint8_t c) { return ascii_is_alpha(c) || ascii_is_digit(c); }
static inline bool ascii_is_print(uint8_t c) { return c >= 0x20 && c < 0x7f; }
static inline bool ascii_is_graph(uint8_t c) { return c > 0x20 && c < 0x7f; }
static inline bool ascii_is_control(uint8_t c) { return c < 0x20 || c == 0x7f; }
/* SP, HTAB: WSP of RFC 5234. */
static inline bool ascii_is_wsp(uint8_t c) { return c == ' ' || c == '\t'; }
/* WSP and the line ends of folded text. */
static inline bool ascii_is_space(uint8_t c) { return ascii_is_wsp(c) || c == '\r' || c == '\n'; }
static inline uint8_t ascii_lower(uint8_t c) { return ascii_is_upper(c) ? (uint8_t)(c | 0x20) : c; }
static inline uint8_t ascii_upper(uint8_t c) { return ascii_is_lower(c) ? (uint8_t)(c & ~0x20) : c; }
/* The value of a hexadecimal digit, or -1. */
static inline int ascii_hex_value(uint8_t c)
{
    if (ascii_is_digit(c))
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

#endif
