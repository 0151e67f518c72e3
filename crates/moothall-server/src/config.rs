//! Configuration: one TOML file, then the environment, then flags; the later wins.
//!
//! Start at [`Config::load`]. Every key is a typed field with a doc comment, a default and a bound; all three are read from
//! the types' own schema, and `config/example.toml` is generated from it. A key nobody knows is refused with the nearest
//! one that somebody does, and whatever is wrong is said with where it was set.

mod example;
mod layer;
mod schema;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use moothall::Settings;
use moothall_api::Proxies;
use moothall_protocol::limits;
use schemars::JsonSchema;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

pub use example::example;
pub use layer::Flags;
use layer::Layers;
pub use schema::without_password;

/// Everything an operator can set.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// `[server]`: how clients reach it.
    pub server: Server,
    /// `[log]`: what it says of itself.
    pub log: Log,
    /// All other sections, which are those of the library.
    pub hall: Settings,
    /// Variables that look like settings and are none.
    pub ignored: Vec<String>,
}

/// How clients reach the server.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// The address and port to listen on. `0.0.0.0:7350` is reachable from other machines: use TLS, here or in front.
    #[serde(deserialize_with = "address")]
    pub listen: SocketAddr,
    /// Where players reach the server, such as `https://moot.example.org`; without it, the address above. Links begin with it.
    #[schemars(length(max = 200), regex(pattern = "^https?://[^/]+"))]
    pub public_url: Option<String>,
    /// Proxies whose `Forwarded` and `X-Forwarded-For` are believed: addresses or prefixes such as `10.0.0.0/8`.
    pub trusted_proxies: Vec<String>,
    /// Origins whose pages may call the API from a browser, such as `https://play.example.org`. `*` means all.
    pub cors_origins: Vec<String>,
    /// Whether `GET /metrics` answers, to whoever reaches it. They hold no secrets; a proxy can keep them to yourself.
    pub metrics: bool,
    /// Milliseconds in which requests in hand may finish when the server stops.
    #[schemars(range(min = 0, max = 600_000))]
    pub shutdown_ms: u64,
    /// Connections and sockets of one network at once: an IPv4 address, or an IPv6 /64. Trusted proxies have no such bound.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub connections_per_network_max: u32,
    /// All rates, and the connections of one network, times this. For load tests and trusted networks only.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub rate_scale: u32,
    /// TLS of the server's own, for one that has no proxy in front. The files are read again within a minute of a change, or at once
    /// on SIGHUP.
    pub tls: TlsFiles,
}

/// Where the certificate is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TlsFiles {
    /// A PEM file: the certificate, with those between it and its root behind it. Needs `key` too.
    pub certificate: Option<PathBuf>,
    /// A PEM file: the certificate's private key, which nobody but the server should be able to read.
    pub key: Option<PathBuf>,
}

impl TlsFiles {
    /// Both files, if there is to be TLS.
    pub fn both(&self) -> Option<(&Path, &Path)> {
        self.certificate.as_deref().zip(self.key.as_deref())
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7350)),
            public_url: None,
            trusted_proxies: Vec::new(),
            cors_origins: Vec::new(),
            metrics: true,
            shutdown_ms: 10_000,
            connections_per_network_max: limits::CONNECTIONS_PER_NETWORK_MAX as u32,
            rate_scale: 1,
            tls: TlsFiles::default(),
        }
    }
}

/// An address with its port; what is right is said with an example.
fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| {
        D::Error::custom(format!(
            "{text} is no address and port, such as 127.0.0.1:7350, 0.0.0.0:7350 or [::1]:7350"
        ))
    })
}

/// What the server says of itself, on standard error.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// `text` for people, `json` for collectors: one object per line.
    pub format: LogFormat,
    /// What is written: `error`, `warn`, `info`, `debug`, or by part such as `info,moothall_store=debug`.
    pub level: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".into() }
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For collectors.
    Json,
}

impl Config {
    /// Reads the file, the environment and the flags.
    pub fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        flags: &Flags,
    ) -> Result<Self> {
        let schema = schema::schema();
        let mut layers = Layers::new(&schema);
        if let Some(file) = file {
            layers.add_file(file)?;
        }
        layers.add_environment(environment);
        layers.add_flags(flags);
        let ignored = std::mem::take(&mut layers.ignored);
        let (value, mistakes) = layers.finish();
        if !mistakes.is_empty() {
            bail!("the configuration is wrong:\n  {}", mistakes.join("\n  "));
        }
        let config = Self { ignored, ..Self::from_value(value)? };
        config.check().map_err(|message| anyhow!("the configuration is wrong:\n  {message}"))?;
        Ok(config)
    }

    /// What no schema can say of `[server]`.
    fn check(&self) -> Result<(), String> {
        Proxies::new(&self.server.trusted_proxies)
            .map_err(|error| format!("server.trusted_proxies: {error}"))?;
        let TlsFiles { certificate, key } = &self.server.tls;
        if certificate.is_some() != key.is_some() {
            return Err("server.tls: set both certificate and key, or neither".to_owned());
        }
        for origin in &self.server.cors_origins {
            let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
            let host = host.map(|host| host.trim_end_matches('/'));
            if origin != "*" && host.is_none_or(|host| host.is_empty() || host.contains(['/', '*', ' '])) {
                return Err(format!(
                    "server.cors_origins: {origin} is no origin such as https://play.example.org"
                ));
            }
        }
        Ok(())
    }

    /// The sections of the server and those of the library are one document, and two types.
    fn from_value(mut value: Map<String, Value>) -> Result<Self> {
        let server = value.remove("server").unwrap_or_else(|| Value::Object(Map::new()));
        let log = value.remove("log").unwrap_or_else(|| Value::Object(Map::new()));
        Ok(Self {
            server: read(server)
                .map_err(|message| anyhow!("the configuration is wrong: server.{message}"))?,
            log: read(log).map_err(|message| anyhow!("the configuration is wrong: log.{message}"))?,
            hall: read(Value::Object(value))
                .map_err(|message| anyhow!("the configuration is wrong: {message}"))?,
            ignored: Vec::new(),
        })
    }

    /// As one document, as it would stand in the file.
    pub fn to_value(&self) -> Result<Map<String, Value>> {
        let mut sections = Map::new();
        sections.insert("server".into(), serde_json::to_value(&self.server)?);
        sections.insert("log".into(), serde_json::to_value(&self.log)?);
        if let Value::Object(rest) = serde_json::to_value(&self.hall)? {
            sections.extend(rest);
        }
        Ok(sections)
    }

    /// As a file, with every secret as `***`.
    pub fn to_toml(&self) -> Result<String> {
        let mut value = Value::Object(self.to_value()?);
        schema::mask(&mut value);
        Ok(toml::to_string_pretty(&schema::without_nulls(&value))?)
    }
}

/// Reads what the schema has already found right; what is left are rules that no schema can say.
fn read<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_path_to_error::deserialize(value).map_err(|error| format!("{}: {}", error.path(), error.inner()))
}

#[cfg(test)]
mod tests;
