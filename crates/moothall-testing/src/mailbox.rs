//! E-mail that is kept instead of sent.

use std::time::Duration;

use moothall::mail::{Email, MailError, Mailer};
use moothall::operation::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// How long a letter may take: it is written down in the same moment, and sent by a task soon after.
const DELIVERY: Duration = Duration::from_secs(20);

/// Keeps what a server sends.
#[derive(Debug, Default)]
pub struct Mailbox {
    kept: Mutex<Vec<Email>>,
    came: Notify,
}

impl Mailbox {
    /// The oldest letter to this address that was not taken yet, once there is one.
    pub async fn next(&self, to: &str) -> Email {
        let wait = async {
            loop {
                let came = self.came.notified();
                {
                    let mut kept = self.kept.lock();
                    if let Some(at) = kept.iter().position(|email| email.to == to) {
                        return kept.remove(at);
                    }
                }
                came.await;
            }
        };
        tokio::time::timeout(DELIVERY, wait).await.unwrap_or_else(|_| panic!("no letter to {to}"))
    }

    /// The code in the next letter to this address.
    pub async fn code(&self, to: &str) -> String {
        let email = self.next(to).await;
        let (_, code) = email.text.split_once("#code=").unwrap_or_else(|| panic!("no code in {email:?}"));
        code.split_whitespace().next().unwrap().to_owned()
    }
}

impl Mailer for Mailbox {
    fn send(&self, email: Email) -> BoxFuture<'_, Result<(), MailError>> {
        self.kept.lock().push(email);
        self.came.notify_waiters();
        Box::pin(async { Ok(()) })
    }
}
