//! Every way from one user to another in a running hall, for random relationships and settings: nobody gets through who should not, and
//! nobody learns of what they should not know.

use moothall_protocol::accounts::SignedIn;
use moothall_protocol::communication::{
    AddMember, CreateGroup, OpenDirect, ReadHistory, ReadUnread, SendMessage,
};
use moothall_protocol::connections::{GetPresence, WatchPresence};
use moothall_protocol::lobbies::{GetLobby, InviteToLobby, JoinLobby, ListLobbies, OpenLobby};
use moothall_protocol::matches::ListMatches;
use moothall_protocol::parties::{CreateParty, InviteToParty, LeaveParty};
use moothall_protocol::relationships::{
    AskFriend, Avoid, Block, CancelFriend, Follow, GetRelationship, Ignore, Relationship, RemoveFriend,
};
use moothall_protocol::{Event, LobbyId, RoomId};

use super::*;
use crate::accounts::testing::{self as people, code, with_accounts};
use crate::connections::{self, Stream};
use crate::testing::{Ear, TestHall, seeds};
use crate::{Random, SeededRandom, communication, lobbies, parties, snapshot};

/// A player who is connected and hosts a lobby.
struct Player {
    cx: Cx,
    id: UserId,
    lobby: LobbyId,
    stream: Stream,
}

