/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/spf_term.h"

/* No network of one owner is larger: so few bits are not his (IPv4, IPv6). */
enum { BITS_V4 = 8, BITS_V6 = 16 };

static bool has_few_bits(struct bytes term, uint64_t least)
{
    size_t slash = bytes_rfind_byte(term, '/');
    uint64_t bits;
    return slash != BYTES_NOT_FOUND && bytes_to_uint(bytes_skip(term, slash + 1), 128, &bits) && bits < least;
}

bool spf_term_is_everybody(struct bytes term)
{
    if (term.len && term.ptr[0] == '+')
        term = bytes_skip(term, 1);
    if (bytes_equal_nocase(term, BYTES("all")))
        return true;
    if (bytes_starts_with_nocase(term, BYTES("ip4:")))
        return has_few_bits(term, BITS_V4);
    return bytes_starts_with_nocase(term, BYTES("ip6:")) && has_few_bits(term, BITS_V6);
}
