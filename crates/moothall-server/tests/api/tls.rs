//! TLS of the server's own: https, wss, a certificate that changes while the server runs, and clients that never finish.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use moothall_api::Tls;
use moothall_testing::{ServerProcess, TestServer};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::wire::{TEXT, Wire, frame};

/// A certificate for `localhost` in files, and a client that trusts nobody else.
struct Made {
    folder: TempDir,
    client: Arc<ClientConfig>,
}

impl Made {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let client = write(&folder);
        Self { folder, client }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn connect(&self, address: std::net::SocketAddr) -> std::io::Result<Wire<TlsStream<TcpStream>>> {
        let stream = TcpStream::connect(address).await?;
        let connector = TlsConnector::from(Arc::clone(&self.client));
        Ok(Wire::over(connector.connect(localhost(), stream).await?))
    }
}

fn localhost() -> ServerName<'static> {
    ServerName::try_from("localhost").unwrap()
}

/// Writes a new certificate and its key, and returns a client that trusts it.
fn write(folder: &TempDir) -> Arc<ClientConfig> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(folder.path().join("certificate.pem"), made.cert.pem()).unwrap();
    fs::write(folder.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(made.cert.der().to_vec())).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_root_certificates(roots).with_no_client_auth())
}

#[tokio::test]
async fn https_and_wss_are_served_and_a_new_certificate_is_taken_up() {
    let mut made = Made::new();
    let files = ["certificate", "key"]
        .map(|name| format!("server.tls.{name}={}", made.file(&format!("{name}.pem")).display()));
    let server = ServerProcess::with(None, &files.each_ref().map(String::as_str));
    let printed = server.printed();
    assert!(printed.contains("API        https://") && printed.contains("Socket     wss://"), "{printed}");

    let mut https = made.connect(server.address).await.unwrap();
    let body = "{}";
    let request = format!(
        "POST /v1/accounts/guests HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    https.send(request.as_bytes()).await.unwrap();
    let (head, guest) = https.reply().await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let token = guest["access_token"].as_str().unwrap();
    let mut wss = made.connect(server.address).await.unwrap().open("", Some(token)).await;
    assert_eq!(wss.message().await["event"], "session.ready");

    made.client = write(&made.folder);
    server.signal("HUP");
    let started = Instant::now();
    while let Err(error) = made.connect(server.address).await {
        assert!(started.elapsed() < Duration::from_secs(20), "{error}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Whoever was there goes on. What is large arrives whole too.
    let text = "x".repeat(60_000);
    let ping = json!({ "id": 1, "op": "system.ping", "in": { "text": text } });
    wss.send(&frame(TEXT, ping.to_string().as_bytes())).await.unwrap();
    let refused = wss.message().await;
    assert_eq!((&refused["id"], &refused["err"]["code"]), (&json!(1), &json!("invalid")));
    let ping = json!({ "id": 2, "op": "system.ping" });
    wss.send(&frame(TEXT, ping.to_string().as_bytes())).await.unwrap();
    assert_eq!(wss.message().await["id"], 2);
}

impl Wire<TlsStream<TcpStream>> {
    /// An answer of HTTP with a JSON body.
    async fn reply(&mut self) -> (String, Value) {
        let head = self.head().await.expect("an answer");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let body = self.exactly(length.parse().unwrap()).await;
        (head, serde_json::from_slice(&body).unwrap())
    }
}

#[tokio::test]
async fn who_never_finishes_a_handshake_is_let_go_and_holds_up_nobody() {
    const PATIENCE: Duration = Duration::from_secs(2);
    let made = Made::new();
    let tls = Tls::open(&made.file("certificate.pem"), &made.file("key.pem")).unwrap();
    let server = TestServer::builder()
        .options(|options| {
            options.tls = Some(Arc::new(tls));
            options.timeouts.handshake = PATIENCE;
        })
        .start()
        .await;
    let mut hello = Vec::new();
    ClientConnection::new(Arc::clone(&made.client), localhost()).unwrap().write_tls(&mut hello).unwrap();
    let started = Instant::now();
    let mut stuck = Vec::new();
    for number in 0..100 {
        // Some say nothing, some half a sentence, some all of it, and then nothing more.
        let said = hello.get(..hello.len() * (number % 3) / 2).unwrap();
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(said).await.unwrap();
        stuck.push(Wire::over(stream));
    }
    let mut talking = Wire::connect(server.address).await;
    talking.send(b"GET /v1/ping HTTP/1.1\r\nhost: here\r\n\r\n").await.unwrap();
    stuck.push(talking);
    // Meanwhile all others come in.
    for _ in 0..20 {
        let mut wire = made.connect(server.address).await.unwrap();
        wire.send(b"GET /v1/ping HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        assert!(wire.head().await.unwrap().starts_with("HTTP/1.1 200"));
    }
    for wire in &mut stuck {
        while wire.byte().await.is_some() {}
    }
    assert!(started.elapsed() < PATIENCE * 5, "{:?}", started.elapsed());
}
