//! SQL for searching users.
//!
//! Each order has a statement that walks an index in that order from the cursor on, and passes by whom the filters do not
//! want. Filters that single users out (id, name, address, alternates) are looked up in their own index first; then the same
//! statement runs among those few.

use moothall_protocol::accounts::UserOrder;
use moothall_protocol::{Timestamp, UserId};
use moothall_store::{Row, ToParam, params, statements};

use super::super::store::{Account, columns};
use super::{Filter, Place};
use crate::cx::Tx;
use crate::error::Error;

macro_rules! filters {
    () => {
        " AND (u.name_key LIKE $3 ESCAPE '!' OR $3 IS NULL) \
         AND (u.created_at >= $4 OR $4 IS NULL) AND (u.created_at < $5 OR $5 IS NULL) \
         AND (u.last_login_at >= $6 OR $6 IS NULL) AND (u.last_login_at < $7 OR $7 IS NULL) \
         AND (u.last_played_at >= $8 OR $8 IS NULL) AND (u.last_played_at < $9 OR $9 IS NULL) \
         AND (u.is_guest = $10 OR $10 IS NULL) AND (u.is_bot = $11 OR $11 IS NULL) \
         AND ((u.alternate_of IS NOT NULL) = $12 OR $12 IS NULL) \
         AND (u.erased_at IS NOT NULL) = $13 \
         AND (u.behaviour_score >= $14 OR $14 IS NULL) AND (u.behaviour_score <= $15 OR $15 IS NULL) \
         AND (u.trust_score >= $16 OR $16 IS NULL) AND (u.trust_score <= $17 OR $17 IS NULL) \
         AND (u.social_score >= $18 OR $18 IS NULL) AND (u.social_score <= $19 OR $19 IS NULL) \
         AND (EXISTS (SELECT 1 FROM grants g WHERE g.user_id = u.id AND g.role = $20 \
                      AND (g.ends_at IS NULL OR g.ends_at > $24)) OR $20 IS NULL) \
         AND (NOT EXISTS (SELECT 1 FROM grants g WHERE g.user_id = u.id AND g.role = $21 \
                          AND (g.ends_at IS NULL OR g.ends_at > $24)) OR $21 IS NULL) \
         AND (EXISTS (SELECT 1 FROM grants g JOIN role_permissions p ON p.role = g.role WHERE g.user_id = u.id \
                      AND p.permission IN ($22, '*') AND (g.ends_at IS NULL OR g.ends_at > $24)) OR $22 IS NULL) \
         AND (NOT EXISTS (SELECT 1 FROM grants g JOIN role_permissions p ON p.role = g.role WHERE g.user_id = u.id \
                          AND p.permission IN ($23, '*') AND (g.ends_at IS NULL OR g.ends_at > $24)) OR $23 IS NULL)"
    };
}

macro_rules! page {
    ($among:expr, $name:literal, $column:literal, $than:literal, $direction:literal) => {
        concat!(
            concat!("SELECT ", columns!(), " FROM users u WHERE ", $among),
            concat!($name, " >= $1 AND ", $name, " < $2", filters!()),
            concat!(" AND (u.", $column, ", u.id) ", $than, " ($25, $26)"),
            concat!(" ORDER BY u.", $column, " ", $direction, ", u.id ", $direction, " LIMIT $27"),
        )
    };
    (name up) => {
        page!("", "u.name_key", "name_key", ">", "ASC")
    };
    (name down) => {
        page!("", "u.name_key", "name_key", "<", "DESC")
    };
    // An expression instead of the name itself: else the engine takes the index of names, and sorts what it finds. The indexes
    // of times that not every user has are only of those who do, so the statement must say so.
    ($column:literal up) => {
        page!(concat!("u.", $column, " IS NOT NULL AND "), "u.name_key || ''", $column, ">", "ASC")
    };
    ($column:literal down) => {
        page!(concat!("u.", $column, " IS NOT NULL AND "), "u.name_key || ''", $column, "<", "DESC")
    };
    (among $column:literal up) => {
        page!("u.id {in $28} AND ", "u.name_key", $column, ">", "ASC")
    };
    (among $column:literal down) => {
        page!("u.id {in $28} AND ", "u.name_key", $column, "<", "DESC")
    };
}

statements! {
    BY_NAME = page!(name up);
    BY_NAME_DESCENDING = page!(name down);
    BY_CREATION = page!("created_at" up);
    BY_CREATION_DESCENDING = page!("created_at" down);
    BY_LOGIN = page!("last_login_at" up);
    BY_LOGIN_DESCENDING = page!("last_login_at" down);
    BY_PLAYED = page!("last_played_at" up);
    BY_PLAYED_DESCENDING = page!("last_played_at" down);
    BY_LOGOUT = page!("last_logout_at" up);
    BY_LOGOUT_DESCENDING = page!("last_logout_at" down);
    AMONG_BY_NAME = page!(among "name_key" up);
    AMONG_BY_NAME_DESCENDING = page!(among "name_key" down);
    AMONG_BY_CREATION = page!(among "created_at" up);
    AMONG_BY_CREATION_DESCENDING = page!(among "created_at" down);
    AMONG_BY_LOGIN = page!(among "last_login_at" up);
    AMONG_BY_LOGIN_DESCENDING = page!(among "last_login_at" down);
    AMONG_BY_PLAYED = page!(among "last_played_at" up);
    AMONG_BY_PLAYED_DESCENDING = page!(among "last_played_at" down);
    AMONG_BY_LOGOUT = page!(among "last_logout_at" up);
    AMONG_BY_LOGOUT_DESCENDING = page!(among "last_logout_at" down);
    IDS_BY_NAME = "SELECT id FROM users WHERE name_key = $1 AND erased_at IS NULL LIMIT 2";
    IDS_BY_EMAIL = "SELECT id FROM users WHERE email_key = $1";
    // Not bounded: staff links alternates by hand, so there are few, and none may be left out.
    IDS_BY_ALTERNATE = "SELECT id FROM users WHERE alternate_of = $1";
}

