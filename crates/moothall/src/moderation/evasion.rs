//! Who comes on a device of somebody who may not sign in: that makes a case, which a person decides. Nobody is restricted for it.

use moothall_protocol::UserId;
use moothall_protocol::moderation::{AlternateVerdict, ReportSubject};
use serde_json::{Map, json};

use super::{Error, alternates, reports};
use crate::cx::Tx;
use crate::restrictions;
use crate::restrictions::types::LOGIN;

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
        let is_barred = match restrictions::check_within(tx, other, LOGIN) {
            Ok(()) => false,
            Err(crate::Error::Restricted(_)) => true,
            Err(error) => return Err(error.into()),
        };
        let is_household =
            is_barred && alternates::verdict(tx, user, other)? == Some(AlternateVerdict::Household);
        if is_barred && !is_household {
            let evidence = Map::from_iter([("same_device_as".to_owned(), json!(other))]);
            return reports::raise(tx, user, ReportSubject::User, &category, evidence);
        }
    }
    Ok(())
}
