# shellcheck shell=bash
family udp "UDP memory and lookup"

knob udp-memory kind=sysctl at=net.ipv4.udp_mem want='>=65536 131072 262144' want.10g='>=131072 262144 524288' \
    want.25g='>=262144 524288 1048576' \
    what="Memory of all UDP sockets together, in pages: no limit below the first, pressure from the second, none beyond the third." \
    why="Two sockets for each worker may hold 16 MiB each way. Under pressure each gets udp_rmem_min and drops the rest, whatever its own buffer is." \
    verify="the mem of UDP in /proc/net/sockstat stays below the second; nstat -az UdpMemErrors stays 0" \
    brought="not measured: it is the whole machine's, and was large enough there"

knob udp-least kind=sysctl at=net.ipv4.udp_rmem_min want='>=16384' \
    what="What each UDP socket may hold in spite of pressure, in bytes." \
    why="4 KiB, the usual value, is not one received train: under pressure media would stop, not thin out." \
    verify="sysctl net.ipv4.udp_rmem_min" \
    brought="nothing that can be told: both of the family together changed the cost of a packet by -3.6 % on $there, within what runs differ by"

knob udp-early-demux kind=sysctl at=net.ipv4.udp_early_demux want='=0' \
    what="Whether a connected socket is looked for before the route of each datagram." \
    why="All media comes to sockets that are not connected, so the lookup finds nothing, for every datagram." \
    verify="perf top shows no __udp4_lib_demux_lookup" \
    brought="nothing that can be told: both of the family together changed the cost of a packet by -3.6 % on $there, within what runs differ by"
