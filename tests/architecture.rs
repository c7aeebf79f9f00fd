//! The repository reads itself: who imports whom, where `unsafe` stands, how long files are.

#[path = "architecture/source.rs"]
mod source;

use source::{Source, parse};
use std::fs;
use std::path::{Path, PathBuf};

/// Longest file: beyond this, more than one decision lives in it.
const MAX_LINES: usize = 800;

/// One module of the library and what it may import, as path prefixes below `crate::`.
struct Rule {
    module: &'static str,
    may_use: &'static [&'static str],
    #[expect(dead_code, reason = "for the reader of the table")]
    why: &'static str,
}

const TYPES: &str = "control::types";
const COMMANDS: [&str; 5] = [TYPES, "control::message", "control::tap", "control::Command", "control::Event"];

const RULES: &[Rule] = &[
    Rule { module: "bin", may_use: &[], why: "a program uses the library by its name, like anybody" },
    Rule { module: "base", may_use: &[], why: "what everything is counted in depends on nothing" },
    Rule { module: "wire", may_use: &["base"], why: "views over bytes have no state and no opinions" },
    Rule { module: "io", may_use: &["base"], why: "the only unsafe code must be readable alone" },
    Rule { module: "control", may_use: &["base"], why: "signaling uses it too and sees no packet" },
    Rule { module: "transport", may_use: &["base", "wire", TYPES], why: "one association knows no media" },
    Rule {
        module: "media",
        may_use: &["base", "wire", TYPES, "control::message::OpenSlot", "control::message::Publish"],
        why: "what a track is owed, over any transport; the messages that describe a seat and a track",
    },
    Rule {
        module: "room",
        may_use: &["base", "wire", "media", TYPES],
        why: "who may receive what; no packets, no association",
    },
    Rule {
        module: "shard",
        may_use: &[
            "base",
            "wire",
            "transport",
            "media",
            "room",
            COMMANDS[0],
            COMMANDS[1],
            COMMANDS[2],
            COMMANDS[3],
            COMMANDS[4],
        ],
        why: "all of one core's state, without socket, clock, thread or shared memory",
    },
    Rule {
        module: "worker",
        may_use: &["base", "wire", "transport", "media", "room", "shard", "io", "control"],
        why: "the shell that owns the ring and the clock",
    },
    Rule {
        module: "sim",
        may_use: &[
            "base",
            "wire",
            "transport",
            "media",
            "room",
            "shard",
            COMMANDS[0],
            COMMANDS[1],
            COMMANDS[2],
            COMMANDS[3],
            COMMANDS[4],
        ],
        why: "another shell of the shard: no kernel, no clock, no shared memory",
    },
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folders: &[&str]) -> Vec<(PathBuf, String)> {
    let mut waiting: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    let mut files = Vec::new();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("a folder of the repository can be listed");
            waiting.extend(entries.map(|entry| entry.expect("an entry can be read").path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source file is UTF-8");
            files.push((path.strip_prefix(root()).expect("listed below the root").to_owned(), text));
        }
    }
    assert!(!files.is_empty(), "no source found in {folders:?}");
    files.sort();
    files
}

/// `src/a/b.rs` and `src/a/b/mod.rs` are both `a::b`; `src/lib.rs` is the root.
fn module_path(file: &Path) -> Vec<String> {
    let below = file.strip_prefix("src").expect("the library's sources lie in src");
    let mut path: Vec<String> =
        below.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if path.last().is_some_and(|last| last == "mod" || last == "lib") {
        path.pop();
    }
    path
}

fn import_breaches(file: &Path, source: &Source) -> Vec<String> {
    let module = module_path(file);
    let Some(own) = module.first() else { return Vec::new() };
    let Some(rule) = RULES.iter().find(|rule| rule.module == own) else {
        return vec![format!("{}: module `{own}` has no rule", file.display())];
    };
    let allowed = |path: &[String]| {
        path.first().is_none_or(|first| first == own)
            || rule
                .may_use
                .iter()
                .any(|prefix| prefix.split("::").eq(path.iter().take(prefix.split("::").count())))
    };
    let imports = source.imports(&module);
    imports
        .into_iter()
        .filter(|import| !allowed(import))
        .map(|import| format!("{}: `{own}` must not use `crate::{}`", file.display(), import.join("::")))
        .collect()
}

