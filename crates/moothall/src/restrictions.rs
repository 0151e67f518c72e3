//! Restrictions: what a user may not do, where, until when, and why. The one place where that is asked.
//!
//! Start at [`check`], which operations of every context call with what is about to be done, and at [`impose`] and [`lift`], which other
//! contexts call in their transactions. Types are data: see [`types`]. What ends by itself does so exactly at its end, since a check
//! compares with the clock; `ending.rs` tells the user. Bans of networks, devices and e-mail domains stand in `bans.rs`, and by what
//! users are known there in `traces.rs`.
//!
//! Promises: a check costs no query for whom it was asked lately, and what is committed counts for the next check; whoever may not sign
//! in has no socket, and still reads why and appeals; of a hidden restriction its user learns nothing.

mod bans;
mod ending;
mod error;
mod operations;
mod store;
#[cfg(test)]
pub(crate) mod testing;
mod traces;
pub mod types;

use std::fmt;
use std::sync::{Arc, OnceLock};

use moothall_protocol::restrictions::{
    OwnRestriction, OwnRestrictions, Restricted, Restriction, RestrictionEnd, RestrictionEnded,
    RestrictionScope, RestrictionSource,
};
use moothall_protocol::{
    ActionId, AppealId, CloseCode, Event, RestrictionId, RoomId, Timestamp, UserId, limits,
};
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::cx::Tx;
use crate::export::{Part, place};
use crate::kept::Kept;
use crate::topics::Closing;
use crate::{Cx, Hall, OpenError, Permission, Topic, connections};
pub use bans::{add_ban, list_bans, preview_ban, remove_ban};
pub(crate) use bans::{admit, load as load_bans};
#[cfg(test)]
pub(crate) use ending::end_all;
pub use error::Error;
pub use operations::{impose_restriction, lift_restriction, list, list_types, mine, operations};
pub(crate) use store::STATEMENTS;
pub use traces::read_traces;
pub(crate) use traces::{Arrival, forget_some, forget_traces, others_on, record, sharing, stem};
use types::{RestrictionType, Types};

/// Reads the restrictions of others.
pub const READ: Permission = Permission("restrictions.read");
/// Imposes restrictions as a program does, and lifts them.
pub const IMPOSE: Permission = Permission("restrictions.impose");
/// Bans networks, devices and e-mail domains, and reads by which of them users are known.
pub const BAN: Permission = Permission("restrictions.ban");
/// Signs in from wherever it is banned.
pub const EXEMPT: Permission = Permission("restrictions.exempt");

/// Users of whom it is remembered what they may not do.
const STANDINGS_MAX: u64 = 50_000;

/// What holds for a user now.
#[derive(Clone, Debug)]
struct Active {
    own: OwnRestriction,
    /// Whether its user is never told.
    is_hidden: bool,
}

impl Active {
    fn holds(&self, now: Timestamp) -> bool {
        self.own.ends_at.is_none_or(|ends_at| now < ends_at)
    }

    fn is_within(&self, scope: &Scope<'_>) -> bool {
        let own = &self.own.scope;
        let is_mode = own.mode.as_deref().is_none_or(|mode| scope.mode == Some(mode));
        is_mode && own.room_id.is_none_or(|room| scope.room == Some(room))
    }

    fn refusal(&self, what: &str) -> Restricted {
        let own = &self.own;
        Restricted {
            restriction_id: Some(own.id),
            kind: what.to_owned(),
            public_reason: own.public_reason.clone(),
            ends_at: own.ends_at,
            matches_left: own.matches_left,
            action_id: own.action_id,
            appeal_id: own.appeal_id,
            limited_token: None,
            limited_token_expires_at: None,
        }
    }
}

/// Where something is about to be done, as far as restrictions tell places apart.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scope<'a> {
    /// In this game mode.
    pub mode: Option<&'a str>,
    /// In this room.
    pub room: Option<RoomId>,
}

impl<'a> Scope<'a> {
    /// Anywhere.
    pub const ANYWHERE: Scope<'static> = Scope { mode: None, room: None };

    /// In this room.
    pub fn room(room: RoomId) -> Self {
        Self { room: Some(room), ..Self::default() }
    }

    /// In this game mode.
    pub fn mode(mode: &'a str) -> Self {
        Self { mode: Some(mode), ..Self::default() }
    }
}

