//! Files that are good, that are not, and that change.

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::ClientConfig;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use super::*;

/// A folder with a certificate for `localhost` that is good in these years, and its key.
fn made(from: i32, until: i32) -> (TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("certificate.pem"), folder.path().join("key.pem"));
    write(&certificate, &key, from, until);
    (folder, certificate, key)
}

fn write(certificate: &Path, key: &Path, from: i32, until: i32) {
    let pair = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(until, 1, 1));
    fs::write(certificate, params.self_signed(&pair).unwrap().pem()).unwrap();
    fs::write(key, pair.serialize_pem()).unwrap();
}

#[test]
fn what_is_no_certificate_and_key_is_told_apart() {
    let (folder, certificate, key) = made(2020, 2040);
    let (_other, _, key_of_another) = made(2020, 2040);
    let told = |certificate: &Path, key: &Path| Tls::open(certificate, key).unwrap_err().to_string();
    assert!(told(&folder.path().join("none"), &key).contains("none cannot be read"));
    assert!(told(&key, &key).contains("holds no certificate"));
    assert!(told(&certificate, &certificate).contains("holds no private key"));
    assert!(told(&certificate, &key_of_another).contains("cannot be used together"));
    Tls::open(&certificate, &key).unwrap();
}

#[test]
fn changed_files_are_taken_up_and_bad_ones_are_not() {
    let (_folder, certificate, key) = made(2020, 2040);
    let tls = Tls::open(&certificate, &key).unwrap();
    assert!(!tls.reload().unwrap());
    write(&certificate, &key, 2020, 2041);
    assert!(tls.reload().unwrap());
    assert!(!tls.reload().unwrap());
    fs::write(&key, "half a f").unwrap();
    let config = Arc::clone(&tls.loaded.read().config);
    tls.reload().unwrap_err();
    assert!(Arc::ptr_eq(&config, &tls.loaded.read().config));
}

#[test]
fn a_certificate_is_good_ending_or_over() {
    const DAY: Duration = Duration::from_secs(24 * 3_600);
    let now = Timestamp::from_micros(0) + DAY * 365 * 56;
    let validity = |from, until, days| {
        let (_folder, certificate, key) = made(from, until);
        Tls::open(&certificate, &key).unwrap().validity(now, DAY * days)
    };
    assert_eq!(validity(2020, 2040, 14), Validity::Good);
    assert_eq!(validity(2020, 2027, 2_000), Validity::Ending);
    assert_eq!(validity(2000, 2010, 14), Validity::Over);
    assert_eq!(validity(2030, 2040, 14), Validity::Over);
}

#[tokio::test]
async fn so_many_handshakes_are_worked_on_at_once_and_the_next_waits_for_its_turn() {
    let (_folder, certificate, key) = made(2020, 2040);
    let tls = Tls::open(&certificate, &key).unwrap();
    let random = moothall::SeededRandom::from_seed(1);
    let mut turns = Vec::new();
    for _ in 0..TLS_HANDSHAKES_AT_ONCE {
        turns.push(tls.admission.enter(&*random).await.unwrap());
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = connect(&tls, listener.local_addr().unwrap());
    let (stream, _) = listener.accept().await.unwrap();
    let mut greeting = std::pin::pin!(tls.greet(stream, &*random, Duration::from_secs(20)));
    let waits = tokio::time::timeout(Duration::from_millis(300), &mut greeting).await;
    assert!(waits.is_err(), "all turns are taken");
    turns.pop();
    assert!(greeting.await.is_some());
    client.await.unwrap();
}

/// A client that trusts the certificate, and shakes hands.
fn connect(tls: &Tls, address: std::net::SocketAddr) -> JoinHandle<()> {
    let mut roots = RootCertStore::empty();
    roots.add(tls.loaded.read().chain[0].clone()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    tokio::spawn(async move {
        let stream = TcpStream::connect(address).await.unwrap();
        let localhost = "localhost".try_into().unwrap();
        TlsConnector::from(Arc::new(config)).connect(localhost, stream).await.unwrap();
    })
}
