//! SQL for letters. A letter is waiting while `next_attempt_at` is set; after that its text is gone.

use moothall_protocol::{Timestamp, UserId};
use moothall_store::{params, statements};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::{Email, Letter};
use crate::cx::Tx;
use crate::error::Error;
use crate::export::{Part, place};
use crate::sweep;

statements! {
    INSERT = "INSERT INTO letters (id, user_id, kind, recipient, subject, body, created_at, attempts, next_attempt_at,
              recipient_key) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $7, $8)";
    DUE = "SELECT id, attempts, recipient, subject, body FROM letters
           WHERE next_attempt_at <= $1 ORDER BY next_attempt_at, id LIMIT $2";
    NEXT = "SELECT MIN(next_attempt_at) FROM letters WHERE next_attempt_at IS NOT NULL";
    ATTEMPT = "UPDATE letters SET attempts = attempts + 1, next_attempt_at = $2 WHERE id = $1";
    FINISH = "UPDATE letters SET next_attempt_at = NULL, body = '', finished_at = $2, failure = $3 WHERE id = $1";
    SENT_SINCE = "SELECT COUNT(*) FROM letters WHERE user_id = $1 AND kind = $2 AND created_at > $3";
    SENT_TO_SINCE = "SELECT COUNT(*) FROM letters WHERE recipient_key = $1 AND kind = $2 AND created_at > $3";
    EXPORT = "SELECT id, kind, recipient, subject, created_at, finished_at FROM letters WHERE user_id = $1 AND id > $2
        ORDER BY id LIMIT $3";
    FORGET = "DELETE FROM letters WHERE user_id = $1";
    SWEEP = "DELETE FROM letters WHERE id IN
        (SELECT id FROM letters WHERE finished_at <= $1 LIMIT $2)";
}

/// A letter that is due.
#[derive(Debug)]
pub(super) struct Waiting {
    pub id: Uuid,
    pub attempts: i64,
    pub email: Email,
}

pub(super) fn insert(tx: &mut Tx<'_, '_>, letter: &Letter) -> Result<(), Error> {
    let (now, email) = (tx.now(), &letter.email);
    let id = tx.cx().new_id::<()>().uuid();
    let key = email.to.to_lowercase();
    tx.execute(
        INSERT,
        params![id, letter.user_id, letter.kind, email.to, email.subject, email.text, now, key],
    )?;
    Ok(())
}

pub(super) fn due(tx: &mut Tx<'_, '_>, limit: usize) -> Result<Vec<Waiting>, Error> {
    let now = tx.now();
    let rows = tx.query(DUE, params![now, limit])?;
    rows.iter()
        .map(|row| {
            let email = Email { to: row.get(2)?, subject: row.get(3)?, text: row.get(4)? };
            Ok(Waiting { id: row.get(0)?, attempts: row.get(1)?, email })
        })
        .collect()
}

pub(super) fn next(tx: &mut Tx<'_, '_>) -> Result<Option<Timestamp>, Error> {
    Ok(tx.query_one(NEXT, params![])?.get(0)?)
}

pub(super) fn attempt(tx: &mut Tx<'_, '_>, id: Uuid, next: Timestamp) -> Result<(), Error> {
    tx.execute(ATTEMPT, params![id, next])?;
    Ok(())
}

/// The letter was sent, or given up for this reason.
pub(super) fn finish(tx: &mut Tx<'_, '_>, id: Uuid, failure: Option<&str>) -> Result<(), Error> {
    let now = tx.now();
    tx.execute(FINISH, params![id, now, failure])?;
    Ok(())
}

/// How many letters of a kind were written to a user since then.
pub(crate) fn sent_since(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    kind: &str,
    since: Timestamp,
) -> Result<i64, Error> {
    Ok(tx.query_one(SENT_SINCE, params![user, kind, since])?.get(0)?)
}

/// How many letters of a kind were written to an address since then, whomever they concern.
pub(crate) fn sent_to_since(
    tx: &mut Tx<'_, '_>,
    to: &str,
    kind: &str,
    since: Timestamp,
) -> Result<i64, Error> {
    Ok(tx.query_one(SENT_TO_SINCE, params![to.to_lowercase(), kind, since])?.get(0)?)
}

/// Letters to a user, without what they say: there are links in it.
pub(crate) fn export(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    from: Option<Value>,
    limit: usize,
) -> Result<Part, Error> {
    let after = place(from, Uuid::nil())?;
    let rows = tx.query(EXPORT, params![user, after, limit + 1])?;
    let mut letters = Vec::with_capacity(rows.len());
    for row in &rows {
        letters.push(Sent {
            id: row.get(0)?,
            kind: row.get(1)?,
            recipient: row.get(2)?,
            subject: row.get(3)?,
            created_at: row.get(4)?,
            finished_at: row.get(5)?,
        });
    }
    Part::cut(letters, limit, |letter| letter.id)
}

/// A letter as its receiver has it told.
#[derive(Serialize)]
struct Sent {
    id: Uuid,
    kind: String,
    recipient: String,
    subject: String,
    created_at: Timestamp,
    finished_at: Option<Timestamp>,
}

/// Forgets all letters to a user.
pub(crate) fn forget(tx: &mut Tx<'_, '_>, user: UserId) -> Result<(), Error> {
    tx.execute(FORGET, params![user])?;
    Ok(())
}

pub(super) fn sweep(tx: &mut Tx<'_, '_>, before: Timestamp) -> Result<u64, Error> {
    Ok(tx.execute(SWEEP, params![before, sweep::ROWS])?)
}

/// Texts and failures of the letters to a user.
#[cfg(test)]
pub(super) fn texts(tx: &mut Tx<'_, '_>, user: UserId) -> Result<Vec<(String, Option<String>)>, Error> {
    let rows = tx.query("SELECT body, failure FROM letters WHERE user_id = $1", params![user])?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}
