//! Who is among those that something concerns: a look over all users, a piece at a time, or at one of them.

mod store;

use moothall_protocol::accounts::Segment;
use moothall_protocol::{FieldError, Timestamp, UserId};

use super::{SYSTEM, roles};
use crate::broken;
use crate::cx::Tx;
use crate::error::Error;

pub(super) use store::STATEMENTS;
pub(crate) use store::count as count_all;

/// What segments ask of a user, as far as accounts can say.
#[derive(Debug)]
pub(crate) struct Facts {
    user: UserId,
    /// Neither a bot nor erased.
    is_person: bool,
    created_at: Timestamp,
    /// The last sign of them.
    seen_at: Option<Timestamp>,
    roles: Vec<String>,
}

impl Facts {
    /// Whether the user is among the segment, as far as accounts can say: languages are not looked at. Bots and erased accounts are among
    /// none.
    pub fn are_of(&self, segment: &Segment) -> bool {
        let Segment { roles, languages: _, seen_since, created_from, created_before } = segment;
        self.is_person
            && self.user != SYSTEM
            && created_from.is_none_or(|from| self.created_at >= from)
            && created_before.is_none_or(|before| self.created_at < before)
            && seen_since.is_none_or(|since| self.seen_at.is_some_and(|seen| seen >= since))
            && (roles.is_empty() || roles.iter().any(|role| self.roles.contains(role)))
    }
}

/// Refuses a segment that somebody wants if it names a role that there is not. `path` is where it stands in the input. One that is stored
/// may name a role that was deleted since: nobody has that.
pub(crate) fn check_segment(tx: &mut Tx<'_, '_>, segment: &Segment, path: &str) -> Result<(), Error> {
    if segment.roles.is_empty() {
        return Ok(());
    }
    let known = roles::names(tx)?;
    let unknown = segment.roles.iter().enumerate().filter(|(_, role)| !known.contains(*role));
    let fields: Vec<_> = unknown.map(|(place, role)| unknown_role(place, role, &known, path)).collect();
    if fields.is_empty() { Ok(()) } else { Err(Error::Invalid { fields }) }
}

fn unknown_role(place: usize, role: &str, known: &[String], path: &str) -> FieldError {
    let nearest = broken::nearest(role, known.iter().map(String::as_str));
    let message = match &nearest {
        Some(nearest) => format!("there is no role {role}; did you mean `{nearest}`?"),
        None => format!("there is no role {role}"),
    };
    FieldError { nearest, ..broken::field(&format!("{path}/roles/{place}"), "not_a_choice", message) }
}

/// The next users by id, and whether each is among the segment, as far as accounts can say.
pub(crate) fn audience(
    tx: &mut Tx<'_, '_>,
    segment: &Segment,
    after: UserId,
    limit: usize,
) -> Result<Vec<(UserId, bool)>, Error> {
    let looked = store::after(tx, after, limit)?;
    Ok(looked.into_iter().map(|facts| (facts.user, facts.are_of(segment))).collect())
}

/// What segments ask of this user: two statements, however many segments there are.
pub(crate) fn facts_of(tx: &mut Tx<'_, '_>, user: UserId) -> Result<Option<Facts>, Error> {
    store::of(tx, user)
}
