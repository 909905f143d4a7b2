/* SPDX-License-Identifier: BSD-2-Clause */
/* PROXY headers. A prefix of what is good wants more; the header that is good ends where it says.
 */
#include "smtp/proxy.h"

#include <stdlib.h>

static void check(bool condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct smtp_proxy proxy, again;
    struct bytes input = bytes_from(data, size);
    enum smtp_proxy_result result = smtp_proxy_parse(input, &proxy);
    if (result == SMTP_PROXY_MORE)
        check(size < SMTP_PROXY_MAX && smtp_proxy_wanted(input) >= 1);
    if (result != SMTP_PROXY_OK)
        return 0;
    check(proxy.length <= size && proxy.length <= SMTP_PROXY_MAX);
    if (!proxy.local)
        check(proxy.source.family && proxy.destination.family);
    else
        check(!proxy.source.family);
    size_t at = 0;
    while (at < proxy.length) {
        struct bytes part = bytes_first(input, at);
        check(smtp_proxy_parse(part, &again) == SMTP_PROXY_MORE);
        size_t wanted = smtp_proxy_wanted(part);
        check(wanted >= 1 && wanted <= proxy.length - at);
        at += wanted;
    }
    check(smtp_proxy_parse(bytes_first(input, at), &again) == SMTP_PROXY_OK);
    return 0;
}
