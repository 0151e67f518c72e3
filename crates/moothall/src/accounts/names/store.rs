//! SQL for names: who holds which form of a name, and until when one stays held after its owner let it go.

use moothall_protocol::{Timestamp, UserId};
use moothall_store::{params, statements};

use super::Name;
use crate::cx::Tx;
use crate::error::Error;
use crate::sweep;

statements! {
    /// One statement decides who wins a race: the row is taken if it is free, its hold is over, or it was the user's own.
    CLAIM = "INSERT INTO name_claims (form, user_id, held_until) VALUES ($1, $2, NULL)
             ON CONFLICT (form) DO UPDATE SET user_id = excluded.user_id, held_until = NULL
             WHERE name_claims.user_id = excluded.user_id OR name_claims.held_until <= $3";
    TAKEN = "SELECT 1 FROM name_claims WHERE form IN ($1, $2) AND (held_until IS NULL OR held_until > $3) LIMIT 1";
    RELEASE = "UPDATE name_claims SET held_until = $2 WHERE user_id = $1 AND held_until IS NULL";
    SWEEP = "DELETE FROM name_claims WHERE form IN
        (SELECT form FROM name_claims WHERE held_until <= $1 LIMIT $2)";
}

/// Gives the user a name, unless somebody has it, or had it until lately. Returns whether it worked.
///
/// The user's row must be there already. Whoever renames a user calls [`release`] first.
pub(crate) fn claim(tx: &mut Tx<'_, '_>, user_id: UserId, name: &Name) -> Result<bool, Error> {
    let now = tx.now();
    if tx.execute(CLAIM, params![name.key, user_id, now])? == 0 {
        return Ok(false);
    }
    // Most names look like what they are.
    Ok(name.skeleton == name.key || tx.execute(CLAIM, params![name.skeleton, user_id, now])? == 1)
}

/// Whether nobody holds a name that is like this one.
pub(crate) fn is_free(tx: &mut Tx<'_, '_>, name: &Name) -> Result<bool, Error> {
    let now = tx.now();
    Ok(tx.query_opt(TAKEN, params![name.key, name.skeleton, now])?.is_none())
}

/// Lets go of a user's name. Until `held_until` only the same user may take it back.
pub(crate) fn release(tx: &mut Tx<'_, '_>, user_id: UserId, held_until: Timestamp) -> Result<(), Error> {
    tx.execute(RELEASE, params![user_id, held_until])?;
    Ok(())
}

/// Forgets names that nobody holds any more.
pub(crate) fn sweep(tx: &mut Tx<'_, '_>) -> Result<u64, Error> {
    let now = tx.now();
    Ok(tx.execute(SWEEP, params![now, sweep::ROWS])?)
}
