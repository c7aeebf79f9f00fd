//! A file of environment variables, as systemd reads those of `EnvironmentFile=`: who asks about a service
//! gives its file, so that the answer is about what the service was given.

use anyhow::Context as _;
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

/// The option, without its dashes.
pub(crate) const OPTION: &str = "env-file";

/// Begins this program again with the variables of `file`, and without the option that named it. Returns only
/// when that cannot be.
///
/// Programs that Volley is made of read variables by themselves (credentials of a store, say), so it takes an
/// environment and not a list.
pub(crate) fn begin_again_with(file: &Path) -> anyhow::Error {
    let text =
        match std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display())) {
            Ok(text) => text,
            Err(error) => return error,
        };
    let (named, nameless): (Vec<_>, Vec<_>) = parse(&text).into_iter().partition(|(name, _)| is_name(name));
    for (name, _) in nameless {
        eprintln!("volley: {}: {name:?} is no variable's name, so systemd leaves it out", file.display());
    }
    let error =
        Command::new("/proc/self/exe").args(without_option(std::env::args_os().skip(1))).envs(named).exec();
    anyhow::Error::new(error).context("volley cannot be begun again with another environment")
}

fn without_option(mut arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut kept = Vec::new();
    while let Some(argument) = arguments.next() {
        let text = argument.to_string_lossy().into_owned();
        match text.strip_prefix("--").and_then(|rest| rest.strip_prefix(OPTION)) {
            Some("") => drop(arguments.next()),
            Some(rest) if rest.starts_with('=') => {}
            _ => kept.push(argument),
        }
    }
    kept
}

fn is_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && name.chars().all(is_plain) && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// Names and values; a line without `=` says nothing.
fn parse(text: &str) -> Vec<(String, String)> {
    let text = text.replace("\r\n", "\n");
    let (mut rest, mut variables) = (text.as_str(), Vec::new());
    while !rest.is_empty() {
        rest = rest.trim_start();
        let line = rest.split('\n').next().unwrap_or_default();
        match line.split_once('=').filter(|_| !line.starts_with(['#', ';'])) {
            Some((name, _)) => {
                let (value, after) = value(&rest[name.len() + 1..]);
                variables.push((name.trim_end().to_owned(), value));
                rest = after;
            }
            None => rest = &rest[line.len()..],
        }
    }
    variables
}

/// Where a value is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    /// Before it, or behind a quote that has ended.
    Between,
    Plain,
    Single,
    Double,
}

/// A value, and what stands behind its line.
fn value(text: &str) -> (String, &str) {
    let (mut value, mut solid, mut at) = (String::new(), 0, At::Between);
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match (at, c) {
            (At::Between | At::Plain, '\n') => break,
            (At::Between, ' ' | '\t') => {}
            (At::Between, '\'') => at = At::Single,
            (At::Between, '"') => at = At::Double,
            (At::Single, '\'') | (At::Double, '"') => at = At::Between,
            (At::Single, c) => value.push(c),
            (_, '\\') => {
                let next = characters.next().filter(|&next| next != '\n');
                let keeps_it = at == At::Double && next.is_some_and(|next| !"\"\\`$".contains(next));
                value.extend(keeps_it.then_some('\\').into_iter().chain(next));
                at = if at == At::Double { at } else { At::Plain };
            }
            (At::Double, c) => value.push(c),
            (_, c) => {
                at = At::Plain;
                value.push(c);
            }
        }
        // Blanks at the end of what has no quotes are none of it.
        if at != At::Plain || !c.is_whitespace() {
            solid = value.len();
        }
    }
    value.truncate(solid);
    (value, characters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_systemd_reads_it() {
        let text = concat!(
            "# A=comment\n",
            "  ; B=comment as well\n",
            "\n",
            "PLAIN = a b # no comment  \n",
            "  SINGLE='a \\n \"b\" '\n",
            "DOUBLE=\"say \\\"x\\\" for \\$1 \\n\" \n",
            "BOTH='[{\"urls\":'\"[]}]\"\n",
            "MIDDLE=a\"b\"\n",
            "LONG=one,\\\n",
            "two\n",
            "LINES=\"one\n",
            "two\"\n",
            "ESCAPED=a\\ b\\ \n",
            "nothing here\n",
            "EMPTY=\n",
            "WINDOWS=1\r\n",
            "LAST=x=y",
        );
        let expected = [
            ("PLAIN", "a b # no comment"),
            ("SINGLE", "a \\n \"b\" "),
            ("DOUBLE", "say \"x\" for $1 \\n"),
            ("BOTH", "[{\"urls\":[]}]"),
            ("MIDDLE", "a\"b\""),
            ("LONG", "one,two"),
            ("LINES", "one\ntwo"),
            ("ESCAPED", "a b "),
            ("EMPTY", ""),
            ("WINDOWS", "1"),
            ("LAST", "x=y"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(parse(text), expected);
    }

    #[test]
    fn a_shells_export_is_no_name() {
        assert!(is_name("VOLLEY_PORT") && is_name("_X9"));
        for wrong in ["", "export VOLLEY_PORT", "9X", "A-B"] {
            assert!(!is_name(wrong), "{wrong}");
        }
    }

    #[test]
    fn the_option_is_taken_out_and_nothing_else() {
        let told = ["doctor", "--env-file", "a", "--json", "--env-file=b", "--env-files", "--config", "c"];
        let kept = without_option(told.into_iter().map(OsString::from));
        assert_eq!(kept, ["doctor", "--json", "--env-files", "--config", "c"]);
    }
}
