/* A load generator that costs far less than the servers it asks: HTTP/1.1 over kept connections, one thread, epoll.
 *
 *     load PORT REQUESTS CONNECTIONS SECONDS [RATE] > answers.json
 *
 * REQUESTS holds whole requests, each behind its length (4 bytes, little-endian); they are sent in turn, so that no
 * two neighbours carry the same row. Without RATE every connection asks again as soon as it is answered. With RATE
 * requests begin at random moments (Poisson), so many a second, whether or not the server keeps up, and a latency
 * counts from the moment at which the request was due: waiting for a free connection is part of it.
 * Every status is looked at; some bodies are printed with the number of their request, for the caller to check.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 1 << 20, SAMPLES = 24, SAMPLED_EVERY = 97 };

typedef struct {
    int fd, busy;
    uint32_t request;
    size_t sent, filled;
    double due;
    char *buffer;
} Connection;

static uint8_t *file;
static uint8_t **requests;
static uint32_t *sizes, count, next_request;
static float *latencies;
static size_t answered, wrong, room_for;
static char *samples[SAMPLES];
static uint32_t sampled_request[SAMPLES], sample_sizes[SAMPLES];
static int sampled, last_status, poller;
static uint64_t state = 88172645463325252ull;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static void die(const char *what) {
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double gap(double rate) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return -log(((state >> 11) + 1) * 0x1p-53) / rate;
}

static void read_requests(const char *path) {
    FILE *f = fopen(path, "rb");
    if (!f) die(path);
    fseek(f, 0, SEEK_END);
    long size = ftell(f);
    rewind(f);
    file = malloc(size);
    if (!file || fread(file, 1, size, f) != (size_t)size) die(path);
    fclose(f);
    requests = malloc(sizeof *requests * (size / 4 + 1));
    sizes = malloc(sizeof *sizes * (size / 4 + 1));
    for (long at = 0; at + 4 <= size; at += 4 + sizes[count++]) {
        memcpy(&sizes[count], file + at, 4);
        requests[count] = file + at + 4;
    }
}

static void dial(Connection *c, int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(c->fd, (struct sockaddr *)&address, sizeof address)) die("connect");
    int one = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event)) die("epoll");
    c->busy = 0;
}

static void push(Connection *c) {
    while (c->sent < sizes[c->request]) {
        ssize_t n = send(c->fd, requests[c->request] + c->sent, sizes[c->request] - c->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) break;
        if (n < 0) die("send");
        c->sent += n;
    }
    int left = c->sent < sizes[c->request];
    if (left || c->busy == 2) { /* wait until there is room, or no longer */
        struct epoll_event event = {.events = EPOLLIN | (left ? EPOLLOUT : 0), .data.ptr = c};
        epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &event);
    }
    c->busy = left ? 2 : 1;
}

static void ask(Connection *c, double due) {
    c->request = next_request++ % count;
    c->sent = c->filled = 0;
    c->due = due;
    c->busy = 1;
    push(c);
}

/* The end of a chunked body that starts at `p`, or NULL; the chunks are put together at `p`, `*size` bytes. */
static char *chunks(char *p, char *end, size_t *size) {
    char *out = p, *start = p;
    size_t lengths[4096], n = 0;
    char *starts[4096];
    for (;;) {
        char *line = memmem(p, end - p, "\r\n", 2);
        if (!line || n == 4096) return NULL;
        size_t length = strtoul(p, NULL, 16);
        p = line + 2;
        if (p + length + 2 > end) return NULL;
        if (!length) break;
        starts[n] = p, lengths[n++] = length;
        p += length + 2;
    }
    for (size_t i = 0; i < n; out += lengths[i++]) memmove(out, starts[i], lengths[i]);
    *size = out - start;
    return p + 2;
}

/* Whether the buffer holds the whole answer; its body is *body, *size bytes; *close when the server ends here. */
static int whole(Connection *c, char **body, size_t *size, int *close_it) {
    c->buffer[c->filled] = 0;
    char *end = memmem(c->buffer, c->filled, "\r\n\r\n", 4);
    if (!end) return 0;
    *body = end + 4;
    *size = 0;
    *close_it = 0;
    int chunked = 0;
    for (char *line = c->buffer; line < end; line = strstr(line, "\r\n") + 2) {
        if (!strncasecmp(line, "content-length:", 15)) *size = strtoul(line + 15, NULL, 10);
        if (!strncasecmp(line, "transfer-encoding: chunked", 26)) chunked = 1;
        if (!strncasecmp(line, "connection: close", 17)) *close_it = 1;
    }
    if (chunked) return chunks(*body, c->buffer + c->filled, size) != NULL;
    return c->filled >= (size_t)(*body - c->buffer) + *size;
}

