# Sourced by scripts/test: steps and suites, one after the other or beside one another, and what became of them.

passed=0
failed=0
output=$(mktemp)
notes=$(mktemp)
again=$(mktemp)
times=$(mktemp)
lanes=$(mktemp -d)
trap 'rm -rf "$output" "$notes" "$again" "$times" "$lanes"' EXIT

# step NAME COMMAND…: one thing that passes or fails as a whole.
step() {
    local began=$SECONDS
    say "$1"
    if "${@:2}"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "$1: failed" >>"$notes"
    fi
    took "$began" "$@"
}

# suite NAME COMMAND…: a command whose output names its passed and failed tests; it fails as a whole
# when it ends badly without naming one.
suite() {
    local code=0 good bad began=$SECONDS
    say "$1"
    "${@:2}" | tee "$output" || code=$?
    good=$(sum_of passed)
    bad=$(sum_of failed)
    if [[ $bad -gt 0 ]]; then
        what_failed "$1" >>"$notes"
    elif [[ $code -ne 0 || $good -eq 0 ]]; then
        bad=1
        { echo "$1: ended with $code and named no failed test; its last lines:"; tail -n 15 "$output"; } >>"$notes"
    fi
    passed=$((passed + good))
    failed=$((failed + bad))
    took "$began" "$@"
}

# Reads cargo test, vitest, node --test (TAP) and our own JSON lines.
sum_of() {
    awk -v want="$1" '
        /^test result:/ { passed += $4; failed += $6 }
        /^ *Tests +/ { for (field = 2; field < NF; field++) { if ($(field + 1) ~ /^passed/) passed += $field; if ($(field + 1) ~ /^failed/) failed += $field } }
        /^# pass / { passed += $3 }
        /^# (fail|cancelled) / { failed += $3 }
        /^\{"case":.*"pass":true/ { passed++ }
        /^\{"case":.*"pass":false/ { failed++ }
        END { print (want == "passed" ? passed : failed) + 0 }' "$output"
}

# The same four kinds of output: the lines that say which test failed, and how.
what_failed() {
    echo "$1:"
    awk '
        /^---- .* stdout ----$/ { left = 12 }
        /^ *(FAIL|AssertionError|Error:) / || /^not ok / { left = 6 }
        /^\{"case":.*"pass":false/ { print substr($0, 1, 2000) }
        left > 0 { print "    " substr($0, 1, 400); left-- }' "$output" | head -n 150
}

# beside LANE COMMAND…: begins what leaves a processor to others; finished LANE waits for it, tells what it printed and
# ends as it did.
declare -A beside_job=()
beside() {
    {
        local began=$SECONDS code=0
        "${@:2}" >"$lanes/$1" || code=$?
        echo "$((SECONDS - began))" >"$lanes/$1.took"
        echo "$code" >"$lanes/$1.code"
    } &
    beside_job[$1]=$!
}
is_begun() { [[ -n ${beside_job[$1]:-} ]]; }
finished() {
    while [[ ! -s $lanes/$1.code ]] && kill -0 "${beside_job[$1]}" 2>/dev/null; do sleep 0.2; done
    cat "$lanes/$1"
    [[ -s $lanes/$1.code ]] && return "$(cat "$lanes/$1.code")"
}

# took BEGAN NAME COMMAND…: notes how long the run waited for it. What went on beside others says how long it went on.
took() {
    local lane=''
    [[ ${3:-} != finished ]] || lane=" (was waited for; it took $(cat "$lanes/$4.took" 2>/dev/null || echo 'unknown') s beside others)"
    echo "$((SECONDS - $1)) $2$lane" >>"$times"
}

# Each second of the run once.
where_the_time_went() {
    sort -rn "$times" | awk -v all="$SECONDS" '
        NR <= 15 { print }
        NR > 15 { others++; in_others += $1 }
        { told += $1 }
        END {
            if (others) print in_others " the other " others
            print all - told " between them, where something had to be installed above all"
            print all " in all"
        }'
}

# Where the time went, what failed, and the count; ends as the tests did.
tell_result() {
    say "Where the time went, in seconds"
    where_the_time_went
    if [[ -s $again ]]; then
        say "What failed, and passed when it ran once more by itself"
        cat "$again"
    fi
    if [[ -s $notes ]]; then
        say "What failed"
        cat "$notes"
    fi
    say "Result"
    echo "$passed passed, $failed failed"
    [[ $failed -eq 0 ]]
}
