//! Settings: the built-in `default.toml`, a file, the environment and the command line, in this order.
//! It reads and checks values and knows nothing of what is done with them. No other room reads the environment.

pub mod api;
pub mod auth;
pub mod engine;
pub mod hooks;
pub mod keystore;
pub mod log;
pub mod outbound;
pub mod server;
pub mod soap;
pub mod store;

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use toml::{Table, Value};

use crate::error::{Error, Result};
use crate::model::address::Network;
use crate::model::time::parse_duration;

/// The documentation of every setting, and its default.
pub const DEFAULTS: &str = include_str!("config/default.toml");

const PREFIX: &str = "FLOWGATE__";

/// All settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Listening, limits of connections, proxies.
    pub server: server::Server,
    /// The database.
    pub store: store::Store,
    /// Allowances and tokens.
    pub auth: auth::Auth,
    /// The REST dialect.
    pub api: api::Api,
    /// How records are run.
    pub engine: engine::Engine,
    /// Messages to subscribers.
    pub hooks: hooks::Hooks,
    /// How keystores are read.
    pub keystore: keystore::Keystore,
    /// Limits on envelopes.
    pub soap: soap::Soap,
    /// What the gateway asks of others.
    pub outbound: outbound::Outbound,
    /// What is logged, and how.
    pub log: log::Log,
}

/// A setting given on the command line.
#[derive(Clone, Debug)]
pub struct Override {
    /// The option as the user typed it, for messages: `--listen`.
    pub option: &'static str,
    /// The setting it stands for: `server.listen`.
    pub key: &'static str,
    /// Its value as text.
    pub value: String,
}

/// A setting that contradicts itself or another one: which, and what would be right.
#[derive(Debug)]
pub struct Problem {
    /// The setting: `server.listen`.
    pub key: &'static str,
    /// What is wrong and what was expected, to be read after the key.
    pub text: String,
}

impl Problem {
    fn new(key: &'static str, text: impl Into<String>) -> Problem {
        Problem { key, text: text.into() }
    }
}

impl Config {
    /// Reads all layers. An error names the file, variable or option, the setting, and what was expected.
    pub fn load(file: Option<&Path>, overrides: &[Override]) -> Result<Config> {
        #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())));
        Config::from_layers(file, variables.collect(), overrides)
    }

    /// The defaults, listening on a port of the system's choice, for tests.
    #[expect(clippy::expect_used, reason = "the defaults are part of the program, and a test reads them")]
    pub fn for_testing() -> Config {
        let port = Override { option: "--listen", key: "server.listen", value: "127.0.0.1:0".to_owned() };
        Config::from_layers(None, Vec::new(), &[port]).expect("the built-in defaults are valid")
    }

    fn from_layers(
        file: Option<&Path>,
        mut variables: Vec<(String, String)>,
        overrides: &[Override],
    ) -> Result<Config> {
        let mut layers = Layers::new()?;
        if let Some(path) = file {
            layers.add_file(path)?;
        }
        if let Some((_, level)) = variables.iter().find(|(name, _)| name == "RUST_LOG") {
            layers.set_text("RUST_LOG", "log.level", level)?;
        }
        variables.sort();
        for (name, value) in &variables {
            let Some(key) = name.strip_prefix(PREFIX) else { continue };
            layers.set_text(name, &key.to_ascii_lowercase().replace("__", "."), value)?;
        }
        for Override { option, key, value } in overrides {
            layers.set_text(option, key, value)?;
        }
        layers.finish()
    }

    fn validate(&self) -> std::result::Result<(), Problem> {
        self.server.validate()?;
        self.store.validate()?;
        self.auth.validate()?;
        self.api.validate()?;
        self.engine.validate()?;
        self.hooks.validate()?;
        self.soap.validate()?;
        self.outbound.validate()?;
        self.log.validate()
    }
}

/// The settings while layers are laid over the defaults, with the origin of each that was changed.
struct Layers {
    table: Table,
    origins: Vec<(String, String)>,
}

impl Layers {
    fn new() -> Result<Layers> {
        Ok(Layers { table: DEFAULTS.parse().map_err(Error::internal)?, origins: Vec::new() })
    }

    fn add_file(&mut self, path: &Path) -> Result<()> {
        let origin = path.display().to_string();
        let text = fs::read_to_string(path)
            .map_err(|error| Error::invalid(format!("{origin}: The file cannot be read")).because(error))?;
        let table: Table = text.parse().map_err(|error| Error::invalid(format!("{origin}: {error}")))?;
        for (section, settings) in table {
            let Value::Table(settings) = settings else {
                return Err(Error::invalid(format!("{origin}: '{section}' must be a section, written [{section}]")));
            };
            for (name, value) in settings {
                self.set(&origin, &format!("{section}.{name}"), value)?;
            }
        }
        Ok(())
    }

