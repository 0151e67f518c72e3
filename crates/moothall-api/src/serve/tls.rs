//! TLS: a certificate and its key from two PEM files, read again when they change, and handshakes that starve nobody.
//!
//! Start at [`Tls::open`]; a connection goes through [`Tls::greet`]. What costs in a handshake is one signature, and whoever opens
//! connections by the thousand buys one with each. So a handshake waits for its turn before that: a few take turns with everybody
//! else, the others wait in order, and who would have to wait for too long is let go. A client that is slow holds no turn.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use moothall::Random;
use moothall_protocol::Timestamp;
use moothall_protocol::limits::TLS_HANDSHAKES_AT_ONCE;
use parking_lot::RwLock;
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::{Acceptor, ParsedCertificate};
use rustls::{CertificateError, RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;

use super::stream::Stream;
use crate::admission::Admission;

/// The TLS of a server.
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    loaded: RwLock<Loaded>,
    admission: Admission,
}

impl std::fmt::Debug for Tls {
    /// Without what the files hold: one of them is a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls")
            .field("certificate", &self.certificate)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// What the files said when they were last good.
struct Loaded {
    chain: Vec<CertificateDer<'static>>,
    /// To tell whether they changed. A date would not do: files are often put in place with an old one.
    bytes: [Vec<u8>; 2],
    config: Arc<ServerConfig>,
}

/// Why two files are no certificate and key.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// One cannot be read.
    #[error("{file} cannot be read")]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// One does not hold what it should.
    #[error("{file} holds no {what} in PEM")]
    Empty {
        /// Which.
        file: PathBuf,
        /// What is missing.
        what: &'static str,
    },
    /// They do not belong together, or are of a kind that is not supported.
    #[error("the certificate and the key cannot be used together")]
    Unusable(#[from] rustls::Error),
}

/// How long a certificate is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// It is, and will be.
    Good,
    /// It is, and will not be for much longer.
    Ending,
    /// It is not: not any more, or not yet.
    Over,
}

impl Tls {
    /// Reads the certificate, with those between it and its root behind it, and its key.
    pub fn open(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let loaded = RwLock::new(Loaded::read(certificate, key)?);
        let admission = Admission::new("tls", TLS_HANDSHAKES_AT_ONCE);
        Ok(Self { certificate: certificate.to_owned(), key: key.to_owned(), loaded, admission })
    }

    /// Reads the files again, and says whether they changed. If they are not good, what was good before stays.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let loaded = Loaded::read(&self.certificate, &self.key)?;
        let mut current = self.loaded.write();
        let is_changed = current.bytes != loaded.bytes;
        if is_changed {
            *current = loaded;
        }
        Ok(is_changed)
    }

    /// Whether the certificate is good now, and will be after `margin`.
    pub fn validity(&self, now: Timestamp, margin: Duration) -> Validity {
        let loaded = self.loaded.read();
        match (loaded.is_valid_at(now), loaded.is_valid_at(now + margin)) {
            (true, true) => Validity::Good,
            (true, false) => Validity::Ending,
            (false, _) => Validity::Over,
        }
    }

    /// Shakes hands on a new connection; `None` if that comes to nothing in time.
    pub(super) async fn greet(
        &self,
        stream: TcpStream,
        random: &dyn Random,
        patience: Duration,
    ) -> Option<Stream> {
        let greeted = tokio::time::timeout(patience, self.shake_hands(stream, random)).await;
        let stream = greeted.ok().flatten();
        if stream.is_none() {
            metrics::counter!("tls_handshakes_failed_total").increment(1);
        }
        stream
    }

    async fn shake_hands(&self, stream: TcpStream, random: &dyn Random) -> Option<Stream> {
        let hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await.ok()?;
        let turn = self.admission.enter(random).await.ok()?;
        let config = Arc::clone(&self.loaded.read().config);
        // Signs, here and now.
        let handshake = hello.into_stream(config);
        // All others have theirs before the next handshake does.
        tokio::task::yield_now().await;
        drop(turn);
        handshake.await.ok().map(Stream::over_tls)
    }
}

impl Loaded {
    fn read(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let read = |file: &Path| {
            fs::read(file).map_err(|source| TlsError::Unreadable { file: file.to_owned(), source })
        };
        let bytes = [read(certificate)?, read(key)?];
        let [of_certificate, of_key] = &bytes;
        let empty = |file: &Path, what| TlsError::Empty { file: file.to_owned(), what };
        let chain: Vec<_> = CertificateDer::pem_slice_iter(of_certificate)
            .collect::<Result<_, _>>()
            .map_err(|_| empty(certificate, "certificate"))?;
        if chain.is_empty() {
            return Err(empty(certificate, "certificate"));
        }
        let secret = PrivateKeyDer::from_pem_slice(of_key).map_err(|_| empty(key, "private key"))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain.clone(), secret)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { chain, bytes, config: Arc::new(config) })
    }

    /// Nothing is said here of who vouches for it: that is for the clients to judge.
    fn is_valid_at(&self, time: Timestamp) -> bool {
        let Some(Ok(leaf)) = self.chain.first().map(ParsedCertificate::try_from) else { return false };
        let time = UnixTime::since_unix_epoch(time.since(Timestamp::from_micros(0)));
        let algorithms = ring::default_provider().signature_verification_algorithms.all;
        // The dates are looked at first, and with no roots the rest always fails.
        let judged =
            verify_server_cert_signed_by_trust_anchor(&leaf, &RootCertStore::empty(), &[], time, algorithms);
        !matches!(
            judged,
            Err(rustls::Error::InvalidCertificate(
                CertificateError::Expired
                    | CertificateError::ExpiredContext { .. }
                    | CertificateError::NotValidYet
                    | CertificateError::NotValidYetContext { .. }
            ))
        )
    }
}

#[cfg(test)]
mod tests;
