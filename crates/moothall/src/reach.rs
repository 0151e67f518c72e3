//! Who may reach whom. The one place where that is asked, by every context.
//!
//! Start at [`may_reach`]. It looks at what the two are to each other and at what the one who is reached for lets others do, both from memory,
//! and [`decide`] is the whole rule. What it means that nobody may learn of a block stands in [`crate::relationships`].
//!
//! The answers are for the caller. The server itself, and programs that embed it, reach everybody who is there.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use moothall_protocol::UserId;
use moothall_protocol::relationships::Circle as Who;

use crate::cx::Cx;
use crate::error::Error;
use crate::relationships::circle::Circle;
pub(crate) use crate::relationships::circle::Tie;
use crate::relationships::{self, Privacy, privacy};
use crate::{accounts, matches};

/// What somebody wants of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum How {
    /// To write to them alone.
    Write,
    /// To have them told that something is about them.
    Mention,
    /// To invite them: they are told, and decide.
    Invite,
    /// To bring them in without asking: only friends do that, as far as the other one lets others invite them.
    Bring,
    /// To ask to be friends.
    Ask,
    /// To follow them.
    Follow,
    /// To see whether they are there.
    SeePresence,
    /// To see what they played.
    SeeHistory,
    /// To find them by their e-mail address.
    FindByEmail,
}

impl How {
    /// All there are.
    pub const ALL: [Self; 9] = [
        Self::Write,
        Self::Mention,
        Self::Invite,
        Self::Bring,
        Self::Ask,
        Self::Follow,
        Self::SeePresence,
        Self::SeeHistory,
        Self::FindByEmail,
    ];

    /// Who may, as the user has set it.
    fn allowed(self, privacy: &Privacy) -> Who {
        match self {
            Self::Write => privacy.messages,
            Self::Mention => Who::Everybody,
            Self::Invite | Self::Bring => privacy.invites,
            Self::Ask => privacy.friend_requests,
            Self::Follow => privacy.followers,
            Self::SeePresence => privacy.presence,
            Self::SeeHistory => privacy.history,
            Self::FindByEmail => privacy.find_by_email,
        }
    }
}

/// Whether somebody reaches another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reach {
    /// They do.
    Yes,
    /// They do, once the other one accepts it: see `communication.answer_request`.
    Held,
    /// It must look to them as if they did, and the other one is not told. Who looks at a presence sees nobody there.
    Silent,
    /// They do not, and may know it.
    No,
}

/// The rule. `tie` is what the one who reaches is to the other, `has_played` whether they played together lately.
///
/// Whether the answer is [`Reach::No`] never depends on what the other one keeps to themselves: who asks in every way there is, and compares,
/// learns nothing of it.
pub(crate) fn decide(how: How, tie: Tie, privacy: &Privacy, has_played: bool) -> Reach {
    let is_allowed = match how.allowed(privacy) {
        Who::Everybody => true,
        Who::Played => tie.has(Tie::FRIEND) || has_played,
        Who::Friends => tie.has(Tie::FRIEND),
        Who::Nobody => false,
    };
    // Who blocks somebody knows it, and does not reach them either.
    if tie.has(Tie::BLOCKS) && !matches!(how, How::SeeHistory | How::FindByEmail) {
        return Reach::No;
    }
    match how {
        // What is not for everybody like them comes first: it is no secret, and must not turn into one.
        How::Write if !is_allowed && !privacy.message_requests => Reach::No,
        How::Write | How::Mention if tie.is_unheard() => Reach::Silent,
        How::Write if !is_allowed => Reach::Held,
        _ if !is_allowed => Reach::No,
        // A block ends a friendship, and so the refusal is the same for everybody who is no friend.
        How::Bring if !tie.has(Tie::FRIEND) => Reach::No,
        How::Ask if tie.is_unheard() => Reach::Silent,
        How::Invite | How::Follow | How::SeePresence if tie.has(Tie::BLOCKED_BY) => Reach::Silent,
        _ => Reach::Yes,
    }
}

/// Whether the answer depends on who played with whom.
fn needs_matches(how: How, tie: Tie, privacy: &Privacy) -> bool {
    how != How::Bring && how.allowed(privacy) == Who::Played && !tie.has(Tie::FRIEND)
}

/// Whether the caller reaches a user.
pub async fn may_reach(cx: &Cx, user: UserId, how: How) -> Result<Reach, Error> {
    if let Some(reach) = from_memory(cx, user, how) {
        return Ok(reach);
    }
    Ok(may_reach_each(cx, &[user], how).await?.remove(&user).unwrap_or(Reach::No))
}

/// The answer, if all it takes is in memory.
fn from_memory(cx: &Cx, user: UserId, how: How) -> Option<Reach> {
    let caller = cx.user()?;
    if !accounts::living_kept(cx, user)? || user == accounts::SYSTEM {
        return Some(Reach::No);
    }
    if caller == user {
        return Some(Reach::Yes);
    }
    let (tie, privacy) = (relationships::circle_kept(cx, caller)?.tie(user), privacy::kept(cx, user)?);
    (!needs_matches(how, tie, &privacy)).then(|| decide(how, tie, &privacy, false))
}

