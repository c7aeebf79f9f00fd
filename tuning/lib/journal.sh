# shellcheck shell=bash
# What was there before, on the disk before anything is changed, and what was made of it. A line that was cut off
# belongs to a change that was never made.

journal=$state/journal
# Between kind, instance, value and a dot that says the line is whole. Values may be empty and hold tabs.
unit=$'\037'

# Only one tune at a time, and only as root.
take_turn() {
    if [[ $EUID -ne 0 ]]; then
        echo "tune: $deed takes root" >&2
        exit 1
    fi
    # What root will read again is nobody else's to write.
    umask 022
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

# What was there and, once it is set, what apply has set: both by kind and instance. Each line is one step, in order:
#   KIND INSTANCE VALUE          this is there now, and is about to be set
#   set:KIND INSTANCE VALUE      it is set, and reads like this
#   theirs:KIND INSTANCE VALUE   somebody has set it to this since: it is none of ours
#   reverting                    it is being put back, so what is found from now on may be half of that
declare -A was=() ours=()
order=()
read_notes() {
    local kind instance value mark
    [[ -e $journal ]] || return 0
    while IFS=$unit read -r kind instance value mark; do
        [[ $mark != . ]] || remember "$kind" "$instance" "$value"
    done <"$journal"
}

# remember KIND INSTANCE VALUE: what a line means.
remember() {
    local key=${1#*:}$unit$2
    case $1 in
        reverting) ours=() ;;
        set:*) ours[$key]=$3 ;;
        theirs:*) unset 'was[$key]' 'ours[$key]' ;;
        *)
            if [[ -z ${was[$key]+known} ]]; then order+=("$key"); fi
            is_known "$key" "$3" || was[$key]=$3
            unset 'ours[$key]'
            ;;
    esac
}

# Where most lines have been overtaken by others, as after many starts of the machine, they make room: of each instance
# what was there stays, and what apply has made of it. Whoever is killed meanwhile leaves the notes as they were.
shorten_notes() {
    local place key text='' kept=()
    local -A seen=()
    [[ -s $journal && $(wc -l <"$journal") -gt $((4 * ${#was[@]} + 20)) ]] || return 0
    # What was set anew after somebody else had set it stands there twice: the later one counts.
    for ((place = ${#order[@]} - 1; place >= 0; place--)); do
        key=${order[place]}
        [[ -n ${was[$key]+known} && -z ${seen[$key]+seen} ]] || continue
        seen[$key]=yes
        kept=("$key" "${kept[@]}")
    done
    for key in "${kept[@]}"; do
        text+=$key$unit${was[$key]}$unit.$'\n'
        [[ -z ${ours[$key]+known} ]] || text+=set:$key$unit${ours[$key]}$unit.$'\n'
    done
    if printf '%s' "$text" >"$journal.new" && sync "$journal.new" && mv -f "$journal.new" "$journal"; then
        order=("${kept[@]}")
        sync "$state"
    fi
}

# is_known KEY VALUE: whether it is known what was there before VALUE. It is not where somebody has set VALUE over what
# apply had set: that is then what was there before the next apply.
is_known() { [[ -n ${was[$1]+known} && ${ours[$1]-$2} == "$2" ]]; }

# note KIND INSTANCE VALUE: a line that no cut-off one is part of.
note() {
    [[ ! -s $journal || -z $(tail -c 1 "$journal") ]] || printf '\n' >>"$journal" || return 1
    printf '%s\n' "$1$unit$2$unit$3$unit." >>"$journal" && remember "$@"
}

# note_down KIND INSTANCE VALUE: answers when what was there is on the disk. Where it stands there already the line only
# says that it is being set, which no crash of the machine outlives.
note_down() {
    local is_new=yes
    ! is_known "$1$unit$2" "$3" || is_new=no
    note "$@" && { [[ $is_new == no ]] || sync "$journal" "$state"; }
}

# note_set KIND INSTANCE VALUE: what apply has made of it, as it reads.
note_set() { [[ ${ours["$1$unit$2"]-none of ours} == "$3" ]] || note "set:$1" "$2" "$3"; }

# Puts back everything, the last change first, and again until nothing is left to do: a card that is set up anew forgets
# what was put back before. What is no longer as apply left it was set by somebody else, and stays.
revert() {
    local pass theirs=0 left=() moved=()
    if [[ ! -e $journal ]]; then
        echo "Nothing was changed here, or all of it was put back."
        return 0
    fi
    take_turn
    set_apart
    for pass in 1 2 3 4 5; do
        put_back_all "$pass"
        [[ ${#left[@]} -gt 0 || ${#moved[@]} -gt 0 ]] || break
    done
    # What was written even in the last pass does not stay as it is put.
    left+=("${moved[@]}")
    tell_systemd
    if [[ ${#left[@]} -gt 0 ]]; then
        printf 'tune: %s could not be put back\n' "${left[@]}" >&2
        echo "tune: what was there stays noted in $journal; try again" >&2
        return 1
    fi
    rm -rf --one-file-system "$own_copy"
    rm -f "$journal" "$journal.new"
    sync "$state"
    if [[ $theirs -eq 0 ]]; then echo "All of it is as it was."; else echo "All else is as it was."; fi
}

# Before anything is put back: what was set since by somebody else is theirs. A value that was being set when apply was
# killed, or when a revert was, is taken for ours, whatever it is.
set_apart() {
    local key kind instance now
    for key in "${order[@]}"; do
        [[ -n ${was[$key]+known} ]] || continue
        kind=${key%%"$unit"*} instance=${key#*"$unit"}
        now=$("read_$kind" "$instance") || continue
        [[ -n ${ours[$key]+known} || $now == "$not_ours" ]] || continue
        [[ $now != "${ours[$key]:-}" && $now != "${was[$key]}" ]] || continue
        echo "left      $instance: ${now:-nothing}, which apply has not set (it set ${ours[$key]:-nothing}; before that it was ${was[$key]:-nothing})"
        note "theirs:$kind" "$instance" "$now"
        theirs=$((theirs + 1))
    done
    note reverting '' ''
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

# put_back_all PASS: fills left with what is not as it was, and moved with what was put back.
put_back_all() {
    local key kind instance value now place
    left=() moved=()
    for ((place = ${#order[@]} - 1; place >= 0; place--)); do
        key=${order[place]}
        [[ -n ${was[$key]+known} ]] || continue
        kind=${key%%"$unit"*} instance=${key#*"$unit"} value=${was[$key]}
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
            moved+=("$instance")
            echo "put back  $instance: ${value:-nothing} (was ${now:-nothing})"
        else
            left+=("$instance")
        fi
    done
}
