/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * phishing_hosts: kinds of domains that everybody meets in mail: free mailboxes, what counts or inspects clicks,
 * what shortens URLs. Short lists of the large ones: what is missing costs or saves a fraction of a point.
 */
#ifndef VOUCH_FILTER_PHISHING_HOSTS_H
#define VOUCH_FILTER_PHISHING_HOSTS_H

#include "base/bytes.h"

/* Lower case; the host itself or anything below what is listed. */
bool phishing_is_free_mail(struct bytes domain);
bool phishing_is_tracker(struct bytes host);
bool phishing_is_shortener(struct bytes host);

#endif
