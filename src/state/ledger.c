/* SPDX-License-Identifier: BSD-2-Clause */
#include "state/ledger.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SCHEMA_VERSION = 1, BUSY_TIMEOUT_MS = 5000 };

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS message ("
    " id TEXT PRIMARY KEY, received_at INTEGER NOT NULL, client TEXT NOT NULL,"
    " sender TEXT NOT NULL, header_from TEXT NOT NULL, action TEXT NOT NULL, trust TEXT NOT NULL,"
    " code INTEGER NOT NULL, policy TEXT NOT NULL, evidence TEXT NOT NULL, verdict TEXT NOT NULL,"
    " delivery TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS message_received_at ON message (received_at);"
    "CREATE TABLE IF NOT EXISTS recipient ("
    " id TEXT NOT NULL, position INTEGER NOT NULL, mailbox TEXT NOT NULL,"
    " PRIMARY KEY (id, position)) WITHOUT ROWID;"
    "PRAGMA user_version = 1;";

enum statement { INSERT_MESSAGE, INSERT_RECIPIENT, BEGIN, COMMIT, ROLLBACK, STATEMENTS };

static const char *const statement_texts[STATEMENTS] = {
    [INSERT_MESSAGE] = "INSERT OR REPLACE INTO message VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
    [INSERT_RECIPIENT] = "INSERT OR REPLACE INTO recipient VALUES (?,?,?)",
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
};

struct ledger {
    sqlite3 *database;
    sqlite3_stmt *statements[STATEMENTS];
};

static enum result sqlite_error(struct ledger *ledger, struct error *error, const char *doing)
{
    int code = sqlite3_errcode(ledger->database);
    bool permanent = code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
    return error_set(error, permanent ? PERM : TEMP, "ledger: %s: %s", doing,
                     sqlite3_errmsg(ledger->database));
}

static enum result execute(struct ledger *ledger, const char *sql, const char *doing,
                           struct error *error)
{
    if (sqlite3_exec(ledger->database, sql, NULL, NULL, NULL) != SQLITE_OK)
        return sqlite_error(ledger, error, doing);
    return OK;
}

static enum result read_version(struct ledger *ledger, int *version, struct error *error)
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(ledger->database, "PRAGMA user_version", -1, &statement, NULL) != SQLITE_OK)
        return sqlite_error(ledger, error, "cannot read the version");
    *version = sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int(statement, 0) : -1;
    sqlite3_finalize(statement);
    return *version < 0 ? sqlite_error(ledger, error, "cannot read the version") : OK;
}

static enum result prepare_all(struct ledger *ledger, struct error *error)
{
    for (int i = 0; i < STATEMENTS; i++)
        if (sqlite3_prepare_v3(ledger->database, statement_texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &ledger->statements[i], NULL) != SQLITE_OK)
            return sqlite_error(ledger, error, "cannot prepare a statement");
    return OK;
}

static enum result set_up(struct ledger *ledger, enum ledger_mode mode, struct error *error)
{
    int version = 0;
    enum result result = read_version(ledger, &version, error);
    if (result != OK)
        return result;
    if (version > SCHEMA_VERSION)
        return error_set(error, PERM, "ledger: written by a newer version (schema %d, this is %d)",
                         version, SCHEMA_VERSION);
    if (mode == LEDGER_READ)
        return version == SCHEMA_VERSION
                   ? OK
                   : error_set(error, NONE, "ledger: nothing has been written yet");
    /* NORMAL: a power loss may cost the last entries, never the file. The mail itself is durable
     * before 250; the ledger is its story. */
    result = execute(ledger, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;", "cannot set WAL",
                     error);
    if (result == OK && version < SCHEMA_VERSION)
        result = execute(ledger, schema, "cannot create the tables", error);
    return result == OK ? prepare_all(ledger, error) : result;
}

