# Sourced by scripts/check-tuning: a machine of files, below $tree: what an 8-core server with a 10G card has, and programs
# that keep their state in files.

put() {
    mkdir -p "$tree${1%/*}"
    printf '%s\n' "$2" >"$tree$1"
}

build_machine() {
    local core queue
    rm -rf --one-file-system "$tree"
    mkdir -p "$tree"/{bin,run,var/lib,etc/sysctl.d,etc/systemd/system/multi-user.target.wants}
    put /proc/cpuinfo "model name : a machine of files"
    put /proc/net/route $'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\neth7\t00000000\t0100000A\t0003\t0\t0\t0\t00000000'
    put /proc/sys/net/core/rmem_max 212992
    put /proc/sys/net/core/wmem_max 16777216
    put /proc/sys/net/core/netdev_max_backlog 1000
    put /proc/sys/net/core/netdev_budget 300
    put /proc/sys/net/core/somaxconn 128
    put /proc/sys/net/core/busy_poll 0
    put /proc/sys/net/ipv4/tcp_max_syn_backlog 512
    put /proc/sys/net/ipv4/ip_local_reserved_ports ""
    put /proc/sys/net/ipv4/udp_mem "1000 2000 900000"
    put /proc/sys/net/ipv4/udp_early_demux 1
    put /proc/sys/vm/swappiness 60
    put /proc/sys/kernel/sched_autogroup_enabled 1
    put /proc/sys/kernel/numa_balancing 1
    put /proc/sys/kernel/io_uring_disabled 2
    put /proc/sys/net/netfilter/nf_conntrack_max 65536
    put /sys/devices/system/cpu/online 0-7
    put /sys/devices/system/node/node0/cpulist 0-3
    put /sys/devices/system/node/node1/cpulist 4-7
    put /sys/kernel/mm/transparent_hugepage/enabled "never"
    put /sys/class/net/eth7/speed 10000
    put /sys/class/net/eth7/gro_flush_timeout 0
    put /sys/class/net/eth7/napi_defer_hard_irqs 0
    for core in {0..7}; do
        put "/sys/devices/system/cpu/cpu$core/cpufreq/scaling_governor" powersave
        put "/sys/devices/system/cpu/cpu$core/cpuidle/state0/latency" 0
        put "/sys/devices/system/cpu/cpu$core/cpuidle/state0/disable" 0
        put "/sys/devices/system/cpu/cpu$core/cpuidle/state2/latency" 133
        put "/sys/devices/system/cpu/cpu$core/cpuidle/state2/disable" 0
    done
    : >"$tree/proc/interrupts"
    for queue in 0 1; do
        # As no driver sets them by itself.
        put "/sys/class/net/eth7/queues/rx-$queue/rps_cpus" "0$((queue + 1))"
        put "/sys/class/net/eth7/queues/tx-$queue/xps_cpus" "$((queue + 1))0"
        put "/sys/class/net/eth7/device/msi_irqs/4$queue" msix
        put "/proc/irq/4$queue/smp_affinity_list" "$((queue + 2))"
        echo " 4$queue:  12  0  PCI-MSI eth7-TxRx-$queue" >>"$tree/proc/interrupts"
    done
    put /card "rx 512 4096
tx 512 1024
combined 2 4
rx-usecs 3
adaptive-rx on
tx-udp-segmentation off
tx-checksumming on
scatter-gather on
generic-receive-offload on
udp4 sd"
    build_programs
}

# A card that says and takes what a real one does; what it holds stands in /card. With other rings or channels it sets up
# its queues anew, and knows nothing of what was set there. One that is told to (the file deadly) kills who sets it.
build_programs() {
    cat >"$tree/bin/ethtool" <<'END'
#!/usr/bin/env bash
card=${0%/bin/*}/card
of() { awk -v name="$1" -v place="$2" '$1 == name { print $place }' "$card"; }
set_to() {
    grep -q "^$1 " "$card" || exit 1
    [[ ! -e ${card%/*}/deadly ]] || { rm "${card%/*}/deadly"; kill -9 $PPID; exit 1; }
    awk -v name="$1" -v value="$2" '$1 == name { $2 = value } { print }' "$card" >"$card.new" && cat "$card.new" >"$card" && rm "$card.new"
}
# set_up QUEUES: as its driver does by itself; the others go away.
set_up() {
    local queue root=${card%/card}
    for queue in 0 1 2 3; do
        rm -rf "$root/sys/class/net/eth7/queues"/?x-"$queue" "$root/proc/irq/4$queue" "$root/sys/class/net/eth7/device/msi_irqs/4$queue"
        sed -i "/^ 4$queue:/d" "$root/proc/interrupts"
        [[ $queue -lt $1 ]] || continue
        mkdir -p "$root/sys/class/net/eth7/queues"/{rx,tx}-"$queue" "$root/proc/irq/4$queue"
        echo 00 | tee "$root/sys/class/net/eth7/queues/rx-$queue/rps_cpus" >"$root/sys/class/net/eth7/queues/tx-$queue/xps_cpus"
        echo msix >"$root/sys/class/net/eth7/device/msi_irqs/4$queue"
        echo 0-7 >"$root/proc/irq/4$queue/smp_affinity_list"
        echo " 4$queue:  12  0  PCI-MSI eth7-TxRx-$queue" >>"$root/proc/interrupts"
    done
}
case $1 in
    -g) printf 'Pre-set maximums:\nRX:\t\t%s\nTX:\t\t%s\nCurrent hardware settings:\nRX:\t\t%s\nTX:\t\t%s\n' "$(of rx 3)" "$(of tx 3)" "$(of rx 2)" "$(of tx 2)" ;;
    -l) printf 'Pre-set maximums:\nRX:\t\tn/a\nCombined:\t%s\nCurrent hardware settings:\nRX:\t\tn/a\nCombined:\t%s\n' "$(of combined 3)" "$(of combined 2)" ;;
    -c) printf 'Adaptive RX: %s  TX: n/a\nrx-usecs:\t%s\ntx-usecs:\tn/a\n' "$(of adaptive-rx 2)" "$(of rx-usecs 2)" ;;
    -k) printf 'Features for %s:\n\ttx-udp-segmentation: %s\ntx-checksumming: %s\nscatter-gather: %s\ngeneric-receive-offload: %s\n' "$2" "$(of tx-udp-segmentation 2)" "$(of tx-checksumming 2)" "$(of scatter-gather 2)" "$(of generic-receive-offload 2)" ;;
    -n)
        [[ $4 == udp4 ]] || exit 1
        echo "UDP over IPV4 flows use these fields for computing Hash flow key:"
        [[ $(of udp4 2) != sd* ]] || printf 'IP SA\nIP DA\n'
        [[ $(of udp4 2) != *fn ]] || printf 'L4 bytes 0 & 1 [TCP/UDP src port]\nL4 bytes 2 & 3 [TCP/UDP dst port]\n'
        ;;
    -C | -K) set_to "$3" "$4" ;;
    -G) set_to "$3" "$4" && set_to rx-usecs 8 && set_up "$(of combined 2)" ;;
    -L) set_to "$3" "$4" && set_to udp4 sd && set_up "$4" ;;
    -N) set_to "$4" "$5" ;;
esac
END
    cat >"$tree/bin/nft" <<'END'
#!/usr/bin/env bash
table=${0%/bin/*}/table
case $1 in
    list) cat "$table" 2>/dev/null ;;
    delete) rm "$table" 2>/dev/null ;;
    -f) cat >"$table" ;;
esac
END
    chmod +x "$tree"/bin/*
}
