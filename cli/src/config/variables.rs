//! Variables that begin like ours and are none of ours: what was most likely meant.

use super::sources::PATH_VARIABLE;
use super::{KEYS, Key};

const PREFIX: &str = "VOLLEY_";
/// No keys, but read: the second by `volley recording decrypt`.
const OTHERS: [&str; 2] = [PATH_VARIABLE, "VOLLEY_PASSPHRASE"];
/// From here on a name is taken for a mistyped one and not for somebody else's.
const ALIKE: f64 = 0.75;

/// What is wrong with a variable of this name, where that is surely a mistake.
pub(super) fn mistaken(name: &str) -> Option<String> {
    let (nearest, likeness) = nearest(name).filter(|_| !is_known(name) && !is_of_a_service(name))?;
    (name.contains("__") || likeness >= ALIKE)
        .then(|| format!("there is no variable {name}; the nearest is {nearest}"))
}

/// A line for each variable of the environment that looks like ours and does nothing.
pub(crate) fn strangers() -> Vec<String> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    names.filter_map(|name| strange(&name)).collect()
}

fn strange(name: &str) -> Option<String> {
    let (nearest, _) = nearest(name).filter(|_| !is_known(name) && !is_of_a_service(name))?;
    Some(format!("the variable {name} has no effect: there is no such key; the nearest is {nearest}"))
}

fn is_known(name: &str) -> bool {
    let mut of_keys = KEYS.iter().flat_map(|key| [Some(key.variable()), key.short_variable()]).flatten();
    OTHERS.contains(&name) || of_keys.any(|known| known == name)
}

/// Kubernetes and Docker's links set these for a service named `volley-…`.
fn is_of_a_service(name: &str) -> bool {
    let has_protocol =
        ["_TCP", "_UDP"].iter().any(|protocol| name.contains(protocol)) && name.contains("_PORT_");
    has_protocol || name.contains("_SERVICE_HOST") || name.contains("_SERVICE_PORT")
}

/// The variable that is most like this one, and how much; `None` for what does not begin as ours do.
fn nearest(name: &str) -> Option<(String, f64)> {
    let rest = name.strip_prefix(PREFIX)?.to_ascii_lowercase();
    if rest.contains("__") {
        let key = Key::find(Key::nearest(&rest.replace("__", ".")));
        return Some((key.map_or_else(String::new, Key::variable), 1.0));
    }
    let like = |known: &str| {
        let known = known.rsplit("__").next().unwrap_or_default().trim_start_matches(PREFIX);
        strsim::normalized_damerau_levenshtein(&rest, &known.to_ascii_lowercase())
    };
    // Of a key without a short name its own last word is looked at, but a stranger may have that too.
    let short = KEYS.iter().filter_map(Key::short_variable).map(|known| (like(&known), known));
    let long = KEYS.iter().filter(|key| key.flag.is_none()).map(Key::variable);
    let long = long.map(|known| (0.99 * ALIKE * like(&known), known));
    let best = short.chain(long).max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    Some((best.1, best.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_others_keeps_nobody_from_starting_and_is_told() {
        for name in ["VOLLEY_BIN", "VOLLEY_SERVER", "VOLLEY_HOME", "VOLLEY_URL", "VOLLEY_MAX_BITRATE"] {
            assert_eq!(mistaken(name), None, "{name}");
        }
        let told = strange("VOLLEY_MAX_BITRATE").unwrap();
        assert!(told.ends_with("the nearest is VOLLEY_WEBRTC__MAX_BITRATE"), "{told}");
    }

    #[test]
    fn what_is_ours_or_a_clusters_is_no_stranger() {
        let of_others =
            ["VOLLEY_MEDIA_SERVICE_HOST", "VOLLEY_MEDIA_PORT_50000_UDP_ADDR", "PATH", "LOG_LEVEL"];
        for name in ["VOLLEY_CONFIG", "VOLLEY_PASSPHRASE", "VOLLEY_PORT", "VOLLEY_SERVER__PORT"]
            .into_iter()
            .chain(of_others)
        {
            assert_eq!((mistaken(name), strange(name)), (None, None), "{name}");
        }
    }
}
