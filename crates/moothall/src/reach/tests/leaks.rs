//! Every way from one user to another in a running hall, for random relationships and settings: nobody gets through who should not, and
//! nobody learns of what they should not know.

use std::collections::BTreeMap;
use std::sync::Arc;

use moothall_protocol::accounts::{CreateSignInCode, SignInWithCode};
use moothall_protocol::communication::{
    AddMember, CreateGroup, JoinRoom, MarkRead, Message, OpenDirect, ReadHistory, ReadUnread, SendMessage,
};
use moothall_protocol::connections::{GetPresence, WatchPresence};
use moothall_protocol::lobbies::{GetLobby, HostKind, InviteToLobby, JoinLobby, LeaveLobby, ListLobbies};
use moothall_protocol::matches::{EndMatch, ListMatches, ListRecentPlayers, ReadyMatch};
use moothall_protocol::parties::{CreateParty, InviteToParty, LeaveParty};
use moothall_protocol::relationships::{
    AskFriend, Avoid, Block, CancelFriend, FindByEmail, Follow, GetRelationship, Ignore, Relationship,
    RemoveFriend,
};
use moothall_protocol::{Event, LobbyId, RoomId};
use serde_json::Map;

use super::restricted::{opening, room};
use super::*;
use crate::accounts::testing::code;
use crate::connections::{self, Stream};
use crate::matches::{Begin, Hosting, Seat};
use crate::testing::{TestHall, on_both_engines, seeds};
use crate::{Random, SeededRandom, accounts, communication, lobbies, parties, snapshot};

/// A player who is connected and hosts a lobby.
struct Player {
    cx: Cx,
    id: UserId,
    email: String,
    lobby: LobbyId,
    stream: Stream,
}

async fn opened(cx: &Cx) -> LobbyId {
    lobbies::open(cx, opening("Den")).await.unwrap().lobby.id
}

impl Player {
    async fn new(hall: &TestHall, name: &str) -> Self {
        let id = hall.user(name).await;
        // A session that is stored, of somebody whose address is verified.
        let code = accounts::create_sign_in_code(&hall.call(id, &[]), CreateSignInCode { kind: None }).await;
        let by_code = SignInWithCode { code: code.unwrap().code };
        let nobody = accounts::testing::from(&hall.hall, "10.0.0.1");
        let signed_in = accounts::sign_in_with_code(&nobody, by_code).await.unwrap();
        let cx = accounts::testing::call(&hall.hall, &signed_in).await;
        let stream = snapshot::open(&cx, None).await.unwrap();
        let lobby = opened(&cx).await;
        Self { cx, id, email: format!("{name}@example.org"), lobby, stream }
    }

    /// What the player was told since the last time.
    fn heard(&mut self) -> Vec<Event> {
        let taken = self.stream.take(usize::MAX).unwrap();
        taken.into_iter().map(|(_, frame)| frame.event().clone()).collect()
    }
}

/// What one made of another.
#[derive(Clone, Copy, Debug, Default)]
struct Made {
    ignores: bool,
    avoids: bool,
    blocks: bool,
}

/// Sets a random relationship between two strangers. Returns what each made of the other, and whether they are friends.
async fn relate(random: &dyn Random, one: &Player, other: &Player) -> ([Made; 2], bool) {
    let is_friend = random.below(3) == 0;
    if is_friend {
        relationships::ask(&one.cx, AskFriend { user_id: other.id, message: None }).await.unwrap();
        relationships::ask(&other.cx, AskFriend { user_id: one.id, message: None }).await.unwrap();
    }
    let mut made = [Made::default(); 2];
    for (made, (cx, user_id)) in made.iter_mut().zip([(&one.cx, other.id), (&other.cx, one.id)]) {
        *made = Made {
            ignores: random.below(3) == 0,
            avoids: random.below(3) == 0,
            blocks: random.below(4) == 0,
        };
        if made.ignores {
            relationships::ignore(cx, Ignore { user_id }).await.unwrap();
        }
        if made.avoids {
            relationships::avoid(cx, Avoid { user_id }).await.unwrap();
        }
        if made.blocks {
            relationships::block(cx, Block { user_id }).await.unwrap();
        }
    }
    (made, is_friend && !made.iter().any(|made| made.blocks))
}

fn some_privacy(random: &dyn Random) -> Privacy {
    let who =
        || [Who::Nobody, Who::Friends, Who::Played, Who::Everybody, Who::Everybody][random.below(5) as usize];
    Privacy {
        messages: who(),
        message_requests: random.below(2) == 0,
        invites: who(),
        friend_requests: who(),
        followers: who(),
        presence: who(),
        history: who(),
        find_by_email: who(),
        hide_lobbies_of_blocked: random.below(2) == 0,
    }
}

