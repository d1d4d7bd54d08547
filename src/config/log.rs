//! `[log]`: what is logged, and in which form.

use serde::Deserialize;

use super::Problem;

/// The settings of `[log]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// A level, or several with the rooms they are for: `info,flowgate::auth=debug`.
    pub level: String,
    /// The form of a line.
    pub format: Format,
}

/// The form of a line of the log.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

impl Log {
    pub(super) fn validate(&self) -> Result<(), Problem> {
        for directive in self.level.split(',') {
            let level = directive.rsplit_once('=').map_or(directive, |(_, level)| level).trim();
            if level.parse::<log::LevelFilter>().is_err() {
                let text =
                    format!("names '{level}', which is not a level; there are error, warn, info, debug, trace, off");
                return Err(Problem::new("log.level", text));
            }
        }
        Ok(())
    }
}
