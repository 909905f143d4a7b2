# SPDX-License-Identifier: BSD-2-Clause
# A user moved a message into Junk: the filter learns that it is spam. See doc/judgement.md.
require ["vnd.dovecot.pipe", "copy", "imapsieve", "environment", "variables"];

if environment :matches "imap.user" "*" {
    set "user" "${1}";
}
pipe :copy "vouch-learn" ["spam", "${user}"];
