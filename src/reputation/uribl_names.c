/* SPDX-License-Identifier: BSD-2-Clause */
#include "reputation/uribl_names.h"

#include "base/result.h"

/* With or without "www.". */
static const char *const everywhere[] = {
    "accounts.google.com", "ajax.googleapis.com", "apple.com", "apps.apple.com", "dublincore.org", "facebook.com",
    "fonts.googleapis.com", "fonts.gstatic.com", "google.com", "instagram.com", "itunes.apple.com", "linkedin.com",
    "maps.google.com", "microsoft.com", "ns.adobe.com", "ogp.me", "play.google.com", "purl.org", "schema.org",
    "schemas.microsoft.com", "schemas.openxmlformats.org", "schemas.xmlsoap.org", "support.google.com",
    "support.microsoft.com", "twitter.com", "w3.org", "x.com", "xmlns.com", "xing.com", "youtube.com",
};

static const char *const shorteners[] = {
    "adf.ly", "bit.do", "bit.ly", "bitly.com", "bl.ink", "buff.ly", "clck.ru", "cutt.ly", "dlvr.it", "fb.me",
    "goo.gl", "goo.su", "ift.tt", "is.gd", "j.mp", "kutt.it", "lnkd.in", "n9.cl", "ow.ly", "qr.ae", "rb.gy",
    "rebrand.ly", "reurl.cc", "s.id", "short.io", "shorturl.at", "soo.gd", "t.co", "t.ly", "t2m.io", "tiny.cc",
    "tinyurl.com", "trib.al", "u.to", "urlz.fr", "v.gd", "vk.cc", "wa.link", "wp.me", "zpr.io",
};

static bool is_of(struct bytes host, const char *const *list, size_t count)
{
    if (bytes_starts_with(host, BYTES("www.")))
        host = bytes_skip(host, 4);
    for (size_t i = 0; i < count; i++)
        if (bytes_is(host, list[i]))
            return true;
    return false;
}

bool uribl_is_everywhere(struct bytes host)
{
    return is_of(host, everywhere, countof(everywhere));
}

bool uribl_is_shortener(struct bytes host)
{
    return is_of(host, shorteners, countof(shorteners));
}