/// What there is between two of whom the one tries everything, and how the other one lets people.
struct Case {
    own: Made,
    others: Made,
    is_friend: bool,
    has_played: bool,
    privacy: Privacy,
}

impl Case {
    /// Whether the other one lets somebody like the one.
    fn lets(&self, who: Who) -> bool {
        match who {
            Who::Nobody => false,
            Who::Friends => self.is_friend,
            Who::Played => self.is_friend || self.has_played,
            Who::Everybody => true,
        }
    }
}

async fn direct(cx: &Cx, other: UserId) -> Result<RoomId, &'static str> {
    let opened = communication::open_direct(cx, OpenDirect { user_id: other }).await;
    match opened {
        Ok(room) => Ok(room.id),
        Err(error) => Err(code::<(), _>(Err(error))),
    }
}

async fn writes(case: &Case, one: &Player, other: &mut Player) {
    let allowed = case.lets(case.privacy.messages);
    let reaches = !case.own.blocks && (allowed || case.privacy.message_requests);
    let opened = direct(&one.cx, other.id).await;
    assert_eq!(opened.is_ok(), reaches, "whatever the other one hides");
    let Ok(room_id) = opened else { return };
    other.heard();
    let sent = greets(one, other, room_id).await;
    assert_eq!(
        (sent.text.as_str(), sent.mentions.as_slice(), sent.is_hidden),
        ("well met", &[other.id][..], false)
    );
    let is_hidden = case.others.blocks || case.others.ignores;
    let heard = other.heard();
    let told = heard.iter().any(|event| matches!(event, Event::MessageSent(_)));
    let requested = heard.iter().any(|event| matches!(event, Event::ContactRequested(_)));
    assert_eq!((told, requested), (allowed && !is_hidden, !allowed && !is_hidden), "{heard:?}");
    assert!(is_hidden || !heard.is_empty());
    assert!(!is_hidden || heard.is_empty(), "nothing at all: {heard:?}");
    let unread = communication::unread(&other.cx, ReadUnread {}).await.unwrap();
    let count = i64::from(allowed && !is_hidden);
    assert_eq!((unread.messages, unread.mentions), (count, count));
    reads_back(one, other, &sent, is_hidden).await;
}

/// Somewhere where both are, whoever brought them there.
async fn speaks(case: &Case, one: &Player, other: &mut Player, room_id: RoomId) {
    other.heard();
    let sent = greets(one, other, room_id).await;
    let is_hidden = case.others.blocks || case.others.ignores;
    let heard = other.heard();
    assert_eq!(heard.is_empty(), is_hidden, "{heard:?}");
    let unread = communication::unread(&other.cx, ReadUnread {}).await.unwrap();
    // Whoever blocks somebody has nobody told of anything about them either.
    assert_eq!(unread.mentions, i64::from(!is_hidden && !case.own.blocks));
    reads_back(one, other, &sent, is_hidden).await;
}

async fn greets(one: &Player, other: &Player, room_id: RoomId) -> Message {
    let message = SendMessage {
        room_id,
        text: "well met".into(),
        attachments: Vec::new(),
        reply_to: None,
        mentions: vec![other.id],
    };
    communication::send(&one.cx, message).await.unwrap()
}

/// What a message is in the histories of the two.
async fn reads_back(one: &Player, other: &Player, sent: &Message, is_hidden: bool) {
    let room_id = sent.room_id;
    let page = || ReadHistory { room_id, before: None, after: None, around: None, limit: None };
    let of_sender = communication::history(&one.cx, page()).await.unwrap().items;
    assert_eq!(of_sender.last(), Some(sent), "the sender sees no difference");
    let of_other = communication::history(&other.cx, page()).await.unwrap().items;
    let read = of_other.last().unwrap();
    assert_eq!((read.is_hidden, read.text.is_empty()), (is_hidden, is_hidden));
    // Whatever was read is read.
    communication::mark_read(&other.cx, MarkRead { room_id, seq: sent.seq }).await.unwrap();
}