type Standing = Arc<[Active]>;
type DeviceFollower = dyn Fn(&mut Tx<'_, '_>, UserId, &str) -> Result<(), crate::Error> + Send + Sync;
type Guard = dyn Fn(&mut Tx<'_, '_>, UserId) -> Result<(), crate::Error> + Send + Sync;
type Surveyor = fn(&mut Tx<'_, '_>, &RestrictionScope) -> Result<(), crate::Error>;

/// What follows, in the same transaction, from what programs do.
#[derive(Clone, Copy)]
pub(crate) struct OfPrograms {
    /// A restriction was imposed, under the id of an action that is yet to be.
    pub imposed: fn(&mut Tx<'_, '_>, &Restriction) -> Result<(), crate::Error>,
    /// One was lifted that an action brought.
    pub lifted: fn(&mut Tx<'_, '_>, ActionId, &str) -> Result<(), crate::Error>,
}

type Follower = Arc<dyn Fn(&mut Tx<'_, '_>, Option<UserId>) -> Result<(), crate::Error> + Send + Sync>;

/// What this context keeps in memory.
pub(crate) struct Live {
    types: Types,
    standings: Kept<UserId, Standing>,
    bans: Kept<(), Arc<bans::Bans>>,
    /// Woken when there is another end to wait for.
    due: Arc<Notify>,
    /// Those who hear of changes in their transaction. They are added when the hall opens and stay.
    followers: Mutex<Vec<Follower>>,
    /// Says whether somebody is the caller's to restrict.
    guard: OnceLock<Box<Guard>>,
    /// Hears who came on which device.
    on_device: OnceLock<Box<DeviceFollower>>,
    of_programs: OnceLock<OfPrograms>,
    /// Says whether there is such a place.
    surveyor: OnceLock<Surveyor>,
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("types", &self.types).finish_non_exhaustive()
    }
}

impl Live {
    /// With the types of the embedding program beside our own.
    pub fn new(more: Vec<RestrictionType>) -> Result<Self, OpenError> {
        Ok(Self {
            types: Types::new(more)?,
            standings: Kept::new(STANDINGS_MAX),
            bans: Kept::new(1),
            due: Arc::default(),
            followers: Mutex::default(),
            guard: OnceLock::new(),
            on_device: OnceLock::new(),
            of_programs: OnceLock::new(),
            surveyor: OnceLock::new(),
        })
    }

    /// The names of all types.
    pub fn type_names(&self) -> Vec<&'static str> {
        self.types.names().collect()
    }
}

/// Refuses the caller what they may not do: `what` is the name of a type. The server itself may do everything.
pub async fn check(cx: &Cx, what: &'static str, scope: Scope<'_>) -> Result<(), crate::Error> {
    match cx.user() {
        Some(user) => check_user(cx, user, what, scope).await,
        None => Ok(()),
    }
}

/// The same for another user, such as one who is brought along.
pub async fn check_user(
    cx: &Cx,
    user: UserId,
    what: &'static str,
    scope: Scope<'_>,
) -> Result<(), crate::Error> {
    refuse(cx, &standing(cx, user).await?, what, scope)
}

/// The same within a transaction, for what no memory may answer.
pub(crate) fn check_within(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    what: &'static str,
) -> Result<(), crate::Error> {
    check_there(tx, user, what, Scope::ANYWHERE)
}

/// The same, of one place.
pub(crate) fn check_there(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    what: &'static str,
    scope: Scope<'_>,
) -> Result<(), crate::Error> {
    let standing = read(tx, user)?;
    refuse(tx.cx(), &standing, what, scope)
}

/// Those of these users for whom any restriction holds: what is to be looked at after a restart.
pub(crate) fn restricted_among(tx: &mut Tx<'_, '_>, users: &[UserId]) -> Result<Vec<UserId>, crate::Error> {
    store::restricted_among(tx, users)
}

/// Whether such a restriction holds of which the caller must not notice anything.
pub async fn is_hit(cx: &Cx, what: &'static str, scope: Scope<'_>) -> Result<bool, crate::Error> {
    let Some(user) = cx.user() else { return Ok(false) };
    Ok(find(cx, &standing(cx, user).await?, what, scope).is_some())
}

