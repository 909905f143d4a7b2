/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libspf2's side of bench/run-auth: spf2 ZONE CHECKS. The zone's lines are "NAME TYPE VALUE"; libspf2's own
 * cache stands before it and is warm. Prints "N in SECONDS" of processor time.
 */
#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <spf2/spf.h>
#include <spf2/spf_dns_cache.h>
#include <spf2/spf_dns_zone.h>

enum { CLIENTS = 64 };

static double processor_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void fail(const char *what)
{
    fprintf(stderr, "spf2: %s\n", what);
    exit(1);
}

static SPF_dns_server_t *read_zone(const char *path)
{
    SPF_dns_server_t *zone = SPF_dns_zone_new(NULL, "zone", 0);
    FILE *file = fopen(path, "r");
    char line[2048];
    if (!zone || !file)
        fail("no zone");
    while (fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\n")] = '\0';
        char *type = strchr(line, ' '), *value = type ? strchr(type + 1, ' ') : NULL;
        if (!value)
            continue;
        *type++ = *value++ = '\0';
        size_t length = strlen(value);
        if (*value == '"') {
            value[length - 1] = '\0';
            value++;
        }
        int number = strcmp(type, "TXT") == 0 ? ns_t_txt : strcmp(type, "MX") == 0 ? ns_t_mx : ns_t_a;
        /* Its zone takes the exchange of an MX without the preference. */
        if (number == ns_t_mx)
            value = strchr(value, ' ') + 1;
        if (SPF_dns_zone_add_str(zone, line, number, NETDB_SUCCESS, value))
            fail(line);
    }
    fclose(file);
    return zone;
}

static void check(SPF_server_t *server, unsigned number)
{
    SPF_request_t *request = SPF_request_new(server);
    SPF_response_t *response = NULL;
    struct in_addr client = {htonl(0xcb007100u + number % CLIENTS * 4)};
    SPF_request_set_ipv4(request, client);
    SPF_request_set_helo_dom(request, "mail.example.org");
    SPF_request_set_env_from(request, "somebody@example.org");
    SPF_request_query_mailfrom(request, &response);
    SPF_result_t expected = number % CLIENTS * 4 >= 128 ? SPF_RESULT_PASS : SPF_RESULT_FAIL;
    if (!response || SPF_response_result(response) != expected)
        fail(response ? SPF_strresult(SPF_response_result(response)) : "no response");
    SPF_response_free(response);
    SPF_request_free(request);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        fail("usage: spf2 ZONE CHECKS");
    SPF_dns_server_t *cache = SPF_dns_cache_new(read_zone(argv[1]), NULL, 0, 8);
    SPF_server_t *server = SPF_server_new_dns(cache, 0);
    if (!server || SPF_server_set_rec_dom(server, "mx.example.net"))
        fail("no server");
    unsigned count = (unsigned)strtoul(argv[2], NULL, 10);
    for (unsigned i = 0; i < CLIENTS; i++)
        check(server, i);
    double start = processor_time();
    for (unsigned i = 0; i < count; i++)
        check(server, i);
    printf("%u in %.6f\n", count, processor_time() - start);
    return 0;
}
