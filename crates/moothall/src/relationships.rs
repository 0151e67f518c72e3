//! Relationships: friends, those one follows, and those one would rather not meet.
//!
//! Start at [`operations`]. Each of them is a [`side::Change`] of what one user made of their relationship with another
//! (`relationships/side.rs`), carried out in one transaction with both sides at hand. Who may reach whom is another matter: every context asks
//! [`crate::reach`], which looks at the [`circle`](circle::Circle) of one of the two and at the other one's [`Privacy`].
//!
//! Promises: friends are friends of each other, also if both ask in the same moment; a user is told of a relationship exactly when it looks
//! otherwise to *them*; and **nobody learns that they are ignored, avoided or blocked**:
//!
//! * what they are shown does not depend on it ([`side::Side::shown`]), nor do refusals ([`side::Change::carry_out`]) and bounds;
//! * a friend request to somebody who ignores or blocks them is there, and simply never answered; one that was there stays;
//! * a direct message looks delivered, and the other one is never shown it; so does an invite into a lobby;
//! * who is blocked sees the other one offline, like somebody who is invisible, and is told so wherever one must be online;
//! * a lobby whose host blocks them is not there, like one for the invited;
//! * where neither is possible (groups, member-only rooms) nobody but friends brings somebody in, and a block ends a friendship;
//! * what they see of the past, such as matches, and whom they find by an address, they see like any stranger;
//! * the same questions are asked of the same tables whatever the answer is, so that time tells nothing.
//!
//! What a block ends openly (a friendship, a request or a following of the one who blocks) looks as if that alone had been ended.

pub(crate) mod circle;
mod error;
mod follow;
mod lists;
pub(crate) mod privacy;
mod purge;
mod side;
mod store;

use std::sync::Arc;
use std::time::Duration;

use moothall_protocol::accounts::UserSummary;
use moothall_protocol::relationships::{
    AcceptFriend, AskFriend, Avoid, Block, CancelFriend, DeclineFriend, Follow, Ignore, NoteRelationship,
    Related, Relationship, RemoveFriend, Unavoid, Unblock, Unfollow, Unignore,
};
use moothall_protocol::{Event, Timestamp, UserId};
use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cx::Tx;
use crate::following::Following;
use crate::operation::{Access, Operations, Rate};
use crate::reach::{self, How, Reach};
use crate::restrictions::types::DIRECT_MESSAGE;
use crate::restrictions::{self, Scope};
use crate::{Cx, Permission, Topic, accounts, filter, sweep};
use circle::{Circle, Circles};
pub use error::Error;
pub(crate) use follow::{Forget, forget, on_changed, settled};
pub(crate) use lists::{Own, own};
pub use lists::{find_by_email, get, list, read};
pub use privacy::Privacy;
pub use purge::preview_purge;
use side::{Change, Side};
use store::Counted;

pub(crate) use store::{STATEMENTS, export};

/// Sees how much would end with users who are gone.
pub const PREVIEW: Permission = Permission("relationships.preview_purge");

/// As many friends as any site lets a user have.
const FRIENDS_MAX: usize = 1_000;

/// Settings of relationships.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Friends of one user.
    #[schemars(range(max = FRIENDS_MAX))]
    pub friends_max: u32,
    /// Friend requests of one user that wait for an answer, and as many that wait for theirs.
    #[schemars(range(max = 1_000))]
    pub requests_max: u32,
    /// Users whom one user follows.
    #[schemars(range(max = 1_000))]
    pub followed_max: u32,
    /// Users whom one user ignores.
    #[schemars(range(max = 1_000))]
    pub ignored_max: u32,
    /// Users whom one user avoids: each makes fair matches rarer.
    #[schemars(range(max = 100))]
    pub avoided_max: u32,
    /// Users whom one user blocks.
    #[schemars(range(max = 1_000))]
    pub blocked_max: u32,
    /// Users about whom one user has notes.
    #[schemars(range(max = 5_000))]
    pub notes_max: u32,
    /// Days after which nobody is avoided any more unless they are avoided anew; without it, avoiding does not end by itself.
    #[schemars(range(min = 1, max = 3_650))]
    pub avoid_days: Option<u32>,
    /// Days without a sign of life after which nobody follows a user any more, and friend requests from and to them are withdrawn. Without
    /// it, neither ends by itself; `relationships.preview_purge` says how much it would be.
    #[schemars(range(min = 30, max = 3_650))]
    pub inactive_days: Option<u32>,
    /// Minutes for which somebody must be avoided before it counts, so that nobody does it for the next game alone.
    #[schemars(range(max = 10_080))]
    pub avoid_after_minutes: u32,
    /// Days for which those who played together have played lately.
    #[schemars(range(min = 1, max = 365))]
    pub played_days: u32,
    /// Members of a lobby who block a player, or whom the player blocks, with which that player cannot join it; 0 for
    /// any number. Whoever fills a lobby with accounts of their own learns by this who blocks them.
    #[schemars(range(max = 256))]
    pub lobby_blocks_max: u32,
    /// The same as a share of all members, in percent, where there are at least four; 0 for any share.
    #[schemars(range(max = 100))]
    pub lobby_blocks_percent: u32,
    /// What users let others do who have not set it.
    pub privacy: Privacy,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            friends_max: FRIENDS_MAX as u32,
            requests_max: 300,
            followed_max: 1_000,
            ignored_max: 300,
            avoided_max: 30,
            blocked_max: 300,
            notes_max: 1_000,
            avoid_days: Some(90),
            inactive_days: None,
            avoid_after_minutes: 120,
            played_days: 14,
            lobby_blocks_max: 0,
            lobby_blocks_percent: 0,
            privacy: Privacy::default(),
        }
    }
}

