# shellcheck shell=bash
# Channels first: they make the queues that the rest is about. A card that changes them or its rings is away for a
# moment, so apply belongs before the start of Volley.
family nic "Network card"

knob channels kind=channels at=combined want_by=wish_of_channels wants="as many as workers, if the card has them" \
    what="How many queues the card spreads flows over, each with an interrupt." \
    why="A queue is worked off by one core. Fewer queues than workers leave one core with the softirqs of several; more are woken for less." \
    verify="ethtool -l DEVICE" \
    brought="not measured: the runs go over a veth, where no card spreads flows over queues"

knob receive-ring kind=ring at=rx want_by=wish_of_receive_ring wants=">=1024 (10g: 4096, 25g: 8192), or the card's most" \
    what="How many packets the card may hold for a core that does not come." \
    why="A storm of key frames comes in a burst; what finds no place is lost before any socket counts it." \
    verify="ethtool -S DEVICE | grep -i -E 'drop|miss|no_buf' stays the same" \
    brought="not measured: the runs go over a veth, which has no rings of a card"

knob send-ring kind=ring at=tx want_by=wish_of_send_ring wants=">=512 (10g: 1024, 25g: 2048), or the card's most" \
    what="How many packets or trains may wait to leave." \
    why="A turn's trains for a large room all come at once. More than needed would only be delay that congestion control has to find." \
    verify="tc -s qdisc show dev DEVICE: requeues stay few" \
    brought="not measured: the runs go over a veth, which has no rings of a card"

knob adaptive kind=coalesce at=adaptive-rx want=leave want.10g='=off' want.25g='=off' \
    what="Whether the card chooses by itself how long it waits before it interrupts." \
    why="It goes by the bytes that come, and swings to long waits just when pictures come in bursts. With many flows a fixed time is as cheap and steadier." \
    verify="ethtool -c DEVICE" \
    brought="not measured: the runs go over a veth, which has no interrupts"

knob interrupt-after kind=coalesce at=rx-usecs want=leave want.10g='any 20 16 24 30 32' want.25g='any 20 16 24 30 32' \
    what="How long the card waits for more before it interrupts, in microseconds." \
    why="20 µs is 50,000 interrupts a second at most, and no part of a delay that anybody hears; packets come up in runs." \
    verify="ethtool -c DEVICE; the device's lines in /proc/interrupts" \
    brought="not measured: the runs go over a veth, which has no interrupts"

knob send-trains kind=feature at=tx-udp-segmentation want='=on' \
    what="UDP segmentation in the card: a train of many packets is cut by the hardware." \
    why="It is what volleys are for. Without it the kernel cuts each train just before the card, which costs less than single sends and far more than nothing." \
    verify="ethtool -k DEVICE | grep tx-udp-segmentation" \
    brought="not measured: it was on there, so there was nothing to set; a veth passes trains on whole"

knob send-checksums kind=feature at=tx-checksumming want='=on' \
    what="Checksums by the card." \
    why="Segmentation in the card needs it; else every byte is walked through once more." \
    verify="ethtool -k DEVICE | grep tx-checksumming" \
    brought="not measured: it was on there, so there was nothing to set"

knob send-gather kind=feature at=scatter-gather want='=on' \
    what="Whether a packet may be sent from several pieces of memory." \
    why="Trains are longer than a page; without it each is copied into one piece, and segmentation is off." \
    verify="ethtool -k DEVICE | grep scatter-gather" \
    brought="not measured: it was on there, so there was nothing to set"

knob receive-trains kind=feature at=generic-receive-offload want='=on' \
    what="GRO: packets of one flow come up through the stack as one." \
    why="Volley asks for runs of datagrams (UDP_GRO) and takes a run by one read. veth has it off until somebody asks." \
    verify="ethtool -k DEVICE | grep generic-receive-offload" \
    brought="not measured: in the committed run receive work also moved to the other core, so its 0.7 % say nothing of it; the bench is mended since"

knob spread-udp kind=flowhash at=udp4 want='=sdfn' \
    what="Which fields of UDP over IPv4 the card spreads by: addresses (s, d) and ports (f, n)." \
    why="Many cards leave out ports for UDP: everybody behind one company's address then comes to one queue and one core." \
    verify="ethtool -n DEVICE rx-flow-hash udp4; packets per queue in ethtool -S DEVICE" \
    brought="not measured: the runs go over a veth, where no card spreads flows over queues"