async fn invites(case: &Case, one: &Player, other: &mut Player) {
    let allowed = !case.own.blocks && case.lets(case.privacy.invites);
    let party_id = parties::create(&one.cx, CreateParty::default()).await.unwrap().id;
    other.heard();
    let invited = parties::invite(&one.cx, InviteToParty { party_id, user_id: other.id }).await;
    let expected = match allowed {
        false => "player_unreachable",
        // As they look.
        true if case.others.blocks => "player_offline",
        true => "ok",
    };
    assert_eq!(code(invited), expected);
    let told = other.heard().iter().any(|event| matches!(event, Event::PartyInvited(_)));
    assert_eq!(told, expected == "ok");
    parties::leave(&one.cx, LeaveParty { party_id }).await.unwrap();

    let invite = InviteToLobby { lobby_id: one.lobby, user_id: other.id };
    let invited = code(lobbies::invite(&one.cx, invite.clone()).await);
    assert_eq!(invited, if allowed { "ok" } else { "lobby_user_unreachable" });
    let told = other.heard().iter().any(|event| matches!(event, Event::LobbyInvited(_)));
    assert_eq!(told, allowed && !case.others.blocks);
    let uninvite = moothall_protocol::lobbies::UninviteFromLobby { lobby_id: one.lobby, user_id: other.id };
    lobbies::uninvite(&one.cx, uninvite).await.unwrap();

    let group = CreateGroup { name: None, user_ids: vec![other.id] };
    // Nobody but friends, so that it is refused to who is blocked as to any stranger.
    let brought = allowed && case.is_friend;
    let made = communication::create_group(&one.cx, group).await;
    assert_eq!(made.is_ok(), brought);
    let told = other.heard().iter().any(|event| matches!(event, Event::RoomJoined(_)));
    assert_eq!(told, brought);
    if let Ok(group) = made {
        let add = AddMember { room_id: group.id, user_id: other.id, reason: None };
        communication::add_member(&one.cx, add).await.unwrap();
        let leave = moothall_protocol::communication::LeaveRoom { room_id: group.id };
        communication::leave(&other.cx, leave.clone()).await.unwrap();
        communication::leave(&one.cx, leave).await.unwrap();
    }
}

async fn looks_around(case: &Case, one: &Player, other: &Player) {
    let is_blocked = case.own.blocks || case.others.blocks;
    let is_seen = !is_blocked && case.lets(case.privacy.presence);
    let seen = connections::get_presence(&one.cx, GetPresence { user_id: other.id }).await.unwrap();
    assert_eq!(seen.is_online, is_seen);
    let watch = connections::watch(&one.cx, WatchPresence { user_ids: vec![other.id] }).await.unwrap();
    assert_eq!(watch.users, [seen]);
    let unwatch = moothall_protocol::connections::UnwatchPresence { watch_id: watch.watch_id };
    connections::unwatch(&one.cx, unwatch).await.unwrap();

    let wanted = ListMatches { user_id: Some(other.id), ..ListMatches::default() };
    let history = code(matches::list(&one.cx, wanted).await);
    let is_shown = case.lets(case.privacy.history);
    assert_eq!(history, if is_shown { "ok" } else { "not_found" }, "as to any stranger");

    let listed = lobbies::list(&one.cx, ListLobbies::default()).await.unwrap().items;
    let is_listed = listed.iter().any(|lobby| lobby.id == other.lobby);
    let mine = privacy::of(&one.cx, one.id).await.unwrap();
    let hides = case.others.blocks || (case.own.blocks && mine.hide_lobbies_of_blocked);
    assert_eq!(is_listed, !hides);
    let got = code(lobbies::get(&one.cx, GetLobby { lobby_id: other.lobby }).await);
    assert_eq!(got, if hides { "not_found" } else { "ok" });
    // As into any other: what keeps them out of this one is looked at last.
    assert_eq!(code(join(one, other.lobby).await), "already_in_lobby");

    let found = relationships::find_by_email(&one.cx, FindByEmail { email: other.email.clone() }).await;
    let is_found = case.lets(case.privacy.find_by_email);
    assert_eq!(found.map(|found| found.id).ok(), is_found.then_some(other.id), "as by any stranger");

    let played = matches::recent_players(&one.cx, ListRecentPlayers::default()).await.unwrap().items;
    let met: Vec<UserId> = played.into_iter().map(|met| met.user.id).collect();
    assert_eq!(met, if case.has_played { vec![other.id] } else { Vec::new() }, "they were there");
}

async fn join(one: &Player, lobby_id: LobbyId) -> Result<(), lobbies::Error> {
    let join = JoinLobby { lobby_id, password: None, wish: None, reason: None };
    lobbies::join(&one.cx, join).await.map(drop)
}

/// Goes into the lobby of the other one, and comes back into one of their own.
async fn visits(case: &Case, one: &mut Player, other: &Player) {
    lobbies::leave(&one.cx, LeaveLobby { lobby_id: one.lobby }).await.unwrap();
    let joined = code(join(one, other.lobby).await);
    let expected = match (case.others.blocks, case.own.blocks) {
        // As if it were not there.
        (true, _) => "not_found",
        (false, true) => "lobby_players_blocked",
        (false, false) => "ok",
    };
    assert_eq!(joined, expected);
    if joined == "ok" {
        lobbies::leave(&one.cx, LeaveLobby { lobby_id: other.lobby }).await.unwrap();
    }
    one.lobby = opened(&one.cx).await;
}

