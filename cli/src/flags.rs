//! The command line. Its options are those keys of the configuration that have a flag.

use crate::config::{KEYS, Key, Kind};
use crate::doctor::{DoctorWish, stun_url};
use crate::environment;
use crate::recordings::command as recordings;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use clap_complete::Shell;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use volley_signaling::access::Grant;

/// What the command line asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Cli {
    pub(crate) deed: Deed,
    pub(crate) flags: Flags,
    /// A file of environment variables to do it with.
    pub(crate) env_file: Option<PathBuf>,
}

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Deed {
    /// Supervise: the program itself.
    Serve,
    /// Be one of the supervisor's children.
    Child(Role),
    /// Record for a media host elsewhere.
    Listen(ListenWish),
    /// Print what is configured.
    CheckConfig,
    /// Make a room token.
    CreateToken(TokenWish),
    /// Do something with recordings.
    Recordings(recordings::Deed),
    /// Say what will hurt.
    Examine(DoctorWish),
    /// Print what a shell completes by.
    Completions(Shell),
    /// Make man pages, in a folder or printed.
    Man(Option<PathBuf>),
}

/// The token that is wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct TokenWish {
    pub(crate) room: String,
    pub(crate) identity: String,
    pub(crate) grants: Vec<Grant>,
    pub(crate) ttl: Duration,
}

/// How a recorder stands by itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ListenWish {
    pub(crate) address: SocketAddr,
    pub(crate) secret_file: PathBuf,
}

impl ListenWish {
    fn read(matches: &ArgMatches) -> Option<ListenWish> {
        let address = *matches.get_one("listen")?;
        Some(ListenWish { address, secret_file: matches.get_one("secret-file").cloned()? })
    }
}

/// The supervisor's children.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// Forwards packets.
    Media,
    /// Speaks HTTP and WebSocket.
    Signaling,
    /// Writes recordings.
    Recorder,
}

/// What was said of the configuration.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Flags {
    /// A folder or a file.
    pub(crate) config: Option<PathBuf>,
    /// Name without dashes, and value.
    pub(crate) values: Vec<(&'static str, String)>,
}

impl Cli {
    /// Reads the command line; on a mistake, `--help` and `--version` says so and ends the program.
    pub(crate) fn parse() -> Cli {
        Cli::try_from(std::env::args_os()).unwrap_or_else(|error| error.exit())
    }

    fn try_from(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
        let matches = command().try_get_matches_from(arguments)?;
        let mut innermost = &matches;
        while let Some((_, inner)) = innermost.subcommand() {
            innermost = inner;
        }
        let deed = match matches.subcommand() {
            Some(("media", _)) => Deed::Child(Role::Media),
            Some(("signaling", _)) => Deed::Child(Role::Signaling),
            Some(("recorder", matches)) => {
                ListenWish::read(matches).map_or(Deed::Child(Role::Recorder), Deed::Listen)
            }
            Some(("token", _)) => Deed::CreateToken(TokenWish::read(innermost)),
            Some(("recording", matches)) => Deed::Recordings(recordings::Deed::read(matches)),
            Some(("doctor", _)) => Deed::Examine(DoctorWish {
                json: innermost.get_flag("json"),
                stun: innermost.get_one("stun").cloned(),
                ntp: innermost.get_one("ntp").cloned(),
            }),
            Some(("completions", shell)) => {
                Deed::Completions(*shell.get_one("shell").expect("it is required"))
            }
            Some(("man", man)) => Deed::Man(man.get_one("into").cloned()),
            Some(_) => Deed::CheckConfig,
            None => Deed::Serve,
        };
        let env_file = innermost.try_get_one(environment::OPTION).ok().flatten().cloned();
        Ok(Cli { deed, flags: Flags::read(innermost), env_file })
    }
}

impl TokenWish {
    fn read(matches: &ArgMatches) -> TokenWish {
        let text = |name: &str| matches.get_one::<String>(name).cloned().unwrap_or_default();
        let seconds = matches.get_one("ttl").copied().unwrap_or(DEFAULT_TTL);
        TokenWish {
            room: text("room"),
            identity: text("identity"),
            grants: matches.get_many("grant").into_iter().flatten().copied().collect(),
            ttl: Duration::from_secs(seconds),
        }
    }
}

/// A meeting takes an hour; who comes late needs a token still.
const DEFAULT_TTL: u64 = 3600;

