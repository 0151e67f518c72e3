//! SQL that finds matches. There is a statement for each thing by which few matches are found, so that its index is used; whatever else is
//! wanted is looked at match by match.

use std::time::Duration;

use moothall_protocol::matches::{ListMatches, MatchOrder, MatchStatus, MatchSummary, ResultStatus, UserRow};
use moothall_protocol::{LobbyId, MatchId, Timestamp};
use moothall_store::{Row, as_params, statements, values};
use uuid::{Builder, Uuid};

use super::Viewer;
use crate::cx::Tx;
use crate::json::{choice, words};
use crate::matches::Error;

/// The columns of a [`MatchSummary`], in its order.
macro_rules! columns {
    () => {
        "m.id, m.version, m.lobby_id, m.name, m.mode, m.map, m.host_id, m.host_kind, m.is_rated, m.status, m.result_status, \
         m.created_at, m.started_at, m.ended_at, m.team_count, m.team_size, m.player_count"
    };
}

/// What is wanted of a match, and that the caller may know of it.
macro_rules! wanted {
    () => {
        " AND (m.mode = $3 OR $3 IS NULL) AND (m.map = $4 OR $4 IS NULL) AND (m.status = $5 OR $5 IS NULL) \
         AND (m.result_status = $6 OR $6 IS NULL) AND (m.is_rated = $7 OR $7 IS NULL) AND (m.host_id = $8 OR $8 IS NULL) \
         AND (m.lobby_id = $9 OR $9 IS NULL) \
         AND (EXISTS (SELECT 1 FROM match_tags t WHERE t.tag = $10 AND t.match_id = m.id) OR $10 IS NULL) \
         AND m.created_at >= $11 AND m.created_at < $12 \
         AND (NOT m.is_hidden OR $13 OR m.host_id = $14 \
              OR EXISTS (SELECT 1 FROM match_members s WHERE s.match_id = m.id AND s.user_id = $14))"
    };
}

/// A page of the matches between two ids that are found so, in this direction.
macro_rules! page {
    ($lead:literal, $order:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            " FROM matches m WHERE m.id > $1 AND m.id < $2",
            $lead,
            wanted!(),
            " ORDER BY m.id ",
            $order,
            " LIMIT $15"
        )
    };
}

/// A page of the matches with a tag, in this direction.
macro_rules! page_of_tag {
    ($order:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            " FROM match_tags l JOIN matches m ON m.id = l.match_id WHERE l.tag = $10 AND l.match_id > $1 AND l.match_id < $2",
            wanted!(),
            " ORDER BY l.match_id ",
            $order,
            " LIMIT $15"
        )
    };
}

/// A page of the history of a user, in this direction.
macro_rules! page_of_user {
    ($order:literal) => {
        concat!(
            "SELECT ", columns!(), ", u.user_id, u.team, u.party_id, u.result, u.left_at, u.left_why
             FROM match_members u JOIN matches m ON m.id = u.match_id
             WHERE u.user_id = $16 AND u.match_id > $1 AND u.match_id < $2", wanted!(),
            " AND (u.result = $17 OR $17 IS NULL)
              AND (SELECT count(*) FROM match_members o WHERE o.match_id = m.id AND o.user_id {in $18}) = $19
              ORDER BY u.match_id ", $order, " LIMIT $15"
        )
    };
}

statements! {
    NEWEST = page!("", "DESC");
    OLDEST = page!("", "ASC");
    NEWEST_BY_HOST = page!(" AND m.host_id = $8", "DESC");
    OLDEST_BY_HOST = page!(" AND m.host_id = $8", "ASC");
    NEWEST_BY_LOBBY = page!(" AND m.lobby_id = $9", "DESC");
    OLDEST_BY_LOBBY = page!(" AND m.lobby_id = $9", "ASC");
    NEWEST_BY_MAP = page!(" AND m.map = $4", "DESC");
    OLDEST_BY_MAP = page!(" AND m.map = $4", "ASC");
    NEWEST_BY_MODE = page!(" AND m.mode = $3", "DESC");
    OLDEST_BY_MODE = page!(" AND m.mode = $3", "ASC");
    NEWEST_LIVE = page!(" AND m.is_live", "DESC");
    OLDEST_LIVE = page!(" AND m.is_live", "ASC");
    NEWEST_DISPUTED = page!(" AND m.result_status = 'disputed'", "DESC");
    OLDEST_DISPUTED = page!(" AND m.result_status = 'disputed'", "ASC");
    NEWEST_ABORTED = page!(" AND m.status = 'aborted'", "DESC");
    OLDEST_ABORTED = page!(" AND m.status = 'aborted'", "ASC");
    NEWEST_BY_TAG = page_of_tag!("DESC");
    OLDEST_BY_TAG = page_of_tag!("ASC");
    NEWEST_OF_USER = page_of_user!("DESC");
    OLDEST_OF_USER = page_of_user!("ASC");
}

