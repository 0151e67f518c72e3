//! SQL for what moderation forgets.

use moothall_protocol::{Timestamp, UserId};
use moothall_store::{params, statements};

use crate::cx::Tx;
use crate::sweep::ROWS;

statements! {
    SWEEP_REPORTS = "DELETE FROM reports WHERE id IN (SELECT r.id FROM moderation_cases c JOIN reports r ON r.case_id = c.id
        WHERE c.closed_at <= $1 LIMIT $2)";
    SWEEP_CASES = "DELETE FROM moderation_cases WHERE id IN
        (SELECT c.id FROM moderation_cases c WHERE c.closed_at <= $1
           AND NOT EXISTS (SELECT 1 FROM reports r WHERE r.case_id = c.id) LIMIT $2)";
    FORGET_CREDIT = "DELETE FROM reporter_credit WHERE user_id = $1";
    IS_KNOWN = "SELECT 1 FROM users u WHERE u.id = $1 AND (
        EXISTS (SELECT 1 FROM moderation_cases c WHERE c.target_id = u.id)
        OR EXISTS (SELECT 1 FROM moderation_actions a WHERE a.user_id = u.id)
        OR EXISTS (SELECT 1 FROM moderation_notes n WHERE n.user_id = u.id)
        OR EXISTS (SELECT 1 FROM restrictions x WHERE x.user_id = u.id)
        OR EXISTS (SELECT 1 FROM alternate_links l WHERE l.low_id = u.id)
        OR EXISTS (SELECT 1 FROM alternate_links l WHERE l.high_id = u.id))";
    FORGET_APPEAL_MESSAGES = "DELETE FROM appeal_messages WHERE appeal_id IN
        (SELECT m.appeal_id FROM appeals p JOIN appeal_messages m ON m.appeal_id = p.id WHERE p.user_id = $1 LIMIT $2)";
    FORGET_APPEALS = "DELETE FROM appeals WHERE id IN (SELECT id FROM appeals WHERE user_id = $1 LIMIT $2)";
    FORGET_MARKS = "DELETE FROM action_marks WHERE action_id IN (SELECT action_id FROM action_marks WHERE user_id = $1 LIMIT $2)";
    FORGET_ACTIONS = "DELETE FROM moderation_actions WHERE id IN (SELECT id FROM moderation_actions WHERE user_id = $1 LIMIT $2)";
    FORGET_NOTES = "DELETE FROM moderation_notes WHERE id IN (SELECT id FROM moderation_notes WHERE user_id = $1 LIMIT $2)";
    FORGET_REPORTS = "DELETE FROM reports WHERE id IN (SELECT id FROM reports WHERE target_id = $1 LIMIT $2)";
    FORGET_CASES = "DELETE FROM moderation_cases WHERE id IN (SELECT id FROM moderation_cases WHERE target_id = $1 LIMIT $2)";
    FORGET_LINKS = "DELETE FROM alternate_links WHERE (low_id, high_id) IN
        (SELECT low_id, high_id FROM alternate_links WHERE low_id = $1 OR high_id = $1 LIMIT $2)";
}

/// Some reports of cases that were closed by then, and cases that have none any more.
pub(super) fn sweep_closed(tx: &mut Tx<'_, '_>, until: Timestamp) -> Result<u64, crate::Error> {
    match tx.execute(SWEEP_REPORTS, params![until, ROWS])? {
        0 => Ok(tx.execute(SWEEP_CASES, params![until, ROWS])?),
        rows => Ok(rows),
    }
}

pub(super) fn forget_credit(tx: &mut Tx<'_, '_>, user: UserId) -> Result<(), crate::Error> {
    tx.execute(FORGET_CREDIT, params![user])?;
    Ok(())
}

/// Whether there is anything here about a user.
pub(super) fn is_known(tx: &mut Tx<'_, '_>, user: UserId) -> Result<bool, crate::Error> {
    Ok(tx.query_opt(IS_KNOWN, params![user])?.is_some())
}

/// Forgets some of what there is about a user: what stands on something else goes before it.
pub(super) fn forget_some(tx: &mut Tx<'_, '_>, user: UserId) -> Result<u64, crate::Error> {
    for statement in [
        FORGET_APPEAL_MESSAGES,
        FORGET_APPEALS,
        FORGET_MARKS,
        FORGET_ACTIONS,
        FORGET_NOTES,
        FORGET_REPORTS,
        FORGET_CASES,
        FORGET_LINKS,
    ] {
        match tx.execute(statement, params![user, ROWS])? {
            0 => {}
            rows => return Ok(rows),
        }
    }
    Ok(0)
}

/// How many rows a table has.
#[cfg(test)]
pub(in crate::moderation) fn count(tx: &mut Tx<'_, '_>, table: &'static str) -> Result<i64, crate::Error> {
    let rows = format!("SELECT count(*) FROM {table}");
    Ok(tx.query_one(Box::leak(rows.into_boxed_str()), params![])?.get(0)?)
}
