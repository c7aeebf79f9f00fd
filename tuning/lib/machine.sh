# shellcheck shell=bash
# What this machine is, and where its settings stand. VOLLEY_TUNE_ROOT puts another tree before every path, with
# the programs of its own bin/ and no others: so a rehearsal cannot touch the machine it runs on.

root=${VOLLEY_TUNE_ROOT:-}
state=${VOLLEY_TUNE_STATE:-$root/var/lib/volley-tune}
declare -A option=([profile]=auto [irq]=onto [media-port]=50000 [only]='' [device]='' [workers]='')

# program NAME: where it is.
program() {
    if [[ -z $root ]]; then
        PATH=$PATH:/usr/sbin:/sbin type -P "$1"
    elif [[ -x $root/bin/$1 ]]; then
        printf '%s\n' "$root/bin/$1"
    else
        return 1
    fi
}

# run NAME ARGUMENT…: runs a program of the system.
run() {
    local path
    path=$(program "$1") || return 127
    "$path" "${@:2}"
}

# for_each_of A,B,C COMMAND: COMMAND A, COMMAND B, …
for_each_of() {
    local -a parts
    local part
    IFS=, read -ra parts <<<"$1"
    for part in "${parts[@]}"; do "$2" "$part"; done
}

# first_line FILE: its first line, or nothing.
first_line() {
    local line=''
    { read -r line <"$1"; } 2>/dev/null
    printf '%s' "$line"
}

# numbers_of 0-2,5: 0 1 2 5, one a line.
numbers_of() {
    local -a parts
    local part
    IFS=, read -ra parts <<<"$1"
    for part in "${parts[@]}"; do seq "${part%-*}" "${part#*-}"; done
}

# Finds devices, cores and the profile, where they were not named.
look_at_machine() {
    local online
    mapfile -t devices < <(found_devices)
    online=$(first_line "$root/sys/devices/system/cpu/online")
    mapfile -t online_cores < <(numbers_of "${online:-0}")
    mapfile -t worker_cores < <(numbers_of "${option[workers]:-${online:-0}}")
    must_have_cores
    profile=${option[profile]}
    [[ $profile != auto ]] || profile=$(found_profile)
}

# Of a core that is not there no mask can be set, and of none a card would be left without a channel.
must_have_cores() {
    local core
    [[ ${#worker_cores[@]} -gt 0 ]] || wrong "--workers ${option[workers]} names no core"
    # Where the kernel does not tell which there are, it refuses them itself.
    [[ -n $online ]] || return 0
    for core in "${worker_cores[@]}"; do
        [[ " ${online_cores[*]} " == *" $core "* ]] || wrong "--workers names core $core, and there are $online"
    done
}

# The devices that packets to the world leave by: those of default routes, or the cards below a bond, bridge or VLAN.
found_devices() {
    local name
    if [[ -n ${option[device]} ]]; then
        tr , '\n' <<<"${option[device]}"
        return
    fi
    for name in $(routed_devices); do print_lowest "$name" 8; done | sort -u
}

# print_lowest DEVICE DEPTH: so deep at most, which is as deep as the kernel lets them stand on each other.
print_lowest() {
    local lower lowers=("$root/sys/class/net/$1"/lower_*)
    if [[ ${#lowers[@]} -eq 0 || $2 -eq 0 ]]; then
        echo "$1"
        return
    fi
    for lower in "${lowers[@]}"; do print_lowest "${lower##*/lower_}" $(($2 - 1)); done
}

routed_devices() {
    local table=$root/proc/net/route table6=$root/proc/net/ipv6_route
    [[ ! -r $table ]] || awk '$2 == "00000000" && $8 == "00000000" { print $1 }' "$table"
    # A default route that refuses stands at lo.
    [[ ! -r $table6 ]] || awk '$1 ~ /^0+$/ && $2 == "00" && $10 != "lo" { print $10 }' "$table6"
}

found_profile() {
    local name speed fastest=0
    if grep -qw hypervisor "$root/proc/cpuinfo" 2>/dev/null; then
        echo vm
        return
    fi
    for name in "${devices[@]}"; do
        speed=$(first_line "$root/sys/class/net/$name/speed")
        [[ ! $speed =~ ^[0-9]+$ || $speed -le $fastest ]] || fastest=$speed
    done
    if [[ $fastest -ge 25000 ]]; then echo 25g; elif [[ $fastest -ge 10000 ]]; then echo 10g; else echo 1g; fi
}

# mask_of CORE…: as the kernel writes it, 32 cores a word: 3, or ff,00000000.
mask_of() {
    local core word text=''
    local -a words=(0)
    for core in "$@"; do
        while [[ ${#words[@]} -le $((core / 32)) ]]; do words+=(0); done
        words[core / 32]=$((words[core / 32] | 1 << core % 32))
    done
    for ((word = ${#words[@]} - 1; word >= 0; word--)); do
        if [[ -z $text ]]; then printf -v text '%x' "${words[word]}"; else printf -v text '%s,%08x' "$text" "${words[word]}"; fi
    done
    printf '%s' "$text"
}

# The cores that interrupts go to: the workers', or all others if there are any.
interrupt_cores() {
    local core others=()
    if [[ ${option[irq]} == away ]]; then
        for core in "${online_cores[@]}"; do
            [[ " ${worker_cores[*]} " == *" $core "* ]] || others+=("$core")
        done
    fi
    if [[ ${#others[@]} -gt 0 ]]; then echo "${others[@]}"; else echo "${worker_cores[@]}"; fi
}
