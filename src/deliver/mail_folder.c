/* SPDX-License-Identifier: BSD-2-Clause */
#include "deliver/mail_folder.h"

static const struct {
    const char *path, *word;
} folders[FOLDERS] = {
    [FOLDER_INBOX] = {NULL, "inbox"},
    [FOLDER_JUNK] = {".Junk", "junk"},
    [FOLDER_NOT_JUNK] = {".Not Junk", "not-junk"},
    [FOLDER_FIRST] = {".First-Class", "first"},
    [FOLDER_BUSINESS] = {".Business-Class", "business"},
    [FOLDER_THIRD] = {".Third-Class", "third"},
};

const char *mail_folder_path(enum mail_folder folder)
{
    return folders[folder].path;
}

const char *mail_folder_word(enum mail_folder folder)
{
    return folders[folder].word;
}

bool mail_folder_parse(struct bytes word, enum mail_folder *out)
{
    for (int i = 0; i < FOLDERS; i++) {
        if (bytes_is(word, folders[i].word)) {
            *out = (enum mail_folder)i;
            return true;
        }
    }
    return false;
}