fn refuse(cx: &Cx, standing: &[Active], what: &'static str, scope: Scope<'_>) -> Result<(), crate::Error> {
    match find(cx, standing, what, scope) {
        None => Ok(()),
        Some(active) => {
            metrics::counter!("restrictions_refused_total", "type" => what).increment(1);
            Err(crate::Error::Restricted(Box::new(active.refusal(what))))
        }
    }
}

/// Of those that forbid it the one that lasts longest, so that what is told to end does end.
fn find<'a>(cx: &Cx, standing: &'a [Active], what: &str, scope: Scope<'_>) -> Option<&'a Active> {
    if standing.is_empty() {
        return None;
    }
    let (now, types) = (cx.now(), &cx.hall().restrictions().types);
    let hits = standing.iter().filter(|active| {
        active.holds(now) && active.is_within(&scope) && types.cover(&active.own.types, what)
    });
    hits.max_by_key(|active| match (active.own.ends_at, active.own.matches_left) {
        (Some(ends_at), _) => ends_at,
        (None, _) => Timestamp::MAX,
    })
}

async fn standing(cx: &Cx, user: UserId) -> Result<Standing, crate::Error> {
    let kept = &cx.hall().restrictions().standings;
    if let Some(standing) = kept.find(user) {
        return Ok(standing);
    }
    let changes = kept.changes();
    let standing = cx.read(move |tx| read(tx, user)).await?;
    kept.keep(user, Arc::clone(&standing), changes);
    Ok(standing)
}

fn read(tx: &mut Tx<'_, '_>, user: UserId) -> Result<Standing, crate::Error> {
    let restrictions = store::active(tx, user)?;
    let types = &tx.cx().hall().restrictions().types;
    Ok(restrictions
        .into_iter()
        .map(|restriction| Active { is_hidden: types.are_hidden(&restriction.types), own: own(restriction) })
        .collect())
}

/// Whether somebody may not sign in now, and until when that answer holds. For who looks up what a session may do.
pub(crate) fn barred(
    tx: &mut Tx<'_, '_>,
    user: UserId,
) -> Result<(Option<Arc<Restricted>>, Timestamp), crate::Error> {
    let kept = tx.cx().hall().restrictions().standings.find(user);
    let standing = match kept {
        Some(standing) => standing,
        None => read(tx, user)?,
    };
    let found = find(tx.cx(), &standing, types::LOGIN, Scope::ANYWHERE);
    let until = found.and_then(|active| active.own.ends_at).unwrap_or(Timestamp::MAX);
    Ok((found.map(|active| Arc::new(active.refusal(types::LOGIN))), until))
}

/// Since when somebody may not sign in, if that is so now.
pub(crate) fn barred_since(tx: &mut Tx<'_, '_>, user: UserId) -> Result<Option<Timestamp>, crate::Error> {
    let standing = read(tx, user)?;
    Ok(find(tx.cx(), &standing, types::LOGIN, Scope::ANYWHERE).map(|active| active.own.starts_at))
}

/// The restrictions of a user that hold now and that they may know of, for a session that begins.
pub(crate) fn own_of(tx: &mut Tx<'_, '_>, user: UserId) -> Result<OwnRestrictions, crate::Error> {
    let standing = read(tx, user)?;
    let shown = standing.iter().filter(|active| !active.is_hidden).map(|active| active.own.clone());
    let types = &tx.cx().hall().restrictions().types;
    Ok(OwnRestrictions { items: shown.map(|own| types.without_hidden(own)).collect() })
}

/// The restrictions of a user that they may know of, those that are over among them, for themselves.
pub(crate) fn export(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    from: Option<Value>,
    limit: usize,
) -> Result<Part, crate::Error> {
    let mut before = place(from, RestrictionId::from_uuid(Uuid::max()))?;
    let mut shown = Vec::new();
    // By a part that is short of some nobody learns that there are some they are not told of.
    while shown.len() <= limit {
        let rows = store::list(tx, user, before, limit + 1)?;
        let Some(last) = rows.last() else { break };
        before = last.id;
        let types = &tx.cx().hall().restrictions().types;
        for restriction in rows.into_iter().filter(|restriction| !types.are_hidden(&restriction.types)) {
            let ended_at = restriction.ended_at;
            shown.push(Told { own: types.without_hidden(own(restriction)), ended_at });
        }
    }
    Part::cut(shown, limit, |told| told.own.id)
}

