# shellcheck shell=bash
family busypoll "Waiting on the card, and interrupts put off"

knob poll-on-wait kind=sysctl at=net.core.busy_poll want=leave \
    what="How long poll and epoll spin on the card's queue before they sleep, in microseconds." \
    why="Volley waits in io_uring, which does not look at it; with --io epoll 50 saves a wake for a core that is used up by spinning. Left as it is, and named here because guides tell to set it." \
    verify="sysctl net.core.busy_poll" \
    brought="not measured: it is left as it is, so there is no before and after"

knob poll-on-read kind=sysctl at=net.core.busy_read want=leave \
    what="The same of blocking reads." \
    why="No socket of Volley's is read by blocking. Left as it is." \
    verify="sysctl net.core.busy_read" \
    brought="not measured: it is left as it is, so there is no before and after"

knob gather-time kind=file at='/sys/class/net/*/gro_flush_timeout' instances_by=files_of_gathering_time want=leave \
    want.10g='>=20000' want.25g='>=20000' absent="this device gathers nothing" \
    what="How long packets of one flow wait for the next, to come up as one, in nanoseconds." \
    why="A receiver's feedback and a publisher's picture come as runs of datagrams; Volley takes a run by one walk through the stack (UDP_GRO). 20 µs is nobody's delay, and several packets at 10 Gbit/s. Slower links have nothing to gather in that time." \
    verify="packets per receive: nstat -az UdpInDatagrams against volley_packets_received_total" \
    brought="nothing that can be told: both of the family together changed the cost of a packet by 1.3 % on $there, within what runs differ by; a veth has no interrupts to put off"

knob put-off-interrupts kind=file at='/sys/class/net/*/napi_defer_hard_irqs' instances_by=files_of_put_off want=leave \
    want.10g='>=2' want.25g='>=2' absent="this device puts nothing off" \
    what="How many empty looks at the card come before its interrupt is switched on again." \
    why="Without it gather-time has no effect: the interrupt ends the waiting." \
    verify="the device's line in /proc/interrupts grows more slowly at the same load" \
    brought="nothing that can be told: both of the family together changed the cost of a packet by 1.3 % on $there, within what runs differ by; a veth has no interrupts to put off"

files_of_devices() {
    local device
    for device in "${devices[@]}"; do [[ ! -e $root/sys/class/net/$device/$1 ]] || echo "/sys/class/net/$device/$1"; done
}
files_of_gathering_time() { files_of_devices gro_flush_timeout; }
files_of_put_off() { files_of_devices napi_defer_hard_irqs; }
