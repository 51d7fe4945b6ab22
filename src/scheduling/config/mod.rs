//! Profiles of a scheduler configuration: Kubernetes' default plugins and the rules by which a
//! profile's own settings change them.
//!
//! It works on values, not on text: whoever reads the file turns a [`ConfigProblem`]'s path into
//! a place.

mod args;
mod merge;

pub use args::{default_args, is_extended_resource};
pub use merge::{DEFAULT_PLUGINS, RawPoint, RawProfile, default_profile, merge_profile};

/// Something wrong in a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigProblem {
    /// Where, below the profile: `plugins.score.enabled[2].name`,
    /// `pluginConfig[0].args.scoringStrategy.resources[1].weight`.
    pub path: String,
    /// What is wrong, one sentence without full stop.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

impl ConfigProblem {
    fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into(), help: None }
    }

    fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}