impl Flags {
    fn read(matches: &ArgMatches) -> Flags {
        let given = |key: &Key| Some((key.flag?, matches.get_one::<String>(key.flag?)?.clone()));
        Flags { config: matches.get_one("config").cloned(), values: KEYS.iter().filter_map(given).collect() }
    }
}

/// The command line as clap has it.
pub(crate) fn command() -> Command {
    let config = Arg::new("config")
        .long("config")
        .value_name("DIR|FILE")
        .global(true)
        .value_parser(value_parser!(PathBuf));
    let check =
        Command::new("check").about("Print every key, its value and where that came from").arg(env_file());
    let config_deeds =
        Command::new("config").about("What is configured").subcommand_required(true).subcommand(check);
    Command::new("volley")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Volley: a WebRTC SFU for bare-metal Linux")
        .long_about(
            "Volley: a WebRTC SFU for bare-metal Linux.\n\nWithout a subcommand it binds its ports, starts the media, \
             the signaling and the recorder process, and starts each again when it dies. Open the address it prints in a \
             browser to make a call.",
        )
        .max_term_width(100)
        .arg(config.help(
            "Folder with webrtc.yaml and media.yaml, or a file with the keys of both \
             [env: VOLLEY_CONFIG] [default: ./config, where it is there]",
        ))
        .args(KEYS.iter().filter_map(argument))
        .subcommand(config_deeds)
        .subcommand(token_deeds())
        .subcommand(recordings::command())
        .subcommand(doctor())
        .subcommands(own_descriptions())
        .subcommand(Command::new("media").about("The process that forwards packets; started by `volley`, not by hand"))
        .subcommand(
            Command::new("signaling")
                .about("The process that speaks HTTP and WebSocket; started by `volley`, not by hand"),
        )
        .subcommand(recorder())
}

fn recorder() -> Command {
    let listen = Arg::new("listen").long("listen").value_name("ADDRESS:PORT");
    let secret = Arg::new("secret-file").long("secret-file").value_name("FILE");
    Command::new("recorder")
        .about(
            "The process that writes recordings; started by `volley`, or by hand on a machine of its own with --listen",
        )
        .arg(
            listen
                .help("Record for a media host on another machine (its recording.offload), which connects here")
                .requires("secret-file")
                .value_parser(value_parser!(SocketAddr)),
        )
        .arg(
            secret
                .help("File with what both machines know, such as `openssl rand -hex 32` makes")
                .requires("listen")
                .value_parser(value_parser!(PathBuf)),
        )
}

/// What packagers make of the command line.
fn own_descriptions() -> [Command; 2] {
    let shell = Arg::new("shell").value_name("SHELL").required(true).value_parser(value_parser!(Shell));
    let into = Arg::new("into").long("into").value_name("DIR").value_parser(value_parser!(PathBuf));
    [
        Command::new("completions")
            .about("Print what a shell completes this command line by")
            .arg(shell.help("Which shell")),
        Command::new("man")
            .about("Print the man page")
            .arg(into.help("Write pages of all commands into this folder instead")),
    ]
}

fn token_deeds() -> Command {
    let argument = |name: &'static str, placeholder: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(placeholder).help(help)
    };
    let grants = PossibleValuesParser::new(Grant::ALL.map(|grant| grant.to_string())).map(|name| {
        Grant::ALL.into_iter().find(|grant| grant.to_string() == name).expect("it is one of them")
    });
    let create = Command::new("create")
        .about(
            "Print a token that lets somebody into a room, signed with the first of security.token_secrets",
        )
        .arg(argument("room", "ROOM", "The room it opens").required(true))
        .arg(argument("identity", "NAME", "Whom it is for; removing them makes it worthless").required(true))
        .arg(
            argument("grant", "GRANT", "What it lets them do")
                .value_delimiter(',')
                .value_parser(grants)
                .default_values(["publish", "subscribe"]),
        )
        .arg(
            argument("ttl", "SECONDS", "How long it is good [default: 3600]")
                .value_parser(value_parser!(u64).range(1..)),
        )
        .arg(env_file());
    Command::new("token").about("Room tokens").subcommand_required(true).subcommand(create)
}

