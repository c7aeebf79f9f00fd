# Sourced by scripts/install and scripts/uninstall: what was installed, and how that is known.

root=''
# Every file and folder that an installation made, and a checksum of each file: "SUM /path" or "folder /path".
manifest=/usr/local/lib/volley/installed
enabled=/etc/systemd/system/multi-user.target.wants/volley.service

is_configuration() { [[ $1 == /etc/volley/* || $1 == /etc/systemd/* ]]; }

# is_as_installed FILE: whether nobody has changed it since.
is_as_installed() { [[ -e $root$manifest ]] && grep -qxF "$(line_of "$1")" "$root$manifest"; }

line_of() {
    if [[ -L $root$1 ]]; then echo "link $1"; else printf '%s %s\n' "$(sha256sum <"$root$1" | cut -d' ' -f1)" "$1"; fi
}

# make_folder FOLDER: with those above it; those that were not there are noted.
make_folder() {
    [[ ! -d $root$1 ]] || return 0
    make_folder "$(dirname "$1")"
    mkdir "$root$1"
    note "folder $1"
}

# note_file FILE: in the place of what was noted of it before.
note_file() {
    forget_file "$1"
    note "$(line_of "$1")"
}

forget_file() {
    awk -v path="$1" '$2 != path' "$root$manifest" >"$root$manifest.new"
    mv "$root$manifest.new" "$root$manifest"
}

# Folders are made from the root on: what is noted before the manifest's own is there waits for it.
note() {
    pending+=("$1")
    [[ -d $root${manifest%/*} ]] || return 0
    printf '%s\n' "${pending[@]}" >>"$root$manifest"
    pending=()
}
pending=()

must_be_able_to_write() {
    local folder=${root:-/}
    [[ -w $folder/etc && -w $folder/usr ]] || { echo "This takes root: sudo $0" >&2; exit 1; }
}

ask() {
    local answer=''
    read -r -p "$1 [y/N] " answer || true
    [[ $answer == [yY]* ]]
}
