# shellcheck shell=bash
# The answer of `tune check --json`: one object, whose names are promised.

json_text() {
    local text=$1
    text=${text//\\/\\\\}
    text=${text//\"/\\\"}
    text=${text//$'\n'/\\n}
    text=${text//$'\t'/\\t}
    printf '"%s"' "$text"
}

# json_list WORD…
json_list() {
    local word text=''
    for word; do text+=${text:+,}$(json_text "$word"); done
    printf '[%s]' "$text"
}

check_as_json() {
    local name sets comma='' differing=0
    printf '{"profile":%s,"devices":%s,"workers":%s,"mediaPort":%s,"measuredOn":%s,"knobs":[' "$(json_text "$profile")" \
        "$(json_list "${devices[@]}")" "$(json_list "${worker_cores[@]}")" "$(json_text "${option[media-port]}")" "$(json_text "$there")"
    for name in "${knobs[@]}"; do
        is_wanted "$name" || continue
        survey "$name"
        sets=false
        if will_set "$name"; then
            sets=true
            differing=$((differing + 1))
        fi
        printf '%s\n' "$comma"
        json_knob "$name" "$sets"
        comma=,
    done
    printf '],\n"wouldSet":%s,"applied":%s}\n' "$differing" "$(if [[ -e $journal ]]; then echo true; else echo false; fi)"
    [[ $differing -eq 0 ]]
}

# json_knob KNOB WOULD-SET
json_knob() {
    local name=$1 key place comma=''
    printf '{"knob":%s,"wouldSet":%s,"applies":%s' "$(json_text "$name")" "$2" "$(json_text "$(of "$name" applies now)")"
    for key in family what why verify brought mend; do
        printf ',"%s":%s' "$key" "$(json_text "$(of "$name" "$key")")"
    done
    printf ',"instances":['
    for place in "${!at[@]}"; do
        printf '%s{"at":%s,"state":%s,"current":%s,"wanted":%s,"note":%s}' "$comma" "$(json_text "${at[place]}")" \
            "$(json_text "${status[place]}")" "$(json_text "${current[place]}")" "$(json_text "${wishes[place]}")" \
            "$(json_text "${note[place]}")"
        comma=,
    done
    printf ']}'
}
