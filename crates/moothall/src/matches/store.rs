//! SQL for matches, who was in them, and how they ended.

use moothall_protocol::limits::{MATCHES_HOSTED_TOLD_MAX, MATCHES_PLAYED_TOLD_MAX};
use moothall_protocol::matches::{
    HeadToHead, HostedMatch, Match as Shown, MatchOutcome, MatchResult, MatchStatus, MemberResult,
    OwnMatches, Tally, TallyOfMode,
};
use moothall_protocol::{MatchId, PartyId, Timestamp, UserId};
use moothall_store::{Json, Row, params, statements};
use serde::Serialize;
use uuid::Uuid;

use super::game::{Effect, State};
use super::list::Viewer;
use super::{Error, Over, follow, rooms};
use crate::cx::Tx;
use crate::export::{Part, place};
use crate::json::{choice, value, word, words};
use crate::{Topic, accounts, audit, connections, restrictions};

statements! {
    EXPORT = "SELECT m.match_id, g.mode, g.map, g.name, g.status, g.started_at, g.ended_at, m.team, m.party_id, m.result,
            m.joined_at, m.left_at, m.left_why, m.left_note
        FROM match_members m JOIN matches g ON g.id = m.match_id WHERE m.user_id = $1 AND m.match_id > $2
        ORDER BY m.match_id LIMIT $3";
    INSERT_MATCH = "INSERT INTO matches (id, lobby_id, host_id, host_kind, mode, map, name, is_rated, is_hidden, status,
        result_status, outcome, is_live, has_room, team_count, team_size, player_count, created_at, started_at, ended_at, state, version)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, NULL, TRUE, TRUE, $12, $13, $14, $15, NULL, NULL, $16, $17)";
    UPDATE_MATCH = "UPDATE matches SET host_id = $2, status = $3, result_status = $4, outcome = $5, is_live = $6, team_count = $7,
        team_size = $8, player_count = $9, started_at = $10, ended_at = $11, state = $12, version = $13 WHERE id = $1";
    WITH_ROOM = "SELECT id FROM matches WHERE has_room AND id > $1 ORDER BY id LIMIT $2";
    CLOSE_ROOM = "UPDATE matches SET has_room = FALSE WHERE id = $1";
    MARK_CLOSED = "UPDATE matches SET lobby_closed = TRUE, lobby_closed_by = $2 WHERE id = $1";
    LIVE_WITHOUT_LOBBY = "SELECT id, lobby_closed_by FROM matches WHERE is_live AND lobby_closed ORDER BY id";
    FIND_MATCH = "SELECT state FROM matches WHERE id = $1";
    LIVE = "SELECT state FROM matches WHERE is_live AND id > $1 ORDER BY id LIMIT $2";
    LIVE_BY_HOST = "SELECT state FROM matches WHERE is_live AND host_id = $1 ORDER BY id DESC LIMIT $2";
    LIVE_OF = "SELECT state FROM matches WHERE id IN (
        SELECT id FROM matches WHERE is_live AND host_id = $1 AND id > $2
        UNION SELECT match_id FROM match_members WHERE is_live AND user_id = $1 AND match_id > $2
        ORDER BY 1 LIMIT $3) ORDER BY id";
    LIVE_BY_MEMBER = "SELECT m.state FROM match_members u JOIN matches m ON m.id = u.match_id
        WHERE u.is_live AND u.user_id = $1 ORDER BY u.match_id DESC LIMIT $2";
    LIVE_IDS_BY_MEMBER = "SELECT match_id FROM match_members WHERE is_live AND user_id = $1";
    LIVE_IDS_BY_HOST = "SELECT id FROM matches WHERE is_live AND host_id = $1";

    PUT_MEMBER = "INSERT INTO match_members (match_id, user_id, team, party_id, result, joined_at, left_at, left_why, left_note, is_live)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (match_id, user_id) DO UPDATE SET team = $3, result = $5,
        left_at = $7, left_why = $8, left_note = $9";
    SETTLE_MEMBERS = "UPDATE match_members SET is_live = FALSE WHERE match_id = $1";
    INSERT_TAG = "INSERT INTO match_tags (tag, match_id) VALUES ($1, $2)";

    INSERT_RESULT = "INSERT INTO match_results (match_id, version, said_by, user_id, api_key_id, reason, result, players, at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    RESULTS = "SELECT result FROM match_results WHERE match_id = $1 ORDER BY version";

    HEAD_TO_HEAD = "SELECT m.mode, a.team = b.team, a.result, count(*)
        FROM match_members a JOIN match_members b ON b.match_id = a.match_id AND b.user_id = $2 JOIN matches m ON m.id = a.match_id
        WHERE a.user_id = $1 AND a.result IS NOT NULL AND b.team IS NOT NULL
          AND (NOT m.is_hidden OR $3 OR m.host_id = $4
               OR EXISTS (SELECT 1 FROM match_members s WHERE s.match_id = m.id AND s.user_id = $4))
        GROUP BY 1, 2, 3 ORDER BY 1";
}

