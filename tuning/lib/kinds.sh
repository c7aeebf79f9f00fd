# shellcheck shell=bash
# How each kind of knob is found, read and written. read_KIND prints the value, or why there is none and fails;
# write_KIND sets it. Both take the instance as it stands in the journal, and nothing else.

# --- A setting of the kernel's, by its name with dots.
instances_sysctl() { echo "$1"; }
read_sysctl() { read_place "$root/proc/sys/${1//.//}" "this kernel has no $1 here"; }
write_sysctl() { write_place "$root/proc/sys/${1//.//}" "$2"; }

# --- A file of /sys or /proc; at may be a pattern.
instances_file() {
    local path
    # shellcheck disable=SC2206 # the pattern is to be expanded
    local paths=($root$1)
    for path in "${paths[@]}"; do echo "${path#"$root"}"; done
}
read_file() { read_place "$root$1" "there is no $1"; }
write_file() { write_place "$root$1" "$2"; }

# read_place PATH WHY-NOT. Of a choice ("always [madvise] never") the one that is chosen.
read_place() {
    local value
    if [[ ! -e $1 ]]; then
        printf '%s' "$2"
        return 1
    fi
    if ! { value=$(<"$1"); } 2>/dev/null; then
        printf '%s' "it cannot be read$(hint_of_root)"
        return 1
    fi
    value=${value//$'\t'/ }
    [[ ! $value =~ (^|' ')'['([^]]+)']'($|' ') ]] || value=${BASH_REMATCH[2]}
    printf '%s' "$value"
}

write_place() { { printf '%s\n' "$2" >"$1"; } 2>/dev/null; }

hint_of_root() { [[ $EUID -eq 0 ]] || printf ' (it takes root)'; }

# --- What `ethtool` sets on a device: "eth0 rx".
instances_of_devices() {
    local device
    for device in "${devices[@]}"; do echo "$device $1"; done
}

# ask_ethtool FLAG DEVICE [ARGUMENT…]: what it prints, or why it prints nothing.
ask_ethtool() {
    local answer
    if ! program ethtool >/dev/null; then
        printf 'ethtool is not installed'
        return 1
    fi
    if ! answer=$(run ethtool "$@" 2>/dev/null); then
        printf '%s has none of that' "$2"
        return 1
    fi
    printf '%s' "$answer"
}

# told VALUE DEVICE: VALUE, unless the driver says nothing.
told() {
    if [[ -z $1 || $1 == n/a ]]; then
        printf '%s does not have it' "$2"
        return 1
    fi
    printf '%s' "$1"
}

# --- Sizes of rings and numbers of channels stand twice: at most, and now.
part_of_table() { awk -v name="$2" -F ':[ \t]*' -v part="$3" '/^Pre-set/ { at = "most" } /^Current/ { at = "now" } at == part && $1 == name { print $2; exit }' <<<"$1"; }

instances_ring() { instances_of_devices "$1"; }
read_ring() { read_table -g "${1% *}" "${1#* }"; }
write_ring() { run ethtool -G "${1% *}" "${1#* }" "$2" >/dev/null 2>&1; }
most_of_ring() { most_of_table -g "${1% *}" "${1#* }"; }

instances_channels() { instances_of_devices "$1"; }
read_channels() { read_table -l "${1% *}" "${1#* }"; }
write_channels() { run ethtool -L "${1% *}" "${1#* }" "$2" >/dev/null 2>&1; }
most_of_channels() { most_of_table -l "${1% *}" "${1#* }"; }

declare -A table_names=([rx]=RX [tx]=TX [combined]=Combined)

read_table() {
    local table
    table=$(ask_ethtool "$1" "$2") || { printf '%s' "$table"; return 1; }
    told "$(part_of_table "$table" "${table_names[$3]}" now)" "$2"
}

most_of_table() {
    local table most
    table=$(ask_ethtool "$1" "$2") && most=$(part_of_table "$table" "${table_names[$3]}" most)
    [[ ${most:-} =~ ^[0-9]+$ ]] && echo "$most"
}

# --- How long a card waits before it interrupts.
instances_coalesce() { instances_of_devices "$1"; }
read_coalesce() {
    local table
    table=$(ask_ethtool -c "${1% *}") || { printf '%s' "$table"; return 1; }
    case ${1#* } in
        adaptive-rx) told "$(sed -n 's/^Adaptive RX: *\([^ ]*\).*/\1/p' <<<"$table")" "${1% *}" ;;
        *) told "$(sed -n "s/^${1#* }:[ \t]*//p" <<<"$table")" "${1% *}" ;;
    esac
}
write_coalesce() { run ethtool -C "${1% *}" "${1#* }" "$2" >/dev/null 2>&1; }

