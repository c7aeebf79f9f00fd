/* The streams of a session by SSRC, in buckets: libsrtp's own extension point for this
 * (SRTP_NO_STREAM_LIST). Its default is one list that is walked for each packet; the fork that
 * mediasoup uses does without the walk, and a rival must not be slowed down by our build of it. */

#include "stream_list_priv.h"

#include "alloc.h"

#include <stddef.h>
#include <string.h>

/* A receiver in a meeting of 20 has 57 streams: sound, picture and retransmissions of 19 people. */
#define BUCKETS 64

struct srtp_stream_list_ctx_t_ {
    srtp_stream_ctx_t *heads[BUCKETS];
};

/* SSRCs are random, or count upwards; in network order the last byte is the highest bits. */
static srtp_stream_ctx_t **bucket(srtp_stream_list_t list, uint32_t ssrc)
{
    return &list->heads[(ssrc ^ ssrc >> 8 ^ ssrc >> 16 ^ ssrc >> 24) % BUCKETS];
}

srtp_err_status_t srtp_stream_list_alloc(srtp_stream_list_t *list_ptr)
{
    srtp_stream_list_t list = srtp_crypto_alloc(sizeof *list);
    if (list == NULL) {
        return srtp_err_status_alloc_fail;
    }
    memset(list, 0, sizeof *list);
    *list_ptr = list;
    return srtp_err_status_ok;
}

srtp_err_status_t srtp_stream_list_dealloc(srtp_stream_list_t list)
{
    for (int i = 0; i < BUCKETS; i++) {
        if (list->heads[i] != NULL) {
            return srtp_err_status_fail;
        }
    }
    srtp_crypto_free(list);
    return srtp_err_status_ok;
}

srtp_err_status_t srtp_stream_list_insert(srtp_stream_list_t list, srtp_stream_t stream)
{
    srtp_stream_ctx_t **head = bucket(list, stream->ssrc);
    stream->prev = NULL;
    stream->next = *head;
    if (stream->next != NULL) {
        stream->next->prev = stream;
    }
    *head = stream;
    return srtp_err_status_ok;
}

srtp_stream_t srtp_stream_list_get(srtp_stream_list_t list, uint32_t ssrc)
{
    srtp_stream_ctx_t *stream = *bucket(list, ssrc);
    while (stream != NULL && stream->ssrc != ssrc) {
        stream = stream->next;
    }
    return stream;
}

void srtp_stream_list_remove(srtp_stream_list_t list, srtp_stream_t stream)
{
    if (stream->next != NULL) {
        stream->next->prev = stream->prev;
    }
    if (stream->prev != NULL) {
        stream->prev->next = stream->next;
    } else {
        *bucket(list, stream->ssrc) = stream->next;
    }
}

void srtp_stream_list_for_each(srtp_stream_list_t list, int (*callback)(srtp_stream_t, void *), void *data)
{
    for (int i = 0; i < BUCKETS; i++) {
        srtp_stream_ctx_t *stream = list->heads[i];
        while (stream != NULL) {
            srtp_stream_ctx_t *next = stream->next;
            if (callback(stream, data)) {
                return;
            }
            stream = next;
        }
    }
}
