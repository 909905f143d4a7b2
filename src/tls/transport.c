/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The encrypted transport: OpenSSL between a stream and a plain transport.
 *
 * OpenSSL never waits and never touches the plain transport: its BIO takes from `input` and adds to
 * `output`, and says "retry" when `input` is empty. The waiting is done here, outside of any SSL
 * call. So no fiber switch happens inside OpenSSL, whose error queue belongs to the thread, and an
 * idle connection holds no buffer: `input` and `output` exist only while there is something in
 * them.
 */
#include "tls/internal.h"

#include "base/buf.h"
#include "fiber/sync.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

enum {
    RECORD = 16 * 1024,         /* plaintext of one TLS record */
    INPUT_HANDSHAKE = 4 * 1024, /* who has not finished a handshake gets less memory */
    INPUT_OPEN = 16 * 1024 + 512,
    OUTPUT_MAX = 256 * 1024,
};
#define CLOSE_TIMEOUT (1 * SECOND)

struct tls_transport {
    struct transport base;
    struct transport *plain;
    SSL *ssl;
    uint8_t *input;
    size_t input_used, input_length;
    bool end_of_input;
    int error; /* -errno that every further call returns; 0 while it works */
    struct buf output;
    bool flushing; /* one fiber writes to the plain transport at a time */
    struct fiber_signal flushed;
};

static struct tls_transport *of_base(struct transport *transport)
{
    return (struct tls_transport *)transport;
}

static int bio_read(BIO *bio, char *to, size_t size, size_t *count)
{
    struct tls_transport *t = BIO_get_data(bio);
    size_t have = t->input_length - t->input_used;
    BIO_clear_retry_flags(bio);
    if (have == 0) {
        if (!t->end_of_input)
            BIO_set_retry_read(bio);
        *count = 0;
        return 0;
    }
    if (size > have)
        size = have;
    memcpy(to, t->input + t->input_used, size);
    t->input_used += size;
    if (t->input_used == t->input_length) {
        free(t->input);
        t->input = NULL;
        t->input_used = t->input_length = 0;
    }
    *count = size;
    return 1;
}

static int bio_write(BIO *bio, const char *from, size_t size, size_t *count)
{
    struct tls_transport *t = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    buf_add(&t->output, bytes_from(from, size));
    *count = t->output.failed ? 0 : size;
    return !t->output.failed;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    struct tls_transport *t = BIO_get_data(bio);
    switch (command) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_EOF:
        return t->end_of_input && !t->input;
    default:
        return 0;
    }
}

static BIO_METHOD *bio_method;

bool tls_library_start(struct error *error)
{
    if (bio_method)
        return true;
    /* Reads openssl.cnf now: later the sandbox would not let it. */
    if (!OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS | OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL)) {
        tls_error(error, TEMP, "cannot start OpenSSL");
        return false;
    }
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "transport");
    if (!method || !BIO_meth_set_read_ex(method, bio_read) ||
        !BIO_meth_set_write_ex(method, bio_write) || !BIO_meth_set_ctrl(method, bio_control)) {
        BIO_meth_free(method);
        tls_error(error, TEMP, "cannot start OpenSSL");
        return false;
    }
    bio_method = method;
    return true;
}

enum result tls_error(struct error *error, enum result result, const char *what)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    ERR_clear_error();
    return error_set(error, result, "%s%s%s", what, reason ? ": " : "", reason ? reason : "");
}

static int write_all(struct transport *plain, struct bytes bytes, int64_t deadline)
{
    while (bytes.len) {
        ssize_t written = plain->operations->write(plain, bytes, deadline);
        if (written <= 0)
            return written < 0 ? (int)written : -EPIPE;
        bytes = bytes_skip(bytes, (size_t)written);
    }
    return 0;
}

/*
 * Sends what OpenSSL has put into `output`. While this waits the other direction's fiber may add to
 * `output`: so what is being sent is taken out of it first.
 */
