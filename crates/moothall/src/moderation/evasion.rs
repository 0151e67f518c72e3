//! Who comes on a device of somebody who may not sign in: that makes a case, once for each time they were barred, which a person decides.
//! Nobody is restricted for it.

use moothall_protocol::UserId;
use moothall_protocol::moderation::AlternateVerdict;
use serde_json::{Map, json};

use super::{Error, alternates, reports, store};
use crate::cx::Tx;
use crate::restrictions;

/// A device that more accounts share is everybody's, and says nothing.
const SHARED: usize = 5;

/// Looks whose device this is.
pub(super) fn look(tx: &mut Tx<'_, '_>, user: UserId, device: &str) -> Result<(), Error> {
    let category = tx.cx().hall().settings().moderation.evasion_category.clone();
    let Some(category) = category else { return Ok(()) };
    let others = restrictions::others_on(tx, device, user, SHARED + 1)?;
    if others.len() > SHARED {
        return Ok(());
    }
    for other in others {
        let Some(barred_at) = restrictions::barred_since(tx, other)? else { continue };
        let is_household = alternates::verdict(tx, user, other)? == Some(AlternateVerdict::Household);
        if is_household || store::is_raised(tx, user, &category, other, barred_at)? {
            continue;
        }
        let evidence = Map::from_iter([("same_device_as".to_owned(), json!(other))]);
        return reports::raise(tx, user, other.to_string(), &category, evidence);
    }
    Ok(())
}
