# shellcheck shell=bash
# After the next start of the machine, too: settings of the kernel's as a file for sysctl.d, the rest by a unit that
# runs `tune apply` again. Both are noted in the journal like everything else, so revert takes them away.

sysctl_file=/etc/sysctl.d/90-volley.conf
unit_file=/etc/systemd/system/volley-tuning.service
unit_link=/etc/systemd/system/multi-user.target.wants/volley-tuning.service
mark='# Made by Volley: tune apply --persist. tune revert takes it away.'

make_persistent() {
    make_file "$sysctl_file" "$(sysctl_lines)"
    make_file "$unit_file" "$(unit_lines)"
    if [[ ! -L $root$unit_link ]]; then
        if ! { note_down made "$unit_link" gone && mkdir -p "$root${unit_link%/*}" && ln -s "$unit_file" "$root$unit_link"; }; then
            refused+=("$unit_link")
        fi
    fi
    tell_systemd
    echo "persists $sysctl_file and $unit_file"
}

# make_file PATH TEXT: whole or not at all, and never over somebody else's.
make_file() {
    local path=$root$1
    if [[ -e $path && $(first_line "$path") != "$mark" ]]; then
        refused+=("$1, which is not of tune's making,")
        return
    fi
    if ! { note_down made "$1" gone && mkdir -p "${path%/*}" && printf '%s\n%s\n' "$mark" "$2" >"$path.new" \
        && mv "$path.new" "$path"; }; then
        refused+=("$1")
    fi
}

sysctl_lines() {
    local name
    for name in "${knobs[@]}"; do
        is_wanted "$name" && may_set "$name" && [[ $(of "$name" kind) == sysctl ]] || continue
        survey "$name"
        [[ ${status[0]} == absent ]] || printf '%s = %s\n' "${at[0]}" "${current[0]}"
    done
}

unit_lines() {
    local key options=''
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
ExecStart=$(realpath "$here/tune") apply --profile $profile$options

[Install]
WantedBy=multi-user.target
END
}

# Where systemd runs, it looks at its files again.
tell_systemd() {
    [[ ! -d $root/run/systemd/system ]] || run systemctl daemon-reload >/dev/null 2>&1 || true
}
