//! TLS to the database: what `sslmode` and `sslrootcert` of the address mean.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::Error;

/// What the address asks for.
#[derive(Default)]
pub(super) struct Wanted {
    pub(super) mode: Mode,
    /// A file of certificates in PEM, trusted besides the roots of the web.
    pub(super) roots: Option<PathBuf>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Mode {
    Disable,
    /// Encrypted if the server can. Against a listener only: nobody checks who the server is.
    #[default]
    Prefer,
    /// Encrypted, and the server's certificate is checked.
    Verify,
}

impl Mode {
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        match text {
            "disable" => Ok(Self::Disable),
            "prefer" | "allow" => Ok(Self::Prefer),
            "require" | "verify-ca" | "verify-full" => Ok(Self::Verify),
            other => {
                let text = format!("sslmode `{other}` is not one of disable, prefer, require, verify-full");
                Err(Error::Options(text.into()))
            }
        }
    }

    pub(super) fn of_driver(self) -> SslMode {
        match self {
            Self::Disable => SslMode::Disable,
            Self::Prefer => SslMode::Prefer,
            Self::Verify => SslMode::Require,
        }
    }
}

impl Wanted {
    pub(super) fn connect(&self) -> Result<MakeRustlsConnect, Error> {
        let refuse = |reason: String| Error::Options(reason.into());
        let provider = Arc::new(ring::default_provider());
        let verifier: Arc<dyn ServerCertVerifier> = if self.mode == Mode::Verify {
            let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
            if let Some(path) = &self.roots {
                let refuse = |error: &dyn std::fmt::Display| {
                    refuse(format!("sslrootcert {}: {error}", path.display()))
                };
                for certificate in CertificateDer::pem_file_iter(path).map_err(|error| refuse(&error))? {
                    let certificate = certificate.map_err(|error| refuse(&error))?;
                    roots.add(certificate).map_err(|error| refuse(&error))?;
                }
            }
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()
                .map_err(|error| refuse(error.to_string()))?
        } else {
            Arc::new(Anyone(Arc::clone(&provider)))
        };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| refuse(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        Ok(MakeRustlsConnect::new(config))
    }
}

/// Takes any certificate, as `sslmode=prefer` does everywhere: Debian's PostgreSQL comes with a self-signed one.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