enum result ledger_open(const char *file, enum ledger_mode mode, struct ledger **out,
                        struct error *error)
{
    struct ledger *ledger = calloc(1, sizeof(*ledger));
    if (!ledger)
        return error_set(error, TEMP, "ledger: out of memory");
    int flags = SQLITE_OPEN_NOMUTEX | (mode == LEDGER_READ ? SQLITE_OPEN_READONLY
                                                           : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    int code = sqlite3_open_v2(file, &ledger->database, flags, NULL);
    enum result result;
    if (code != SQLITE_OK) {
        /* SQLite does not say why; the kernel does. */
        bool absent = access(file, F_OK) != 0 && errno == ENOENT;
        bool denied = !absent && access(file, R_OK) != 0;
        result = error_set(error, absent && mode == LEDGER_READ ? NONE : TEMP, "ledger: cannot open %s: %s",
                           file,
                           absent             ? "there is none"
                           : denied           ? strerror(errno)
                           : ledger->database ? sqlite3_errmsg(ledger->database)
                                              : "out of memory");
    } else {
        sqlite3_busy_timeout(ledger->database, BUSY_TIMEOUT_MS);
        result = set_up(ledger, mode, error);
    }
    if (result == OK)
        *out = ledger;
    else
        ledger_close(ledger);
    return result;
}

void ledger_close(struct ledger *ledger)
{
    if (!ledger)
        return;
    for (int i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(ledger->statements[i]);
    sqlite3_close(ledger->database);
    free(ledger);
}

static void bind(sqlite3_stmt *statement, int position, struct bytes text)
{
    sqlite3_bind_text64(statement, position, text.len ? (const char *)text.ptr : "", text.len,
                        SQLITE_STATIC, SQLITE_UTF8);
}

static bool run(sqlite3_stmt *statement)
{
    bool done = sqlite3_step(statement) == SQLITE_DONE;
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return done;
}

static bool insert(struct ledger *ledger, const struct ledger_entry *entry)
{
    sqlite3_stmt *message = ledger->statements[INSERT_MESSAGE];
    bind(message, 1, entry->id);
    sqlite3_bind_int64(message, 2, entry->received_at);
    bind(message, 3, entry->client);
    bind(message, 4, entry->sender);
    bind(message, 5, entry->header_from);
    bind(message, 6, entry->action);
    bind(message, 7, entry->trust);
    sqlite3_bind_int64(message, 8, entry->code);
    bind(message, 9, entry->policy);
    bind(message, 10, entry->evidence);
    bind(message, 11, entry->verdict);
    bind(message, 12, entry->delivery);
    if (!run(message))
        return false;
    sqlite3_stmt *recipient = ledger->statements[INSERT_RECIPIENT];
    for (size_t i = 0; i < entry->recipient_count; i++) {
        bind(recipient, 1, entry->id);
        sqlite3_bind_int64(recipient, 2, (sqlite3_int64)i);
        bind(recipient, 3, entry->recipients[i]);
        if (!run(recipient))
            return false;
    }
    return true;
}

enum result ledger_append(struct ledger *ledger, const struct ledger_entry *entries, size_t count,
                          struct error *error)
{
    if (!run(ledger->statements[BEGIN]))
        return sqlite_error(ledger, error, "cannot begin");
    for (size_t i = 0; i < count; i++) {
        if (!insert(ledger, &entries[i])) {
            enum result result = sqlite_error(ledger, error, "cannot write");
            run(ledger->statements[ROLLBACK]);
            return result;
        }
    }
    if (!run(ledger->statements[COMMIT])) {
        enum result result = sqlite_error(ledger, error, "cannot commit");
        run(ledger->statements[ROLLBACK]);
        return result;
    }
    return OK;
}

enum result ledger_expire(struct ledger *ledger, int64_t epoch, unsigned most, unsigned *removed,
                          struct error *error)
{
    *removed = 0;
    static const char *const texts[] = {
        "DELETE FROM recipient WHERE id IN"
        " (SELECT id FROM message WHERE received_at < ?1 ORDER BY received_at, id LIMIT ?2)",
        "DELETE FROM message WHERE id IN"
        " (SELECT id FROM message WHERE received_at < ?1 ORDER BY received_at, id LIMIT ?2)",
    };
    if (!run(ledger->statements[BEGIN]))
        return sqlite_error(ledger, error, "cannot begin");
    bool fine = true;
    for (size_t i = 0; i < countof(texts) && fine; i++) {
        sqlite3_stmt *statement = NULL;
        fine = sqlite3_prepare_v2(ledger->database, texts[i], -1, &statement, NULL) == SQLITE_OK;
        if (fine) {
            sqlite3_bind_int64(statement, 1, epoch);
            sqlite3_bind_int64(statement, 2, most);
            fine = sqlite3_step(statement) == SQLITE_DONE;
        }
        sqlite3_finalize(statement);
    }
    if (fine) {
        *removed = (unsigned)sqlite3_changes(ledger->database);
        fine = run(ledger->statements[COMMIT]);
    }
    if (fine)
        return OK;
    enum result result = sqlite_error(ledger, error, "cannot expire");
    run(ledger->statements[ROLLBACK]);
    return result;
}

static struct bytes column(sqlite3_stmt *statement, int index)
{
    const void *text = sqlite3_column_text(statement, index);
    return bytes_from(text ? text : "", (size_t)sqlite3_column_bytes(statement, index));
}

static void read_entry(sqlite3_stmt *statement, struct ledger_entry *entry)
{
    *entry = (struct ledger_entry){
        .id = column(statement, 0),
        .received_at = sqlite3_column_int64(statement, 1),
        .client = column(statement, 2),
        .sender = column(statement, 3),
        .header_from = column(statement, 4),
        .action = column(statement, 5),
        .trust = column(statement, 6),
        .code = (unsigned)sqlite3_column_int(statement, 7),
        .policy = column(statement, 8),
        .evidence = column(statement, 9),
        .verdict = column(statement, 10),
        .delivery = column(statement, 11),
    };
}

/* Fills entry->recipients, in the arena. */
static enum result read_recipients(struct ledger *ledger, struct arena *arena,
                                   struct ledger_entry *entry, struct error *error)
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(ledger->database,
                           "SELECT mailbox, count(*) OVER () FROM recipient WHERE id = ?"
                           " ORDER BY position",
                           -1, &statement, NULL) != SQLITE_OK)
        return sqlite_error(ledger, error, "cannot read recipients");
    bind(statement, 1, entry->id);
    struct bytes *recipients = NULL;
    size_t count = 0, total = 0;
    bool exhausted = false;
    while (!exhausted && sqlite3_step(statement) == SQLITE_ROW) {
        if (!recipients) {
            total = (size_t)sqlite3_column_int64(statement, 1);
            recipients = arena_alloc_array(arena, total, sizeof(*recipients));
        }
        exhausted = !recipients || count == total;
        if (!exhausted)
            recipients[count++] = arena_copy(arena, column(statement, 0));
    }
    sqlite3_finalize(statement);
    entry->recipients = recipients;
    entry->recipient_count = count;
    return exhausted ? error_set(error, TEMP, "ledger: not enough memory") : OK;
}

