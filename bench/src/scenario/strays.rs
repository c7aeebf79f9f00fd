//! Packets that nobody should have got. However few they are and whatever else a run was for, it has failed.

use crate::load::Figures;
use serde::Serialize;
use serde_json::{Value, json};
use std::iter::Sum;
use std::ops::{Add, AddAssign};

/// How many there were, by what was wrong with them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Strays {
    /// Of another room.
    pub(crate) foreign_room: u64,
    /// Back at who sent them.
    pub(crate) echoes: u64,
    /// With a wrong authentication tag.
    pub(crate) not_authentic: u64,
}

impl Strays {
    /// Those among what was received.
    pub(crate) fn of(figures: &Figures) -> Strays {
        let &Figures { foreign_room, echoes, not_authentic, .. } = figures;
        Strays { foreign_room, echoes, not_authentic }
    }

    /// In a few words; `None` when there are none.
    pub(crate) fn told(self) -> Option<String> {
        let kinds = [
            (self.foreign_room, "of another room"),
            (self.echoes, "back at their sender"),
            (self.not_authentic, "not authentic"),
        ];
        let told: Vec<String> = kinds
            .into_iter()
            .filter(|&(packets, _)| packets > 0)
            .map(|(packets, what)| format!("{packets} packets {what}"))
            .collect();
        (!told.is_empty()).then(|| told.join(", "))
    }

    /// Puts them beside the figures of a report, where [`failure`] and the targets find them.
    pub(crate) fn add_to(self, figures: &mut Value) {
        figures["foreignRoom"] = json!(self.foreign_room);
        figures["echoes"] = json!(self.echoes);
        figures["notAuthentic"] = json!(self.not_authentic);
    }
}

/// What to say of a report that has any.
pub(crate) fn failure(figures: &Value) -> Option<String> {
    let packets = |name: &str| figures[name].as_u64().unwrap_or(0);
    let strays = Strays {
        foreign_room: packets("foreignRoom"),
        echoes: packets("echoes"),
        not_authentic: packets("notAuthentic"),
    };
    let told = strays.told()?;
    Some(format!("people got {told}: no server may let that happen, so this run has failed"))
}

impl Add for Strays {
    type Output = Strays;

    fn add(self, other: Strays) -> Strays {
        Strays {
            foreign_room: self.foreign_room + other.foreign_room,
            echoes: self.echoes + other.echoes,
            not_authentic: self.not_authentic + other.not_authentic,
        }
    }
}

impl AddAssign for Strays {
    fn add_assign(&mut self, other: Strays) {
        *self = *self + other;
    }
}

impl Sum for Strays {
    fn sum<I: Iterator<Item = Strays>>(strays: I) -> Strays {
        strays.fold(Strays::default(), Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_packet_that_nobody_should_have_got_fails_a_run() {
        let mut figures = json!({ "packets": 1_000_000 });
        assert_eq!(failure(&figures), None, "of a command without people");
        Strays::default().add_to(&mut figures);
        assert_eq!(failure(&figures), None);
        let kinds = [
            (Strays { foreign_room: 1, ..Strays::default() }, "1 packets of another room"),
            (Strays { echoes: 2, ..Strays::default() }, "2 packets back at their sender"),
            (Strays { not_authentic: 3, ..Strays::default() }, "3 packets not authentic"),
        ];
        for (strays, told) in kinds {
            strays.add_to(&mut figures);
            assert!(failure(&figures).is_some_and(|why| why.contains(told)), "{told}");
        }
    }

    #[test]
    fn those_of_several_runs_count_together() {
        let figures = Figures { foreign_room: 1, echoes: 2, not_authentic: 4, ..Figures::default() };
        let both: Strays = [Strays::of(&figures), Strays::of(&figures)].into_iter().sum();
        assert_eq!(both, Strays { foreign_room: 2, echoes: 4, not_authentic: 8 });
    }
}