/// A restriction as its user is told of it, over or not.
#[derive(Serialize)]
struct Told {
    #[serde(flatten)]
    own: OwnRestriction,
    ended_at: Option<Timestamp>,
}

/// By what a user is known beside their account, for themselves.
pub(crate) fn export_traces(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    _: Option<Value>,
    _: usize,
) -> Result<Part, crate::Error> {
    Part::whole(traces::traces_of(tx, user)?)
}

fn own(restriction: Restriction) -> OwnRestriction {
    OwnRestriction {
        id: restriction.id,
        types: restriction.types,
        scope: restriction.scope,
        public_reason: restriction.public_reason,
        starts_at: restriction.starts_at,
        ends_at: restriction.ends_at,
        matches_left: restriction.matches_left,
        action_id: restriction.action_id,
        appeal_id: restriction.appeal_id,
    }
}

/// A restriction to be.
#[derive(Clone, Debug)]
pub struct NewRestriction {
    /// Whose.
    pub user: UserId,
    /// What may not be done.
    pub types: Vec<String>,
    /// Where.
    pub scope: RestrictionScope,
    /// Why, for staff.
    pub reason: String,
    /// Why, for the user.
    pub public_reason: String,
    /// What shows it.
    pub evidence: Map<String, Value>,
    /// How it comes about.
    pub source: RestrictionSource,
    /// The action behind it.
    pub action: Option<ActionId>,
    /// Until when.
    pub ends_at: Option<Timestamp>,
    /// Until so many matches are played.
    pub after_matches: Option<u32>,
}

/// Whether users must not be told of any of these types.
pub(crate) fn are_hidden(cx: &Cx, types: &[String]) -> bool {
    cx.hall().restrictions().types.are_hidden(types)
}

fn no_matches() -> crate::Error {
    let message = "who may not sign in, or neither join nor host lobbies, plays no matches: give another end";
    crate::Error::field("/after_matches", "invalid", message)
}

impl NewRestriction {
    /// Refuses what cannot be imposed at this time.
    pub fn check(&self, cx: &Cx) -> Result<(), crate::Error> {
        let types = &cx.hall().restrictions().types;
        types.check("/types", &self.types)?;
        types.check_scope("/scope", &self.types, &self.scope)?;
        if self.ends_at.is_some_and(|ends_at| ends_at <= cx.now()) {
            return Err(crate::Error::field("/ends_at", "invalid", "that is over already"));
        }
        if self.ends_at.is_some() && self.after_matches.is_some() {
            return Err(crate::Error::field("/after_matches", "invalid", "give one of the two ends"));
        }
        if self.after_matches.is_some() && types.cover_playing(&self.types) {
            return Err(no_matches());
        }
        if self.ends_at.is_none() && types.has_hidden(&self.types) {
            let message = "what its user is not told of must have an end";
            return Err(crate::Error::field("/ends_at", "required", message));
        }
        crate::json::check(
            &self.evidence,
            "/evidence",
            limits::RESTRICTION_EVIDENCE_NESTING_MAX,
            limits::RESTRICTION_EVIDENCE_BYTES_MAX,
        )
    }
}

/// Imposes a restriction. The user hears of it at once, and has no socket any more if they may not sign in. Whoever calls this audits
/// it, and has checked that they may.
pub fn impose(tx: &mut Tx<'_, '_>, new: &NewRestriction) -> Result<Restriction, Error> {
    new.check(tx.cx())?;
    if let Some(surveyor) = tx.cx().hall().restrictions().surveyor.get() {
        surveyor(tx, &new.scope)?;
    }
    if store::active(tx, new.user)?.len() >= limits::RESTRICTIONS_OF_USER_MAX {
        return Err(Error::TooMany);
    }
    let restriction = store::insert(tx, new)?;
    tell(tx, &restriction, Event::RestrictionImposed);
    changed(tx, new.user)?;
    put_out(tx, &restriction);
    Ok(restriction)
}