/// The statement that looks at the fewest matches.
pub(super) fn statement(wanted: &ListMatches) -> &'static str {
    let (newest, oldest) = if wanted.user_id.is_some() {
        (NEWEST_OF_USER, OLDEST_OF_USER)
    } else if wanted.lobby_id.is_some() {
        (NEWEST_BY_LOBBY, OLDEST_BY_LOBBY)
    } else if wanted.result_status == Some(ResultStatus::Disputed) {
        (NEWEST_DISPUTED, OLDEST_DISPUTED)
    } else if wanted.status.is_some_and(|status| !matches!(status, MatchStatus::Ended | MatchStatus::Aborted))
    {
        (NEWEST_LIVE, OLDEST_LIVE)
    } else if wanted.host_id.is_some() {
        (NEWEST_BY_HOST, OLDEST_BY_HOST)
    } else if wanted.status == Some(MatchStatus::Aborted) {
        (NEWEST_ABORTED, OLDEST_ABORTED)
    } else if wanted.tag.is_some() {
        (NEWEST_BY_TAG, OLDEST_BY_TAG)
    } else if wanted.map.is_some() {
        (NEWEST_BY_MAP, OLDEST_BY_MAP)
    } else if wanted.mode.is_some() {
        (NEWEST_BY_MODE, OLDEST_BY_MODE)
    } else {
        (NEWEST, OLDEST)
    };
    match wanted.order.unwrap_or_default() {
        MatchOrder::Newest => newest,
        MatchOrder::Oldest => oldest,
    }
}

/// The ids between which all matches have theirs that are wanted behind this one. Ids have the time in which they were made, which is
/// shortly before that of their match.
fn range(wanted: &ListMatches, after: Option<MatchId>) -> (MatchId, MatchId) {
    const EARLIER: Duration = Duration::from_secs(600);
    let low = wanted.since.map_or(MatchId::from_uuid(Uuid::nil()), |since| first_at(since - EARLIER));
    let after_until = |until| first_at(until + Duration::from_millis(1));
    let high = wanted.until.map_or(MatchId::from_uuid(Uuid::max()), after_until);
    match (wanted.order.unwrap_or_default(), after) {
        (_, None) => (low, high),
        (MatchOrder::Newest, Some(after)) => (low, high.min(after)),
        (MatchOrder::Oldest, Some(after)) => (low.max(after), high),
    }
}

/// The least id that is made in this millisecond.
fn first_at(at: Timestamp) -> MatchId {
    let millis = u64::try_from(at.as_micros() / 1_000).unwrap_or(0);
    MatchId::from_uuid(Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid())
}

/// Matches behind this one that are wanted and that the viewer may know of.
pub(super) fn list(
    tx: &mut Tx<'_, '_>,
    wanted: &ListMatches,
    viewer: Viewer,
    after: Option<MatchId>,
    limit: usize,
) -> Result<Vec<MatchSummary>, Error> {
    let rows = query(tx, statement(wanted), wanted, viewer, after, limit)?;
    rows.iter().map(|row| summary(row, wanted.user_id.is_some())).collect()
}

fn query(
    tx: &mut Tx<'_, '_>,
    statement: &'static str,
    wanted: &ListMatches,
    viewer: Viewer,
    after: Option<MatchId>,
    limit: usize,
) -> Result<Vec<Row>, Error> {
    let (low, high) = range(wanted, after);
    let mut all = values![
        low,
        high,
        wanted.mode,
        wanted.map,
        words(wanted.status.as_ref())?,
        words(wanted.result_status.as_ref())?,
        wanted.is_rated,
        wanted.host_id,
        wanted.lobby_id,
        wanted.tag,
        wanted.since.unwrap_or(Timestamp::MIN),
        wanted.until.unwrap_or(Timestamp::MAX),
        viewer.is_staff,
        viewer.user,
        limit
    ]?;
    if let Some(user) = wanted.user_id {
        let mut with = wanted.with.clone();
        with.sort_unstable();
        with.dedup();
        all.extend(values![user, words(wanted.outcome.as_ref())?, with, with.len()]?);
    }
    Ok(tx.query(statement, &as_params(&all))?)
}

fn summary(row: &Row, has_user: bool) -> Result<MatchSummary, Error> {
    Ok(MatchSummary {
        id: row.get(0)?,
        version: row.get(1)?,
        lobby_id: row.get::<Option<LobbyId>>(2)?,
        name: row.get(3)?,
        mode: row.get(4)?,
        map: row.get(5)?,
        host_id: row.get(6)?,
        host_kind: choice(row.get(7)?)?,
        is_rated: row.get(8)?,
        status: choice(row.get(9)?)?,
        result_status: choice(row.get(10)?)?,
        created_at: row.get(11)?,
        started_at: row.get(12)?,
        ended_at: row.get(13)?,
        team_count: row.get(14)?,
        team_size: row.get(15)?,
        player_count: row.get(16)?,
        user: has_user.then(|| user_row(row)).transpose()?,
    })
}

fn user_row(row: &Row) -> Result<UserRow, Error> {
    Ok(UserRow {
        user_id: row.get(17)?,
        team: row.get(18)?,
        party_id: row.get(19)?,
        result: row.get::<Option<String>>(20)?.map(choice).transpose()?,
        left_at: row.get(21)?,
        left_why: row.get::<Option<String>>(22)?.map(choice).transpose()?,
    })
}

/// How SQLite goes about it.
#[cfg(test)]
pub(super) fn plan(tx: &mut Tx<'_, '_>, wanted: &ListMatches) -> Result<String, Error> {
    let explained = format!("EXPLAIN QUERY PLAN {}", statement(wanted));
    let viewer = Viewer { user: None, is_staff: false };
    let rows = query(tx, Box::leak(explained.into_boxed_str()), wanted, viewer, None, 1)?;
    let steps: Vec<String> = rows.iter().map(|row| row.get(3)).collect::<Result<_, _>>()?;
    Ok(steps.join("\n"))
}
