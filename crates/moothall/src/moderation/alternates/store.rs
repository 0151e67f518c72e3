//! SQL for what was found of two accounts.

use moothall_protocol::moderation::AlternateVerdict;
use moothall_protocol::{Timestamp, UserId};
use moothall_store::{params, statements};

use crate::cx::Tx;
use crate::json::{choice, word};

statements! {
    LINKS = "SELECT CASE WHEN low_id = $1 THEN high_id ELSE low_id END, verdict, linked_by, linked_at FROM alternate_links
        WHERE low_id = $1 OR high_id = $1 ORDER BY linked_at DESC LIMIT 200";
    FIND = "SELECT verdict FROM alternate_links WHERE low_id = $1 AND high_id = $2";
    PUT = "INSERT INTO alternate_links (low_id, high_id, verdict, linked_by, linked_at) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (low_id, high_id) DO UPDATE SET verdict = excluded.verdict, linked_by = excluded.linked_by,
            linked_at = excluded.linked_at";
    REMOVE = "DELETE FROM alternate_links WHERE low_id = $1 AND high_id = $2 RETURNING verdict";
}

/// What was found of a user and another.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub other: UserId,
    pub verdict: AlternateVerdict,
    pub by: Option<UserId>,
    pub at: Timestamp,
}

pub(super) fn links(tx: &mut Tx<'_, '_>, user: UserId) -> Result<Vec<Link>, crate::Error> {
    let rows = tx.query(LINKS, params![user])?;
    let links = rows.iter().map(|row| {
        let (other, verdict) = (row.get(0)?, choice(row.get(1)?)?);
        Ok(Link { other, verdict, by: row.get(2)?, at: row.get(3)? })
    });
    links.collect()
}

/// Accounts that were found to be of the same person.
pub(in crate::moderation) fn of(tx: &mut Tx<'_, '_>, user: UserId) -> Result<Vec<UserId>, crate::Error> {
    let links = links(tx, user)?;
    let same = links.into_iter().filter(|link| link.verdict == AlternateVerdict::SamePerson);
    Ok(same.map(|link| link.other).collect())
}

/// What was found of two accounts.
pub(in crate::moderation) fn verdict(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    other: UserId,
) -> Result<Option<AlternateVerdict>, crate::Error> {
    let found = tx.query_opt(FIND, params![user.min(other), user.max(other)])?;
    found.map(|row| choice(row.get(0)?)).transpose()
}

/// Writes down what was found, and says what was before.
pub(super) fn put(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    other: UserId,
    verdict: AlternateVerdict,
) -> Result<Option<AlternateVerdict>, crate::Error> {
    let (low, high, now, by) = (user.min(other), user.max(other), tx.now(), tx.cx().user());
    let before = self::verdict(tx, low, high)?;
    tx.execute(PUT, params![low, high, word(&verdict)?, by, now])?;
    Ok(before)
}

/// Forgets what was found, and says what that was.
pub(super) fn remove(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    other: UserId,
) -> Result<Option<AlternateVerdict>, crate::Error> {
    let removed = tx.query_opt(REMOVE, params![user.min(other), user.max(other)])?;
    removed.map(|row| choice(row.get(0)?)).transpose()
}