fn may_hold_unsafe(file: &Path) -> bool {
    let name = file.to_string_lossy();
    name.starts_with("src/io/") || name.starts_with("src/control/shm")
}

fn shape_breaches(file: &Path, text: &str, source: &Source) -> Vec<String> {
    let name = file.display();
    let mut breaches = Vec::new();
    if text.lines().count() > MAX_LINES {
        breaches.push(format!("{name}: {} lines, more than {MAX_LINES}", text.lines().count()));
    }
    for banned in ["todo", "unimplemented"] {
        if source.calls_macro(banned) {
            breaches.push(format!("{name}: `{banned}!` left behind"));
        }
    }
    if source.has_attribute("ignore") {
        breaches.push(format!("{name}: an ignored test tests nothing"));
    }
    breaches
}

fn unsafe_breach(file: &Path, source: &Source) -> Option<String> {
    let found = source.has_word("unsafe") && !may_hold_unsafe(file);
    found.then(|| format!("{}: `unsafe` outside src/io and the shared-memory ring", file.display()))
}

fn assert_none(breaches: Vec<String>) {
    assert!(breaches.is_empty(), "{} breaches:\n{}", breaches.len(), breaches.join("\n"));
}

#[test]
fn imports_go_one_way() {
    let breaches = rust_files(&["src"])
        .iter()
        .flat_map(|(file, text)| import_breaches(file, &parse(text)))
        .collect::<Vec<_>>();
    assert_none(breaches);
}

#[test]
fn every_module_of_the_library_has_a_rule() {
    let library = fs::read_to_string(root().join("src/lib.rs")).expect("the library has a root");
    for module in parse(&library).modules() {
        assert!(RULES.iter().any(|rule| rule.module == module), "`{module}` has no rule");
    }
}

#[test]
fn unsafe_stands_only_where_it_may() {
    let breaches = rust_files(&["src", "cli", "signaling"])
        .iter()
        .filter_map(|(file, text)| unsafe_breach(file, &parse(text)))
        .collect();
    assert_none(breaches);
}

#[test]
fn files_are_short_and_finished() {
    let breaches = rust_files(&["src", "cli", "signaling", "tests"])
        .iter()
        .flat_map(|(file, text)| shape_breaches(file, text, &parse(text)))
        .collect();
    assert_none(breaches);
}

/// Files beside the root of a test program that are no modules of it: Cargo leaves those out without a word.
fn forgotten(root: &str, beside: &[&str]) -> Vec<String> {
    let modules = parse(root).modules();
    let is_left_out = |name: &&str| *name != "main" && !modules.iter().any(|module| module == *name);
    beside.iter().copied().filter(is_left_out).map(str::to_owned).collect()
}

#[test]
fn every_file_of_a_test_program_is_run() {
    let files = rust_files(&["signaling/tests"]);
    let roots = files.iter().filter(|(file, _)| file.ends_with("main.rs"));
    let breaches = roots.flat_map(|(root, text)| {
        let beside: Vec<&str> = files
            .iter()
            .filter(|(file, _)| file.parent() == root.parent())
            .filter_map(|(file, _)| file.file_stem()?.to_str())
            .collect();
        forgotten(text, &beside).into_iter().map(|name| format!("{}: no `mod {name};`", root.display()))
    });
    assert_none(breaches.collect());
}

#[test]
fn a_planted_file_that_is_not_run_is_found() {
    let root = "#[path = \"../common/mod.rs\"]\nmod common;\nmod calls;\n// mod layers;";
    assert_eq!(forgotten(root, &["main", "calls", "layers"]), ["layers"]);
}