fn outcome_word(result: &MatchResult) -> &'static str {
    match result.outcome {
        MatchOutcome::Won { .. } => "won",
        MatchOutcome::Draw => "draw",
        MatchOutcome::None => "none",
    }
}

fn state(row: &Row) -> Result<State, Error> {
    let Json(state) = row.get(0)?;
    Ok(state)
}

/// Stores a new match with those who are in it.
pub(super) fn insert(tx: &mut Tx<'_, '_>, state: &State) -> Result<(), Error> {
    let game = &state.game;
    tx.execute(
        INSERT_MATCH,
        params![
            game.id,
            game.lobby_id,
            game.host_id,
            word(&game.host_kind)?,
            game.mode,
            game.map,
            game.name,
            game.is_rated,
            game.is_hidden,
            word(&game.status)?,
            word(&game.result_status)?,
            game.team_count,
            game.team_size,
            game.player_count,
            game.created_at,
            value(state)?,
            game.version
        ],
    )?;
    for tag in &game.tags {
        tx.execute(INSERT_TAG, params![tag, game.id])?;
    }
    game.members.keys().try_for_each(|user| put_member(tx, state, *user))
}

fn put_member(tx: &mut Tx<'_, '_>, state: &State, user: UserId) -> Result<(), Error> {
    let Some(member) = state.game.members.get(&user) else { return Ok(()) };
    let left = member.left.as_ref();
    tx.execute(
        PUT_MEMBER,
        params![
            state.game.id,
            user,
            member.team,
            member.party_id,
            words(member.result.as_ref())?,
            member.joined_at,
            left.map(|left| left.at),
            words(left.map(|left| &left.why))?,
            left.and_then(|left| left.note.as_ref()),
            state.is_live()
        ],
    )?;
    Ok(())
}

/// Some matches after this one whose rooms are open.
pub(super) fn with_room(tx: &mut Tx<'_, '_>, after: MatchId, limit: usize) -> Result<Vec<MatchId>, Error> {
    let rows = tx.query(WITH_ROOM, params![after, limit])?;
    rows.iter().map(|row| Ok(row.get(0)?)).collect()
}

/// The room of a match is closed.
pub(super) fn close_room(tx: &mut Tx<'_, '_>, id: MatchId) -> Result<(), Error> {
    tx.execute(CLOSE_ROOM, params![id])?;
    Ok(())
}

/// As if the server had died before the room of a match was closed.
#[cfg(test)]
pub(super) fn reopen_room(tx: &mut Tx<'_, '_>, id: MatchId) -> Result<(), Error> {
    tx.execute("UPDATE matches SET has_room = TRUE WHERE id = $1", params![id])?;
    Ok(())
}

/// Between the commit and the events: whoever is in hears of everything from their own arrival on.
pub(super) fn listen(tx: &mut Tx<'_, '_>, id: MatchId, user: UserId) {
    let hall = tx.cx().hall().clone();
    tx.after_commit(move || connections::subscribe_user(&hall, user, Topic::Match(id)));
}

/// Writes what a match did, in this order; of what it is, only the last counts.
pub(super) fn apply(tx: &mut Tx<'_, '_>, id: MatchId, effects: &[&Effect]) -> Result<(), Error> {
    let saved = effects.iter().rev().find_map(|effect| match effect {
        Effect::Saved { state, .. } => Some(&**state),
        _ => None,
    });
    if let Some(state) = saved {
        save(tx, state)?;
        for user in effects.iter().flat_map(|effect| effect.changed_members()) {
            put_member(tx, state, *user)?;
        }
        let concerns_room =
            |effect: &&&Effect| matches!(effect, Effect::Over) || !effect.changed_members().is_empty();
        if effects.iter().any(|effect| concerns_room(&effect)) {
            let hall = tx.cx().hall().clone();
            tx.after_commit(move || rooms::begin(&hall, id));
        }
    }
    for effect in effects {
        match effect {
            Effect::Saved { .. } => {}
            Effect::Entered { user } => listen(tx, id, *user),
            Effect::Confirmed(state) => confirm(tx, state)?,
            Effect::Over => {
                if let Some(state) = saved {
                    end(tx, &state.game)?;
                }
            }
            Effect::Settled { listeners } => settle(tx, id, listeners)?,
            Effect::Audited(line) => {
                let entry = audit::Entry::new(line.action).by(&line.by).target(Topic::Match(id).to_string());
                audit::record(tx, entry.reason(&line.reason).after(&line.about))?;
            }
        }
    }
    Ok(())
}

