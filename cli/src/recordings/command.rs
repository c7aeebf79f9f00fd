//! The command line of `volley recording`.

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use std::path::PathBuf;
use volley_recorder::compose::{Container, View};

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Deed {
    /// Show what was recorded.
    List { room: Option<String> },
    /// Make one file of a recording.
    Compose(ComposeWish),
    /// Make files that play of one that is encrypted end to end.
    Decrypt(DecryptWish),
}

/// What is to be opened.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct DecryptWish {
    /// A recording or a room.
    pub(crate) which: String,
    pub(crate) passphrase: String,
    pub(crate) output: Option<PathBuf>,
}

impl std::fmt::Debug for DecryptWish {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DecryptWish").field("which", &self.which).finish_non_exhaustive()
    }
}

/// The file that is wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ComposeWish {
    /// A recording or a room.
    pub(crate) which: String,
    pub(crate) view: View,
    /// `None`: what the output's name says.
    pub(crate) format: Option<Container>,
    pub(crate) size: (usize, usize),
    pub(crate) output: Option<PathBuf>,
    pub(crate) replaces: bool,
}

impl ComposeWish {
    /// What comes out.
    pub(crate) fn container(&self) -> Container {
        let is_mp4 = |output: &PathBuf| output.extension().is_some_and(|end| end.eq_ignore_ascii_case("mp4"));
        let named = if self.output.as_ref().is_some_and(is_mp4) { Container::Mp4 } else { Container::WebM };
        self.format.unwrap_or(named)
    }
}

impl Deed {
    pub(crate) fn read(matches: &ArgMatches) -> Deed {
        match matches.subcommand() {
            Some(("compose", matches)) => Deed::Compose(ComposeWish {
                which: matches.get_one::<String>("which").cloned().unwrap_or_default(),
                view: matches.get_one("view").copied().unwrap_or(View::Grid),
                format: matches.get_one("format").copied(),
                size: matches.get_one("size").copied().unwrap_or(USUAL_SIZE),
                output: matches.get_one("output").cloned(),
                replaces: matches.get_flag("force"),
            }),
            Some(("decrypt", matches)) => Deed::Decrypt(DecryptWish {
                which: matches.get_one::<String>("which").cloned().unwrap_or_default(),
                passphrase: matches
                    .get_one::<String>("passphrase")
                    .map_or(String::new(), |text| secret_of(text)),
                output: matches.get_one("output").cloned(),
            }),
            Some((_, matches)) => Deed::List { room: matches.get_one("room").cloned() },
            None => Deed::List { room: None },
        }
    }
}

const USUAL_SIZE: (usize, usize) = (1280, 720);

/// From a thumbnail to 4K.
const SIZES: std::ops::RangeInclusive<usize> = 64..=4096;

/// `volley recording`.
pub(crate) fn command() -> Command {
    let list = Command::new("list")
        .about("Show what was recorded: of all rooms, or of one")
        .arg(Arg::new("room").value_name("ROOM").help("The room"));
    Command::new("recording")
        .about("What was recorded, in the folder that recording.path names")
        .subcommand_required(true)
        .subcommand(list)
        .subcommand(compose())
        .subcommand(decrypt())
}

fn decrypt() -> Command {
    Command::new("decrypt")
        .about("Make files that play of a recording that is encrypted end to end, for who has its passphrase")
        .arg(which())
        .arg(
            Arg::new("passphrase")
                .long("passphrase")
                .value_name("WORDS|LINK")
                .env("VOLLEY_PASSPHRASE")
                .hide_env_values(true)
                .required(true)
                .help("The room's passphrase, or its link with all that stands behind #; who lists processes sees \
                       flags, but not the variable"),
        )
        .arg(
            Arg::new("output")
                .long("output")
                .short('o')
                .value_name("FOLDER")
                .value_parser(value_parser!(PathBuf))
                .help("Where to [default: RECORDING-open in this folder]"),
        )
}

/// What somebody was given: a passphrase, or all of a link.
fn secret_of(text: &str) -> String {
    let behind = text.split_once('#').map_or("", |(_, behind)| behind);
    let written = behind.split('&').find_map(|pair| pair.strip_prefix("e2ee="));
    let read = written.map(|written| plain(&written.replace('+', " ")));
    read.filter(|secret| !secret.is_empty()).unwrap_or_else(|| text.trim().to_owned())
}

