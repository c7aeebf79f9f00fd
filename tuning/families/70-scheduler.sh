# shellcheck shell=bash
family scheduler "Scheduler and NUMA"

knob sessions kind=sysctl at=kernel.sched_autogroup_enabled want='=0' absent="this kernel groups nothing by session" \
    what="Whether the scheduler shares cores among sessions rather than programs." \
    why="Signaling steps back behind media by its priority; between two groups that priority means nothing." \
    verify="cat /proc/\$(pgrep -f 'volley media')/autogroup" \
    brought="not measured: it was off there, so there was nothing to set"

knob lockup-watch kind=sysctl at=kernel.nmi_watchdog want=leave want.25g='=0' absent="this kernel does not watch by interrupt" \
    what="An interrupt that finds cores which hang." \
    why="It comes on every core, takes one of its few counters, and keeps it from being without a tick." \
    verify="sysctl kernel.nmi_watchdog" \
    brought="not measured: it was off there, as in most virtual machines"

knob numa-moves kind=sysctl at=kernel.numa_balancing want_by=wish_of_numa_moves wants="=0 where there are several nodes" \
    absent="this kernel moves nothing between nodes" \
    what="Whether the kernel moves memory to the node that uses it, by trial." \
    why="Workers stay on their cores, so what they touch first is theirs; the trial makes them fault on memory that is in the right place." \
    verify="grep numa_hint_faults /proc/vmstat stays the same" \
    brought="not measured: that machine has one node, so nothing moves"

knob numa-place kind=look at=numa_place want='=near' applies=unit mend="CPUAffinity= and NUMAPolicy= in the unit, with the cores of the card's node" \
    what="Whether the workers' cores are on the card's node." \
    why="A packet whose memory is on the other node crosses between processors twice, for 100 ns and more each time it is touched first." \
    verify="cat /sys/class/net/DEVICE/device/{numa_node,local_cpulist}" \
    brought="nothing to measure: it is looked at, not changed"

wish_of_numa_moves() {
    local nodes=("$root"/sys/devices/system/node/node[0-9]*)
    if [[ ${#nodes[@]} -gt 1 ]]; then echo '=0'; else echo leave; fi
}

look_at_numa_place() {
    local device core near told=no
    local nodes=("$root"/sys/devices/system/node/node[0-9]*)
    if [[ ${#nodes[@]} -le 1 ]]; then
        printf 'there is one node'
        return 1
    fi
    for device in "${devices[@]}"; do
        near=$(first_line "$root/sys/class/net/$device/device/local_cpulist")
        [[ -n $near ]] || continue
        told=yes
        near=" $(numbers_of "$near" | tr '\n' ' ')"
        for core in "${worker_cores[@]}"; do
            if [[ $near != *" $core "* ]]; then
                printf 'core %s is far from %s' "$core" "$device"
                return
            fi
        done
    done
    [[ $told == yes ]] || { printf 'the card does not tell'; return 1; }
    printf near
}
