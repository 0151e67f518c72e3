//! What there was to see when something was reported: gathered with the eyes of the reporter, and frozen with the report.

use moothall_protocol::accounts::{Audience, GetExtra, ListExtra};
use moothall_protocol::connections::GetPresence;
use moothall_protocol::limits::{REPORT_EXTRA_BYTES_MAX, REPORT_NEIGHBOURS_MAX};
use moothall_protocol::lobbies::GetLobby;
use moothall_protocol::matches::{GetMatch, OwnMatches};
use moothall_protocol::moderation::{FileReport, Report, ReportSubject};
use moothall_protocol::{LobbyId, UserId};
use serde_json::{Map, Value, json};

use super::Error;
use crate::{Cx, Fault as _, accounts, communication, connections, lobbies, matches};

/// Whom a report is about, what exactly, and what there is to see of it.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub target: UserId,
    pub subject_id: String,
    pub evidence: Map<String, Value>,
}

/// Looks at what is reported. What its reporter may not see is not there.
pub(super) async fn gather(cx: &Cx, input: &FileReport) -> Result<Found, Error> {
    let mut found = subject(cx, input).await?;
    let target = found.target;
    let ids: Vec<UserId> = cx.user().into_iter().chain([target]).collect();
    let known = accounts::summaries(cx, &ids).await?;
    let reported = known.iter().find(|user| user.id == target).ok_or(crate::Error::NotFound)?;
    if target == accounts::SYSTEM {
        return Err(crate::Error::NotFound.into());
    }
    found.evidence.insert("target_name".into(), json!(reported.name));
    if let Some(reporter) = known.iter().find(|user| Some(user.id) == cx.user()) {
        found.evidence.insert("reporter_name".into(), json!(reporter.name));
    }
    let (lobby, playing) = cx
        .read(move |tx| {
            let lobby = lobbies::of_user(tx, target).map_err(lobbies::Error::into_common)?;
            Ok::<_, Error>((lobby, matches::of_user(tx, target).map_err(matches::Error::into_common)?))
        })
        .await?;
    if let Some(own) = lobby.lobby {
        let lobby = json!({ "id": own.lobby.id, "name": own.lobby.name, "mode": own.lobby.mode });
        found.evidence.insert("target_lobby".into(), lobby);
    }
    let OwnMatches { playing, .. } = playing;
    if !playing.is_empty() {
        let ids: Vec<_> = playing.iter().map(|own| own.game.id).collect();
        found.evidence.insert("target_matches".into(), json!(ids));
    }
    if let Some(match_id) = input.match_id {
        let game = matches::get(cx, GetMatch { match_id }).await.map_err(not_found("/match_id"))?.game;
        if !game.members.contains_key(&target) {
            let message = "whoever is reported was not in this match";
            return Err(crate::Error::field("/match_id", "invalid", message).into());
        }
        let players: Vec<UserId> = game.players().map(|(user, _)| user).collect();
        let game = json!({
            "id": game.id, "mode": game.mode, "map": game.map, "players": players, "started_at": game.started_at,
            "ended_at": game.ended_at,
        });
        found.evidence.insert("match".into(), game);
    }
    Ok(found)
}

async fn subject(cx: &Cx, input: &FileReport) -> Result<Found, Error> {
    refuse_needless(input)?;
    let missing = |path: &str| Error::from(crate::Error::field(path, "required", "say what is reported"));
    match input.subject {
        ReportSubject::User | ReportSubject::Name | ReportSubject::Profile => {
            let target = input.user_id.ok_or_else(|| missing("/user_id"))?;
            let mut evidence = Map::new();
            if input.subject == ReportSubject::Profile {
                let get = moothall_protocol::accounts::GetUser { user_id: target };
                let user = accounts::get_user(cx, get).await.map_err(not_found("/user_id"))?;
                // What everybody sees, whoever reports it.
                let shown = moothall_protocol::accounts::User { record: None, ..user };
                evidence.insert("profile".into(), crate::json::value(&shown)?);
                let presence = connections::get_presence(cx, GetPresence { user_id: target }).await;
                let presence = presence.map_err(connections::Error::into_common)?;
                evidence.insert("presence".into(), crate::json::value(&presence)?);
                evidence.insert("extra".into(), Value::Object(extra(cx, target).await?));
            }
            Ok(Found { target, subject_id: String::new(), evidence })
        }
        ReportSubject::Message => {
            let room = input.room_id.ok_or_else(|| missing("/room_id"))?;
            let id = input.message_id.ok_or_else(|| missing("/message_id"))?;
            let (message, around) = communication::seen(cx, room, id, REPORT_NEIGHBOURS_MAX)
                .await
                .map_err(not_found("/message_id"))?;
            let is_private = communication::is_private(cx, room).await;
            let is_private = is_private.map_err(communication::Error::into_common)?;
            let evidence = Map::from_iter([
                (IS_PRIVATE.to_owned(), json!(is_private)),
                ("message".to_owned(), crate::json::value(&message)?),
                ("around".to_owned(), crate::json::value(&around)?),
            ]);
            Ok(Found { target: message.sender_id, subject_id: id.to_string(), evidence })
        }
        ReportSubject::Lobby => {
            let lobby_id = input.lobby_id.ok_or_else(|| missing("/lobby_id"))?;
            let (target, evidence) = lobby(cx, lobby_id).await?;
            Ok(Found { target, subject_id: lobby_id.to_string(), evidence })
        }
    }
}