static bool keep(struct arena *arena, struct bytes *slice)
{
    *slice = arena_copy(arena, *slice);
    return slice->ptr != NULL;
}

enum result ledger_find(struct ledger *ledger, struct arena *arena, struct bytes id,
                        struct ledger_entry *out, struct error *error)
{
    sqlite3_stmt *statement;
    /* substr, not LIKE: no character of the id is a pattern. */
    if (sqlite3_prepare_v2(ledger->database,
                           "SELECT * FROM message WHERE id >= ?1 AND substr(id, 1, length(?1)) = ?1"
                           " ORDER BY id LIMIT 2",
                           -1, &statement, NULL) != SQLITE_OK)
        return sqlite_error(ledger, error, "cannot read");
    bind(statement, 1, id);
    enum result result = OK;
    if (id.len == 0 || sqlite3_step(statement) != SQLITE_ROW) {
        result = error_set(error, NONE, "no message " BYTES_FMT " in the ledger", BYTES_ARG(id));
    } else {
        read_entry(statement, out);
        bool kept = keep(arena, &out->id) && keep(arena, &out->client) && keep(arena, &out->sender) &&
                    keep(arena, &out->header_from) && keep(arena, &out->action) &&
                    keep(arena, &out->trust) && keep(arena, &out->policy) &&
                    keep(arena, &out->evidence) && keep(arena, &out->verdict) &&
                    keep(arena, &out->delivery);
        if (!kept)
            result = error_set(error, TEMP, "ledger: not enough memory");
        else if (!bytes_equal(out->id, id) && sqlite3_step(statement) == SQLITE_ROW)
            result = error_set(error, PERM, "more than one message begins with " BYTES_FMT, BYTES_ARG(id));
    }
    sqlite3_finalize(statement);
    return result == OK ? read_recipients(ledger, arena, out, error) : result;
}

