/* SPDX-License-Identifier: BSD-2-Clause */
/* The dialogue of `vouch spf wizard`. */
#include "cmd/spf_wizard.h"

#include <stdio.h>
#include <string.h>

enum { LINE_SIZE = 2048 };

struct question {
    const char *key;
    const char *text;
    const char *when_empty; /* NULL: ask again; "": nothing */
    bool list;              /* several words, an answer each */
};

static const struct question questions[] = {
    {"own-mx", "Do the hosts that take mail for the domain (MX) send its mail, too? [yes]", "yes",
     false},
    {"web-only", "Does the domain's own address (the web server) send mail? [no]", "no", false},
    {"host", "Other hosts that send: names, addresses or networks, with blanks between [none]", "",
     true},
    {"provider", "Providers that send (names to include, such as _spf.google.com) [none]", "",
     true},
    {"esp",
     "Services for mailings: NAME=include[,bounce=DOMAIN][,client=NAME][,delegated=NAME] [none]",
     "", true},
    {"relay", "Relays that take mail over when it is deferred: names or addresses [none]", "",
     true},
    {"forwarded-users",
     "Do recipients have their mail forwarded elsewhere: yes, no, or nothing if you do "
     "not know",
     "", false},
    {"incomplete", "May there be something else that sends, and that you do not know yet? [no]",
     "no", false},
};

static bool ask(const char *text, char line[LINE_SIZE], struct bytes *answer)
{
    printf("%s\n> ", text);
    fflush(stdout);
    if (!fgets(line, LINE_SIZE, stdin)) {
        printf("\n");
        return false;
    }
    *answer = bytes_trim(bytes_of(line));
    return true;
}

static bool take(struct arena *arena, struct wizard_answers *answers, const char *key,
                 struct bytes value)
{
    struct error error;
    if (wizard_answer(arena, answers, bytes_of(key), value, &error) == OK)
        return true;
    printf("%s.\n", error.text);
    return false;
}

static bool take_list(struct arena *arena, struct wizard_answers *answers,
                      const struct question *question, struct bytes line)
{
    struct bytes word;
    size_t before = answers->source_count;
    while (bytes_split(&line, ' ', &word))
        if (word.len && !take(arena, answers, question->key, word)) {
            answers->source_count = before;
            return false;
        }
    return true;
}

/* Where there may be none, that can be said in words, too; "no" unless it is an answer itself. */
static bool is_nothing(const struct question *question, struct bytes answer)
{
    return !answer.len ||
           (question->when_empty && bytes_is_nocase(answer, "none")) ||
           (question->list && bytes_is_nocase(answer, "no"));
}

static bool ask_question(struct arena *arena, struct wizard_answers *answers,
                         const struct question *question)
{
    char line[LINE_SIZE];
    struct bytes answer;
    for (;;) {
        if (!ask(question->text, line, &answer))
            return false;
        if (is_nothing(question, answer) && question->when_empty) {
            answer = bytes_of(question->when_empty);
            if (!answer.len)
                return true;
        }
        if (question->list ? take_list(arena, answers, question, answer)
                           : take(arena, answers, question->key, answer))
            return true;
    }
}

bool spf_wizard_dialogue(struct arena *arena, struct wizard_answers *answers)
{
    static const struct question domain = {"domain", "Which domain is the record for?", NULL,
                                           false};
    static const struct question never = {
        "never-sends", "Is it sure that nothing ever sends mail as the domain? [no]", "no", false};
    if (!answers->domain.len && !ask_question(arena, answers, &domain))
        return false;
    if (!ask_question(arena, answers, &never))
        return false;
    for (size_t i = 0; i < countof(questions) && !answers->never_sends; i++)
        if (!ask_question(arena, answers, &questions[i]))
            return false;
    printf("\n");
    return true;
}
