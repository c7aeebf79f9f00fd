# shellcheck shell=bash
# Sourced by scripts/check-deploy: the stages of the Dockerfile that build, without an engine. What they copy must be
# sent to the engine, the page is built as they say, and the program up to the first crate that the compiler is given.

dockerfile=deploy/docker/Dockerfile

# lines_of STAGE: its instructions, one a line.
lines_of() { sed -e ':again' -e '/\\$/N; s/\\\n//; tagain' "$dockerfile" | awk -v name="$1" '/^FROM / { inside = $4 == name; next } inside'; }

# image_of STAGE: what it begins with; "last" is the one without a name.
image_of() { awk -v name="$1" '/^FROM / && ($4 == name || name == "last" && NF == 2) { print $2 }' "$dockerfile"; }

# what_is_sent: of names that are read, each with a NUL behind it, those that .dockerignore leaves.
what_is_sent() {
    python3 -c '
import re, sys
lines = [line.strip().strip("/") for line in open(sys.argv[1]) if line.strip() and not line.startswith("#")]
assert not any(line.startswith("!") for line in lines), "exceptions are not understood here"
words = [re.escape(line).replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*") for line in lines]
ignored = re.compile("(?:" + "|".join(words) + ")(?:/.*)?")
names = [name for name in sys.stdin.read().split("\0") if name and not ignored.fullmatch(name)]
sys.stdout.write("".join(name + "\0" for name in names))
' "$dockerfile.dockerignore"
}

# Fills $stages/context with what would be sent from this source tree, without what git is to ignore.
make_context() {
    mkdir -p "$stages/context"
    git -c safe.directory='*' ls-files -z --cached --others --exclude-standard | what_is_sent \
        | tar --null --ignore-failed-read -T - -cf - | tar -xf - -C "$stages/context"
}

# follow STAGE: does in $stages/STAGE, which stands for its /build, what it says.
follow() {
    local word rest place=$stages/$1
    mkdir -p "$place"
    while read -r word rest; do
        case $word in
            # shellcheck disable=SC2086 # words
            COPY) copy_into "$place" $rest || return 1 ;;
            RUN) (cd "$place" && sh -euc "$rest" </dev/null) || return 1 ;;
            WORKDIR) [[ $rest == /build ]] || return 1 ;;
        esac
    done < <(lines_of "$1")
}

# copy_into FOLDER [--from=STAGE] SOURCE… TARGET
copy_into() {
    local place=$1 base=$stages/context target=${*: -1} source
    shift
    if [[ $1 == --from=* ]]; then
        base=$stages/${1#--from=}
        shift
    fi
    for source in "${@:1:$#-1}"; do
        source=$base/${source#/build/}
        [[ -e $source ]] || { echo "COPY: $source is not there, or .dockerignore leaves it out"; return 1; }
        if [[ -d $source ]]; then
            mkdir -p "$place/$target" && cp -a "$source/." "$place/$target/"
        elif [[ $target == */ ]]; then
            mkdir -p "$place/$target" && cp -a "$source" "$place/$target"
        else
            mkdir -p "$(dirname "$place/$target")" && cp -a "$source" "$place/$target"
        fi || return 1
    done
}

# What is no source must not be sent, secrets and recordings least of all, and what is built in there must.
check_context() {
    local name sent
    sent=$(printf '%s\0' .git/HEAD target/release/volley recordings/1/a.webm acme/account.json config/webrtc.yaml config/media.yaml \
        signaling/web/dist/index.html signaling/node_modules/vite/a.js tests/browser/node_modules/b.js c.pcap d/e.pcap \
        | what_is_sent | tr '\0' ' ')
    [[ -z $sent ]] || { echo "$sent would be sent to the engine"; return 1; }
    make_context || return 1
    for name in Cargo.lock vendor/dimpl/Cargo.toml config/webrtc.example.yaml signaling/web/index.html; do
        [[ -e $stages/context/$name ]] || { echo "$name would not be sent to the engine"; return 1; }
    done
}

check_page_stage() {
    # From npm's cache where that has it.
    npm_config_prefer_offline=true follow page && [[ -s $stages/page/signaling/web/dist/index.html && -s $stages/page/signaling/web/dist/client.js ]]
}

# A compiler that tells what cargo asks beforehand, and refuses the first crate: to get there cargo must have taken its
# options, found all packages of the workspace in what was copied, and the lock file as it has to be.
check_program_stage() {
    local compiler
    compiler=$(command -v rustc)
    cat >"$stages/rustc" <<END
#!/bin/sh
case " \$* " in *" -vV "* | *" --crate-name ___ "*) exec '$compiler' "\$@" ;; esac
echo "\$*" >>'$stages/asked'
exit 1
END
    chmod +x "$stages/rustc"
    if (unset CARGO_TARGET_DIR && export RUSTC=$stages/rustc && follow program); then
        echo "nothing was compiled"
        return 1
    fi
    [[ -s $stages/asked && -s $stages/program/signaling/web/dist/index.html ]]
}

# is_enough TAG WANTED: an image of 22 is the newest of them, one of 22.4 is not 22.12.
is_enough() {
    local -a have need
    local place
    IFS=. read -ra have <<<"$1"
    IFS=. read -ra need <<<"$2"
    for place in "${!have[@]}"; do
        [[ ${have[place]} -le ${need[place]:-0} ]] || return 0
        [[ ${have[place]} -ge ${need[place]:-0} ]] || return 1
    done
}

# tag_of IMAGE: rust:1-bookworm has 1.
tag_of() { sed 's/^[^:]*:\([0-9.]*\).*/\1/' <<<"$1"; }

check_versions() {
    local rust node program last
    rust=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    node=$(sed -n 's/.*"node": ">=\([0-9.]*\)".*/\1/p' signaling/package.json)
    [[ -n $rust && -n $node ]] || return 1
    is_enough "$(tag_of "$(image_of program)")" "$rust" || { echo "$(image_of program) is older than $rust"; return 1; }
    is_enough "$(tag_of "$(image_of page)")" "$node" || { echo "$(image_of page) is older than $node"; return 1; }
    # What is linked against a newer C library than there is does not start.
    program=$(image_of program) last=$(image_of last)
    [[ ${program##*-} == "$(sed 's/^debian:\([a-z]*\).*/\1/' <<<"$last")" ]] || { echo "$program is not of the same Debian as $last"; return 1; }
}

# check_packages TAR: whatever a stage installs stands in the lists of that Debian.
check_packages() {
    local name release
    release=$(sed 's/^debian:\([a-z]*\).*/\1/' <<<"$(image_of last)")
    tar -xOf "$1" --wildcards "var/lib/apt/lists/*_dists_${release}_*Packages" | sed -n 's/^Package: //p' >"$stages/packages"
    [[ -s $stages/packages ]] || { echo "there are no lists of $release"; return 1; }
    for name in $(grep -o 'apt-get install [^&|;]*' "$dockerfile" | sed 's/apt-get install//; s/ --*[a-z-]*//g'); do
        grep -qxF "$name" "$stages/packages" || { echo "$release has no package $name"; return 1; }
    done
}