# --- What a card or the stack above it does with whole trains.
instances_feature() { instances_of_devices "$1"; }
read_feature() {
    local table value
    table=$(ask_ethtool -k "${1% *}") || { printf '%s' "$table"; return 1; }
    value=$(sed -n "s/^[ \t]*${1#* }: *//p" <<<"$table")
    if [[ $value == *'[fixed]'* && $value != on* ]]; then
        printf '%s cannot do it' "${1% *}"
        return 1
    fi
    told "${value%% *}" "${1% *}"
}
write_feature() { run ethtool -K "${1% *}" "${1#* }" "$2" >/dev/null 2>&1; }

# --- By which fields a card spreads flows over its queues, in ethtool's letters.
instances_flowhash() { instances_of_devices "$1"; }
read_flowhash() {
    local table
    table=$(ask_ethtool -n "${1% *}" rx-flow-hash "${1#* }") || { printf '%s' "$table"; return 1; }
    told "$(awk '/^IP SA/ { s = "s" } /^IP DA/ { d = "d" } /^L4 bytes 0/ { f = "f" } /^L4 bytes 2/ { n = "n" } END { print s d f n }' <<<"$table")" "${1% *}"
}
write_flowhash() { run ethtool -N "${1% *}" rx-flow-hash "${1#* }" "$2" >/dev/null 2>&1; }

# --- The core of each interrupt of a device: "eth0 eth0-TxRx-0", since numbers change from start to start.
instances_irq() {
    local device number
    for device in "${devices[@]}"; do
        for number in $(interrupts_of "$device"); do echo "$device $(name_of_interrupt "$number")"; done
    done
}
interrupts_of() {
    local path
    # virtio's card is the device above the network device's own.
    for path in "$root/sys/class/net/$1/device/msi_irqs"/* "$root/sys/class/net/$1/device/../msi_irqs"/*; do
        echo "${path##*/}"
    done | sort -n -u
}
name_of_interrupt() { awk -v number="$1:" '$1 == number { print $NF; exit }' "$root/proc/interrupts"; }
number_of_interrupt() { awk -v name="$1" '$NF == name { sub(":", "", $1); print $1; exit }' "$root/proc/interrupts"; }
read_irq() {
    local number
    number=$(number_of_interrupt "${1#* }")
    if [[ -z $number ]]; then
        printf 'there is no interrupt %s' "${1#* }"
        return 1
    fi
    read_place "$root/proc/irq/$number/smp_affinity_list" "interrupt $number cannot be moved"
}
write_irq() {
    local number
    number=$(number_of_interrupt "${1#* }")
    [[ -n $number ]] && write_place "$root/proc/irq/$number/smp_affinity_list" "$2"
}

# --- A table of ours in the packet filter, for these ports and no others: "udp 50000", on or off.
instances_notrack() { echo "udp ${option[media-port]}"; }
read_notrack() {
    if [[ ! -e $root/proc/sys/net/netfilter/nf_conntrack_max ]]; then
        printf 'no connections are tracked here'
        return 1
    fi
    if ! program nft >/dev/null; then
        printf 'nft is not installed'
        return 1
    fi
    if [[ $EUID -ne 0 ]]; then
        printf 'it takes root to see'
        return 1
    fi
    if [[ $(run nft list table inet volley_tune 2>/dev/null) == *"udp dport ${1#* } notrack"* ]]; then echo on; else echo off; fi
}
write_notrack() {
    run nft delete table inet volley_tune 2>/dev/null
    [[ $2 == on ]] || return 0
    run nft -f - >/dev/null 2>&1 <<END
table inet volley_tune {
    chain from_world {
        type filter hook prerouting priority raw
        udp dport ${1#* } notrack
    }
    chain to_world {
        type filter hook output priority raw
        udp sport ${1#* } notrack
    }
}
END
}

# --- What is looked at and set by other hands: at names a function.
instances_look() { echo "$1"; }
read_look() { "look_at_$1"; }

# --- A file of ours that --persist wrote, or was about to (.new). Its value is there or gone, or that it is not ours.
not_ours="somebody else's"
read_made() {
    local path=$root$1
    if [[ -L $path ]]; then
        if [[ $(readlink "$path") == "$unit_file" ]]; then echo there; else echo "$not_ours"; fi
    elif [[ -e $path ]]; then
        if [[ $(first_line "$path") == "$mark" ]]; then echo there; else echo "$not_ours"; fi
    elif [[ -e $path.new ]]; then
        echo there
    else
        echo gone
    fi
}
write_made() { [[ $2 != gone ]] || rm -f "$root$1" "$root$1.new"; }
