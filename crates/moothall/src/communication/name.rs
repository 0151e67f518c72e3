//! What a room may be called, and when two names are too alike.

use moothall_protocol::limits::ROOM_NAME_LENGTH_MAX;
use serde::{Deserialize, Serialize};

use crate::accounts::names::{fold, look};
use crate::filter;

/// A name that a room may have. Holding one proves that the rules were checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RoomName(String);

impl RoomName {
    /// Reads a name that somebody asks for: one line of what can be seen, with a letter or digit in it.
    pub fn parse(text: &str) -> Result<Self, crate::Error> {
        let too_long = || {
            let message = format!("a room's name has at most {ROOM_NAME_LENGTH_MAX} characters");
            crate::Error::most("/name", "too_long", message, ROOM_NAME_LENGTH_MAX)
        };
        // What cleaning removes is not worth more work than this.
        if text.chars().nth(ROOM_NAME_LENGTH_MAX * 4).is_some() {
            return Err(too_long());
        }
        let display = filter::one_line(text);
        if display.chars().count() > ROOM_NAME_LENGTH_MAX {
            return Err(too_long());
        }
        if !display.chars().any(char::is_alphanumeric) {
            return Err(crate::Error::field("/name", "invalid", "the name needs a letter or a digit"));
        }
        Ok(Self(display))
    }

    /// As it is shown.
    pub fn display(&self) -> &str {
        &self.0
    }

    /// The form of a name to look it up, order and search by: folded.
    pub fn key(text: &str) -> String {
        fold(&filter::one_line(text))
    }

    /// What a name looks like.
    pub fn look(text: &str) -> String {
        look(&filter::one_line(text))
    }
}
