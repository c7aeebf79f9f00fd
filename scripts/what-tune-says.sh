# shellcheck shell=bash
# Sourced by scripts/check-tuning: tests of what tuning/tune tells, on the machine of files in $tree.

check_names_every_knob_and_changes_nothing() {
    on_files check --json >"$folder/check.json" || [[ $? -eq 1 ]]
    on_files check >/dev/null || [[ $? -eq 1 ]]
    picture_of_tree | diff "$folder/before" -
    python3 - "$folder/check.json" "$(cat tuning/families/*.sh | grep -c '^knob ')" <<'END'
import json, sys
said = json.load(open(sys.argv[1]))
assert said["profile"] == "10g" and said["devices"] == ["eth7"] and said["applied"] is False, said
assert len(said["knobs"]) == int(sys.argv[2]), len(said["knobs"])
for knob in said["knobs"]:
    assert all(knob[key] for key in ("what", "why", "verify", "brought", "instances")), knob
state = {(knob["knob"], place["at"]): place["state"] for knob in said["knobs"] for place in knob["instances"]}
assert state["receive-buffer", "net.core.rmem_max"] == "differs"
assert state["send-buffer", "net.core.wmem_max"] == "ok", "what is larger is not made smaller"
assert state["udp-least", "net.ipv4.udp_rmem_min"] == "absent"
assert state["spread-udp6", "eth7 udp6"] == "absent"
END
}

# A knob says what the committed run of the bench measured of its family, or why nothing was.
show_says_what_every_knob_brought() {
    on_files show >"$folder/said"
    [[ $(grep -c '^  brought  .' "$folder/said") -eq $(cat tuning/families/*.sh | grep -c '^knob ') ]]
    grep -q '^What each brought was measured on .*virtual machine' "$folder/said"
    on_files check --json >"$folder/check.json" || [[ $? -eq 1 ]]
    python3 - "$folder/check.json" bench/results/tuning.json <<'END'
import json, re, sys
said = {knob["knob"]: knob["brought"] for knob in json.load(open(sys.argv[1]))["knobs"]}
for name, brought in said.items():
    assert re.match("nothing (to measure|that can be told|of speed)|not measured: .{20}|(cheaper|dearer) packets|(less|more) delay", brought), f"{name}: {brought}"
for family in json.load(open(sys.argv[2]))["families"]:
    change = f"{family['costChange'] * 100:.1f} %" if family["costChange"] is not None else "not measured: "
    for name in (line.split(":")[0] for line in family["set"] or []):
        assert change in said[name], f"{name}: the committed run says {change}, and the knob {said[name]}"
END
}

# In the kernel's words: a list of cores, an empty line where there are none, and " (null)" without nohz_full=.
isolation_is_told() {
    local isolated tickless told
    while IFS='|' read -r isolated tickless told; do
        put /sys/devices/system/cpu/isolated "$isolated"
        put /sys/devices/system/cpu/nohz_full "$tickless"
        on_files check --only cpu --profile 25g --workers 2-4 >"$folder/said" || [[ $? -eq 1 ]]
        grep -Eq " isolation = $told(  |\$)" "$folder/said" || { echo "$isolated, $tickless: not $told"; cat "$folder/said"; return 1; }
    done <<'END'
| (null)|no
|2-4|no
1,2-4| (null)|core 2 keeps its tick
2-3,5|2-5|core 4 is not isolated
2,3,4|2-3|core 4 keeps its tick
1-7|1-7|yes
2-4|2-4|yes
END
    rm "$tree/sys/devices/system/cpu/nohz_full"
    on_files check --only cpu --profile 25g --workers 2-4 >"$folder/said" || [[ $? -eq 1 ]]
    grep -q ' isolation = core 2 keeps its tick' "$folder/said"
    rm "$tree/sys/devices/system/cpu/isolated"
    on_files check --only cpu --workers 2-4 >"$folder/said" || [[ $? -eq 1 ]]
    grep -q '^  absent .* isolation .*this kernel does not tell' "$folder/said"
}
