//! Who is among those that something concerns: a look over all users, a piece at a time.

mod store;

use moothall_protocol::UserId;
use moothall_protocol::accounts::Segment;
use uuid::Uuid;

use super::SYSTEM;
use crate::cx::Tx;
use crate::error::Error;

pub(super) use store::STATEMENTS;
pub(crate) use store::count as count_all;

/// The next users by id, and whether each is among the segment, as far as accounts can say: languages are not looked at. Bots and erased
/// accounts are among none.
pub(crate) fn audience(
    tx: &mut Tx<'_, '_>,
    segment: &Segment,
    after: UserId,
    limit: usize,
) -> Result<Vec<(UserId, bool)>, Error> {
    let looked = store::look(tx, segment, after, limit)?;
    Ok(looked.into_iter().map(|(user, is_among)| (user, is_among && user != SYSTEM)).collect())
}

/// Whether this user is among the segment, as far as accounts can say.
pub(crate) fn is_among(tx: &mut Tx<'_, '_>, segment: &Segment, user: UserId) -> Result<bool, Error> {
    let before = UserId::from_uuid(Uuid::from_u128(user.uuid().as_u128().saturating_sub(1)));
    Ok(audience(tx, segment, before, 1)?.contains(&(user, true)))
}
