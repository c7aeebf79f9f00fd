# Sourced by the scripts here: what a step needs, and how to get it.

say() { printf '\n== %s\n' "$*" >&2; }

# need PROGRAM=PACKAGE … : installs the Debian packages of the programs that are missing.
# A path instead of a program is looked for as a file.
need() {
    local pair program packages=()
    for pair in "$@"; do
        program=${pair%%=*}
        case $program in
            /*) compgen -G "$program" >/dev/null && continue ;;
            *) PATH=$PATH:/usr/sbin:/sbin command -v "$program" >/dev/null && continue ;;
        esac
        packages+=("${pair#*=}")
    done
    [[ ${#packages[@]} -eq 0 ]] || install_packages "${packages[@]}"
}

# as_root COMMAND…: as root, however we can become that.
as_root() {
    if [[ $(id -u) -eq 0 ]]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        return 1
    fi
}

install_packages() {
    if ! command -v apt-get >/dev/null; then
        echo "Missing: $* (Debian's package names). Please install them with your system's package manager." >&2
        return 1
    fi
    if ! as_root true; then
        echo "Missing packages. As root: apt-get install --no-install-recommends $*" >&2
        return 1
    fi
    say "Installing $*"
    as_root apt-get update -qq >&2
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

# Rust from rustup when there is none, or one too old: distributions carry older ones than we need. A C
# compiler links, and builds aws-lc (cryptography), which on x86-64 and ARM Linux needs neither cmake
# nor nasm.
need_rust() {
    if [[ -r $HOME/.cargo/env ]]; then
        # shellcheck disable=SC1091
        source "$HOME/.cargo/env"
    fi
    has_rust || install_rust || return 1
    need cc=gcc /usr/include/stdio.h=libc6-dev
}

# Whether cargo is there, and at least what Cargo.toml asks for.
has_rust() {
    local wanted found
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    found=$(cargo --version 2>/dev/null | cut -d' ' -f2)
    [[ -n $found && $(printf '%s\n' "$wanted" "$found" | sort -V | head -n 1) == "$wanted" ]]
}

install_rust() {
    local host folder
    if command -v rustup >/dev/null; then
        say "Installing the current stable Rust, since the one here is too old"
        rustup toolchain install stable --profile minimal -c clippy -c rustfmt >&2 && rustup default stable >&2
        return
    fi
    host=$(uname -m)-unknown-linux-gnu
    say "Installing Rust for this user with rustup (about 300 MB in ~/.rustup and ~/.cargo)"
    need curl=curl /etc/ssl/certs/ca-certificates.crt=ca-certificates || return 1
    folder=$(mktemp -d)
    if ! (cd "$folder" && for file in rustup-init rustup-init.sha256; do
        curl --proto '=https' --tlsv1.2 --silent --show-error --fail --retry 3 --remote-name \
            "https://static.rust-lang.org/rustup/dist/$host/$file" || exit 1
    done && cut -d' ' -f1 rustup-init.sha256 | sed 's/$/  rustup-init/' | sha256sum --check --quiet \
        && chmod +x rustup-init && ./rustup-init -y --no-modify-path --profile minimal -c clippy -c rustfmt) >&2; then
        rm -rf "$folder"
        echo "Rust could not be installed. Install it by hand (https://rustup.rs), then try again." >&2
        return 1
    fi
    rm -rf "$folder"
    # shellcheck disable=SC1091
    source "$HOME/.cargo/env"
}

# Programs from PyPI, each in a virtual environment of its own that stays for the next time.
python_tools=${XDG_CACHE_HOME:-$HOME/.cache}/volley
declare -A python_versions=([aiortc]=1.16.0 [schemathesis]=4.32.5 [imageio-ffmpeg]=0.8.1 [moto]=5.2.5)
# What they are installed with, where they leave the choice to others.
declare -A python_beside=([moto]='PyYAML py-partiql-parser flask flask-cors')

# need_python_tool NAME: makes $python_tools/NAME with the version above, if it is not there.
need_python_tool() {
    local name=$1 version=${python_versions[$1]} folder=$python_tools/$1
    [[ $(cat "$folder/version" 2>/dev/null) != "$version" ]] || return 0
    python3 -c 'import venv, ensurepip' 2>/dev/null || install_packages python3 python3-venv || return 1
    say "Installing $name $version from PyPI in $folder"
    rm -rf "$folder"
    if ! { python3 -m venv "$folder" && "$folder/bin/pip" install --quiet --disable-pip-version-check "$name==$version" ${python_beside[$name]:-}; } >&2; then
        rm -rf "$folder"
        echo "$name could not be installed: it comes from PyPI and needs Python 3.10 or newer." >&2
        return 1
    fi
    echo "$version" >"$folder/version"
}

# An ffmpeg that speaks WHIP (8.1 or newer), which few distributions have; PyPI has one without anything around it.
# Tests find it by VOLLEY_FFMPEG.
need_ffmpeg() {
    if ffmpeg -hide_banner -h muxer=whip 2>/dev/null | grep -q dtls_active; then
        VOLLEY_FFMPEG=$(command -v ffmpeg)
    else
        need_python_tool imageio-ffmpeg || return 1
        VOLLEY_FFMPEG=$("$python_tools/imageio-ffmpeg/bin/python" -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')
    fi
    export VOLLEY_FFMPEG
}

# promtool alone, out of Debian's prometheus: the package itself would start a server, and on the port of our
# metrics. Tests find it by VOLLEY_PROMTOOL.
need_promtool() {
    local folder=$python_tools/promtool temporary
    if command -v promtool >/dev/null; then
        VOLLEY_PROMTOOL=$(command -v promtool)
    else
        VOLLEY_PROMTOOL=$folder/promtool
    fi
    export VOLLEY_PROMTOOL
    [[ ! -x $VOLLEY_PROMTOOL ]] || return 0
    if ! command -v apt-get >/dev/null; then
        echo "Missing: promtool, of Prometheus. Please install it with your system's package manager." >&2
        return 1
    fi
    say "Taking promtool out of Debian's package prometheus, into $folder"
    temporary=$(mktemp -d)
    (
        cd "$temporary" || exit 1
        # Without the lists of packages nothing is found; to fetch those takes root.
        apt-get download -qq prometheus || { as_root apt-get update -qq && apt-get download -qq prometheus; } || exit 1
        dpkg-deb --extract prometheus_*.deb . && mkdir -p "$folder" && cp usr/bin/promtool "$folder/"
    ) >&2
    rm -rf "$temporary"
    [[ -x $VOLLEY_PROMTOOL ]] || { echo "promtool could not be had; install Debian's package prometheus." >&2; return 1; }
}

# What the browser tests and the tests of their measuring import, at the versions of the lock file.
need_browser_modules() {
    local folder=tests/browser
    if [[ ! $folder/node_modules/.package-lock.json -nt $folder/package-lock.json ]]; then
        need node=nodejs npm=npm || return 1
        npm ci --prefix "$folder" --no-audit --no-fund >&2
    fi
}

# Node.js as new as our tools want it, before others in PATH: from npm's registry where there is only an older
# one, as distributions carry it. npm itself may be older.
need_node() {
    local version=26.10.0 machine folder
    need node=nodejs npm=npm || return 1
    ! has_node || return 0
    case $(uname -m) in
        x86_64) machine=x64 ;;
        aarch64) machine=arm64 ;;
        *)
            echo "Node.js 22.12 or newer is needed to build the page; please install it (https://nodejs.org)." >&2
            return 1
            ;;
    esac
    folder=$python_tools/node-$version
    PATH=$folder/node_modules/node-linux-$machine/bin:$PATH
    ! has_node || return 0
    say "Installing Node.js $version from npm in $folder, since the one here is $(node --version)"
    npm install --prefix "$folder" --no-audit --no-fund --silent "node-linux-$machine@$version" >&2 && has_node
}

# Whether node is there, and at least what signaling/package.json asks for.
has_node() {
    local found
    found=$(node --version 2>/dev/null) && [[ $(printf '%s\n' v22.12.0 "$found" | sort -V | head -n 1) == v22.12.0 ]]
}

# What builds and tests the page and the client library, at the versions of the lock file.
need_page_modules() {
    need_node || return 1
    if [[ ! signaling/node_modules/.package-lock.json -nt signaling/package-lock.json ]]; then
        say "Installing what builds the page (Vite and TypeScript, from npm)"
        npm ci --prefix signaling --no-audit --no-fund >&2
    fi
}

# The web page and the client library, which stand in the binary.
need_page() {
    local built=signaling/web/dist/client.js
    if [[ -e $built && -z $(find signaling/{web,client,package-lock.json} \
        \( -path signaling/web/dist -o -name node_modules -o -name test \) -prune -o -newer $built -type f -print -quit) ]]; then
        return
    fi
    need_page_modules || return 1
    say "Building the page"
    npm run --prefix signaling --silent build >&2
}
