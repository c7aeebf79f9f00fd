// libsrtp 3's functions, as far as mediasoup's worker calls them, on libsrtp 2.
//
// The two differ in that version 3 writes to a second buffer and takes its policy through functions.
// These are C++ overloads of libsrtp 2's C functions of the same names.

#ifndef VOLLEY_BENCH_SRTP_FACADE_H
#define VOLLEY_BENCH_SRTP_FACADE_H

#include <srtp2/srtp.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>

// What version 3 can return and version 2 never does.
constexpr auto srtp_err_status_buffer_small = static_cast<srtp_err_status_t>(28);
constexpr auto srtp_err_status_cryptex_err  = static_cast<srtp_err_status_t>(29);

// A policy that keeps its own copy of the key: version 2 takes a pointer.
struct srtp_facade_policy
{
	srtp_policy_t policy;
	uint8_t key[SRTP_MAX_KEY_LEN];
};

using srtp_facade_policy_t = srtp_facade_policy*;

inline srtp_err_status_t srtp_policy_create(srtp_facade_policy_t* policy)
{
	*policy = new (std::nothrow) srtp_facade_policy{};

	return *policy == nullptr ? srtp_err_status_alloc_fail : srtp_err_status_ok;
}

inline void srtp_policy_destroy(srtp_facade_policy_t policy)
{
	delete policy;
}

inline srtp_err_status_t srtp_policy_set_ssrc(srtp_facade_policy_t policy, srtp_ssrc_t ssrc)
{
	policy->policy.ssrc = ssrc;

	return srtp_err_status_ok;
}

inline srtp_err_status_t srtp_policy_set_profile(srtp_facade_policy_t policy, srtp_profile_t profile)
{
	const auto err = srtp_crypto_policy_set_from_profile_for_rtp(&policy->policy.rtp, profile);

	return err != srtp_err_status_ok
	         ? err
	         : srtp_crypto_policy_set_from_profile_for_rtcp(&policy->policy.rtcp, profile);
}

inline srtp_err_status_t srtp_policy_add_key(
  srtp_facade_policy_t policy,
  const uint8_t* key,
  size_t keyLen,
  const uint8_t* salt,
  size_t saltLen,
  const uint8_t* /*mki*/,
  size_t mkiLen)
{
	if (mkiLen != 0 || keyLen + saltLen > sizeof(policy->key))
	{
		return srtp_err_status_bad_param;
	}

	std::memcpy(policy->key, key, keyLen);
	std::memcpy(policy->key + keyLen, salt, saltLen);
	policy->policy.key = policy->key;

	return srtp_err_status_ok;
}

inline srtp_err_status_t srtp_policy_set_allow_repeat_tx(srtp_facade_policy_t policy, bool allow)
{
	policy->policy.allow_repeat_tx = allow ? 1 : 0;

	return srtp_err_status_ok;
}

inline srtp_err_status_t srtp_policy_set_window_size(srtp_facade_policy_t policy, size_t packets)
{
	policy->policy.window_size = packets;

	return srtp_err_status_ok;
}

inline srtp_err_status_t srtp_create(srtp_t* session, srtp_facade_policy_t policy)
{
	return srtp_create(session, static_cast<const srtp_policy_t*>(&policy->policy));
}

inline srtp_err_status_t srtp_stream_remove(srtp_t session, uint32_t ssrc)
{
	return srtp_remove_stream(session, ssrc);
}

// Runs one of version 2's functions, which work in place, from one buffer to another.
template<typename InPlace>
inline srtp_err_status_t srtp_facade_between(
  InPlace inPlace, srtp_t ctx, const uint8_t* in, size_t inLen, uint8_t* out, size_t* outLen)
{
	if (out != in)
	{
		std::memcpy(out, in, inLen);
	}

	int len        = static_cast<int>(inLen);
	const auto err = inPlace(ctx, out, &len);

	*outLen = static_cast<size_t>(len);

	return err;
}

inline srtp_err_status_t srtp_protect(
  srtp_t ctx, const uint8_t* rtp, size_t rtpLen, uint8_t* srtp, size_t* srtpLen, size_t /*mkiIndex*/)
{
	return srtp_facade_between(
	  [](srtp_t c, void* p, int* l) { return srtp_protect(c, p, l); }, ctx, rtp, rtpLen, srtp, srtpLen);
}

inline srtp_err_status_t srtp_unprotect(
  srtp_t ctx, const uint8_t* srtp, size_t srtpLen, uint8_t* rtp, size_t* rtpLen)
{
	return srtp_facade_between(
	  [](srtp_t c, void* p, int* l) { return srtp_unprotect(c, p, l); }, ctx, srtp, srtpLen, rtp, rtpLen);
}

inline srtp_err_status_t srtp_protect_rtcp(
  srtp_t ctx, const uint8_t* rtcp, size_t rtcpLen, uint8_t* srtcp, size_t* srtcpLen, size_t /*mkiIndex*/)
{
	return srtp_facade_between(
	  [](srtp_t c, void* p, int* l) { return srtp_protect_rtcp(c, p, l); }, ctx, rtcp, rtcpLen, srtcp, srtcpLen);
}

inline srtp_err_status_t srtp_unprotect_rtcp(
  srtp_t ctx, const uint8_t* srtcp, size_t srtcpLen, uint8_t* rtcp, size_t* rtcpLen)
{
	return srtp_facade_between(
	  [](srtp_t c, void* p, int* l) { return srtp_unprotect_rtcp(c, p, l); }, ctx, srtcp, srtcpLen, rtcp, rtcpLen);
}

// From here on the type of version 2 goes by the name of version 3's.
#define srtp_policy_t srtp_facade_policy_t

#endif
