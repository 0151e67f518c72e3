//! What of others reaches a session by itself: how friends stand, and nothing that those say whom its user does not want to hear.
//!
//! Both follow relationships while the session is live: [`revise`] is called after every change. Whoever begins to listen looks again after
//! that, so that no change falls between the look and the listening.

use std::collections::HashSet;

use moothall_protocol::connections::Presence;
use moothall_protocol::{UserId, WatchId};

use super::stream::Opening;
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
            session.outbox.be_deaf_to(reach::silenced(cx, user).await?);
            let friends = reach::friends(cx, user).await?;
            let visible = may_see(cx, &friends).await?;
            let watched = self.watch(cx, &visible, &friends)?;
            if *reach::circle(cx, user).await? == *circle {
                return Ok(watched);
            }
        }
    }

    fn watch(&self, cx: &Cx, visible: &HashSet<UserId>, friends: &[UserId]) -> Result<Friends, Error> {
        let (session, hall) = (self.session(), cx.hall());
        let mut state = session.state().ok_or(Error::NotConnected)?;
        let (watch_id, version, online) = hall.connections().watches.add_friends(
            cx.new_id(),
            session.user_id,
            visible,
            friends,
            |watch| state.subscribe(hall.topics(), &session.outbox, Topic::Presence(watch)),
        );
        state.watches.insert(watch_id, 0);
        Ok(Friends { watch_id, version, online })
    }
}

/// Something is different between these two: what the one hears and sees of the other follows.
pub(crate) async fn revise(cx: &Cx, viewer: UserId, other: UserId) -> Result<(), crate::Error> {
    let live = cx.hall().connections();
    let sessions = live.of_user(viewer);
    if sessions.is_empty() {
        return Ok(());
    }
    let silenced = reach::silenced(cx, viewer).await?;
    for session in sessions {
        session.outbox.be_deaf_to(silenced.clone());
    }
    let is_seen = sees(cx, other, &[viewer]).await?.contains(&viewer);
    live.watches.revise(viewer, other, is_seen, reach::is_friend(cx, viewer, other).await?);
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
