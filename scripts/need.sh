# Sourced by run and test: what a step needs, and how to get it.

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

install_packages() {
    local as_root=()
    if ! command -v apt-get >/dev/null; then
        echo "Missing: $* (Debian's package names). Please install them with your system's package manager." >&2
        return 1
    fi
    if [[ $(id -u) -ne 0 ]]; then
        if ! command -v sudo >/dev/null; then
            echo "Missing packages. As root: apt-get install --no-install-recommends $*" >&2
            return 1
        fi
        as_root=(sudo)
    fi
    say "Installing $*"
    "${as_root[@]}" apt-get update -qq >&2
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

# Rust from rustup, since distributions carry older ones than we need. A C compiler links, and builds
# aws-lc (cryptography), which on x86-64 and ARM Linux needs neither cmake nor nasm.
need_rust() {
    if ! command -v cargo >/dev/null && [[ -r $HOME/.cargo/env ]]; then
        # shellcheck disable=SC1091
        source "$HOME/.cargo/env"
    fi
    if ! command -v cargo >/dev/null; then
        echo "Rust is missing. Install it, then try again:" >&2
        echo "  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh" >&2
        return 1
    fi
    need cc=gcc /usr/include/stdio.h=libc6-dev
}

# What the browser tests and the tests of their measuring import, at the versions of the lock file.
need_browser_modules() {
    local folder=tests/browser
    if [[ ! $folder/node_modules/.package-lock.json -nt $folder/package-lock.json ]]; then
        need node=nodejs npm=npm || return 1
        npm ci --prefix "$folder" --no-audit --no-fund >&2
    fi
}
