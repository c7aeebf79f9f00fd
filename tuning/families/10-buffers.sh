# shellcheck shell=bash
family buffers "Socket buffers and backlog"

knob receive-buffer kind=sysctl at=net.core.rmem_max want='>=8388608' \
    what="The most a program without rights may ask for as a socket's receive buffer, in bytes." \
    why="Each media socket asks for 8 MiB, 50 ms of 1 Gbit/s, so that a worker which is late by less loses nothing. Without CAP_NET_ADMIN, as our unit runs, it gets no more than this." \
    verify="ss -uamn 'sport = :50000' shows rb16777216 (the kernel doubles it); volley_udp_drops_total stays 0" \
    brought="not measured: in the network of a run nobody may set it, and Volley as root, as it ran there, takes its 8 MiB past it"

knob send-buffer kind=sysctl at=net.core.wmem_max want='>=8388608' \
    what="The same of the send buffer." \
    why="A turn hands the kernel all its trains at once; those that find no room wait for the next turn." \
    verify="ss -uamn 'sport = :50000' shows tb16777216" \
    brought="not measured: in the network of a run nobody may set it, and Volley as root, as it ran there, takes its 8 MiB past it"

knob arrivals kind=sysctl at=net.core.netdev_max_backlog want='>=2000' want.10g='>=16384' want.25g='>=32768' \
    what="How many packets may wait for a core that another one handed them to." \
    why="With RPS, on veth and loopback every packet comes that way; beyond it they are dropped before any socket counts them." \
    verify="the second column of /proc/net/softnet_stat stays 0" \
    brought="not measured: it is the whole machine's, and a run sets what belongs to the server's own network alone"

knob softirq-budget kind=sysctl at=net.core.netdev_budget want=leave want.10g='>=600' want.25g='>=600' \
    what="How many packets a core takes from its cards before it does something else." \
    why="At 10 Gbit/s 300 packets are a third of a millisecond; each time it is used up the core goes round through its scheduler. More than 600 would let the worker on that core wait." \
    verify="the third column of /proc/net/softnet_stat grows by less than 1 a second" \
    brought="not measured: it is the whole machine's, and a run sets what belongs to the server's own network alone"

knob connections kind=sysctl at=net.core.somaxconn want='>=1024' want.25g='>=4096' \
    what="How many TCP connections may wait to be accepted by one socket." \
    why="Volley asks for 1,024: a room of a thousand that comes at once. Beyond it a browser's try is ignored, and the next comes a second later." \
    verify="ss -ltn 'sport = :8080' shows it as Send-Q; nstat -az TcpExtListenOverflows stays 0" \
    brought="not measured: it was large enough there (4,096), so there was nothing to set"

knob handshakes kind=sysctl at=net.ipv4.tcp_max_syn_backlog want='>=2048' want.25g='>=8192' \
    what="How many TCP connections may be half made." \
    why="The same storm of joins, one step earlier; beyond it the kernel answers with cookies, which cost TCP its options." \
    verify="nstat -az TcpExtTCPReqQFullDoCookies stays 0" \
    brought="not measured: it was large enough there (2,048), so there was nothing to set"

knob reserved-ports kind=sysctl at=net.ipv4.ip_local_reserved_ports want_by=wish_of_reserved_ports \
    wants="has the media port" \
    what="Ports that the kernel gives to no outgoing connection." \
    why="50000 lies among those it usually gives (32768 to 60999): a program that calls out while Volley is down may keep it from starting again." \
    verify="sysctl net.ipv4.ip_local_reserved_ports names the media port" \
    brought="nothing of speed, since it keeps a start from failing: the cost of a packet changed by 7.5 % on $there, within what runs differ by"

wish_of_reserved_ports() { echo "has ${option[media-port]}"; }