/* "a@b" matches itself; "b" and "@b" match everything at b. A NULL pattern matches all. */
#define MATCHES(column, parameter)                                                                 \
    "(" parameter " IS NULL OR lower(" column ") = lower(" parameter ") OR (substr(" parameter       \
    ", 1, 1) = '@' AND lower(substr(" column ", -length(" parameter "))) = lower(" parameter ")))"

static const char select_text[] =
    "SELECT * FROM (SELECT * FROM message WHERE"
    " (?1 IS NULL OR received_at >= ?1) AND (?2 IS NULL OR received_at <= ?2)"
    " AND (?3 IS NULL OR action = ?3) AND (?4 IS NULL OR client = ?4)"
    " AND (" MATCHES("sender", "?5") " OR " MATCHES("header_from", "?5") ")"
    " AND (?6 IS NULL OR EXISTS (SELECT 1 FROM recipient WHERE recipient.id = message.id"
    "   AND " MATCHES("mailbox", "?6") "))"
    " ORDER BY received_at DESC, id DESC LIMIT ?7) ORDER BY received_at, id";

static void bind_pattern(sqlite3_stmt *statement, int position, struct bytes pattern)
{
    if (!pattern.len)
        return;
    if (bytes_find_byte(pattern, '@') != BYTES_NOT_FOUND) {
        bind(statement, position, pattern);
        return;
    }
    char *text = sqlite3_mprintf("@%.*s", BYTES_ARG(pattern));
    sqlite3_bind_text(statement, position, text, -1, sqlite3_free);
}

enum result ledger_select(struct ledger *ledger, const struct ledger_filter *filter,
                          bool (*each)(void *context, const struct ledger_entry *entry),
                          void *context, struct error *error)
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(ledger->database, select_text, -1, &statement, NULL) != SQLITE_OK)
        return sqlite_error(ledger, error, "cannot select");
    if (filter->since)
        sqlite3_bind_int64(statement, 1, filter->since);
    if (filter->until)
        sqlite3_bind_int64(statement, 2, filter->until);
    if (filter->action.len)
        bind(statement, 3, filter->action);
    if (filter->client.len)
        bind(statement, 4, filter->client);
    bind_pattern(statement, 5, filter->sender);
    bind_pattern(statement, 6, filter->recipient);
    sqlite3_bind_int64(statement, 7, filter->most ? (sqlite3_int64)filter->most : -1);
    enum result result = OK;
    struct arena *arena = arena_create(16 << 20);
    int code = SQLITE_ROW;
    bool more = arena != NULL;
    if (!arena)
        result = error_set(error, TEMP, "ledger: out of memory");
    while (more && result == OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        struct ledger_entry entry;
        read_entry(statement, &entry);
        result = read_recipients(ledger, arena, &entry, error);
        if (result == OK)
            more = each(context, &entry);
        arena_reset(arena);
    }
    if (result == OK && code != SQLITE_ROW && code != SQLITE_DONE)
        result = sqlite_error(ledger, error, "cannot select");
    arena_destroy(arena);
    sqlite3_finalize(statement);
    return result;
}
