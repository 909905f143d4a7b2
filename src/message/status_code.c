/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/status_code.h"

#include "base/ascii.h"

/* One to three digits without a leading zero. */
static size_t take_number(struct bytes text, unsigned *out)
{
    size_t digits = 0;
    *out = 0;
    while (digits < text.len && digits < 4 && ascii_is_digit(text.ptr[digits]))
        *out = *out * 10 + (unsigned)(text.ptr[digits++] - '0');
    bool leading_zero = digits > 1 && text.ptr[0] == '0';
    return digits > 3 || leading_zero ? 0 : digits;
}

/* The code at the start; its length, or 0. */
static size_t take_code(struct bytes text, struct status_code *out)
{
    if (text.len < 5 || text.ptr[1] != '.')
        return 0;
    uint8_t class = text.ptr[0];
    if (class != '2' && class != '4' && class != '5')
        return 0;
    struct status_code code = {.class = (unsigned)(class - '0')};
    size_t subject = take_number(bytes_skip(text, 2), &code.subject);
    size_t at = 2 + subject;
    if (!subject || at >= text.len || text.ptr[at] != '.')
        return 0;
    size_t detail = take_number(bytes_skip(text, at + 1), &code.detail);
    if (!detail)
        return 0;
    *out = code;
    return at + 1 + detail;
}

enum result status_code_parse(struct bytes text, struct status_code *out)
{
    size_t length = take_code(text, out);
    return length && length == text.len ? OK : NONE;
}

static bool is_reply_code(struct bytes text)
{
    return text.len > 3 && ascii_is_digit(text.ptr[0]) && ascii_is_digit(text.ptr[1]) &&
           ascii_is_digit(text.ptr[2]) && (text.ptr[3] == ' ' || text.ptr[3] == '-');
}

enum result status_code_find(struct bytes reply, struct status_code *out)
{
    reply = bytes_trim_start(reply);
    if (is_reply_code(reply))
        reply = bytes_trim_start(bytes_skip(reply, 4));
    size_t length = take_code(reply, out);
    bool ends = length == reply.len || (length && !ascii_is_graph(reply.ptr[length]));
    return length && ends ? OK : NONE;
}

#define CORRECT_ADDRESS "Check the address for mistakes, or ask the recipient for the right one."
#define OTHER_WAY "Tell the recipient in another way, or try again later."
#define ASK_POSTMASTER "If it goes on, ask the postmaster of your mail system."
#define ASK_RECIPIENT                                                                              \
    "Ask the recipient in another way to have their mail system let your mail through."
#define SMALLER "Send it in smaller parts, or put large files where the recipient can fetch them."

