/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * readable: what a person would read of a message, for all that judges content: the statistical filter,
 * rules, lists of names in bodies, the look for phishing.
 *
 * One pass over the MIME tree: texts decoded and converted to UTF-8, HTML reduced to what is seen and what
 * is hidden, links with what they show and where they lead, attachments with their names. Every input gives
 * a result; time is linear in the message, and what lies beyond a limit is left out and flagged. All of it
 * lives in the arena or in the message, which must outlive it.
 */
#ifndef VOUCH_MESSAGE_READABLE_H
#define VOUCH_MESSAGE_READABLE_H

#include "message/mime.h"

enum {
    READABLE_TEXT_MAX = 256 * 1024, /* octets of visible text, all parts together */
    READABLE_HIDDEN_MAX = 32 * 1024,
    READABLE_LINKS_MAX = 200,
    READABLE_ATTACHMENTS_MAX = 200,
    READABLE_URL_MAX = 2000         /* octets; the rest of a longer one is left out */
};

enum readable_flag {
    READABLE_CUT = 1 << 0,          /* a limit was met: there is more in the message */
    READABLE_HTML = 1 << 1,         /* a text/html part was read */
    READABLE_PLAIN = 1 << 2,        /* a text/plain part was read */
    READABLE_HIDDEN = 1 << 3,       /* text that nobody sees: display:none, size 0, colour of the ground … */
    READABLE_BAD_CHARSET = 1 << 4,  /* unknown charset, or octets that it does not have */
    READABLE_FORM = 1 << 5,         /* HTML with a form */
    READABLE_SCRIPT = 1 << 6,
    READABLE_ONLY_IMAGES = 1 << 7,  /* HTML with images and next to no text */
    READABLE_ENCODED_TEXT = 1 << 8, /* plain ASCII text in base64 */
    READABLE_BROKEN = 1 << 9,       /* encodings or structure broken in a way that programs do not do by accident */
    READABLE_ENCRYPTED = 1 << 10,   /* multipart/encrypted, or an encrypted archive */
    READABLE_REMOTE_IMAGE = 1 << 11,
    READABLE_META_REFRESH = 1 << 12,
    READABLE_CONFUSABLE = 1 << 13,  /* zero-width characters or bidi overrides within words */
    READABLE_PLAIN_DIFFERS = 1 << 14, /* multipart/alternative whose texts have next to no word in common */
    READABLE_UNSEEN = 1 << 15       /* attachments that could not be looked at, and may matter */
};

/* A URL in a text, or of a link, image or form of HTML. */
struct readable_link {
    struct bytes url;     /* as it would be followed: entities and blanks undone; not resolved */
    struct bytes scheme;  /* lower case; "http" where there is only "www.example.org" */
    struct bytes host;    /* lower case A-labels, per cent signs undone, without user, port and dot; an IPv4
                           * address however written (decimal, hex, octal) as dotted quad; IPv6 with brackets */
    struct bytes text;    /* what a link shows, visible text only; empty for URLs in text and images */
    bool html;            /* from a tag; else found in visible text */
    bool image, form;     /* <img>, <form action> */
    bool obfuscated;      /* host was written in a way that only hides it (numbers, per cent signs, user@) */
};

struct readable_attachment {
    struct bytes name;    /* UTF-8 where it could be had; may be empty */
    struct bytes type;    /* "application/pdf", as declared */
    uint64_t size;        /* decoded, about */
    const struct mime_part *part; /* NULL for a member of an archive */
    bool member;          /* named in the directory of a ZIP archive that is attached */
    bool shown;           /* a text with a name, which is read as text too, or a file that stands in a text */
    bool executable;      /* by its name or its first octets ("MZ", "#!", .lnk, .js …), whatever its type says */
    bool disguised;       /* is not what it says: "a.pdf.exe", image/png that begins with MZ, RLO in the name */
    bool macros;          /* an Office file with macros */
};

struct readable {
    struct bytes subject;   /* UTF-8, encoded words decoded */
    struct bytes from_name; /* display name of From, the same */
    struct bytes text;      /* visible text, UTF-8 in NFC-less raw form, one blank between words of a line, '\n'
                             * between lines; of multipart/alternative the HTML part, as most readers show it */
    struct bytes plain;     /* text/plain parts alone; may be the same slice as `text` */
    struct bytes hidden;    /* text of HTML that is not shown */
    struct readable_link *links;
    size_t link_count;
    struct readable_attachment *attachments;
    size_t attachment_count;
    unsigned flags;         /* of enum readable_flag */
    unsigned images;        /* <img> */
    unsigned tags;          /* of HTML, all together */
    unsigned comments;      /* of HTML within words, which only split them */
    const struct mime *mime; /* the structure it was read from */
};

/* Opens the charset converters that are allowed. Call once, before the sandbox closes and before threads:
 * afterwards none can be opened. Without it only UTF-8, US-ASCII and ISO-8859-1, windows-1252 are read. */
void readable_prepare(void);

/* `mime` must outlive it. OK, or TEMP at the arena's cap. Callable from any thread. */
enum result readable_make(struct arena *arena, const struct message *message, const struct mime *mime,
                          struct readable *out, struct error *error) must_check;

#endif
