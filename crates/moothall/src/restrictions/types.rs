//! Types of restrictions: what may be forbidden, as data.
//!
//! Start at [`OURS`]. An embedding program adds its own with [`Builder::restriction_type`](crate::Builder::restriction_type), and asks for
//! them with [`check`](super::check) where its operations do what they forbid.

use std::collections::BTreeMap;

use moothall_protocol::limits::RESTRICTION_TYPE_LENGTH_MAX;
use moothall_protocol::restrictions::{
    OwnRestriction, RestrictionPlace, RestrictionScope, RestrictionType as Shown,
};

use crate::{Error, OpenError};

/// Signing in.
pub const LOGIN: &str = "login";
/// Writing what more than one other may read.
pub const CHAT: &str = "chat";
/// Writing to one other user, and inviting them.
pub const DIRECT_MESSAGE: &str = "direct_message";
/// Making rooms.
pub const ROOM_CREATE: &str = "room_create";
/// Joining lobbies.
pub const LOBBY_JOIN: &str = "lobby_join";
/// Opening and hosting lobbies.
pub const LOBBY_HOST: &str = "lobby_host";
/// Looking for a match in queues.
pub const MATCHMAKING: &str = "matchmaking";
/// Giving accolades.
pub const ACCOLADE: &str = "accolade";
/// Reporting others.
pub const REPORT: &str = "report";
/// Changing one's name.
pub const RENAME: &str = "rename";
/// All that is done with others outside of games.
pub const COMMUNITY: &str = "community";
/// Being heard in rooms and conversations.
pub const SHADOW_CHAT: &str = "shadow_chat";
/// Everything.
pub const ALL: &str = "all";

/// One type of restrictions.
#[derive(Clone, Debug)]
pub struct RestrictionType {
    /// Names it.
    pub name: &'static str,
    /// What somebody may not do, in a sentence.
    pub about: &'static str,
    /// Types that forbid this as well.
    pub covered_by: &'static [&'static str],
    /// What tells the places apart in which it is asked for: see [`Scope`](super::Scope). Where nothing does, it holds everywhere.
    pub places: &'static [RestrictionPlace],
    /// Whether the restricted user must not notice. Such a restriction always has an end.
    pub is_hidden: bool,
}

const fn ours(
    name: &'static str,
    about: &'static str,
    covered_by: &'static [&'static str],
) -> RestrictionType {
    RestrictionType { name, about, covered_by, places: &[], is_hidden: false }
}

/// One that may be of single modes, or of single rooms.
const fn within(places: &'static [RestrictionPlace], kind: RestrictionType) -> RestrictionType {
    RestrictionType { places, ..kind }
}

const ROOM: &[RestrictionPlace] = &[RestrictionPlace::Room];
const MODE: &[RestrictionPlace] = &[RestrictionPlace::Mode];

/// Those a server has from the start.
pub const OURS: [RestrictionType; 13] = [
    ours(LOGIN, "Signing in, and all that needs it", &[ALL]),
    within(
        ROOM,
        ours(
            CHAT,
            "Writing in rooms, groups, parties, lobbies and matches, and wherever else text is read by others: names, topics, presence",
            &[COMMUNITY, ALL],
        ),
    ),
    within(
        ROOM,
        ours(
            DIRECT_MESSAGE,
            "Writing to one other user: direct conversations, words with a friend request, invites",
            &[COMMUNITY, ALL],
        ),
    ),
    ours(ROOM_CREATE, "Making rooms and groups", &[COMMUNITY, ALL]),
    within(MODE, ours(LOBBY_JOIN, "Joining lobbies", &[ALL])),
    within(MODE, ours(LOBBY_HOST, "Opening and hosting lobbies", &[ALL])),
    ours(MATCHMAKING, "Looking for matches in queues", &[ALL]),
    ours(ACCOLADE, "Giving accolades", &[COMMUNITY, ALL]),
    ours(REPORT, "Reporting others", &[ALL]),
    ours(RENAME, "Changing one's name", &[ALL]),
    ours(
        COMMUNITY,
        "All that is done with others outside of games: chat, conversations, rooms, accolades",
        &[ALL],
    ),
    RestrictionType {
        name: SHADOW_CHAT,
        about: "Being heard: what is written is shown to its writer and to staff only",
        covered_by: &[],
        places: ROOM,
        is_hidden: true,
    },
    ours(ALL, "Everything, signing in included", &[]),
];

