//! SQL for users: single ones and their names. Searching is in `search/store.rs`.

use std::collections::{BTreeSet, HashMap};

use moothall_protocol::accounts::{FormerName, User, UserRecord, UserSummary};
use moothall_protocol::{Timestamp, UserId};
use moothall_store::{OnConstraint as _, Row, params, statements};
use uuid::Uuid;

use super::super::Error;
use super::super::credentials::Email;
use super::super::names::Name;
use super::Likeness;
use super::summaries::Known;
use crate::cx::Tx;

/// The columns of an [`Account`], in its order.
macro_rules! columns {
    () => {
        "u.id, u.name, u.is_guest, u.is_bot, u.owner_id, u.created_at, u.version, u.email, u.email_verified_at, \
         u.approved_at, u.password IS NOT NULL, u.behaviour_score, u.trust_score, u.social_score, \
         u.alternate_of, u.updated_at, u.renamed_at, u.last_login_at, u.last_logout_at, \
         u.last_played_at, u.delete_after, u.erased_at, u.name_key, u.is_name_made_up"
    };
}

pub(super) use columns;

statements! {
    LIKENESSES = "SELECT id, name, email, created_at FROM users WHERE id {in $1} AND erased_at IS NULL";
    PERSON = "SELECT COALESCE(owner_id, id) FROM users WHERE id = $1";
    WITH_BOTS = "SELECT id FROM users WHERE id = $1 OR owner_id = $1";
    SUMMARIES = "SELECT id, name, is_guest, is_bot, erased_at IS NOT NULL FROM users WHERE id {in $1}";
    SILENT = "SELECT u.id FROM users u WHERE u.id {in $1} AND u.erased_at IS NULL AND NOT u.is_bot AND u.created_at <= $2
                AND (u.last_login_at IS NULL OR u.last_login_at <= $2) AND (u.last_logout_at IS NULL OR u.last_logout_at <= $2)
                AND (u.last_played_at IS NULL OR u.last_played_at <= $2)
                AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.user_id = u.id AND s.last_seen_at > $2)";
    FIND = concat!("SELECT ", columns!(), " FROM users u WHERE u.id = $1");
    EMAIL_KEY = "SELECT email_key FROM users WHERE id = $1";
    ROLES = "SELECT user_id, role FROM grants WHERE user_id {in $1} AND (ends_at IS NULL OR ends_at > $2)
             ORDER BY user_id, role";
    HELD = "SELECT g.role, g.ends_at, p.permission FROM grants g LEFT JOIN role_permissions p ON p.role = g.role
            WHERE g.user_id = $1 AND (g.ends_at IS NULL OR g.ends_at > $2)";
    RENAME = "UPDATE users SET name = $2, name_key = $3, renamed_at = $4, is_name_made_up = $5 WHERE id = $1";
    UPDATE = "UPDATE users SET email = $2, email_key = $3, typed_email_key = $10, email_verified_at = $4, approved_at = $5,
              behaviour_score = $6, trust_score = $7, social_score = $8, alternate_of = $9
              WHERE id = $1";
    TOUCH = "UPDATE users SET version = version + 1, updated_at = $2 WHERE id = $1";
    STAMP_PLAYED = "UPDATE users SET last_played_at = $2 WHERE id {in $1}";
    INSERT_NAME = "INSERT INTO former_names (id, user_id, name, until, changed_by) VALUES ($1, $2, $3, $4, $5)";
    NAMES = "SELECT id, name, until, changed_by FROM former_names WHERE user_id = $1 AND (until, id) < ($2, $3)
             ORDER BY until DESC, id DESC LIMIT $4";
    /// Nothing reads `is_shadow_banned` any more: there are restrictions.
    INSERT_SYSTEM = "INSERT INTO users (id, name, name_key, is_guest, is_bot, behaviour_score, trust_score,
                     social_score, is_shadow_banned, version, created_at, updated_at)
                     VALUES ($1, $2, $3, FALSE, TRUE, 0, 0, 0, FALSE, 1, $4, $4) ON CONFLICT (id) DO NOTHING";
}

