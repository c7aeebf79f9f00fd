# shellcheck shell=bash
family conntrack "The media port past the tracking of connections"

knob no-tracking kind=notrack at='udp' want='=on' applies=asked \
    what="A table in the packet filter (inet volley_tune) that leaves datagrams of the media port untracked." \
    why="Tracking costs every datagram a lookup and each browser an entry, which a full table refuses. Set only when you name the family: a firewall that lets media in as 'established', and address translation to the media port (Docker's published ports), stop working with it. The port must be open by number." \
    verify="conntrack -L -p udp --dport 50000 is empty; nft list table inet volley_tune" \
    brought="not measured: in the committed run nothing was tracked without it either, so its 2.0 % say nothing; the bench tracks since"

knob tracked-most kind=sysctl at=net.netfilter.nf_conntrack_max want='>=262144' absent="no connections are tracked here" \
    what="How many connections may be tracked." \
    why="Where media is tracked, a full table drops newcomers' first packets: 'nf_conntrack: table full' in the kernel's log, and joins that hang." \
    verify="sysctl net.netfilter.nf_conntrack_count stays below it" \
    brought="not measured: nothing was tracked there, and it is a full table that it guards against"

knob tracked-for kind=sysctl at=net.netfilter.nf_conntrack_udp_timeout_stream want='>=60' absent="no connections are tracked here" \
    what="How long a UDP flow that is silent stays tracked, in seconds." \
    why="Volley itself gives up who is silent for 30 s; an entry that ends before them would let a firewall cut off somebody who comes back." \
    verify="sysctl net.netfilter.nf_conntrack_udp_timeout_stream" \
    brought="not measured: the usual 120 s are long enough, so there was nothing to set"