/// All types of a server.
#[derive(Debug)]
pub(super) struct Types(BTreeMap<&'static str, RestrictionType>);

impl Types {
    /// Our own, and those of the embedding program.
    pub fn new(more: Vec<RestrictionType>) -> Result<Self, OpenError> {
        let mut types = BTreeMap::new();
        for kind in OURS.into_iter().chain(more) {
            let is_name = !kind.name.is_empty() && kind.name.len() <= RESTRICTION_TYPE_LENGTH_MAX;
            if !is_name || types.insert(kind.name, kind.clone()).is_some() {
                let message = format!("{:?} is no name, or the name of two types of restrictions", kind.name);
                return Err(OpenError::Setting { key: "restriction_type", message });
            }
        }
        let unknown = types
            .values()
            .flat_map(|kind| kind.covered_by)
            .find(|name| !types.contains_key(*name))
            .map(|name| format!("there is no type {name} to cover another"));
        match unknown {
            Some(message) => Err(OpenError::Setting { key: "restriction_type", message }),
            None => Ok(Self(types)),
        }
    }

    /// The names of all types.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.keys().copied()
    }

    /// Whether nobody plays who may not do these.
    pub fn cover_playing(&self, names: &[String]) -> bool {
        let all_of = |what: &[&str]| what.iter().all(|what| self.cover(names, what));
        all_of(&[LOGIN]) || all_of(&[LOBBY_JOIN, LOBBY_HOST])
    }

    /// Whether any of these types forbids this.
    pub fn cover(&self, types: &[String], what: &str) -> bool {
        let covered_by = self.0.get(what).map(|kind| kind.covered_by).unwrap_or_default();
        types.iter().any(|kind| kind == what || covered_by.contains(&kind.as_str()))
    }

    fn is_hidden(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|kind| kind.is_hidden)
    }

    /// Whether the user must not be told of any of these.
    pub fn are_hidden(&self, types: &[String]) -> bool {
        types.iter().all(|name| self.is_hidden(name))
    }

    /// Whether the user must not be told of all of these.
    pub fn has_hidden(&self, types: &[String]) -> bool {
        types.iter().any(|name| self.is_hidden(name))
    }

    /// What the user may know of it.
    pub fn without_hidden(&self, mut own: OwnRestriction) -> OwnRestriction {
        own.types.retain(|name| !self.is_hidden(name));
        own
    }

    /// Refuses names that stand for nothing.
    pub fn check(&self, path: &str, types: &[String]) -> Result<(), Error> {
        if types.is_empty() {
            return Err(Error::field(path, "too_few", "say what may not be done"));
        }
        match types.iter().find(|name| !self.0.contains_key(name.as_str())) {
            Some(unknown) => {
                let message = format!("there is no type {unknown}: see `restrictions.types`");
                Err(Error::field(path, "not_a_choice", message))
            }
            None => Ok(()),
        }
    }

    /// Refuses a place that one of these types does not tell from others: such a restriction would never hold.
    pub fn check_scope(&self, path: &str, types: &[String], scope: &RestrictionScope) -> Result<(), Error> {
        let asked = [
            (scope.mode.is_some(), RestrictionPlace::Mode, "mode", "modes"),
            (scope.room_id.is_some(), RestrictionPlace::Room, "room_id", "rooms"),
        ];
        for (_, place, field, places) in asked.into_iter().filter(|(is_asked, ..)| *is_asked) {
            let knows =
                |name: &&String| self.0.get(name.as_str()).is_some_and(|kind| kind.places.contains(&place));
            if let Some(unknowing) = types.iter().find(|name| !knows(name)) {
                let message =
                    format!("{unknowing} does not tell {places} apart: see `places` in `restrictions.types`");
                return Err(Error::field(&format!("{path}/{field}"), "invalid", message));
            }
        }
        Ok(())
    }

    /// As everybody may read them.
    pub fn shown(&self) -> Vec<Shown> {
        let show = |kind: &RestrictionType| Shown {
            name: kind.name.to_owned(),
            about: kind.about.to_owned(),
            covered_by: kind.covered_by.iter().map(|name| (*name).to_owned()).collect(),
            places: kind.places.to_vec(),
            is_hidden: kind.is_hidden,
        };
        self.0.values().map(show).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_forbids_itself_and_what_it_covers() {
        let types = Types::new(Vec::new()).unwrap();
        let cover = |held: &str, what: &str| types.cover(&[held.to_owned()], what);
        assert!(cover(CHAT, CHAT) && cover(COMMUNITY, CHAT) && cover(ALL, LOGIN));
        assert!(!cover(CHAT, DIRECT_MESSAGE) && !cover(COMMUNITY, LOBBY_JOIN) && !cover(CHAT, ALL));
        assert!(!cover(ALL, SHADOW_CHAT), "whoever is shut out is told so");
    }

    #[test]
    fn two_types_of_one_name_are_none() {
        assert!(Types::new(vec![ours("trade", "Trading", &[ALL])]).is_ok());
        assert!(Types::new(vec![ours(CHAT, "Chatting", &[])]).is_err());
        assert!(Types::new(vec![ours("trade", "Trading", &["market"])]).is_err());
    }
}
