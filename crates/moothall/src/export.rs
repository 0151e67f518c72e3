//! What is kept of a user, for themselves: every context says what it has, in sections that are read page by page.
//!
//! All sections stand in `hall::exports`, beside what goes when an account is erased. A test sees to it that every table is exported, or
//! stands with a reason among those that are not (`hall::UNEXPORTED`). Items are what the user is shown elsewhere, where there is such a
//! thing: nothing of an export says more of others, of staff and of secrets than the user may know.

use moothall_protocol::UserId;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cx::Tx;
use crate::error::Error;
use crate::json;

/// One kind of what is kept.
pub(crate) struct Section {
    pub name: &'static str,
    /// What it is, for people.
    pub about: &'static str,
    /// Where it is kept.
    #[cfg_attr(not(test), expect(dead_code, reason = "by this a test sees that nothing is left out"))]
    pub tables: &'static [&'static str],
    /// Reads on from a place: `None` is the beginning.
    pub page: fn(&mut Tx<'_, '_>, UserId, Option<Value>, usize) -> Result<Part, Error>,
}

/// A part of a section, and where the next begins. One may be empty though more follow.
#[derive(Debug, Default)]
pub(crate) struct Part {
    pub items: Vec<Value>,
    pub next: Option<Value>,
}

impl Part {
    /// Makes a part out of `limit + 1` rows: the one too many only says that there is more.
    pub fn cut<T: Serialize, K: Serialize>(
        rows: Vec<T>,
        limit: usize,
        key: impl Fn(&T) -> K,
    ) -> Result<Self, Error> {
        Self::cut_shown(rows, limit, key, |row| row)
    }

    /// The same, of rows that are shown otherwise than they are read.
    pub fn cut_shown<T, K: Serialize, S: Serialize>(
        mut rows: Vec<T>,
        limit: usize,
        key: impl Fn(&T) -> K,
        shown: impl Fn(T) -> S,
    ) -> Result<Self, Error> {
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next = match rows.last() {
            Some(last) if has_more => Some(json::value(&key(last))?),
            _ => None,
        };
        Ok(Self { next, ..Self::whole(rows.into_iter().map(shown))? })
    }

    /// All there is.
    pub fn whole<T: Serialize>(items: impl IntoIterator<Item = T>) -> Result<Self, Error> {
        let items = items.into_iter().map(|item| json::value(&item)).collect::<Result<_, _>>()?;
        Ok(Self { items, next: None })
    }
}

/// The place where a part begins.
pub(crate) fn place<K: DeserializeOwned>(place: Option<Value>, first: K) -> Result<K, Error> {
    match place {
        None | Some(Value::Null) => Ok(first),
        Some(key) => serde_json::from_value(key).map_err(|_| Error::wrong_cursor()),
    }
}
