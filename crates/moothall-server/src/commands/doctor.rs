//! `moothall doctor`: says what is wrong with this installation, and what to do. `serve` asks the same before it starts.
//!
//! Start at [`examine`]. Each check stands alone and ends in findings; none of them changes anything that lasts.

mod machine;

use std::fmt;
use std::net::TcpListener;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use moothall::moothall_store::{MigrationState, MigrationStatus};
use moothall::protocol::Timestamp;
use moothall::{MIGRATIONS, Synchronous, SystemClock, open_store};
use moothall_api::{Tls, Validity};

use crate::config::Config;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// As it should be.
    Good,
    /// It works, and may not when it matters.
    Warning,
    /// It does not work, or would lose data.
    Bad,
}

/// What one check found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// How bad it is.
    pub verdict: Verdict,
    /// What was looked at.
    pub about: &'static str,
    /// What is so.
    pub says: String,
    /// What to do about it. Empty if it is good.
    pub advice: &'static str,
}

impl Finding {
    fn good(about: &'static str, says: impl Into<String>) -> Self {
        Self { verdict: Verdict::Good, about, says: says.into(), advice: "" }
    }

    fn warning(about: &'static str, says: impl Into<String>, advice: &'static str) -> Self {
        Self { verdict: Verdict::Warning, about, says: says.into(), advice }
    }

    fn bad(about: &'static str, says: impl Into<String>, advice: &'static str) -> Self {
        Self { verdict: Verdict::Bad, about, says: says.into(), advice }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.verdict {
            Verdict::Good => "ok  ",
            Verdict::Warning => "warn",
            Verdict::Bad => "BAD ",
        };
        write!(f, "{mark}  {:<14} {}", self.about, self.says)?;
        if self.advice.is_empty() { Ok(()) } else { write!(f, "\n      {:<14} → {}", "", self.advice) }
    }
}

