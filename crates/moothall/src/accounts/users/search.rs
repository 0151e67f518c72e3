//! Searching users.
//!
//! Start at [`list`]. An absent filter filters nothing and an empty one is refused, so no filter ever matches everybody by
//! mistake.

mod store;
#[cfg(test)]
mod tests;

use moothall_protocol::accounts::{ListUsers, User, UserOrder};
use moothall_protocol::limits::{PAGE_ITEMS_DEFAULT, SEARCH_PREFIX_LENGTH_MIN};
use moothall_protocol::{Cursor, Page, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use store::Key;
pub(crate) use store::STATEMENTS;

use super::super::credentials::Email;
use super::super::names::Name;
use super::store::Account;
use super::{SEARCH, shown};
use crate::cx::Cx;
use crate::error::Error;

/// Sorts after every name: no character comes after it.
const BEYOND: char = '\u{10ffff}';

/// What is wanted, in the forms the statements take.
#[derive(Debug)]
struct Filter {
    wanted: ListUsers,
    order: UserOrder,
    names_from: String,
    names_before: String,
    like: Option<String>,
}

/// A place in a list: the row it comes after.
#[derive(Debug, Serialize, Deserialize)]
struct Place {
    order: UserOrder,
    name: String,
    at: Timestamp,
    id: UserId,
}

/// Searches users: players by the beginning of a name, staff by everything.
pub async fn list(cx: &Cx, input: ListUsers) -> Result<Page<User>, Error> {
    let is_staff = cx.can(SEARCH);
    if !is_staff {
        check_player(cx, &input)?;
    }
    let limit = input.limit.map_or(PAGE_ITEMS_DEFAULT, |limit| limit as usize);
    let filter = Filter::of(input)?;
    let after = filter.place()?;
    let page = cx
        .read(move |tx| {
            let among = filter.among(tx)?;
            let rows = store::page(tx, &filter, among.as_deref(), &after, limit + 1)?;
            let page = Page::cut(rows, limit, |last| filter.cursor(last));
            let users = shown(tx, page.items, is_staff)?;
            Ok::<_, Error>(Page { items: users, next: page.next })
        })
        .await?;
    Ok(page)
}

/// What a player may ask: one way to search, so that nobody harvests the list of users or looks for somebody's address.
fn check_player(cx: &Cx, input: &ListUsers) -> Result<(), Error> {
    let allowed = ListUsers {
        name_prefix: input.name_prefix.clone(),
        order: input.order.filter(|order| *order == UserOrder::Name),
        limit: input.limit,
        cursor: input.cursor.clone(),
        ..ListUsers::default()
    };
    if *input != allowed {
        return cx.require(SEARCH);
    }
    let length = input.name_prefix.as_deref().map_or(0, |prefix| Name::key_of(prefix).chars().count());
    if length < SEARCH_PREFIX_LENGTH_MIN {
        let message = format!("say at least {SEARCH_PREFIX_LENGTH_MIN} characters of the name");
        return Err(Error::least("/name_prefix", "too_short", message, SEARCH_PREFIX_LENGTH_MIN));
    }
    Ok(())
}

impl Filter {
    fn of(wanted: ListUsers) -> Result<Self, Error> {
        let texts = [
            ("/name_prefix", &wanted.name_prefix),
            ("/name", &wanted.name),
            ("/name_like", &wanted.name_like),
            ("/email", &wanted.email),
            ("/name_or_email", &wanted.name_or_email),
            ("/has_role", &wanted.has_role),
            ("/lacks_role", &wanted.lacks_role),
            ("/has_permission", &wanted.has_permission),
            ("/lacks_permission", &wanted.lacks_permission),
        ];
        for (path, text) in texts {
            if text.as_deref().is_some_and(|text| Name::key_of(text).is_empty()) {
                let message = "an empty filter would match everybody: leave it out";
                return Err(Error::least(path, "too_short", message, 1));
            }
        }
        let prefix = wanted.name_prefix.as_deref().map(Name::key_of).unwrap_or_default();
        let like = wanted.name_like.as_deref().map(|part| {
            let part = Name::key_of(part).replace('!', "!!").replace('%', "!%").replace('_', "!_");
            format!("%{part}%")
        });
        let order = wanted.order.unwrap_or_default();
        Ok(Self { names_before: format!("{prefix}{BEYOND}"), names_from: prefix, like, order, wanted })
    }

    fn is_by_name(&self) -> bool {
        matches!(self.order, UserOrder::Name | UserOrder::NameDescending)
    }

    fn is_ascending(&self) -> bool {
        matches!(
            self.order,
            UserOrder::Name
                | UserOrder::Oldest
                | UserOrder::LastLoginAscending
                | UserOrder::LastPlayedAscending
                | UserOrder::LastLogoutAscending
        )
    }

    /// Where to read on, or the place before everything.
    fn place(&self) -> Result<Place, Error> {
        if let Some(cursor) = &self.wanted.cursor {
            return cursor
                .key::<Place>()
                .filter(|place| place.order == self.order)
                .ok_or_else(Error::wrong_cursor);
        }
        let order = self.order;
        Ok(if self.is_ascending() {
            Place { order, name: String::new(), at: store::FIRST, id: UserId::from_uuid(Uuid::nil()) }
        } else {
            Place { order, name: BEYOND.to_string(), at: store::LAST, id: UserId::from_uuid(Uuid::max()) }
        })
    }

    fn cursor(&self, last: &Account) -> Cursor {
        let record = &last.record;
        let at = match self.order {
            UserOrder::LastLogin | UserOrder::LastLoginAscending => record.last_login_at,
            UserOrder::LastPlayed | UserOrder::LastPlayedAscending => record.last_played_at,
            UserOrder::LastLogout | UserOrder::LastLogoutAscending => record.last_logout_at,
            UserOrder::Newest | UserOrder::Oldest | UserOrder::Name | UserOrder::NameDescending => None,
        };
        let at = at.unwrap_or(last.user.created_at);
        // Of a name only where the order needs it: a cursor is no secret, but need not say more than it must.
        let name = if self.is_by_name() { last.name_key.clone() } else { String::new() };
        Cursor::of(&Place { order: self.order, name, at, id: last.user.id })
    }

    /// Those whom the filters that single users out leave over; `None` if there is no such filter.
    fn among(&self, tx: &mut crate::Tx<'_, '_>) -> Result<Option<Vec<UserId>>, Error> {
        let wanted = &self.wanted;
        let mut sets: Vec<Vec<UserId>> = Vec::new();
        if let Some(id) = wanted.id {
            sets.push(vec![id]);
        }
        if let Some(name) = &wanted.name {
            sets.push(store::ids(tx, &Key::Name(&Name::key_of(name)))?);
        }
        if let Some(email) = &wanted.email {
            sets.push(store::ids(tx, &Key::Email(&Email::key_of(email)))?);
        }
        if let Some(either) = &wanted.name_or_email {
            let mut set = store::ids(tx, &Key::Name(&Name::key_of(either)))?;
            set.extend(store::ids(tx, &Key::Email(&Email::key_of(either)))?);
            sets.push(set);
        }
        if let Some(original) = wanted.alternate_of {
            sets.push(store::ids(tx, &Key::AlternateOf(original))?);
        }
        Ok(sets.into_iter().reduce(|one, two| one.into_iter().filter(|id| two.contains(id)).collect()))
    }
}
