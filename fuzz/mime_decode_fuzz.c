/* SPDX-License-Identifier: BSD-2-Clause */
/* Transfer decoding: in pieces it gives the same as at once. The first octet chooses encoding and size of
 * the pieces. */
#include "message/mime_decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode(enum mime_encoding encoding, struct bytes in, size_t piece, struct buf *out)
{
    struct mime_decoder decoder = mime_decoder_for(encoding);
    buf_init(out, in.len + 16);
    for (size_t at = 0; at < in.len; at += piece)
        mime_decode(&decoder, bytes_slice(in, at, at + piece), out);
    mime_decode_end(&decoder, out);
    require(!out->failed && out->len <= in.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf whole, pieces;
    if (size < 2)
        return 0;
    enum mime_encoding encoding = data[0] % 4;
    struct bytes in = bytes_from(data + 1, size - 1);
    decode(encoding, in, in.len, &whole);
    decode(encoding, in, data[0] / 4 + 1, &pieces);
    require(bytes_equal(buf_bytes(&whole), buf_bytes(&pieces)));
    buf_free(&whole);
    buf_free(&pieces);
    return 0;
}
