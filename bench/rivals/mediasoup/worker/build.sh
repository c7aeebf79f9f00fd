#!/bin/sh
# Builds mediasoup's worker from its npm package where neither the prebuilt one nor the sources of
# its libraries can be fetched: OpenSSL, libuv, abseil, flatbuffers and libsrtp 2 come from Debian.
# Usage: build.sh PACKAGE_DIR BUILD_DIR OUTPUT
set -eu

package=$1 build=$2 output=$3
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$build/debs/partial" "$build/source/lists/partial"
cd "$build"

# What Debian's packages hold is unpacked here, not installed.
apt-get install -y -qq --download-only --no-install-recommends -o Dir::Cache::archives="$build/debs" \
    libuv1-dev libflatbuffers-dev flatbuffers-compiler libabsl-dev
for deb in debs/*.deb; do dpkg-deb -x "$deb" sysroot; done

# apt-get source needs a line that most machines do not have; it gets one of its own.
echo "deb-src http://deb.debian.org/debian bookworm main" > source/sources.list
fetch="apt-get -qq -o Dir::Etc::SourceList=$build/source/sources.list -o Dir::Etc::SourceParts=/dev/null
    -o Dir::State::Lists=$build/source/lists"
$fetch update
(cd source && $fetch source --download-only libsrtp2=2.5.0-3)

[ -x venv/bin/meson ] || { python3 -m venv venv && venv/bin/pip -q install meson==1.9.1; }

rm -rf worker out
cp -r "$package/worker" worker
place() { mkdir -p "worker/subprojects/$2" && cp -r "$here/$1/." "worker/subprojects/$2"; }
directory() { sed -n 's/^directory = //p' "worker/subprojects/$1.wrap"; }
place libsrtp "$(directory libsrtp3)"
for name in libuv openssl flatbuffers abseil-cpp unordered-dense; do place $name "$(directory $name)"; done
srtp=worker/subprojects/$(directory libsrtp3)
mkdir -p "$srtp/upstream" "$srtp/include/srtp2"
tar xzf source/libsrtp2_2.5.0.orig.tar.gz -C "$srtp/upstream" --strip-components=1
cp "$srtp"/upstream/include/srtp.h "$srtp"/upstream/crypto/include/auth.h \
    "$srtp"/upstream/crypto/include/cipher.h "$srtp"/upstream/crypto/include/crypto_types.h "$srtp/include/srtp2"

# Debian's OpenSSL can hand encryption to the kernel (KTLS) and asks every BIO whether it does. The
# worker's callback means to pass results on and compares a flag with ==, so that every answer is yes,
# and OpenSSL makes no buffer. In the OpenSSL that mediasoup builds KTLS is compiled out.
sed -i 's/(operationType == BIO_CB_RETURN)/((operationType \& BIO_CB_RETURN) != 0)/' worker/src/RTC/DtlsTransport.cpp

lib=$build/sysroot/usr/lib/x86_64-linux-gnu
sed -i "s|^prefix=.*|prefix=$build/sysroot/usr|; s|=/usr/|=$build/sysroot/usr/|" "$lib"/pkgconfig/*.pc
export PKG_CONFIG_PATH="$lib/pkgconfig"
export LD_LIBRARY_PATH="$lib"
venv/bin/meson setup -Dflatbuffers:flatc="$build/sysroot/usr/bin/flatc" --prefer-static \
    --buildtype release -Db_ndebug=true out worker
venv/bin/meson compile -C out -j "${JOBS:-2}" mediasoup-worker
mkdir -p "$(dirname "$output")"
cp out/mediasoup-worker "$output"
