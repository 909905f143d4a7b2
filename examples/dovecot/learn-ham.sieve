# SPDX-License-Identifier: BSD-2-Clause
# A user moved a message out of Junk, and not into the bin: the filter learns that it is none.
require ["vnd.dovecot.pipe", "copy", "imapsieve", "environment", "variables"];

if environment :matches "imap.mailbox" "*" {
    set "mailbox" "${1}";
}
if string "${mailbox}" ["Trash", "Deleted Messages", "Deleted Items"] {
    stop;
}
if environment :matches "imap.user" "*" {
    set "user" "${1}";
}
pipe :copy "vouch-learn" ["ham", "${user}"];
