//! Why a call came to nothing.

use moothall_protocol::Problem;

/// Why a call came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server refused it.
    #[error("{} ({})", .0.title, .0.code)]
    Refused(Box<Problem>),
    /// The address is none.
    #[error("{0} is not the address of a server")]
    Address(String),
    /// The server could not be reached, or the connection broke before the answer. What was asked may have been done:
    /// ask again with the same idempotency key.
    #[error("the server could not be reached: {0}")]
    Unreachable(String),
    /// The server answered something that this client does not understand.
    #[error("the answer could not be read: {0}")]
    Unreadable(String),
    /// The socket was closed for good, with this code and reason.
    #[error("the socket was closed for good: {code} {reason}")]
    Closed {
        /// The close code.
        code: u16,
        /// The reason.
        reason: String,
    },
    /// The client is not signed in.
    #[error("sign in first")]
    NotSignedIn,
}

impl Error {
    /// The code of the refusal, if the server refused.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused(problem) => Some(&problem.code),
            _ => None,
        }
    }
}

impl From<reqwest::Error> for Error {
    fn from(error: reqwest::Error) -> Self {
        // Without the address: it may hold what is nobody's business.
        Self::Unreachable(error.without_url().to_string())
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}
