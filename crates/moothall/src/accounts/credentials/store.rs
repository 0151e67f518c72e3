//! SQL for what users sign in with.

use moothall_protocol::UserId;
use moothall_protocol::accounts::UserSummary;
use moothall_store::{OnConstraint as _, Row, params, statements};

use super::{Account, Email, NewUser, Standing, Upgrade, login_key};
use crate::accounts::Error;
use crate::accounts::SYSTEM;
use crate::accounts::secret::Hash;
use crate::cx::Tx;

macro_rules! find {
    ($filter:literal) => {
        concat!(
            "SELECT id, name, is_guest, is_bot, email, password, delete_after, email_verified_at, approved_at, erased_at
             FROM users WHERE erased_at IS NULL AND ",
            $filter
        )
    };
}

statements! {
    /// Never the server's own user: nobody acts as that.
    FIND = find!("id = $1 AND id <> $2");
    FIND_BY_EMAIL = find!("email_key = $1");
    /// The newest: whoever signed up just now is the one who tries to come in.
    FIND_BY_TYPED_EMAIL = find!("typed_email_key = $1 ORDER BY created_at DESC LIMIT 1");
    /// That no two have one name is kept by their claims on it.
    FIND_BY_NAME = find!("name_key = $1 LIMIT 1");
    FIND_BY_GUEST_SECRET = find!("guest_secret = $1");
    INSERT = "INSERT INTO users (id, name, name_key, email, email_key, typed_email_key, email_verified_at, approved_at, password,
                password_changed_at, guest_secret, is_guest, is_bot, owner_id, behaviour_score, trust_score,
                social_score, is_shadow_banned, version, created_at, updated_at, is_name_made_up)
              VALUES ($1, $2, $3, $4, $5, $17, $6, $6, $7, $8, $9, $10, $11, $12, $13, $13, $13, $14, 1, $15, $15, $16)";
    /// Whoever has a password is no guest, and what let a guest in does not any more.
    SET_PASSWORD = "UPDATE users SET password = $2, password_changed_at = $3, guest_secret = NULL, is_guest = FALSE
                    WHERE id = $1 AND erased_at IS NULL";
    /// The same password under other parameters: nothing a client could notice.
    SET_HASH = "UPDATE users SET password = $2 WHERE id = $1 AND password = $3";
    UPGRADE = "UPDATE users SET email = $2, email_key = $3, typed_email_key = $8, password = $4, is_guest = $5,
                 guest_secret = NULL, password_changed_at = $6
               WHERE id = $1 AND is_guest = $7 AND erased_at IS NULL";
    APPROVE = "UPDATE users SET approved_at = $2 WHERE id = $1 AND erased_at IS NULL AND approved_at IS NULL";
    CONFIRM_EMAIL = "UPDATE users SET email = $2, email_key = $3, typed_email_key = NULL, email_verified_at = $4
                     WHERE id = $1 AND erased_at IS NULL";
}

pub(super) fn insert(tx: &mut Tx<'_, '_>, new: &NewUser) -> Result<(), Error> {
    let now = tx.now();
    let email = new.email.as_ref();
    let (key, typed_key) = held_or_typed(email, new.holds_email);
    let score = tx.cx().hall().settings().accounts.score_initial;
    tx.execute(
        INSERT,
        params![
            new.id,
            new.name.display,
            new.name.key,
            email.map(|email| &email.display),
            key,
            new.is_approved.then_some(now),
            new.password,
            new.password.is_some().then_some(now),
            new.guest_secret,
            new.guest_secret.is_some(),
            new.is_bot,
            new.owner,
            score,
            false,
            now,
            new.is_name_made_up,
            typed_key,
        ],
    )
    .on_constraint("users_email_key", Error::EmailTaken)?;
    Ok(())
}

pub(in crate::accounts) fn find_by_id(tx: &mut Tx<'_, '_>, id: UserId) -> Result<Option<Account>, Error> {
    tx.query_opt(FIND, params![id, SYSTEM])?.map(|row| account(&row)).transpose()
}

/// The key of an address as somebody's own, or as one that was only typed.
pub(in crate::accounts) fn held_or_typed(
    email: Option<&Email>,
    is_held: bool,
) -> (Option<&str>, Option<&str>) {
    let key = email.map(|email| email.key.as_str());
    if is_held { (key, None) } else { (None, key) }
}

/// Who has this name or address. Whoever has not yet shown an address to be theirs is found by it if nobody has.
pub(in crate::accounts) fn find_by_login(tx: &mut Tx<'_, '_>, login: &str) -> Result<Option<Account>, Error> {
    let key = login_key(login);
    let found = if login.contains('@') {
        match tx.query_opt(FIND_BY_EMAIL, params![key])? {
            None => tx.query_opt(FIND_BY_TYPED_EMAIL, params![key])?,
            holder => holder,
        }
    } else {
        tx.query_opt(FIND_BY_NAME, params![key])?
    };
    found.map(|row| account(&row)).transpose()
}

pub(in crate::accounts) fn find_by_guest_secret(
    tx: &mut Tx<'_, '_>,
    secret: &Hash,
) -> Result<Option<Account>, Error> {
    tx.query_opt(FIND_BY_GUEST_SECRET, params![secret])?.map(|row| account(&row)).transpose()
}

fn account(row: &Row) -> Result<Account, Error> {
    let is_bot = row.get(3)?;
    Ok(Account {
        user: UserSummary { id: row.get(0)?, name: row.get(1)?, is_guest: row.get(2)?, is_bot },
        email: row.get(4)?,
        password: row.get(5)?,
        delete_after: row.get(6)?,
        standing: Standing {
            is_bot,
            email_verified_at: row.get(7)?,
            approved_at: row.get(8)?,
            erased_at: row.get(9)?,
        },
    })
}

/// Without a hash, no password is right any more.
pub(in crate::accounts) fn set_password(
    tx: &mut Tx<'_, '_>,
    id: UserId,
    hash: Option<&str>,
) -> Result<(), Error> {
    let now = tx.now();
    tx.execute(SET_PASSWORD, params![id, hash, now])?;
    Ok(())
}

/// Takes a hash with today's parameters in the place of the old one, unless the password changed since.
pub(in crate::accounts) fn set_hash(
    tx: &mut Tx<'_, '_>,
    id: UserId,
    old: Option<&str>,
    hash: &str,
) -> Result<(), Error> {
    tx.execute(SET_HASH, params![id, hash, old])?;
    Ok(())
}

/// Returns whether it still was a guest's.
pub(super) fn upgrade(tx: &mut Tx<'_, '_>, upgrade: &Upgrade) -> Result<bool, Error> {
    let (key, typed_key) = held_or_typed(Some(&upgrade.email), upgrade.holds_email);
    let now = tx.now();
    let changed = tx
        .execute(
            UPGRADE,
            params![upgrade.user, upgrade.email.display, key, upgrade.password, false, now, true, typed_key],
        )
        .on_constraint("users_email_key", Error::EmailTaken)?;
    Ok(changed == 1)
}

/// Returns whether it was not approved before.
pub(in crate::accounts) fn approve(tx: &mut Tx<'_, '_>, id: UserId) -> Result<bool, Error> {
    let now = tx.now();
    Ok(tx.execute(APPROVE, params![id, now])? == 1)
}

pub(super) fn confirm_email(tx: &mut Tx<'_, '_>, id: UserId, email: &Email) -> Result<(), Error> {
    let now = tx.now();
    tx.execute(CONFIRM_EMAIL, params![id, email.display, email.key, now])
        .on_constraint("users_email_key", Error::EmailTaken)?;
    Ok(())
}