/// Whether the caller reaches each of these users. Who is not there, or was erased, is reached by nobody.
pub async fn may_reach_each(cx: &Cx, users: &[UserId], how: How) -> Result<HashMap<UserId, Reach>, Error> {
    let living = living(cx, users).await?;
    let Some(caller) = cx.user() else {
        return Ok(living.into_iter().map(|user| (user, Reach::Yes)).collect());
    };
    let circle = relationships::circle(cx, caller).await.map_err(relationships::Error::into_common)?;
    let tie = |user: UserId| circle.tie(user);
    reach_by(cx, caller, living, how, tie).await
}

/// Which of these users see whether this one is there, or see whatever else it is. The question from the other side.
pub(crate) async fn reached_by(
    cx: &Cx,
    user: UserId,
    by: &[UserId],
    how: How,
) -> Result<HashMap<UserId, Reach>, Error> {
    let privacy = privacy::of(cx, user).await?;
    let circle = relationships::circle(cx, user).await.map_err(relationships::Error::into_common)?;
    let tie = |by: UserId| circle.tie(by).reversed();
    let asking: Vec<UserId> =
        by.iter().copied().filter(|by| *by != user && needs_matches(how, tie(*by), &privacy)).collect();
    let played = matches::played_with(cx, user, asking).await?;
    let reach = |by: UserId| match by == user {
        true => Reach::Yes,
        false => decide(how, tie(by), &privacy, played.contains(&by)),
    };
    Ok(by.iter().map(|by| (*by, reach(*by))).collect())
}

async fn reach_by(
    cx: &Cx,
    caller: UserId,
    users: HashSet<UserId>,
    how: How,
    tie: impl Fn(UserId) -> Tie,
) -> Result<HashMap<UserId, Reach>, Error> {
    let all: Vec<UserId> = users.into_iter().collect();
    let privacies = privacy::of_many(cx, &all).await?;
    let of = |user: UserId| privacies.get(&user).map(Arc::as_ref);
    let asking: Vec<UserId> = all
        .iter()
        .copied()
        .filter(|user| {
            *user != caller && of(*user).is_some_and(|privacy| needs_matches(how, tie(*user), privacy))
        })
        .collect();
    let played = matches::played_with(cx, caller, asking).await?;
    let reach = |user: UserId| match of(user) {
        _ if user == caller => Reach::Yes,
        Some(privacy) => decide(how, tie(user), privacy, played.contains(&user)),
        None => Reach::No,
    };
    Ok(all.iter().map(|user| (*user, reach(*user))).collect())
}

/// Those of these users who are there and read what they are told.
pub async fn living(cx: &Cx, users: &[UserId]) -> Result<HashSet<UserId>, Error> {
    let mut living = accounts::living(cx, users).await?;
    // Nobody is behind it who would read.
    living.remove(&accounts::SYSTEM);
    Ok(living)
}

/// Those of these users who are reached openly.
async fn open(cx: &Cx, users: &[UserId], how: How) -> Result<HashSet<UserId>, Error> {
    let reached = may_reach_each(cx, users, how).await?;
    Ok(reached.into_iter().filter(|(_, reach)| *reach == Reach::Yes).map(|(user, _)| user).collect())
}

/// Of which of these users the caller may look at what they played.
pub async fn histories(cx: &Cx, users: &[UserId]) -> Result<HashSet<UserId>, Error> {
    let mut shown = open(cx, users, How::SeeHistory).await?;
    // Of those who are erased the matches stay, as those of nobody.
    let living = living(cx, users).await?;
    shown.extend(users.iter().filter(|user| !living.contains(user)));
    Ok(shown)
}

/// Which of these users the caller may see as they are. The others look as if they were offline.
pub async fn visible(cx: &Cx, users: &[UserId]) -> Result<HashSet<UserId>, Error> {
    open(cx, users, How::SeePresence).await
}

/// Those whose words the user does not want to hear.
pub(crate) async fn silenced(cx: &Cx, user: UserId) -> Result<HashSet<UserId>, Error> {
    Ok(circle(cx, user).await?.all(Tie::is_deaf).collect())
}

/// Those who host lobbies in vain for this user: they block the user, or the user blocks them and does not want to see them.
pub(crate) async fn barred_hosts(cx: &Cx, user: UserId) -> Result<HashSet<UserId>, Error> {
    let circle = circle(cx, user).await?;
    if circle.is_empty() {
        return Ok(HashSet::new());
    }
    let hides = privacy::of(cx, user).await?.hide_lobbies_of_blocked;
    let is_barred = move |tie: Tie| tie.has(Tie::BLOCKED_BY) || (hides && tie.has(Tie::BLOCKS));
    Ok(circle.all(is_barred).collect())
}

/// What the user is to others.
pub(crate) async fn circle(cx: &Cx, user: UserId) -> Result<Arc<Circle>, Error> {
    relationships::circle(cx, user).await.map_err(relationships::Error::into_common)
}

/// Whether these two are friends.
pub(crate) async fn is_friend(cx: &Cx, user: UserId, other: UserId) -> Result<bool, Error> {
    Ok(circle(cx, user).await?.tie(other).has(Tie::FRIEND))
}

/// The user's friends.
pub(crate) async fn friends(cx: &Cx, user: UserId) -> Result<Vec<UserId>, Error> {
    Ok(circle(cx, user).await?.all(|tie| tie.has(Tie::FRIEND)).collect())
}

#[cfg(test)]
mod tests;
