#!/bin/sh
# Fetches the servers that volley-bench compares Volley with, and builds what must be built.
#
#   install.sh [mediasoup] [janus] [livekit]      all three without a name
#
# Everything goes to ~/.cache/volley-bench (or VOLLEY_BENCH_RIVALS), a folder each. Nothing is
# installed system-wide: Debian's packages are downloaded and unpacked there. A server that cannot be
# had leaves a file `absent` that says why.
#
#   mediasoup  from npm. Its worker is the prebuilt one, or built by its own scripts. Where neither
#              GitHub nor the sources of its libraries can be reached, it is built against Debian's
#              libraries; mediasoup/worker/build.sh says how, and the reports say so.
#              Needs node 20 or newer, npm, and for a build a C++ compiler, python3, ninja, libssl-dev.
#   janus      Debian's package, with the libraries it depends on. Needs apt-get and dpkg-deb.
#   livekit    built from its Go module. Needs go.
set -u

here=$(cd "$(dirname "$0")" && pwd)
root=${VOLLEY_BENCH_RIVALS:-$HOME/.cache/volley-bench}

MEDIASOUP=3.27.1
# The newest whose own dependencies can all be had from the Go module proxy.
LIVEKIT=v1.13.5

# Runs a step with its output in the log; on failure notes why the server is absent.
step() {
    what=$1
    shift
    echo "  $what"
    "$@" >>"$folder/install.log" 2>&1 && return
    echo "$what failed; $folder/install.log says why" | tee "$folder/absent" >&2
    return 1
}

need() {
    for program in "$@"; do
        command -v "$program" >/dev/null && continue
        echo "$program is not installed" | tee "$folder/absent" >&2
        return 1
    done
}

begin() {
    folder=$root/$1
    mkdir -p "$folder"
    rm -f "$folder/absent" "$folder/version" "$folder/note"
    : >"$folder/install.log"
    echo "$1 → $folder"
}

npm_install() { (cd "$folder" && npm install --no-audit --no-fund "$@"); }

mediasoup() {
    begin mediasoup
    need node npm || return
    cp "$here/mediasoup/package.json" "$here/mediasoup/server.js" "$folder"
    worker=$folder/node_modules/mediasoup/worker/out/Release/mediasoup-worker
    echo "  npm install with the worker that mediasoup distributes"
    if npm_install >>"$folder/install.log" 2>&1 && [ -x "$worker" ]; then
        cp "$worker" "$folder/mediasoup-worker"
    else
        echo "  it cannot be had here (see install.log)"
        step "npm install without the worker" npm_install --ignore-scripts || return
        need python3 ninja c++ apt-get dpkg-deb || return
        step "building the worker against Debian's libraries (minutes)" \
            "$here/mediasoup/worker/build.sh" "$folder/node_modules/mediasoup" "$folder/build" \
            "$folder/mediasoup-worker" || return
        cp "$here/mediasoup/worker/note" "$folder/note"
    fi
    echo "$MEDIASOUP" >"$folder/version"
}

unpack_janus() {
    cd "$folder" && rm -rf root debs && mkdir -p debs/partial &&
        apt-get install -y --download-only --no-install-recommends \
            -o Dir::Cache::archives="$folder/debs" janus &&
        for deb in debs/*.deb; do dpkg-deb -x "$deb" root || return 1; done
    # What it depends on and the system has already stays where it is.
    dpkg-deb -f debs/janus_*.deb Version >"$folder/version"
    LD_LIBRARY_PATH=$folder/root/usr/lib/$(dpkg-architecture -q DEB_HOST_MULTIARCH 2>/dev/null || echo x86_64-linux-gnu) \
        root/usr/bin/janus --help
}

janus() {
    begin janus
    need apt-get dpkg-deb || return
    if ! step "downloading and unpacking Debian's package" unpack_janus; then
        rm -rf "$folder/root"
    fi
}

build_livekit() {
    module=$(cd "$folder" && go mod download -json "github.com/livekit/livekit-server@$LIVEKIT" |
        sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
    [ -n "$module" ] || return
    # Its go.mod may hold replacements, which `go install` refuses in a dependency.
    chmod -R u+w "$folder/src" 2>/dev/null
    rm -rf "$folder/src" && cp -r "$module" "$folder/src" && chmod -R u+w "$folder/src" &&
        (cd "$folder/src" && go build -o "$folder/livekit-server" ./cmd/server)
}

livekit() {
    begin livekit
    PATH=$PATH:/usr/local/go/bin
    need go || return
    step "building $LIVEKIT (minutes)" build_livekit || return
    echo "${LIVEKIT#v}" >"$folder/version"
}

[ $# -gt 0 ] || set -- mediasoup janus livekit
failed=0
for server in "$@"; do
    case $server in
        mediasoup | janus | livekit) "$server" ;;
        *) echo "there is no server $server here; there are mediasoup, janus and livekit" >&2 && exit 2 ;;
    esac
    [ -e "$root/$server/absent" ] && failed=1
done
exit $failed