fn doctor() -> Command {
    let server =
        |name: &'static str, help: &'static str| Arg::new(name).long(name).value_name("HOST:PORT").help(help);
    Command::new("doctor")
        .about("Say, worst first, what here will hurt and what mends it; ends with 2 for an error, 1 for a warning")
        .arg(Arg::new("json").long("json").action(ArgAction::SetTrue).help("Say it for programs"))
        .arg(
            server("stun", "A STUN server that tells under which address the world sees this machine")
                .value_parser(|name: &str| stun_url(name).map(|_| name.to_owned())),
        )
        .arg(server("ntp", "A time server to compare the clock with [default: the one this machine uses]"))
        .arg(env_file())
}

/// For what is asked about a service.
fn env_file() -> Arg {
    Arg::new(environment::OPTION)
        .long(environment::OPTION)
        .value_name("FILE")
        .help("File of environment variables to do it with, such as the service's /etc/volley/volley.env")
        .value_parser(value_parser!(PathBuf))
}

fn argument(key: &'static Key) -> Option<Arg> {
    let flag = key.flag?;
    let variable = key.short_variable().unwrap_or_default();
    let default = match key.default {
        "[]" | "" => String::new(),
        default => format!(" [default: {default}]"),
    };
    let help = format!("{} [env: {variable}]{default}", key.about);
    let argument = Arg::new(flag).long(flag).value_name(key.kind.placeholder()).global(true).help(help);
    Some(match key.kind {
        // The flag alone says yes.
        Kind::Bool => argument.num_args(0..=1).require_equals(true).default_missing_value("true"),
        _ => argument,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_from([&["volley"], arguments].concat().into_iter().map(OsString::from))
    }

    #[test]
    fn the_command_line_is_well_formed() {
        command().debug_assert();
    }

    #[test]
    fn flags_stand_before_and_after_a_subcommand() {
        for arguments in [["--port", "9", "config", "check"], ["config", "check", "--port", "9"]] {
            let cli = parse(&arguments).unwrap();
            assert_eq!(cli.deed, Deed::CheckConfig);
            assert_eq!(cli.flags.values, [("port", String::from("9"))]);
        }
    }

    #[test]
    fn a_token_is_described_with_what_it_grants() {
        let wish = |more: &[&str]| {
            let arguments = [&["token", "create", "--room", "r", "--identity", "ada"], more].concat();
            match parse(&arguments).map(|cli| cli.deed) {
                Ok(Deed::CreateToken(wish)) => Some(wish),
                _ => None,
            }
        };
        let usual = wish(&[]).unwrap();
        assert_eq!(
            (usual.grants, usual.ttl),
            (vec![Grant::Publish, Grant::Subscribe], Duration::from_secs(3600))
        );
        assert_eq!(
            wish(&["--grant", "record,administer"]).unwrap().grants,
            [Grant::Record, Grant::Administer]
        );
        assert_eq!(wish(&["--ttl", "60"]).unwrap().ttl, Duration::from_secs(60));
        assert_eq!((wish(&["--grant", "fly"]), wish(&["--ttl", "0"])), (None, None));
    }

    #[test]
    fn the_doctor_is_asked_with_servers_of_ones_own() {
        let arguments = ["doctor", "--json", "--stun", "stun.example.org:3478", "--port", "9"];
        let stun = Some(String::from("stun.example.org:3478"));
        let cli = parse(&arguments).unwrap();
        assert_eq!(cli.deed, Deed::Examine(DoctorWish { json: true, stun, ntp: None }));
        assert_eq!(cli.flags.values, [("port", String::from("9"))]);
    }

    #[test]
    fn a_recorder_stands_by_itself_when_it_is_told_where_and_for_whom() {
        let wish = ["recorder", "--listen", "[::]:9300", "--secret-file", "/etc/volley/offload"];
        let listening = ListenWish {
            address: "[::]:9300".parse().unwrap(),
            secret_file: PathBuf::from("/etc/volley/offload"),
        };
        assert_eq!(parse(&wish).unwrap().deed, Deed::Listen(listening));
        assert_eq!(parse(&wish[..1]).unwrap().deed, Deed::Child(Role::Recorder));
        assert!(parse(&wish[..3]).is_err(), "whoever comes would be let in");
        assert!(parse(&["recorder", "--listen", "9300", "--secret-file", "x"]).is_err());
    }

    #[test]
    fn what_is_no_option_is_refused() {
        assert!(parse(&["--prot", "9"]).is_err());
        assert!(parse(&["config"]).is_err());
        assert_eq!(parse(&["media"]).unwrap().deed, Deed::Child(Role::Media));
        assert!(parse(&["completions"]).is_err() && parse(&["completions", "abacus"]).is_err());
    }
}
