/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * describe: the schema for people: as a commented file (config.h: config_describe()), and as the
 * tables of the manual, which tools/update-docs puts into doc/.
 */
#ifndef VOUCH_CONFIG_DESCRIBE_H
#define VOUCH_CONFIG_DESCRIBE_H

#include "base/buf.h"

void config_describe_markdown(struct buf *out);
void config_describe_manual(struct buf *out); /* mdoc */
void config_describe_json(struct buf *out);   /* an array of sections with their keys */

#endif