/// Refuses what does not go with what is reported, rather than leave it out unnoticed.
fn refuse_needless(input: &FileReport) -> Result<(), Error> {
    let is_of_message = input.subject == ReportSubject::Message;
    let needless = [
        (
            "/user_id",
            input.user_id.is_some() && matches!(input.subject, ReportSubject::Message | ReportSubject::Lobby),
        ),
        ("/room_id", input.room_id.is_some() && !is_of_message),
        ("/message_id", input.message_id.is_some() && !is_of_message),
        ("/lobby_id", input.lobby_id.is_some() && input.subject != ReportSubject::Lobby),
    ];
    match needless.into_iter().find(|(_, is_needless)| *is_needless) {
        Some((path, _)) => {
            let message = "this does not go with the `subject`: leave it out, or report that instead";
            Err(crate::Error::field(path, "invalid", message).into())
        }
        None => Ok(()),
    }
}

/// What a user says of themselves to everybody in data that the game keeps with the account, as far as it is little.
async fn extra(cx: &Cx, user_id: UserId) -> Result<Map<String, Value>, Error> {
    let listed =
        accounts::list_extra(cx, ListExtra { user_id }).await.map_err(accounts::Error::into_common)?;
    // Whoever reports may be a program that may read more than others.
    let open = listed.items.into_iter().filter(|entry| entry.audience == Audience::Public);
    let (mut extra, mut bytes) = (Map::new(), 0);
    for key in open.map(|entry| entry.key) {
        let entry = match accounts::get_extra(cx, GetExtra { user_id, key }).await {
            Ok(entry) => entry,
            // It was taken away meanwhile.
            Err(error) if error.kind() == crate::Kind::NotFound => continue,
            Err(error) => return Err(error.into_common().into()),
        };
        let size = entry.key.len() + entry.value.to_string().len();
        // One that is too long hides no others.
        let value = if bytes + size <= REPORT_EXTRA_BYTES_MAX { entry.value } else { json!(TOO_LONG) };
        bytes += if value == TOO_LONG { 0 } else { size };
        extra.insert(entry.key, value);
    }
    Ok(extra)
}

/// In place of what is not kept with a report.
const TOO_LONG: &str = "(too long to be kept with the report)";

async fn lobby(cx: &Cx, lobby_id: LobbyId) -> Result<(UserId, Map<String, Value>), Error> {
    let summary = lobbies::get(cx, GetLobby { lobby_id }).await.map_err(not_found("/lobby_id"))?;
    let host = summary.host_id;
    if host == accounts::SYSTEM {
        let message = "nobody hosts this lobby: report a user in it";
        return Err(crate::Error::field("/lobby_id", "invalid", message).into());
    }
    Ok((host, Map::from_iter([("lobby".to_owned(), crate::json::value(&summary)?)])))
}

/// Whether what was reported was said in private.
const IS_PRIVATE: &str = "is_private";

/// Leaves out what was said in private. Of what was reported before it was noted where that was said, it is taken to be private.
pub(super) fn withhold(report: &mut Report) {
    let is_public = report.evidence.get(IS_PRIVATE).and_then(Value::as_bool) == Some(false);
    if report.subject != ReportSubject::Message || is_public {
        return;
    }
    for said in ["message", "around"] {
        report.evidence.remove(said);
    }
    report.evidence.insert("is_withheld".to_owned(), json!(true));
}

/// What the reporter may not see, or what is not there, is a wrong field.
fn not_found<E: crate::Fault>(path: &'static str) -> impl Fn(E) -> Error {
    move |error| match error.kind() {
        crate::Kind::NotFound | crate::Kind::Forbidden => {
            crate::Error::field(path, "not_found", "there is no such thing").into()
        }
        crate::Kind::Unavailable => crate::Error::Unavailable.into(),
        _ => crate::Error::internal(error).into(),
    }
}
