//! TLS to the database, with a certificate authority made for the test.

use std::path::Path;
use std::process::Command;

use moothall_store::{Options, Store, params};
use moothall_testing::databases::{PostgresServer, Settings};

#[tokio::test]
async fn sslmode_decides_whether_the_connection_is_encrypted_and_the_server_known() {
    let directory = tempfile::tempdir().unwrap();
    if !certificates(directory.path()) {
        eprintln!("SKIPPED (no openssl: install it with `apt-get install openssl`)");
        return;
    }
    let Some(server) = PostgresServer::start(&Settings { is_durable: true, ..Settings::default() }) else {
        return;
    };
    let base = server.url().split('?').next().unwrap().to_owned();
    let open = async |query: &str| -> Result<bool, String> {
        let mut options = Options::new(format!("{base}?{query}"));
        options.connections = 1;
        let store = Store::open(options).await.map_err(|error| error.to_string())?;
        let is_encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        let answer = store.read(|tx| tx.query_one(is_encrypted, params![])?.get(0)).await;
        answer.map_err(|error: moothall_store::Error| error.to_string())
    };
    assert_eq!(open("sslmode=prefer").await, Ok(false));
    assert!(open("sslmode=require").await.is_err(), "the server has no TLS yet");

    server.stop();
    for file in ["server.crt", "server.key"] {
        server.write_file(file, &std::fs::read_to_string(directory.path().join(file)).unwrap());
    }
    server.configure(&["ssl = on"]);
    server.launch();
    let roots = directory.path().join("ca.crt").display().to_string();
    assert_eq!(open("sslmode=disable").await, Ok(false));
    assert_eq!(open("sslmode=prefer").await, Ok(true));
    assert_eq!(open(&format!("sslmode=require&sslrootcert={roots}")).await, Ok(true));
    assert_eq!(open(&format!("sslmode=verify-full&sslrootcert={roots}")).await, Ok(true));
    let unknown = open("sslmode=require").await.unwrap_err();
    assert!(unknown.contains("certificate"), "{unknown}");
    let missing = open("sslmode=require&sslrootcert=/nowhere.crt").await.unwrap_err();
    assert!(missing.contains("/nowhere.crt"), "{missing}");
    // The certificate says 127.0.0.1.
    let other_name =
        format!("{}?sslmode=require&sslrootcert={roots}", base.replace("127.0.0.1", "localhost"));
    let error = Store::open(Options::new(other_name)).await.err().unwrap().to_string();
    assert!(error.contains("certificate"), "{error}");
}

/// An authority and a certificate of it for 127.0.0.1. False without openssl.
fn certificates(directory: &Path) -> bool {
    let openssl = |line: &str| {
        let run = Command::new("openssl").args(line.split(' ')).current_dir(directory).output();
        run.is_ok_and(|output| {
            assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
            true
        })
    };
    std::fs::write(directory.join("names"), "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
        .unwrap();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(&format!("req -x509 {key} -keyout ca.key -out ca.crt -subj /CN=authority -days 2"))
        && openssl(&format!("req {key} -keyout server.key -out server.csr -subj /CN=server"))
        && openssl(
            "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out server.crt -days 2 -extfile names",
        )
}
