# shellcheck shell=bash
# What tune does with all knobs, one after the other.

check() {
    local name differing=0 total=0
    if [[ $json == yes ]]; then
        check_as_json
        return
    fi
    echo "profile $profile; devices ${devices[*]:-none}; workers on cores ${worker_cores[*]}; media port ${option[media-port]}"
    current_family=''
    for name in "${knobs[@]}"; do
        is_wanted "$name" || continue
        survey "$name"
        total=$((total + 1))
        print_knob "$name"
        if will_set "$name"; then differing=$((differing + 1)); fi
    done
    echo
    if [[ $differing -eq 0 ]]; then
        echo "$total knobs; there is nothing for apply to set."
    else
        echo "$total knobs; apply would set $differing of them. tune show KNOB says why."
    fi
    [[ ! -e $journal ]] || echo "What was there before an apply is noted in $journal; tune revert puts it back."
    [[ $differing -eq 0 ]]
}

# will_set KNOB: whether apply would change something of what was surveyed.
will_set() { may_set "$1" && [[ " ${status[*]} " == *' differs '* ]]; }

print_knob() {
    local family place remark
    family=$(of "$1" family)
    if [[ $family != "$current_family" ]]; then
        current_family=$family
        printf '\n%s: %s\n' "$family" "${family_title[$family]}"
    fi
    for place in "${!at[@]}"; do
        remark=${note[place]}
        if [[ ${status[place]} == differs ]]; then
            remark="wants ${wishes[place]}"
            case $(of "$1" applies now) in
                asked) may_set "$1" || remark+="; set only with --only $family" ;;
                boot | unit) remark+="; $(of "$1" mend)" ;;
            esac
        fi
        printf '  %-7s  %-20s %s' "${status[place]}" "$1" "${at[place]}"
        [[ ${status[place]} == absent ]] || printf ' = %s' "${current[place]:-nothing}"
        printf '%s\n' "${remark:+  ($remark)}"
    done
}

apply() {
    local name changed=0
    refused=() touched=()
    take_turn
    shorten_notes
    for name in "${knobs[@]}"; do
        is_wanted "$name" || continue
        # What is to be set hangs on what was set before: a card's channels make its queues.
        survey "$name"
        if will_set "$name"; then set_knob "$name"; else skip_knob "$name"; fi
    done
    settle
    [[ $persist == no ]] || make_persistent
    echo
    if [[ $changed -eq 0 ]]; then echo "Nothing had to be set."; else echo "$changed values were set; tune revert puts back what was there."; fi
    if [[ ${#refused[@]} -gt 0 ]]; then
        printf 'tune: %s could not be set\n' "${refused[@]}" >&2
        return 1
    fi
}

set_knob() {
    local place kind
    kind=$(of "$1" kind)
    for place in "${!at[@]}"; do
        [[ ${status[place]} == differs ]] || continue
        set_instance "$1" "$kind" "${at[place]}" "${current[place]}" "${goal[place]}" "${wishes[place]}"
    done
}

# set_instance KNOB KIND INSTANCE NOW GOAL WISH. The kernel may write the goal in its own way (49999,50000 is 49999-50000
# then), so what it tells is held against the wish.
set_instance() {
    local now
    if ! { note_shaken "$2" "$3" && note_down "$2" "$3" "$4"; }; then
        echo "tune: $journal cannot be written, so nothing more is changed" >&2
        exit 1
    fi
    touched+=("$2$unit$3")
    if "write_$2" "$3" "$5" && now=$("read_$2" "$3") && note_set "$2" "$3" "$now" && judge "$now" "$6" "$(of "$1" as)"; then
        changed=$((changed + 1))
        echo "set      $1: $3 = $5 (was ${4:-nothing})"
    else
        refused+=("$3 to $5")
    fi
    note_settled
}

# One setting may move another that was set before it: what apply has set is what there is when it is through.
settle() {
    local key now
    for key in "${touched[@]}"; do
        ! now=$("read_${key%%"$unit"*}" "${key#*"$unit"}") || note_set "${key%%"$unit"*}" "${key#*"$unit"}" "$now"
    done
}

# What does not exist is said; what is set already is not.
skip_knob() {
    local place
    for place in "${!at[@]}"; do
        case ${status[place]} in
            absent) echo "skipped  $1: ${note[place]}" ;;
            fixed) echo "skipped  $1: ${at[place]} ${note[place]}" ;;
            differs) echo "left     $1: ${at[place]} = ${current[place]:-nothing}, wants ${wishes[place]}; $(of "$1" mend "set only with --only $(of "$1" family)")" ;;
        esac
    done
}

show() {
    local name wanted
    for wanted in "$@"; do
        [[ -n ${family_title[$wanted]:-} || -n ${field["$wanted kind"]:-} ]] || wrong "there is no knob or family $wanted"
    done
    printf 'What each brought was measured on %s ("there"); bench/results/tuning.md has the run.\n\n' "$there"
    for name in "${knobs[@]}"; do
        wanted=" $* "
        [[ $# -eq 0 || $wanted == *" $name "* || $wanted == *" $(of "$name" family) "* ]] || continue
        printf '%s (%s)\n' "$name" "$(of "$name" family)"
        printf '  what     %s\n' "$(of "$name" what)"
        printf '  why      %s\n' "$(of "$name" why)"
        printf '  wanted   %s\n' "$(all_wishes "$name")"
        printf '  verify   %s\n' "$(of "$name" verify)"
        printf '  brought  %s\n' "$(of "$name" brought)"
        case $(of "$name" applies now) in
            asked) printf '  set      only with --only %s\n' "$(of "$name" family)" ;;
            boot | unit) printf '  set      not by tune: %s\n' "$(of "$name" mend)" ;;
        esac
        echo
    done
}

# all_wishes KNOB: for every profile, in words of knobs.sh.
all_wishes() {
    local one usual text
    usual=$(of "$1" want)
    text=${usual:-$(of "$1" wants)}
    for one in 1g 10g 25g vm; do
        [[ -z ${field["$1 want.$one"]:-} ]] || text+="; $one: $(of "$1" "want.$one")"
    done
    printf '%s' "$text"
}
