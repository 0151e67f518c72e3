use std::path::PathBuf;

use super::*;

fn load(file: &str, environment: &[(&str, &str)], flags: &Flags) -> Result<Config> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("moothall.toml");
    std::fs::write(&path, file).unwrap();
    let environment = environment.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    Config::load(Some(&path), environment, flags)
}

fn refusal(file: &str, environment: &[(&str, &str)]) -> String {
    format!("{:#}", load(file, environment, &Flags::default()).unwrap_err())
}

#[test]
fn flags_win_over_the_environment_and_the_environment_over_the_file() {
    let file = "[server]\nlisten = '127.0.0.1:1'\nshutdown_ms = 5\n[store]\nurl = 'sqlite:file.db'\nconnections = 7\n";
    let environment = [("MOOTHALL_SERVER__LISTEN", "127.0.0.1:2"), ("MOOTHALL_STORE__CONNECTIONS", "9")];
    let flags =
        Flags { listen: Some("127.0.0.1:3".into()), data: Some(PathBuf::from("/tmp/x")), ..Flags::default() };
    let config = load(file, &environment, &flags).unwrap();
    assert_eq!(config.server.listen.port(), 3);
    assert_eq!(config.hall.store.connections, 9);
    assert_eq!(config.hall.store.url, "sqlite:/tmp/x/moothall.db");
    assert_eq!(config.server.shutdown_ms, 5);
}

#[test]
fn a_key_nobody_knows_is_refused_with_the_nearest_and_its_place() {
    let message = refusal("[store]\nulr = 'sqlite:x'\n", &[]);
    assert!(message.contains("store.ulr") && message.contains("did you mean store.url?"), "{message}");
    assert!(message.contains("moothall.toml"), "{message}");
    let message = refusal("", &[("MOOTHALL_STORE__ULR", "sqlite:x")]);
    assert!(message.contains("did you mean MOOTHALL_STORE__URL?"), "{message}");
    let message = refusal("[store]\nlisten = '127.0.0.1:1'\n", &[]);
    assert!(message.contains("did you mean server.listen?"), "{message}");
}

#[test]
fn variables_that_are_none_of_ours_do_not_stop_the_start() {
    let of_kubernetes = [("MOOTHALL_PORT", "tcp://10.0.0.1:7350"), ("MOOTHALL_SERVICE_HOST", "10.0.0.1")];
    assert_eq!(load("", &of_kubernetes, &Flags::default()).unwrap().ignored.len(), 2);
    let config = load("", &[("MOOTHALL_STORE_URL", "sqlite:x")], &Flags::default()).unwrap();
    assert!(config.ignored[0].contains("write MOOTHALL_STORE__URL"), "{:?}", config.ignored);
}

#[test]
fn proxies_and_origins_are_looked_at_before_anything_starts() {
    for (key, wrong) in [
        ("trusted_proxies", "10.0.0.0/99"),
        ("cors_origins", "play.example.org"),
        ("cors_origins", "https://a/b"),
    ] {
        let message = refusal(&format!("[server]\n{key} = ['{wrong}']\n"), &[]);
        assert!(message.contains(&format!("server.{key}")), "{message}");
    }
}

#[test]
fn everything_that_is_wrong_is_said_at_once_with_its_bound() {
    let message = refusal(
        "[store]\nconnections = 0\nsynchronous = 'sometimes'\n",
        &[("MOOTHALL_SERVER__SHUTDOWN_MS", "soon")],
    );
    for part in [
        "store.connections",
        "minimum of 1",
        "store.synchronous",
        "the variable MOOTHALL_SERVER__SHUTDOWN_MS",
    ] {
        assert!(message.contains(part), "{part} is not in: {message}");
    }
    for listen in ["everywhere", "7350", "localhost"] {
        let message = refusal(&format!("[server]\nlisten = '{listen}'\n"), &[]);
        assert!(message.contains("server.listen") && message.contains("such as 127.0.0.1:7350"), "{message}");
    }
}

#[test]
fn a_password_of_digits_in_the_environment_stays_a_text() {
    let config = load("", &[("MOOTHALL_STORE__URL", "12345")], &Flags::default()).unwrap();
    assert_eq!(config.hall.store.url, "12345");
    let origins = [("MOOTHALL_SERVER__CORS_ORIGINS", "https://a.example, https://b.example")];
    let config = load("", &origins, &Flags::default()).unwrap();
    assert_eq!(config.server.cors_origins, ["https://a.example", "https://b.example"]);
}

#[test]
fn the_example_says_every_key_with_its_default() {
    let example = example().unwrap();
    for name in schema::names(&schema::schema()) {
        let key = name.rsplit('.').next().unwrap();
        assert!(example.contains(&format!("\n#{key} = ")), "{name} is not in the example");
    }
    // With every key switched on it is what the defaults are.
    let switched_on: String = example
        .lines()
        .filter(|line| !line.ends_with("# not set"))
        .map(|line| match line.strip_prefix('#') {
            Some(setting) if !setting.starts_with(' ') => format!("{setting}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let config = load(&switched_on, &[], &Flags::default()).unwrap();
    assert_eq!(config.to_toml().unwrap(), Config::default().to_toml().unwrap());
}

#[test]
fn secrets_are_not_printed() {
    let url = "postgres://moothall:hunter2@db.example/moothall?sslmode=require";
    let config = load("", &[("MOOTHALL_STORE__URL", url)], &Flags::default()).unwrap();
    let printed = config.to_toml().unwrap();
    assert!(!printed.contains("hunter2"), "{printed}");
    assert!(printed.contains("postgres://moothall:***@db.example/moothall"), "{printed}");
    let hidden =
        without_password("postgres://db.example/moothall?user=moothall&password=hunter2&sslmode=require");
    assert_eq!(hidden, "postgres://db.example/moothall?user=moothall&password=***&sslmode=require");
    assert_eq!(without_password("sqlite:a.db"), "sqlite:a.db");
    assert_eq!(without_password("postgres://u:a/b@h/d"), "postgres://u:***@h/d");
}

#[test]
fn the_committed_example_is_that_of_the_code() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/example.toml");
    let committed = std::fs::read_to_string(file).unwrap_or_default();
    assert!(committed == example().unwrap(), "config/example.toml is stale: run `cargo xtask generate`");
}

#[test]
fn a_certificate_needs_its_key() {
    let message = refusal("[server.tls]\ncertificate = 'certificate.pem'\n", &[]);
    assert!(message.contains("server.tls: set both"), "{message}");
    let both = "[server.tls]\ncertificate = 'certificate.pem'\nkey = 'key.pem'\n";
    assert!(load(both, &[], &Flags::default()).unwrap().server.tls.both().is_some());
}