    /// Sets a value given as text, read as the kind that the default has.
    fn set_text(&mut self, origin: &str, key: &str, text: &str) -> Result<()> {
        let wrong = |expected: &str| Error::invalid(format!("{origin}: {key} must be {expected}, not '{text}'"));
        let value = match self.find(origin, key)? {
            Value::Boolean(_) => Value::Boolean(text.parse().map_err(|_| wrong("true or false"))?),
            Value::Integer(_) => Value::Integer(text.parse().map_err(|_| wrong("a whole number"))?),
            Value::Array(_) => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                Value::Array(items.map(|item| Value::String(item.to_owned())).collect())
            }
            _ => Value::String(text.to_owned()),
        };
        self.set(origin, key, value)
    }

    /// Sets one value and reads all settings again, so that an error is certain to be about this one.
    fn set(&mut self, origin: &str, key: &str, value: Value) -> Result<()> {
        let place = self.find(origin, key)?;
        if !place.same_type(&value) {
            let expected = match place {
                Value::Boolean(_) => "true or false",
                Value::Integer(_) => "a whole number",
                Value::Array(_) => "a list of texts",
                _ => "a text",
            };
            return Err(Error::invalid(format!("{origin}: {key} must be {expected}, not {}", spell(&value))));
        }
        *place = value;
        self.origins.push((key.to_owned(), origin.to_owned()));
        match self.table.clone().try_into::<Config>() {
            Ok(_) => Ok(()),
            Err(error) => Err(Error::invalid(format!("{origin}: {key}: {}", error.message()))),
        }
    }

    fn find(&mut self, origin: &str, key: &str) -> Result<&mut Value> {
        key.split_once('.')
            .and_then(|(section, name)| self.table.get_mut(section)?.get_mut(name))
            .ok_or_else(|| Error::invalid(format!("{origin}: There is no setting {key}")))
    }

    fn finish(self) -> Result<Config> {
        let config: Config = self.table.try_into().map_err(Error::internal)?;
        match config.validate() {
            Ok(()) => Ok(config),
            Err(Problem { key, text }) => {
                let origin = self.origins.iter().rfind(|(changed, _)| changed == key);
                let origin = origin.map_or("The defaults", |(_, origin)| origin);
                Err(Error::invalid(format!("{origin}: {key} {text}")))
            }
        }
    }
}

/// The value as it stands in a file, as far as that is short.
fn spell(value: &Value) -> String {
    match value {
        Value::String(text) => format!("\"{text}\""),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Boolean(flag) => flag.to_string(),
        Value::Datetime(_) | Value::Array(_) | Value::Table(_) => format!("of the kind '{}'", value.type_str()),
    }
}

/// Reads whole seconds.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_secs)
}

/// Reads a list of durations, in milliseconds.
fn durations<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Vec<i64>, D::Error> {
    let read = |text: &String| {
        parse_duration(text).ok_or_else(|| D::Error::custom(format!("'{text}' is no duration such as 30s, 5m or 2h")))
    };
    Vec::<String>::deserialize(deserializer)?.iter().map(read).collect()
}

