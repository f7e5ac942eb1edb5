//! Capabilities: names for what a daemon can do, announced in its answer to `Ping`.
//!
//! Ask before using: a daemon refuses a `Definition` whose metadata names a capability it lacks.

use std::collections::BTreeMap;

use crate::caps_pb::ApiCap;

pub mod gateway;
pub mod llb;

/// The capabilities of one daemon, either of its gateway or of its LLB (BuildKit `util/apicaps`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CapSet {
    caps: BTreeMap<String, Cap>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Cap {
    Enabled,
    Disabled { reason: String },
}

/// A capability that the daemon lacks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CapError {
    /// The daemon does not announce it.
    #[error("requested feature `{name}` is not supported by the build server, please update it")]
    Unsupported { name: String },
    /// The daemon knows it and has switched it off.
    #[error("requested feature `{name}` has been disabled on the build server{}", explained(.reason))]
    Disabled { name: String, reason: String },
}

impl CapSet {
    /// The set that a daemon announced, or `defaults` when it announced nothing (GC `New`).
    pub fn from_announced(announced: &[ApiCap], defaults: &[&str]) -> Self {
        if announced.is_empty() {
            return Self::of(defaults);
        }
        let caps = announced
            .iter()
            .filter(|cap| !cap.id.is_empty())
            .map(|cap| {
                let state = match cap.enabled {
                    true => Cap::Enabled,
                    false => Cap::Disabled { reason: cap.disabled_reason_msg.clone() },
                };
                (cap.id.clone(), state)
            })
            .collect();
        Self { caps }
    }

    /// A set of enabled capabilities.
    pub fn of(names: &[&str]) -> Self {
        Self { caps: names.iter().map(|name| ((*name).to_owned(), Cap::Enabled)).collect() }
    }

    /// Whether the daemon has the capability, enabled.
    pub fn supports(&self, name: &str) -> bool {
        self.caps.get(name) == Some(&Cap::Enabled)
    }

    /// An error that says why the daemon does not have the capability.
    pub fn require(&self, name: &str) -> Result<(), CapError> {
        let name = || name.to_owned();
        match self.caps.get(&name()) {
            Some(Cap::Enabled) => Ok(()),
            Some(Cap::Disabled { reason }) => Err(CapError::Disabled { name: name(), reason: reason.clone() }),
            None => Err(CapError::Unsupported { name: name() }),
        }
    }

    /// The names of the enabled capabilities, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.caps.iter().filter(|(_, cap)| **cap == Cap::Enabled).map(|(name, _)| name.as_str())
    }
}

fn explained(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {reason}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cap(id: &str, enabled: bool) -> ApiCap {
        ApiCap { id: id.to_owned(), enabled, ..ApiCap::default() }
    }

    #[test]
    fn a_silent_daemon_has_the_frozen_defaults() {
        let caps = CapSet::from_announced(&[], llb::DEFAULTS);
        assert!(caps.supports(llb::SOURCE_HTTP_CHECKSUM));
        assert!(caps.supports(llb::SOURCE_HTTP_UID_GID));
        assert!(!caps.supports(llb::MERGE_OP));
        assert_eq!(caps.names().count(), 29);
        assert_eq!(CapSet::from_announced(&[], gateway::DEFAULTS).names().count(), 4);
    }

    #[test]
    fn an_announced_set_replaces_the_defaults() {
        let caps = CapSet::from_announced(&[cap(llb::MERGE_OP, true), cap("", true)], llb::DEFAULTS);
        assert_eq!(caps.names().collect::<Vec<_>>(), [llb::MERGE_OP]);
    }

    #[test]
    fn a_missing_capability_says_why() {
        let off = ApiCap { disabled_reason_msg: "by the operator".to_owned(), ..cap("mergeop", false) };
        let caps = CapSet::from_announced(&[off, cap("diffop", false)], &[]);
        assert!(!caps.supports("mergeop"));
        assert_eq!(
            caps.require("mergeop").unwrap_err().to_string(),
            "requested feature `mergeop` has been disabled on the build server: by the operator"
        );
        assert_eq!(
            caps.require("diffop").unwrap_err().to_string(),
            "requested feature `diffop` has been disabled on the build server"
        );
        assert_eq!(
            caps.require("passthroughop").unwrap_err().to_string(),
            "requested feature `passthroughop` is not supported by the build server, please update it"
        );
        assert_eq!(CapSet::of(&["diffop"]).require("diffop"), Ok(()));
    }
}