static void note(Connection *c, double at, char *body, size_t size) {
    int status = atoi(c->buffer + 9);
    if (status != 200) wrong++, last_status = status;
    if (sampled < SAMPLES && (status != 200 || answered % SAMPLED_EVERY == 0)) {
        samples[sampled] = malloc(size + 1);
        memcpy(samples[sampled], body, size);
        sample_sizes[sampled] = size;
        sampled_request[sampled++] = c->request;
    }
    if (answered == room_for) latencies = realloc(latencies, sizeof *latencies * (room_for = room_for * 2 + 65536));
    latencies[answered++] = at - c->due;
}

static int by_size(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void print(double seconds) {
    qsort(latencies, answered, sizeof *latencies, by_size);
    double last = answered ? answered - 1 : 0;
    printf("{\"answers\": %zu, \"wrong\": %zu, \"status\": %d, \"seconds\": %.6f, \"samples\": [", answered, wrong,
           last_status, seconds);
    for (int i = 0; i < sampled; i++) { /* the bodies in hexadecimal: they may be binary */
        printf("%s[%u, \"", i ? ", " : "", sampled_request[i]);
        for (uint32_t k = 0; k < sample_sizes[i]; k++) printf("%02x", (unsigned char)samples[i][k]);
        printf("\"]");
    }
    printf("]");
    const double wanted[] = {50, 90, 99, 99.9};
    for (int i = 0; answered && i < 4; i++)
        printf(", \"p%g\": %.9f", wanted[i], latencies[(size_t)(last * wanted[i] / 100)]);
    printf("}\n");
}

int main(int argc, char **argv) {
    if (argc < 5) return fprintf(stderr, "load PORT REQUESTS CONNECTIONS SECONDS [RATE]\n"), 2;
    int port = atoi(argv[1]), connections = atoi(argv[3]);
    double seconds = atof(argv[4]), rate = argc > 5 ? atof(argv[5]) : 0;
    prctl(PR_SET_TIMERSLACK, 1);
    read_requests(argv[2]);
    poller = epoll_create1(0);
    Connection *all = calloc(connections, sizeof *all);
    for (int i = 0; i < connections; i++) all[i].buffer = malloc(ROOM + 1), dial(&all[i], port);
    double begin = now(), end = begin + seconds, due = begin, heard = begin;
    int busy = 0;
    for (int i = 0; !rate && i < connections; i++, busy++) ask(&all[i], now());
    for (double at = now(); (at < end || busy) && at < end + 20; at = now()) {
        for (int i = 0; rate && i < connections && due <= at && due < end; i++)
            if (!all[i].busy) ask(&all[i], due), busy++, due += gap(rate);
        double until = rate && busy < connections && due < end ? due - at : 0.05;
        struct timespec wait = {0, until > 0 ? (long)(fmin(until, 0.05) * 1e9) : 0};
        struct epoll_event events[256];
        int found = epoll_pwait2(poller, events, 256, &wait, NULL);
        for (int i = 0; i < found; i++) {
            Connection *c = events[i].data.ptr;
            if (c->busy == 2 && events[i].events & EPOLLOUT) push(c);
            if (!(events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))) continue;
            ssize_t n = recv(c->fd, c->buffer + c->filled, ROOM - c->filled, 0);
            if (n < 0 && errno == EAGAIN) continue;
            if (n <= 0) die("the server closed a connection in the middle");
            c->filled += n;
            char *body;
            size_t size;
            int close_it;
            if (!whole(c, &body, &size, &close_it)) continue;
            heard = now();
            note(c, heard, body, size);
            c->busy = 0, busy--;
            if (close_it) close(c->fd), dial(c, port);
            if (!rate && heard < end) ask(c, heard), busy++;
        }
    }
    print(heard - begin);
    return busy ? fprintf(stderr, "load: %d requests were never answered\n", busy), 1 : 0;
}
