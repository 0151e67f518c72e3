//! E-mail: what the server sends, through whom, and a mailer that only writes to the log.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::OpenError;
use crate::error::Error;
use crate::operation::BoxFuture;

/// E-mail settings.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {}

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

/// Sends e-mail.
pub trait Mailer: Send + Sync + 'static {
    /// Hands the e-mail over; an error means that it was not.
    fn send(&self, email: Email) -> BoxFuture<'_, Result<(), Error>>;
}

pub(crate) fn from_settings(_: &Settings) -> Result<Arc<dyn Mailer>, OpenError> {
    Ok(Arc::new(LogMailer))
}

/// Writes e-mail to the log instead of sending it, links and all. For development.
#[derive(Debug)]
pub struct LogMailer;

impl Mailer for LogMailer {
    fn send(&self, email: Email) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            tracing::info!(subject = email.subject, "An e-mail that was not sent:\n{}", email.text);
            Ok(())
        })
    }
}
