/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/spf_fixture.h"

#include <string.h>

/* ---- Trace ---- */

static void assert_step(const struct fixture *f, size_t index, unsigned depth, const char *term,
                        const char *name, const char *found, enum spf_step_outcome outcome)
{
    assert_true(index < f->result.step_count);
    const struct spf_step *step = &f->result.steps[index];
    assert_int_equal(step->depth, depth);
    assert_bytes(step->term, term);
    assert_bytes(step->name, name);
    assert_bytes(step->found, found);
    assert_int_equal(step->outcome, outcome);
}

static void a_trace_shows_each_step_in_order(void **state)
{
    struct fixture *f = *state;
    publish(f, "v=spf1 ip4:203.0.113.1 include:i.example mx redirect=r.example");
    add(f,
        "i.example TXT \"v=spf1 a:%{d} -all\"\ni.example A 203.0.113.1\ni.example A 203.0.113.2\n"
        "r.example TXT \"v=spf1 -all exp=why.example\"\nwhy.example TXT \"No.\"\n");
    f->request.trace = true;
    expect(f, "192.0.2.1", AUTH_FAIL);
    assert_int_equal(f->result.step_count, 11);
    assert_int_equal(f->result.steps_omitted, 0);
    assert_step(f, 0, 0, "", "d.example",
                "v=spf1 ip4:203.0.113.1 include:i.example mx redirect=r.example", SPF_STEP_NONE);
    assert_step(f, 1, 0, "ip4:203.0.113.1", "", "", SPF_STEP_NO_MATCH);
    assert_step(f, 2, 0, "include:i.example", "i.example", "fail", SPF_STEP_NO_MATCH);
    assert_step(f, 3, 1, "", "i.example", "v=spf1 a:%{d} -all", SPF_STEP_NONE);
    assert_step(f, 4, 1, "a:%{d}", "i.example", "203.0.113.1 203.0.113.2", SPF_STEP_NO_MATCH);
    assert_step(f, 5, 1, "-all", "", "", SPF_STEP_MATCH);
    assert_step(f, 6, 0, "mx", "d.example", "no such record", SPF_STEP_NO_MATCH);
    assert_step(f, 7, 0, "redirect=r.example", "r.example", "", SPF_STEP_NONE);
    assert_step(f, 8, 0, "", "r.example", "v=spf1 -all exp=why.example", SPF_STEP_NONE);
    assert_step(f, 9, 0, "-all", "", "", SPF_STEP_MATCH);
    assert_step(f, 10, 0, "exp=why.example", "why.example", "No.", SPF_STEP_NONE);
}

static void a_trace_shows_errors_and_explanations(void **state)
{
    struct fixture *f = *state;
    publish(f, "v=spf1 include:i.example -all");
    f->request.trace = true;
    expect(f, "192.0.2.1", AUTH_PERMERROR);
    assert_int_equal(f->result.step_count, 3);
    assert_step(f, 1, 0, "include:i.example", "i.example", "none", SPF_STEP_PERMERROR);
    assert_step(f, 2, 1, "", "i.example", "the domain i.example does not exist", SPF_STEP_NONE);
    f->request.sender = BYTES("a@e.example");
    add(f, "e.example TXT \"v=spf1 -all exp=why.example\"\nwhy.example TXT \"No, %{l}.\"\n");
    expect(f, "192.0.2.1", AUTH_FAIL);
    assert_int_equal(f->result.step_count, 3);
    assert_step(f, 2, 0, "exp=why.example", "why.example", "No, a.", SPF_STEP_NONE);
    f->request.sender = BYTES("a@bad.example");
    add(f, "bad.example TXT \"v=spf1 moo\"\n");
    expect(f, "192.0.2.1", AUTH_PERMERROR);
    assert_step(f, 0, 0, "", "bad.example", "v=spf1 moo", SPF_STEP_PERMERROR);
}

static void a_trace_is_bounded_and_only_made_when_wanted(void **state)
{
    struct fixture *f = *state;
    char text[6000] = "v=spf1";
    for (size_t i = 0; i < 300; i++)
        memcpy(text + 6 + 14 * i, " ip4:192.0.2.1", 15);
    publish(f, text);
    expect(f, "192.0.2.2", AUTH_NEUTRAL);
    assert_null(f->result.steps);
    assert_int_equal(f->result.step_count, 0);
    f->request.trace = true;
    expect(f, "192.0.2.2", AUTH_NEUTRAL);
    assert_int_equal(f->result.step_count, SPF_STEPS_MAX);
    assert_int_equal(f->result.steps_omitted, 301 - SPF_STEPS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        case_of(a_trace_shows_each_step_in_order),
        case_of(a_trace_shows_errors_and_explanations),
        case_of(a_trace_is_bounded_and_only_made_when_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
