//! E-mail: what the server sends, and through whom.
//!
//! Start at [`send`]. A letter is a row, written in the transaction of what it is about, so it is sent if and only if that
//! came to pass, and a mail server that is away delays it instead of losing it. A task hands the rows to the [`Mailer`]:
//! see `outbox.rs`. A letter may arrive twice, when the server dies between handing it over and noting that; never not at all.

mod outbox;
mod smtp;
mod store;

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use crate::OpenError;
use crate::operation::BoxFuture;

pub(crate) use outbox::{Letter, Postbox, send, start, sweep};
pub(crate) use store::{STATEMENTS, export, forget, sent_since, sent_to_since};

/// E-mail settings.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// `log` writes every e-mail to the server's log, links and all, so that an operator can pass them on; `smtp` sends them.
    pub via: Via,
    /// Where players reach this server, which the program that opens the hall knows. Links in e-mails begin with it; what a
    /// request claims to have called is never used.
    #[serde(skip)]
    pub public_url: String,
    /// What the server calls itself in e-mails.
    #[schemars(length(min = 1, max = 64))]
    pub site_name: String,
    /// The sender, such as `Moothall <noreply@example.org>`.
    #[schemars(length(max = 320))]
    pub from: String,
    /// The mail server.
    #[schemars(length(max = 255))]
    pub host: String,
    /// Its port; without it 465 for `tls`, 587 for `starttls`, 25 for `none`.
    pub port: Option<u16>,
    /// How the way to the mail server is protected.
    pub security: Security,
    /// The user to sign in to the mail server as; empty for none.
    #[schemars(length(max = 255))]
    pub user: String,
    /// The password of that user.
    pub password: Secret,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            via: Via::Log,
            public_url: "http://127.0.0.1:7350".into(),
            site_name: "Moothall".into(),
            from: "Moothall <noreply@localhost>".into(),
            host: String::new(),
            port: None,
            security: Security::Tls,
            user: String::new(),
            password: Secret::default(),
        }
    }
}

/// Who sends e-mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// Nobody: it is written to the log.
    Log,
    /// A mail server.
    Smtp,
}

/// How the way to a mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Security {
    /// TLS from the first byte.
    Tls,
    /// TLS after asking for it; without it nothing is sent.
    Starttls,
    /// Not at all: for a mail server on the same machine.
    None,
}

/// A text that shows as `***`.
#[derive(Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    fn mask(&self) -> &'static str {
        if self.0.is_empty() { "" } else { "***" }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.mask())
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.mask())
    }
}

/// One e-mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email {
    /// To whom.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The text.
    pub text: String,
}

/// Why an e-mail was not sent.
#[derive(Clone, Debug, thiserror::Error)]
pub enum MailError {
    /// Trying again later may help.
    #[error("not sent for now: {0}")]
    Later(String),
    /// It will never be: no such address, for one.
    #[error("not sent: {0}")]
    Never(String),
}

/// Sends e-mail.
pub trait Mailer: Send + Sync + 'static {
    /// Hands the e-mail over. Given up after ten seconds.
    fn send(&self, email: Email) -> BoxFuture<'_, Result<(), MailError>>;
}

pub(crate) fn from_settings(settings: &Settings) -> Result<Arc<dyn Mailer>, OpenError> {
    match settings.via {
        Via::Log => Ok(Arc::new(LogMailer)),
        Via::Smtp => Ok(Arc::new(smtp::SmtpMailer::new(settings)?)),
    }
}

/// Writes e-mail to the log instead of sending it, links and all: for development, and for operators without a mail server.
#[derive(Debug)]
pub struct LogMailer;

impl Mailer for LogMailer {
    fn send(&self, email: Email) -> BoxFuture<'_, Result<(), MailError>> {
        Box::pin(async move {
            tracing::info!(
                subject = email.subject,
                "An e-mail to {} that was not sent:\n{}",
                email.to,
                email.text
            );
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests;