/// A user, as the row has it.
#[derive(Clone, Debug)]
pub(in crate::accounts) struct Account {
    pub user: User,
    pub record: UserRecord,
    pub name_key: String,
    pub is_name_made_up: bool,
}

impl Account {
    pub(super) fn read(row: &Row) -> Result<Self, moothall_store::Error> {
        let erased_at: Option<Timestamp> = row.get(21)?;
        let user = User {
            id: row.get(0)?,
            name: row.get(1)?,
            is_guest: row.get(2)?,
            is_bot: row.get(3)?,
            owner_id: row.get(4)?,
            is_erased: erased_at.is_some(),
            created_at: row.get(5)?,
            version: row.get(6)?,
            record: None,
        };
        let record = UserRecord {
            email: row.get(7)?,
            email_verified_at: row.get(8)?,
            approved_at: row.get(9)?,
            has_password: row.get(10)?,
            roles: Vec::new(),
            behaviour_score: row.get(11)?,
            trust_score: row.get(12)?,
            social_score: row.get(13)?,
            alternate_of: row.get(14)?,
            updated_at: row.get(15)?,
            renamed_at: row.get(16)?,
            last_login_at: row.get(17)?,
            last_logout_at: row.get(18)?,
            last_played_at: row.get(19)?,
            delete_after: row.get(20)?,
            erased_at,
        };
        Ok(Self { user, record, name_key: row.get(22)?, is_name_made_up: row.get(23)? })
    }
}

pub(super) fn summaries(tx: &mut Tx<'_, '_>, ids: &[UserId]) -> Result<Vec<Known>, crate::Error> {
    let rows = tx.query(SUMMARIES, params![ids])?;
    rows.iter()
        .map(|row| {
            let summary = UserSummary {
                id: row.get(0)?,
                name: row.get(1)?,
                is_guest: row.get(2)?,
                is_bot: row.get(3)?,
            };
            Ok(Known { summary, is_erased: row.get(4)? })
        })
        .collect()
}

/// The user, erased or not.
pub(in crate::accounts) fn find(tx: &mut Tx<'_, '_>, id: UserId) -> Result<Option<Account>, Error> {
    let row = tx.query_opt(FIND, params![id])?;
    Ok(row.as_ref().map(Account::read).transpose()?)
}

/// The roles of these users now.
pub(super) fn roles(
    tx: &mut Tx<'_, '_>,
    ids: &[UserId],
) -> Result<HashMap<UserId, Vec<String>>, crate::Error> {
    let now = tx.now();
    let mut roles: HashMap<UserId, Vec<String>> = HashMap::new();
    for row in tx.query(ROLES, params![ids, now])? {
        roles.entry(row.get(0)?).or_default().push(row.get(1)?);
    }
    Ok(roles)
}

/// What roles a user has, what they allow, and until when that holds.
pub(super) struct Held {
    pub roles: BTreeSet<String>,
    pub permissions: BTreeSet<String>,
    pub until: Timestamp,
}

pub(super) fn held(tx: &mut Tx<'_, '_>, user: UserId) -> Result<Held, Error> {
    let now = tx.now();
    let mut held = Held { roles: BTreeSet::new(), permissions: BTreeSet::new(), until: Timestamp::MAX };
    for row in tx.query(HELD, params![user, now])? {
        held.roles.insert(row.get(0)?);
        held.until = row.get::<Option<Timestamp>>(1)?.map_or(held.until, |ends_at| held.until.min(ends_at));
        held.permissions.extend(row.get::<Option<String>>(2)?);
    }
    Ok(held)
}

pub(super) fn rename(
    tx: &mut Tx<'_, '_>,
    id: UserId,
    name: &Name,
    renamed_at: Option<Timestamp>,
) -> Result<(), Error> {
    tx.execute(RENAME, params![id, name.display, name.key, renamed_at, false])?;
    Ok(())
}