/// Changes until when a restriction holds: until a time, or until so many more matches are played.
pub(crate) fn shorten(
    tx: &mut Tx<'_, '_>,
    id: RestrictionId,
    ends_at: Option<Timestamp>,
    matches_left: Option<u32>,
) -> Result<Restriction, Error> {
    let before = store::find(tx, id)?.filter(|found| found.ended_at.is_none());
    let before = before.ok_or(crate::Error::NotFound)?;
    let types = &tx.cx().hall().restrictions().types;
    if matches_left.is_some() && types.cover_playing(&before.types) {
        return Err(no_matches().into());
    }
    // Those that were played already count among them.
    let played = before.after_matches.unwrap_or_default() - before.matches_left.unwrap_or_default();
    let after_matches = matches_left.map(|left| left + played);
    let restriction = Restriction { ends_at, after_matches, matches_left, ..before };
    store::set_end(tx, &restriction)?;
    tell(tx, &restriction, Event::RestrictionUpdated);
    changed(tx, restriction.user_id)?;
    Ok(restriction)
}

/// Takes a restriction back. One that is over stays as it is.
pub fn lift(tx: &mut Tx<'_, '_>, id: RestrictionId, reason: &str) -> Result<Restriction, Error> {
    let before = store::find(tx, id)?.ok_or(crate::Error::NotFound)?;
    if before.ended_at.is_some() {
        return Ok(before);
    }
    end(tx, &before, RestrictionEnd::Lifted, Some(reason))?;
    Ok(store::find(tx, id)?.ok_or(crate::Error::NotFound)?)
}

/// The restrictions that an action brought.
pub(crate) fn of_action(tx: &mut Tx<'_, '_>, action: ActionId) -> Result<Vec<Restriction>, crate::Error> {
    store::of_action(tx, action)
}

/// Whose restriction this is.
pub(crate) fn user_of(tx: &mut Tx<'_, '_>, id: RestrictionId) -> Result<Option<UserId>, crate::Error> {
    Ok(store::find(tx, id)?.map(|restriction| restriction.user_id))
}

/// All restrictions of a user, the newest first.
pub(crate) fn history(
    tx: &mut Tx<'_, '_>,
    user: UserId,
    limit: usize,
) -> Result<Vec<Restriction>, crate::Error> {
    store::list(tx, user, RestrictionId::from_uuid(Uuid::max()), limit)
}

/// There is an appeal against what this action brought.
pub(crate) fn appealed(
    tx: &mut Tx<'_, '_>,
    action: ActionId,
    appeal: AppealId,
    user: UserId,
) -> Result<(), crate::Error> {
    store::set_appeal(tx, action, appeal)?;
    changed(tx, user)
}

/// These users played a match of this mode to its end that began at this time: it counts for what they may not do in this mode, or in all.
/// To be called in the transaction that ends it.
pub(crate) fn played(
    tx: &mut Tx<'_, '_>,
    users: &[UserId],
    mode: &str,
    began_at: Timestamp,
) -> Result<(), crate::Error> {
    for restriction in store::waiting_for_matches(tx, users, began_at)? {
        if restriction.scope.mode.as_deref().is_some_and(|of| of != mode) {
            continue;
        }
        let left = store::count_match(tx, restriction.id)?;
        if left == 0 {
            end(tx, &restriction, RestrictionEnd::Played, None)?;
        } else {
            changed(tx, restriction.user_id)?;
        }
    }
    Ok(())
}

fn end(
    tx: &mut Tx<'_, '_>,
    restriction: &Restriction,
    why: RestrictionEnd,
    reason: Option<&str>,
) -> Result<(), crate::Error> {
    if store::end(tx, restriction, why, reason)? {
        let hall = tx.cx().hall().clone();
        let types = &hall.restrictions().types;
        if !types.are_hidden(&restriction.types) {
            let shown = types.without_hidden(own(restriction.clone()));
            let ended = RestrictionEnded { restriction_id: restriction.id, types: shown.types, why };
            tx.emit(Topic::User(restriction.user_id), Event::RestrictionEnded(ended));
        }
        changed(tx, restriction.user_id)?;
    }
    Ok(())
}

/// Tells the user, if they may know.
fn tell(tx: &mut Tx<'_, '_>, restriction: &Restriction, event: impl FnOnce(OwnRestriction) -> Event) {
    let hall = tx.cx().hall().clone();
    let types = &hall.restrictions().types;
    if !types.are_hidden(&restriction.types) {
        let shown = types.without_hidden(own(restriction.clone()));
        tx.emit(Topic::User(restriction.user_id), event(shown));
    }
}

