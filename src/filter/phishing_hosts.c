/* SPDX-License-Identifier: BSD-2-Clause */
#include "filter/phishing_hosts.h"

#include "base/domain.h"
#include "base/result.h"

static const char *const free_mail[] = {
    "gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "msn.com", "yahoo.com", "ymail.com",
    "rocketmail.com", "yahoo.co.uk", "yahoo.fr", "yahoo.de", "yahoo.co.jp", "yahoo.com.br", "yahoo.co.in", "aol.com",
    "icloud.com", "me.com", "mac.com", "gmx.com", "gmx.net", "gmx.de", "gmx.at", "gmx.ch", "web.de", "mail.com",
    "email.com", "usa.com", "consultant.com", "proton.me", "protonmail.com", "pm.me", "tutanota.com", "tuta.io",
    "mail.ru", "bk.ru", "list.ru", "inbox.ru", "yandex.ru", "yandex.com", "ya.ru", "rambler.ru", "qq.com", "163.com",
    "126.com", "yeah.net", "sina.com", "foxmail.com", "zoho.com", "zohomail.com", "inbox.lv", "seznam.cz", "wp.pl",
    "o2.pl", "interia.pl", "onet.pl", "libero.it", "virgilio.it", "orange.fr", "laposte.net", "free.fr", "naver.com",
    "daum.net", "hanmail.net", "rediffmail.com", "hotmail.co.uk", "hotmail.fr", "hotmail.de", "live.co.uk",
    "outlook.de", "outlook.fr", "uol.com.br", "bol.com.br", "fastmail.com", "hushmail.com", "t-online.de",
    "freenet.de",
};

static const char *const trackers[] = {
    "safelinks.protection.outlook.com", "urldefense.com", "urldefense.proofpoint.com", "linkprotect.cudasvc.com",
    "mimecastprotect.com", "protect-us.mimecast.com", "protect-eu.mimecast.com", "secure-web.cisco.com",
    "clicktime.symantec.com", "clicktime.cloud.postoffice.net", "protection.sophos.com", "url.emailprotection.link",
    "list-manage.com", "list-manage1.com", "list-manage2.com", "mandrillapp.com", "mailchi.mp", "sendgrid.net",
    "ct.sendgrid.net", "mailgun.org", "mjt.lu", "mailjet.com", "sendinblue.com", "sibautomation.com",
    "r.sp1-brevo.net", "brevo.com", "hubspotlinks.com", "hubspotemail.net", "hs-sites.com", "hubspot.com",
    "exacttarget.com", "exct.net", "s10.exacttarget.com", "sfmc-content.com", "salesforce.com", "pardot.com",
    "mktoresp.com", "mktoweb.com", "eloqua.com", "en25.com", "constantcontact.com", "rs6.net", "cmail1.com",
    "cmail2.com", "cmail19.com", "cmail20.com", "createsend.com", "createsend1.com", "klclick.com", "klclick1.com",
    "klaviyomail.com", "activehosted.com", "acemlnb.com", "acemlna.com", "acemlnc.com", "infusionmail.com",
    "keap-link001.com", "aweber.com", "getresponse.com", "convertkit-mail.com", "convertkit-mail2.com", "ck.page",
    "substack.com", "beehiiv.com", "customeriomail.com", "intercom-mail.com", "intercom-links.com", "zendesk.com",
    "awstrack.me", "amazonses.com", "sparkpostmail.com", "postmarkapp.com", "pstmrk.it", "emltrk.com", "emlnk.com",
    "responsys.net", "rsys2.com", "bluehornet.com", "dotdigital.com", "dotmailer.com", "trackedlink.net",
    "emarsys.net", "emarsys.com", "cheetahmail.com", "listrak.com", "bronto.com", "iterable.com", "braze.com",
    "appboy.com", "onelink.me", "app.link", "branch.io", "lnkd.in", "google.com", "googleadservices.com",
    "doubleclick.net", "facebook.com", "t.co", "outlook.com", "cleverreach.com", "rapidmail.de", "newsletter2go.com",
    "inxmail.de", "inxmail.com", "mailerlite.com", "mlsend.com", "mailup.com", "sendpulse.com", "sailthru.com",
    "acoustic.co", "mkt.com", "silverpop.com", "pages03.net", "yesware.com", "mixmax.com", "mailtrack.io",
    "bananatag.com", "streaklinks.com", "evt.to", "email-od.com", "smtp2go.com",
};

static const char *const shorteners[] = {
    "bit.ly", "bitly.com", "tinyurl.com", "goo.gl", "t.co", "ow.ly", "is.gd", "v.gd", "buff.ly", "cutt.ly",
    "rebrand.ly", "rb.gy", "shorturl.at", "tiny.cc", "t.ly", "s.id", "bl.ink", "qr.ae", "clck.ru", "goo.su", "u.to",
    "soo.gd", "x.co", "lnkd.in", "db.tt", "qrco.de", "shorte.st", "adf.ly", "ouo.io", "urlz.fr", "n9.cl", "bit.do",
    "mcaf.ee", "tr.im", "snip.ly", "short.gy", "dub.sh", "surl.li", "tinu.be", "wa.me", "kutt.it", "shrtco.de",
    "lc.chat", "shorturl.gg",
};

static bool is_below(struct bytes host, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (domain_is_within(host, bytes_of(list[i])))
            return true;
    return false;
}

bool phishing_is_free_mail(struct bytes domain)
{
    return is_below(domain, free_mail, countof(free_mail));
}

bool phishing_is_tracker(struct bytes host)
{
    return is_below(host, trackers, countof(trackers));
}

bool phishing_is_shortener(struct bytes host)
{
    return is_below(host, shorteners, countof(shorteners));
}
