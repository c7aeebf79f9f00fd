# shellcheck shell=bash
# What was there before: one line each, on the disk before anything is changed. The first line about an instance
# holds; a line that was cut off belongs to a change that was never made.

journal=$state/journal
# Between kind, instance, value and a dot that says the line is whole. Values may be empty and hold tabs.
unit=$'\037'

# Only one tune at a time, and only as root.
take_turn() {
    if [[ $EUID -ne 0 ]]; then
        echo "tune: $deed takes root" >&2
        exit 1
    fi
    if ! mkdir -p "$state"; then
        echo "tune: $state cannot be made, and nothing is changed without a note of what was there" >&2
        exit 1
    fi
    exec 9>>"$state/lock"
    if type -P flock >/dev/null && ! flock --nonblock 9; then
        echo "tune: another tune is at work" >&2
        exit 1
    fi
    read_notes
}

# What was noted before, by kind and instance.
declare -A noted=()
read_notes() {
    local kind instance value mark
    [[ -e $journal ]] || return 0
    while IFS=$unit read -r kind instance value mark; do
        [[ $mark != . ]] || noted["$kind$unit$instance"]=yes
    done <"$journal"
}

# note_down KIND INSTANCE VALUE: answers when it is on the disk.
note_down() {
    if [[ -n ${noted["$1$unit$2"]:-} ]]; then return 0; fi
    # A line that was cut off is no part of the next.
    [[ ! -s $journal || -z $(tail -c 1 "$journal") ]] || printf '\n' >>"$journal" || return 1
    printf '%s\n' "$1$unit$2$unit$3$unit." >>"$journal" && sync "$journal" "$state" && noted["$1$unit$2"]=yes
}

# Puts back everything, the last change first, until all is as it was: a card that is set up anew forgets what was
# set after.
revert() {
    local pass
    if [[ ! -e $journal ]]; then
        echo "Nothing was changed here, or all of it was put back."
        return 0
    fi
    take_turn
    for pass in 1 2 3; do
        put_back_all "$pass"
        [[ ${#left[@]} -gt 0 ]] || break
    done
    tell_systemd
    if [[ ${#left[@]} -gt 0 ]]; then
        printf 'tune: %s could not be put back\n' "${left[@]}" >&2
        echo "tune: what was there stays noted in $journal; try again" >&2
        return 1
    fi
    rm -f "$journal"
    sync "$state"
    echo "All of it is as it was."
}

# is_gone KIND INSTANCE: whether it exists no longer. What exists and cannot be read just now, since its tool is
# missing or its card is being set up, is still to be put back.
is_gone() {
    case $1 in
        sysctl) [[ ! -e $root/proc/sys/${2//.//} ]] ;;
        file) [[ ! -e $root$2 ]] ;;
        irq) [[ ! -e $root/sys/class/net/${2%% *} || -z $(number_of_interrupt "${2#* }") ]] ;;
        notrack) [[ ! -e $root/proc/sys/net/netfilter/nf_conntrack_max ]] ;;
        *) [[ ! -e $root/sys/class/net/${2%% *} ]] ;;
    esac
}

# put_back_all PASS: fills left with what is not as it was.
put_back_all() {
    local kind instance value mark now
    left=()
    while IFS=$unit read -r -u 8 kind instance value mark; do
        [[ $mark == . ]] || continue
        if ! now=$("read_$kind" "$instance"); then
            if is_gone "$kind" "$instance"; then
                [[ $1 -gt 1 ]] || echo "gone      $instance: $now"
            else
                left+=("$instance ($now)")
            fi
            continue
        fi
        [[ $now != "$value" ]] || continue
        if "write_$kind" "$instance" "$value" && [[ $("read_$kind" "$instance") == "$value" ]]; then
            echo "put back  $instance: ${value:-nothing} (was ${now:-nothing})"
        else
            left+=("$instance")
        fi
    done 8< <(tac "$journal")
}