/// The operations of this context.
pub fn operations() -> Operations {
    let operations = Operations::context(
        "relationships",
        "Friends, those one follows, and those one would rather not meet",
    )
    .errors(Error::CATALOGUE);
    of_others(of_friends(operations))
        .get("/relationships", "relationships.list", Access::Player, list)
        .get("/relationships/several", "relationships.read", Access::Player, read)
        .get("/relationships/{user_id}", "relationships.get", Access::Player, get)
        .post("/users/find", "relationships.find_by_email", Access::Player, find_by_email)
        .rate(Rate::SignIn)
        .unguarded()
        .put("/relationships/{user_id}/note", "relationships.note", Access::Player, note)
        .get(
            "/relationships/inactive",
            "relationships.preview_purge",
            Access::Permission(PREVIEW),
            preview_purge,
        )
        .rate(Rate::Admin)
}

fn of_friends(operations: Operations) -> Operations {
    operations
        .put("/friends/{user_id}", "relationships.ask", Access::Player, ask)
        .rate(Rate::Social)
        .post("/friends/{user_id}/accept", "relationships.accept", Access::Player, accept)
        .rate(Rate::Social)
        .post("/friends/{user_id}/decline", "relationships.decline", Access::Player, decline)
        .rate(Rate::Social)
        .post("/friends/{user_id}/cancel", "relationships.cancel", Access::Player, cancel)
        .rate(Rate::Social)
        .delete("/friends/{user_id}", "relationships.remove", Access::Player, remove)
        .rate(Rate::Social)
}

fn of_others(operations: Operations) -> Operations {
    operations
        .put("/relationships/{user_id}/follow", "relationships.follow", Access::Player, follow)
        .rate(Rate::Social)
        .delete("/relationships/{user_id}/follow", "relationships.unfollow", Access::Player, unfollow)
        .rate(Rate::Social)
        .put("/relationships/{user_id}/ignore", "relationships.ignore", Access::Player, ignore)
        .rate(Rate::Social)
        .delete("/relationships/{user_id}/ignore", "relationships.unignore", Access::Player, unignore)
        .rate(Rate::Social)
        .put("/relationships/{user_id}/avoid", "relationships.avoid", Access::Player, avoid)
        .rate(Rate::Social)
        .delete("/relationships/{user_id}/avoid", "relationships.unavoid", Access::Player, unavoid)
        .rate(Rate::Social)
        .put("/relationships/{user_id}/block", "relationships.block", Access::Player, block)
        .rate(Rate::Social)
        .delete("/relationships/{user_id}/block", "relationships.unblock", Access::Player, unblock)
        .rate(Rate::Social)
}

/// What this context keeps in memory.
#[derive(Debug, Default)]
pub(crate) struct Live {
    circles: Circles,
    following: Following<UserId, follow::News>,
    followers: follow::Followers,
    /// When it was last looked for what ends with users who are gone.
    purged_at: Mutex<Option<Timestamp>>,
}

/// Asks somebody to be friends, or accepts that they asked.
pub async fn ask(cx: &Cx, input: AskFriend) -> Result<Relationship, Error> {
    let message = input.message.as_deref().map(filter::one_line).filter(|text| !text.is_empty());
    let blocked =
        |_| crate::Error::field("/message", "blocked", "this text holds words that are not allowed here");
    let message = message.map(|text| cx.hall().words().check(text).map_err(blocked)).transpose()?;
    if message.is_some() {
        restrictions::check(cx, DIRECT_MESSAGE, Scope::ANYWHERE).await?;
    }
    let is_welcome = welcomes(cx, input.user_id, How::Ask).await?;
    change(cx, input.user_id, Change::Ask { message, is_welcome }).await
}

