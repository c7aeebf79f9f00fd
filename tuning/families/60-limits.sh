# shellcheck shell=bash
family limits "Limits of files and locked memory"

knob files-of-all kind=sysctl at=fs.file-max want='>=1048576' \
    what="How many files all programs together may have open." \
    why="Every page is a connection, and so is everybody who comes over TCP." \
    verify="cat /proc/sys/fs/file-nr" \
    brought="nothing to measure: it keeps joins from failing"

knob files-of-one kind=sysctl at=fs.nr_open want='>=1048576' \
    what="The most that the limit of one program's files may be set to." \
    why="LimitNOFILE of the unit cannot be above it." \
    verify="cat /proc/\$(pgrep -f 'volley signaling')/limits" \
    brought="nothing to measure: it keeps joins from failing"

knob files-of-volley kind=look at=open_files want='>=65536' applies=unit mend="LimitNOFILE=1048576 in the unit, or ulimit -n before the start" \
    what="How many files a running Volley may open; this shell, if none runs." \
    why="At the limit nobody new is let in. Volley raises the soft limit to the hard one by itself." \
    verify="grep 'open files' /proc/\$(pgrep -f 'volley signaling')/limits" \
    brought="nothing to measure: it keeps joins from failing"

knob locked-memory kind=look at=locked_memory want='>=67108864' applies=unit mend="LimitMEMLOCK=64M or more in the unit, or ulimit -l before the start" \
    what="How much memory a running Volley may lock, in bytes; this shell, if none runs." \
    why="Kernels before 5.12 count the rings of io_uring, and newer ones its registered buffers; the map that steers datagrams was counted until 5.11. Beyond it io_uring is refused and epoll does the work." \
    verify="the log says 'io_uring' at the start; grep 'locked' /proc/\$(pgrep -f 'volley media')/limits" \
    brought="nothing to measure: it lets io_uring work"

knob rings-allowed kind=sysctl at=kernel.io_uring_disabled want='=0' applies=asked absent="this kernel forbids io_uring to nobody" \
    what="Whom the kernel forbids io_uring: nobody (0), who is not in kernel.io_uring_group (1), all (2)." \
    why="Without it Volley works by epoll, at more system calls for each packet. Somebody may have forbidden it on purpose, so it is set only when you name the family." \
    verify="the log says 'io_uring' at the start" \
    brought="not measured: io_uring was allowed there, and no committed run compares it with epoll"

# limit_of NAME-IN-PROC ULIMIT-FLAG UNIT: of the media process, else of this shell.
limit_of() {
    local path value
    for path in "$root"/proc/[0-9]*/cmdline; do
        [[ $(tr '\0' ' ' 2>/dev/null <"$path") == 'volley '@(media|signaling)' ' ]] || continue
        value=$(sed -n "s/^$1 *\([^ ]*\) *\([^ ]*\).*/\2/p" "${path%/cmdline}/limits" 2>/dev/null)
        [[ -z $value ]] || break
    done
    if [[ -z ${value:-} ]]; then
        value=$(ulimit -H "$2")
        [[ $value == unlimited ]] || value=$((value * $3))
    fi
    [[ $value != unlimited ]] || value=9223372036854775807
    printf '%s' "$value"
}
look_at_open_files() { limit_of 'Max open files' -n 1; }
look_at_locked_memory() { limit_of 'Max locked memory' -l 1024; }
