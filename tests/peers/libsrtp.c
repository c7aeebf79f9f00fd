/*
 * libsrtp2 as a peer on a pipe: seals and opens what it is handed.
 *
 * usage: libsrtp gcm128|gcm256|cm80 KEY_AND_SALT_IN_HEX
 *
 * Numbers are big-endian. A request is a count (4 bytes) and so many packets: what to do (1 byte:
 * p/u seal/open RTP, P/U seal/open RTCP), a length (2 bytes), the packet. The answer has, for each
 * in turn: libsrtp's status (1 byte, 0 is success), a length (2 bytes), the packet.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <srtp2/srtp.h>

enum { MAX_PACKET = 2048, MAX_BATCH = 4096 };

struct packet {
    uint8_t what;
    int len;
    /* libsrtp wants packets aligned, with room to grow. */
    _Alignas(8) uint8_t bytes[MAX_PACKET + SRTP_MAX_TRAILER_LEN];
};

static struct packet batch[MAX_BATCH];

static void fail(const char *why) {
    fprintf(stderr, "libsrtp peer: %s\n", why);
    exit(1);
}

static uint32_t number(int size) {
    uint32_t value = 0;
    while (size-- > 0) {
        int byte = getchar();
        if (byte == EOF) fail("the request ends early");
        value = value << 8 | (uint32_t)byte;
    }
    return value;
}

static srtp_t make(const char *profile, uint8_t *key, srtp_ssrc_type_t direction) {
    srtp_policy_t policy;
    srtp_t context;
    memset(&policy, 0, sizeof policy);
    if (strcmp(profile, "gcm128") == 0) {
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
    } else if (strcmp(profile, "gcm256") == 0) {
        srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy.rtp);
        srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy.rtcp);
    } else {
        srtp_crypto_policy_set_rtp_default(&policy.rtp);
        srtp_crypto_policy_set_rtcp_default(&policy.rtcp);
    }
    policy.ssrc.type = direction;
    policy.key = key;
    policy.window_size = 1024;
    if (srtp_create(&context, &policy) != srtp_err_status_ok) fail("this profile is not built in");
    return context;
}

int main(int argc, char **argv) {
    uint8_t key[64];
    size_t key_len = 0;
    if (argc != 3 || strlen(argv[2]) / 2 > sizeof key) fail("wrong arguments");
    for (const char *digit = argv[2]; digit[0] && digit[1]; digit += 2) {
        unsigned byte;
        if (sscanf(digit, "%2x", &byte) != 1) fail("the key is not hexadecimal");
        key[key_len++] = (uint8_t)byte;
    }
    if (srtp_init() != srtp_err_status_ok) fail("libsrtp does not start");
    srtp_t sender = make(argv[1], key, ssrc_any_outbound);
    srtp_t receiver = make(argv[1], key, ssrc_any_inbound);

    for (int first; (first = getchar()) != EOF;) {
        uint32_t count = (uint32_t)first << 24 | number(3);
        if (count > MAX_BATCH) fail("too many packets in one request");
        /* All is read before anything is written, so that the pipes cannot block each other. */
        for (uint32_t at = 0; at < count; at++) {
            struct packet *packet = &batch[at];
            packet->what = (uint8_t)number(1);
            packet->len = (int)number(2);
            if (packet->len > MAX_PACKET) fail("a packet is too long");
            if (fread(packet->bytes, 1, (size_t)packet->len, stdin) != (size_t)packet->len) fail("a packet ends early");
        }
        for (uint32_t at = 0; at < count; at++) {
            struct packet *packet = &batch[at];
            srtp_err_status_t status = srtp_err_status_bad_param;
            switch (packet->what) {
            case 'p': status = srtp_protect(sender, packet->bytes, &packet->len); break;
            case 'u': status = srtp_unprotect(receiver, packet->bytes, &packet->len); break;
            case 'P': status = srtp_protect_rtcp(sender, packet->bytes, &packet->len); break;
            case 'U': status = srtp_unprotect_rtcp(receiver, packet->bytes, &packet->len); break;
            }
            putchar((int)status);
            putchar(packet->len >> 8);
            putchar(packet->len & 0xff);
            fwrite(packet->bytes, 1, (size_t)packet->len, stdout);
        }
        fflush(stdout);
    }
    return 0;
}