/// Whether the other one lets people like the caller do this.
async fn welcomes(cx: &Cx, user: UserId, how: How) -> Result<bool, Error> {
    Ok(reach::may_reach(cx, user, how).await? != Reach::No)
}

/// Accepts a friend request.
pub async fn accept(cx: &Cx, input: AcceptFriend) -> Result<Relationship, Error> {
    change(cx, input.user_id, Change::Accept).await
}

/// Declines a friend request.
pub async fn decline(cx: &Cx, input: DeclineFriend) -> Result<Relationship, Error> {
    change(cx, input.user_id, Change::Decline).await
}

/// Takes a friend request back.
pub async fn cancel(cx: &Cx, input: CancelFriend) -> Result<Relationship, Error> {
    change(cx, input.user_id, Change::Cancel).await
}

/// Ends a friendship.
pub async fn remove(cx: &Cx, input: RemoveFriend) -> Result<Relationship, Error> {
    change(cx, input.user_id, Change::Remove).await
}

/// Follows somebody.
pub async fn follow(cx: &Cx, input: Follow) -> Result<Relationship, Error> {
    let is_welcome = welcomes(cx, input.user_id, How::Follow).await?;
    change(cx, input.user_id, Change::Follow { is_welcome }).await
}

/// Follows somebody no longer.
pub async fn unfollow(cx: &Cx, input: Unfollow) -> Result<Relationship, Error> {
    change(cx, input.user_id, Change::Unfollow).await
}

/// Ignores somebody.
pub async fn ignore(cx: &Cx, input: Ignore) -> Result<Relationship, Error> {
    change(cx, input.user_id, Change::Ignore).await
}

/// Ignores somebody no longer.
pub async fn unignore(cx: &Cx, input: Unignore) -> Result<Relationship, Error> {
    change(cx, input.user_id, Change::Unignore).await
}

/// Avoids somebody, from now on for as long as the operator has set.
pub async fn avoid(cx: &Cx, input: Avoid) -> Result<Relationship, Error> {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let days = cx.hall().settings().relationships.avoid_days;
    change(cx, input.user_id, Change::Avoid { until: days.map(|days| cx.now() + DAY * days) }).await
}

/// Avoids somebody no longer.
pub async fn unavoid(cx: &Cx, input: Unavoid) -> Result<Relationship, Error> {
    change(cx, input.user_id, Change::Unavoid).await
}

/// Blocks somebody.
pub async fn block(cx: &Cx, input: Block) -> Result<Relationship, Error> {
    change(cx, input.user_id, Change::Block).await
}

/// Blocks somebody no longer.
pub async fn unblock(cx: &Cx, input: Unblock) -> Result<Relationship, Error> {
    change(cx, input.user_id, Change::Unblock).await
}

/// Notes something about somebody.
pub async fn note(cx: &Cx, input: NoteRelationship) -> Result<Relationship, Error> {
    let note = filter::clean(&input.note);
    change(cx, input.user_id, Change::Note(Some(note).filter(|note| !note.is_empty()))).await
}

/// Carries out a change in the caller's name. When this returns, whatever follows from it has followed.
async fn change(cx: &Cx, other: UserId, change: Change) -> Result<Relationship, Error> {
    let user = cx.require_user()?;
    if user == other {
        return Err(Error::Yourself);
    }
    let living = accounts::living(cx, &[other]).await?;
    if !living.contains(&other) || other == accounts::SYSTEM {
        return Err(crate::Error::NotFound.into());
    }
    let users = accounts::summaries(cx, &[user, other]).await?;
    let find = |id: UserId| users.iter().find(|user| user.id == id).cloned().ok_or(crate::Error::NotFound);
    let (user_card, other_card) = (find(user)?, find(other)?);
    let shown = cx
        .mutate(move |tx| {
            let now = tx.now();
            let before = store::find(tx, user, other)?;
            let [mut own, mut others] = before.clone();
            change.carry_out(now, &mut own, &mut others)?;
            write(tx, [user, other], &before, [&own, &others])?;
            tell(tx, [&user_card, &other_card], &before, [&own, &others]);
            Ok::<_, Error>(own.shown(now, other, &others))
        })
        .await?;
    settled(cx.hall(), user).await;
    Ok(shown)
}

/// Tells each of the two to whom it looks otherwise than before.
fn tell(
    tx: &mut Tx<'_, '_>,
    [user, other]: [&UserSummary; 2],
    [own_before, others_before]: &[Side; 2],
    [own, others]: [&Side; 2],
) {
    let now = tx.now();
    let both = [
        (user.id, other, own_before.shown(now, other.id, others_before), own.shown(now, other.id, others)),
        (other.id, user, others_before.shown(now, user.id, own_before), others.shown(now, user.id, own)),
    ];
    for (reader, about, seen, relationship) in both {
        if seen != relationship {
            let related = Related { user: about.clone(), relationship };
            tx.emit(Topic::User(reader), Event::RelationshipUpdated(Box::new(related)));
        }
    }
}

