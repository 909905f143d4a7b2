/* SPDX-License-Identifier: BSD-2-Clause */
/* builtin_tests_links: tests of where links lead. */
#include "filter/builtin_tests_private.h"
#include "filter/phishing_hosts.h"

#include "base/ascii.h"
#include "base/domain.h"
#include "base/ip.h"

enum {
    LITTLE_TEXT = 160,    /* octets beside a link */
    SOME_TEXT = 500,
    MANY_HOSTS = 8,
    HOSTS_MAX = 64
};

static bool has_link(struct builtin_look *look, bool (*is)(const struct readable_link *))
{
    const struct readable *readable = look->readable;
    for (size_t i = 0; i < readable->link_count; i++)
        if (is(&readable->links[i])) {
            look->seen = readable->links[i].url;
            return true;
        }
    return false;
}

bool builtin_link_short_text(struct builtin_look *look)
{
    return look->own_links >= 1 && look->own_links <= 2 && look->text.len <= LITTLE_TEXT &&
           !look->readable->attachment_count && !look->counts[BUILTIN_REFERENCES];
}

static bool is_obfuscated(const struct readable_link *link)
{
    return link->obfuscated;
}

bool builtin_link_obfuscated(struct builtin_look *look)
{
    return has_link(look, is_obfuscated);
}

/* Machines of one's own network are spoken of by address. */
static bool is_private(const struct ip *ip)
{
    static const char *const networks[] = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8",
                                           "169.254.0.0/16", "fc00::/7", "fe80::/10", "::1/128"};
    for (size_t i = 0; i < countof(networks); i++) {
        struct ip_network network;
        if (ip_network_parse(bytes_of(networks[i]), &network) && ip_in_network(ip, &network))
            return true;
    }
    return false;
}

static bool is_address(const struct readable_link *link)
{
    struct ip ip;
    struct bytes host = link->host;
    if (host.len > 2 && host.ptr[0] == '[')
        host = bytes_slice(host, 1, host.len - 1);
    if (!host.len || !(ascii_is_digit(host.ptr[0]) || link->host.ptr[0] == '['))
        return false;
    return ip_parse(host, &ip) && !is_private(&ip);
}

bool builtin_link_address(struct builtin_look *look)
{
    return has_link(look, is_address);
}

bool builtin_link_shortener(struct builtin_look *look)
{
    const struct readable *readable = look->readable;
    if (!look->own_links || look->text.len > SOME_TEXT)
        return false;
    for (size_t i = 0; i < readable->link_count; i++) {
        const struct readable_link *link = &readable->links[i];
        if (!link->host.len || link->image || link->form)
            continue;
        if (!phishing_is_shortener(link->host))
            return false;
        look->seen = link->url;
    }
    return true;
}

static bool is_punycode(const struct readable_link *link)
{
    return !link->image && (bytes_starts_with(link->host, BYTES("xn--")) ||
                            bytes_find(link->host, BYTES(".xn--")) != BYTES_NOT_FOUND);
}

bool builtin_link_punycode(struct builtin_look *look)
{
    return has_link(look, is_punycode);
}

/* "//user@host:8081/path": digits between the last colon of the authority and its end. */
static bool has_odd_port(const struct readable_link *link)
{
    size_t at = bytes_find(link->url, BYTES("//"));
    struct bytes authority = at == BYTES_NOT_FOUND ? BYTES("") : bytes_skip(link->url, at + 2);
    size_t end = 0;
    while (end < authority.len && authority.ptr[end] != '/' && authority.ptr[end] != '?' && authority.ptr[end] != '#')
        end++;
    authority = bytes_first(authority, end);
    size_t colon = bytes_rfind_byte(authority, ':');
    uint64_t port;
    if (!link->host.len || colon == BYTES_NOT_FOUND || !bytes_to_uint(bytes_skip(authority, colon + 1), 65535, &port))
        return false;
    return port != 80 && port != 443 && port != 8080 && port != 8443;
}

bool builtin_link_port(struct builtin_look *look)
{
    return has_link(look, has_odd_port);
}

static bool carries_data(const struct readable_link *link)
{
    return link->html && !link->image && (bytes_is(link->scheme, "data") || bytes_is(link->scheme, "javascript") ||
                                          bytes_is(link->scheme, "vbscript"));
}

bool builtin_link_data(struct builtin_look *look)
{
    return has_link(look, carries_data);
}

bool builtin_link_many_hosts(struct builtin_look *look)
{
    const struct readable *readable = look->readable;
    struct bytes hosts[HOSTS_MAX];
    size_t count = 0;
    if (look->text.len > SOME_TEXT)
        return false;
    for (size_t i = 0; i < readable->link_count && i < HOSTS_MAX && count < MANY_HOSTS; i++) {
        struct bytes host = domain_last_labels(readable->links[i].host, 2);
        bool known = readable->links[i].image || !host.len;
        for (size_t j = 0; j < count && !known; j++)
            known = bytes_equal(hosts[j], host);
        if (!known)
            hosts[count++] = host;
    }
    return count == MANY_HOSTS;
}