fn save(tx: &mut Tx<'_, '_>, state: &State) -> Result<(), Error> {
    let game = &state.game;
    tx.execute(
        UPDATE_MATCH,
        params![
            game.id,
            game.host_id,
            word(&game.status)?,
            word(&game.result_status)?,
            game.result.as_ref().map(outcome_word),
            state.is_live(),
            game.team_count,
            game.team_size,
            game.player_count,
            game.started_at,
            game.ended_at,
            value(state)?,
            game.version
        ],
    )?;
    Ok(())
}

/// Keeps the version of the result for good, and has the contexts that make something of it do so in the same transaction.
fn confirm(tx: &mut Tx<'_, '_>, state: &State) -> Result<(), Error> {
    let (Some(result), Some(report)) = (&state.game.result, &state.confirmed) else { return Ok(()) };
    tx.execute(
        INSERT_RESULT,
        params![
            state.game.id,
            result.version,
            word(&result.by)?,
            result.user_id,
            result.api_key_id,
            result.reason,
            value(result)?,
            value(&report.players)?,
            result.at
        ],
    )?;
    Ok(follow::confirmed(tx, &state.game)?)
}

fn end(tx: &mut Tx<'_, '_>, game: &Shown) -> Result<(), Error> {
    if let Some(ended_at) = game.ended_at.filter(|_| game.status == MatchStatus::Ended) {
        let players: Vec<UserId> = game.players().map(|(user, _)| user).collect();
        accounts::stamp_played(tx, &players, ended_at)?;
        let stayed = game
            .players()
            .filter(|(user, _)| game.members.get(user).is_some_and(|member| member.left.is_none()));
        let stayed: Vec<UserId> = stayed.map(|(user, _)| user).collect();
        // Nobody plays a restriction away alone.
        if stayed.len() > 1 {
            restrictions::played(tx, &stayed, &game.mode, game.started_at.unwrap_or(game.created_at))?;
        }
    }
    let over = Over { match_id: game.id, lobby_id: game.lobby_id };
    let hall = tx.cx().hall().clone();
    tx.after_commit(move || follow::begin(&hall, over));
    Ok(())
}

fn settle(tx: &mut Tx<'_, '_>, id: MatchId, listeners: &[UserId]) -> Result<(), Error> {
    tx.execute(SETTLE_MEMBERS, params![id])?;
    for user in listeners {
        let (hall, user) = (tx.cx().hall().clone(), *user);
        tx.after_commit(move || connections::unsubscribe_user(&hall, user, &Topic::Match(id)));
    }
    Ok(())
}

/// The lobby of a match is closed, by this user or by the server.
pub(super) fn mark_closed(tx: &mut Tx<'_, '_>, id: MatchId, by: Option<UserId>) -> Result<(), Error> {
    tx.execute(MARK_CLOSED, params![id, by])?;
    Ok(())
}

/// The live matches whose lobbies are closed, and by whom: few, as most end with it.
pub(super) fn live_without_lobby(tx: &mut Tx<'_, '_>) -> Result<Vec<(MatchId, Option<UserId>)>, Error> {
    tx.query(LIVE_WITHOUT_LOBBY, params![])?.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}

pub(super) fn find(tx: &mut Tx<'_, '_>, id: MatchId) -> Result<Option<State>, Error> {
    tx.query_opt(FIND_MATCH, params![id])?.as_ref().map(state).transpose()
}

/// Some matches after this one of which something may come by itself.
pub(super) fn live(tx: &mut Tx<'_, '_>, after: MatchId, limit: usize) -> Result<Vec<State>, Error> {
    tx.query(LIVE, params![after, limit])?.iter().map(state).collect()
}

/// Some of them after this one that this user hosts or is in.
pub(super) fn live_of(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    after: MatchId,
    limit: usize,
) -> Result<Vec<State>, Error> {
    tx.query(LIVE_OF, params![user, after, limit])?.iter().map(state).collect()
}

