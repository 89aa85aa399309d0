//! The lock of a state as an object that everyone can read: who holds it, and for how long it may be silent. The format
//! and what follows from it; knows no server and no clock.
//!
//! An object of its own cannot be locked as a file can: nobody takes it from a process that died. So the holder writes it
//! anew from time to time (a sign of life), and whoever finds it older than the lease, by the clock of the server that
//! keeps it, may take it over. The number `token` rises with each holder.

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub const FORMAT_VERSION: u32 = 1;

/// Times are told in whole seconds, and two clocks run at different speeds.
const GRACE: Duration = Duration::from_secs(2);

/// Who holds a lock: information, not the lock itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Names this holding, for `mig force-unlock`. Empty in what older versions wrote.
    #[serde(default)]
    pub id: String,
    /// The user's name.
    pub holder: String,
    pub host: String,
    pub pid: u32,
    /// RFC 3339.
    pub since: String,
    pub command: String,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { holder, host, pid, since, command, .. } = self;
        write!(f, "{holder} on {host}, process {pid}, since {since}: {command}")
    }
}

/// What the object holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lease {
    pub format_version: u32,
    /// Of the current or the last holder.
    pub token: u64,
    pub lease_seconds: u64,
    /// Counts the signs of life of this holder.
    pub beat: u64,
    /// `None`: it was given back.
    pub holder: Option<Holder>,
    /// Somebody took it away from the holder: no sign of life can be given any more. Without a holder: what the last one
    /// has sent may still arrive.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub broken: bool,
}

/// Whether the lock can be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It was given back.
    Free,
    /// Its holder was silent for longer than it may be.
    Expired(Holder),
    Held(Holder),
}

impl Lease {
    /// Of the first holder, or of the one behind `last`. `now`: the server's clock, in seconds since 1970: the token rises also
    /// where the object was deleted, or the state moved to another place.
    pub fn taken(last: Option<&Self>, holder: Holder, lease: Duration, now: u64) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            token: last.map_or(0, |last| last.token).saturating_add(1).max(now),
            lease_seconds: lease.as_secs(),
            beat: 0,
            holder: Some(holder),
            broken: false,
        }
    }

    /// With one more sign of life.
    pub fn renewed(&self) -> Self {
        Self { beat: self.beat.saturating_add(1), ..self.clone() }
    }

    pub fn given_back(&self) -> Self {
        Self { beat: self.beat.saturating_add(1), holder: None, broken: false, ..self.clone() }
    }

    /// Free, but a write of an older holder may still be on its way.
    pub fn taken_away(&self) -> Self {
        Self { broken: true, ..self.given_back() }
    }

    /// Whether its holder may still write, though somebody else takes the lock.
    pub fn may_write(&self) -> bool {
        self.broken || self.holder.is_some()
    }

    pub fn broken(&self) -> Self {
        Self { beat: self.beat.saturating_add(1), broken: true, ..self.clone() }
    }

    /// `age`: for how long the object is there unchanged, by the clock of its server. A holder whose lock was broken may act
    /// until its lease ends, like one that is silent.
    pub fn standing(&self, age: Duration) -> Standing {
        match &self.holder {
            None => Standing::Free,
            Some(holder) if age > Self::longest(Duration::from_secs(self.lease_seconds)) => {
                Standing::Expired(holder.clone())
            }
            Some(holder) => Standing::Held(holder.clone()),
        }
    }

    /// For how long a holder that gives no sign of life keeps others out.
    pub fn longest(lease: Duration) -> Duration {
        lease.saturating_add(GRACE)
    }

    /// How long a holder waits between two signs of life.
    pub fn pause(lease: Duration) -> Duration {
        lease / 3
    }

    /// # Errors
    /// What is wrong with the text.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        match value.get("format_version").and_then(serde_json::Value::as_u64) {
            Some(version) if version == u64::from(FORMAT_VERSION) => {
                serde_json::from_value(value).map_err(|error| error.to_string())
            }
            Some(other) => Err(format!("format_version {other} is not of this version of mig")),
            None => Err("it has no format_version".into()),
        }
    }

    pub fn write(&self) -> Vec<u8> {
        // A value of plain fields cannot fail to become JSON.
        serde_json::to_vec_pretty(self).unwrap_or_default()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn holder(id: &str) -> Holder {
        Holder { id: id.into(), ..Holder::default() }
    }

    #[test]
    fn a_lease_can_be_taken_once_it_was_given_back_or_is_older_than_it_may_be() {
        let held = Lease::taken(None, holder("a"), Duration::from_secs(60), 0);
        let check = |lease: &Lease, age: u64, expected: Standing| {
            assert_eq!(lease.standing(Duration::from_secs(age)), expected, "{lease:?} at {age}");
        };
        check(&held, 0, Standing::Held(holder("a")));
        check(&held, 62, Standing::Held(holder("a")));
        check(&held, 63, Standing::Expired(holder("a")));
        check(&held.renewed(), 62, Standing::Held(holder("a")));
        check(&held.given_back(), 0, Standing::Free);
        check(&held.taken_away(), 0, Standing::Free);
        // Its holder does not know yet.
        check(&held.broken(), 1, Standing::Held(holder("a")));
        check(&held.broken(), 63, Standing::Expired(holder("a")));
    }

    #[test]
    fn only_who_gave_the_lock_back_can_have_nothing_on_its_way() {
        let held = Lease::taken(None, holder("a"), Duration::from_secs(60), 0);
        let check = |lease: &Lease, expected| assert_eq!(lease.may_write(), expected, "{lease:?}");
        check(&held, true);
        check(&held.broken(), true);
        check(&held.broken().taken_away(), true);
        check(&held.given_back(), false);
        check(&Lease::taken(Some(&held.taken_away()), holder("b"), Duration::from_secs(60), 0).given_back(), false);
    }

    #[test]
    fn each_holder_has_a_higher_token_and_no_two_texts_are_equal() {
        let first = Lease::taken(None, holder("a"), Duration::from_secs(60), 0);
        let second = Lease::taken(Some(&first.renewed().given_back()), holder("b"), Duration::from_secs(30), 0);
        // The object was deleted: the clock goes on.
        assert!(Lease::taken(None, holder("c"), Duration::from_secs(30), 1_800_000_000).token > second.token);
        assert_eq!((first.token, second.token, second.lease_seconds), (1, 2, 30));
        let texts = [&first, &first.renewed(), &first.given_back(), &first.broken(), &second].map(Lease::write);
        assert!(texts.iter().enumerate().all(|(n, text)| !texts.iter().skip(n + 1).any(|other| other == text)));
        for text in &texts {
            assert_eq!(Lease::read(text).unwrap().write(), *text);
        }
    }

    #[test]
    fn a_text_that_is_not_understood_is_no_free_lock() {
        for text in ["", "{}", r#"{"format_version":2,"token":1,"lease_seconds":60,"beat":0,"holder":null}"#] {
            assert!(Lease::read(text.as_bytes()).is_err(), "{text}");
        }
    }
}
