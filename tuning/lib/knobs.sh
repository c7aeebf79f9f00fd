# shellcheck shell=bash
# What a knob is, what it should be, and what it is. Families declare knobs; nothing here knows one.
#
#   family NAME "TITLE"
#   knob NAME kind=KIND at=PLACE want=WISH what="…" why="…" verify="…" brought="…" [FIELD=…]
#
# want      =V (just that), >=N or <=N (each number of several), any A B (one of them; A is set), has N[-M] (in a
#           list of ports), or leave; want.10g and so on for one profile; want_by names a function that prints it
# at        what the kind takes; instances_by names a function that prints several, one a line
# applies   now; asked: only when --only names the family; boot or unit: by other hands, which mend names
# absent    what is said where it does not exist
# brought   what it brought on the measured machine ($there), by the last committed run of `volley-bench tuning`; else
#           "not measured: WHY", or "nothing to measure: WHY". scripts/check-tuning holds it against that run

# The measured machine, by bench/results/tuning.md.
there="a virtual machine of two cores over a veth"

declare -A family_title=() field=()
families=() knobs=()

family() {
    current_family=$1
    families+=("$1")
    family_title[$1]=$2
}

knob() {
    local name=$1 pair
    knobs+=("$name")
    field["$name family"]=$current_family
    for pair in "${@:2}"; do field["$name ${pair%%=*}"]=${pair#*=}; done
}

# of KNOB FIELD [ELSE]
of() { printf '%s' "${field["$1 $2"]:-${3:-}}"; }

family_names() {
    local IFS=,
    echo "${families[*]}"
}

# is_wanted KNOB: whether its family is among those of --only.
is_wanted() {
    local list=,${option[only]},
    [[ $list == ,, || $list == *,"${field["$1 family"]}",* ]]
}

# may_set KNOB: whether apply sets it.
may_set() {
    case ${field["$1 applies"]:-now} in
        now) true ;;
        asked) [[ -n ${option[only]} ]] ;;
        *) false ;;
    esac
}

# wish_of KNOB INSTANCE
wish_of() {
    local by=${field["$1 want_by"]:-}
    if [[ -n $by ]]; then
        "$by" "$2"
    else
        printf '%s' "${field["$1 want.$profile"]:-${field["$1 want"]}}"
    fi
}

instances_of() {
    local by=${field["$1 instances_by"]:-}
    if [[ -n $by ]]; then "$by"; else "instances_${field["$1 kind"]}" "${field["$1 at"]}"; fi
}

# survey KNOB: fills at, current, wishes, goal, status and note, an element for each instance. status is
# ok, differs, fixed or absent.
survey() {
    local name=$1 kind=${field["$1 kind"]} instance value wish place=0
    at=() current=() goal=() status=() note=()
    while IFS= read -r instance; do
        [[ -n $instance ]] || continue
        at[place]=$instance note[place]='' goal[place]='' wishes[place]=''
        if value=$("read_$kind" "$instance"); then
            wish=$(wish_of "$name" "$instance")
            current[place]=$value wishes[place]=$wish
            judge_instance "$name" "$place" "$value" "$wish"
        else
            current[place]='' status[place]=absent note[place]=${value:-$(of "$name" absent "this machine has none")}
        fi
        place=$((place + 1))
    done < <(instances_of "$name")
    if [[ $place -eq 0 ]]; then
        at=("$(of "$name" at)") current=('') goal=('') wishes=('') status=(absent)
        note=("$(of "$name" absent "this machine has none")")
    fi
}

# judge_instance KNOB PLACE VALUE WISH
judge_instance() {
    if judge "$3" "$4" "${field["$1 as"]:-}"; then
        status[$2]=ok
    elif is_fixed "${field["$1 kind"]}" "${at[$2]}"; then
        status[$2]=fixed note[$2]="wants $4; in this container or namespace it cannot be set, only on the machine itself"
    else
        status[$2]=differs
    fi
    goal[$2]=$judged
}

# is_fixed KIND INSTANCE: whether not even root may write it here.
is_fixed() {
    local path
    [[ $EUID -eq 0 ]] || return 1
    case $1 in
        sysctl) path=$root/proc/sys/${2//.//} ;;
        file) path=$root$2 ;;
        *) return 1 ;;
    esac
    [[ ! -w $path ]]
}

# judge VALUE WISH [mask]: whether VALUE will do; what it should be is in judged.
judge() {
    local value=$1 wish=$2 number
    local -a have need
    judged=$value
    case $wish in
        leave | '') return 0 ;;
        '>='* | '<='*)
            read -ra have <<<"$value"
            read -ra need <<<"${wish:2}"
            for number in "${!need[@]}"; do
                will_do "${have[number]:-}" "${wish:0:2}" "${need[number]}" || have[number]=${need[number]}
            done
            judged=${have[*]}
            ;;
        'any '*)
            read -ra need <<<"${wish#any }"
            [[ " ${need[*]} " == *" $value "* ]] || judged=${need[0]}
            ;;
        'has '*) has_ports "$value" "${wish#has }" || judged=${value:+$value,}${wish#has } ;;
        '='*) judged=${wish#=} ;;
    esac
    if [[ ${3:-} == mask ]]; then [[ $(bare_mask "$judged") == "$(bare_mask "$value")" ]]; else [[ $judged == "$value" ]]; fi
}

# will_do HAVE >=|<= NEED
will_do() { [[ $1 =~ ^-?[0-9]+$ ]] && { [[ $2 == '>=' && $1 -ge $3 ]] || [[ $2 == '<=' && $1 -le $3 ]]; }; }

# has_ports 1-5,9 3-4: whether all of the second stand in the first.
has_ports() {
    local from to part first=${2%-*} last=${2#*-}
    local -a parts
    IFS=, read -ra parts <<<"$1"
    for part in "${parts[@]}"; do
        from=${part%-*} to=${part#*-}
        # What the kernel keeps is sorted: a part that begins at or before `first` takes it along.
        [[ $first -lt $from || $first -gt $to ]] || first=$((to + 1))
        [[ $first -le $last ]] || return 0
    done
    return 1
}

# A mask without what only fills it up: 00000000,00000003 is 3.
bare_mask() {
    local bare=${1//,/}
    bare=${bare#"${bare%%[!0]*}"}
    printf '%s' "${bare:-0}"
}
