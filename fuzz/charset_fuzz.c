/* SPDX-License-Identifier: BSD-2-Clause */
/* A label up to the first NUL, and octets: what comes of them is UTF-8 and of bounded length. */
#include "base/utf8.h"
#include "message/charset.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    charset_prepare();
    return 0;
}

static void decode(const struct charset *charset, struct bytes text)
{
    struct buf out, again;
    buf_init(&out, 3 * text.len + 16);
    buf_init(&again, 3 * text.len + 16);
    bool clean = charset_decode(charset, text, &out);
    require(!out.failed && utf8_is_valid(buf_bytes(&out)));
    require(charset_decode(charset, text, &again) == clean);
    require(bytes_equal(buf_bytes(&out), buf_bytes(&again)));
    if (charset_is_transparent(charset) && utf8_is_ascii(text))
        require(clean && bytes_equal(buf_bytes(&out), text));
    buf_free(&out);
    buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = bytes_from(size ? data : (const uint8_t *)"", size);
    size_t end = bytes_find_byte(input, 0);
    const struct charset *charset = charset_find(bytes_first(input, end));
    struct bytes text = end == BYTES_NOT_FOUND ? input : bytes_skip(input, end + 1);
    if (charset)
        decode(charset, text);
    decode(charset_guess(text), text);
    return 0;
}