fn statement(order: UserOrder, is_among: bool) -> &'static str {
    let (all, among) = match order {
        UserOrder::Name => (BY_NAME, AMONG_BY_NAME),
        UserOrder::NameDescending => (BY_NAME_DESCENDING, AMONG_BY_NAME_DESCENDING),
        UserOrder::Newest => (BY_CREATION_DESCENDING, AMONG_BY_CREATION_DESCENDING),
        UserOrder::Oldest => (BY_CREATION, AMONG_BY_CREATION),
        UserOrder::LastLogin => (BY_LOGIN_DESCENDING, AMONG_BY_LOGIN_DESCENDING),
        UserOrder::LastLoginAscending => (BY_LOGIN, AMONG_BY_LOGIN),
        UserOrder::LastPlayed => (BY_PLAYED_DESCENDING, AMONG_BY_PLAYED_DESCENDING),
        UserOrder::LastPlayedAscending => (BY_PLAYED, AMONG_BY_PLAYED),
        UserOrder::LastLogout => (BY_LOGOUT_DESCENDING, AMONG_BY_LOGOUT_DESCENDING),
        UserOrder::LastLogoutAscending => (BY_LOGOUT, AMONG_BY_LOGOUT),
    };
    if is_among { among } else { all }
}

/// The users the filter wants, from a place on; among these only, if they are given.
pub(super) fn page(
    tx: &mut Tx<'_, '_>,
    filter: &Filter,
    among: Option<&[UserId]>,
    after: &Place,
    limit: usize,
) -> Result<Vec<Account>, Error> {
    let rows = query(tx, statement(filter.order, among.is_some()), filter, among, after, limit)?;
    Ok(rows.iter().map(Account::read).collect::<Result<_, _>>()?)
}

fn query(
    tx: &mut Tx<'_, '_>,
    statement: &'static str,
    filter: &Filter,
    among: Option<&[UserId]>,
    after: &Place,
    limit: usize,
) -> Result<Vec<Row>, Error> {
    let now = tx.now();
    let wanted = &filter.wanted;
    let is_erased = wanted.is_erased.unwrap_or(false);
    let after_key: &dyn ToParam = if filter.is_by_name() { &after.name } else { &after.at };
    let mut params: Vec<&dyn ToParam> = params![
        filter.names_from,
        filter.names_before,
        filter.like,
        wanted.created_after,
        wanted.created_before,
        wanted.last_login_after,
        wanted.last_login_before,
        wanted.last_played_after,
        wanted.last_played_before,
        wanted.is_guest,
        wanted.is_bot,
        wanted.is_alternate,
        is_erased,
        wanted.behaviour_score_min,
        wanted.behaviour_score_max,
        wanted.trust_score_min,
        wanted.trust_score_max,
        wanted.social_score_min,
        wanted.social_score_max,
        wanted.has_role,
        wanted.lacks_role,
        wanted.has_permission,
        wanted.lacks_permission,
        now
    ]
    .to_vec();
    params.extend([after_key, &after.id as &dyn ToParam, &limit as &dyn ToParam]);
    if let Some(ids) = &among {
        params.push(ids);
    }
    Ok(tx.query(statement, &params)?)
}

/// How SQLite goes about a search.
#[cfg(test)]
pub(in crate::accounts::users) fn plan(
    tx: &mut Tx<'_, '_>,
    filter: &Filter,
    after: &Place,
) -> Result<String, Error> {
    let explained = format!("EXPLAIN QUERY PLAN {}", statement(filter.order, false));
    let rows = query(tx, Box::leak(explained.into_boxed_str()), filter, None, after, 1)?;
    let steps: Vec<String> = rows.iter().map(|row| row.get(3)).collect::<Result<_, _>>()?;
    Ok(steps.join("; "))
}

/// Users by something that singles them out.
pub(super) enum Key<'a> {
    Name(&'a str),
    Email(&'a str),
    AlternateOf(UserId),
}

pub(super) fn ids(tx: &mut Tx<'_, '_>, key: &Key<'_>) -> Result<Vec<UserId>, Error> {
    let rows = match key {
        Key::Name(name) => tx.query(IDS_BY_NAME, params![*name])?,
        Key::Email(email) => tx.query(IDS_BY_EMAIL, params![*email])?,
        Key::AlternateOf(user) => tx.query(IDS_BY_ALTERNATE, params![*user])?,
    };
    Ok(rows.iter().map(|row| row.get(0)).collect::<Result<_, _>>()?)
}

/// The greatest and the least of times, as sentinels of places.
pub(super) const FIRST: Timestamp = Timestamp::MIN;
pub(super) const LAST: Timestamp = Timestamp::MAX;
