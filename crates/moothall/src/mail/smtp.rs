//! Sending e-mail through a mail server.

use std::time::Duration;

use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use uuid::Uuid;

use super::{Email, MailError, Mailer, Security, Settings};
use crate::OpenError;
use crate::operation::BoxFuture;

/// How long the mail server may take for one command.
const COMMAND_DEADLINE: Duration = Duration::from_secs(10);

pub(super) struct SmtpMailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl SmtpMailer {
    pub(super) fn new(settings: &Settings) -> Result<Self, OpenError> {
        let wrong = |key, message: String| OpenError::Setting { key, message };
        if settings.host.is_empty() {
            return Err(wrong("mail.host", "name the mail server, or set mail.via to \"log\"".into()));
        }
        let from = settings
            .from
            .parse()
            .map_err(|error| wrong("mail.from", format!("{error}: write `Name <address@example.org>`")))?;
        let tls = || {
            TlsParameters::new(settings.host.clone()).map_err(|error| wrong("mail.host", error.to_string()))
        };
        let (tls, port) = match settings.security {
            Security::Tls => (Tls::Wrapper(tls()?), 465),
            Security::Starttls => (Tls::Required(tls()?), 587),
            Security::None => (Tls::None, 25),
        };
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&settings.host)
            .port(settings.port.unwrap_or(port))
            .tls(tls)
            .timeout(Some(COMMAND_DEADLINE));
        if !settings.user.is_empty() {
            let password = settings.password.expose().to_owned();
            transport = transport.credentials(Credentials::new(settings.user.clone(), password));
        }
        Ok(Self { transport: transport.build(), from })
    }
}

/// Says that no person wrote it, so that no absence note answers it (RFC 3834).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// What is logged of a failure. What the other server said would repeat the address.
fn reason(error: &lettre::transport::smtp::Error) -> String {
    error.status().map_or_else(|| error.to_string(), |code| format!("the mail server answered {code}"))
}

impl Mailer for SmtpMailer {
    fn send(&self, email: Email) -> BoxFuture<'_, Result<(), MailError>> {
        Box::pin(async move {
            let to = email.to.parse().map_err(|error| MailError::Never(format!("{error}")))?;
            // Named after the sender's domain: what this machine is called is nobody's business.
            let id = format!("<{}@{}>", Uuid::now_v7(), self.from.email.domain());
            let message = Message::builder()
                .from(self.from.clone())
                .to(Mailbox::new(None, to))
                .subject(email.subject)
                .message_id(Some(id))
                .header(AutoSubmitted)
                .singlepart(SinglePart::plain(email.text))
                .map_err(|error| MailError::Never(error.to_string()))?;
            match self.transport.send(message).await {
                Ok(_) => Ok(()),
                Err(error) if error.is_permanent() => Err(MailError::Never(reason(&error))),
                Err(error) => Err(MailError::Later(reason(&error))),
            }
        })
    }
}