static int flush(struct tls_transport *t, int64_t deadline)
{
    while (t->flushing) {
        int failed = fiber_signal_wait(&t->flushed, deadline);
        if (failed)
            return -failed;
    }
    while (t->output.len && !t->error) {
        struct buf sending = t->output;
        buf_init(&t->output, OUTPUT_MAX);
        t->flushing = true;
        int failed = write_all(t->plain, buf_bytes(&sending), deadline);
        t->flushing = false;
        fiber_signal_all(&t->flushed);
        buf_free(&sending);
        if (failed)
            t->error = failed; /* part of a record is lost: nothing can follow it */
    }
    return t->error;
}

/* Input for OpenSSL. 0 (also at the end of input, which is noted) or -errno. */
static int fill(struct tls_transport *t, int64_t deadline)
{
    if (t->end_of_input)
        return t->error = -ECONNRESET;
    size_t size = SSL_is_init_finished(t->ssl) ? INPUT_OPEN : INPUT_HANDSHAKE;
    uint8_t *input = malloc(size);
    if (!input)
        return -ENOMEM;
    ssize_t count = t->plain->operations->read(t->plain, input, size, deadline);
    if (count <= 0) {
        free(input);
        t->end_of_input = count == 0;
        return (int)count;
    }
    t->input = input;
    t->input_length = (size_t)count;
    t->input_used = 0;
    return 0;
}

static int transport_wait(struct transport *transport, int64_t deadline)
{
    struct tls_transport *t = of_base(transport);
    if (t->error || t->end_of_input || t->input || SSL_pending(t->ssl) > 0)
        return 0;
    return t->plain->operations->wait(t->plain, deadline);
}

static ssize_t transport_read(struct transport *transport, uint8_t *to, size_t size,
                              int64_t deadline)
{
    struct tls_transport *t = of_base(transport);
    for (;;) {
        if (t->error)
            return t->error;
        size_t count = 0;
        ERR_clear_error();
        int done = SSL_read_ex(t->ssl, to, size, &count);
        int why = done ? SSL_ERROR_NONE : SSL_get_error(t->ssl, done);
        /* An answer to a key update; another fiber that is writing takes it along. */
        if (t->output.len && !t->flushing)
            flush(t, deadline);
        if (done)
            return (ssize_t)count;
        if (why == SSL_ERROR_ZERO_RETURN)
            return 0;
        if (why != SSL_ERROR_WANT_READ)
            return t->error = t->end_of_input ? -ECONNRESET : -EPROTO;
        int failed = fill(t, deadline);
        if (failed)
            return failed;
    }
}

static ssize_t transport_write(struct transport *transport, struct bytes from, int64_t deadline)
{
    struct tls_transport *t = of_base(transport);
    if (t->error)
        return t->error;
    if (from.len == 0)
        return 0;
    size_t count = 0;
    ERR_clear_error();
    if (!SSL_write_ex(t->ssl, from.ptr, from.len < RECORD ? from.len : RECORD, &count))
        return t->error = -EPIPE;
    int failed = flush(t, deadline);
    return failed ? failed : (ssize_t)count;
}

static void release(struct tls_transport *t)
{
    if (t->plain)
        t->plain->operations->close(t->plain);
    SSL_free(t->ssl);
    free(t->input);
    buf_free(&t->output);
    free(t);
}

static void transport_close(struct transport *transport)
{
    struct tls_transport *t = of_base(transport);
    if (!t->error) {
        /* A fiber that was cancelled still says good-bye, briefly. */
        fiber_shield();
        ERR_clear_error();
        SSL_shutdown(t->ssl);
        flush(t, loop_deadline(CLOSE_TIMEOUT));
        fiber_unshield();
    }
    ERR_clear_error();
    release(t);
}

static const struct transport_operations operations = {
    .wait = transport_wait,
    .read = transport_read,
    .write = transport_write,
    .close = transport_close,
};

SSL *tls_transport_ssl(struct transport *transport)
{
    return transport->operations == &operations ? of_base(transport)->ssl : NULL;
}

