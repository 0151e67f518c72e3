//! What of others reaches a session by itself: how friends stand, and nothing that those say whom its user does not want to hear.
//!
//! Both follow relationships while the session is live: [`revise`] is called after every change. Whoever begins to listen looks again after
//! that, so that no change falls between the look and the listening.

use std::collections::HashSet;
use std::sync::Arc;

use moothall_protocol::connections::Presence;
use moothall_protocol::{UserId, WatchId};

use super::session::Session;
use super::stream::Opening;
use super::watches::of_friends;
use super::{Error, may_see};
use crate::reach::{self, How, Reach};
use crate::{Cx, Topic};

/// A session's watch on friends, and those of them who are there.
#[derive(Debug)]
pub(crate) struct Friends {
    pub watch_id: WatchId,
    pub version: u64,
    pub online: Vec<Presence>,
}

impl Opening {
    /// Has the session hear from here on how friends stand, and nothing of what those say whom its user does not want to hear.
    pub async fn tune(&self, cx: &Cx) -> Result<Friends, Error> {
        let session = self.session();
        let user = session.user_id;
        loop {
            let circle = reach::circle(cx, user).await?;
            session.outbox.be_deaf_to(&Arc::new(reach::silenced(cx, user).await?));
            let friends = reach::friends(cx, user).await?;
            let has_watch = cx.hall().connections().watches.has(of_friends(user));
            let watched = match friends.is_empty() && !has_watch {
                // The first one begins it.
                true => Friends { watch_id: of_friends(user), version: 1, online: Vec::new() },
                false => watch(cx, session, &may_see(cx, &friends).await?, &friends)?,
            };
            if *reach::circle(cx, user).await? == *circle {
                return Ok(watched);
            }
        }
    }
}

fn watch(
    cx: &Cx,
    session: &Session,
    visible: &HashSet<UserId>,
    friends: &[UserId],
) -> Result<Friends, Error> {
    let hall = cx.hall();
    let mut state = session.state().ok_or(Error::NotConnected)?;
    let watches = &hall.connections().watches;
    let (watch_id, version, online) = watches.add_friends(session.user_id, visible, friends, |watch| {
        state.subscribe(hall.topics(), &session.outbox, Topic::Presence(watch))
    });
    state.watches.insert(watch_id, 0);
    Ok(Friends { watch_id, version, online })
}

/// Something is different between these two: what the one hears and sees of the other follows.
pub(crate) async fn revise(cx: &Cx, viewer: UserId, other: UserId) -> Result<(), crate::Error> {
    let live = cx.hall().connections();
    let sessions = live.of_user(viewer);
    if sessions.is_empty() {
        return Ok(());
    }
    let silenced = Arc::new(reach::silenced(cx, viewer).await?);
    let is_friend = reach::is_friend(cx, viewer, other).await?;
    for session in sessions {
        session.outbox.be_deaf_to(&silenced);
        let has_none = session.state().is_some_and(|state| !state.watches.contains_key(&of_friends(viewer)));
        if is_friend && has_none {
            // What is new is told behind it. A session that ends meanwhile needs none.
            let _ = watch(cx, &session, &HashSet::new(), &[]);
        }
    }
    let is_seen = sees(cx, other, &[viewer]).await?.contains(&viewer);
    live.watches.revise(viewer, other, is_seen, is_friend);
    Ok(())
}

/// A user lets others see them than before: what those who watch see of them follows.
pub(crate) async fn revise_viewers(cx: &Cx, user: UserId) -> Result<(), crate::Error> {
    let watches = &cx.hall().connections().watches;
    let viewers: Vec<UserId> = watches.viewers_of(user).into_iter().collect();
    let seeing = sees(cx, user, &viewers).await?;
    for viewer in viewers {
        watches.revise_sight(viewer, user, seeing.contains(&viewer));
    }
    Ok(())
}

/// Which of these see how a user stands.
async fn sees(cx: &Cx, user: UserId, viewers: &[UserId]) -> Result<Vec<UserId>, crate::Error> {
    let reached = reach::reached_by(cx, user, viewers, How::SeePresence).await?;
    Ok(reached.into_iter().filter(|(_, reach)| *reach == Reach::Yes).map(|(viewer, _)| viewer).collect())
}