/// Writes what staff may set. `email_key` goes with the address in the record, if that is held.
pub(super) fn update(
    tx: &mut Tx<'_, '_>,
    id: UserId,
    record: &UserRecord,
    email_key: Option<&str>,
) -> Result<(), Error> {
    let typed_key = record.email.as_deref().filter(|_| email_key.is_none()).map(Email::key_of);
    tx.execute(
        UPDATE,
        params![
            id,
            record.email,
            email_key,
            record.email_verified_at,
            record.approved_at,
            record.behaviour_score,
            record.trust_score,
            record.social_score,
            record.alternate_of,
            typed_key
        ],
    )
    .on_constraint("users_email_key", Error::EmailTaken)?;
    Ok(())
}

/// The address a user holds, folded. None while it is not verified on a site that asks for that.
pub(super) fn email_key(tx: &mut Tx<'_, '_>, id: UserId) -> Result<Option<String>, Error> {
    Ok(tx.query_one(EMAIL_KEY, params![id])?.get(0)?)
}

/// Counts a change of the account.
pub(super) fn touch(tx: &mut Tx<'_, '_>, id: UserId) -> Result<(), Error> {
    let now = tx.now();
    tx.execute(TOUCH, params![id, now])?;
    Ok(())
}

pub(super) fn stamp_played(tx: &mut Tx<'_, '_>, ids: &[UserId], at: Timestamp) -> Result<(), crate::Error> {
    tx.execute(STAMP_PLAYED, params![ids, at])?;
    Ok(())
}

pub(super) fn insert_name(tx: &mut Tx<'_, '_>, user: UserId, name: &str) -> Result<(), Error> {
    let (now, changed_by) = (tx.now(), tx.cx().user());
    let id = tx.cx().new_id::<()>().uuid();
    tx.execute(INSERT_NAME, params![id, user, name, now, changed_by])?;
    Ok(())
}

pub(in crate::accounts) fn names(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    before: (Timestamp, Uuid),
    limit: usize,
) -> Result<Vec<(Uuid, FormerName)>, Error> {
    let rows = tx.query(NAMES, params![user, before.0, before.1, limit])?;
    rows.iter()
        .map(|row| {
            let name = FormerName { name: row.get(1)?, until: row.get(2)?, changed_by: row.get(3)? };
            Ok((row.get(0)?, name))
        })
        .collect()
}

pub(super) fn insert_system(tx: &mut Tx<'_, '_>, id: UserId, name: &str) -> Result<(), crate::Error> {
    let (now, key) = (tx.now(), Name::key_of(name));
    tx.execute(INSERT_SYSTEM, params![id, name, key, now])?;
    Ok(())
}

/// Who answers for a user: the owner of a bot, and everybody else for themselves.
pub(super) fn person(tx: &mut Tx<'_, '_>, user: UserId) -> Result<UserId, crate::Error> {
    Ok(tx.query_opt(PERSON, params![user])?.map_or(Ok(user), |row| row.get(0))?)
}

/// A person and their bots.
pub(super) fn with_bots(tx: &mut Tx<'_, '_>, person: UserId) -> Result<Vec<UserId>, crate::Error> {
    tx.query(WITH_BOTS, params![person])?.iter().map(|row| Ok(row.get(0)?)).collect()
}

/// By what these users are compared.
pub(super) fn likenesses(tx: &mut Tx<'_, '_>, users: &[UserId]) -> Result<Vec<Likeness>, crate::Error> {
    let rows = tx.query(LIKENESSES, params![users])?;
    let likeness = |row: &Row| {
        Ok(Likeness { user: row.get(0)?, name: row.get(1)?, email: row.get(2)?, created_at: row.get(3)? })
    };
    rows.iter().map(likeness).collect()
}

/// Who of these has given no sign of life since then. Bots give none, and are there all the same.
pub(in crate::accounts) fn silent(
    tx: &mut Tx<'_, '_>,
    users: &[UserId],
    since: Timestamp,
) -> Result<Vec<UserId>, Error> {
    tx.query(SILENT, params![users, since])?.iter().map(|row| Ok(row.get(0)?)).collect()
}
