//! SQL for the audit log. There is no statement that deletes a line, or changes more of it than its place in the chain.

use moothall_protocol::audit::{AuditLine, ListAudit};
use moothall_protocol::{AuditId, Timestamp, UserId, limits};
use moothall_store::{Json, Row, Value, as_params, params, statements, values};
use serde::Serialize;
use uuid::Uuid;

use super::Entry;
use super::chain::Hash;
use crate::cx::Tx;
use crate::error::Error;
use crate::export::{Part, place};

/// The columns of a line, in the order [`line()`] reads them.
macro_rules! columns {
    () => {
        "id, at, actor_id, key_id, action, target, reason, before, after, request_id, address, agent, number, hash"
    };
}

/// A page of the lines before one, newest first, that are found so; whatever else is wanted is looked at line by line.
macro_rules! page {
    ($lead:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            " FROM audit_log WHERE (at, id) < ($1, $2) AND at >= $3",
            $lead,
            " AND (actor_id = $4 OR $4 IS NULL) AND (target = $5 OR $5 IS NULL) AND (action = $6 OR $6 IS NULL)
              AND (action >= $8 OR $8 IS NULL) AND (action < $9 OR $9 IS NULL)
              AND (lower(reason) LIKE $10 ESCAPE '!' OR $10 IS NULL)
              ORDER BY at DESC, id DESC LIMIT $7"
        )
    };
}

statements! {
    INSERT = "INSERT INTO audit_log (id, at, actor_id, key_id, action, target, reason, before, after, request_id, address, agent)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    NEWEST_FIRST = page!("");
    OF_TARGET = page!(" AND target = $5");
    OF_ACTOR = page!(" AND actor_id = $4");
    OF_ACTION = page!(" AND action = $6");
    EXPORT = "SELECT at, id, action, target, address, agent FROM audit_log WHERE actor_id = $1 AND (at, id) > ($2, $3)
        ORDER BY at, id LIMIT $4";
    UNCHAINED = concat!("SELECT ", columns!(), " FROM audit_log WHERE number IS NULL ORDER BY at, id LIMIT $1");
    COUNT_UNCHAINED = "SELECT count(*) FROM audit_log WHERE number IS NULL";
    CHAINED = concat!("SELECT ", columns!(), " FROM audit_log WHERE number > $1 ORDER BY number LIMIT $2");
    HEAD = "SELECT number, hash FROM audit_log WHERE number IS NOT NULL ORDER BY number DESC LIMIT 1";
    LINK = "UPDATE audit_log SET number = $2, hash = $3 WHERE id = $1 AND number IS NULL";
}

/// Where a list begins that has no cursor: microseconds, and an id after every other.
pub(super) const NEWEST: (i64, AuditId) = (i64::MAX, AuditId::from_uuid(Uuid::max()));

pub(super) fn insert(tx: &mut Tx<'_, '_>, entry: &Entry) -> Result<(), Error> {
    let cx = tx.cx();
    let id: AuditId = cx.new_id();
    let asked = entry.by.clone().unwrap_or_else(|| cx.asked());
    tx.execute(
        INSERT,
        params![
            id,
            cx.now(),
            asked.user,
            asked.api_key_id,
            entry.action,
            entry.target.as_str(),
            entry.reason,
            entry.before.clone().map(Json),
            entry.after.clone().map(Json),
            asked.request_id.unwrap_or(cx.request_id()),
            asked.origin.address.map(|address| address.to_string()),
            asked.origin.agent.as_deref().map(shortened)
        ],
    )?;
    Ok(())
}

/// An action by its whole name, or none where it stands for all that begin so.
fn whole_action(input: &ListAudit) -> Option<&str> {
    input.action.as_deref().filter(|action| !action.ends_with('.'))
}

/// The statement that looks at the fewest lines.
fn statement(input: &ListAudit) -> &'static str {
    if input.target.is_some() {
        OF_TARGET
    } else if input.actor_id.is_some() {
        OF_ACTOR
    } else if whole_action(input).is_some() {
        OF_ACTION
    } else {
        NEWEST_FIRST
    }
}

/// What the statements are asked with.
fn values(input: &ListAudit, before: (i64, AuditId), limit: usize) -> Result<Vec<Value>, Error> {
    let newest = input.until.unwrap_or(Timestamp::MAX).min(Timestamp::from_micros(before.0));
    let oldest = input.since.unwrap_or(Timestamp::MIN);
    let all_of = input.action.as_deref().filter(|action| action.ends_with('.'));
    // The character after a dot.
    let all_before = all_of.map(|all_of| format!("{}/", all_of.trim_end_matches('.')));
    // Both engines fold A to Z and nothing else, since the column is compared byte by byte.
    let text = input.text.as_deref().map(|text| {
        let text = text.to_ascii_lowercase().replace('!', "!!").replace('%', "!%").replace('_', "!_");
        format!("%{text}%")
    });
    Ok(values![
        newest,
        before.1,
        oldest,
        input.actor_id,
        input.target,
        whole_action(input),
        limit,
        all_of,
        all_before,
        text
    ]?)
}

