/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch dmarc simulate: what another DMARC record would do to the mail that the ledger remembers. */
#include "base/domain.h"
#include "cmd/command.h"
#include "cmd/simulate.h"
#include "cmd/world.h"
#include "message/idn.h"

static const char usage[] =
    "usage: vouch dmarc simulate --record \"v=DMARC1; ...\" DOMAIN [options]\n"
    "\n"
    "Tells which of the mail that the ledger remembers would get another DMARC result, or be treated\n"
    "otherwise, if DOMAIN published this record: mail whose author is of DOMAIN, or of a domain below it\n"
    "to which the record then applies. Each message is checked again with what SPF and DKIM found when it\n"
    "came and the DNS answers of its own time, once with the record that was there and once with this\n"
    "one. Nothing is changed.\n"
    "\n" SIMULATE_USAGE WORLD_USAGE
    "\n"
    "examples:\n"
    "  vouch dmarc simulate --record \"v=DMARC1; p=reject\" example.org\n"
    "  vouch dmarc simulate --record \"v=DMARC1; p=none; sp=quarantine\" --since 7d --json example.org\n"
    "\n"
    "exit status: 0 nothing changes, 1 something changes, 2 usage, 3 nothing is seen to change, but for\n"
    "some messages it cannot be told (or the ledger cannot be read)\n";

static bool concerns(const struct simulate_case *this)
{
    const struct evidence_item *item = evidence_find(&this->evidence, CHECK_DMARC, 0);
    struct bytes author = item ? evidence_value(item, "header", "from") : BYTES("");
    return author.len && domain_is_within(domain_strip_dot(author), this->simulate->domain);
}

/* What was asked for then, after pct, is not what is found now. */
static bool policy_differs(const struct simulate_case *this, const struct evidence_item *item)
{
    struct bytes effective = evidence_value(item, "vouch", "effective");
    return effective.len &&
           !bytes_is(effective, dmarc_policy_name(replay_policy(&this->replay, &this->dmarc[0])));
}

static void evaluate(struct simulate_case *this)
{
    struct replay *replay = &this->replay;
    const struct evidence_item *item = evidence_find(&this->evidence, CHECK_DMARC, 0);
    for (int i = 0; item && i < 2; i++) {
        if (!replay_dmarc(replay, replay_start(replay, i), NULL, this->simulate->mode,
                          &this->dmarc[i]) ||
            !replay->touched)
            return;
        this->concerned = true;
        if (simulate_note_unknown(this))
            return;
    }
    if (!item)
        return;
    this->differs = this->dmarc[0].result != item->result || policy_differs(this, item);
    this->before.dmarc = &this->dmarc[0];
    this->after.dmarc = &this->dmarc[1];
    simulate_compare(this, "DMARC", simulate_dmarc_text(this, &this->dmarc[0]),
                     simulate_dmarc_text(this, &this->dmarc[1]));
}

static enum result parse(struct arena *arena, struct bytes text, struct bytes *essence,
                         struct error *error)
{
    struct dmarc_record record;
    *essence = text;
    enum result result = dmarc_record_parse(arena, text, &record, error);
    return result == NONE ? error_set(error, NONE, "a DMARC record begins with \"v=DMARC1;\"") : result;
}

const struct simulate_kind simulate_dmarc = {
    "dmarc simulate", "DMARC", "v=DMARC1", "_dmarc.", concerns, evaluate, parse};

int dmarc_simulate_command(int argc, char **argv)
{
    return simulate_command(argc, argv, &simulate_dmarc, usage);
}