/// A match of two, hosted by somebody else.
async fn played(host: &Cx, players: [&Player; 2]) {
    let seat = |user| Seat { user, team: Some(1), party: None, role: None, properties: Map::new() };
    let begin = Begin {
        id: host.new_id(),
        lobby_id: host.new_id(),
        lobby_version: 1,
        name: "Den".into(),
        mode: "duel".into(),
        map: None,
        hosting: Hosting::By(host.user().unwrap()),
        host_kind: HostKind::Player,
        is_rated: false,
        is_hidden: false,
        tags: Vec::new(),
        settings: Map::new(),
        private: Map::new(),
        seats: players.map(|player| seat(player.id)).into(),
        bots: BTreeMap::new(),
    };
    let match_id = begin.id;
    Cx::server(host.hall()).write(move |tx| matches::begin(tx, begin.clone())).await.unwrap();
    let ready = ReadyMatch { match_id, addresses: Vec::new(), connection: Map::new() };
    matches::ready(host, ready).await.unwrap();
    matches::end(host, EndMatch { match_id }).await.unwrap();
}

/// A room of somebody else where both are.
async fn tavern(host: &Cx, players: [&Player; 2]) -> RoomId {
    let room_id = communication::create_room(host, room("Tavern")).await.unwrap().id;
    for player in players {
        communication::join(&player.cx, JoinRoom { room_id }).await.unwrap();
    }
    room_id
}

async fn asks(case: &Case, one: &Player, other: &mut Player) {
    let user_id = other.id;
    other.heard();
    let asked = code(relationships::ask(&one.cx, AskFriend { user_id, message: None }).await);
    let expected = match (case.own.blocks, case.is_friend) {
        (true, _) => "user_blocked",
        (_, true) => "already_friends",
        _ if case.lets(case.privacy.friend_requests) => "ok",
        _ => "user_unwelcoming",
    };
    assert_eq!(asked, expected);
    let is_hidden = case.others.blocks || case.others.ignores;
    assert_eq!(!other.heard().is_empty(), asked == "ok" && !is_hidden);
    if asked == "ok" {
        relationships::cancel(&one.cx, CancelFriend { user_id }).await.unwrap();
        assert_eq!(!other.heard().is_empty(), !is_hidden);
    }
    let followed = code(relationships::follow(&one.cx, Follow { user_id }).await);
    let is_welcome = case.lets(case.privacy.followers);
    let expected = match (case.own.blocks, is_welcome) {
        (true, _) => "user_blocked",
        (_, true) => "ok",
        _ => "user_unwelcoming",
    };
    assert_eq!(followed, expected);
    assert_eq!(!other.heard().is_empty(), followed == "ok" && !case.others.blocks);
}

/// What one sees of a relationship says nothing of what the other one keeps to themselves.
async fn sees(case: &Case, one: &Player, other: &Player) {
    let seen: Relationship =
        relationships::get(&one.cx, GetRelationship { user_id: other.id }).await.unwrap();
    assert_eq!(
        (seen.is_ignored, seen.is_avoided, seen.is_blocked),
        (case.own.ignores, case.own.avoids, case.own.blocks)
    );
}

#[tokio::test]
async fn no_way_leads_to_who_shuts_it_and_none_tells_that_it_is_shut() {
    for seed in seeds(12) {
        let random: Arc<dyn Random> = SeededRandom::from_seed(seed);
        on_both_engines(async |hall| {
            let (mut one, mut other) = (Player::new(hall, "ana").await, Player::new(hall, "ben").await);
            let host = hall.call(hall.user("Cleo").await, &[]);
            let has_played = random.below(2) == 0;
            if has_played {
                played(&host, [&one, &other]).await;
            }
            let ([of_one, of_other], is_friend) = relate(&*random, &one, &other).await;
            eprintln!("seed {seed}: {of_one:?} {of_other:?} friends: {is_friend} played: {has_played}");
            let mut privacies = Vec::new();
            for player in [&one, &other] {
                let privacy = some_privacy(&*random);
                privacy::set(&hall.server(), player.id, privacy.clone()).await;
                privacies.push(privacy);
            }
            let tavern = tavern(&host, [&one, &other]).await;
            one.heard();
            for turn in 0..2 {
                let (own, others) = if turn == 0 { (of_one, of_other) } else { (of_other, of_one) };
                let case = Case { own, others, is_friend, has_played, privacy: privacies[1 - turn].clone() };
                sees(&case, &one, &other).await;
                looks_around(&case, &one, &other).await;
                invites(&case, &one, &mut other).await;
                visits(&case, &mut one, &other).await;
                speaks(&case, &one, &mut other, tavern).await;
                asks(&case, &one, &mut other).await;
                if turn == 0 {
                    writes(&case, &one, &mut other).await;
                }
                if is_friend && turn == 1 {
                    relationships::remove(&one.cx, RemoveFriend { user_id: other.id }).await.unwrap();
                }
                std::mem::swap(&mut one, &mut other);
            }
        })
        .await;
    }
}
