/* SPDX-License-Identifier: BSD-2-Clause */
/* One command line. What is good strictly is good leniently and means the same; slices stay inside.
 */
#include "smtp/command.h"

#include <stdlib.h>
#include <string.h>

static void check(bool condition)
{
    if (!condition)
        abort();
}

static void check_inside(struct bytes part, struct bytes line)
{
    if (part.len)
        check(part.ptr >= line.ptr && part.ptr + part.len <= line.ptr + line.len);
}

static void check_command(const struct smtp_command *command, struct bytes line)
{
    check_inside(command->argument, line);
    check_inside(command->path.text, line);
    check(command->parameter_count <= SMTP_PARAMETERS_MAX);
    for (size_t i = 0; i < command->parameter_count; i++) {
        check(command->parameters[i].keyword.len > 0);
        check_inside(command->parameters[i].keyword, line);
        check_inside(command->parameters[i].value, line);
    }
    for (size_t i = 0; i < command->path.text.len; i++)
        check(command->path.text.ptr[i] >= 0x20 && command->path.text.ptr[i] != 0x7f);
    if (command->verb == SMTP_MAIL && !command->path.null)
        check(command->path.mailbox.local.len <= MAILBOX_LOCAL_MAX &&
              command->path.mailbox.domain.len > 0);
    if (command->verb == SMTP_RCPT)
        check(!command->path.null && command->path.text.len > 0);
    check(command->chunk_size <= INT64_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(1 << 20);
    struct smtp_command strict, lenient;
    struct error error;
    struct bytes line = bytes_from(data, size);
    enum smtp_syntax strict_syntax = smtp_command_parse(arena, line, false, &strict, &error);
    enum smtp_syntax lenient_syntax = smtp_command_parse(arena, line, true, &lenient, &error);
    if (strict_syntax == SMTP_SYNTAX_GOOD) {
        check_command(&strict, line);
        check(!strict.lenient_used);
        check(lenient_syntax == SMTP_SYNTAX_GOOD && lenient.verb == strict.verb);
        check(bytes_equal(strict.path.text, lenient.path.text));
        check(strict.parameter_count == lenient.parameter_count);
        check(!lenient.lenient_used);
    }
    if (lenient_syntax == SMTP_SYNTAX_GOOD)
        check_command(&lenient, line);
    else
        check(error.text[0] != '\0');
    arena_destroy(arena);
    return 0;
}
