/* SPDX-License-Identifier: BSD-2-Clause */
/* mail_folder: the folders of a mailbox that mail is filed to by what it was judged to be. */
#ifndef VOUCH_DELIVER_MAIL_FOLDER_H
#define VOUCH_DELIVER_MAIL_FOLDER_H

#include "base/bytes.h"

enum mail_folder {
    FOLDER_INBOX,
    FOLDER_JUNK,
    FOLDER_NOT_JUNK, /* first-class mail, where the mailbox wants it apart */
    FOLDER_FIRST,    /* a folder for each class, where the mailbox wants that */
    FOLDER_BUSINESS,
    FOLDER_THIRD,
    FOLDERS
};

/* The folder's name in a Maildir++, ".Junk"; NULL for the inbox. */
const char *mail_folder_path(enum mail_folder folder);
/* A word for files of ours, "junk", and back. */
const char *mail_folder_word(enum mail_folder folder);
bool mail_folder_parse(struct bytes word, enum mail_folder *out);

#endif
