/* SPDX-License-Identifier: BSD-2-Clause */
/* lint_report: what a lint found, for people and for machines. Octets of strangers are made
 * harmless. */
#ifndef VOUCH_LINT_LINT_REPORT_H
#define VOUCH_LINT_LINT_REPORT_H

#include "base/buf.h"
#include "lint/lint.h"

/* What is published as a tree, then what is wrong, the worst first. */
void lint_write_text(struct buf *out, const struct lint *lint, bool colour);
void lint_write_json(struct buf *out, const struct lint *lint);

/* Appends text with anything that a terminal could take for a command replaced by '?'; line ends
 * stay if `lines`. */
void lint_add_safe(struct buf *out, struct bytes text, bool lines);
/* Appends a paragraph of words, each line indented and of at most 78 columns. */
void lint_add_paragraph(struct buf *out, unsigned indent, struct bytes text);

#endif