/* rfc3463:3, and the additions of RFC 5248, 7372, 7505, 6531, 8689 and the registry. */
static const struct {
    uint16_t subject, detail;
    const char *sentence, *advice;
} meanings[] = {
    {1, 0, "There is something wrong with the recipient's address.", CORRECT_ADDRESS},
    {1, 1, "There is no such address there.", CORRECT_ADDRESS},
    {1, 2, "The domain of the address (what is behind the @) takes no mail or does not exist.",
     CORRECT_ADDRESS},
    {1, 3, "The address is not written as an address must be.", CORRECT_ADDRESS},
    {1, 4, "The address can mean more than one mailbox there.", CORRECT_ADDRESS},
    {1, 6, "The recipient has moved, and nothing is forwarded.",
     "Ask the recipient for the new address."},
    {1, 7, "Your own address, as the message gave it, is not written as an address must be.",
     "Check the address that is set up in your mail program."},
    {1, 8, "The recipient's mail system could not find the domain of your own address.",
     ASK_POSTMASTER},
    {1, 10, "The domain of the address declares that it takes no mail at all.", CORRECT_ADDRESS},
    {2, 0, "There is something wrong with the recipient's mailbox.", OTHER_WAY},
    {2, 1, "The recipient's mailbox is closed or takes no mail at present.", OTHER_WAY},
    {2, 2, "The recipient's mailbox is full.", OTHER_WAY},
    {2, 3, "The message is larger than this recipient may receive.", SMALLER},
    {2, 4, "The mailing list that the message was for could not be expanded.",
     "Write to the owner of the list."},
    {3, 0, "The recipient's mail system does not work as it should.", OTHER_WAY},
    {3, 1, "The recipient's mail system has no room left for mail.", OTHER_WAY},
    {3, 2, "The recipient's mail system takes no mail at present.", OTHER_WAY},
    {3, 3, "The recipient's mail system cannot do what the message needs.", OTHER_WAY},
    {3, 4, "The message is too large for the recipient's mail system.", SMALLER},
    {3, 5, "A mail system on the way is not set up correctly.", ASK_POSTMASTER},
    {4, 0, "The recipient's mail system could not be reached.", OTHER_WAY},
    {4, 1, "The recipient's mail system does not answer.", OTHER_WAY},
    {4, 2, "The connection to the recipient's mail system broke.", OTHER_WAY},
    {4, 3, "A directory that is needed to deliver the message does not answer.", OTHER_WAY},
    {4, 4, "It could not be found out which mail system takes mail for this recipient.",
     CORRECT_ADDRESS},
    {4, 5, "The recipient's mail system has too much to do at present.", OTHER_WAY},
    {4, 6, "The message was going round in a circle between mail systems.", ASK_POSTMASTER},
    {4, 7, "The time for which delivery is tried is over.", OTHER_WAY},
    {5, 3, "The message has more recipients than the mail system takes at once.",
     "Send it to fewer recipients at a time."},
    {6, 0, "The content of the message cannot be delivered as it is.", ""},
    {6, 1, "The recipient's mail system does not take this kind of content.",
     "Send it in another format."},
    {6, 2, "The content would have to be converted, and may not be.", "Send it in another format."},
    {6, 3,
     "The recipient's mail system cannot take the characters or the form of this message, and "
     "changing them would break its signature.",
     "Send it as plain text without special characters, or ask the postmaster."},
    {6, 5, "The content could not be converted to what the recipient's mail system takes.",
     "Send it in another format."},
    {6, 7, "The recipient's mail system cannot handle addresses with letters such as these.",
     "Ask the recipient for an address in plain letters."},
    {6, 9,
     "The recipient's mail system cannot handle letters such as those in the message's header.",
     "Use plain letters in names, addresses and the subject."},
    {7, 0, "The recipient's mail system refused the message for a reason of security or policy.",
     ASK_RECIPIENT},
    {7, 1, "The recipient's mail system refused the message: it does not want it.", ASK_RECIPIENT},
    {7, 2, "You may not write to this mailing list.", "Join the list first, or ask its owner."},
    {7, 3, "The message would have to be converted in a way that its security forbids.", ""},
    {7, 5, "The protection that the message asks for failed.", ASK_POSTMASTER},
    {7, 7, "The message was changed on its way, as its signature shows.", "Send it again."},
    {7, 8, "The mail system on the way did not accept our name and password.", ASK_POSTMASTER},
    {7, 10, "The mail system on the way demands encryption.", ASK_POSTMASTER},
    {7, 11, "The mail system on the way demands encryption.", ASK_POSTMASTER},
    {7, 13, "The account is disabled.", ASK_POSTMASTER},
    {7, 17, "The address belongs to somebody else now.", CORRECT_ADDRESS},
    {7, 18, "The domain of the address belongs to somebody else now.", CORRECT_ADDRESS},
    {7, 20, "The message bears no signature that the recipient's mail system accepts.",
     ASK_POSTMASTER},
    {7, 21, "The message bears no signature that the recipient's mail system accepts.",
     ASK_POSTMASTER},
    {7, 22, "The message bears no signature of the domain it comes from.", ASK_POSTMASTER},
    {7, 23, "Your domain does not permit the server that the message came from (SPF).",
     ASK_POSTMASTER},
    {7, 24, "The domain's list of permitted servers (SPF) could not be read.", ASK_POSTMASTER},
    {7, 25, "The sending server has no valid name in the DNS.", ASK_POSTMASTER},
    {7, 26, "The recipient's mail system could not verify that the message is from you.",
     ASK_POSTMASTER},
    {7, 27, "Your own domain declares that it takes no mail, so that nobody could answer.",
     "Check the address that is set up in your mail program."},
    {7, 28, "The recipient's mail system has had too much mail from you or from your mail system.",
     OTHER_WAY},
    {7, 30, "The message may only travel encrypted, and the way to the recipient is not.",
     "Send it without that demand, or tell the recipient in another way."},
};

static const struct status_meaning subjects[] = {
    {"The recipient's mail system did not take the message and gave no clear reason.", OTHER_WAY},
    {"There is something wrong with the recipient's address.", CORRECT_ADDRESS},
    {"There is something wrong with the recipient's mailbox.", OTHER_WAY},
    {"The recipient's mail system does not work as it should.", OTHER_WAY},
    {"The recipient's mail system could not be reached.", OTHER_WAY},
    {"The two mail systems did not understand each other.", ASK_POSTMASTER},
    {"The content of the message cannot be delivered as it is.", ""},
    {"The recipient's mail system refused the message for a reason of security or policy.",
     ASK_RECIPIENT},
};

struct status_meaning status_code_meaning(struct status_code code)
{
    if (code.class == 2)
        return (struct status_meaning){"The message was taken.", ""};
    for (size_t i = 0; i < countof(meanings); i++)
        if (meanings[i].subject == code.subject && meanings[i].detail == code.detail)
            return (struct status_meaning){meanings[i].sentence, meanings[i].advice};
    return subjects[code.subject < countof(subjects) ? code.subject : 0];
}
