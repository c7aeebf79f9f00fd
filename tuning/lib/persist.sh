# shellcheck shell=bash
# After the next start of the machine, too: settings of the kernel's as a file for sysctl.d, the rest by a unit that
# runs `tune apply` again. Both are noted in the journal like everything else, so revert takes them away. What was made
# to last before lasts on: each --only has its own place in the unit, and the file holds the keys of all of them.
#
# Root runs that tool at each start, so nobody else may be able to change it: one that others could change, such as that
# of a checkout in somebody's home, is copied to where only root can.

sysctl_file=/etc/sysctl.d/90-volley.conf
unit_file=/etc/systemd/system/volley-tuning.service
unit_link=/etc/systemd/system/multi-user.target.wants/volley-tuning.service
own_copy=$state/tool
mark='# Made by Volley: tune apply --persist. tune revert takes it away.'

make_persistent() {
    local lasting=$here
    if ! is_roots_alone "$here" && ! lasting=$(copy_of_our_own); then
        refused+=("the tool for each start, which only root may be able to change ($state is not so, or is full),")
        return
    fi
    make_file "$sysctl_file" "$(sysctl_lines)"
    make_file "$unit_file" "$(unit_lines "$lasting")"
    if [[ ! -L $root$unit_link ]]; then
        if ! { note_down made "$unit_link" gone && mkdir -p "$root${unit_link%/*}" && ln -s "$unit_file" "$root$unit_link" \
            && note_set made "$unit_link" there; }; then
            refused+=("$unit_link")
        fi
    fi
    tell_systemd
    echo "persists $sysctl_file and $unit_file, which starts $lasting/tune"
}

# Prints where it will be for who starts the machine.
copy_of_our_own() {
    is_roots_alone "$state" "${root:-/}" && rm -rf --one-file-system "$own_copy" "$own_copy.new" \
        && (umask 022 && mkdir "$own_copy.new" && cp -RL "$here/tune" "$here/lib" "$here/families" "$own_copy.new/") \
        && mv "$own_copy.new" "$own_copy" && printf '%s' "${own_copy#"$root"}"
}

# is_roots_alone FOLDER [UP-TO]: whether nobody but root may change it or what is in it, or put another in its place.
# A link may lead anywhere; a name with signs that mean something to systemd is none for a unit.
is_roots_alone() {
    local path=$1 owner mode
    [[ $path != *[!A-Za-z0-9/._+-]* ]] || return 1
    [[ -z $(find "$path" \( -type l -o ! -uid 0 -o -perm /022 \) -print -quit 2>&1) ]] || return 1
    while [[ $path != "${2:-/}" ]]; do
        path=${path%/*} path=${path:-/}
        read -r owner mode < <(stat --format '%u %a' "$path")
        # Where all may write and it is sticky (/tmp), what is root's stays root's.
        [[ $owner == 0 ]] && (((8#$mode & 8#22) == 0 || (8#$mode & 8#1000) != 0)) || return 1
    done
}

# make_file PATH TEXT: whole or not at all, and never over somebody else's.
make_file() {
    local path=$root$1
    if [[ -e $path ]] && ! is_made_by_us "$1"; then
        refused+=("$1, which is not of tune's making,")
        return
    fi
    if ! { note_down made "$1" gone && mkdir -p "${path%/*}" && printf '%s\n%s\n' "$mark" "$2" >"$path.new" \
        && mv "$path.new" "$path" && note_set made "$1" there; }; then
        refused+=("$1")
    fi
}

# is_made_by_us FILE
is_made_by_us() { [[ -e $root$1 && $(first_line "$root$1") == "$mark" ]]; }

# What lasts already, and what tune has set since. What was as it should be is somebody else's to keep so.
sysctl_lines() {
    local name line key
    local -A lasting=()
    if is_made_by_us "$sysctl_file"; then
        while IFS= read -r line; do [[ $line != *' = '* ]] || lasting[${line%% = *}]=${line#* = }; done <"$root$sysctl_file"
    fi
    for name in "${knobs[@]}"; do
        is_wanted "$name" && may_set "$name" && [[ $(of "$name" kind) == sysctl ]] || continue
        survey "$name"
        key=sysctl$unit${at[0]}
        [[ -n ${was[$key]+known} && ${ours[$key]-none of ours} == "${current[0]}" ]] || continue
        lasting[${at[0]}]=${current[0]}
    done
    for key in "${!lasting[@]}"; do printf '%s = %s\n' "$key" "${lasting[$key]}"; done | sort
}

# starts FOLDER ARGUMENTS: the unit's lines: what lasts already, in the order in which it was applied, but for what had
# the same --only; then this. One that fails (-) must not keep the next from being applied.
starts() {
    local line only
    only=$(grep -o -E -e '--only [^ ]+' <<<"$2")
    if is_made_by_us "$unit_file"; then
        while IFS= read -r line; do
            [[ $line == ExecStart=*'/tune apply '* ]] || continue
            line=${line#*/tune apply }
            [[ $(grep -o -E -e '--only [^ ]+' <<<"$line") == "$only" ]] || echo "ExecStart=-$1/tune apply $line"
        done <"$root$unit_file"
    fi
    echo "ExecStart=$1/tune apply $2"
}

# unit_lines FOLDER: where the tool is.
unit_lines() {
    local key options="--profile $profile"
    for key in only device workers irq media-port; do
        [[ -z ${option[$key]} ]] || options+=" --$key ${option[$key]}"
    done
    cat <<END
[Unit]
Description=Settings of this machine for Volley
Documentation=https://github.com/volley-sfu/volley
Wants=network-online.target
After=network-online.target systemd-sysctl.service
Before=volley.service

[Service]
Type=oneshot
RemainAfterExit=yes
$(starts "$1" "$options")

[Install]
WantedBy=multi-user.target
END
}

# Where systemd runs, it looks at its files again.
tell_systemd() {
    [[ ! -d $root/run/systemd/system ]] || run systemctl daemon-reload >/dev/null 2>&1 || true
}