static enum result handshake_failed(struct tls_transport *t, int failed, struct error *error)
{
    if (failed == -ETIMEDOUT)
        return error_set(error, TEMP, "time-out in the TLS handshake");
    if (failed == -ECANCELED)
        return error_set(error, TEMP, "cancelled in the TLS handshake");
    return error_set(error, TEMP, "connection lost in the TLS handshake: %s", strerror(-failed));
}

static enum tls_failure failure_of(long verified)
{
    switch (verified) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return TLS_FAILURE_EXPIRED;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return TLS_FAILURE_NAME;
    case X509_V_ERR_DANE_NO_MATCH:
        return TLS_FAILURE_TLSA;
    default:
        return TLS_FAILURE_UNTRUSTED;
    }
}

/* OpenSSL gave up. */
static enum result handshake_refused(struct tls_transport *t, enum tls_failure *failure,
                                     struct error *error)
{
    long verified = SSL_get_verify_result(t->ssl);
    if (t->end_of_input) {
        *failure = TLS_FAILURE_CONNECTION;
        return error_set(error, TEMP, "connection lost in the TLS handshake");
    }
    /* The certificate is looked at also where nobody asked; then it is not the reason. */
    if (verified == X509_V_OK || !(SSL_get_verify_mode(t->ssl) & SSL_VERIFY_PEER)) {
        *failure = TLS_FAILURE_HANDSHAKE;
        return tls_error(error, PERM, "TLS handshake failed");
    }
    *failure = failure_of(verified);
    return error_set(error, PERM, "certificate not valid: %s",
                     X509_verify_cert_error_string(verified));
}

static enum result run_handshake(struct tls_transport *t, int64_t deadline,
                                 enum tls_failure *failure, struct error *error)
{
    for (;;) {
        ERR_clear_error();
        int done = SSL_do_handshake(t->ssl);
        int why = done == 1 ? SSL_ERROR_NONE : SSL_get_error(t->ssl, done);
        if (why != SSL_ERROR_NONE && why != SSL_ERROR_WANT_READ) {
            enum result result = handshake_refused(t, failure, error);
            flush(t, deadline); /* the alert */
            return result;
        }
        *failure = TLS_FAILURE_CONNECTION;
        int failed = flush(t, deadline);
        if (failed)
            return handshake_failed(t, failed, error);
        if (done == 1)
            return OK;
        failed = fill(t, deadline);
        if (failed)
            return handshake_failed(t, failed, error);
    }
}

static void copy_text(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from ? from : "");
}

static void fill_info(SSL *ssl, struct tls_info *info)
{
    copy_text(info->version, sizeof(info->version), SSL_get_version(ssl));
    copy_text(info->cipher, sizeof(info->cipher), SSL_get_cipher_name(ssl));
    copy_text(info->server_name, sizeof(info->server_name),
              SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
    info->bits = (unsigned)SSL_get_cipher_bits(ssl, NULL);
    info->peer_verified = (SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER) &&
                          SSL_get0_peer_certificate(ssl) && SSL_get_verify_result(ssl) == X509_V_OK;
}

enum result tls_handshake(SSL *ssl, struct transport *plain, int64_t deadline,
                          struct transport **out, struct tls_info *info, enum tls_failure *failure,
                          struct error *error)
{
    enum tls_failure ignored;
    if (!failure)
        failure = &ignored;
    *failure = TLS_FAILURE_CONNECTION;
    struct tls_transport *t = calloc(1, sizeof(*t));
    BIO *bio = t ? BIO_new(bio_method) : NULL;
    if (!bio) {
        free(t);
        SSL_free(ssl);
        plain->operations->close(plain);
        return error_set(error, TEMP, "no memory for TLS");
    }
    t->base.operations = &operations;
    t->plain = plain;
    t->ssl = ssl;
    buf_init(&t->output, OUTPUT_MAX);
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    enum result result = run_handshake(t, deadline, failure, error);
    ERR_clear_error();
    if (result != OK) {
        release(t);
        return result;
    }
    *failure = TLS_FAILURE_NONE;
    if (info)
        fill_info(ssl, info);
    *out = &t->base;
    return OK;
}