impl Player {
    async fn new(hall: &TestHall) -> Self {
        let signed_in: SignedIn = people::sign_up_guest(&hall.hall).await;
        let cx = people::call(&hall.hall, &signed_in).await;
        let stream = snapshot::open(&cx, None).await.unwrap();
        let opening = OpenLobby {
            name: "Den".into(),
            mode: "free".into(),
            host_kind: None,
            on_host_loss: None,
            access: None,
            password: None,
            map: None,
            teams: None,
            is_rated: None,
            has_bosses: None,
            tags: Vec::new(),
            properties: None,
        };
        let lobby = lobbies::open(&cx, opening).await.unwrap().lobby.id;
        Self { cx, id: signed_in.user.id, lobby, stream }
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
    let who = || [Who::Nobody, Who::Friends, Who::Everybody, Who::Everybody][random.below(4) as usize];
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

/// Whether a privacy lets somebody.
fn lets(who: Who, is_friend: bool) -> bool {
    who == Who::Everybody || (who != Who::Nobody && is_friend)
}

/// What there is between two of whom the one tries everything, and how the other one lets people.
struct Case {
    own: Made,
    others: Made,
    is_friend: bool,
    privacy: Privacy,
}

async fn direct(cx: &Cx, other: UserId) -> Result<RoomId, &'static str> {
    let opened = communication::open_direct(cx, OpenDirect { user_id: other }).await;
    match opened {
        Ok(room) => Ok(room.id),
        Err(error) => Err(code::<(), _>(Err(error))),
    }
}

async fn writes(case: &Case, one: &Player, other: &mut Player) {
    let allowed = lets(case.privacy.messages, case.is_friend);
    let reaches = !case.own.blocks && (allowed || case.privacy.message_requests);
    let opened = direct(&one.cx, other.id).await;
    assert_eq!(opened.is_ok(), reaches, "whatever the other one hides");
    let Ok(room_id) = opened else { return };
    other.heard();
    let message = SendMessage {
        room_id,
        text: "well met".into(),
        attachments: Vec::new(),
        reply_to: None,
        mentions: vec![other.id],
    };
    let sent = communication::send(&one.cx, message).await.unwrap();
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
    let page = |room_id| ReadHistory { room_id, before: None, after: None, around: None, limit: None };
    let of_sender = communication::history(&one.cx, page(room_id)).await.unwrap().items;
    assert_eq!(of_sender.last(), Some(&sent), "the sender sees no difference");
    let of_other = communication::history(&other.cx, page(room_id)).await.unwrap().items;
    let read = of_other.last().unwrap();
    assert_eq!((read.is_hidden, read.text.is_empty()), (is_hidden, is_hidden));
    // Whatever was read is read.
    let input = moothall_protocol::communication::MarkRead { room_id, seq: sent.seq };
    communication::mark_read(&other.cx, input).await.unwrap();
}

async fn invites(case: &Case, one: &Player, other: &mut Player) {
    let allowed = !case.own.blocks && lets(case.privacy.invites, case.is_friend);
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
    let is_seen = !is_blocked && lets(case.privacy.presence, case.is_friend);
    let seen = connections::get_presence(&one.cx, GetPresence { user_id: other.id }).await.unwrap();
    assert_eq!(seen.is_online, is_seen);
    let watch = connections::watch(&one.cx, WatchPresence { user_ids: vec![other.id] }).await.unwrap();
    assert_eq!(watch.users, [seen]);
    let unwatch = moothall_protocol::connections::UnwatchPresence { watch_id: watch.watch_id };
    connections::unwatch(&one.cx, unwatch).await.unwrap();

    let wanted = ListMatches { user_id: Some(other.id), ..ListMatches::default() };
    let history = code(matches::list(&one.cx, wanted).await);
    let is_shown = lets(case.privacy.history, case.is_friend);
    assert_eq!(history, if is_shown { "ok" } else { "not_found" }, "as to any stranger");

    let listed = lobbies::list(&one.cx, ListLobbies::default()).await.unwrap().items;
    let is_listed = listed.iter().any(|lobby| lobby.id == other.lobby);
    let mine = privacy::of(&one.cx, one.id).await.unwrap();
    let hides = case.others.blocks || (case.own.blocks && mine.hide_lobbies_of_blocked);
    assert_eq!(is_listed, !hides);
    let got = code(lobbies::get(&one.cx, GetLobby { lobby_id: other.lobby }).await);
    assert_eq!(got, if hides { "not_found" } else { "ok" });
    let join = JoinLobby { lobby_id: other.lobby, password: None, wish: None, reason: None };
    let joined = lobbies::join(&one.cx, join).await;
    // As into any other: what keeps them out of this one is looked at last.
    assert_eq!(code(joined), "already_in_lobby");
}

async fn asks(case: &Case, one: &Player, other: &mut Player) {
    let user_id = other.id;
    other.heard();
    let asked = code(relationships::ask(&one.cx, AskFriend { user_id, message: None }).await);
    let expected = match (case.own.blocks, case.is_friend) {
        (true, _) => "user_blocked",
        (_, true) => "already_friends",
        _ if case.privacy.friend_requests == Who::Everybody => "ok",
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
    let is_welcome = lets(case.privacy.followers, case.is_friend);
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
    for seed in seeds(6) {
        let random = SeededRandom::from_seed(seed);
        with_accounts(async |hall| {
            let (mut one, mut other) = (Player::new(hall).await, Player::new(hall).await);
            let ([of_one, of_other], is_friend) = relate(&*random, &one, &other).await;
            eprintln!("seed {seed}: {of_one:?} {of_other:?} friends: {is_friend}");
            let mut privacies = Vec::new();
            for player in [&one, &other] {
                let privacy = some_privacy(&*random);
                privacy::set(&hall.server(), player.id, privacy.clone()).await;
                privacies.push(privacy);
            }
            one.heard();
            for turn in 0..2 {
                let (own, others) = if turn == 0 { (of_one, of_other) } else { (of_other, of_one) };
                let case = Case { own, others, is_friend, privacy: privacies[1 - turn].clone() };
                sees(&case, &one, &other).await;
                looks_around(&case, &one, &other).await;
                invites(&case, &one, &mut other).await;
                asks(&case, &one, &mut other).await;
                if turn == 0 {
                    writes(&case, &one, &mut other).await;
                }
                if is_friend && turn == 1 {
                    relationships::remove(&one.cx, RemoveFriend { user_id: other.id }).await.unwrap();
                }
                std::mem::swap(&mut one, &mut other);
            }
            let _ = Ear::of(hall, &one.cx);
        })
        .await;
    }
}
