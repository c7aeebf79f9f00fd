# shellcheck shell=bash
family memory "Huge pages and swapping"

knob huge-pages kind=file at=/sys/kernel/mm/transparent_hugepage/enabled want='any madvise always' \
    absent="this kernel has no transparent huge pages" \
    what="Whether memory may come in pages of 2 MiB without being asked for as such." \
    why="The allocator (mimalloc) asks for them; histories of packets are read all over, and small pages miss in the TLB. Pages that are set aside by hand (vm.nr_hugepages) are not used." \
    verify="grep AnonHugePages /proc/\$(pgrep -f 'volley media')/smaps_rollup" \
    brought="not measured: it was as wanted there (madvise), so there was nothing to set"

knob huge-pages-at-once kind=file at=/sys/kernel/mm/transparent_hugepage/defrag want='any madvise defer+madvise defer never' \
    absent="this kernel has no transparent huge pages" \
    what="Whether who touches memory waits until a huge page was made for it." \
    why="With 'always' a worker may stand still for milliseconds while the kernel moves pages about." \
    verify="grep compact_stall /proc/vmstat stays the same" \
    brought="not measured: it was as wanted there (madvise), so there was nothing to set"

knob compaction kind=sysctl at=vm.compaction_proactiveness want='<=20' want.10g='=0' want.25g='=0' \
    what="How eagerly the kernel moves pages about in advance." \
    why="It takes locks that page faults wait for, and a core's time in bursts." \
    verify="grep compact_daemon_wake /proc/vmstat stays the same" \
    brought="not measured: it is the whole machine's, for which volley-bench tuning --whole-machine has no committed run"

knob swapping kind=sysctl at=vm.swappiness want='<=10' \
    what="How soon memory of programs goes to disk rather than memory of files." \
    why="A picture that waits for a disk is not sent. A server that records fills the memory of files all day." \
    verify="grep -E 'pswp(in|out)' /proc/vmstat stays the same" \
    brought="not measured: that machine has nowhere to swap to"
