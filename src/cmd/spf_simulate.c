/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch spf simulate: what another SPF record would do to the mail that the ledger remembers. */
#include "auth/spf_record.h"
#include "base/domain.h"
#include "cmd/command.h"
#include "cmd/simulate.h"
#include "cmd/world.h"

static const char usage[] =
    "usage: vouch spf simulate --record \"v=spf1 ...\" DOMAIN [options]\n"
    "\n"
    "Tells which of the mail that the ledger remembers would get another SPF result if DOMAIN published\n"
    "this record: mail whose MAIL FROM or HELO is of DOMAIN, and mail of others whose records include it.\n"
    "Each message is checked again with the DNS answers of its own time, once with the record that was\n"
    "there and once with this one. It also tells what DMARC and the gateway would then make of it. Nothing\n"
    "is changed.\n"
    "\n" SIMULATE_USAGE WORLD_USAGE
    "\n"
    "examples:\n"
    "  vouch spf simulate --record \"v=spf1 mx ip4:192.0.2.0/28 -all\" example.org\n"
    "  vouch spf simulate --record \"v=spf1 a -all\" --since 7d --offline --json mail.example.org\n"
    "\n"
    "exit status: 0 nothing changes, 1 something changes, 2 usage, 3 nothing is seen to change, but for\n"
    "some messages it cannot be told (or the ledger cannot be read)\n";

static bool is_of_domain(const struct simulate_case *this, enum check identity)
{
    const struct evidence_item *item = evidence_find(&this->evidence, identity, 0);
    return item && bytes_equal_nocase(domain_strip_dot(evidence_value(item, "vouch", "domain")),
                                      this->simulate->domain);
}

static bool concerns(const struct simulate_case *this)
{
    return is_of_domain(this, CHECK_SPF) || is_of_domain(this, CHECK_SPF_HELO);
}

/* True if the result can be told and is another one. */
static bool evaluate_identity(struct simulate_case *this, enum check identity,
                              struct spf_result *before, struct spf_result *after)
{
    struct replay *replay = &this->replay;
    const struct evidence_item *item = evidence_find(&this->evidence, identity, 0);
    if (!item)
        return false;
    if (!this->evidence.client.family) {
        /* A relay of ours checked it, and did not say for whom. */
        if (is_of_domain(this, identity)) {
            this->concerned = true;
            this->unknown = BYTES("the client's address");
        }
        return false;
    }
    replay_spf(replay, replay_start(replay, false), identity, before);
    if (!replay->touched)
        return false;
    this->concerned = true;
    if (simulate_note_unknown(this))
        return false;
    this->differs |= before->result != item->result;
    replay_spf(replay, replay_start(replay, true), identity, after);
    if (simulate_note_unknown(this) || before->result == after->result)
        return false;
    simulate_compare(this, identity == CHECK_SPF ? "MAIL FROM" : "HELO",
                     bytes_of(auth_result_name(before->result)),
                     bytes_of(auth_result_name(after->result)));
    return true;
}

/* DMARC takes the result of MAIL FROM; and a name with a record exists (np=). */
static void evaluate_dmarc(struct simulate_case *this)
{
    struct replay *replay = &this->replay;
    for (int i = 0; i < 2; i++) {
        if (!replay_dmarc(replay, replay_start(replay, i), i ? this->after.spf : this->before.spf,
                          this->simulate->mode, &this->dmarc[i]) ||
            simulate_note_unknown(this))
            return;
    }
    this->before.dmarc = &this->dmarc[0];
    this->after.dmarc = &this->dmarc[1];
    simulate_compare(this, "DMARC", simulate_dmarc_text(this, &this->dmarc[0]),
                     simulate_dmarc_text(this, &this->dmarc[1]));
}

static void evaluate(struct simulate_case *this)
{
    struct spf_result *spf = this->spf;
    if (evaluate_identity(this, CHECK_SPF_HELO, &spf[0], &spf[1])) {
        this->before.helo = &spf[0];
        this->after.helo = &spf[1];
    }
    if (evaluate_identity(this, CHECK_SPF, &spf[2], &spf[3])) {
        this->before.spf = &spf[2];
        this->after.spf = &spf[3];
        if (evidence_find(&this->evidence, CHECK_DMARC, 0))
            evaluate_dmarc(this);
    }
}

/* Without exp=, for whose text nobody need be asked. */
static struct bytes without_explanation(struct arena *arena, const struct spf_record *record)
{
    struct bytes text = record->text, term = record->explanation_text;
    if (!term.len)
        return text;
    size_t start = (size_t)(term.ptr - text.ptr);
    return arena_printf(arena, BYTES_FMT BYTES_FMT, BYTES_ARG(bytes_first(text, start)),
                        BYTES_ARG(bytes_skip(text, start + term.len)));
}

static enum result parse(struct arena *arena, struct bytes text, struct bytes *essence,
                         struct error *error)
{
    struct spf_record record;
    *essence = text;
    if (!spf_record_has_version(text))
        return error_set(error, NONE, "an SPF record begins with \"v=spf1 \"");
    enum result result = spf_record_parse(arena, text, &record, NULL, error);
    if (result == OK)
        *essence = without_explanation(arena, &record);
    return result;
}

const struct simulate_kind simulate_spf = {
    "spf simulate", "SPF", "v=spf1", "", concerns, evaluate, parse};

int spf_simulate_command(int argc, char **argv)
{
    return simulate_command(argc, argv, &simulate_spf, usage);
}