/// Reads a list of networks and addresses.
fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Vec<Network>, D::Error> {
    let mut networks = Vec::new();
    for text in Vec::<String>::deserialize(deserializer)? {
        networks.extend(Network::parse(&text).ok_or_else(|| {
            D::Error::custom(format!("'{text}' is neither a network such as 10.0.0.0/24 nor an address"))
        })?);
    }
    Ok(networks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(variables: &[(&str, &str)]) -> Result<Config> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::from_layers(None, variables.collect(), &[])
    }

    fn refusal(variables: &[(&str, &str)]) -> String {
        load(variables).expect_err("a refusal").message().to_owned()
    }

    #[test]
    fn the_defaults_are_valid() {
        let config = load(&[]).expect("the defaults");
        assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(config.server.body_timeout, Duration::from_secs(30));
    }

    #[test]
    fn the_manual_lists_every_setting() {
        let manual = include_str!("../docs/operations.md");
        assert!(manual.contains(DEFAULTS), "docs/operations.md must hold config/default.toml as it is");
    }

    #[test]
    fn later_layers_win() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("flowgate.toml");
        fs::write(&file, "[server]\nworkers = 1\nbody_limit = 1000\nkeep_alive = 5").expect("a file");
        let variables = vec![
            ("FLOWGATE__SERVER__WORKERS".to_owned(), "2".to_owned()),
            ("FLOWGATE__SERVER__TRUSTED_PROXIES".to_owned(), "10.0.0.0/8, ::1".to_owned()),
            ("FLOWGATE__SERVER__BODY_LIMIT".to_owned(), "2000".to_owned()),
            ("PATH".to_owned(), "/bin".to_owned()),
        ];
        let workers = Override { option: "--workers", key: "server.workers", value: "3".to_owned() };
        let config = Config::from_layers(Some(&file), variables, &[workers]).expect("settings");
        assert_eq!((config.server.workers, config.server.body_limit), (3, 2000));
        assert_eq!(config.server.keep_alive, Duration::from_secs(5));
        assert_eq!(config.server.trusted_proxies.len(), 2);
    }

    #[test]
    fn a_bad_value_is_named_with_its_origin_and_what_was_expected() {
        for (variable, value, expected) in [
            (
                "FLOWGATE__SERVER__BODY_LIMIT",
                "much",
                "FLOWGATE__SERVER__BODY_LIMIT: server.body_limit must be a whole number, not 'much'",
            ),
            ("FLOWGATE__SERVER__PLAIN_HTTP", "1", "server.plain_http must be true or false, not '1'"),
            ("FLOWGATE__SERVER__LISTEN", "localhost", "server.listen: 'localhost' is not an address with a port"),
            ("FLOWGATE__SERVER__TRUSTED_PROXIES", "proxy", "server.trusted_proxies: 'proxy' is neither a network"),
            ("FLOWGATE__OUTBOUND__ALLOW", "intranet", "outbound.allow: 'intranet' is neither a network"),
            ("FLOWGATE__OUTBOUND__CONNECT_TIMEOUT", "0", "outbound.connect_timeout must be at least 1 second"),
            ("FLOWGATE__OUTBOUND__TIMEOUT", "0", "outbound.timeout must be at least 1 second"),
            ("FLOWGATE__OUTBOUND__ANSWER_LIMIT", "0", "outbound.answer_limit must be at least 1024 bytes"),
            ("FLOWGATE__OUTBOUND__HOST_LIMIT", "0", "outbound.host_limit must be at least 1"),
            ("FLOWGATE__SERVER__PUBLIC_URL", "soap.example.com", "server.public_url must begin with http://"),
            ("FLOWGATE__SERVER__PUBLIC_URL", "https://a.example/b&c", "server.public_url must begin with http://"),
            ("FLOWGATE__SERVER__BODY_LIMIT", "-1", "server.body_limit: invalid value"),
            ("FLOWGATE__SERVER__BODY_LIMIT", "10", "server.body_limit must be at least"),
            ("FLOWGATE__LOG__FORMAT", "xml", "expected `text` or `json`"),
            ("FLOWGATE__LOG__LEVEL", "loud", "log.level names 'loud', which is not a level"),
            ("RUST_LOG", "loud", "RUST_LOG: log.level"),
            ("FLOWGATE__SERVER__LISTENS", "x", "FLOWGATE__SERVER__LISTENS: There is no setting server.listens"),
            ("FLOWGATE__LISTEN", "x", "FLOWGATE__LISTEN: There is no setting listen"),
        ] {
            let message = refusal(&[(variable, value)]);
            assert!(message.starts_with(variable) && message.contains(expected), "{message}");
        }
    }

    #[test]
    fn a_bad_file_is_named_with_the_setting() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("flowgate.toml");
        for (text, expected) in [
            ("[server]\nlisten = 8080", "server.listen must be a text, not 8080"),
            ("[server]\nlistens = \"x\"", "There is no setting server.listens"),
            ("[serve]\nlisten = \"x\"", "There is no setting serve.listen"),
            ("listen = \"x\"", "'listen' must be a section"),
            ("[server\n", "TOML"),
        ] {
            fs::write(&file, text).expect("a file");
            let error = Config::from_layers(Some(&file), Vec::new(), &[]).expect_err(text);
            let message = error.message();
            assert!(message.starts_with(&file.display().to_string()) && message.contains(expected), "{message}");
        }
        let missing = directory.path().join("missing.toml");
        let error = Config::from_layers(Some(&missing), Vec::new(), &[]).expect_err("no file");
        assert!(error.message().contains("missing.toml: The file cannot be read"), "{error}");
    }

    #[test]
    fn plain_http_off_loopback_needs_a_proxy_or_a_switch() {
        let open = ("FLOWGATE__SERVER__LISTEN", "0.0.0.0:8080");
        let message = refusal(&[open]);
        assert!(message.contains("server.trusted_proxies") && message.contains("server.plain_http"), "{message}");
        load(&[open, ("FLOWGATE__SERVER__PLAIN_HTTP", "true")]).expect("the switch");
        load(&[open, ("FLOWGATE__SERVER__TRUSTED_PROXIES", "10.0.0.1")]).expect("a proxy");
        load(&[("FLOWGATE__SERVER__LISTEN", "[::1]:8080")]).expect("loopback");
    }

    #[test]
    fn the_logs_own_setting_wins_over_rust_log() {
        let config = load(&[("RUST_LOG", "debug"), ("FLOWGATE__LOG__LEVEL", "warn")]).expect("settings");
        assert_eq!(config.log.level, "warn");
        assert_eq!(load(&[("RUST_LOG", "debug")]).expect("settings").log.level, "debug");
    }
}