/// Has `follower` hear, in the transaction, of each change of what somebody may not do; of nobody in particular, if a ban changed that may
/// hit anybody.
pub(crate) fn on_changed(
    hall: &Hall,
    follower: impl Fn(&mut Tx<'_, '_>, Option<UserId>) -> Result<(), crate::Error> + Send + Sync + 'static,
) {
    hall.restrictions().followers.lock().push(Arc::new(follower));
}

/// Has `follower` hear, in the transaction, of each user who signs in on a device, and on which. The first one stays.
pub(crate) fn on_device(
    hall: &Hall,
    follower: impl Fn(&mut Tx<'_, '_>, UserId, &str) -> Result<(), crate::Error> + Send + Sync + 'static,
) {
    let _ = hall.restrictions().on_device.set(Box::new(follower));
}

/// Has these follow from what programs do. The first ones stay.
pub(crate) fn on_programs(hall: &Hall, of_programs: OfPrograms) {
    let _ = hall.restrictions().of_programs.set(of_programs);
}

/// Has `guard` say whether a user is there and the caller's to restrict. The first one stays.
pub(crate) fn guarded_by(
    hall: &Hall,
    guard: impl Fn(&mut Tx<'_, '_>, UserId) -> Result<(), crate::Error> + Send + Sync + 'static,
) {
    let _ = hall.restrictions().guard.set(Box::new(guard));
}

/// Has `surveyor` refuse the scope of a restriction, with its fields, if there is no such place. The first one stays.
pub(crate) fn placed_by(hall: &Hall, surveyor: Surveyor) {
    let _ = hall.restrictions().surveyor.set(surveyor);
}

/// Refuses to act on whom the caller must not restrict: somebody who is not there, or may do more.
pub(crate) fn require_restrictable(tx: &mut Tx<'_, '_>, user: UserId) -> Result<(), crate::Error> {
    let hall = tx.cx().hall().clone();
    match hall.restrictions().guard.get() {
        Some(guard) => guard(tx, user),
        None => Ok(()),
    }
}

fn tell_followers(tx: &mut Tx<'_, '_>, user: Option<UserId>) -> Result<(), crate::Error> {
    let followers = tx.cx().hall().restrictions().followers.lock().clone();
    followers.iter().try_for_each(|follower| follower(tx, user))
}

fn changed(tx: &mut Tx<'_, '_>, user: UserId) -> Result<(), crate::Error> {
    let hall = tx.cx().hall().clone();
    tell_followers(tx, Some(user))?;
    tx.after_commit(move || {
        forget_now(&hall, user);
        hall.restrictions().due.notify_one();
    });
    Ok(())
}

/// What a user may not do has changed, perhaps by another process.
pub(crate) fn forget_now(hall: &Hall, user: UserId) {
    hall.restrictions().standings.forget(user);
}

/// Bans have changed, or what anybody may do, perhaps by another process.
pub(crate) fn forget_all_now(hall: &Hall) {
    hall.restrictions().standings.forget_all();
    hall.restrictions().bans.forget(());
}

/// Puts the user out who may not be here any more.
fn put_out(tx: &mut Tx<'_, '_>, restriction: &Restriction) {
    let (hall, user) = (tx.cx().hall().clone(), restriction.user_id);
    let is_out = restriction.scope == RestrictionScope::default()
        && hall.restrictions().types.cover(&restriction.types, types::LOGIN);
    if is_out {
        let closing = Closing::new(CloseCode::Restricted, restriction.public_reason.clone());
        tx.after_commit(move || connections::end_user(&hall, user, None, closing));
    }
}

/// Ends restrictions whose time is over, and goes on doing so.
pub(crate) fn start(hall: &Hall) {
    // What a presence says is read like what is written in rooms.
    connections::texts_guarded_by(hall, |cx| async move { check(&cx, types::CHAT, Scope::ANYWHERE).await });
    hall.spawn(ending::run(hall.downgrade()));
}

/// Forgets traces that are old, and bans that are over.
pub(crate) async fn sweep(cx: &Cx) -> Result<(), crate::Error> {
    crate::sweep::all(cx, traces::sweep).await?;
    crate::sweep::all(cx, bans::sweep).await
}

#[cfg(test)]
mod tests;
