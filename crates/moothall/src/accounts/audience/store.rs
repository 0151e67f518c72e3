//! SQL for looking at users, one or all.

use std::collections::HashMap;

use moothall_protocol::{Timestamp, UserId};
use moothall_store::{Row, params, statements};

use super::Facts;
use crate::cx::Tx;
use crate::error::Error;

/// The columns of [`Facts`], but for the roles.
macro_rules! facts {
    () => {
        "SELECT u.id, u.erased_at IS NULL AND NOT u.is_bot, u.created_at, u.last_login_at, u.last_logout_at,
          (SELECT MAX(s.last_seen_at) FROM sessions s WHERE s.user_id = u.id) FROM users u"
    };
}

statements! {
    AFTER = concat!(facts!(), " WHERE u.id > $1 ORDER BY u.id LIMIT $2");
    OF = concat!(facts!(), " WHERE u.id = $1");
    ROLES = "SELECT user_id, role FROM grants WHERE user_id {in $1} AND (ends_at IS NULL OR ends_at > $2)";
    COUNT = "SELECT COUNT(*) FROM users";
}

/// The next users by id.
pub(super) fn after(tx: &mut Tx<'_, '_>, after: UserId, limit: usize) -> Result<Vec<Facts>, Error> {
    let rows = tx.query(AFTER, params![after, limit])?;
    with_roles(tx, rows.iter().map(facts).collect::<Result<_, _>>()?)
}

pub(super) fn of(tx: &mut Tx<'_, '_>, user: UserId) -> Result<Option<Facts>, Error> {
    let row = tx.query_opt(OF, params![user])?;
    Ok(with_roles(tx, row.iter().map(facts).collect::<Result<_, _>>()?)?.pop())
}

fn with_roles(tx: &mut Tx<'_, '_>, mut users: Vec<Facts>) -> Result<Vec<Facts>, Error> {
    let (now, ids) = (tx.now(), users.iter().map(|facts| facts.user).collect::<Vec<_>>());
    let mut roles: HashMap<UserId, Vec<String>> = HashMap::new();
    for row in tx.query(ROLES, params![ids, now])? {
        roles.entry(row.get(0)?).or_default().push(row.get(1)?);
    }
    for facts in &mut users {
        facts.roles = roles.remove(&facts.user).unwrap_or_default();
    }
    Ok(users)
}

fn facts(row: &Row) -> Result<Facts, Error> {
    let seen = [row.get::<Option<Timestamp>>(3)?, row.get(4)?, row.get(5)?];
    Ok(Facts {
        user: row.get(0)?,
        is_person: row.get(1)?,
        created_at: row.get(2)?,
        seen_at: seen.into_iter().flatten().max(),
        roles: Vec::new(),
    })
}

pub(crate) fn count(tx: &mut Tx<'_, '_>) -> Result<u64, Error> {
    Ok(tx.query_one(COUNT, params![])?.get(0)?)
}
