/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * address_suite: the addresses of isemail, as SMTP mailboxes (rfc5321:4.1.2) and as addresses of
 * header fields (rfc5322:3.4). Reads the lines of isemail_to_tsv.py from standard input; exit code
 * 1 if any address is judged otherwise than the suite does without a reason in the tables below.
 */
#include "base/encode.h"
#include "message/address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Categories that are valid in the grammar in question. */
static const char *const smtp_categories[] = {"ISEMAIL_VALID_CATEGORY", "ISEMAIL_DNSWARN",
                                              "ISEMAIL_RFC5321"};
static const char *const header_categories[] = {"ISEMAIL_VALID_CATEGORY", "ISEMAIL_DNSWARN",
                                                "ISEMAIL_RFC5321",        "ISEMAIL_CFWS",
                                                "ISEMAIL_DEPREC",         "ISEMAIL_RFC5322"};

/* Diagnoses of which we judge the other way, and why. */
static const struct difference {
    const char *diagnosis;
    bool accepted; /* by us */
    const char *reason;
} smtp_differences[] =
    {
        {"ISEMAIL_RFC5322_LOCAL_TOOLONG", true,
         "rfc5321:4.5.3.1.1: 64 octets is what must be accepted at least; we accept 255"},
        {"ISEMAIL_RFC5322_TOOLONG", true,
         "rfc5321:4.5.3.1.3: 256 octets of path is what must be accepted at least"},
        {"ISEMAIL_RFC5321_IPV6DEPRECATED", true,
         "rfc4291:2.2: \"::\" stands for one or more groups; rfc5321:4.1.3 says two, to the same "
         "address"},
},
  header_differences[] = {
      {"ISEMAIL_DEPREC_QTEXT", false,
       "rfc5322:4.1: control characters in strings; not read, they can only deceive"},
      {"ISEMAIL_DEPREC_QP", false, "rfc5322:4.1: quoted control characters; not read, as before"},
      {"ISEMAIL_RFC5322_DOMLIT_OBSDTEXT", false,
       "rfc5322:4.4: quoted pairs in domain literals; not read, no address literal has one"},
      {"ISEMAIL_ERR_EXPECTING_QPAIR", true, "rfc6532:3.2: a quoted pair may hold non-ASCII"},
      {"ISEMAIL_ERR_DOMAINHYPHENSTART", true,
       "rfc5322:3.4.1: a dot-atom may begin with a hyphen; host names are judged where one is "
       "needed"},
      {"ISEMAIL_ERR_DOMAINHYPHENEND", true, "rfc5322:3.4.1: the same at the end"},
};

struct grammar {
    const char *name;
    const char *const *categories;
    size_t category_count;
    const struct difference *differences;
    size_t difference_count;
    bool (*accepts)(struct arena *arena, struct bytes address);
    unsigned total, agreed, explained, failed;
};

static bool smtp_accepts(struct arena *arena, struct bytes address)
{
    struct mailbox mailbox;
    return mailbox_parse(arena, address, 0, &mailbox, NULL) == OK;
}

static bool header_accepts(struct arena *arena, struct bytes address)
{
    struct address_list list;
    return address_list_parse(arena, address, &list, NULL) == OK && list.count == 1 &&
           !list.mailboxes[0].irregular && list.group_count == 0;
}

static const struct difference *find_difference(const struct grammar *grammar,
                                                const char *diagnosis, bool accepted)
{
    for (size_t i = 0; i < grammar->difference_count; i++)
        if (strcmp(grammar->differences[i].diagnosis, diagnosis) == 0 &&
            grammar->differences[i].accepted == accepted)
            return &grammar->differences[i];
    return NULL;
}

static void judge_address(struct grammar *grammar, struct arena *arena, char *const fields[4],
                          struct bytes address)
{
    bool valid = false;
    for (size_t i = 0; i < grammar->category_count; i++)
        valid = valid || strcmp(grammar->categories[i], fields[1]) == 0;
    bool accepted = grammar->accepts(arena, address);
    const struct difference *difference = find_difference(grammar, fields[2], accepted);
    grammar->total++;
    if (accepted == valid) {
        grammar->agreed++;
        return;
    }
    const char *did = accepted ? "accepted" : "refused";
    if (difference) {
        grammar->explained++;
        printf("# %s %s: %s %s: %s\n", grammar->name, fields[0], fields[2], did,
               difference->reason);
    } else {
        grammar->failed++;
        printf("%s %s: FAILED: %s was %s: " BYTES_FMT "\n", grammar->name, fields[0], fields[2],
               did, BYTES_ARG(address));
    }
}

static bool split_line(char *line, char *fields[4])
{
    line[strcspn(line, "\n")] = 0;
    for (size_t i = 0; i < 4; i++) {
        fields[i] = line;
        line += strcspn(line, "\t");
        if (i < 3 && *line == 0)
            return false;
        if (*line)
            *line++ = 0;
    }
    return true;
}

static int report(const struct grammar *grammar)
{
    printf("%s: %u/%u", grammar->name, grammar->agreed, grammar->total);
    if (grammar->explained)
        printf(", %u differ with a reason", grammar->explained);
    if (grammar->failed)
        printf(", %u FAILED", grammar->failed);
    printf("\n");
    return grammar->failed || grammar->total == 0;
}

int main(void)
{
    struct grammar grammars[] = {
        {"isemail", smtp_categories, countof(smtp_categories), smtp_differences,
         countof(smtp_differences), smtp_accepts, 0, 0, 0, 0},
        {"isemail-header", header_categories, countof(header_categories), header_differences,
         countof(header_differences), header_accepts, 0, 0, 0, 0},
    };
    struct arena *arena = arena_create(1 << 20);
    char line[8192], *fields[4];
    require(arena);
    while (fgets(line, sizeof(line), stdin)) {
        struct bytes address;
        require(split_line(line, fields) && hex_decode(arena, bytes_of(fields[3]), &address));
        for (size_t i = 0; i < countof(grammars); i++)
            judge_address(&grammars[i], arena, fields, address);
        arena_reset(arena);
    }
    arena_destroy(arena);
    return report(&grammars[0]) | report(&grammars[1]);
}