#[test]
fn every_module_says_what_it_owns() {
    let silent = rust_files(&["src"])
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//!"))
        .map(|(file, _)| format!("{}: does not begin with `//!`", file.display()))
        .collect();
    assert_none(silent);
}

fn breaches_of(file: &str, text: &str) -> usize {
    import_breaches(Path::new(file), &parse(text)).len()
}

#[test]
fn a_planted_import_breach_is_found_however_it_is_written() {
    let planted = [
        ("src/media/history.rs", "use crate::transport::Transport;"),
        ("src/media/history.rs", "use crate::{base::Time, transport::{Transport}};"),
        ("src/media/history.rs", "fn f() { crate :: io :: ring() }"),
        ("src/media/history.rs", "use super::super::io::Ring;"),
        ("src/media/mod.rs", "use super::transport;"),
        ("src/media/mod.rs", "mod tests { use super::super::worker; }"),
        ("src/media/mod.rs", "use crate::*;"),
        ("src/media/mod.rs", "use crate::transport as t;"),
        ("src/media/mod.rs", "use crate::{self as all};"),
        ("src/media/mod.rs", "use crate::control::message::Command;"),
        ("src/sim/world.rs", "use crate::worker::Worker;"),
        ("src/sim/world.rs", "macro_rules! m { () => { $crate::io::ring() } }"),
        ("src/stranger/mod.rs", ""),
    ];
    for (file, text) in planted {
        assert_eq!(breaches_of(file, text), 1, "{file}: {text}");
    }
}

#[test]
fn what_is_allowed_is_not_called_a_breach() {
    let fine = [
        ("src/media/history.rs", "use crate::{base::{Time, id::*}, wire::rtp};"),
        (
            "src/media/history.rs",
            "use super::track::Track; mod tests { use super::*; use super::super::seat; }",
        ),
        ("src/media/history.rs", "use crate::control::types::Kind;"),
        ("src/media/history.rs", "// crate::io::Ring\n/* crate::io */ const S: &str = \"crate::io\";"),
        ("src/media/history.rs", "const S: &str = r#\"use crate::io::Ring; \"\"#; fn f<'crate_>() { '\"'; }"),
        ("src/media/mod.rs", "pub(crate) fn f() {} pub(in crate::media) fn g() {}"),
        ("src/shard/mod.rs", "use crate::control::{Command, Event, message::Publish};"),
        ("src/lib.rs", "pub use crate::worker::run;"),
    ];
    for (file, text) in fine {
        assert_eq!(breaches_of(file, text), 0, "{file}: {text}");
    }
}

#[test]
fn a_planted_unsafe_block_is_found_and_a_word_in_a_comment_is_not() {
    let shard = Path::new("src/shard/mod.rs");
    assert!(unsafe_breach(shard, &parse("fn f() { unsafe { g() } }")).is_some());
    assert!(
        unsafe_breach(shard, &parse("// unsafe\nconst S: &str = \"unsafe\"; fn r#unsafe_() {}")).is_none()
    );
    assert!(unsafe_breach(Path::new("src/io/ring.rs"), &parse("unsafe {}")).is_none());
    assert!(unsafe_breach(Path::new("src/control/shm_map.rs"), &parse("unsafe {}")).is_none());
}

#[test]
fn planted_leftovers_are_found() {
    let file = Path::new("src/shard/mod.rs");
    let long = "\n".repeat(MAX_LINES + 1);
    for planted in
        ["fn f() { todo!() }", "fn f() { unimplemented ! () }", "#[ignore = \"slow\"] fn t() {}", &long]
    {
        assert_eq!(shape_breaches(file, planted, &parse(planted)).len(), 1, "{planted}");
    }
    let fine = "// todo!() #[ignore]\nfn ignore() { \"todo!\"; }";
    assert!(shape_breaches(file, fine, &parse(fine)).is_empty());
}