/// Prints all findings. Fails if one is bad.
pub async fn run(config: &Config) -> Result<ExitCode> {
    let mut findings = examine(config).await;
    findings.push(port(config));
    let worst = findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Good);
    for finding in &findings {
        println!("{finding}");
    }
    Ok(if worst == Verdict::Bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What `serve` looks at before it starts; whether the database is good shows when it opens it.
pub fn before_start(config: &Config) -> Vec<Finding> {
    let mut findings = settings(config);
    findings.extend(machine::examine(&config.hall));
    findings
}

/// Looks at everything a server needs.
pub async fn examine(config: &Config) -> Vec<Finding> {
    let mut findings = settings(config);
    findings.extend(database(config).await);
    findings.extend(machine::examine(&config.hall));
    findings
}

fn settings(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    if config.hall.store.synchronous != Synchronous::Full {
        let advice = "set store.synchronous to full, unless losing the last moments is fine";
        findings.push(Finding::warning("settings", "a power cut loses what was acknowledged", advice));
    }
    if config.hall.store.allow_unsafe_durability {
        let advice = "switch store.allow_unsafe_durability off, unless this is a test";
        findings.push(Finding::warning(
            "settings",
            "a PostgreSQL that loses acknowledged data is accepted",
            advice,
        ));
    }
    if config.server.cors_origins.iter().any(|origin| origin == "*") {
        let advice = "list the origins of your own pages in server.cors_origins";
        findings.push(Finding::warning("settings", "every page of the web may call the API", advice));
    }
    if config.server.rate_scale > 1 {
        let says = format!("all rates are {} times what they should be", config.server.rate_scale);
        findings.push(Finding::warning("settings", says, "set server.rate_scale to 1"));
    }
    let is_open = !config.server.listen.ip().is_loopback() && config.server.trusted_proxies.is_empty();
    if is_open && config.server.tls.both().is_none() {
        let says = format!("{} is open to other machines, without TLS", config.server.listen);
        let advice = "set server.tls, or put a proxy with TLS in front and name it in server.trusted_proxies";
        findings.push(Finding::warning("settings", says, advice));
    }
    if findings.is_empty() {
        findings.push(Finding::good("settings", "nothing is set that should not be"));
    }
    findings.extend(tls(config));
    findings
}

/// The certificate: whether it can be used, for how long, and whether its key is a secret.
fn tls(config: &Config) -> Vec<Finding> {
    const MARGIN: Duration = Duration::from_secs(14 * 24 * 3_600);
    let Some((certificate, key)) = config.server.tls.both() else { return Vec::new() };
    let tls = match Tls::open(certificate, key) {
        Ok(tls) => tls,
        Err(error) => {
            let says = format!("{:#}", anyhow::Error::from(error));
            return vec![Finding::bad("tls", says, "see server.tls: both files are PEM, and made together")];
        }
    };
    let shown = certificate.display();
    let advice = "renew it; the server takes up the new files by itself";
    let mut findings = vec![match tls.validity(SystemClock::shared().now(), MARGIN) {
        Validity::Good => Finding::good("tls", format!("{shown} is good for more than two weeks")),
        Validity::Ending => Finding::warning("tls", format!("{shown} ends within two weeks"), advice),
        Validity::Over => Finding::bad("tls", format!("{shown} is not valid today"), advice),
    }];
    findings
        .extend(machine::open_to_others(key, "`chmod 600` it, and give it to the user that runs the server"));
    findings
}

async fn database(config: &Config) -> Vec<Finding> {
    // A file is made by opening it: this command only looks.
    if super::database::file(&config.hall).is_some_and(|file| !file.exists()) {
        return vec![Finding::good("database", "there is none yet: the first start makes it")];
    }
    let store = match open_store(&config.hall).await {
        Ok(store) => store,
        Err(error) => return vec![unusable(&error)],
    };
    let status = store.migration_status(MIGRATIONS).await;
    store.close().await;
    match status {
        Ok(status) => vec![migrations(&status), clock(&status, SystemClock::shared().now())],
        Err(error) => vec![unusable(&error)],
    }
}

fn unusable(error: &moothall_store::Error) -> Finding {
    let advice = match error {
        moothall_store::Error::Corrupt(_) => "stop the server, keep a copy of the file, and restore a backup",
        _ => {
            "see store.url: for SQLite the folder must be there and writable, for PostgreSQL the server must run"
        }
    };
    Finding::bad("database", error.to_string(), advice)
}

fn migrations(status: &[MigrationStatus]) -> Finding {
    let count = |state: fn(&MigrationState) -> bool| status.iter().filter(|one| state(&one.state)).count();
    let unknown = count(|state| matches!(state, MigrationState::Unknown));
    let edited = count(|state| matches!(state, MigrationState::Edited));
    let pending = count(|state| matches!(state, MigrationState::Pending));
    if unknown + edited > 0 {
        let advice = "run the version of Moothall that this database last saw, or a newer one";
        return Finding::bad("database", "another version of Moothall has changed this database", advice);
    }
    if pending > 0 {
        let advice = "back it up, then `moothall migrate`, or let the next start do it";
        return Finding::warning("database", format!("{pending} migrations are to be applied"), advice);
    }
    Finding::good("database", "reachable, durable and up to date")
}

/// A clock that is behind what was already written would make new rows older than old ones.
fn clock(status: &[MigrationStatus], now: Timestamp) -> Finding {
    let newest = status.iter().filter_map(|one| match one.state {
        MigrationState::Applied(at) => Some(at),
        _ => None,
    });
    match newest.max() {
        Some(written) if written > now => {
            let says = format!("it is {now} here, but the database was changed at {written}");
            Finding::bad("clock", says, "set the clock, and let NTP keep it")
        }
        _ => Finding::good("clock", format!("it is {now}")),
    }
}

fn port(config: &Config) -> Finding {
    let listen = config.server.listen;
    match TcpListener::bind(listen) {
        Ok(_) => Finding::good("address", format!("{listen} is free")),
        Err(error) => {
            let advice = "if that is not Moothall already running, set server.listen to another port";
            Finding::warning("address", format!("{listen} cannot be listened on: {error}"), advice)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(at: Timestamp) -> Vec<MigrationStatus> {
        vec![MigrationStatus { name: "1".into(), state: MigrationState::Applied(at) }]
    }

    #[test]
    fn a_clock_behind_the_database_is_bad() {
        let now = Timestamp::from_micros(1_790_000_000_000_000);
        assert_eq!(clock(&applied(now), now).verdict, Verdict::Good);
        let later = now + Duration::from_secs(1);
        assert_eq!(clock(&applied(later), now).verdict, Verdict::Bad);
    }

    #[test]
    fn a_database_of_a_newer_version_is_bad_and_one_to_migrate_is_not() {
        let of = |state| migrations(&[MigrationStatus { name: "1".into(), state }]).verdict;
        assert_eq!(of(MigrationState::Unknown), Verdict::Bad);
        assert_eq!(of(MigrationState::Edited), Verdict::Bad);
        assert_eq!(of(MigrationState::Pending), Verdict::Warning);
    }

    #[tokio::test]
    async fn a_database_that_cannot_be_reached_is_bad_and_says_what_to_do() {
        let mut config = Config::default();
        config.hall.store.url = "postgres://nobody@127.0.0.1:1/nothing".into();
        let findings = database(&config).await;
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].verdict, Verdict::Bad);
        assert!(findings[0].to_string().contains("store.url"), "{}", findings[0]);
    }

    #[test]
    fn files_that_are_no_certificate_are_bad_and_good_ones_are_looked_at() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| folder.path().join(name));
        let mut config = Config::default();
        assert!(tls(&config).is_empty());
        (config.server.tls.certificate, config.server.tls.key) =
            (Some(certificate.clone()), Some(key.clone()));
        config.server.listen = ([0, 0, 0, 0], 7350).into();
        let findings = settings(&config);
        assert_eq!(findings[0].verdict, Verdict::Good, "it is open, but not without TLS");
        assert_eq!(findings[1].verdict, Verdict::Bad);
        assert!(findings[1].says.contains("certificate.pem cannot be read: "), "{}", findings[1]);
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
        let findings = tls(&config);
        assert_eq!(
            findings.iter().map(|finding| finding.verdict).collect::<Vec<_>>(),
            [Verdict::Good, Verdict::Warning]
        );
    }

    #[test]
    fn settings_that_lose_data_or_open_the_door_are_told() {
        let mut config = Config::default();
        assert_eq!(settings(&config)[0].verdict, Verdict::Good);
        config.hall.store.synchronous = Synchronous::Off;
        config.server.cors_origins = vec!["*".into()];
        config.server.listen = ([0, 0, 0, 0], 7350).into();
        config.server.rate_scale = 2;
        assert_eq!(settings(&config).len(), 4);
    }
}
