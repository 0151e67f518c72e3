//! `session.ready`: what a client needs to draw itself, put together from the contexts. The way of every door to a [`Stream`].
//!
//! Start at [`open`]. Promise: between what the snapshot says and the events behind it nothing is missing. The stream collects
//! first and the snapshot is read after that, so what happens meanwhile is seen in both at worst, and a client takes the
//! newer version.

use moothall_protocol::UserId;
use moothall_protocol::accounts::Me;
use moothall_protocol::communication::Unread;
use moothall_protocol::connections::Ready;
use moothall_protocol::lobbies::OwnLobbies;
use moothall_protocol::matches::OwnMatches;
use moothall_protocol::notifications::Inbox;
use moothall_protocol::parties::OwnParties;
use moothall_protocol::relationships::OwnFriends;
use moothall_protocol::restrictions::OwnRestrictions;
use moothall_protocol::settings::UserSection;

use crate::connections::{self, Attached, Begun, Error, Opening, Resume, Stream};
use crate::hall::TOPICS_BY_PERMISSION;
use crate::{
    Cx, Topic, accounts, communication, lobbies, matches, notifications, parties, relationships,
    restrictions, settings, system,
};

/// How often a snapshot is read again, because more happened meanwhile than the outbox holds.
const ATTEMPTS: u32 = 3;

/// What one look at the database says of a user.
struct Looked {
    me: Me,
    /// Of the rooms, the party, the lobbies and the matches they are in.
    topics: Vec<Topic>,
    friends: relationships::Own,
    parties: OwnParties,
    lobbies: OwnLobbies,
    matches: OwnMatches,
    restrictions: OwnRestrictions,
    settings: Vec<UserSection>,
    inbox: Inbox,
    /// Not looked up while there are topics that nobody listens to yet.
    unread: Option<Unread>,
}

/// Attaches a socket to the caller's session: its stream goes on where `resume` says, or begins afresh with a snapshot.
pub async fn open(cx: &Cx, resume: Option<&Resume>) -> Result<Stream, Error> {
    if let Some(restricted) = &cx.require_identity()?.restricted {
        // What a limited token opens needs no socket.
        return Err(crate::Error::Restricted(Box::new(restricted.as_ref().clone())).into());
    }
    let mut opening = match connections::attach(cx, resume).await? {
        Attached::Resumed(stream) => return Ok(stream),
        Attached::Opening(opening) => opening,
    };
    let user = cx.require_user()?;
    opening
        .collect(matches::topics_of(cx, user).into_iter().chain([Topic::RemoteConfig]).collect::<Vec<_>>())?;
    // For who is nowhere this is the snapshot itself: all they hear of is being collected.
    let mut looked = look(cx, user, false).await?;
    // Before anything is told: the presence in it says where the user is.
    if let Some(party) = &looked.parties.party {
        parties::arrive(cx, user, party.id).await;
    }
    if looked.lobbies.lobby.is_some() {
        lobbies::arrive(cx, user).await;
    }
    if !looked.matches.hosted.is_empty() || !looked.matches.playing.is_empty() {
        matches::arrive(cx, user).await;
    }
    for _ in 0..ATTEMPTS {
        if looked.unread.is_none() {
            opening.expect(looked.topics);
            // Once more, now that nothing is missed: the user may have come to another room meanwhile.
            looked = look(cx, user, true).await?;
        }
        let mut topics = std::mem::take(&mut looked.topics);
        topics.extend(matches::topics_of(cx, user));
        topics.push(Topic::RemoteConfig);
        let ready = ready(cx, &opening, looked).await?;
        match opening.begin(&topics, ready)? {
            Begun::Stream(stream) => return Ok(stream),
            Begun::Again(again) => opening = again,
        }
        opening.collect(topics)?;
        looked = look(cx, user, true).await?;
    }
    Err(crate::Error::Unavailable.into())
}

async fn look(cx: &Cx, user: UserId, is_heard: bool) -> Result<Looked, Error> {
    let kept = accounts::own_kept(cx, user);
    let changes = relationships::changes(cx);
    let read = cx.read(move |tx| {
        let me = match &kept {
            Some(me) => me.clone(),
            None => accounts::own(tx, user).map_err(accounts::Error::into_common)?,
        };
        let mut topics = communication::topics(tx, user).map_err(communication::Error::into_common)?;
        let friends = relationships::own(tx, user).map_err(relationships::Error::into_common)?;
        let parties = parties::of_user(tx, user).map_err(parties::Error::into_common)?;
        topics.extend(parties.party.iter().map(|party| Topic::Party(party.id)));
        let by_permission = TOPICS_BY_PERMISSION.into_iter();
        topics.extend(by_permission.filter(|(may, _)| tx.cx().can(*may)).map(|(_, topic)| topic));
        let lobbies = lobbies::of_user(tx, user).map_err(lobbies::Error::into_common)?;
        let own = lobbies.lobby.iter().map(|own| own.lobby.id);
        topics.extend(own.chain(lobbies.hosted.iter().copied()).map(Topic::Lobby));
        let matches = matches::of_user(tx, user).map_err(matches::Error::into_common)?;
        topics.extend(matches::topics(tx, user).map_err(matches::Error::into_common)?);
        let settings = settings::of_session(tx, user)?;
        let inbox = notifications::of_session(tx, user)?;
        let is_complete = is_heard || topics.is_empty();
        let unread = is_complete
            .then(|| communication::unread_of(tx, user))
            .transpose()
            .map_err(communication::Error::into_common)?;
        let restrictions = restrictions::own_of(tx, user)?;
        Ok::<_, Error>(Looked {
            me,
            topics,
            friends,
            parties,
            lobbies,
            matches,
            restrictions,
            settings,
            inbox,
            unread,
        })
    });
    let mut looked = read.await?;
    looked.friends.keep(cx, changes);
    Ok(looked)
}

async fn ready(cx: &Cx, opening: &Opening, looked: Looked) -> Result<Ready, Error> {
    let Looked { me, friends, parties, lobbies, matches, restrictions, settings, inbox, unread, .. } = looked;
    let connections::Friends { watch_id, version, online } = opening.tune(cx).await?;
    let [friends, requests] = friends.told(cx).await?;
    Ok(Ready {
        session_id: opening.session_id(),
        resume_token: opening.token().to_owned(),
        user_id: me.id,
        me: Box::new(me),
        server_version: env!("CARGO_PKG_VERSION").to_owned(),
        server_time: cx.now(),
        limits: system::limits_by_name(),
        rates: system::rates(cx.hall()),
        presence: connections::own_presence(cx).await?,
        unread: unread.unwrap_or_default(),
        friends: OwnFriends { friends, requests, watch_id, version, online },
        parties,
        lobbies,
        matches,
        restrictions,
        settings,
        inbox,
    })
}
