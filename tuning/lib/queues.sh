# shellcheck shell=bash
# What a card forgets when its rings or channels are made anew: the masks of its queues, the cores of its interrupts,
# whatever else its driver then sets up as usual. It is noted before, since a queue that goes away takes its own along;
# what it is afterwards is our doing, and nobody else's.

shaken=()

# note_shaken KIND INSTANCE: before that is set. Answers when all that it may shake is on the disk.
note_shaken() {
    local key now
    shaken=()
    [[ $1 == @(channels|ring) ]] || return 0
    mapfile -t shaken < <(keys_of_device "${2% *}" | awk -v itself="$1$unit$2" '$0 != itself && !seen[$0]++')
    for key in "${shaken[@]}"; do
        now=$("read_${key%%"$unit"*}" "${key#*"$unit"}") || continue
        note "${key%%"$unit"*}" "${key#*"$unit"}" "$now" || return 1
    done
    [[ ! -e $journal ]] || sync "$journal" "$state"
}

# After it was set, or was not.
note_settled() {
    local key now
    for key in "${shaken[@]}"; do
        ! now=$("read_${key%%"$unit"*}" "${key#*"$unit"}") || note_set "${key%%"$unit"*}" "${key#*"$unit"}" "$now"
    done
}

# keys_of_device DEVICE: kind and instance of what hangs on its queues, of what its driver keeps, and of all else that
# apply has set there before.
keys_of_device() {
    local path number name key
    for path in "$root/sys/class/net/$1/queues"/*/{rps,xps}_cpus; do echo "file$unit${path#"$root"}"; done
    for number in $(interrupts_of "$1"); do echo "irq$unit$1 $(name_of_interrupt "$number")"; done
    for name in "${knobs[@]}"; do
        case $(of "$name" kind) in ring | coalesce | feature | flowhash) echo "$(of "$name" kind)$unit$1 $(of "$name" at)" ;; esac
    done
    for key in "${order[@]}"; do
        [[ -n ${was[$key]+known} ]] || continue
        case ${key#*"$unit"} in "$1 "* | "/sys/class/net/$1/"*) echo "$key" ;; esac
    done
}
