# shellcheck shell=bash
family irq "Interrupts and the workers' cores"

knob interrupts kind=irq at='' want_by=wish_of_interrupt wants="that of queue n on the n-th worker's core (--irq away: on cores without a worker)" \
    absent="this device's interrupts cannot be told apart" \
    what="Which core each of the card's interrupts goes to." \
    why="Onto the workers' cores by default, one each: all cores have a worker unless you say otherwise, and what comes in is then worked off beside who reads it. With --workers and --irq away they go to the cores that were left free, which is steadier for the workers and costs each packet a way to another cache." \
    verify="grep DEVICE /proc/interrupts: each line grows in one column" \
    brought="not measured: the runs go over a veth, which has no interrupts; it takes two machines with cards"

knob balancer kind=look at=balancer want='=absent' applies=unit mend="systemctl disable --now irqbalance" \
    what="Whether irqbalance runs." \
    why="It moves interrupts every ten seconds by what it thinks of the load, also those that were placed on purpose." \
    verify="pidof irqbalance" \
    brought="nothing to measure: it is looked at, not changed"

# The number of its queue decides on the core, so that both interrupts of a queue come to one.
wish_of_interrupt() {
    local queue=${1%%@*}
    local -a cores
    read -ra cores <<<"$(interrupt_cores)"
    queue=${queue##*[!0-9]}
    # What stands for no queue (a change of the link, say) comes once a day.
    if [[ -z $queue || $1 == *async* ]]; then echo leave; else echo "=${cores[10#$queue % ${#cores[@]}]}"; fi
}

look_at_balancer() {
    local path
    for path in "$root"/proc/[0-9]*/comm; do
        if [[ $(first_line "$path") == irqbalance ]]; then
            printf running
            return
        fi
    done
    printf absent
}