pub(super) fn list(
    tx: &mut Tx<'_, '_>,
    input: &ListAudit,
    before: (i64, AuditId),
    limit: usize,
) -> Result<Vec<AuditLine>, Error> {
    let values = values(input, before, limit)?;
    tx.query(statement(input), &as_params(&values))?.iter().map(line).collect()
}

/// How the engine goes about it.
#[cfg(test)]
pub(super) fn plan(tx: &mut Tx<'_, '_>, input: &ListAudit) -> Result<String, Error> {
    crate::testing::plan(tx, statement(input), &as_params(&values(input, NEWEST, 1)?))
}

fn line(row: &Row) -> Result<AuditLine, Error> {
    Ok(AuditLine {
        id: row.get(0)?,
        at: row.get(1)?,
        actor_id: row.get(2)?,
        api_key_id: row.get(3)?,
        action: row.get(4)?,
        target: row.get(5)?,
        reason: row.get(6)?,
        before: row.get::<Option<Json<_>>>(7)?.map(|Json(value)| value),
        after: row.get::<Option<Json<_>>>(8)?.map(|Json(value)| value),
        request_id: row.get(9)?,
        address: row.get(10)?,
        agent: row.get(11)?,
        number: row.get(12)?,
        hash: row.get::<Option<Vec<u8>>>(13)?.map(|hash| data_encoding::HEXLOWER.encode(&hash)),
    })
}

fn shortened(agent: &str) -> &str {
    agent
        .char_indices()
        .nth(limits::AGENT_LENGTH_MAX)
        .map_or(agent, |(end, _)| agent.get(..end).unwrap_or_default())
}

/// Some lines that are not chained yet, the oldest first.
pub(super) fn unchained(tx: &mut Tx<'_, '_>, limit: usize) -> Result<Vec<AuditLine>, Error> {
    tx.query(UNCHAINED, params![limit])?.iter().map(line).collect()
}

pub(super) fn count_unchained(tx: &mut Tx<'_, '_>) -> Result<i64, Error> {
    Ok(tx.query_one(COUNT_UNCHAINED, params![])?.get(0)?)
}

/// Some lines behind this number, with their numbers and hashes.
pub(super) fn chained(
    tx: &mut Tx<'_, '_>,
    after: i64,
    limit: usize,
) -> Result<Vec<(i64, Hash, AuditLine)>, Error> {
    let rows = tx.query(CHAINED, params![after, limit])?;
    rows.iter().map(|row| Ok((row.get(12)?, hash(row, 13)?, line(row)?))).collect()
}

/// The number and the hash of the newest line of the chain.
pub(super) fn head(tx: &mut Tx<'_, '_>) -> Result<Option<(i64, Hash)>, Error> {
    let row = tx.query_opt(HEAD, params![])?;
    row.map(|row| Ok((row.get(0)?, hash(&row, 1)?))).transpose()
}

/// One that is not of the length of a hash is none.
fn hash(row: &Row, index: usize) -> Result<Hash, Error> {
    let bytes: Option<Vec<u8>> = row.get(index)?;
    Ok(bytes.and_then(|bytes| bytes.try_into().ok()).unwrap_or_default())
}

/// Gives a line its place in the chain.
pub(super) fn link(tx: &mut Tx<'_, '_>, line: &AuditLine, number: i64, hash: &Hash) -> Result<(), Error> {
    tx.execute(LINK, params![line.id, number, hash.to_vec()])?;
    Ok(())
}

/// What a user did that is written down, and from where, for themselves. What it changed may be somebody else's.
pub(crate) fn export(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    from: Option<serde_json::Value>,
    limit: usize,
) -> Result<Part, Error> {
    let after = place(from, (Timestamp::MIN, Uuid::nil()))?;
    let mut deeds: Vec<Deed> = Vec::new();
    for row in tx.query(EXPORT, params![user, after.0, after.1, limit + 1])? {
        deeds.push(Deed {
            at: row.get(0)?,
            id: row.get(1)?,
            action: row.get(2)?,
            target: row.get(3)?,
            address: row.get(4)?,
            agent: row.get(5)?,
        });
    }
    Part::cut(deeds, limit, |deed| (deed.at, deed.id))
}

/// Something somebody did, without what it changed.
#[derive(Serialize)]
struct Deed {
    at: Timestamp,
    id: Uuid,
    action: String,
    target: String,
    address: Option<String>,
    agent: Option<String>,
}
