//! SQL for actions and marks.

use std::collections::BTreeMap;

use moothall_protocol::moderation::Action;
use moothall_protocol::{ActionId, CaseId, Timestamp, UserId};
use moothall_store::{Json, Row, params, statements};
use serde_json::Value;

use crate::cx::Tx;
use crate::json::{choice, value, word};

/// The columns of an action, in the order [`action`] reads them.
macro_rules! columns {
    () => {
        "id, number, user_id, kind, category, reason, public_reason, author_id, case_id, before, after, created_at,
         acknowledged_at, reverted_at, reverted_by, revert_reason"
    };
}

statements! {
    INSERT = concat!("INSERT INTO moderation_actions (", columns!(), ", is_quiet)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, NULL, NULL, NULL, NULL, $13)");
    IS_QUIET = "SELECT is_quiet FROM moderation_actions WHERE id = $1";
    FIND = concat!("SELECT ", columns!(), " FROM moderation_actions WHERE id = $1");
    LIST = concat!("SELECT ", columns!(), " FROM moderation_actions WHERE id < $1 ORDER BY id DESC LIMIT $2");
    OF_USER = concat!("SELECT ", columns!(), " FROM moderation_actions WHERE user_id = $1 AND id < $2
        ORDER BY id DESC LIMIT $3");
    TOLD = concat!("SELECT ", columns!(), " FROM moderation_actions WHERE user_id = $1 AND id < $2 AND NOT is_quiet
        ORDER BY id DESC LIMIT $3");
    OFFENCES = "SELECT MIN(created_at) FROM moderation_actions
        WHERE user_id = $1 AND category = $2 AND reverted_at IS NULL AND NOT is_quiet
        GROUP BY COALESCE(case_id, id) ORDER BY 1 DESC LIMIT 100";
    OFFENCES_AMONG = "SELECT DISTINCT user_id, category FROM moderation_actions
        WHERE user_id {in $1} AND reverted_at IS NULL AND NOT is_quiet ORDER BY user_id, category";
    RENAMED_SINCE = concat!("SELECT ", columns!(), " FROM moderation_actions
        WHERE user_id = $1 AND id > $2 AND kind = 'rename' AND reverted_at IS NULL ORDER BY id LIMIT 1");
    STANDS = "SELECT 1 FROM moderation_actions WHERE user_id = $1 AND case_id = $2 AND reverted_at IS NULL LIMIT 1";
    SET_BEFORE = "UPDATE moderation_actions SET before = $2 WHERE id = $1";
    SET_AFTER = "UPDATE moderation_actions SET after = $2 WHERE id = $1";
    ACKNOWLEDGE = "UPDATE moderation_actions SET acknowledged_at = $2 WHERE id = $1";
    REVERT = "UPDATE moderation_actions SET reverted_at = $2, reverted_by = $3, revert_reason = $4 WHERE id = $1";
    INSERT_MARK = "INSERT INTO action_marks (user_id, mark, action_id) VALUES ($1, $2, $3)";
    REMOVE_MARKS = "DELETE FROM action_marks WHERE action_id = $1";
    MARKS = "SELECT DISTINCT mark FROM action_marks WHERE user_id = $1 ORDER BY mark LIMIT 100";
    IS_MARKED = "SELECT 1 FROM action_marks WHERE user_id = $1 LIMIT 1";
}

fn action(row: &Row) -> Result<Action, crate::Error> {
    let Json(before): Json<Value> = row.get(9)?;
    let Json(after): Json<Value> = row.get(10)?;
    Ok(Action {
        id: row.get(0)?,
        number: row.get(1)?,
        user_id: row.get(2)?,
        kind: choice(row.get(3)?)?,
        category: row.get(4)?,
        reason: row.get(5)?,
        public_reason: row.get(6)?,
        author_id: row.get(7)?,
        case_id: row.get(8)?,
        before,
        after,
        created_at: row.get(11)?,
        acknowledged_at: row.get(12)?,
        reverted_at: row.get(13)?,
        reverted_by: row.get(14)?,
        revert_reason: row.get(15)?,
    })
}

/// Stores an action, of which only staff knows if it is quiet.
pub(super) fn insert(tx: &mut Tx<'_, '_>, action: &Action, is_quiet: bool) -> Result<(), crate::Error> {
    tx.execute(
        INSERT,
        params![
            action.id,
            action.number,
            action.user_id,
            word(&action.kind)?,
            action.category,
            action.reason,
            action.public_reason,
            action.author_id,
            action.case_id,
            value(&action.before)?,
            value(&action.after)?,
            action.created_at,
            is_quiet
        ],
    )?;
    Ok(())
}

/// Whether only staff knows of this action.
pub(in crate::moderation) fn is_quiet(tx: &mut Tx<'_, '_>, id: ActionId) -> Result<bool, crate::Error> {
    let found = tx.query_opt(IS_QUIET, params![id])?;
    Ok(found.map(|row| row.get(0)).transpose()?.unwrap_or_default())
}

/// An action, by its id.
pub(in crate::moderation) fn find(tx: &mut Tx<'_, '_>, id: ActionId) -> Result<Option<Action>, crate::Error> {
    tx.query_opt(FIND, params![id])?.as_ref().map(action).transpose()
}

pub(super) fn list(tx: &mut Tx<'_, '_>, before: ActionId, limit: usize) -> Result<Vec<Action>, crate::Error> {
    tx.query(LIST, params![before, limit])?.iter().map(action).collect()
}

/// The actions about a user, the newest first.
pub(in crate::moderation) fn of_user(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    before: ActionId,
    limit: usize,
) -> Result<Vec<Action>, crate::Error> {
    tx.query(OF_USER, params![user, before, limit])?.iter().map(action).collect()
}

/// Those the user is told of.
pub(super) fn told(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    before: ActionId,
    limit: usize,
) -> Result<Vec<Action>, crate::Error> {
    tx.query(TOLD, params![user, before, limit])?.iter().map(action).collect()
}

/// The next renaming of the user after this action that still stands.
pub(in crate::moderation) fn renamed_since(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    after: ActionId,
) -> Result<Option<Action>, crate::Error> {
    tx.query_opt(RENAMED_SINCE, params![user, after])?.as_ref().map(action).transpose()
}

/// Whether anything that was done about a user in this case still stands.
pub(in crate::moderation) fn stands(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    case: CaseId,
) -> Result<bool, crate::Error> {
    Ok(tx.query_opt(STANDS, params![user, case])?.is_some())
}

/// Taking this action back leads there from now on.
pub(in crate::moderation) fn set_before(
    tx: &mut Tx<'_, '_>,
    id: ActionId,
    before: &Value,
) -> Result<(), crate::Error> {
    tx.execute(SET_BEFORE, params![id, value(before)?])?;
    Ok(())
}

/// What the action brought is this from now on.
pub(in crate::moderation) fn set_after(
    tx: &mut Tx<'_, '_>,
    id: ActionId,
    after: &Value,
) -> Result<(), crate::Error> {
    tx.execute(SET_AFTER, params![id, value(after)?])?;
    Ok(())
}

/// When a user was acted on for offences of this category that still count: what was done about one case is one offence, and what nobody
/// told them of is none.
pub(super) fn offences(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    category: &str,
) -> Result<Vec<Timestamp>, crate::Error> {
    tx.query(OFFENCES, params![user, category])?.iter().map(|row| Ok(row.get(0)?)).collect()
}

/// For which offences something was done about each of these users.
pub(in crate::moderation) fn offences_among(
    tx: &mut Tx<'_, '_>,
    users: &[UserId],
) -> Result<BTreeMap<UserId, Vec<String>>, crate::Error> {
    let mut all: BTreeMap<UserId, Vec<String>> = BTreeMap::new();
    for row in tx.query(OFFENCES_AMONG, params![users])? {
        all.entry(row.get(0)?).or_default().push(row.get(1)?);
    }
    Ok(all)
}

pub(super) fn acknowledge(tx: &mut Tx<'_, '_>, id: ActionId) -> Result<(), crate::Error> {
    let now = tx.now();
    tx.execute(ACKNOWLEDGE, params![id, now])?;
    Ok(())
}

pub(super) fn revert(tx: &mut Tx<'_, '_>, id: ActionId, reason: &str) -> Result<(), crate::Error> {
    let (now, by) = (tx.now(), tx.cx().user());
    tx.execute(REVERT, params![id, now, by, reason])?;
    Ok(())
}

/// Marks a user. The same mark of two actions is there until both are taken back.
pub(in crate::moderation) fn insert_mark(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    mark: &str,
    action: ActionId,
) -> Result<(), crate::Error> {
    tx.execute(INSERT_MARK, params![user, mark, action])?;
    Ok(())
}

/// Takes the marks of an action back.
pub(in crate::moderation) fn remove_marks(tx: &mut Tx<'_, '_>, action: ActionId) -> Result<(), crate::Error> {
    tx.execute(REMOVE_MARKS, params![action])?;
    Ok(())
}

/// The marks of a user.
pub(in crate::moderation) fn marks(tx: &mut Tx<'_, '_>, user: UserId) -> Result<Vec<String>, crate::Error> {
    tx.query(MARKS, params![user])?.iter().map(|row| Ok(row.get(0)?)).collect()
}

/// Whether a user has any mark.
pub(in crate::moderation) fn is_marked(tx: &mut Tx<'_, '_>, user: UserId) -> Result<bool, crate::Error> {
    Ok(tx.query_opt(IS_MARKED, params![user])?.is_some())
}