/// Writes what is different, within the bounds, and has follow what follows from it.
fn write(
    tx: &mut Tx<'_, '_>,
    [user, other]: [UserId; 2],
    [own_before, other_before]: &[Side; 2],
    [own, others]: [&Side; 2],
) -> Result<(), Error> {
    if own_before == own && other_before == others {
        return Ok(());
    }
    // Before the events leave, so that whoever hears of it and asks is answered by what is so now.
    follow::after_commit(tx, user, other);
    if own_before != own {
        store::put(tx, user, other, own)?;
    }
    if other_before != others {
        store::put(tx, other, user, others)?;
    }
    let now = tx.now();
    let settings = tx.cx().hall().settings().relationships.clone();
    let is_new = |of: fn(&Side) -> Option<Timestamp>| of(own).is_some() && of(own_before).is_none();
    if is_new(|side| side.friends_at) {
        check(tx, user, Counted::Friends, settings.friends_max, Error::TooManyFriends)?;
        check(tx, other, Counted::Friends, settings.friends_max, Error::TheirFriendsFull)?;
    }
    if is_new(|side| side.asked_at) {
        check(tx, user, Counted::Asked, settings.requests_max, Error::TooManyRequests)?;
        // The caller's own is not counted, so that it makes no difference whether the other one is shown it.
        if store::count_asked_by(tx, other, user)? >= settings.requests_max {
            return Err(Error::TheirRequestsFull);
        }
    }
    if is_new(|side| side.follows_at) {
        check(tx, user, Counted::Followed, settings.followed_max, Error::TooManyFollowed)?;
    }
    if is_new(|side| side.ignores_at) {
        check(tx, user, Counted::Ignored, settings.ignored_max, Error::TooManyIgnored)?;
    }
    if own.avoids(now) && !own_before.avoids(now) {
        check(tx, user, Counted::Avoided, settings.avoided_max, Error::TooManyAvoided)?;
    }
    if is_new(|side| side.blocks_at) {
        check(tx, user, Counted::Blocked, settings.blocked_max, Error::TooManyBlocked)?;
    }
    if own.note.is_some() && own_before.note.is_none() {
        check(tx, user, Counted::Notes, settings.notes_max, Error::TooManyNotes)?;
    }
    Ok(())
}

fn check(tx: &mut Tx<'_, '_>, user: UserId, what: Counted, most: u32, error: Error) -> Result<(), Error> {
    if store::count(tx, user, what)? > most { Err(error) } else { Ok(()) }
}

/// The ties of a user.
pub(crate) async fn circle(cx: &Cx, user: UserId) -> Result<Arc<Circle>, Error> {
    let circles = &cx.hall().relationships().circles;
    if let Some(circle) = circles.find(user) {
        return Ok(circle);
    }
    let changes = circles.changes();
    let circle = Arc::new(cx.read(move |tx| store::circle(tx, user)).await?);
    circles.keep(user, Arc::clone(&circle), changes);
    Ok(circle)
}

/// The ties of a user, if they were asked about lately.
pub(crate) fn circle_kept(cx: &Cx, user: UserId) -> Option<Arc<Circle>> {
    cx.hall().relationships().circles.find(user)
}

/// To be asked before what is then kept of relationships is read.
pub(crate) fn changes(cx: &Cx) -> u64 {
    cx.hall().relationships().circles.changes()
}

/// Who of these would rather not play with whom of them, because they avoid or block them, those who have said so for longest first; not
/// those who said so only now. For whoever makes matches and teams. Nobody else is told.
pub(crate) fn avoided(tx: &mut Tx<'_, '_>, users: &[UserId]) -> Result<Vec<(UserId, UserId)>, Error> {
    let minutes = tx.cx().hall().settings().relationships.avoid_after_minutes;
    let since = tx.now() - Duration::from_secs(60 * u64::from(minutes));
    store::avoided_among(tx, users, since)
}

/// Clears what ended by itself; once a day what ends with users who are gone.
pub(crate) async fn sweep(cx: &Cx) -> Result<(), crate::Error> {
    sweep::all(cx, store::end_avoids).await.map_err(Error::into_common)?;
    let Some(days) = cx.hall().settings().relationships.inactive_days else { return Ok(()) };
    let (now, purged_at) = (cx.now(), &cx.hall().relationships().purged_at);
    if purged_at.lock().is_some_and(|at| now.since(at) < purge::EVERY) {
        return Ok(());
    }
    purge::purge(cx, days, purge::PORTION).await.map_err(Error::into_common)?;
    *purged_at.lock() = Some(now);
    Ok(())
}

#[cfg(test)]
mod tests;