knob spread-udp6 kind=flowhash at=udp6 want='=sdfn' \
    what="The same over IPv6." \
    why="The same, for a household or an office with one address." \
    verify="ethtool -n DEVICE rx-flow-hash udp6" \
    brought="not measured: the runs go over a veth, where no card spreads flows over queues"

knob receive-steering kind=file at='/sys/class/net/*/queues/rx-*/rps_cpus' instances_by=receive_queues as=mask \
    want_by=wish_of_receive_steering wants="all workers' cores, where the card has fewer queues than that; else 0" \
    what="RPS: cores that share the packets of a queue, where the card itself does not spread them." \
    why="A card with one queue, as most virtual ones are, gives all softirqs to one core, whose worker then is slower than the others. With a queue for each worker it would only send packets round." \
    verify="the NET_RX line of /proc/softirqs grows on all workers' cores" \
    brought="not measured: in the committed run receive work also moved to the other core, so its 0.7 % say nothing of it; the bench is mended since"

knob send-steering kind=file at='/sys/class/net/*/queues/tx-*/xps_cpus' instances_by=send_queues as=mask \
    want_by=wish_of_send_steering wants="queue n to the n-th worker's core, where there are several" \
    absent="one queue, so there is nothing to choose" \
    what="XPS: which cores use which send queue." \
    why="A worker that always has the same queue shares its lock with nobody." \
    verify="cat /sys/class/net/DEVICE/queues/tx-*/xps_cpus" \
    brought="not measured: there was one queue, so nothing to choose"

knob queueing kind=look at=queueing want='any mq fq fq_codel pfifo_fast noqueue' applies=unit \
    mend="tc qdisc replace dev DEVICE root fq_codel, or give the shaper its true rate" \
    what="The queueing discipline of the device." \
    why="Volley paces by itself. A shaper or a short queue under it drops parts of trains; fair ones (fq, fq_codel, mq of them) do not disturb." \
    verify="tc -s qdisc show dev DEVICE: dropped stays 0" \
    brought="nothing to measure: it is looked at, not changed"

wish_of_channels() {
    local most
    most=$(most_of_channels "$1") || { echo leave; return; }
    echo "=$((most < ${#worker_cores[@]} ? most : ${#worker_cores[@]}))"
}

wish_of_receive_ring() { wish_of_ring "$1" 1024 4096 8192; }
wish_of_send_ring() { wish_of_ring "$1" 512 1024 2048; }

# wish_of_ring INSTANCE AT-1G AT-10G AT-25G
wish_of_ring() {
    local most size=$2
    case $profile in 10g) size=$3 ;; 25g) size=$4 ;; esac
    most=$(most_of_ring "$1") || { echo leave; return; }
    echo ">=$((most < size ? most : size))"
}

receive_queues() { queues rx rps_cpus; }
send_queues() {
    local paths
    mapfile -t paths < <(queues tx xps_cpus)
    [[ ${#paths[@]} -lt 2 ]] || printf '%s\n' "${paths[@]}"
}

# queues rx|tx FILE: in the order of their numbers.
queues() {
    local device path
    for device in "${devices[@]}"; do
        for path in "$root/sys/class/net/$device/queues/$1"-*; do
            [[ ! -e $path/$2 ]] || echo "${path#"$root"}/$2"
        done | sort -V
    done
}

wish_of_receive_steering() {
    local folder=$root${1%/rx-*}
    local all=("$folder"/rx-*)
    if [[ ${#all[@]} -ge ${#worker_cores[@]} ]]; then echo '=0'; else echo "=$(mask_of "${worker_cores[@]}")"; fi
}

wish_of_send_steering() {
    local number=${1#*/tx-}
    number=${number%/*}
    echo "=$(mask_of "${worker_cores[number % ${#worker_cores[@]}]}")"
}

look_at_queueing() {
    local device kind found=''
    program tc >/dev/null || { printf 'tc is not installed'; return 1; }
    [[ ${#devices[@]} -gt 0 ]] || { printf 'there is no device'; return 1; }
    for device in "${devices[@]}"; do
        kind=$(run tc qdisc show dev "$device" root 2>/dev/null | awk 'NR == 1 { print $2 }')
        found=${kind:-noqueue}
        case $found in mq | fq | fq_codel | pfifo_fast | noqueue) ;; *) break ;; esac
    done
    printf '%s' "$found"
}