/// Without percent signs; what is no such writing stays as it is.
fn plain(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((&first, after)) = rest.split_first() {
        let code = (first == b'%').then(|| after.get(..2)).flatten();
        let byte = code.and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn which() -> Arg {
    Arg::new("which")
        .value_name("ROOM|RECORDING")
        .required(true)
        .help("A recording, or a room, whose newest that is over is taken")
}

fn compose() -> Command {
    let views = PossibleValuesParser::new(["grid", "speaker"])
        .map(|name| if name == "speaker" { View::Speaker } else { View::Grid });
    let formats = PossibleValuesParser::new(["webm", "mp4"])
        .map(|name| if name == "mp4" { Container::Mp4 } else { Container::WebM });
    Command::new("compose")
        .about("Make one file of a recording, with everybody in the picture and all sound; takes ffmpeg")
        .after_help("Exit codes: 0 done, 1 failed, 2 asked wrongly, 130 stopped by Ctrl-C or SIGTERM.")
        .arg(which())
        .arg(Arg::new("view").long("view").value_parser(views).help(
            "Everybody in one size, or large who speaks; a shared screen is large in both [default: grid]",
        ))
        .arg(
            Arg::new("format")
                .long("format")
                .value_parser(formats)
                .help("VP9 and Opus, or H.264 and AAC [default: what the output's name says, or webm]"),
        )
        .arg(
            Arg::new("size")
                .long("size")
                .value_name("WIDTHxHEIGHT")
                .value_parser(size)
                .help("Columns and lines [default: 1280x720]"),
        )
        .arg(
            Arg::new("output")
                .long("output")
                .short('o')
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("Where to [default: RECORDING.webm or RECORDING.mp4 in this folder]"),
        )
        .arg(Arg::new("force").long("force").action(ArgAction::SetTrue).help("Replace what is there"))
}

fn size(text: &str) -> Result<(usize, usize), String> {
    let sides =
        text.split_once('x').and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    let is_one = |side: &usize| SIZES.contains(side) && side.is_multiple_of(2);
    sides.filter(|(width, height)| is_one(width) && is_one(height)).ok_or_else(|| {
        format!("it is two even numbers from {} to {}, such as 1280x720", SIZES.start(), SIZES.end())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Option<Deed> {
        let matches = command().try_get_matches_from([&["recording"], arguments].concat()).ok()?;
        Some(Deed::read(&matches))
    }

    fn wish(arguments: &[&str]) -> Option<ComposeWish> {
        match parse(&[&["compose", "meeting"], arguments].concat())? {
            Deed::Compose(wish) => Some(wish),
            _ => None,
        }
    }

    #[test]
    fn recordings_are_listed_of_all_rooms_or_of_one() {
        assert_eq!(parse(&["list"]), Some(Deed::List { room: None }));
        assert_eq!(parse(&["list", "a"]), Some(Deed::List { room: Some("a".to_owned()) }));
        assert_eq!((parse(&[]), parse(&["compose"])), (None, None));
    }

    #[test]
    fn what_is_composed_is_said_by_flags_and_by_the_name_of_the_file() {
        let usual = wish(&[]).unwrap();
        assert_eq!((usual.view, usual.size, usual.container()), (View::Grid, (1280, 720), Container::WebM));
        assert_eq!(wish(&["-o", "a.MP4"]).unwrap().container(), Container::Mp4);
        assert_eq!(wish(&["-o", "a.mp4", "--format", "webm"]).unwrap().container(), Container::WebM);
        let other = wish(&["--view", "speaker", "--size", "640x360", "--force"]).unwrap();
        assert_eq!((other.view, other.size, other.replaces), (View::Speaker, (640, 360), true));
    }

    #[test]
    fn a_passphrase_is_taken_out_of_a_link() {
        for (text, secret) in [
            ("open sesame ", "open sesame"),
            ("https://host/r/a#e2ee=7k3mq0x9", "7k3mq0x9"),
            ("https://host/r/a#x=1&e2ee=caf%C3%A9+au%20lait", "café au lait"),
            ("100%#", "100%#"),
        ] {
            assert_eq!(secret_of(text), secret);
        }
        assert_eq!(parse(&["decrypt", "a"]), None, "without one nothing can be opened");
    }

    #[test]
    fn sizes_that_no_encoder_takes_are_refused() {
        for size in ["1280", "1281x720", "0x0", "9000x720", "ax720", "-2x4"] {
            assert_eq!(wish(&[&format!("--size={size}")]), None, "{size}");
        }
    }
}
