/* SPDX-License-Identifier: BSD-2-Clause */
/* A client's name. Input: a line with its address, then the name. */
#include "base/ascii.h"
#include "base/domain.h"
#include "reputation/rdns.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes name = bytes_from(size ? data : (const uint8_t *)"", size), line;
    struct ip ip = {0};
    char why[RDNS_WHY_SIZE], upper_why[RDNS_WHY_SIZE];
    struct rdns_result result;
    if (bytes_split(&name, '\n', &line) && !ip_parse(line, &ip))
        ip = (struct ip){0};
    name = name.ptr ? name : BYTES("");
    bool generic = rdns_is_generic(&ip, name, why);
    require(generic == (why[0] != 0) && strlen(why) < RDNS_WHY_SIZE);
    for (size_t i = 0; why[i]; i++)
        require(ascii_is_print((uint8_t)why[i]));
    require(!generic || domain_is_valid(domain_strip_dot(name)));
    /* Names compare without case. */
    uint8_t upper[RDNS_NAME_MAX + 1];
    if (name.len <= sizeof(upper)) {
        for (size_t i = 0; i < name.len; i++)
            upper[i] = ascii_upper(name.ptr[i]);
        require(rdns_is_generic(&ip, bytes_from(upper, name.len), upper_why) == generic);
        require(strcmp(why, upper_why) == 0);
    }
    rdns_classify(&ip, AUTH_PASS, name, &result);
    require(result.class == (generic ? RDNS_GENERIC : RDNS_CONFIRMED));
    return 0;
}