/// The latest of them that this user hosts.
fn live_by_host(tx: &mut Tx<'_, '_>, host: UserId, limit: usize) -> Result<Vec<State>, Error> {
    tx.query(LIVE_BY_HOST, params![host, limit])?.iter().map(state).collect()
}

/// All of them that the user is in or hosts.
pub(super) fn live_ids(tx: &mut Tx<'_, '_>, user: UserId) -> Result<Vec<MatchId>, Error> {
    let mut rows = tx.query(LIVE_IDS_BY_MEMBER, params![user])?;
    rows.extend(tx.query(LIVE_IDS_BY_HOST, params![user])?);
    rows.iter().map(|row| Ok(row.get(0)?)).collect()
}

/// The matches of a user of which something may still come.
pub(super) fn of_user(tx: &mut Tx<'_, '_>, user: UserId) -> Result<OwnMatches, Error> {
    let rows = tx.query(LIVE_BY_MEMBER, params![user, MATCHES_PLAYED_TOLD_MAX])?;
    let playing = rows.iter().map(|row| Ok::<_, Error>(state(row)?.own(user)));
    let playing = playing.collect::<Result<_, _>>()?;
    let hosted = live_by_host(tx, user, MATCHES_HOSTED_TOLD_MAX)?;
    let shown = |state: &State| HostedMatch {
        match_id: state.game.id,
        status: state.game.status,
        update: state.host.update,
    };
    Ok(OwnMatches { playing, hosted: hosted.iter().map(shown).collect() })
}

/// Every version of the result.
pub(super) fn results(tx: &mut Tx<'_, '_>, id: MatchId) -> Result<Vec<MatchResult>, Error> {
    let rows = tx.query(RESULTS, params![id])?;
    let result = |row: &Row| {
        let Json(result) = row.get(0)?;
        Ok(result)
    };
    rows.iter().map(result).collect()
}

/// What came of the matches of two users.
pub(super) fn head_to_head(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    other: UserId,
    viewer: Viewer,
) -> Result<HeadToHead, Error> {
    let mut all = HeadToHead::default();
    for row in tx.query(HEAD_TO_HEAD, params![user, other, viewer.is_staff, viewer.user])? {
        let (mode, is_together): (String, bool) = (row.get(0)?, row.get(1)?);
        let (result, count): (MemberResult, u64) = (choice(row.get(2)?)?, row.get(3)?);
        if all.modes.last().is_none_or(|last| last.mode != mode) {
            let (together, against) = (Tally::default(), Tally::default());
            all.modes.push(TallyOfMode { mode, together, against });
        }
        let of_mode = all
            .modes
            .last_mut()
            .map(|of_mode| if is_together { &mut of_mode.together } else { &mut of_mode.against });
        let of_all = if is_together { &mut all.together } else { &mut all.against };
        for tally in of_mode.into_iter().chain([of_all]) {
            add(tally, result, count);
        }
    }
    Ok(all)
}

fn add(tally: &mut Tally, result: MemberResult, count: u64) {
    tally.played += count;
    match result {
        MemberResult::Won => tally.won += count,
        MemberResult::Lost => tally.lost += count,
        MemberResult::Draw => tally.draw += count,
    }
}

/// The matches a user was in, and how they went for them, for themselves.
pub(crate) fn export(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    from: Option<serde_json::Value>,
    limit: usize,
) -> Result<Part, crate::Error> {
    let after = place(from, MatchId::from_uuid(Uuid::nil()))?;
    let mut matches = Vec::new();
    for row in tx.query(EXPORT, params![user, after, limit + 1])? {
        matches.push(Played {
            match_id: row.get(0)?,
            mode: row.get(1)?,
            map: row.get(2)?,
            name: row.get(3)?,
            status: row.get(4)?,
            started_at: row.get(5)?,
            ended_at: row.get(6)?,
            team: row.get(7)?,
            party_id: row.get(8)?,
            result: row.get(9)?,
            joined_at: row.get(10)?,
            left_at: row.get(11)?,
            left_why: row.get(12)?,
            left_note: row.get(13)?,
        });
    }
    Part::cut(matches, limit, |played| played.match_id)
}

/// A match, and how it went for one of those who were in it.
#[derive(Serialize)]
struct Played {
    match_id: MatchId,
    mode: String,
    map: Option<String>,
    name: String,
    status: String,
    started_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    team: Option<i64>,
    party_id: Option<PartyId>,
    result: Option<String>,
    joined_at: Timestamp,
    left_at: Option<Timestamp>,
    left_why: Option<String>,
    left_note: Option<String>,
}
