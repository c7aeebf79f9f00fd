# shellcheck shell=bash
family cpu "Cores: speed, sleep, and who else is on them"

# Before the governor, which on some processors sets it along: what is put back last is what was first.
knob energy kind=file at='/sys/devices/system/cpu/cpu*/cpufreq/energy_performance_preference' want='=performance' \
    absent="these cores take no such hint" \
    what="The hint that processors which choose by themselves go by." \
    why="The same, on processors with hardware P-states." \
    verify="cat /sys/devices/system/cpu/cpu*/cpufreq/energy_performance_preference" \
    brought="not measured: the runs are of a virtual machine, whose clock is its host's"

knob governor kind=file at='/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor' want='=performance' \
    absent="the clock of these cores is not ours to choose" \
    what="How the cores' clock is chosen." \
    why="A worker sleeps between bursts, so a governor that goes by load finds it idle and lets it begin each burst slowly." \
    verify="cpupower frequency-info" \
    brought="not measured: the runs are of a virtual machine, whose clock is its host's"

knob deep-sleep kind=file at='/sys/devices/system/cpu/cpu*/cpuidle/state*/disable' instances_by=deep_sleeps \
    want=leave want.10g='=1' want.25g='=1' absent="these cores have no sleep that takes long to wake from" \
    what="Sleeping states that take more than 10 µs to wake from." \
    why="A turn begins with a wake: 100 µs and more out of deep sleep are added to the first packets of each burst. It takes power, so only where the load is high." \
    verify="cpupower idle-info; turbostat" \
    brought="not measured: no sleeping state of that virtual machine takes longer than 1 µs to wake from"

knob siblings kind=look at=siblings want='any off forceoff notsupported notimplemented' applies=boot \
    mend="--workers half as many as cores, or nosmt on the kernel's command line" \
    what="Whether two logical cores share one real one (SMT)." \
    why="Two workers on one real core each have somewhat more than half of it: as much is carried, but a burst of one delays the other." \
    verify="cat /sys/devices/system/cpu/smt/control" \
    brought="nothing to measure: it is looked at, not changed"

knob isolation kind=look at=isolation want=leave want.25g='=yes' applies=boot \
    mend="isolcpus=domain,managed_irq,CORES nohz_full=CORES rcu_nocbs=CORES on the kernel's command line (one core at least stays out), CPUAffinity= in the unit with CORES and with one of the others, as many workers there as CORES (VOLLEY_WORKERS), and --workers CORES here" \
    what="Whether the workers' cores are kept free of others' work and of the tick (isolcpus, nohz_full, rcu_nocbs)." \
    why="At 25 Gbit/s a millisecond that a core does something else is 300 KB that wait. Below that the scheduler's own order is good enough, and isolated cores are lost for everything else." \
    verify="cat /proc/cmdline /sys/devices/system/cpu/isolated /sys/devices/system/cpu/nohz_full" \
    brought="nothing to measure: it is looked at, not changed"

knob clock kind=look at=clock want='any tsc kvm-clock hyperv_clocksource_tsc_page arch_sys_counter' applies=boot \
    mend="clocksource=tsc on the kernel's command line, if the kernel's log does not call it unstable" \
    what="What the kernel tells the time by." \
    why="The time is asked several times in each turn. With one of these that takes no system call; with hpet or acpi_pm it takes a microsecond each." \
    verify="cat /sys/devices/system/clocksource/clocksource0/current_clocksource" \
    brought="nothing to measure: it is looked at, not changed"

deep_sleeps() {
    local latency path
    for latency in "$root"/sys/devices/system/cpu/cpu[0-9]*/cpuidle/state*/latency; do
        path=${latency%/latency}/disable
        [[ $(first_line "$latency") -le 10 || ! -e $path ]] || echo "${path#"$root"}"
    done
}

look_at_siblings() { read_place "$root/sys/devices/system/cpu/smt/control" "this kernel does not tell"; }

# Without isolcpus=domain nothing is isolated, whatever else stands there: `isolcpus=managed_irq,2-7` keeps interrupts
# away alone, and the kernel's list is empty.
look_at_isolation() {
    local core isolated tickless
    [[ -e $root/sys/devices/system/cpu/isolated ]] || { printf 'this kernel does not tell'; return 1; }
    isolated=$(listed_cores isolated)
    tickless=$(listed_cores nohz_full)
    for core in "${worker_cores[@]}"; do
        if [[ -z $isolated ]]; then
            printf no
        elif [[ " $isolated " != *" $core "* ]]; then
            printf 'core %s is not isolated' "$core"
        elif [[ " $tickless " != *" $core "* ]]; then
            printf 'core %s keeps its tick' "$core"
        else
            continue
        fi
        return
    done
    printf yes
}

# listed_cores FILE: 2-4,7 as 2 3 4 7. Where there are none the kernel writes an empty line, or " (null)".
listed_cores() {
    local list
    list=$(first_line "$root/sys/devices/system/cpu/$1")
    [[ ! $list =~ ^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$ ]] || numbers_of "$list" | tr '\n' ' '
}

look_at_clock() { read_place "$root/sys/devices/system/clocksource/clocksource0/current_clocksource" "this kernel does not tell"; }
